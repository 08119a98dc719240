//! Which packets do not arrive: by chance, in bursts, or by a pattern.
//!
//! Models as in netem: [`Chance`] is its `loss random`, [`GilbertElliott`] its `loss gemodel`; a pattern
//! makes a test's every run lose the same packets.

use nextmini_wire::control::direction;

use super::{Chance, GilbertElliott, ImpairError};
use crate::random::Random;

/// A loss model.
#[derive(Clone, Debug)]
pub enum Loss {
    /// A share of the packets.
    Random(Chance),
    /// Bursts.
    GilbertElliott(GilbertElliott),
    /// Again and again the same.
    Pattern(Pattern),
}

impl Loss {
    /// The model that was asked for.
    ///
    /// # Errors
    /// Probabilities and correlations that are none, and patterns of something else than 0 and 1.
    pub fn new(asked: &direction::Loss) -> Result<Self, ImpairError> {
        Ok(match asked {
            &direction::Loss::Random { probability, correlation } => {
                Self::Random(Chance::new(probability, correlation)?)
            }
            &direction::Loss::GilbertElliott { p, r, h, k } => {
                Self::GilbertElliott(GilbertElliott::new(p, r, h, k)?)
            }
            direction::Loss::Pattern { pattern } => Self::Pattern(Pattern::new(pattern)?),
        })
    }

    /// Whether the next packet is lost.
    pub fn lost(&mut self, random: &mut Random) -> bool {
        match self {
            Self::Random(chance) => chance.draw(random),
            Self::GilbertElliott(model) => model.lost(random),
            Self::Pattern(pattern) => pattern.lost(),
        }
    }

    /// Share of the packets that are lost in the long run, from 0 to 1.
    pub fn probability(&self) -> f64 {
        match self {
            Self::Random(chance) => chance.probability(),
            Self::GilbertElliott(model) => model.stationary_loss(),
            Self::Pattern(pattern) => pattern.share(),
        }
    }

    /// Variance of the number of losses among `packets`, counted from the beginning; exact. A pattern
    /// has none, though the share of an incomplete round may differ from that of a whole one.
    pub fn variance(&self, packets: u64) -> f64 {
        match self {
            Self::Random(chance) => chance.variance(packets),
            Self::GilbertElliott(model) => model.variance(packets),
            Self::Pattern(_) => 0.0,
        }
    }
}

/// Losses that come round again.
#[derive(Clone, Debug)]
pub struct Pattern {
    losses: Box<[bool]>,
    next: usize,
}

impl Pattern {
    /// Loses the packets for which `text` has a `1` instead of a `0`.
    ///
    /// # Errors
    /// An empty text, and one with anything else.
    pub fn new(text: &str) -> Result<Self, ImpairError> {
        let losses: Option<Box<[bool]>> = text.chars().map(loss).collect();
        match losses {
            Some(losses) if !losses.is_empty() => Ok(Self { losses, next: 0 }),
            _ => Err(ImpairError::Pattern),
        }
    }

    fn lost(&mut self) -> bool {
        let lost = self.losses[self.next];
        self.next = (self.next + 1) % self.losses.len();
        lost
    }

    fn share(&self) -> f64 {
        self.losses.iter().filter(|&&lost| lost).count() as f64 / self.losses.len() as f64
    }
}

fn loss(character: char) -> Option<bool> {
    match character {
        '0' => Some(false),
        '1' => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Result<Loss, ImpairError> {
        Loss::new(&direction::Loss::Pattern { pattern: text.to_owned() })
    }

    fn lost(loss: &mut Loss, packets: u64) -> u64 {
        let mut random = Random::new(9, &[4]);
        (0..packets).map(|_| u64::from(loss.lost(&mut random))).sum()
    }

    #[test]
    fn a_pattern_repeats() {
        let mut loss = pattern("0010").unwrap();
        let mut random = Random::new(1, &[]);
        let lost: Vec<bool> = (0..12).map(|_| loss.lost(&mut random)).collect();
        assert_eq!(lost, [false, false, true, false].repeat(3));
        assert_eq!((loss.probability(), loss.variance(1_000)), (0.25, 0.0));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in ["", "012", "0 1", "\u{661}"] {
            assert_eq!(pattern(text).unwrap_err(), ImpairError::Pattern);
        }
        let asked = direction::Loss::Random { probability: 1.5, correlation: 0.0 };
        assert_eq!(Loss::new(&asked).unwrap_err(), ImpairError::Probability(1.5));
        let asked = direction::Loss::GilbertElliott { p: 0.0, r: 0.0, h: 0.0, k: 1.0 };
        assert_eq!(Loss::new(&asked).unwrap_err(), ImpairError::Stuck);
    }

    #[test]
    fn models_lose_what_they_say() {
        let asked = [
            direction::Loss::Random { probability: 0.05, correlation: 0.0 },
            direction::Loss::Random { probability: 0.05, correlation: 0.5 },
            direction::Loss::GilbertElliott { p: 0.01, r: 0.2, h: 0.1, k: 0.99 },
        ];
        for asked in asked {
            let mut loss = Loss::new(&asked).unwrap();
            let expected = 50_000.0 * loss.probability();
            let found = lost(&mut loss, 50_000) as f64;
            assert!((found - expected).abs() < 4.0 * loss.variance(50_000).sqrt(), "{asked:?}: {found}");
        }
    }

    proptest! {
        #[test]
        fn whole_rounds_of_a_pattern_lose_exactly_its_share(
            losses in prop::collection::vec(any::<bool>(), 1..50),
        ) {
            let text: String = losses.iter().map(|&lost| if lost { '1' } else { '0' }).collect();
            let mut loss = pattern(&text).unwrap();
            let ones = losses.iter().filter(|&&lost| lost).count() as u64;
            prop_assert_eq!(lost(&mut loss, 3 * losses.len() as u64), 3 * ones);
        }
    }
}
