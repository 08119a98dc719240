//! Tunnels: TCP connections of programs as two lossless sessions, one each way, which cross links like any packet and
//! under all that is asked of them.
//!
//! - [`open`]: how a tunnel begins at its client's node, and at its server's
//! - [`end`]: one end of a tunnel: what is sent, received, sent again
//! - [`carry`]: between an end and the program's connection; [`outbox`]: what the peer has not acknowledged
//! - [`registry`]: the tunnels of a node

pub mod carry;
pub mod end;
pub mod open;
pub mod outbox;
pub mod registry;
