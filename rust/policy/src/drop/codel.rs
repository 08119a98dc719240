//! Controlled delay (RFC 8289): packets are dropped as they leave, while even the least of the recent waiting
//! times is too long.

use std::time::Duration;

use nextmini_wire::control::direction;

use super::{DropError, Verdict};
use crate::time::Instant;

/// A queue that was in trouble not longer ago than so many intervals is dropped from where it was left.
const REMEMBERED_INTERVALS: u32 = 16;

/// Where the RFC's `dequeue` stands that takes packet after packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A packet is asked for.
    Fresh,
    /// The first packet of a phase was dropped: the next one goes, whatever it is.
    Entered,
    /// A packet was dropped in its turn: others may follow it.
    Looping,
}

/// Drops or marks at shorter and shorter distances until the queue is gone.
#[derive(Clone, Debug)]
pub struct Codel {
    target: Duration,
    interval: Duration,
    ecn: bool,
    /// When it will have been too long for an interval.
    first_above: Option<Instant>,
    dropping: bool,
    drop_next: Instant,
    count: u32,
    last_count: u32,
    stage: Stage,
}

/// A packet that is to leave.
#[derive(Clone, Copy, Debug)]
pub struct Departure {
    /// How long it waited.
    pub sojourn: Duration,
    /// Bytes that wait, its own too.
    pub waiting_bytes: u64,
    /// The largest packet that there may be, in bytes: a queue of one is none.
    pub mtu: u64,
    /// Whether it may be marked instead.
    pub ecn_capable: bool,
}

impl Codel {
    /// The policy that was asked for.
    ///
    /// # Errors
    /// Times of nothing.
    pub fn new(asked: &direction::Codel) -> Result<Self, DropError> {
        if asked.target_ns == 0 || asked.interval_ns == 0 {
            return Err(DropError::Times { target_ns: asked.target_ns, interval_ns: asked.interval_ns });
        }
        Ok(Self {
            target: Duration::from_nanos(asked.target_ns),
            interval: Duration::from_nanos(asked.interval_ns),
            ecn: asked.ecn,
            first_above: None,
            dropping: false,
            drop_next: Instant::default(),
            count: 0,
            last_count: 0,
            stage: Stage::Fresh,
        })
    }

    /// What becomes of a packet that is to leave at `now`. After a drop, ask about the one behind it.
    pub fn on_dequeue(&mut self, departure: Departure, now: Instant) -> Verdict {
        let ok_to_drop = self.is_too_long(departure, now);
        let marks = self.ecn && departure.ecn_capable;
        match std::mem::replace(&mut self.stage, Stage::Fresh) {
            Stage::Entered => Verdict::Pass,
            Stage::Looping if ok_to_drop => {
                self.drop_next = self.control_law(self.drop_next);
                self.drop_if_time(marks, now)
            }
            Stage::Fresh if self.dropping && ok_to_drop => self.drop_if_time(marks, now),
            Stage::Fresh if ok_to_drop => self.enter(marks, now),
            Stage::Fresh | Stage::Looping => {
                self.dropping = false;
                Verdict::Pass
            }
        }
    }

    fn drop_if_time(&mut self, marks: bool, now: Instant) -> Verdict {
        if now < self.drop_next {
            return Verdict::Pass;
        }
        self.count = self.count.saturating_add(1);
        if marks {
            self.drop_next = self.control_law(self.drop_next);
            return Verdict::Mark;
        }
        self.stage = Stage::Looping;
        Verdict::Drop
    }

    fn enter(&mut self, marks: bool, now: Instant) -> Verdict {
        self.dropping = true;
        let recent = now.since(self.drop_next) < self.interval * REMEMBERED_INTERVALS;
        let delta = self.count.saturating_sub(self.last_count);
        self.count = if delta > 1 && recent { delta } else { 1 };
        self.drop_next = self.control_law(now);
        self.last_count = self.count;
        if marks {
            return Verdict::Mark;
        }
        self.stage = Stage::Entered;
        Verdict::Drop
    }

    /// Whether packets have waited too long for an interval.
    fn is_too_long(&mut self, departure: Departure, now: Instant) -> bool {
        if departure.sojourn < self.target || departure.waiting_bytes <= departure.mtu {
            self.first_above = None;
            return false;
        }
        match self.first_above {
            None => {
                self.first_above = Some(now + self.interval);
                false
            }
            Some(at) => now >= at,
        }
    }

