//! What may change of a flow while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use nextmini_policy::time::Instant;
use nextmini_policy::token_bucket::TokenBucket;
use nextmini_wire::control::Flow;
use tokio::sync::watch;

/// A flow with a rate may catch up on so much after it was late.
const BURST: Duration = Duration::from_millis(4);

/// The terms of one flow: its row changes them, its source reads them whenever it sends.
#[derive(Debug)]
pub struct Terms {
    /// 0 for none.
    rate: AtomicU64,
    weight: AtomicU32,
    /// 0 for none: rows are counted from 1.
    route: AtomicU32,
    changed: watch::Sender<()>,
}

impl Terms {
    /// Those of `flow`.
    pub fn new(flow: &Flow) -> Arc<Self> {
        let terms = Self {
            rate: AtomicU64::default(),
            weight: AtomicU32::default(),
            route: AtomicU32::default(),
            changed: watch::Sender::new(()),
        };
        terms.set(flow);
        Arc::new(terms)
    }

    /// They are as `flow` says from now on.
    pub fn set(&self, flow: &Flow) {
        self.rate.store(flow.rate.unwrap_or(0), Ordering::Relaxed);
        self.weight.store(flow.weight, Ordering::Relaxed);
        self.route.store(flow.route.unwrap_or(0), Ordering::Release);
        self.changed.send_replace(());
    }

    /// Payload bits per second that it may send; no limit if there is none.
    pub fn rate(&self) -> Option<u64> {
        Some(self.rate.load(Ordering::Relaxed)).filter(|&rate| rate > 0)
    }

    /// Its share where links are shared by weight.
    pub fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    /// The row of the route that it must take.
    pub fn route(&self) -> Option<u32> {
        Some(self.route.load(Ordering::Acquire)).filter(|&row| row > 0)
    }

    /// Rings after each change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// Keeps a source to its rate, also when that changes.
#[derive(Debug, Default)]
pub struct Pace {
    rate: Option<u64>,
    bucket: Option<TokenBucket>,
}

impl Pace {
    /// One of this rate, from `now` on.
    pub fn new(rate: Option<u64>, now: Instant) -> Self {
        let bucket = rate.map(|rate| TokenBucket::new(rate, bytes_within(rate, BURST), now));
        Self { rate, bucket }
    }

    /// The rate, in bits per second.
    pub fn rate(&self) -> Option<u64> {
        self.rate
    }

    /// Keeps to this rate from `now` on; what was sent ahead of the old one is still owed.
    pub fn set(&mut self, rate: Option<u64>, now: Instant) {
        if rate == self.rate {
            return;
        }
        match (&mut self.bucket, rate) {
            (Some(bucket), Some(rate)) => bucket.change(rate, bytes_within(rate, BURST), now),
            _ => *self = Self::new(rate, now),
        }
        self.rate = rate;
    }

    /// From when on more may be sent, if there is a rate.
    pub fn ready(&self) -> Option<Instant> {
        self.bucket.as_ref().map(TokenBucket::ready)
    }

    /// So much is sent at `now`.
    pub fn spend(&mut self, bytes: u64, now: Instant) {
        if let Some(bucket) = &mut self.bucket {
            bucket.spend(bytes, now);
        }
    }
}

/// What `rate`, in bits per second, lets pass in `time`.
pub fn bytes_within(rate: u64, time: Duration) -> u64 {
    u64::try_from(u128::from(rate) * time.as_nanos() / 8_000_000_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_pace_that_changes_forgets_no_debt_and_gives_no_second_burst() {
        let start = Instant(1_000_000_000);
        let mut pace = Pace::new(Some(8_000_000), start);
        pace.spend(1_004_000, start);
        assert_eq!(pace.ready(), Some(start + SECOND));
        // A million bytes are owed still: at ten times the rate for a tenth of the time.
        pace.set(Some(80_000_000), start);
        let ready = pace.ready().unwrap().since(start);
        assert!(ready.abs_diff(SECOND / 10) < Duration::from_millis(5), "{ready:?}");
        for _ in 0..1_000 {
            pace.set(Some(8_000_000), start);
            pace.set(Some(80_000_000), start);
        }
        assert!(pace.ready().unwrap().since(start).abs_diff(SECOND / 10) < Duration::from_millis(5));
        pace.set(None, start);
        assert_eq!((pace.ready(), pace.rate()), (None, None));
        pace.set(Some(8_000), start);
        assert!(pace.ready().is_some_and(|ready| ready <= start));
    }
}
