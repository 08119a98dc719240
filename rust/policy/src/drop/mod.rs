//! Drop policies: who of those that come, or of those that are to go, is dropped or marked.
//!
//! Tail drop needs no policy: it is the queue's limit.

pub mod codel;
pub mod red;

use thiserror::Error;

pub use codel::Codel;
pub use red::Red;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// It goes on, and is marked.
    Mark,
    /// It goes no further.
    Drop,
}

/// Why a policy makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum DropError {
    /// Thresholds.
    #[error("red with thresholds from {min} to {max}; the lower one is at least 1 and below the upper one")]
    Thresholds {
        /// The lower one.
        min: u64,
        /// The upper one.
        max: u64,
    },
    /// A number that is to be above 0 and at most 1.
    #[error("red with a {what} of {value}; it is above 0 and at most 1")]
    Share {
        /// Which one.
        what: &'static str,
        /// What it is.
        value: f64,
    },
    /// Times.
    #[error("codel with a target of {target_ns} ns and an interval of {interval_ns} ns; both are above 0")]
    Times {
        /// The target.
        target_ns: u64,
        /// The interval.
        interval_ns: u64,
    },
}
