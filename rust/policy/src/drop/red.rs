//! Random early detection: the longer the queue was of late, the more of those who come are dropped.
//!
//! Floyd and Jacobson, "Random Early Detection Gateways for Congestion Avoidance", IEEE/ACM ToN 1993;
//! Floyd's "gentle" variant (2000). Where packets can be marked, those above `max` are dropped
//! nevertheless, as RFC 3168 (section 7) has it.
//!
//! Drops are spread: with p at the average queue, the distance from one to the next is uniform from 1 to
//! 1/p (the paper's method 2), hence 2 p / (1 + p) of the packets in the long run. This follows the
//! paper's text; its figure 2 counts one packet too many after each drop. In bytes, every packet is as
//! likely to be dropped as any other, whatever its size (RFC 7141).

use std::time::Duration;

use nextmini_wire::control::direction;

use super::{DropError, Verdict};
use crate::random::Random;
use crate::time::Instant;

/// Random early detection for one queue.
#[derive(Clone, Debug)]
pub struct Red {
    min: f64,
    max: f64,
    probability: f64,
    weight: f64,
    gentle: bool,
    ecn: bool,
    /// In packets or bytes, as the thresholds are.
    average: f64,
    /// Packets since the last that was dropped or marked, while the average is above `min`.
    spared: u64,
    /// Since when the queue is empty, if it is.
    idle: Option<Instant>,
    /// How long one packet takes.
    service: Duration,
}

impl Red {
    /// Random early detection as it was asked for, with an empty queue.
    ///
    /// # Errors
    /// Probabilities and weights that are none; thresholds that do not rise from 1 or more.
    pub fn new(asked: &direction::Red) -> Result<Self, DropError> {
        let &direction::Red { min, max, probability, weight, gentle, ecn, in_bytes: _ } = asked;
        if !(probability > 0.0 && probability <= 1.0) {
            return Err(DropError::Share { what: "probability", value: probability });
        }
        if !(weight > 0.0 && weight <= 1.0) {
            return Err(DropError::Share { what: "weight", value: weight });
        }
        if min == 0 || min >= max {
            return Err(DropError::Thresholds { min, max });
        }
        let (min, max) = (min as f64, max as f64);
        let (average, spared, idle, service) = (0.0, 0, None, Duration::ZERO);
        Ok(Self { min, max, probability, weight, gentle, ecn, average, spared, idle, service })
    }

    /// Says how long a typical packet takes to leave; before this is said, none takes any time. While
    /// the queue is empty, the average falls as if so many packets had come as could have left.
    pub fn set_service(&mut self, one_packet: Duration) {
        self.service = one_packet;
    }

    /// What becomes of a packet that finds `queue` packets or bytes (as the thresholds are) before it.
    pub fn on_arrival(
        &mut self,
        queue: u64,
        now: Instant,
        ecn_capable: bool,
        random: &mut Random,
    ) -> Verdict {
        self.sample(queue, now);
        let spread = self.spread_probability();
        if spread == 0.0 || random.unit() >= spread {
            return Verdict::Pass;
        }
        self.spared = 0;
        if self.ecn && ecn_capable && self.average < self.max { Verdict::Mark } else { Verdict::Drop }
    }

    /// The queue became empty at `now`.
    pub fn idle_since(&mut self, now: Instant) {
        self.idle = Some(now);
    }

    /// The average queue, in packets or bytes as the thresholds are.
    pub fn average(&self) -> f64 {
        self.average
    }

    /// How likely a packet is to be dropped or marked at this average queue, before drops are spread;
    /// from 0 to 1.
    pub fn probability_at(&self, average: f64) -> f64 {
        let share = |from: f64, to: f64| (average - from) / (to - from);
        if average < self.min {
            0.0
        } else if average < self.max {
            self.probability * share(self.min, self.max)
        } else if self.gentle && average < 2.0 * self.max {
            self.probability + (1.0 - self.probability) * share(self.max, 2.0 * self.max)
        } else {
            1.0
        }
    }

