//! What a process is to have: nodes, links, routes, flows.

use serde::{Deserialize, Serialize};

use super::Direction;
use crate::id::{FlowId, LinkId, NodeId, RouteId};
use crate::packet::MAX_CHUNK;

/// How a node's packets are spread over its processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mapping {
    /// A flow stays with one processor.
    #[default]
    Sequential,
    /// Any processor takes any batch; order within a flow may change.
    Concurrent,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Its address in the emulated network.
    pub address: String,
    /// How many processors it has, at least 1.
    pub processors: u32,
    /// How they share the work.
    #[serde(default)]
    pub mapping: Mapping,
    /// Links that a packet from here may cross.
    pub hop_limit: u16,
    /// Whether it works; a node that does not has lost everything it knew.
    #[serde(default = "yes")]
    pub up: bool,
    /// Its IPv6 address.
    #[serde(default)]
    pub address6: Option<String>,
    /// Where its programs' packets come from and go to; a node without answers pings itself.
    #[serde(default)]
    pub device: Option<Device>,
    /// Where SOCKS clients are served.
    #[serde(default)]
    pub socks: Vec<Socks>,
    /// The TCP port of its namespace at which connections of its programs arrive that are redirected; none if none are.
    #[serde(default)]
    pub transparent: Option<u16>,
}

/// A SOCKS entrance of a node: it listens in the node's namespace, or on the host if it has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socks {
    /// Where it listens, as `address:port`.
    pub listen: String,
    /// How connections are carried.
    #[serde(default)]
    pub mode: SocksMode,
    /// The node from whose host connections go on to addresses outside of the network; none if none do.
    #[serde(default)]
    pub exit: Option<NodeId>,
    /// Who may use it, as [`crate::credential::Users`] reads them; anybody, if there are none.
    #[serde(default)]
    pub users: Vec<String>,
    /// The most connections at the same time.
    pub connections: u32,
}

/// How connections of SOCKS clients are carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocksMode {
    /// As flows in max mode.
    #[default]
    Max,
    /// As lossless sessions.
    Normal,
}

/// The TUN device of a node, which is there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its network namespace, as a path.
    pub namespace: String,
    /// Its name there.
    pub name: String,
    /// How many queues it was made with, at least 1.
    pub queues: u16,
    /// Whether the kernel may leave checksums and segmentation to us.
    pub offload: bool,
}

/// A node of the network, wherever it is hosted, and the addresses that lead to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The node.
    pub node: NodeId,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its IPv4 address; nothing if the node is no more.
    pub address: Option<String>,
    /// Its IPv6 address.
    #[serde(default)]
    pub address6: Option<String>,
}

fn yes() -> bool {
    true
}

/// What carries a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Both ends are in this process.
    Memory,
    /// A TCP connection.
    Tcp,
    /// A QUIC connection.
    Quic,
    /// A TCP connection, and TLS inside it.
    Tls,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// One end.
    pub a: NodeId,
    /// The other end.
    pub b: NodeId,
    /// What carries it.
    pub transport: Transport,
    /// Congestion control of its TCP connection.
    pub congestion: String,
    /// What it costs to cross it, for shortest paths.
    #[serde(default = "one")]
    pub cost: f64,
    /// Whether this process is to connect, as `a`'s.
    #[serde(default)]
    pub dial: bool,
    /// Whether this process is to accept, as `b`'s.
    #[serde(default)]
    pub listen_end: bool,
    /// Where the process at the other end accepts connections, as `address:port`; whoever does not dial may not know.
    #[serde(default)]
    pub peer: Option<String>,
    /// Largest packet, in bytes.
    #[serde(default = "mtu")]
    pub mtu: u16,
    /// Whether it is to carry packets.
    #[serde(default = "yes")]
    pub up: bool,
    /// From `a` to `b`.
    #[serde(default)]
    pub forward: Direction,
    /// From `b` to `a`.
    #[serde(default)]
    pub backward: Direction,
    /// Whether a QUIC connection has packets that no session sends again in datagrams (RFC 9221), as far as they fit.
    #[serde(default)]
    pub datagrams: bool,
    /// Whether it leads to another site: nothing gets there but what its own connection carries, which is encrypted.
    #[serde(default)]
    pub apart: bool,
}

fn mtu() -> u16 {
    1_500
}

fn one() -> f64 {
    1.0
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Its id.
    pub id: RouteId,
    /// Its nodes, from source to destination.
    pub path: Vec<NodeId>,
    /// Its share of its pair's flows; none take it at 0, and what is on it goes on.
    pub weight: u32,
    /// The largest chunk of a lossless session on it, in bytes.
    #[serde(default = "largest_chunk")]
    pub chunk: u32,
    /// The row that it stands for, if that has another number.
    #[serde(default)]
    pub row: Option<u32>,
}

fn largest_chunk() -> u32 {
    MAX_CHUNK as u32
}

/// How a flow is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowKind {
    /// A lossless session.
    Lossless,
    /// Packets that nobody sends again.
    Udp,
    /// Echo requests, which nodes without programs answer.
    Icmp,
    /// Bytes on connections of their own, joined by the kernel.
    Max,
    /// A connection of a TCP in user space.
    Tcp,
}

/// What the sender of a `tcp` flow does about losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Congestion {
    /// It sends as much as its receiver takes.
    None,
    /// Reno (RFC 5681).
    Reno,
    /// Cubic (RFC 9438).
    #[default]
    Cubic,
}

/// When a flow of packets sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "process", rename_all = "snake_case")]
pub enum ArrivalProcess {
    /// At equal distances.
    #[default]
    Constant,
    /// At exponentially distributed distances.
    Poisson,
    /// At equal distances while on, at the flow's rate, and not at all while off; exponentially distributed.
    OnOff {
        /// Mean time on, in nanoseconds.
        on_ns: u64,
        /// Mean time off, in nanoseconds.
        off_ns: u64,
    },
}

/// A flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// Where it starts.
    pub source: NodeId,
    /// Where it ends.
    pub destination: NodeId,
    /// How it is carried.
    pub kind: FlowKind,
    /// Bytes to send; else it lasts for `duration`, or until it is removed.
    #[serde(default)]
    pub size: Option<u64>,
    /// Seconds to send for.
    #[serde(default)]
    pub duration: Option<f64>,
    /// At most so many payload bits per second.
    #[serde(default)]
    pub rate: Option<u64>,
    /// Its share where links are shared by weight.
    #[serde(default = "one_weight")]
    pub weight: u32,
    /// Seconds to wait before it begins.
    #[serde(default)]
    pub start: f64,
    /// Payload bytes of each packet of a `udp` flow.
    #[serde(default)]
    pub packet_size: Option<u16>,
    /// When a `udp` flow sends.
    #[serde(default)]
    pub arrival: ArrivalProcess,
    /// Whether a `udp` flow's packets may be marked instead of dropped.
    #[serde(default)]
    pub ecn: bool,
    /// What a `tcp` flow does about losses.
    #[serde(default)]
    pub congestion: Option<Congestion>,
    /// Whether a `tcp` flow is one of IPv6.
    #[serde(default)]
    pub v6: bool,
    /// The row of the route that it takes, whatever the weights say; it waits while nothing stands for that row.
    #[serde(default)]
    pub route: Option<u32>,
}

fn one_weight() -> u32 {
    1
}
