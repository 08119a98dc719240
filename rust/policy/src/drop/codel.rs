//! Controlled delay: drops that come faster and faster while every packet waits too long.
//!
//! RFC 8289 (section 5), whose loop over the queue is asked here packet by packet. Marking as in Linux:
//! where a packet would be dropped, one that can be marked goes on instead, and counts the same.

use std::time::Duration;

use nextmini_wire::control::direction;

use super::{DropError, Verdict};
use crate::time::Instant;

/// An earlier dropping rate is taken up again if it ended less than so many intervals ago.
const MEMORY: u32 = 16;

/// Controlled delay for one queue.
#[derive(Clone, Debug)]
pub struct Codel {
    target: Duration,
    interval: Duration,
    ecn: bool,
    /// When the delay will have been above the target for an interval; nothing while it is below.
    above_until: Option<Instant>,
    dropping: bool,
    /// The next drop while dropping; else the first that was not needed any more.
    drop_next: Instant,
    /// Drops of this dropping state.
    count: u64,
    /// `count` as the dropping state began.
    first_count: u64,
    /// A packet was dropped, and it depends on the one behind it when the next will be.
    advance: bool,
}

impl Codel {
    /// Controlled delay as it was asked for.
    ///
    /// # Errors
    /// A target or an interval of 0.
    pub fn new(asked: &direction::Codel) -> Result<Self, DropError> {
        let &direction::Codel { target_ns, interval_ns, .. } = asked;
        if target_ns == 0 || interval_ns == 0 {
            return Err(DropError::Times { target_ns, interval_ns });
        }
        Ok(Self {
            target: Duration::from_nanos(target_ns),
            interval: Duration::from_nanos(interval_ns),
            ecn: asked.ecn,
            above_until: None,
            dropping: false,
            drop_next: Instant::default(),
            count: 0,
            first_count: 0,
            advance: false,
        })
    }

    /// What becomes of a packet that was taken from the queue at `now`, having waited for `sojourn`.
    ///
    /// `waiting_bytes` are in the queue behind it; as long as they are no more than one `mtu`, in bytes, it
    /// passes. After a [`Verdict::Drop`] the next packet is taken at the same moment, or [`Self::on_empty`]
    /// told.
    pub fn on_dequeue(
        &mut self,
        sojourn: Duration,
        now: Instant,
        waiting_bytes: u64,
        mtu: u64,
        ecn_capable: bool,
    ) -> Verdict {
        let too_long = self.stands(sojourn, now, waiting_bytes <= mtu);
        let advance = std::mem::take(&mut self.advance);
        if !too_long {
            self.dropping = false;
            return Verdict::Pass;
        }
        if !self.dropping {
            self.begin(now);
            return self.strike(ecn_capable);
        }
        if advance {
            self.drop_next = self.after(self.drop_next);
        }
        if now < self.drop_next {
            return Verdict::Pass;
        }
        self.count += 1;
        let verdict = self.strike(ecn_capable);
        if verdict == Verdict::Mark {
            self.drop_next = self.after(self.drop_next);
        } else {
            self.advance = true;
        }
        verdict
    }

    /// There was nothing to take: the queue is empty.
    pub fn on_empty(&mut self) {
        self.above_until = None;
        self.dropping = false;
        self.advance = false;
    }

    /// Whether the delay has been above the target for an interval.
    fn stands(&mut self, sojourn: Duration, now: Instant, least_queue: bool) -> bool {
        if sojourn < self.target || least_queue {
            self.above_until = None;
            return false;
        }
        match self.above_until {
            Some(until) => now >= until,
            None => {
                self.above_until = Some(now + self.interval);
                false
            }
        }
    }

    /// Begins to drop, at about the rate that was right last time if that was only just now.
    fn begin(&mut self, now: Instant) {
        let earlier = self.count - self.first_count;
        let lately = now.since(self.drop_next) < self.interval * MEMORY;
        self.count = if earlier > 1 && lately { earlier } else { 1 };
        self.first_count = self.count;
        self.dropping = true;
        self.drop_next = self.after(now);
    }

