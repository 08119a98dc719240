//! Links over QUIC (RFC 9000): encrypted, and with a stream for every few flows, so that what one flow has lost stops no
//! other.
//!
//! - [`identity`]: how both ends prove that they have the experiment's key; [`settings`]: how a connection is set; [`hint`]: for which
//!   link it is, before that is proved
//! - [`sockets`]: the process's UDP sockets
//! - [`carry`]: packets over a connection; [`datagrams`]: those that may be lost, if the link asks for
//!   it; [`dial`], [`accept`]: where connections come from

pub mod accept;
pub mod carry;
pub mod datagrams;
pub mod dial;
pub mod hint;
pub mod identity;
pub mod settings;
pub mod sockets;
