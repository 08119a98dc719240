//! Connections that are refused: all are counted, and told in the log as far as it stays readable.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nextmini_policy::complaints::Complaints;

use crate::clock;

/// Lines of the log in a second, in the long run.
const EACH_SECOND: u64 = 5;
/// Lines at once.
const AT_ONCE: u64 = 50;

/// Those of one listener; clones are the same.
#[derive(Clone, Debug)]
pub struct Refusals {
    count: Arc<AtomicU64>,
    complaints: Arc<Mutex<Complaints>>,
}

impl Default for Refusals {
    fn default() -> Self {
        let complaints = Complaints::of(EACH_SECOND, AT_ONCE, clock::now());
        Self { count: Arc::default(), complaints: Arc::new(Mutex::new(complaints)) }
    }
}

impl Refusals {
    /// One more, and why.
    pub fn add(&self, peer: SocketAddr, reason: &dyn Display) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if self.complaints.lock().unwrap_or_else(PoisonError::into_inner).allow(clock::now()) {
            tracing::warn!(%peer, %reason, count, "refused a connection");
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}
