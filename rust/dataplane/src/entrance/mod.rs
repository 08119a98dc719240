//! Where TCP connections of programs are taken in and carried through the network.
//!
//! - [`socks`]: for clients that ask for a proxy; [`talk`]: what is said to them before there is a connection
//! - [`redirected`]: for programs that know nothing of it
//! - [`door`]: how connections are accepted, and how many

pub mod door;
pub mod redirected;
pub mod socks;
pub mod talk;
