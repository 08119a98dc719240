//! What a process is asked to capture.
//!
//! Whoever wants packets connects to the process's socket and sends a [`Request`]: its length in 4 big-endian
//! bytes, then MessagePack. Back comes a capture file ([`crate::pcapng`]) with an interface for each link of the
//! request, in its order, whether or not an end of it is in this process; when the asker has closed its side, the
//! rest of the packets, a block of statistics for each interface, and the end.

use serde::{Deserialize, Serialize};

use crate::id::{LinkId, NodeId};

/// The largest request, in bytes.
pub const MAX_REQUEST: usize = 16 << 20;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// When the machine's monotonic clock was 0, in nanoseconds since 1970: the same for all processes that are
    /// asked, whatever somebody does to the time meanwhile.
    pub epoch_ns: u64,
    /// How much is kept of a packet, in bytes.
    pub kept: u32,
    /// Whose packets.
    pub links: Vec<WantedLink>,
}

/// A link, and how it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedLink {
    /// The link.
    pub link: LinkId,
    /// The node whose packets are going out; those of the other end are coming in.
    pub from: NodeId,
    /// Of the interface.
    pub name: String,
    /// More of it.
    pub description: String,
}
