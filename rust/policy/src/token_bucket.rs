//! Token bucket: an average rate with a bounded burst (RFC 2697 calls these CIR and CBS), reckoned as the
//! generic cell rate algorithm in its virtual scheduling form (ITU-T I.371, annex A).

use std::time::Duration;

use crate::time::Instant;

/// Says when packets may leave so that they keep to `rate` bits per second, with up to `burst` bytes at once
/// after a pause.
///
/// What it keeps is the time at which everything that has left would have left at the bare rate, in
/// nanoseconds with 32 binary places: no rounding adds up that a run could show.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    bits_per_second: u64,
    /// How far ahead of the bare rate a packet may leave.
    tolerance: u128,
    earned_until: u128,
}

const FRACTION: u32 = 32;

impl TokenBucket {
    /// A full bucket; `bits_per_second` of 0 counts as 1.
    pub fn new(bits_per_second: u64, burst_bytes: u64, now: Instant) -> Self {
        let bits_per_second = bits_per_second.max(1);
        let tolerance = takes(burst_bytes, bits_per_second);
        Self { bits_per_second, tolerance, earned_until: u128::from(now.0) << FRACTION }
    }

    /// Has this rate and burst from `now` on; what is owed by then stays owed, in bytes.
    pub fn change(&mut self, bits_per_second: u64, burst_bytes: u64, now: Instant) {
        let (before, now) = (self.bits_per_second, u128::from(now.0) << FRACTION);
        self.bits_per_second = bits_per_second.max(1);
        self.tolerance = takes(burst_bytes, self.bits_per_second);
        if let Some(owed) = self.earned_until.checked_sub(now) {
            let (bits, rate) = (owed.checked_mul(u128::from(before)), u128::from(self.bits_per_second));
            let owed =
                bits.map_or_else(|| (owed / rate).saturating_mul(u128::from(before)), |bits| bits / rate);
            self.earned_until = now.saturating_add(owed);
        }
    }

    /// From when on nothing is owed for what has left.
    pub fn ready(&self) -> Instant {
        instant(self.earned_until.saturating_sub(self.tolerance))
    }

    /// Spends for `bytes` that are there from `at` on; returns when the last of them has left.
    ///
    /// Without a burst, that is as long after `at` as they take at the rate.
    pub fn spend(&mut self, bytes: u64, at: Instant) -> Instant {
        let begin = self.earned_until.max(u128::from(at.0) << FRACTION);
        self.earned_until = begin + takes(bytes, self.bits_per_second);
        self.ready().max(at)
    }

    /// Bits that the rate lets leave within `time`.
    pub fn bits_within(&self, time: Duration) -> u64 {
        let bits = time.as_nanos() * u128::from(self.bits_per_second) / 1_000_000_000;
        u64::try_from(bits).unwrap_or(u64::MAX)
    }
}

/// Time that `bytes` take, in nanoseconds with 32 binary places.
fn takes(bytes: u64, bits_per_second: u64) -> u128 {
    ((u128::from(bytes) * 8_000_000_000) << FRACTION) / u128::from(bits_per_second)
}

fn instant(fixed: u128) -> Instant {
    // Rounded up: nothing leaves before its time.
    let nanos = (fixed + (1 << FRACTION) - 1) >> FRACTION;
    Instant(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_burst_packets_leave_one_after_the_other() {
        let mut bucket = TokenBucket::new(8_000_000, 0, Instant(1_000));
        assert_eq!(bucket.spend(1_500, Instant(1_000)), Instant(1_501_000));
        assert_eq!(bucket.spend(500, Instant(1_000)), Instant(2_001_000));
        assert_eq!(bucket.spend(1_000, Instant(5_000_000)), Instant(6_000_000));
    }

    #[test]
    fn after_a_pause_a_burst_leaves_at_once_and_no_more() {
        let mut bucket = TokenBucket::new(8_000, 3_000, Instant(0));
        let at = Instant(10_000_000_000);
        assert_eq!(bucket.spend(1_500, at), at);
        assert_eq!(bucket.spend(1_500, at), at);
        assert_eq!(bucket.spend(1_000, at), at + Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn over_any_interval_no_more_leaves_than_rate_and_burst_allow(
            rate in 1_000_u64..10_000_000_000,
            burst in 0_u64..100_000,
            steps in prop::collection::vec((0_u64..20_000_000, 1_u64..9_000), 1..200),
        ) {
            let mut bucket = TokenBucket::new(rate, burst, Instant(0));
            let (mut now, mut left) = (Instant(0), Vec::new());
            for (pause, bytes) in steps {
                now = now + Duration::from_nanos(pause);
                left.push((bucket.spend(bytes, now), bytes));
            }
            for first in 0..left.len() {
                let mut bits = 0_u128;
                for &(at, bytes) in &left[first..] {
                    bits += 8 * u128::from(bytes);
                    let time = u128::from(at.0 - left[first].0.0);
                    // The first packet of the interval may have been on its way when it began.
                    let allowed = 8 * u128::from(burst + left[first].1)
                        + u128::from(rate) * (time + 2) / 1_000_000_000 + 1;
                    prop_assert!(bits <= allowed, "{bits} bits in {time} ns, allowed {allowed}");
                }
            }
        }

        #[test]
        fn a_backlog_is_served_at_exactly_the_rate(rate in 1_000_u64..100_000_000_000, bytes in 1_u64..70_000) {
            let mut bucket = TokenBucket::new(rate, 0, Instant(0));
            let end = (0..1_000).map(|_| bucket.spend(bytes, Instant(0))).last().unwrap();
            let exact = (u128::from(bytes) * 8_000_000_000_000).div_ceil(u128::from(rate));
            prop_assert!(u128::from(end.0).abs_diff(exact) <= 1);
        }
    }
}
