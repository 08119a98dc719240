//! Token bucket: an average rate with a bounded burst (RFC 2697 calls these CIR and CBS).

use std::time::Duration;

use crate::time::Instant;

/// Earns `rate` bits per second up to `burst` bytes; sending spends.
///
/// A spender may go into debt by one packet and then waits until the debt is paid, so that packets
/// larger than the burst still pass and the average rate is exact.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    bits_per_second: u64,
    burst_bits: i128,
    /// In bit-nanoseconds: exact for any rate and any pause.
    balance: i128,
    updated: Instant,
}

const NANOS: i128 = 1_000_000_000;

impl TokenBucket {
    /// A full bucket; `bits_per_second` of 0 counts as 1.
    pub fn new(bits_per_second: u64, burst_bytes: u64, now: Instant) -> Self {
        let burst_bits = i128::from(burst_bytes) * 8;
        Self {
            bits_per_second: bits_per_second.max(1),
            burst_bits,
            balance: burst_bits * NANOS,
            updated: now,
        }
    }

    /// Spends `bytes` if the bucket is not in debt.
    ///
    /// # Errors
    /// The time until it no longer is.
    pub fn spend(&mut self, bytes: u64, now: Instant) -> Result<(), Duration> {
        self.earn(now);
        if self.balance < 0 {
            let nanos = (-self.balance).div_euclid(i128::from(self.bits_per_second)) + 1;
            return Err(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
        }
        self.balance -= i128::from(bytes) * 8 * NANOS;
        Ok(())
    }

    fn earn(&mut self, now: Instant) {
        let earned = now.since(self.updated).as_nanos() as i128 * i128::from(self.bits_per_second);
        self.balance = (self.balance + earned).min(self.burst_bits * NANOS);
        self.updated = self.updated.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_debt_is_waited_for_to_the_nanosecond() {
        let mut bucket = TokenBucket::new(8_000_000, 0, Instant(0));
        assert_eq!(bucket.spend(1_000, Instant(0)), Ok(()));
        let wait = bucket.spend(1, Instant(0)).unwrap_err();
        assert_eq!(wait, Duration::from_nanos(1_000_001));
        assert_eq!(bucket.spend(1, Instant(0) + wait), Ok(()));
    }

    #[test]
    fn a_burst_passes_at_once_and_no_more_than_it() {
        let mut bucket = TokenBucket::new(1_000, 3_000, Instant(0));
        let passed = (0..10).take_while(|_| bucket.spend(1_000, Instant(0)).is_ok()).count();
        assert_eq!(passed, 4, "three of the burst and one on credit");
    }

    proptest! {
        #[test]
        fn what_passes_never_exceeds_rate_times_time_plus_burst_and_one_packet(
            rate in 1_000_u64..10_000_000_000, burst in 0_u64..1_000_000, size in 1_u64..65_536, packets in 1_u64..200,
        ) {
            let mut bucket = TokenBucket::new(rate, burst, Instant(0));
            let mut now = Instant(0);
            let mut sent = 0_u128;
            for _ in 0..packets {
                while let Err(wait) = bucket.spend(size, now) {
                    prop_assert!(wait > Duration::ZERO);
                    now = now + wait;
                }
                sent += u128::from(size) * 8;
            }
            let allowed = u128::from(rate) * u128::from(now.0) / 1_000_000_000 + u128::from(burst + size) * 8;
            prop_assert!(sent <= allowed + 1, "{sent} > {allowed}");
        }

        #[test]
        fn a_greedy_sender_gets_the_whole_rate(rate in 1_000_000_u64..10_000_000_000, size in 64_u64..65_536) {
            let mut bucket = TokenBucket::new(rate, 0, Instant(0));
            let mut now = Instant(0);
            for _ in 0..1_000 {
                while let Err(wait) = bucket.spend(size, now) {
                    now = now + wait;
                }
            }
            let ideal = (999 * size * 8) as f64 / rate as f64 * 1e9;
            prop_assert!((now.0 as f64 - ideal).abs() <= 1_000.0 + ideal * 1e-6, "{} against {ideal}", now.0);
        }
    }
}
