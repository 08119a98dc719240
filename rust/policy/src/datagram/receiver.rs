//! The receiving end of a flow of packets.

use std::time::Duration;

use nextmini_wire::control::Datagrams;
use nextmini_wire::packet::{Datagram, Ecn};

use crate::histogram::Histogram;
use crate::time::Instant;

/// So many of the newest sequence numbers are remembered; an older packet counts as one that arrived again.
const REMEMBERED: u64 = 1 << 16;
/// The least time that a flow's end waits for packets that overtaking may have held up.
const LEAST_LINGER: Duration = Duration::from_millis(20);

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// A packet of the flow.
    Counted,
    /// The end of the flow, and everything before it has had its time: acknowledge it.
    Ended,
    /// The end of the flow, but some of it may still be under way: the sender will say it again.
    TooEarly,
}

/// What arrived.
#[derive(Debug, Default)]
pub struct Receiver {
    /// Sequence numbers from here on are new.
    next: u64,
    /// A ring of bits: which of the last [`REMEMBERED`] numbers have arrived.
    seen: Vec<u64>,
    bytes: u64,
    figures: Datagrams,
    delays: Histogram,
    least_delay: u64,
    largest_delay: u64,
    last_delay: Option<u64>,
    /// In nanoseconds; a fraction, as RFC 3550 smooths it.
    jitter: f64,
    first_arrival: Option<Instant>,
    last_arrival: Instant,
    ended: bool,
}

impl Receiver {
    /// Takes a packet with so many bytes of data that arrived at `now`; `intact` tells whether the data are as
    /// they were sent.
    pub fn on_datagram(&mut self, datagram: &Datagram, bytes: usize, intact: bool, now: Instant) -> Receipt {
        if datagram.last {
            return self.on_end(now);
        }
        self.first_arrival.get_or_insert(now);
        self.last_arrival = now;
        if !intact {
            self.figures.corrupted += 1;
            return Receipt::Counted;
        }
        if self.is_known(datagram.sequence) {
            self.figures.duplicates += 1;
            return Receipt::Counted;
        }
        self.figures.packets += 1;
        self.figures.reordered += u64::from(datagram.sequence < self.next);
        self.figures.marked += u64::from(datagram.ecn == Ecn::Congested);
        self.bytes += bytes as u64;
        self.remember(datagram.sequence);
        self.measure(now.0.saturating_sub(datagram.sent_at));
        Receipt::Counted
    }

    /// Bytes of data that arrived, each once.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// From the first packet to the last one that arrived; its end is none of them.
    pub fn lasted(&self) -> Duration {
        self.first_arrival.map_or(Duration::ZERO, |first| self.last_arrival.since(first))
    }

    /// Packets that arrived, each once.
    pub fn packets(&self) -> u64 {
        self.figures.packets
    }

    /// Everything that was counted.
    pub fn figures(&self) -> Datagrams {
        Datagrams { delay: self.delays.quantiles(), jitter_ns: self.jitter as u64, ..self.figures }
    }

    fn on_end(&mut self, now: Instant) -> Receipt {
        let spread = Duration::from_nanos(self.largest_delay.saturating_sub(self.least_delay));
        let linger = (spread * 2).max(LEAST_LINGER);
        self.ended |= now.since(self.last_arrival) >= linger;
        if self.ended { Receipt::Ended } else { Receipt::TooEarly }
    }

    fn is_known(&self, sequence: u64) -> bool {
        if sequence >= self.next {
            return false;
        }
        self.next - sequence > REMEMBERED || self.bit(sequence)
    }

    fn bit(&self, sequence: u64) -> bool {
        let at = sequence % REMEMBERED;
        self.seen.get((at / 64) as usize).is_some_and(|word| word & 1 << (at % 64) != 0)
    }

    fn remember(&mut self, sequence: u64) {
        if self.seen.is_empty() {
            self.seen = vec![0; (REMEMBERED / 64) as usize];
        }
        // Numbers that are skipped take the places of ones that are no longer remembered.
        let first = self.next.max(sequence.saturating_sub(REMEMBERED));
        for skipped in first..sequence {
            self.set_bit(skipped, false);
        }
        self.set_bit(sequence, true);
        self.next = self.next.max(sequence.saturating_add(1));
    }

