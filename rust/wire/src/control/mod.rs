//! Messages between the controller and a dataplane process: MessagePack maps with a `type`.
//!
//! These types are the schema; the controller's Python mirror is checked against them. Unknown
//! fields are ignored, unknown types are an error that the receiver answers with `error`.

pub mod counters;
pub mod direction;
pub mod fidelity;
pub mod rows;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::{FlowId, LinkId, NodeId, RouteId};

pub use counters::{Drops, FlowCounters, LinkCounters, SinkCounters};
pub use direction::{Class, Direction, Trace};
pub use fidelity::{LinkFidelity, ProcessFidelity, Quantiles};
pub use rows::{
    Address, ArrivalProcess, Congestion, Device, Flow, FlowKind, Link, Mapping, Node, Route, Socks,
    SocksMode, Transport,
};

/// Version of this protocol, in the first message of each side.
pub const VERSION: u32 = 4;

/// The `type` of every report.
pub const REPORTS: [&str; 11] = [
    "join",
    "hello",
    "applied",
    "routes_wanted",
    "link_state",
    "flow_state",
    "metrics",
    "fidelity",
    "node_failed",
    "error",
    "bye",
];
/// The `type` of every command.
pub const COMMANDS: [&str; 7] = ["seat", "welcome", "apply", "no_routes", "link_broken", "stop", "error"];

/// What a dataplane process tells the controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Report {
    /// The first message of a process that knows the site that it is at, and not yet which of its processes it is.
    Join(Join),
    /// The first message of any other, and the second one of that.
    Hello(Hello),
    /// An `apply` is in force.
    Applied(Applied),
    /// Packets wait for routes between these pairs of (source, destination).
    RoutesWanted {
        /// Source and destination of each.
        pairs: Vec<(NodeId, NodeId)>,
    },
    /// Links that came up or went down, as this process sees its ends.
    LinkState {
        /// One entry a link.
        changes: Vec<LinkChange>,
    },
    /// Flows that began or ended, as this process sees its ends.
    FlowState {
        /// One entry a flow and end.
        changes: Vec<FlowChange>,
    },
    /// Counters since the start; what did not change since the last message is left out.
    Metrics {
        /// Of links, by sending end.
        #[serde(default)]
        links: Vec<LinkCounters>,
        /// Of flows that start here.
        #[serde(default)]
        flows: Vec<FlowCounters>,
        /// Of `udp` and `max` flows that end here.
        #[serde(default)]
        sinks: Vec<SinkCounters>,
    },
    /// How true the process was to what was asked, since it began; told at the end.
    Fidelity {
        /// Of the process.
        process: ProcessFidelity,
        /// Of links, by sending end.
        #[serde(default)]
        links: Vec<LinkFidelity>,
    },
    /// A node's task failed and the node was ended; the others go on.
    NodeFailed {
        /// The node.
        node: NodeId,
        /// What happened.
        reason: String,
    },
    /// A message that this process cannot use.
    Error {
        /// Why.
        reason: String,
    },
    /// The last message: everything has been said.
    Bye {},
}

/// What the controller tells a dataplane process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// The answer to `join`.
    Seat(Seat),
    /// The answer to `hello`.
    Welcome(Welcome),
    /// Changes to what should be.
    Apply(Apply),
    /// There is no path between these pairs of (source, destination) at present: packets for them are refused.
    NoRoutes {
        /// Source and destination of each.
        pairs: Vec<(NodeId, NodeId)>,
    },
    /// These links broke somewhere: sources whose route crosses them resend what was under way.
    LinkBroken {
        /// The links.
        links: Vec<BrokenLink>,
    },
    /// Stop sources, report, and end.
    Stop {},
    /// A message that the controller cannot use.
    Error {
        /// Why.
        reason: String,
    },
}

/// A link that broke, with its ends, which a process need not know otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenLink {
    /// The link.
    pub link: LinkId,
    /// One end.
    pub a: NodeId,
    /// The other end.
    pub b: NodeId,
}

/// See [`Report::Join`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// [`VERSION`] of the sender.
    pub version: u32,
    /// The site's name.
    pub site: String,
}

/// See [`Command::Seat`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Which process of the experiment it is, from 0.
    pub process: u32,
    /// Where it is to accept links, if nobody has told it otherwise: an address without a port.
    pub host: String,
    /// The first and the last port that it may do so at; nothing for any.
    #[serde(default)]
    pub ports: Option<(u16, u16)>,
}

/// See [`Report::Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`] of the sender.
    pub version: u32,
    /// Index of the process in the experiment, from 0.
    pub process: u32,
    /// Its process id on its machine.
    pub pid: u32,
    /// Where it accepts links, as `address:port`.
    pub listen: String,
    /// Drawn when it began: another process has another one, also where both have the same number and address.
    #[serde(default)]
    pub instance: u64,
    /// The address at which other sites reach it, if that is not what the scenario says.
    #[serde(default)]
    pub public: Option<String>,
}

/// See [`Command::Welcome`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`VERSION`] of the controller.
    pub version: u32,
    /// Name of the experiment.
    pub experiment: String,
    /// The links' key, 64 hexadecimal digits.
    pub key: String,
    /// Every random choice derives from it.
    pub seed: u64,
    /// Between two `metrics`, in milliseconds.
    pub interval_ms: u32,
    /// How deadlines are kept.
    #[serde(default)]
    pub timing: Timing,
    /// Whether nodes count down the time to live of IP packets, as routers do.
    #[serde(default)]
    pub ttl: bool,
    /// Between two ticks of the loop that the process measures its lateness with, in microseconds.
    #[serde(default = "watch_us")]
    pub watch_us: u32,
    /// Bytes of the pipes that flows in max mode pass.
    #[serde(default = "pipe")]
    pub pipe: u32,
}

