//! Who watches what passes links: a connection to the process's socket for captures, which says what it wants to
//! see and then gets a capture file for as long as it stays ([`nextmini_wire::capture`]).
//!
//! Packets are shown by whoever moves them, into a buffer of bounded size. What does not fit, because whoever
//! watches is slow, is counted and not shown: forwarding never waits.

mod captures;
mod recorder;
mod socket;
mod writer;

pub use captures::{Captures, Tap};
pub use socket::{Asked, accept, listen};
