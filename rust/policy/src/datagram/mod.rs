//! Flows of packets that nobody sends again.
//!
//! - [`Arrivals`]: when the next packet is sent
//! - [`Receiver`]: what arrived, how often, how late, in which order

pub mod arrivals;
pub mod receiver;

pub use arrivals::Arrivals;
pub use receiver::{Receipt, Receiver};
