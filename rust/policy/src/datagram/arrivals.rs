//! When a flow of packets sends: at equal distances, as a Poisson process, or on and off (an interrupted
//! stream with exponential times, after Heffes and Lucantoni, IEEE JSAC 1986).

use nextmini_wire::control::ArrivalProcess;

use crate::random::Random;
use crate::time::Instant;

/// The moments at which a flow sends its packets.
#[derive(Debug)]
pub struct Arrivals {
    process: ArrivalProcess,
    bits_per_second: u64,
    packet_bits: u64,
    /// Packets that were sent since `origin`.
    sent: u64,
    /// Mean distance while it sends, in nanoseconds.
    distance: f64,
    /// Nanoseconds after `origin`, where they are random.
    next: f64,
    /// Until when it is on.
    on_until: f64,
    random: Random,
    origin: Instant,
}

impl Arrivals {
    /// Packets of `packet_bits` at `bits_per_second`, from `origin` on.
    pub fn new(
        process: ArrivalProcess,
        bits_per_second: u64,
        packet_bits: u64,
        origin: Instant,
        mut random: Random,
    ) -> Self {
        let bits_per_second = bits_per_second.max(1);
        let distance = packet_bits as f64 * 1e9 / bits_per_second as f64;
        let on_until = match process {
            ArrivalProcess::OnOff { on_ns, .. } => random.exponential() * on_ns as f64,
            ArrivalProcess::Constant | ArrivalProcess::Poisson => f64::INFINITY,
        };
        Self { process, bits_per_second, packet_bits, sent: 0, distance, next: 0.0, on_until, random, origin }
    }

    /// When the next packet is to be sent.
    pub fn next(&self) -> Instant {
        let after = match self.process {
            // Reckoned from the beginning, so that no rounding adds up.
            ArrivalProcess::Constant => {
                let bits = u128::from(self.sent) * u128::from(self.packet_bits);
                u64::try_from(bits * 1_000_000_000 / u128::from(self.bits_per_second)).unwrap_or(u64::MAX)
            }
            ArrivalProcess::Poisson | ArrivalProcess::OnOff { .. } => self.next as u64,
        };
        Instant(self.origin.0.saturating_add(after))
    }

    /// Sends at this rate from `now` on. A packet that is due already stays so.
    pub fn set_rate(&mut self, bits_per_second: u64, now: Instant) {
        let (due, before) = (self.next(), self.distance);
        self.bits_per_second = bits_per_second.max(1);
        self.distance = self.packet_bits as f64 * 1e9 / self.bits_per_second as f64;
        if due <= now {
            self.next_is(due);
            return;
        }
        let wait = due.since(now).as_nanos() as f64;
        let scale = self.distance / before;
        let wait = match self.process {
            // What has passed since the last packet counts, and nothing is caught up on.
            ArrivalProcess::Constant => (wait - before + self.distance).max(0.0),
            // Without memory.
            ArrivalProcess::Poisson => wait * scale,
            // The rest is a time in which it is off.
            ArrivalProcess::OnOff { .. } => wait - wait.min(before) + wait.min(before) * scale,
        };
        self.next_is(Instant(now.0.saturating_add(wait as u64)));
    }

    fn next_is(&mut self, at: Instant) {
        match self.process {
            ArrivalProcess::Constant => (self.origin, self.sent) = (at, 0),
            ArrivalProcess::Poisson | ArrivalProcess::OnOff { .. } => {
                self.next = at.0.saturating_sub(self.origin.0) as f64
            }
        }
    }

