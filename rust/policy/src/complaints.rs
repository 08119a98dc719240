//! How often something is said of what goes wrong. A node says what became of packets (RFC 1812, section 4.3.2.8) as
//! often as Linux does.

use crate::time::Instant;
use crate::token_bucket::TokenBucket;

/// Messages in a second, in the long run (net.ipv4.icmp_msgs_per_sec).
const EACH_SECOND: u64 = 1_000;
/// Messages at once (net.ipv4.icmp_msgs_burst).
const AT_ONCE: u64 = 50;

/// Says whether one more may be sent.
#[derive(Clone, Copy, Debug)]
pub struct Complaints {
    /// Messages are bytes here.
    bucket: TokenBucket,
}

impl Complaints {
    /// None was sent yet.
    pub fn new(now: Instant) -> Self {
        Self::of(EACH_SECOND, AT_ONCE, now)
    }

    /// None was sent yet, and there may be so many in each second in the long run, and at once.
    pub fn of(each_second: u64, at_once: u64, now: Instant) -> Self {
        Self { bucket: TokenBucket::new(8 * each_second, at_once, now) }
    }

    /// Whether one may be sent now; if so, it counts as sent.
    pub fn allow(&mut self, now: Instant) -> bool {
        let allowed = self.bucket.ready() <= now;
        if allowed {
            self.bucket.spend(1, now);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Instant(5_000_000_000);
        let mut complaints = Complaints::new(start);
        let allowed = |complaints: &mut Complaints, now| (0..1_000).filter(|_| complaints.allow(now)).count();
        assert_eq!(allowed(&mut complaints, start), AT_ONCE as usize + 1);
        assert_eq!(allowed(&mut complaints, start + Duration::from_millis(10)), 10);
        assert_eq!(allowed(&mut complaints, start + Duration::from_secs(60)), AT_ONCE as usize + 1);
    }
}
