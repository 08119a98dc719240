//! Rates that change over time.

pub mod opportunities;
pub mod steps;
pub mod trace;

pub use opportunities::Opportunities;
pub use steps::Steps;
pub use trace::{Trace, TraceBuilder, TraceError};