fn watch_us() -> u32 {
    10_000
}

/// Bytes of a pipe where nothing else is asked for.
pub const PIPE_BYTES: u32 = 512 * 1024;

fn pipe() -> u32 {
    PIPE_BYTES
}

/// How deadlines are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// The kernel's timer wakes up who waits.
    #[default]
    Normal,
    /// The task that keeps them stays ready for the last stretch, which takes a core.
    Precise,
}

impl std::fmt::Debug for Welcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Welcome").field("experiment", &self.experiment).finish_non_exhaustive()
    }
}

/// Rows to insert or replace, then rows to remove: removals first, in the order flows, routes,
/// links, nodes; then classes, traces, addresses, nodes, links, routes, flows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Apply {
    /// Which state of the database this brings; `applied` repeats it.
    pub generation: u64,
    /// All classes, in the order in which they are tried; nothing if they are as they were.
    pub classes: Option<Vec<Class>>,
    /// Parts of traces that links refer to.
    pub traces: Vec<Trace>,
    /// Of nodes anywhere in the network, for processes whose nodes have devices or entrances.
    pub addresses: Vec<Address>,
    /// Nodes of this process.
    pub nodes: Vec<Node>,
    /// Links with at least one end in this process.
    pub links: Vec<Link>,
    /// Routes that visit a node of this process.
    pub routes: Vec<Route>,
    /// Flows that start at a node of this process.
    pub flows: Vec<Flow>,
    /// Nodes that are no more.
    pub remove_nodes: Vec<NodeId>,
    /// Links that are no more.
    pub remove_links: Vec<LinkId>,
    /// Routes that are no more.
    pub remove_routes: Vec<RouteId>,
    /// Flows that are to stop.
    pub remove_flows: Vec<FlowId>,
}

/// See [`Report::Applied`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The `apply` that this answers.
    pub generation: u64,
    /// What of it could not be done.
    #[serde(default)]
    pub rejected: Vec<Rejection>,
    /// Where links stood when what they are to do changed.
    #[serde(default)]
    pub marks: Vec<LinkMark>,
}

/// A direction of a link at the moment of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkMark {
    /// The link.
    pub link: LinkId,
    /// The node at the sending end.
    pub node: NodeId,
    /// Packets that had been given to it by then, those that it dropped too.
    pub entered: u64,
}

/// A row that a process cannot put in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Its table.
    pub kind: RowKind,
    /// Its id.
    pub id: u32,
    /// Why.
    pub reason: String,
}

/// A table of desired rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// `nodes`.
    Node,
    /// `links`.
    Link,
    /// `routes`.
    Route,
    /// `flows`.
    Flow,
}

/// Whether a link carries packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkStatus {
    /// It does.
    Up,
    /// It does not.
    Down,
}

/// A link that came up or went down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkChange {
    /// The link.
    pub link: LinkId,
    /// What it is now.
    pub state: LinkStatus,
    /// Why, when it went down.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Which end of a flow a report is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowEnd {
    /// Where it starts.
    Source,
    /// Where it ends.
    Sink,
}

/// How far a flow has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowStatus {
    /// It has begun.
    Running,
    /// Every byte has arrived, and this end knows.
    Completed,
    /// It ended before that.
    Failed,
    /// It was told to end before that.
    Stopped,
}

/// A flow that began or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowChange {
    /// The flow.
    pub flow: FlowId,
    /// Whose word this is.
    pub end: FlowEnd,
    /// How far it has come.
    pub status: FlowStatus,
    /// At the source, bytes acknowledged; at the sink, bytes received in order.
    pub bytes: u64,
    /// From its first chunk to now.
    pub seconds: f64,
    /// Chunks sent again.
    #[serde(default)]
    pub retransmitted: u64,
    /// Chunks that arrived behind a later one.
    #[serde(default)]
    pub reordered: u64,
    /// Of the whole stream, as `xxh3:` and 16 hexadecimal digits.
    #[serde(default)]
    pub checksum: Option<String>,
    /// The route that it took last.
    #[serde(default)]
    pub route: Option<RouteId>,
    /// Why it failed.
    #[serde(default)]
    pub reason: Option<String>,
    /// Of a `udp` flow.
    #[serde(default)]
    pub datagrams: Option<Datagrams>,
    /// How often nothing was heard for so long that the timer ran out, at the source.
    #[serde(default)]
    pub timeouts: u64,
}

/// Packets of a `udp` flow; at its source, only how many were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Datagrams {
    /// Packets sent; at the sink, those that arrived, each counted once.
    pub packets: u64,
    /// Packets that arrived again.
    pub duplicates: u64,
    /// Packets that arrived behind one that was sent later (RFC 4737).
    pub reordered: u64,
    /// Packets that arrived damaged.
    pub corrupted: u64,
    /// Packets that arrived with a congestion mark.
    pub marked: u64,
    /// One-way delay.
    pub delay: Quantiles,
    /// Smoothed difference of successive delays (RFC 3550, section 6.4.1), in nanoseconds.
    pub jitter_ns: u64,
}

/// Why bytes are not a message.
#[derive(Debug, Error)]
#[error("not a control message: {0}")]
pub struct DecodeError(#[from] rmp_serde::decode::Error);

/// A message as MessagePack, structures as maps with field names.
///
/// # Errors
/// Never for the types of this module; the encoder's own error otherwise.
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    rmp_serde::to_vec_named(message)
}

/// Reads one message.
///
/// # Errors
/// The bytes are not MessagePack, not a map with a known `type`, or lack a field.
pub fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, DecodeError> {
    Ok(rmp_serde::from_slice(bytes)?)
}
