//! Bytes and types of Nextmini: what travels on links and between controller and dataplane.
//!
//! Everything here is a pure function of its input: no clock, no I/O, no `unsafe`.
//!
//! - [`id`]: newtypes for nodes, links, routes and flows
//! - [`key`]: flow keys and their fixed hash
//! - [`packet`]: a packet as the dataplane holds it
//! - [`chain`]: what the ends of a connection in max mode say to each other first
//! - [`socks`], [`credential`]: what clients of a SOCKS proxy say, and what they are answered
//! - [`tunnel`]: connections of programs as lossless sessions carry them
//! - [`tcp_flow`]: what the ends of a synthetic TCP flow say beside its data
//! - [`credit`]: what stands for bytes that travel on a connection of their own
//! - [`frame`]: a packet as a byte-stream link carries it
//! - [`ip`], [`vnet`], [`segment`]: real packets: what they say, and how large ones are cut
//! - [`ttl`], [`icmp`]: what a packet's routers do to it, and what they and hosts say of it
//! - [`pcapng`]: packets as capture files hold them; [`capture`]: what is asked of a process that captures, and
//!   [`shown`]: how it shows packets that are no IP packets
//! - [`checksum`], [`integrity`]: sums over bytes
//! - [`handshake`]: how the two ends of a link prove that they belong to the same experiment
//! - [`control`]: messages between controller and dataplane processes

#![forbid(unsafe_code)]

pub mod capture;
pub mod chain;
pub mod checksum;
pub mod control;
pub mod credential;
pub mod credit;
pub mod frame;
pub mod handshake;
mod hex;
pub mod icmp;
pub mod id;
pub mod integrity;
pub mod ip;
pub mod key;
pub mod packet;
pub mod pcapng;
pub mod segment;
pub mod shown;
pub mod socks;
pub mod tcp_flow;
pub mod ttl;
pub mod tunnel;
pub mod vnet;