    fn sample(&mut self, queue: u64, now: Instant) {
        match self.idle.take() {
            Some(idle) if queue == 0 => {
                self.average *= self.idle_factor(now.since(idle));
                // Should this packet be dropped, the queue stays empty.
                self.idle = Some(now);
            }
            _ => self.average += self.weight * (queue as f64 - self.average),
        }
    }

    /// What is left of the average after an idle time.
    fn idle_factor(&self, idle: Duration) -> f64 {
        if idle.is_zero() {
            return 1.0;
        }
        // Without a service time this is infinite, and nothing is left.
        let packets = idle.as_nanos() as f64 / self.service.as_nanos() as f64;
        libm::pow(1.0 - self.weight, packets)
    }

    /// How likely this packet is to be dropped or marked, given those that were spared.
    fn spread_probability(&mut self) -> f64 {
        let probability = self.probability_at(self.average);
        if self.average < self.min {
            self.spared = 0;
            return 0.0;
        }
        let left = 1.0 - self.spared as f64 * probability;
        self.spared += 1;
        if left <= probability { probability.ceil() } else { probability / left }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked() -> direction::Red {
        direction::Red {
            in_bytes: false,
            min: 5,
            max: 15,
            probability: 0.1,
            weight: 0.002,
            gentle: true,
            ecn: false,
        }
    }

    /// One whose average is at `queue` at once.
    fn at(queue: u64, asked: direction::Red) -> Red {
        let mut red = Red::new(&asked).unwrap();
        red.average = queue as f64;
        red
    }

    fn verdicts(red: &mut Red, queue: u64, ecn_capable: bool, count: usize) -> Vec<Verdict> {
        let mut random = Random::new(5, &[1]);
        (0..count).map(|_| red.on_arrival(queue, Instant(0), ecn_capable, &mut random)).collect()
    }

    #[test]
    fn the_curve_is_the_paper_s() {
        let red = Red::new(&asked()).unwrap();
        let curve =
            [(0.0, 0.0), (4.999, 0.0), (5.0, 0.0), (10.0, 0.05), (15.0, 0.1), (22.5, 0.55), (30.0, 1.0)];
        for (average, expected) in curve {
            let found = red.probability_at(average);
            assert!((found - expected).abs() < 1e-12, "{average}: {found}");
        }
        let harsh = Red::new(&direction::Red { gentle: false, ..asked() }).unwrap();
        assert_eq!((harsh.probability_at(14.999) < 0.1, harsh.probability_at(15.0)), (true, 1.0));
    }

    #[test]
    fn the_average_is_a_low_pass_filter() {
        let mut red = Red::new(&asked()).unwrap();
        verdicts(&mut red, 10, false, 1_000);
        let expected = 10.0 * (1.0 - 0.998_f64.powi(1_000));
        assert!((red.average() - expected).abs() < 1e-9, "{}", red.average());
    }

    #[test]
    fn a_burst_that_the_average_does_not_see_passes() {
        let mut red = Red::new(&asked()).unwrap();
        assert!(verdicts(&mut red, 40, false, 60).iter().all(|&verdict| verdict == Verdict::Pass));
    }

    #[test]
    fn distances_between_drops_are_uniform() {
        // At 10 of 5 to 15 one in twenty: distances from 1 to 20, all alike.
        let mut red = at(10, asked());
        let mut distances = [0_u32; 21];
        let mut distance = 0;
        for verdict in verdicts(&mut red, 10, false, 105_000) {
            distance += 1;
            if verdict == Verdict::Drop {
                distances[distance] += 1;
                distance = 0;
            }
        }
        // 10,000 drops, 500 at each distance.
        assert_eq!(distances[0], 0);
        assert!(distances[1..].iter().all(|count| (400..600).contains(count)), "{distances:?}");
    }

    #[test]
    fn marks_replace_drops_below_max_only() {
        let asked = direction::Red { ecn: true, ..asked() };
        let count = |queue: u64, capable: bool, verdict: Verdict| {
            verdicts(&mut at(queue, asked), queue, capable, 1_000).iter().filter(|&&v| v == verdict).count()
        };
        assert!(count(10, true, Verdict::Mark) > 0 && count(10, true, Verdict::Drop) == 0);
        assert!(count(10, false, Verdict::Drop) > 0 && count(10, false, Verdict::Mark) == 0);
        assert!(count(20, true, Verdict::Drop) > 0 && count(20, true, Verdict::Mark) == 0);
        assert_eq!(count(31, true, Verdict::Drop), 1_000);
    }

    #[test]
    fn an_idle_queue_counts_as_packets_that_found_nothing() {
        let mut red = at(10, asked());
        red.set_service(Duration::from_millis(1));
        let mut random = Random::new(1, &[]);
        red.idle_since(Instant(0));
        red.on_arrival(0, Instant(100_000_000), false, &mut random);
        let expected = 10.0 * 0.998_f64.powi(100);
        assert!((red.average() - expected).abs() < 1e-9, "{}", red.average());
        // If that packet was dropped, the queue is still empty, and only the time since counts.
        red.on_arrival(0, Instant(101_000_000), false, &mut random);
        assert!((red.average() - expected * 0.998).abs() < 1e-9, "{}", red.average());
        red.on_arrival(1, Instant(900_000_000), false, &mut random);
        red.on_arrival(0, Instant(950_000_000), false, &mut random);
        let expected = (expected * 0.998 * 0.998 + 0.002) * 0.998;
        assert!((red.average() - expected).abs() < 1e-9, "a queue that was not empty is not idle");
    }

    #[test]
    fn where_packets_take_no_time_an_idle_moment_clears_the_average() {
        let mut red = at(10, asked());
        red.idle_since(Instant(5));
        red.on_arrival(0, Instant(6), false, &mut Random::new(1, &[]));
        assert_eq!(red.average(), 0.0);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |asked| Red::new(&asked).unwrap_err();
        let wrong = direction::Red { min: 15, ..asked() };
        assert_eq!(refused(wrong), DropError::Thresholds { min: 15, max: 15 });
        let wrong = direction::Red { probability: 1.1, ..asked() };
        assert_eq!(refused(wrong), DropError::Share { what: "probability", value: 1.1 });
        let wrong = direction::Red { weight: 0.0, ..asked() };
        assert_eq!(refused(wrong), DropError::Share { what: "weight", value: 0.0 });
        assert!(Red::new(&direction::Red { weight: f64::NAN, ..asked() }).is_err());
        assert!(Red::new(&direction::Red { probability: f64::NAN, ..asked() }).is_err());
    }

    proptest! {
        #[test]
        fn the_curve_never_falls(
            min in 1_u64..100, more in 1_u64..100, probability in 1e-6..=1.0, gentle: bool,
            a in 0.0..500.0_f64, b in 0.0..500.0_f64,
        ) {
            let asked = direction::Red { min, max: min + more, probability, gentle, ..asked() };
            let red = Red::new(&asked).unwrap();
            let (low, high) = (red.probability_at(a.min(b)), red.probability_at(a.max(b)));
            prop_assert!((0.0..=1.0).contains(&low) && low <= high && high <= 1.0);
        }

        #[test]
        fn no_more_than_one_over_p_packets_pass_in_a_row(queue in 6_u64..30, seed: u64) {
            let mut red = at(queue, asked());
            let mut random = Random::new(seed, &[]);
            let most = (1.0 / red.probability_at(queue as f64)).ceil() as usize;
            let verdicts: Vec<Verdict> =
                (0..3 * most).map(|_| red.on_arrival(queue, Instant(0), false, &mut random)).collect();
            for row in verdicts.windows(most) {
                prop_assert!(row.contains(&Verdict::Drop));
            }
        }

        #[test]
        fn below_min_everything_passes_and_above_twice_max_nothing(
            seed: u64, queues in prop::collection::vec(0_u64..5, 1..100),
        ) {
            let mut random = Random::new(seed, &[]);
            let mut red = Red::new(&asked()).unwrap();
            for queue in queues {
                prop_assert_eq!(red.on_arrival(queue, Instant(0), false, &mut random), Verdict::Pass);
            }
            prop_assert_eq!(at(31, asked()).on_arrival(31, Instant(0), true, &mut random), Verdict::Drop);
        }
    }
}
