//! Links inside TLS 1.3: a connection that one task reads and another writes.
//!
//! Both have the same session, behind a lock that is held while bytes are encrypted or decrypted and never across a wait.
//! Calls are made for many records at once: a session left to itself reads 4 KiB at a time.

use std::io::{self, BufRead as _, IoSlice, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use rustls::Connection;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::carrier::{self, Carrier};
use crate::tls::identity::{Identity, SERVER_NAME};

/// The first byte of a TLS connection: the type of a record of the handshake (RFC 8446, section 5.1).
pub const FIRST_BYTE: u8 = 22;

/// Bytes of records that are read with one call.
const RAW_BYTES: usize = 128 * 1024;

/// TLS inside a TCP connection.
pub type Tls = TlsStream<TcpStream>;

impl Carrier for Tls {
    const NAME: &'static str = "TLS";
    type Reading = Reading;
    type Writing = Writing;

    async fn dial(stream: TcpStream, identity: &Identity) -> io::Result<Self> {
        let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::clone(&identity.client));
        Ok(connector.connect(name, stream).await?.into())
    }

    async fn accept(stream: TcpStream, identity: &Identity) -> io::Result<Self> {
        Ok(TlsAcceptor::from(Arc::clone(&identity.server)).accept(stream).await?.into())
    }

    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }

    fn split(self) -> (Reading, Writing) {
        let (socket, mut session): (_, Connection) = match self {
            Self::Client(stream) => {
                let (socket, session) = stream.into_inner();
                (socket, session.into())
            }
            Self::Server(stream) => {
                let (socket, session) = stream.into_inner();
                (socket, session.into())
            }
        };
        // What is put in is a batch, which has its own bounds.
        session.set_buffer_limit(None);
        let session = Session(Arc::new(Mutex::new(session)));
        let (incoming, outgoing) = socket.into_split();
        let reading = Reading { socket: incoming, session: session.clone(), raw: Vec::new(), rest: 0..0 };
        (reading, Writing { socket: outgoing, session })
    }
}

#[derive(Clone, Debug)]
struct Session(Arc<Mutex<Connection>>);

impl Session {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The half that reads.
#[derive(Debug)]
pub struct Reading {
    socket: OwnedReadHalf,
    session: Session,
    /// There from the first read on: thousands of idle links have none.
    raw: Vec<u8>,
    /// What of it the session has not got yet.
    rest: std::ops::Range<usize>,
}

/// The half that writes.
#[derive(Debug)]
pub struct Writing {
    socket: OwnedWriteHalf,
    session: Session,
}

impl carrier::Reading for Reading {
    async fn ready(&self) -> io::Result<()> {
        if self.rest.is_empty() && self.session.lock().wants_read() {
            self.socket.readable().await?;
        }
        Ok(())
    }