    fn control_law(&self, from: Instant) -> Instant {
        from + self.interval.div_f64(f64::from(self.count.max(1)).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    fn codel(ecn: bool) -> Codel {
        Codel::new(&direction::Codel { target_ns: 5 * MS, interval_ns: 100 * MS, ecn }).unwrap()
    }

    fn waited(ms: u64) -> Departure {
        let sojourn = Duration::from_millis(ms);
        Departure { sojourn, waiting_bytes: 100_000, mtu: 1_500, ecn_capable: true }
    }

    /// When packets are dropped or marked that leave every millisecond and have waited for `sojourn_ms`.
    fn struck(codel: &mut Codel, sojourn_ms: u64, from_ms: u64, to_ms: u64) -> Vec<u64> {
        (from_ms..to_ms)
            .filter(|&ms| {
                let verdict = codel.on_dequeue(waited(sojourn_ms), Instant(ms * MS));
                if verdict == Verdict::Drop {
                    // The one behind it is asked for at once.
                    while codel.on_dequeue(waited(sojourn_ms), Instant(ms * MS)) == Verdict::Drop {}
                }
                verdict != Verdict::Pass
            })
            .collect()
    }

    #[test]
    fn drops_come_at_the_interval_over_the_root_of_their_number() {
        let at = struck(&mut codel(false), 20, 1_000, 1_600);
        // The first after an interval above the target; then 100 ms, 100/sqrt(2), 100/sqrt(3), ... later, each seen
        // at the next millisecond.
        let (mut expected, mut time) = (vec![1_100], 1_100.0_f64);
        for count in 1..12 {
            time += 100.0 / f64::from(count).sqrt();
            expected.push(time.ceil() as u64);
        }
        expected.retain(|&at| at < 1_600);
        assert_eq!(at, expected);
    }

    #[test]
    fn what_waits_less_than_the_target_is_left_alone() {
        assert_eq!(struck(&mut codel(false), 4, 0, 2_000), []);
    }

    #[test]
    fn a_queue_of_one_packet_is_none() {
        let mut codel = codel(false);
        let alone = Departure { waiting_bytes: 1_500, ..waited(500) };
        assert!((0..2_000).all(|ms| codel.on_dequeue(alone, Instant(ms * MS)) == Verdict::Pass));
    }

    #[test]
    fn one_short_wait_ends_a_phase_and_the_next_one_begins_where_it_was_left() {
        let mut codel = codel(false);
        let before = struck(&mut codel, 20, 0, 1_500).len();
        assert!(before > 20);
        assert_eq!(codel.on_dequeue(waited(1), Instant(1_500 * MS)), Verdict::Pass);
        let again = struck(&mut codel, 20, 1_501, 1_800);
        assert_eq!(again[0], 1_601);
        // Not an interval apart, as after a long time without trouble.
        assert!(again[1] - again[0] < 50, "{again:?}");
        assert_eq!(codel.on_dequeue(waited(1), Instant(1_800 * MS)), Verdict::Pass);
        let much_later = struck(&mut codel, 20, 10_000, 10_300);
        assert_eq!(much_later[1] - much_later[0], 100);
    }

    #[test]
    fn marks_come_as_often_as_drops() {
        let (mut dropping, mut marking) = (codel(false), codel(true));
        assert_eq!(struck(&mut dropping, 20, 0, 900), struck(&mut marking, 20, 0, 900));
        let verdicts: Vec<_> =
            (900..1_200).map(|ms| marking.on_dequeue(waited(20), Instant(ms * MS))).collect();
        assert!(verdicts.contains(&Verdict::Mark) && !verdicts.contains(&Verdict::Drop));
    }

    #[test]
    fn times_of_nothing_are_refused() {
        assert!(Codel::new(&direction::Codel { target_ns: 0, interval_ns: 1, ecn: false }).is_err());
        assert!(Codel::new(&direction::Codel { target_ns: 1, interval_ns: 0, ecn: false }).is_err());
    }

    proptest! {
        #[test]
        fn nobody_is_dropped_before_an_interval_of_long_waits(
            waits in prop::collection::vec((0_u64..30, 1_u64..40), 1..200),
        ) {
            let mut codel = codel(false);
            let (mut now, mut above_since) = (0, None);
            for (wait, pause) in waits {
                now += pause;
                let verdict = codel.on_dequeue(waited(wait), Instant(now * MS));
                above_since = if wait < 5 { None } else { above_since.or(Some(now)) };
                if verdict == Verdict::Drop {
                    prop_assert!(above_since.is_some_and(|since| now - since >= 100));
                }
            }
        }
    }
}
