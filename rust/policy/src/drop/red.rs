//! Random early detection (Floyd and Jacobson, IEEE/ACM Transactions on Networking 1993), with the gentle mode
//! that Floyd proposed in 2000: between the upper threshold and twice that, the probability grows to 1 instead
//! of jumping there.

use std::time::Duration;

use nextmini_wire::control::direction;

use super::{DropError, Verdict};
use crate::random::Random;
use crate::time::Instant;

/// Drops or marks the more of those that come, the longer the queue has been on average.
#[derive(Clone, Debug)]
pub struct Red {
    settings: direction::Red,
    average: f64,
    /// Packets since the last one that was marked or dropped; nothing below the lower threshold.
    since_last: Option<u64>,
    /// Since when the queue is empty.
    idle_since: Option<Instant>,
    /// How long a typical packet takes to leave.
    service: Duration,
}

impl Red {
    /// The policy that was asked for, over a queue that has been empty.
    ///
    /// # Errors
    /// Thresholds, a probability or a weight that make no sense.
    pub fn new(asked: &direction::Red) -> Result<Self, DropError> {
        if asked.min == 0 || asked.min >= asked.max {
            return Err(DropError::Thresholds { min: asked.min, max: asked.max });
        }
        for (what, value) in [("probability", asked.probability), ("weight", asked.weight)] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(DropError::Share { what, value });
            }
        }
        let service = Duration::from_micros(100);
        Ok(Self { settings: *asked, average: 0.0, since_last: None, idle_since: None, service })
    }

    /// How long a typical packet takes to leave: so many of them would have left while the queue was empty.
    pub fn set_service(&mut self, service: Duration) {
        self.service = service.max(Duration::from_nanos(1));
    }

    /// A packet comes to a queue of so many packets, or bytes, as the thresholds are.
    pub fn on_arrival(
        &mut self,
        queue: u64,
        now: Instant,
        ecn_capable: bool,
        random: &mut Random,
    ) -> Verdict {
        self.update(queue, now);
        let probability = self.probability_at(self.average);
        if probability <= 0.0 {
            self.since_last = None;
            return Verdict::Pass;
        }
        if probability >= 1.0 {
            self.since_last = Some(0);
            return Verdict::Drop;
        }
        let since = self.since_last.map_or(0, |since| since + 1);
        // Packets between two marks are then distributed evenly: the paper's second method.
        let spread = probability / (1.0 - (since as f64 * probability).min(1.0 - probability));
        if random.unit() >= spread {
            self.since_last = Some(since);
            return Verdict::Pass;
        }
        self.since_last = Some(0);
        if self.settings.ecn && ecn_capable { Verdict::Mark } else { Verdict::Drop }
    }

    /// The queue became empty.
    pub fn idle_since(&mut self, now: Instant) {
        self.idle_since.get_or_insert(now);
    }

    /// The average queue, as the thresholds are.
    pub fn average(&self) -> f64 {
        self.average
    }

    /// The probability at an average queue, before marks are spread evenly.
    pub fn probability_at(&self, average: f64) -> f64 {
        let (min, max) = (self.settings.min as f64, self.settings.max as f64);
        let most = self.settings.probability;
        if average < min {
            0.0
        } else if average < max {
            most * (average - min) / (max - min)
        } else if self.settings.gentle && average < 2.0 * max {
            most + (1.0 - most) * (average - max) / max
        } else {
            1.0
        }
    }

    fn update(&mut self, queue: u64, now: Instant) {
        let weight = self.settings.weight;
        if queue == 0
            && let Some(since) = self.idle_since
        {
            let packets = now.since(since).as_secs_f64() / self.service.as_secs_f64();
            self.average *= (1.0 - weight).powf(packets);
            self.idle_since = Some(now.max(since));
        } else {
            self.idle_since = None;
            self.average += weight * (queue as f64 - self.average);
        }
        if queue > 0 {
            self.idle_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ASKED: direction::Red = direction::Red {
        in_bytes: false,
        min: 10,
        max: 30,
        probability: 0.1,
        weight: 0.02,
        gentle: true,
        ecn: false,
    };

    fn red(asked: direction::Red) -> Red {
        Red::new(&asked).unwrap()
    }

    /// Verdicts on packets that meet a queue of always the same length, once its average has settled.
    fn verdicts(asked: direction::Red, queue: u64, ecn_capable: bool, count: usize) -> Vec<Verdict> {
        let (mut red, mut random) = (red(asked), Random::new(3, &[1]));
        (0..3_000).for_each(|_| {
            red.on_arrival(queue, Instant(1), ecn_capable, &mut random);
        });
        (0..count).map(|_| red.on_arrival(queue, Instant(1), ecn_capable, &mut random)).collect()
    }

    fn share(verdicts: &[Verdict], of: Verdict) -> f64 {
        verdicts.iter().filter(|&&verdict| verdict == of).count() as f64 / verdicts.len() as f64
    }

    #[test]
    fn the_probability_follows_the_published_curve() {
        let steep = red(direction::Red { gentle: false, ..ASKED });
        let gentle = red(ASKED);
        for (average, expected) in [(0.0, 0.0), (9.9, 0.0), (20.0, 0.05), (29.999_999, 0.1)] {
            assert!((steep.probability_at(average) - expected).abs() < 1e-6, "{average}");
            assert_eq!(steep.probability_at(average), gentle.probability_at(average));
        }
        assert_eq!((steep.probability_at(30.0), gentle.probability_at(30.0)), (1.0, 0.1));
        assert!((gentle.probability_at(45.0) - 0.55).abs() < 1e-9);
        assert_eq!(gentle.probability_at(60.0), 1.0);
    }

    #[test]
    fn drops_are_as_many_as_evenly_spread_ones_are() {
        // Spread evenly over the 1/p packets that follow a drop: half as far apart as 1/p on average.
        for queue in [15, 20, 25] {
            let probability = red(ASKED).probability_at(queue as f64);
            let dropped = share(&verdicts(ASKED, queue, false, 100_000), Verdict::Drop);
            let expected = 2.0 * probability;
            assert!((dropped / expected - 1.0).abs() < 0.05, "{queue}: {dropped} for {expected}");
        }
        assert_eq!(share(&verdicts(ASKED, 9, false, 1_000), Verdict::Drop), 0.0);
        assert_eq!(share(&verdicts(ASKED, 100, false, 1_000), Verdict::Drop), 1.0);
    }

    #[test]
    fn no_two_drops_are_further_apart_than_the_inverse_of_the_probability() {
        let verdicts = verdicts(ASKED, 20, false, 20_000);
        let at: Vec<usize> = (0..verdicts.len()).filter(|&at| verdicts[at] == Verdict::Drop).collect();
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] <= 21), "{at:?}");
    }

    #[test]
    fn who_can_bear_it_is_marked_until_the_queue_is_too_long() {
        let ecn = direction::Red { ecn: true, ..ASKED };
        assert!(share(&verdicts(ecn, 20, true, 10_000), Verdict::Mark) > 0.05);
        assert_eq!(share(&verdicts(ecn, 20, true, 10_000), Verdict::Drop), 0.0);
        assert_eq!(share(&verdicts(ecn, 20, false, 10_000), Verdict::Mark), 0.0);
        assert_eq!(share(&verdicts(ecn, 90, true, 1_000), Verdict::Drop), 1.0);
    }

    #[test]
    fn an_idle_queue_forgets_as_if_packets_had_left() {
        let (mut red, mut random) = (red(ASKED), Random::new(3, &[1]));
        red.set_service(Duration::from_micros(10));
        (0..500).for_each(|_| {
            red.on_arrival(20, Instant(0), false, &mut random);
        });
        let before = red.average();
        red.idle_since(Instant(1_000));
        red.on_arrival(0, Instant(1_000 + 10 * 10_000), false, &mut random);
        assert!((red.average() - before * 0.98_f64.powi(10)).abs() < 1e-9);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for asked in [
            direction::Red { min: 30, ..ASKED },
            direction::Red { min: 0, ..ASKED },
            direction::Red { probability: 0.0, ..ASKED },
            direction::Red { probability: 1.1, ..ASKED },
            direction::Red { weight: f64::NAN, ..ASKED },
        ] {
            assert!(Red::new(&asked).is_err(), "{asked:?}");
        }
    }

    proptest! {
        #[test]
        fn the_average_stays_within_what_was_seen(queues in prop::collection::vec(1_u64..1_000, 1..200)) {
            let (mut red, mut random) = (red(ASKED), Random::new(3, &[1]));
            for (at, &queue) in queues.iter().enumerate() {
                red.on_arrival(queue, Instant(1), false, &mut random);
                let most = *queues[..=at].iter().max().unwrap() as f64;
                prop_assert!((0.0..=most).contains(&red.average()));
            }
        }

        #[test]
        fn the_curve_never_falls(one in 0.0_f64..100.0, more in 0.0_f64..50.0, gentle: bool) {
            let red = red(direction::Red { gentle, ..ASKED });
            prop_assert!(red.probability_at(one) <= red.probability_at(one + more));
        }
    }
}