    async fn read(&mut self, buffer: &mut BytesMut, limit: usize) -> io::Result<usize> {
        loop {
            let decrypted = self.decrypt(buffer, limit)?;
            if decrypted.bytes > 0 || decrypted.ended {
                return Ok(decrypted.bytes);
            }
            self.socket.readable().await?;
            self.raw.resize(RAW_BYTES, 0);
            match self.socket.try_read(&mut self.raw) {
                Ok(0) => return Ok(0),
                Ok(bytes) => self.rest = 0..bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Reading {
    /// Takes from the session what it has, and gives it what it has not seen.
    fn decrypt(&mut self, buffer: &mut BytesMut, limit: usize) -> io::Result<Decrypted> {
        let mut session = self.session.lock();
        let mut bytes = 0;
        loop {
            let mut plain = session.reader();
            while bytes < limit {
                let chunk = match plain.fill_buf() {
                    Ok([]) => return Ok(Decrypted { bytes, ended: true }),
                    Ok(chunk) => &chunk[..chunk.len().min(limit - bytes)],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                };
                buffer.extend_from_slice(chunk);
                let taken = chunk.len();
                bytes += taken;
                plain.consume(taken);
            }
            if bytes == limit || self.rest.is_empty() {
                return Ok(Decrypted { bytes, ended: false });
            }
            self.rest.start += session.read_tls(&mut &self.raw[self.rest.clone()])?;
            session
                .process_new_packets()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }
}

struct Decrypted {
    bytes: usize,
    /// The peer has said that there is no more.
    ended: bool,
}

impl carrier::Writing for Writing {
    async fn write(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        while !slices.is_empty() {
            let taken = self.session.lock().writer().write_vectored(slices)?;
            IoSlice::advance_slices(&mut slices, taken);
            self.flush().await?;
        }
        Ok(())
    }
}

impl Writing {
    async fn flush(&self) -> io::Result<()> {
        while !self.flushed()? {
            self.socket.writable().await?;
        }
        Ok(())
    }

    /// Whether the socket has taken all records that there are.
    fn flushed(&self) -> io::Result<bool> {
        let mut session = self.session.lock();
        while session.wants_write() {
            match session.write_tls(&mut Unwaiting(&self.socket)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// Takes what the kernel takes at once.
struct Unwaiting<'a>(&'a OwnedWriteHalf);

impl Write for Unwaiting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nextmini_wire::handshake::LinkKey;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::link::carrier::{Reading as _, Writing as _};

    /// Both ends of a connection: who dialled, and who accepted.
    async fn pair(ours: &str, theirs: &str) -> (io::Result<Tls>, io::Result<Tls>) {
        let identity = |byte: &str| Identity::new(LinkKey::from_hex(&byte.repeat(32)).unwrap()).unwrap();
        let (dialler, other) = (identity(ours), identity(theirs));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let accepted = listener.accept().await.unwrap().0;
        tokio::join!(Tls::dial(stream, &dialler), Tls::accept(accepted, &other))
    }

    async fn connected() -> (Tls, Tls) {
        let (here, there) = pair("0f", "0f").await;
        (here.unwrap(), there.unwrap())
    }

    #[tokio::test]
    async fn both_ends_have_the_same_key_or_there_is_no_connection() {
        let (here, there) = pair("0f", "0f").await;
        assert!(here.is_ok() && there.is_ok());
        let (here, there) = pair("0f", "f0").await;
        assert!(here.is_err() && there.is_err());
    }

    #[tokio::test]
    async fn what_came_with_the_handshake_is_read_first() {
        let (mut here, mut there) = connected().await;
        there.write_all(b"early").await.unwrap();
        assert_eq!(here.read_u8().await.unwrap(), b'e');
        let (mut reading, _writing) = here.split();
        let mut buffer = BytesMut::new();
        reading.ready().await.unwrap();
        assert_eq!(reading.read(&mut buffer, 3).await.unwrap(), 3);
        reading.ready().await.unwrap();
        assert_eq!(reading.read(&mut buffer, 3).await.unwrap(), 1);
        assert_eq!(&buffer[..], b"arly");
        drop(there);
        assert_eq!(reading.read(&mut buffer, 3).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn both_directions_are_full_at_once_and_nothing_is_lost() {
        const SIZE: usize = 3_000_000;
        let data: Vec<u8> = (0..SIZE).map(|at| (at * 31 / 7) as u8).collect();
        let (data, (here, there)) = (&data, connected().await);
        let ends = [here, there].map(|end| async move {
            let (mut reading, mut writing) = end.split();
            let writes = async {
                for piece in data.chunks(300_001) {
                    let (head, tail) = piece.split_at(70_000);
                    writing.write(&mut [IoSlice::new(head), IoSlice::new(tail)]).await.unwrap();
                }
            };
            let reads = async {
                let mut buffer = BytesMut::new();
                while buffer.len() < SIZE {
                    let before = buffer.len();
                    let bytes = reading.read(&mut buffer, 99_991).await.unwrap();
                    assert!((1..=99_991).contains(&bytes) && buffer.len() == before + bytes);
                }
                buffer
            };
            tokio::join!(writes, reads).1
        });
        let [first, second] = ends;
        let (first, second) = tokio::join!(first, second);
        assert!(first == data[..] && second == data[..]);
    }

    #[tokio::test]
    async fn a_record_that_is_not_the_peers_ends_it() {
        let (here, there) = connected().await;
        let TlsStream::Server(there) = there else { panic!() };
        let (mut socket, _session) = there.into_inner();
        socket.write_all(&[&[23, 3, 3, 0, 40][..], &[7; 40]].concat()).await.unwrap();
        let (mut reading, _writing) = here.split();
        let error = reading.read(&mut BytesMut::new(), 100).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
