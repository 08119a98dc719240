//! What the QUIC links of a process share, made when the first of them needs it.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use nextmini_wire::control::Link;
use nextmini_wire::id::LinkId;
use quinn::Connection;
use quinn::crypto::rustls::NoInitialCipherSuite;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::link::carriage::Carriage;
use crate::link::listen::Expected;
use crate::quic::accept::accept;
use crate::quic::identity::QuicIdentity;
use crate::quic::sockets::listening;
use crate::tls::identity::Identity;

/// Why there are no QUIC links.
#[derive(Debug, Error)]
pub(super) enum QuicLinksError {
    /// No identity.
    #[error(transparent)]
    Identity(#[from] NoInitialCipherSuite),
    /// No socket.
    #[error("cannot listen for QUIC links ({0})")]
    Listen(#[from] io::Error),
}

/// Identity and listening socket.
#[derive(Debug)]
pub(super) struct QuicLinks {
    shown: Identity,
    socket: Arc<UdpSocket>,
    identity: Option<QuicIdentity>,
    expected: Expected<Connection>,
    accepting: Option<JoinHandle<()>>,
}

impl QuicLinks {
    /// Of a process that shows this identity, and takes links at `socket`.
    pub(super) fn new(shown: Identity, socket: Arc<UdpSocket>) -> Self {
        Self { shown, socket, identity: None, expected: Expected::default(), accepting: None }
    }

    /// What the process proves to others.
    ///
    /// # Errors
    /// [`QuicLinksError::Identity`].
    pub(super) fn identity(&mut self) -> Result<QuicIdentity, QuicLinksError> {
        match &self.identity {
            Some(identity) => Ok(identity.clone()),
            None => Ok(self.identity.insert(QuicIdentity::new(&self.shown)?).clone()),
        }
    }

    /// Connections for a link whose other end is elsewhere come to the returned channel.
    ///
    /// # Errors
    /// See [`QuicLinksError`].
    pub(super) fn expect(&mut self, row: &Link) -> Result<mpsc::Receiver<Connection>, QuicLinksError> {
        if self.accepting.is_none() {
            let identity = self.identity()?;
            let socket = listening(self.socket.try_clone()?, &identity)?;
            self.accepting = Some(tokio::spawn(accept(socket, identity, self.expected.clone())));
        }
        Ok(self.expected.expect(row.id, row.a, Carriage::of(row)))
    }

    /// Connections that did not become one of a link.
    pub(super) fn refused(&self) -> u64 {
        self.expected.refusals().count()
    }

    /// No connection is wanted for `link` any more.
    pub(super) fn forget(&self, link: LinkId) {
        self.expected.forget(link);
    }
}

impl Drop for QuicLinks {
    fn drop(&mut self) {
        self.accepting.iter().for_each(JoinHandle::abort);
    }
}
