//! Max mode: TCP connections of programs, joined by splice(2), whose bytes never come to user space.
//!
//! A flow has a connection of its own over each link that leaves a process, and none inside one: there, its bytes are
//! in a pipe. What it may send is up to the links of its route all the same. Before bytes leave a process, a
//! [credit](nextmini_wire::credit) for them goes along all the links that they are to cross, like any packet.
//!
//! - [`chain`]: the connections from process to process; [`ground`]: what of a route is in this one
//! - [`enter`]: a way that a program asks for; [`target`]: what is at its end
//! - [`relay`]: both directions of a flow within a process; [`lane`]: one of them
//! - [`gate`]: credits, and the way that they go; [`stretch`]: what becomes of it
//! - [`source`], [`push`], [`sink`]: where declared flows begin and end
//! - [`pipes`]: pipes that are not in use; [`tasks`]: what all of this runs in

pub mod chain;
pub mod enter;
pub mod gate;
pub mod ground;
pub mod lane;
pub mod pipes;
pub mod push;
pub mod relay;
pub mod sink;
pub mod source;
pub mod stretch;
pub mod target;
pub mod tasks;
