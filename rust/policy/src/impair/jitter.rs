//! Variation of a delay around its mean.
//!
//! Correlated delays are a Gaussian copula over an autoregression of order 1 (Cario and Nelson,
//! "Autoregressive to Anything", Operations Research Letters 1996): normal numbers z' = c z +
//! sqrt(1 - c^2) e follow one another, and each becomes the quantile at Phi(z) of the distribution
//! asked for. So the distribution stays exact, whatever the correlation, and the z have correlation c^j
//! at distance j. That of the delays themselves is the same where they are normal, (6 / pi) asin(c / 2)
//! where they are uniform, at most 0.02 less, and less where the tail is heavy.

use std::f64::consts::FRAC_1_SQRT_2;

use nextmini_wire::control::direction;
use nextmini_wire::control::direction::Distribution;

use super::{ImpairError, correlation};
use crate::random::Random;

/// Mean of a Pareto distribution with shape 3 and scale 1: 3 / 2.
const PARETO_MEAN: f64 = 1.5;

/// Its standard deviation: the root of 3 / 4.
const PARETO_DEVIATION: f64 = 0.866_025_403_784_438_6;

/// Offsets of delays.
#[derive(Clone, Debug)]
pub struct Jitter {
    amount: f64,
    distribution: Distribution,
    correlation: f64,
    /// The last normal number, if there is a correlation.
    last: Option<f64>,
}

/// A place in a distribution: what lies below and what above it. Both, because 1 less a small number
/// has lost most of its digits.
#[derive(Clone, Copy, Debug)]
struct Level {
    below: f64,
    above: f64,
}

impl Jitter {
    /// The variation that was asked for. Whether packets may overtake each other is not decided here.
    ///
    /// # Errors
    /// A correlation outside of 0 to 1.
    pub fn new(asked: &direction::Jitter) -> Result<Self, ImpairError> {
        Ok(Self {
            amount: asked.amount_ns as f64,
            distribution: asked.distribution,
            correlation: correlation(asked.correlation)?,
            last: None,
        })
    }

    /// What is added to the next packet's delay, in nanoseconds: on average nothing. It may be less than
    /// the delay is long.
    ///
    /// Uniform: between plus and minus the amount. Normal: the amount is the standard deviation. Pareto:
    /// the same, with shape 3; none is below -0.58 amounts.
    pub fn offset_ns(&mut self, random: &mut Random) -> i64 {
        let offset = match self.distribution {
            Distribution::Normal => self.normal(random),
            Distribution::Uniform => {
                let level = self.level(random);
                level.below - level.above
            }
            Distribution::Pareto => pareto(self.level(random)),
        };
        libm::round(offset * self.amount) as i64
    }

    fn level(&mut self, random: &mut Random) -> Level {
        if self.correlation == 0.0 {
            let below = random.unit();
            return Level { below, above: 1.0 - below };
        }
        let z = self.normal(random);
        Level { below: normal_below(z), above: normal_below(-z) }
    }

    /// The next normal number; the first comes from the stationary distribution.
    fn normal(&mut self, random: &mut Random) -> f64 {
        let fresh = random.normal();
        if self.correlation == 0.0 {
            return fresh;
        }
        let kept = self.correlation;
        let z = self.last.map_or(fresh, |last| kept * last + (1.0 - kept * kept).sqrt() * fresh);
        self.last = Some(z);
        z
    }
}

/// Quantile of the Pareto distribution with shape 3, moved and scaled to mean 0 and deviation 1.
fn pareto(level: Level) -> f64 {
    (1.0 / libm::cbrt(level.above) - PARETO_MEAN) / PARETO_DEVIATION
}

