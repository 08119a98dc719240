//! What has passed a direction: counted always, and shown packet by packet while somebody watches.

use nextmini_wire::packet::Packet;

use super::Counters;
use crate::drops::DropCause;
use crate::time::Instant;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It left as it was.
    Left,
    /// It left, and was damaged on the way.
    Corrupted,
    /// It left a second time.
    Duplicated,
    /// It was dropped.
    Dropped(DropCause),
}

/// A packet that left or was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// It, as it was on the wire.
    pub packet: Packet,
    /// When it was to leave, or was dropped.
    pub at: Instant,
    /// What became of it.
    pub fate: Fate,
}

/// Counters, and what has been seen since somebody looked.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) counters: Counters,
    /// Only while somebody watches.
    observed: Option<Vec<Observed>>,
}

impl Books {
    pub(super) fn set_watched(&mut self, watched: bool) {
        self.observed = watched.then(|| self.observed.take().unwrap_or_default());
    }

    pub(super) fn is_watched(&self) -> bool {
        self.observed.is_some()
    }

    /// What has been seen since the last call.
    pub(super) fn take_observed(&mut self) -> Vec<Observed> {
        self.observed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn observe(&mut self, packet: &Packet, fate: Fate, at: Instant) {
        if let Some(observed) = &mut self.observed {
            observed.push(Observed { packet: packet.clone(), at, fate });
        }
    }

    /// Packets that left at the same moment.
    pub(super) fn observe_left(&mut self, packets: &[Packet], at: Instant) {
        if let Some(observed) = &mut self.observed {
            let seen = packets.iter().map(|packet| Observed { packet: packet.clone(), at, fate: Fate::Left });
            observed.extend(seen);
        }
    }

    /// Counts a packet that is dropped.
    pub(super) fn drop_packet(&mut self, packet: &Packet, cause: DropCause, at: Instant) {
        self.count_drop(cause, 1);
        self.observe(packet, Fate::Dropped(cause), at);
    }

    /// Counts packets that are dropped and cannot be shown.
    pub(super) fn count_drop(&mut self, cause: DropCause, packets: u64) {
        *cause.counter(&mut self.counters.drops) += packets;
    }
}
