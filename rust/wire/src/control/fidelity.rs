//! How true a process was to what was asked of it.

use serde::{Deserialize, Serialize};

use crate::id::{LinkId, NodeId};

/// What is known of a measured time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How often it was measured.
    pub count: u64,
    /// Median.
    pub p50_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// The most.
    pub max_ns: u64,
}

/// One direction of a link that has a rate, a delay or a loss; counted since the process began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkFidelity {
    /// The link.
    pub link: LinkId,
    /// The node at the sending end.
    pub node: NodeId,
    /// How long after their time packets left.
    pub lateness: Quantiles,
    /// Time in which packets were always waiting, in nanoseconds; only where they did for a quarter of a second.
    pub busy_ns: u64,
    /// Bits that left in that time.
    pub busy_bits: u64,
    /// Bits that were to leave in that time.
    pub asked_bits: u64,
    /// Packets that met the loss model.
    pub tried: u64,
    /// Packets that it took.
    pub lost: u64,
    /// Packets that it was to take, on average.
    pub expected_lost: f64,
    /// Variance of that number.
    pub variance: f64,
}

/// The process itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessFidelity {
    /// How late a bare loop over a timer was that ran beside the dataplane.
    pub timer: Quantiles,
    /// Share of the time in which something in the system waited for a processor (pressure stall
    /// information), from 0 to 1; nothing where the kernel does not tell.
    #[serde(default)]
    pub cpu_pressure: Option<f64>,
    /// Packets that were dropped because the process could not keep up.
    pub overruns: u64,
}
