//! What goes wrong on a wire: packets lost, repeated, damaged, delayed unevenly.
//!
//! Each model has exactly the shares that it is given, correlated or not, and a report may compare what
//! happened with what was to happen.
//!
//! - [`Chance`]: something that happens to a share of the packets
//! - [`Loss`], [`GilbertElliott`]: packets that do not arrive
//! - [`Jitter`]: variation of the delay

use thiserror::Error;

pub mod chance;
pub mod gilbert_elliott;
pub mod jitter;
pub mod loss;
mod variance;

pub use chance::Chance;
pub use gilbert_elliott::GilbertElliott;
pub use jitter::Jitter;
pub use loss::Loss;

/// Why an impairment cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum ImpairError {
    /// Not a number from 0 to 1.
    #[error("{0} is no probability: these go from 0 to 1")]
    Probability(f64),
    /// Not a number from 0 up to but not including 1.
    #[error("a correlation of {0}; these go from 0 up to but not including 1")]
    Correlation(f64),
    /// The model would stay for ever in the state that it begins in, and has no share of losses.
    #[error("neither state is ever left: p and r are both 0")]
    Stuck,
    /// Empty, or with something else than `0` and `1`.
    #[error("a pattern of losses is of 0 and 1, at least one of them")]
    Pattern,
}

/// `value`, if it is a probability.
fn probability(value: f64) -> Result<f64, ImpairError> {
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(ImpairError::Probability(value)) }
}

/// `value`, if it is a correlation.
fn correlation(value: f64) -> Result<f64, ImpairError> {
    if (0.0..1.0).contains(&value) { Ok(value) } else { Err(ImpairError::Correlation(value)) }
}