    /// The control law: the square root makes a flow's throughput fall steadily (RFC 8289, section 3.3).
    fn after(&self, moment: Instant) -> Instant {
        let nanos = self.interval.as_nanos() as f64 / (self.count.max(1) as f64).sqrt();
        moment + Duration::from_nanos(nanos as u64)
    }

    fn strike(&self, ecn_capable: bool) -> Verdict {
        if self.ecn && ecn_capable { Verdict::Mark } else { Verdict::Drop }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;
    const MTU: u64 = 1_500;
    const ASKED: direction::Codel = direction::Codel { target_ns: 5 * MS, interval_ns: 100 * MS, ecn: false };

    fn codel() -> Codel {
        Codel::new(&ASKED).unwrap()
    }

    fn ask(codel: &mut Codel, sojourn_ms: u64, now_ms: u64) -> Verdict {
        codel.on_dequeue(Duration::from_millis(sojourn_ms), Instant(now_ms * MS), 100 * MTU, MTU, true)
    }

    /// Times in ms at which packets were struck, one being taken every ms of those given with this delay.
    fn strikes(codel: &mut Codel, sojourn_ms: u64, times: std::ops::Range<u64>) -> Vec<u64> {
        times.filter(|&now| ask(codel, sojourn_ms, now) != Verdict::Pass).collect()
    }

    #[test]
    fn drops_follow_the_control_law() {
        let strikes = strikes(&mut codel(), 20, 0..1_000);
        // First after an interval; then interval / sqrt(count) after one another.
        let mut expected = vec![100.0_f64];
        while expected.len() < strikes.len() {
            expected.push(expected[expected.len() - 1] + 100.0 / (expected.len() as f64).sqrt());
        }
        assert!(strikes.len() > 20);
        for (found, expected) in strikes.iter().zip(expected) {
            assert_eq!(*found, (expected - 1e-3).ceil() as u64, "{strikes:?}");
        }
    }

    #[test]
    fn marks_come_when_drops_would() {
        let mut marking = Codel::new(&direction::Codel { ecn: true, ..ASKED }).unwrap();
        let marked: Vec<u64> =
            (0..1_000).filter(|&now| ask(&mut marking, 20, now) == Verdict::Mark).collect();
        assert_eq!(marked, strikes(&mut codel(), 20, 0..1_000));
        let mut marking = Codel::new(&direction::Codel { ecn: true, ..ASKED }).unwrap();
        let stands = Duration::from_millis(20);
        let incapable = |now: u64| marking.on_dequeue(stands, Instant(now * MS), 100 * MTU, MTU, false);
        assert!((0..200).map(incapable).any(|verdict| verdict == Verdict::Drop));
    }

    #[test]
    fn one_short_delay_ends_it() {
        let mut codel = codel();
        assert_eq!(strikes(&mut codel, 20, 0..120), [100]);
        assert_eq!(ask(&mut codel, 4, 120), Verdict::Pass);
        assert_eq!(strikes(&mut codel, 20, 121..221), [0; 0], "a whole interval has to pass again");
        assert_eq!(strikes(&mut codel, 20, 221..223), [221]);
    }

    #[test]
    fn an_empty_queue_ends_it() {
        let mut codel = codel();
        assert_eq!(strikes(&mut codel, 20, 0..120), [100]);
        codel.on_empty();
        assert_eq!(strikes(&mut codel, 20, 120..220), [0; 0]);
    }

    #[test]
    fn a_rate_that_was_right_lately_is_taken_up_again() {
        let (mut soon, mut late) = (codel(), codel());
        for codel in [&mut soon, &mut late] {
            assert_eq!(strikes(codel, 20, 0..1_000).len(), 27);
            ask(codel, 1, 1_000);
        }
        // 26 more drops than the first: the next is 100 ms / sqrt(26) later.
        assert_eq!(strikes(&mut soon, 20, 1_001..1_130), [1_101, 1_121]);
        assert_eq!(strikes(&mut late, 20, 9_001..9_210), [9_101, 9_201]);
    }

    #[test]
    fn times_of_nothing_are_refused() {
        for asked in
            [direction::Codel { interval_ns: 0, ..ASKED }, direction::Codel { target_ns: 0, ..ASKED }]
        {
            assert!(matches!(Codel::new(&asked), Err(DropError::Times { .. })));
        }
    }

    /// The RFC's pseudo-code, over a queue of moments of arrival in ns; the packet that is taken counts as
    /// waiting.
    #[derive(Default)]
    struct Reference {
        queue: VecDeque<u64>,
        first_above: u64,
        drop_next: u64,
        count: u64,
        last_count: u64,
        dropping: bool,
        dropped: Vec<u64>,
    }

    impl Reference {
        fn take(&mut self, now: u64) -> (Option<u64>, bool) {
            let Some(arrived) = self.queue.pop_front() else {
                self.first_above = 0;
                return (None, false);
            };
            let bytes = self.queue.len() as u64 * MTU;
            if now - arrived < ASKED.target_ns || bytes <= MTU {
                self.first_above = 0;
            } else if self.first_above == 0 {
                self.first_above = now + ASKED.interval_ns;
            } else if now >= self.first_above {
                return (Some(arrived), true);
            }
            (Some(arrived), false)
        }

        fn law(&self, moment: u64) -> u64 {
            moment + (ASKED.interval_ns as f64 / (self.count as f64).sqrt()) as u64
        }

        fn dequeue(&mut self, now: u64) -> Option<u64> {
            let (mut packet, mut ok) = self.take(now);
            if self.dropping {
                self.dropping = ok;
                while self.dropping && now >= self.drop_next {
                    self.dropped.extend(packet);
                    self.count += 1;
                    (packet, ok) = self.take(now);
                    self.dropping = ok;
                    if ok {
                        self.drop_next = self.law(self.drop_next);
                    }
                }
            } else if ok {
                self.dropped.extend(packet);
                (packet, _) = self.take(now);
                self.dropping = true;
                let delta = self.count - self.last_count;
                let lately = now.saturating_sub(self.drop_next) < 16 * ASKED.interval_ns;
                self.count = if delta > 1 && lately { delta } else { 1 };
                self.drop_next = self.law(now);
                self.last_count = self.count;
            }
            packet
        }
    }

    /// A queue that asks packet by packet.
    fn dequeue(
        codel: &mut Codel,
        queue: &mut VecDeque<u64>,
        dropped: &mut Vec<u64>,
        now: u64,
    ) -> Option<u64> {
        loop {
            let Some(arrived) = queue.pop_front() else {
                codel.on_empty();
                return None;
            };
            let bytes = queue.len() as u64 * MTU;
            match codel.on_dequeue(Duration::from_nanos(now - arrived), Instant(now), bytes, MTU, false) {
                Verdict::Drop => dropped.push(arrived),
                _ => return Some(arrived),
            }
        }
    }

    proptest! {
        #[test]
        fn it_does_what_the_pseudo_code_does(
            phases in prop::collection::vec((1_u64..400, 1_u64..4, 1_u64..40), 1..12),
        ) {
            let (mut codel, mut reference) = (codel(), Reference::default());
            let (mut queue, mut dropped, mut now) = (VecDeque::new(), Vec::new(), 1_u64);
            for (steps, arrivals, gap) in phases {
                for step in 0..steps {
                    now += gap * MS;
                    if step % arrivals == 0 {
                        let burst = (0..arrivals + step % 3).map(|_| now - step % 7 * MS);
                        queue.extend(burst.clone());
                        reference.queue.extend(burst);
                    }
                    let taken = dequeue(&mut codel, &mut queue, &mut dropped, now);
                    prop_assert_eq!(taken, reference.dequeue(now));
                    prop_assert_eq!(&dropped, &reference.dropped);
                }
            }
        }

        #[test]
        fn short_delays_and_short_queues_are_left_alone(
            waits in prop::collection::vec((0_u64..5 * MS, 1_u64..200), 1..100), stands in 5 * MS..1_000 * MS,
        ) {
            let (mut short, mut lone, mut now) = (codel(), codel(), 0);
            for (sojourn, pause) in waits {
                now += pause * MS;
                let sojourn = Duration::from_nanos(sojourn);
                prop_assert_eq!(short.on_dequeue(sojourn, Instant(now), 1 << 20, MTU, false), Verdict::Pass);
                let stands = Duration::from_nanos(stands);
                prop_assert_eq!(lone.on_dequeue(stands, Instant(now), MTU, MTU, false), Verdict::Pass);
            }
        }
    }
}
