//! What brings a link's frames to another process: a TCP connection, or TLS inside one ([`tls`](super::tls)). Which of
//! them is settled when the link is made, so that no packet meets a choice.

use std::io::{self, IoSlice};

use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::tls::identity::Identity;

/// A connection that may carry a link.
pub trait Carrier: AsyncRead + AsyncWrite + Unpin + Send + Sized + 'static {
    /// What it is called.
    const NAME: &'static str;
    /// The half that reads.
    type Reading: Reading;
    /// The half that writes.
    type Writing: Writing;

    /// Has who connected begin.
    ///
    /// # Errors
    /// The connection broke, or the peer is not of this experiment.
    fn dial(stream: TcpStream, identity: &Identity) -> impl Future<Output = io::Result<Self>> + Send;

    /// Has who was connected to begin.
    ///
    /// # Errors
    /// The connection broke, or the peer is not of this experiment.
    fn accept(stream: TcpStream, identity: &Identity) -> impl Future<Output = io::Result<Self>> + Send;

    /// The socket below.
    fn socket(&self) -> &TcpStream;

    /// Its two halves, once nothing is left to prove.
    fn split(self) -> (Self::Reading, Self::Writing);
}

/// The half of a connection that reads.
pub trait Reading: Send + 'static {
    /// Waits until there is something to read, or the end.
    ///
    /// # Errors
    /// The connection broke.
    fn ready(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Waits for bytes and appends them to `buffer`, at most `limit`; 0 at the end.
    ///
    /// # Errors
    /// The connection broke.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    fn read(&mut self, buffer: &mut BytesMut, limit: usize)
    -> impl Future<Output = io::Result<usize>> + Send;
}

/// The half of a connection that writes.
pub trait Writing: Send + 'static {
    /// Writes all of it.
    ///
    /// # Errors
    /// The connection broke.
    fn write(&mut self, slices: &mut [IoSlice<'_>]) -> impl Future<Output = io::Result<()>> + Send;
}

impl Carrier for TcpStream {
    const NAME: &'static str = "plain TCP";
    type Reading = OwnedReadHalf;
    type Writing = OwnedWriteHalf;

    async fn dial(stream: TcpStream, _identity: &Identity) -> io::Result<Self> {
        Ok(stream)
    }

    async fn accept(stream: TcpStream, _identity: &Identity) -> io::Result<Self> {
        Ok(stream)
    }

    fn socket(&self) -> &TcpStream {
        self
    }

    fn split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.into_split()
    }
}

impl Reading for OwnedReadHalf {
    async fn ready(&self) -> io::Result<()> {
        self.readable().await
    }

    async fn read(&mut self, buffer: &mut BytesMut, limit: usize) -> io::Result<usize> {
        self.read_buf(&mut buffer.limit(limit)).await
    }
}

impl Writing for OwnedWriteHalf {
    async fn write(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        while !slices.is_empty() {
            match self.write_vectored(slices).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => IoSlice::advance_slices(&mut slices, written),
            }
        }
        Ok(())
    }
}
