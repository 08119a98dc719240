//! The clock that all processes of a machine share.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of CLOCK_MONOTONIC (clock_gettime(2)): the same in every process of this machine.
pub fn monotonic_nanos() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    // The kernel's monotonic clock begins at 0 when it boots and never goes back.
    (time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back() {
        let mut last = monotonic_nanos();
        for _ in 0..10_000 {
            let now = monotonic_nanos();
            assert!(now >= last);
            last = now;
        }
    }
}
