//! When packets leave: at once, at a rate, or as a trace says.

use std::sync::Arc;
use std::time::Duration;

use nextmini_wire::control::direction::TraceKind;

use crate::rate::{Opportunities, Steps, Trace};
use crate::time::Instant;
use crate::token_bucket::TokenBucket;

/// The sending end of one direction of a link.
#[derive(Debug)]
pub struct Shaper {
    service: Service,
    /// When what has left has left: nothing begins before it.
    free_at: Instant,
}

#[derive(Debug)]
enum Service {
    Unlimited,
    Bucket(TokenBucket),
    Steps { steps: Steps, origin: Instant },
    Opportunities(Opportunities),
}

/// What the rate is.
#[derive(Clone, Debug)]
pub enum Rate {
    /// There is none.
    Unlimited,
    /// Bits per second, and bytes that may leave at once after a pause.
    Constant {
        /// Bits per second.
        bits_per_second: u64,
        /// Bytes.
        burst: u64,
    },
    /// It changes over time.
    Trace(Arc<Trace>),
}

impl Shaper {
    /// A shaper that has sent nothing yet; a trace begins at `now`.
    pub fn new(rate: &Rate, now: Instant) -> Self {
        let service = match rate {
            Rate::Unlimited => Service::Unlimited,
            Rate::Constant { bits_per_second, burst } => {
                Service::Bucket(TokenBucket::new(*bits_per_second, *burst, now))
            }
            Rate::Trace(trace) => match trace.kind() {
                TraceKind::Rates => Service::Steps { steps: Steps::new(Arc::clone(trace)), origin: now },
                TraceKind::Opportunities => {
                    Service::Opportunities(Opportunities::new(Arc::clone(trace), now))
                }
            },
        };
        Self { service, free_at: now }
    }

    /// Whether packets take time.
    pub fn is_limited(&self) -> bool {
        !matches!(self.service, Service::Unlimited)
    }

    /// From when on the next packet may begin.
    pub fn free_at(&self) -> Instant {
        self.free_at
    }

    /// Sends `bytes` that begin at `start`, which is not before [`Self::free_at`]; returns when the last of
    /// them has left, nothing if the rate stays zero for ever.
    pub fn send(&mut self, bytes: u64, start: Instant) -> Option<Instant> {
        let left = match &mut self.service {
            Service::Unlimited => Some(start),
            Service::Bucket(bucket) => Some(bucket.spend(bytes, start)),
            Service::Steps { steps, origin } => steps.finish(*origin, start, bytes.saturating_mul(8)),
            Service::Opportunities(opportunities) => opportunities.send(bytes, start),
        };
        self.free_at = left.unwrap_or(Instant(u64::MAX));
        left
    }

    /// Bits that may leave between two moments.
    pub fn bits_between(&self, from: Instant, to: Instant) -> u64 {
        match &self.service {
            Service::Unlimited => u64::MAX,
            Service::Bucket(bucket) => bucket.bits_within(to.since(from)),
            Service::Steps { steps, origin } => steps.bits_between(*origin, from, to),
            Service::Opportunities(opportunities) => opportunities.bits_between(from, to),
        }
    }

    /// Bytes that leave within `time` from `now` on.
    pub fn bytes_within(&self, time: Duration, now: Instant) -> u64 {
        self.bits_between(now, now + time) / 8
    }
}
