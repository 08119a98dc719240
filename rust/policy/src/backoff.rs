//! When to try again: exponential backoff with full jitter (AWS Architecture Blog, 2015).

use std::time::Duration;

/// Delays before the next attempts: each drawn below a ceiling that doubles up to `most`.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// Ceilings from `first` to `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// The delay after one more failure; `random` is a fresh random number.
    pub fn delay(&mut self, random: u64) -> Duration {
        let doublings = self.failures.min(20);
        self.failures = self.failures.saturating_add(1);
        let ceiling = self.first.saturating_mul(1 << doublings).min(self.most);
        // At least half the ceiling, so that a busy peer is never asked again at once.
        let half = ceiling / 2;
        half + half.mul_f64(random as f64 / u64::MAX as f64)
    }

    /// Begins anew after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn delays_grow_to_their_bound_and_never_vanish(randoms in prop::collection::vec(any::<u64>(), 1..64)) {
            let (first, most) = (Duration::from_millis(10), Duration::from_secs(2));
            let mut backoff = Backoff::new(first, most);
            for (attempt, random) in randoms.into_iter().enumerate() {
                let ceiling = first.saturating_mul(1 << attempt.min(20)).min(most);
                let delay = backoff.delay(random);
                prop_assert!(delay >= ceiling / 2 && delay <= ceiling + Duration::from_nanos(1));
            }
            backoff.reset();
            prop_assert!(backoff.delay(0) <= first);
        }
    }
}
