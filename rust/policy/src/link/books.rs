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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nextmini_wire::control::Direction;
    use nextmini_wire::control::direction::{Chance, Limits, Loss};
    use nextmini_wire::id::{FlowId, RouteId};
    use nextmini_wire::packet::{Content, Datagram, Ecn};

    use super::*;
    use crate::link::settings::Checked;
    use crate::link::{LinkQueue, LinkSeed, Wanted};

    const MILLISECOND: u64 = 1_000_000;

    fn packet(sequence: u64) -> Packet {
        let datagram = Datagram { flow: FlowId(1), sequence, sent_at: 0, last: false, ecn: Ecn::NotCapable };
        Packet::new(RouteId(1), 1, 0, Content::Datagram(datagram), Bytes::from_static(&[0; 972]))
    }

    fn watched(direction: &Direction) -> LinkQueue {
        let mut queue = LinkQueue::new(1_500, LinkSeed::default());
        queue.set(1_500, Checked::new(direction, None).unwrap(), Instant(0));
        queue.set_watched(true);
        queue
    }

    fn always() -> Option<Chance> {
        Some(Chance { probability: 1.0, correlation: 0.0 })
    }

    /// Numbers, times and fates of what was seen.
    fn seen(queue: &mut LinkQueue) -> Vec<(u64, u64, Fate)> {
        let number = |packet: &Packet| match packet.content {
            Content::Datagram(datagram) => datagram.sequence,
            _ => panic!("{packet:?}"),
        };
        queue.take_observed().iter().map(|one| (number(&one.packet), one.at.0, one.fate)).collect()
    }

    fn pop(queue: &mut LinkQueue, now: u64) -> Vec<Packet> {
        let mut out = Vec::new();
        queue.pop_into(&mut out, usize::MAX, Instant(now));
        out
    }

    #[test]
    fn what_nobody_watches_is_not_kept() {
        let mut queue = watched(&Direction::default());
        queue.set_watched(false);
        queue.push(packet(1), Instant(5));
        assert_eq!((pop(&mut queue, 6).len(), queue.is_watched()), (1, false));
        assert_eq!(seen(&mut queue), []);
    }

    #[test]
    fn a_plain_link_shows_what_leaves_when_it_is_taken() {
        let mut queue = watched(&Direction::default());
        queue.push(packet(1), Instant(5));
        queue.push(packet(2), Instant(6));
        assert_eq!(seen(&mut queue), []);
        pop(&mut queue, 7);
        assert_eq!(seen(&mut queue), [(1, 7, Fate::Left), (2, 7, Fate::Left)]);
        assert_eq!(seen(&mut queue), []);
    }

    #[test]
    fn what_does_not_fit_or_is_not_wanted_is_shown_as_dropped() {
        let limits = Limits { packets: Some(1), ..Limits::default() };
        let mut queue = watched(&Direction { limits, ..Direction::default() });
        queue.push(packet(1), Instant(5));
        queue.push(packet(2), Instant(6));
        queue.set_wanted(Wanted::Down, Instant(7));
        queue.push(packet(3), Instant(8));
        queue.clear(Instant(9));
        let dropped = [(2, 6, DropCause::Queue), (3, 8, DropCause::Down), (1, 9, DropCause::Down)];
        assert_eq!(seen(&mut queue), dropped.map(|(number, at, cause)| (number, at, Fate::Dropped(cause))));
        let counters = queue.counters();
        assert_eq!((counters.drops.queue, counters.drops.down), (1, 2));
    }

    #[test]
    fn a_packet_is_shown_when_its_bits_have_left_whoever_is_late() {
        // 1,000 bytes take a millisecond; then it travels for ten.
        let mut queue =
            watched(&Direction { rate: Some(8_000_000), delay_ns: 10 * MILLISECOND, ..Direction::default() });
        queue.push(packet(1), Instant(5));
        assert_eq!(pop(&mut queue, 3 * MILLISECOND), []);
        assert_eq!(seen(&mut queue), [(1, 5 + MILLISECOND, Fate::Left)]);
        assert_eq!((pop(&mut queue, 20 * MILLISECOND).len(), seen(&mut queue)), (1, vec![]));
    }

    #[test]
    fn accidents_are_shown_as_they_are_on_the_wire() {
        let pattern = Loss::Pattern { pattern: "10".to_owned() };
        let accidents =
            Direction { loss: Some(pattern), corrupt: always(), duplicate: always(), ..Direction::default() };
        let mut queue = watched(&accidents);
        queue.push(packet(1), Instant(5));
        queue.push(packet(2), Instant(6));
        let arrived = pop(&mut queue, 7);
        let observed = queue.take_observed();
        let fates: Vec<_> = observed.iter().map(|one| one.fate).collect();
        assert_eq!(fates, [Fate::Dropped(DropCause::Loss), Fate::Corrupted, Fate::Duplicated]);
        assert_eq!(observed[0].packet.payload, packet(1).payload);
        assert_ne!(observed[1].packet.payload, packet(2).payload);
        for (arrived, observed) in arrived.iter().zip(&observed[1..]) {
            assert_eq!(arrived.payload, observed.packet.payload);
        }
        assert_eq!((arrived.len(), queue.counters().duplicated, queue.counters().drops.loss), (2, 1, 1));
    }
}
