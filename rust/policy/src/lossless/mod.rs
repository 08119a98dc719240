//! Lossless sessions: a sliding window of bytes with cumulative acknowledgements.
//!
//! The network between sender and receiver drops nothing of its own accord, so the window's task is
//! not to find a loss rate but to keep the path busy with little standing in its queues.
//!
//! - [`Sender`]: what to send and when, what to send again
//! - [`Receiver`]: puts the stream in order and answers
//! - [`Moves`]: what is lost with a route
//! - [`window`], [`rtt`]: how much may be under way, how long it takes
//! - [`Checksum`]: what both ends compare
//! - [`Pattern`]: the bytes that synthetic flows carry

pub mod checksum;
pub mod moves;
pub mod pattern;
pub mod receiver;
pub mod rtt;
pub mod sender;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod snapshots;
pub mod window;

pub use checksum::Checksum;
pub use moves::Moves;
pub use pattern::Pattern;
pub use receiver::{Arrival, Receiver};
pub use sender::{Progress, Segment, Sender, Stream};