    /// It was sent: the one after it is the next.
    pub fn advance(&mut self) {
        self.sent += 1;
        match self.process {
            ArrivalProcess::Constant => {}
            ArrivalProcess::Poisson => self.next += self.distance * self.random.exponential(),
            ArrivalProcess::OnOff { on_ns, off_ns } => {
                self.next += self.distance;
                while self.next >= self.on_until {
                    // What is left of the distance counts once it is on again, so that the rate while on is exact.
                    let off = self.random.exponential() * off_ns as f64;
                    self.next += off;
                    self.on_until += off + self.random.exponential() * on_ns as f64;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(process: ArrivalProcess, count: usize) -> Vec<u64> {
        // A thousand packets a second.
        let mut arrivals = Arrivals::new(process, 8_000_000, 8_000, Instant(5), Random::new(1, &[1]));
        let times = std::iter::from_fn(|| {
            let at = arrivals.next();
            arrivals.advance();
            Some(at.0)
        });
        times.take(count).collect()
    }

    #[test]
    fn constant_flows_keep_their_distance_and_their_rate() {
        assert_eq!(times(ArrivalProcess::Constant, 3), [5, 1_000_005, 2_000_005]);
        let mut odd = Arrivals::new(ArrivalProcess::Constant, 3, 8, Instant(0), Random::new(1, &[1]));
        (0..3_000_000).for_each(|_| odd.advance());
        assert_eq!(odd.next().0 / 1_000, 8_000_000_000_000);
    }

    #[test]
    fn another_rate_counts_at_once_and_makes_no_burst() {
        // One packet in ten seconds, and then a thousand in one.
        let mut arrivals =
            Arrivals::new(ArrivalProcess::Constant, 800, 8_000, Instant(0), Random::new(1, &[1]));
        arrivals.advance();
        let now = Instant(5_000_000_000);
        arrivals.set_rate(8_000_000, now);
        assert_eq!(arrivals.next(), now);
        arrivals.advance();
        assert_eq!(arrivals.next(), Instant(now.0 + 1_000_000));
        arrivals.set_rate(4_000_000, Instant(now.0 + 500_000));
        assert_eq!(arrivals.next(), Instant(now.0 + 2_000_000));
        // Late: what is due is sent, and the one after it keeps the new distance.
        arrivals.set_rate(8_000_000, Instant(now.0 + 9_000_000));
        assert_eq!(arrivals.next(), Instant(now.0 + 2_000_000));
        arrivals.advance();
        assert_eq!(arrivals.next(), Instant(now.0 + 3_000_000));
    }

    #[test]
    fn random_flows_have_their_new_rate() {
        for process in
            [ArrivalProcess::Poisson, ArrivalProcess::OnOff { on_ns: 20_000_000, off_ns: 20_000_000 }]
        {
            let mut arrivals = Arrivals::new(process, 80, 8_000, Instant(0), Random::new(1, &[1]));
            arrivals.set_rate(8_000_000, Instant(0));
            (0..100_000).for_each(|_| arrivals.advance());
            let share = if process == ArrivalProcess::Poisson { 1.0 } else { 2.0 };
            let seconds = arrivals.next().0 as f64 / 1e9;
            assert!((seconds / (100.0 * share) - 1.0).abs() < 0.06, "{process:?}: {seconds}");
        }
    }

    #[test]
    fn a_poisson_flow_has_exponential_distances_of_the_right_mean() {
        let times = times(ArrivalProcess::Poisson, 100_001);
        let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Five standard errors of the mean and of the variance of an exponential distribution.
        assert!((mean - 1.0).abs() < 5.0 / 316.0, "{mean}");
        assert!((variance - 1.0).abs() < 5.0 * 8.0_f64.sqrt() / 316.0, "{variance}");
        assert!(times.is_sorted());
    }

    #[test]
    fn an_on_off_flow_sends_its_share_of_the_time_and_at_its_rate_while_on() {
        let process = ArrivalProcess::OnOff { on_ns: 20_000_000, off_ns: 60_000_000 };
        let times = times(process, 200_000);
        let share = 200_000.0 * 1e6 / *times.last().unwrap() as f64;
        assert!((share - 0.25).abs() < 0.02, "{share}");
        let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let least = *gaps.iter().min().unwrap();
        assert!((999_999..=1_000_000).contains(&least), "{least}");
        let on = gaps.iter().filter(|&&gap| gap <= 1_000_001).count() as f64 / gaps.len() as f64;
        assert!(on > 0.9, "{on}");
    }
}
