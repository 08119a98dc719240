//! How one direction of a link behaves: rate, delay, impairments, queue.
//!
//! Names are those of `tc` and netem; what each means is said where it is decided, in the policy crate.

use serde::{Deserialize, Serialize};

/// One direction of a link. The default is a link that only carries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Direction {
    /// Bits per second on the emulated wire.
    pub rate: Option<u64>,
    /// Bytes that may leave at once after a pause; without it, packets leave one after another.
    pub burst: Option<u64>,
    /// Number of the trace that gives the rate, instead of `rate`.
    pub trace: Option<u32>,
    /// Propagation delay in nanoseconds.
    pub delay_ns: u64,
    /// Variation of the delay.
    pub jitter: Option<Jitter>,
    /// Packets that do not arrive.
    pub loss: Option<Loss>,
    /// Packets that arrive twice.
    pub duplicate: Option<Chance>,
    /// Packets that overtake those under way.
    pub reorder: Option<Chance>,
    /// Packets with a flipped bit.
    pub corrupt: Option<Chance>,
    /// How much may wait.
    pub limits: Limits,
    /// Who goes next.
    pub discipline: Discipline,
    /// Who is dropped.
    pub drop: DropPolicy,
}

/// Something that happens to some packets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chance {
    /// Share of the packets, from 0 to 1.
    pub probability: f64,
    /// Correlation of one packet's fate with the next one's, from 0 up to but not including 1.
    #[serde(default)]
    pub correlation: f64,
}

/// Variation of a delay around its mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jitter {
    /// Half the width of `uniform`, the standard deviation of the others; in nanoseconds.
    pub amount_ns: u64,
    /// How it is distributed.
    #[serde(default)]
    pub distribution: Distribution,
    /// Correlation of one packet's delay with the next one's, from 0 up to but not including 1.
    #[serde(default)]
    pub correlation: f64,
    /// Whether packets may overtake each other for it.
    #[serde(default)]
    pub reorder: bool,
}

/// A distribution around 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// All values equally likely.
    #[default]
    Uniform,
    /// Gaussian.
    Normal,
    /// Heavy-tailed, with shape 3.
    Pareto,
}

/// A loss model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case")]
pub enum Loss {
    /// A share of the packets.
    Random {
        /// Share of the packets, from 0 to 1.
        probability: f64,
        /// See [`Chance::correlation`].
        #[serde(default)]
        correlation: f64,
    },
    /// Gilbert-Elliott: a good and a bad state.
    GilbertElliott {
        /// Probability of going from good to bad, a packet.
        p: f64,
        /// Probability of going from bad to good, a packet.
        r: f64,
        /// Probability that a packet arrives in the bad state.
        h: f64,
        /// Probability that a packet arrives in the good state.
        k: f64,
    },
    /// Again and again the same.
    Pattern {
        /// `1` for a packet that is lost, `0` for one that arrives.
        pattern: String,
    },
}

/// How much may wait; where nothing is said, 1,000 packets or 4 MiB, whichever comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Packets.
    pub packets: Option<u64>,
    /// Bytes on the emulated wire.
    pub bytes: Option<u64>,
    /// Nanoseconds at the link's rate.
    pub time_ns: Option<u64>,
}

/// Who goes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discipline {
    /// First in, first out.
    #[default]
    Fifo,
    /// Weighted round robin: packets a round.
    Wrr,
    /// Deficit round robin: bytes a round.
    Drr,
}

/// Who is dropped, or marked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "snake_case")]
pub enum DropPolicy {
    /// Who comes when the queue is full.
    Tail {},
    /// Random early detection.
    Red(Red),
    /// Controlled delay.
    Codel(Codel),
}

impl Default for DropPolicy {
    fn default() -> Self {
        Self::Tail {}
    }
}

/// Parameters of random early detection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Red {
    /// Whether the thresholds are in bytes instead of packets.
    pub in_bytes: bool,
    /// Average queue below which nothing is dropped.
    pub min: u64,
    /// Average queue at which `probability` is reached.
    pub max: u64,
    /// Probability at `max`.
    pub probability: f64,
    /// Weight of the newest sample in the average.
    pub weight: f64,
    /// Whether the probability goes on growing to 1 at twice `max`, instead of at once.
    pub gentle: bool,
    /// Whether to mark instead of dropping, where the packet allows it.
    pub ecn: bool,
}

/// Parameters of controlled delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codel {
    /// Acceptable standing delay, in nanoseconds.
    pub target_ns: u64,
    /// Sliding window for the least delay, in nanoseconds.
    pub interval_ns: u64,
    /// Whether to mark instead of dropping, where the packet allows it.
    pub ecn: bool,
}

/// Part of a rate that changes over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Its id.
    pub id: u32,
    /// What its points mean.
    pub kind: TraceKind,
    /// After so many nanoseconds it begins again; 0: it does not, and its last rate stays.
    pub period_ns: u64,
    /// How many points it has in all; it is complete when the last of them has come.
    pub total: u32,
    /// Index of the first point that is here: parts come in order.
    pub first: u32,
    /// Times in nanoseconds, not falling, each with a value.
    pub points: Vec<(u64, u64)>,
}

/// What a trace's points mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceKind {
    /// So many times 1,500 bytes may leave at this moment, as in Mahimahi's traces.
    Opportunities,
    /// Bits per second from this moment on.
    Rates,
}

/// Packets that are treated alike, by what they match; of several classes the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// Its id, from 1.
    pub id: u16,
    /// Node that sends.
    #[serde(default)]
    pub source: Option<crate::id::NodeId>,
    /// Node that receives.
    #[serde(default)]
    pub destination: Option<crate::id::NodeId>,
    /// IP protocol number.
    #[serde(default)]
    pub protocol: Option<u8>,
    /// Port at either end.
    #[serde(default)]
    pub port: Option<u16>,
    /// At most so many bits per second over each direction of a link.
    #[serde(default)]
    pub rate: Option<u64>,
    /// The class as a whole counts as one flow of this weight, where links are shared by weight.
    #[serde(default)]
    pub weight: Option<u16>,
}
