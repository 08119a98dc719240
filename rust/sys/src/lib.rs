//! Nextmini's use of Linux. Any `unsafe` of the project is in this crate; so far none is needed.
//!
//! - [`clock`]: the machine's monotonic clock
//! - [`socket`]: options of the sockets that carry links

pub mod clock;
pub mod socket;
