//! Max mode: TCP connections of programs, joined by splice(2), whose bytes never come to user space.
//!
//! A flow has a connection of its own over each link that leaves a process, and none inside one: there, its bytes are
//! in a pipe. What it may send is up to the links of its route all the same. Before bytes leave a process, a
//! [credit](nextmini_wire::credit) for them goes along all the links that they are to cross, like any packet.
//!
//! - [`gate`]: credits, and the way that they go
//! - [`lane`]: one direction of a flow within a process; [`relay`]: both
//! - [`pipes`]: pipes that are not in use

pub mod gate;
pub mod lane;
pub mod pipes;
pub mod relay;
