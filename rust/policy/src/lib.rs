//! Nextmini's decisions, as pure state machines.
//!
//! The clock ([`time::Instant`]) and randomness are arguments; nothing here does I/O, keeps a clock
//! of its own or is asynchronous. Actors ask, and move bytes.
//!
//! - [`route`], [`flow_table`], [`rendezvous`], [`jump`]: which way a packet goes, and to which processor
//! - [`queue`], [`drops`]: what waits for a link, and what is dropped
//! - [`lossless`]: sender, receiver and window of lossless sessions
//! - [`token_bucket`], [`backoff`]: pacing and reconnecting
//! - [`impair`]: what goes wrong on a wire
//! - [`random`]: where chance comes from

#![forbid(unsafe_code)]

pub mod backoff;
pub mod drops;
pub mod flow_table;
pub mod impair;
pub mod jump;
pub mod lossless;
pub mod queue;
pub mod random;
pub mod rendezvous;
pub mod route;
pub mod time;
pub mod token_bucket;
