//! What was counted, since the process began.

use serde::{Deserialize, Serialize};

use crate::id::{FlowId, LinkId, NodeId, RouteId};

/// Packets that were dropped, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drops {
    /// The queue was full.
    pub queue: u64,
    /// Random early detection.
    pub red: u64,
    /// Controlled delay.
    pub codel: u64,
    /// Emulated loss.
    pub loss: u64,
    /// Damaged on the way.
    pub corrupt: u64,
    /// The link was down.
    pub down: u64,
    /// The route led nowhere.
    pub no_route: u64,
    /// The IP time to live ran out.
    pub ttl: u64,
    /// The overlay's hop limit ran out.
    pub hop_limit: u64,
    /// Too large for the link.
    pub mtu: u64,
    /// Nothing at the destination takes it.
    pub local: u64,
    /// This process could not keep up.
    pub overrun: u64,
    /// Not authenticated.
    pub auth: u64,
}

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCounters {
    /// The link.
    pub link: LinkId,
    /// The node at the sending end.
    pub node: NodeId,
    /// Bytes that left, on the emulated wire.
    pub bytes: u64,
    /// Packets that left.
    pub packets: u64,
    /// Bytes that wait now.
    pub queue: u64,
    /// Packets that were dropped.
    pub drops: Drops,
    /// Packets that were given to it, those that it dropped too.
    #[serde(default)]
    pub entered: u64,
    /// Packets that it marked (ECN).
    #[serde(default)]
    pub marked: u64,
    /// Packets that it sent twice.
    #[serde(default)]
    pub duplicated: u64,
    /// Packets that left in datagrams of a QUIC connection.
    #[serde(default)]
    pub datagrams: u64,
    /// Packets that were to, and went on a stream since they were too large.
    #[serde(default)]
    pub oversized: u64,
    /// The shortest round trip of its connection to another site, in microseconds.
    #[serde(default)]
    pub rtt_us: Option<u64>,
}

/// A flow, at its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowCounters {
    /// The flow.
    pub flow: FlowId,
    /// Bytes sent, without those sent again.
    pub bytes: u64,
    /// Bytes acknowledged.
    pub acknowledged: u64,
    /// Chunks sent again.
    pub retransmitted: u64,
    /// Smoothed round-trip time, in microseconds.
    pub srtt_us: u64,
    /// The window, in bytes; of a `tcp` flow, bytes under way.
    pub window: u64,
    /// How often nothing was heard for so long that the timer ran out.
    #[serde(default)]
    pub timeouts: u64,
    /// The congestion window of a `tcp` flow, in bytes; nothing of one without congestion control.
    #[serde(default)]
    pub cwnd: Option<u64>,
    /// The route that it takes.
    #[serde(default)]
    pub route: Option<RouteId>,
}

/// A `udp` flow, at its sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkCounters {
    /// The flow.
    pub flow: FlowId,
    /// Payload bytes that arrived, each once.
    pub bytes: u64,
    /// Packets that arrived, each once.
    pub packets: u64,
}
