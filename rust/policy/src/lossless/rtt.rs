//! Round-trip times: smoothed as RFC 6298 does, and the least ever seen.

use std::time::Duration;

/// Before anything is known, a chunk is not sent again sooner than this (RFC 6298, section 2.1).
const INITIAL_TIMEOUT: Duration = Duration::from_secs(1);
/// A chunk is never sent again sooner than this.
const MIN_TIMEOUT: Duration = Duration::from_millis(200);
/// It doubles so many times at most: a network that is asked to lose packets is not one that is overloaded, and after
/// a link was down for long a session is to go on soon.
const MOST_DOUBLINGS: u32 = 3;

/// What is known of the path's round-trip time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rtt {
    smoothed: Option<Duration>,
    least: Option<Duration>,
    doublings: u32,
}

impl Rtt {
    /// Takes a measurement, which also ends any doubling of the timeout.
    pub fn sample(&mut self, rtt: Duration) {
        self.smoothed = Some(self.smoothed.map_or(rtt, |smoothed| (smoothed * 7 + rtt) / 8));
        self.least = Some(self.least.map_or(rtt, |least| least.min(rtt)));
        self.doublings = 0;
    }

    /// A timeout passed: the next one is twice as long.
    pub fn back_off(&mut self) {
        self.doublings = (self.doublings + 1).min(MOST_DOUBLINGS);
    }

    /// Smoothed round-trip time.
    pub fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// The least round-trip time: that of the path without queues.
    pub fn least(&self) -> Option<Duration> {
        self.least
    }

    /// How long to wait for an acknowledgement: four smoothed round-trip times, at least 200 ms.
    pub fn timeout(&self) -> Duration {
        let base = self.smoothed.map_or(INITIAL_TIMEOUT, |smoothed| (smoothed * 4).max(MIN_TIMEOUT));
        base.saturating_mul(1 << self.doublings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_follow_the_path_and_double() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout(), INITIAL_TIMEOUT);
        rtt.sample(Duration::from_millis(10));
        assert_eq!(rtt.timeout(), MIN_TIMEOUT);
        rtt.back_off();
        rtt.back_off();
        assert_eq!(rtt.timeout(), MIN_TIMEOUT * 4);
        rtt.sample(Duration::from_millis(10));
        assert_eq!(rtt.timeout(), MIN_TIMEOUT);
        (0..64).for_each(|_| rtt.sample(Duration::from_secs(1)));
        let once = rtt.timeout();
        assert!(once > Duration::from_millis(3_900));
        assert_eq!(rtt.least(), Some(Duration::from_millis(10)));
        (0..64).for_each(|_| rtt.back_off());
        assert_eq!(rtt.timeout(), once * 8);
    }
}
