//! Nextmini's decisions, as pure state machines.
//!
//! The clock ([`time::Instant`]) and randomness are arguments; nothing here does I/O, keeps a clock
//! of its own or is asynchronous. Actors ask, and move bytes.
//!
//! - [`route`], [`forest`], [`flow_table`], [`rendezvous`], [`jump`]: which way a packet goes, and to which processor
//! - [`trees`]: shortest-path trees of a network
//! - [`addresses`], [`aim`]: which node an address or a name leads to, and where a connection is to go
//! - [`complaints`]: how often a node says what became of packets
//! - [`class`]: packets that are treated alike
//! - [`datagram`]: flows of packets that nobody sends again
//! - [`link`]: one direction of a link, made of [`schedule`], [`drop`], [`rate`] and [`impair`]
//! - [`drops`]: why packets are dropped
//! - [`lossless`]: sender, receiver and window of lossless sessions
//! - [`token_bucket`], [`backoff`]: pacing and reconnecting
//! - [`histogram`]: how often a time was how long
//! - [`impair`]: what goes wrong on a wire
//! - [`rate`]: rates that change over time
//! - [`random`]: where chance comes from

#![forbid(unsafe_code)]

pub mod addresses;
pub mod aim;
pub mod backoff;
pub mod class;
pub mod complaints;
pub mod datagram;
pub mod drop;
pub mod drops;
pub mod flow_table;
pub mod forest;
pub mod histogram;
pub mod impair;
pub mod jump;
pub mod link;
pub mod lossless;
pub mod random;
pub mod rate;
pub mod rendezvous;
pub mod route;
pub mod schedule;
pub mod time;
pub mod token_bucket;
pub mod trees;