    fn set_bit(&mut self, sequence: u64, value: bool) {
        let at = sequence % REMEMBERED;
        let (word, bit) = (&mut self.seen[(at / 64) as usize], 1 << (at % 64));
        if value { *word |= bit } else { *word &= !bit }
    }

    fn measure(&mut self, delay: u64) {
        let first = self.last_delay.is_none();
        self.least_delay = if first { delay } else { self.least_delay.min(delay) };
        self.largest_delay = self.largest_delay.max(delay);
        self.delays.record(delay);
        if let Some(last) = self.last_delay.replace(delay) {
            self.jitter += (delay.abs_diff(last) as f64 - self.jitter) / 16.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use nextmini_wire::id::FlowId;
    use proptest::prelude::*;

    use super::*;

    fn datagram(sequence: u64, sent_at: u64) -> Datagram {
        Datagram { flow: FlowId(1), sequence, sent_at, last: false, ecn: Ecn::NotCapable }
    }

    fn end() -> Datagram {
        Datagram { last: true, ..datagram(100, 0) }
    }

    #[test]
    fn packets_are_told_apart_by_their_numbers() {
        let mut receiver = Receiver::default();
        for sequence in [0, 1, 3, 2, 3, 0, 4] {
            receiver.on_datagram(&datagram(sequence, 10), 100, true, Instant(30));
        }
        let figures = receiver.figures();
        assert_eq!((figures.packets, figures.duplicates, figures.reordered), (5, 2, 1));
        assert_eq!((receiver.bytes(), figures.delay.max_ns, figures.jitter_ns), (500, 20, 0));
    }

    #[test]
    fn damaged_packets_count_as_such_only() {
        let mut receiver = Receiver::default();
        receiver.on_datagram(&datagram(0, 0), 100, false, Instant(1));
        assert_eq!((receiver.figures().packets, receiver.figures().corrupted), (0, 1));
        receiver.on_datagram(&datagram(0, 0), 100, true, Instant(1));
        assert_eq!((receiver.figures().packets, receiver.figures().duplicates), (1, 0));
    }

    #[test]
    fn jitter_follows_rfc_3550() {
        let mut receiver = Receiver::default();
        for (sequence, delay) in [1_000, 2_600, 1_000].into_iter().enumerate() {
            receiver.on_datagram(&datagram(sequence as u64, 0), 1, true, Instant(delay));
        }
        // 1600 / 16, and then (1600 - 100) / 16 more.
        assert_eq!(receiver.figures().jitter_ns, 193);
    }

    #[test]
    fn the_end_waits_for_stragglers_as_long_as_they_have_taken() {
        let mut receiver = Receiver::default();
        let ms = |ms: u64| Instant(ms * 1_000_000);
        receiver.on_datagram(&datagram(0, 0), 1, true, ms(10));
        receiver.on_datagram(&datagram(1, 0), 1, true, ms(110));
        assert_eq!(receiver.on_datagram(&end(), 0, true, ms(300)), Receipt::TooEarly);
        assert_eq!(receiver.on_datagram(&end(), 0, true, ms(310)), Receipt::Ended);
        assert_eq!(receiver.on_datagram(&end(), 0, true, ms(311)), Receipt::Ended);
        assert_eq!(receiver.lasted(), Duration::from_millis(100), "its end is not one of its packets");
    }

    #[test]
    fn a_flow_of_which_nothing_arrived_ends_too() {
        let mut receiver = Receiver::default();
        assert_eq!(receiver.on_datagram(&end(), 0, true, Instant(1 << 40)), Receipt::Ended);
        assert_eq!(receiver.lasted(), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn whatever_comes_each_number_counts_once(sequences in prop::collection::vec(0_u64..200_000, 0..400)) {
            let mut receiver = Receiver::default();
            let (mut known, mut highest, mut packets) = (std::collections::BTreeSet::new(), 0, 0);
            for sequence in sequences {
                receiver.on_datagram(&datagram(sequence, 0), 1, true, Instant(1));
                let too_old = highest > REMEMBERED + sequence;
                packets += u64::from(known.insert(sequence) && !too_old);
                highest = highest.max(sequence + 1);
            }
            prop_assert_eq!(receiver.figures().packets, packets);
        }
    }
}
