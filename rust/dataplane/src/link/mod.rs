//! What carries packets from node to node.
//!
//! [`Outgoing`] is one direction of a link, seen from the node that sends: the queue that the node's
//! processor fills and never waits for. A writer task empties it: into the next node's ingress
//! ([`memory`], or [`onward`] without waking it) or into a connection ([`stream`]). That is a [`carrier`], with [`tls`] or
//! without; [`dial`] and [`listen`] make it and [`authenticate`] guards it, set as [`carriage`] says, at the process's
//! [`ports`]; [`path`] is what it turns out to be like. [`orders`] are what a link is asked to do.

pub mod authenticate;
pub mod batching;
pub mod carriage;
pub mod carrier;
pub mod dial;
pub mod listen;
pub mod memory;
pub mod onward;
pub mod orders;
pub mod outgoing;
pub mod path;
pub mod ports;
pub mod reader;
pub mod refusals;
pub mod status;
pub mod stream;
pub mod tls;

pub use batching::{Batching, batch_bytes};
pub use outgoing::Outgoing;
