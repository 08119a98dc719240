//! Nextmini's use of Linux. Any `unsafe` of the project is in this crate; so far none is needed.
//!
//! - [`clock`]: the machine's monotonic clock
//! - [`limits`]: how many files a process may have open
//! - [`socket`]: options of the sockets that carry links
//! - [`timer`]: timers that wake up who waits for a file

pub mod clock;
pub mod limits;
pub mod socket;
pub mod timer;
