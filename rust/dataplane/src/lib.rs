//! Nextmini's forwarding core: tokio actors that give sockets, tasks and time to the decisions of
//! `nextmini-policy` and the formats of `nextmini-wire`.
//!
//! A process hosts any number of nodes. A packet's way:
//!
//! ```text
//! link reader or flow source -> ingress -> processor -> queue of the next link -> link writer
//!                                              \-> sink or source of a flow that ends here
//! ```
//!
//! - [`process`]: a process from its first connection to the controller to its end, for which [`stop`] waits
//! - [`host`]: the nodes, links and flows of a process, and what changes them
//! - [`node`], [`ingress`]: what a node does with packets, and who does it; [`routes`]: what it looks up
//! - [`local`], [`tun`], [`devices`]: a node's own end of IP, and the programs behind it, which are in its [`room`]
//! - [`link`]: what carries packets between nodes, and [`capture`]: who watches them
//! - [`quic`]: links over QUIC, and [`tls`]: what they and links inside TLS prove
//! - [`max`]: flows that cross links on connections of their own, beside their packets
//! - [`entrance`]: where programs' TCP connections are taken in, and [`outside`]: where they may leave the network
//! - [`tunnel`]: connections as lossless sessions, which are packets like any
//! - [`flow`]: where lossless sessions begin and end
//! - [`tcp`]: flows of a TCP of their own
//! - [`control`]: the connection to the controller, which [`home`] makes
//! - [`timers`]: how all of them wait for a time, and [`watch`]: how late the machine makes that
//! - [`baseline`]: what throughput is measured against
//!
//! **A processor never waits**: what it cannot place it drops and counts, so hop-by-hop waiting cannot
//! close into a circle. Only link writers wait, for their socket or for the next node's inbox, which
//! is always being emptied; and flow sources, for their own window.

#![forbid(unsafe_code)]

pub mod baseline;
pub mod capture;
pub mod clock;
pub mod control;
pub mod devices;
pub mod entrance;
pub mod event;
#[cfg(test)]
mod fixture;
pub mod flow;
pub mod home;
pub mod host;
pub mod ingress;
pub mod link;
pub mod local;
pub mod max;
pub mod node;
pub mod outside;
pub mod process;
pub mod quic;
pub mod room;
pub mod routes;
pub mod stop;
pub mod task;
pub mod tcp;
pub mod timers;
pub mod tls;
pub mod tun;
pub mod tunnel;
pub mod watch;
