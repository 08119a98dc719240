//! A process of the dataplane, from outside: its links, its flows, its controller.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod captures;
mod control;
mod forests;
mod forwarding;
mod hostile;
mod impairments;
mod peers;
mod quic;
mod quic_datagrams;
mod testbed;
mod tls;
