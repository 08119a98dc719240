//! What the segments of a connection tell of it: smoltcp keeps its own estimates to itself.

use std::time::Duration;

use nextmini_policy::time::Instant;

use super::segment::{FIN, RST, SYN, Segment, is_behind};

/// Of one sending end.
#[derive(Debug, Default)]
pub struct Track {
    /// The first byte that was not acknowledged, and the first one that was not sent; both from the SYN's number on.
    begin: Option<u32>,
    acknowledged: u32,
    sent: u32,
    /// Segments with data that were sent again.
    again: u64,
    /// A byte whose acknowledgement is being waited for, and since when.
    timed: Option<(u32, Instant)>,
    smoothed: Option<Duration>,
    under_way: u64,
}

impl Track {
    /// A segment leaves.
    pub fn sends(&mut self, segment: &Segment, now: Instant) {
        if segment.flags & SYN != 0 {
            let first = segment.sequence.wrapping_add(1);
            self.begin.get_or_insert(first);
            (self.acknowledged, self.sent) = (first, first);
            return;
        }
        if segment.data == 0 {
            return;
        }
        let end = segment.sequence.wrapping_add(segment.data);
        if is_behind(end, self.sent) {
            self.sent = end;
            self.timed.get_or_insert((end, now));
        } else {
            self.again += 1;
            // Which of them is acknowledged cannot be told (Karn and Partridge, 1987).
            self.timed = None;
        }
        self.under_way = u64::from(self.sent.wrapping_sub(self.acknowledged));
    }

    /// A segment of the peer arrives.
    pub fn hears(&mut self, segment: &Segment, now: Instant) {
        if self.begin.is_none() || !is_behind(segment.acknowledges, self.acknowledged) {
            return;
        }
        self.acknowledged = segment.acknowledges;
        // The number of a FIN is beyond all data.
        self.under_way =
            u64::from(self.sent.wrapping_sub(self.acknowledged) as i32 as u32).min(self.under_way);
        if let Some((end, since)) = self.timed
            && !is_behind(end, segment.acknowledges)
        {
            let rtt = now.since(since);
            // RFC 6298, section 2.3.
            self.smoothed = Some(self.smoothed.map_or(rtt, |before| before * 7 / 8 + rtt / 8));
            self.timed = None;
        }
    }

    /// Whether a segment of the peer says nothing but what it has said before.
    pub fn has_heard(&self, segment: &Segment) -> bool {
        let bare = segment.data == 0 && segment.flags & (FIN | SYN | RST) == 0;
        bare && self.begin.is_some() && !is_behind(segment.acknowledges, self.acknowledged)
    }

    /// Segments that were sent again.
    pub fn retransmitted(&self) -> u64 {
        self.again
    }

    /// Smoothed round-trip time, by one segment for each.
    pub fn smoothed_rtt(&self) -> Option<Duration> {
        self.smoothed
    }

    /// Bytes that were sent and not acknowledged.
    pub fn under_way(&self) -> u64 {
        self.under_way
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::segment::Options;

    fn segment(sequence: u32, acknowledges: u32, data: u32, flags: u8) -> Segment {
        Segment { sequence, acknowledges, data, flags, window: 1_000, at: 20, options: Options::default() }
    }

    fn at(milliseconds: u64) -> Instant {
        Instant(1 + milliseconds * 1_000_000)
    }

    #[test]
    fn the_round_trip_and_what_is_sent_again_are_seen_across_the_end_of_the_numbers() {
        let mut track = Track::default();
        let first = u32::MAX - 500;
        track.sends(&segment(first.wrapping_sub(1), 0, 0, 2), at(0));
        track.sends(&segment(first, 0, 1_000, 16), at(10));
        track.sends(&segment(first.wrapping_add(1_000), 0, 1_000, 16), at(11));
        assert_eq!(track.under_way(), 2_000);
        track.hears(&segment(0, first.wrapping_add(1_000), 0, 16), at(30));
        assert_eq!((track.smoothed_rtt(), track.under_way()), (Some(Duration::from_millis(20)), 1_000));
        track.sends(&segment(first.wrapping_add(1_000), 0, 1_000, 16), at(40));
        assert_eq!(track.retransmitted(), 1);
        // Whose acknowledgement this is nobody knows.
        track.hears(&segment(0, first.wrapping_add(2_000), 0, 16), at(45));
        assert_eq!((track.smoothed_rtt(), track.under_way()), (Some(Duration::from_millis(20)), 0));
        assert!(track.has_heard(&segment(9, first.wrapping_add(2_000), 0, 16)));
        assert!(!track.has_heard(&segment(9, first.wrapping_add(2_000), 0, 17)));
        assert!(!track.has_heard(&segment(9, first.wrapping_add(2_001), 0, 16)));
        // A FIN has a number, too.
        track.hears(&segment(0, first.wrapping_add(2_001), 0, 16), at(46));
        assert_eq!(track.under_way(), 0);
    }
}
