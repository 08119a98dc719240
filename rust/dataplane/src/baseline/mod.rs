//! What throughput is measured against: the same bytes with blocking threads and nothing of the dataplane.
//!
//! - [`relay_chain`]: over TCP connections, as many as a chain of nodes has links
//! - [`between`]: over one TCP connection to whatever others have put between the ends
//! - [`stack_loopback`]: the TCP of synthetic flows, with nothing between its ends
//! - [`quic_chain`]: over QUIC connections, as many as a chain of nodes has links
//! - [`TunRelay`]: between two TUN devices, without any node

mod chain;
mod quic;
mod stack;
mod tuns;

use std::io;

use nextmini_sys::socket::SocketError;
use nextmini_sys::tun::AttachError;
use thiserror::Error;

pub use chain::{Relaying, between, relay_chain};
pub use quic::quic_chain;
pub use stack::stack_loopback;
pub use tuns::TunRelay;

/// Why there is no figure.
#[derive(Debug, Error)]
pub enum BaselineError {
    /// A socket, a device or a thread failed.
    #[error("the baseline failed ({0})")]
    Io(#[from] io::Error),
    /// A socket could not be set.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// A device could not be opened.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The TCP of synthetic flows gave up.
    #[error("the baseline's connection broke")]
    Stack,
    /// QUIC failed.
    #[error("the baseline's QUIC connection failed ({0})")]
    Quic(String),
    /// A thread panicked.
    #[error("a thread of the baseline panicked")]
    Panic,
}
