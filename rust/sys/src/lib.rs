//! Nextmini's use of Linux. Any `unsafe` of the project is in this crate.
//!
//! - [`allocator`]: memory that was freed, and is needed again
//! - [`clock`]: the machine's monotonic clock
//! - [`limits`]: how many files a process may have open
//! - [`namespace`]: network namespaces of nodes
//! - [`pipe`]: data that pass without leaving the kernel
//! - [`poll`]: files that threads wait for together
//! - [`pressure`]: how much had to wait for a processor
//! - [`socket`]: options of the sockets that carry links
//! - [`tcp`]: TCP sockets of other namespaces, and as others
//! - [`timer`]: timers that wake up to the microsecond
//! - [`tun`]: devices whose packets come to us
//! - [`udp`]: options of UDP sockets
//! - [`watched`]: files that the runtime watches

pub mod allocator;
pub mod clock;
pub mod limits;
pub mod namespace;
mod netlink;
pub mod pipe;
pub mod poll;
pub mod pressure;
pub mod socket;
pub mod tcp;
pub mod timer;
pub mod tun;
pub mod udp;
pub mod watched;
mod workers;
