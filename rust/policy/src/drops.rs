//! Why packets are dropped.

use nextmini_wire::control::Drops;

/// The cause of a drop; each has its counter, and a drop that no counter shows is a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropCause {
    /// The queue was full.
    Queue,
    /// Random early detection.
    Red,
    /// Controlled delay.
    Codel,
    /// Emulated loss.
    Loss,
    /// It came damaged.
    Corrupt,
    /// Too large for the link.
    Mtu,
    /// This process could not keep up.
    Overrun,
    /// The link was down.
    Down,
    /// The route is unknown here, or does not lead on from here.
    NoRoute,
    /// The hop limit ran out.
    HopLimit,
    /// The IP time to live ran out.
    Ttl,
    /// Nothing at the destination takes it.
    Local,
}

impl DropCause {
    /// The name of its counter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Red => "red",
            Self::Codel => "codel",
            Self::Loss => "loss",
            Self::Corrupt => "corrupt",
            Self::Mtu => "mtu",
            Self::Overrun => "overrun",
            Self::Down => "down",
            Self::NoRoute => "no_route",
            Self::HopLimit => "hop_limit",
            Self::Ttl => "ttl",
            Self::Local => "local",
        }
    }

    /// The counter of this cause.
    pub fn counter(self, drops: &mut Drops) -> &mut u64 {
        match self {
            Self::Queue => &mut drops.queue,
            Self::Red => &mut drops.red,
            Self::Codel => &mut drops.codel,
            Self::Loss => &mut drops.loss,
            Self::Corrupt => &mut drops.corrupt,
            Self::Mtu => &mut drops.mtu,
            Self::Overrun => &mut drops.overrun,
            Self::Down => &mut drops.down,
            Self::NoRoute => &mut drops.no_route,
            Self::HopLimit => &mut drops.hop_limit,
            Self::Ttl => &mut drops.ttl,
            Self::Local => &mut drops.local,
        }
    }
}