/// Phi: how much of the normal distribution lies below `z`.
fn normal_below(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AMOUNT: f64 = 1e6;
    const COUNT: usize = 40_000;

    fn jitter(distribution: Distribution, correlation: f64) -> Jitter {
        let amount_ns = AMOUNT as u64;
        Jitter::new(&direction::Jitter { amount_ns, distribution, correlation, reorder: false }).unwrap()
    }

    fn offsets(distribution: Distribution, correlation: f64) -> Vec<f64> {
        let (mut jitter, mut random) = (jitter(distribution, correlation), Random::new(17, &[3]));
        (0..COUNT).map(|_| jitter.offset_ns(&mut random) as f64 / AMOUNT).collect()
    }

    /// The distribution function, in amounts, in closed form.
    fn below(distribution: Distribution, offset: f64) -> f64 {
        match distribution {
            Distribution::Uniform => ((offset + 1.0) / 2.0).clamp(0.0, 1.0),
            Distribution::Normal => normal_below(offset),
            Distribution::Pareto => {
                let raw = offset * 0.75_f64.sqrt() + 1.5;
                if raw <= 1.0 { 0.0 } else { 1.0 - raw.powi(-3) }
            }
        }
    }

    fn autocorrelation(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let product = |a: f64, b: f64| (a - mean) * (b - mean);
        let own: f64 = values.iter().map(|&value| product(value, value)).sum();
        values.windows(2).map(|pair| product(pair[0], pair[1])).sum::<f64>() / own
    }

    #[test]
    fn quantiles_are_those_of_the_distribution_with_correlation_and_without() {
        for distribution in [Distribution::Uniform, Distribution::Normal, Distribution::Pareto] {
            for correlation in [0.0, 0.25, 0.8] {
                let offsets = offsets(distribution, correlation);
                for step in -12..=30 {
                    let at = f64::from(step) / 10.0 + 0.05;
                    let expected = below(distribution, at);
                    let found = offsets.iter().filter(|&&offset| offset < at).count() as f64 / COUNT as f64;
                    // A sample of correlated numbers is worth (1 - c) / (1 + c) of its size at least.
                    let worth = COUNT as f64 * (1.0 - correlation) / (1.0 + correlation);
                    let error = 4.0 * (expected * (1.0 - expected) / worth).sqrt() + 1e-4;
                    assert!((found - expected).abs() <= error, "{distribution:?} {at}: {found}, {expected}");
                }
            }
        }
    }

    #[test]
    fn neighbours_have_the_correlation() {
        for correlation in [0.0, 0.25, 0.8] {
            let normal = autocorrelation(&offsets(Distribution::Normal, correlation));
            assert!((normal - correlation).abs() < 0.02, "{normal}");
            let uniform = autocorrelation(&offsets(Distribution::Uniform, correlation));
            let expected = 6.0 / std::f64::consts::PI * (correlation / 2.0).asin();
            assert!((uniform - expected).abs() < 0.02, "{uniform}");
        }
        assert!(autocorrelation(&offsets(Distribution::Pareto, 0.8)) > 0.3);
        assert!(autocorrelation(&offsets(Distribution::Pareto, 0.0)).abs() < 0.05);
    }

    #[test]
    fn the_mean_is_nothing_and_the_deviation_the_amount() {
        for (distribution, deviation) in
            [(Distribution::Uniform, 1.0 / 3.0_f64.sqrt()), (Distribution::Normal, 1.0)]
        {
            let offsets = offsets(distribution, 0.0);
            let mean = offsets.iter().sum::<f64>() / COUNT as f64;
            let found = (offsets.iter().map(|offset| offset * offset).sum::<f64>() / COUNT as f64).sqrt();
            assert!(mean.abs() < 0.02 && (found - deviation).abs() < 0.02, "{mean} {found}");
        }
        // The tail of Pareto is too heavy for samples to show; midpoints of equal parts show it.
        let parts = 1_000_000;
        let midpoints = (0..parts).map(|part| (f64::from(part) + 0.5) / f64::from(parts));
        let values: Vec<f64> = midpoints.map(|above| pareto(Level { below: 1.0 - above, above })).collect();
        let mean = values.iter().sum::<f64>() / f64::from(parts);
        let square = values.iter().map(|value| value * value).sum::<f64>() / f64::from(parts);
        assert!(mean.abs() < 1e-3 && (square - 1.0).abs() < 0.03, "{mean} {square}");
    }

    #[test]
    fn what_is_no_correlation_is_refused() {
        for correlation in [-0.1, 1.0, f64::NAN] {
            let asked = direction::Jitter {
                amount_ns: 1,
                distribution: Distribution::Uniform,
                correlation,
                reorder: false,
            };
            assert!(Jitter::new(&asked).is_err());
        }
    }

    proptest! {
        #[test]
        fn uniform_and_pareto_stay_within_their_bounds(seed: u64, correlation in 0.0..0.999_f64) {
            let mut random = Random::new(seed, &[]);
            let (mut uniform, mut pareto) =
                (jitter(Distribution::Uniform, correlation), jitter(Distribution::Pareto, correlation));
            for _ in 0..20 {
                prop_assert!(uniform.offset_ns(&mut random).abs() <= AMOUNT as i64);
                prop_assert!(pareto.offset_ns(&mut random) as f64 >= -0.577_4 * AMOUNT);
            }
        }

        #[test]
        fn offsets_grow_with_their_level(above in 1e-15..1.0_f64, less in 0.01..0.99_f64) {
            let (near, far) = (above, above * less);
            let [near, far] = [near, far].map(|above| Level { below: 1.0 - above, above });
            prop_assert!(pareto(far) > pareto(near));
            prop_assert!(far.below - far.above >= near.below - near.above);
        }

        #[test]
        fn no_amount_overflows(seed: u64, amount_ns: u64) {
            let mut jitter = jitter(Distribution::Pareto, 0.5);
            jitter.amount = amount_ns as f64;
            jitter.offset_ns(&mut Random::new(seed, &[]));
        }
    }
}
