//! Something that happens to a share of the packets, perhaps in clusters.
//!
//! The packets' fates are a Markov chain of two states (Feller, "An Introduction to Probability Theory
//! and Its Applications", vol. 1, XV.2) that begins stationary. With probability p and correlation c,
//! it happens with p + c (1 - p) where it happened to the packet before, and with p (1 - c) where it
//! did not. The share is then exactly p, and fates that are j packets apart have correlation c^j.
//! netem instead mixes each random number with the one before: that narrows their distribution, and the
//! share comes out much smaller than p, or larger where p is above one half.

use super::{ImpairError, correlation, probability, variance};
use crate::random::Random;

/// Something that happens to a share of the packets.
#[derive(Clone, Debug)]
pub struct Chance {
    probability: f64,
    correlation: f64,
    /// What came out last; nothing yet at the beginning.
    last: Option<bool>,
}

impl Chance {
    /// It happens to the share `probability`, from 0 to 1, with a correlation from 0 up to but not
    /// including 1.
    ///
    /// # Errors
    /// What is outside of these.
    pub fn new(probability: f64, correlation: f64) -> Result<Self, ImpairError> {
        let probability = self::probability(probability)?;
        let correlation = self::correlation(correlation)?;
        Ok(Self { probability, correlation, last: None })
    }

    /// Whether it happens to the next packet.
    pub fn draw(&mut self, random: &mut Random) -> bool {
        let happens = random.unit() < self.next_probability();
        self.last = Some(happens);
        happens
    }

    /// Share of the packets to which it happens, from 0 to 1.
    pub fn probability(&self) -> f64 {
        self.probability
    }

    /// Variance of the number of packets among `packets` to which it happens; exact.
    pub fn variance(&self, packets: u64) -> f64 {
        let own = self.probability * (1.0 - self.probability);
        variance::of_sum(packets, own, own, 1.0 - self.correlation)
    }

    /// How likely it is to happen to the next packet, knowing of the one before.
    fn next_probability(&self) -> f64 {
        match self.last {
            None => self.probability,
            Some(true) => self.probability + self.correlation * (1.0 - self.probability),
            Some(false) => self.probability * (1.0 - self.correlation),
        }
    }
}

impl TryFrom<&nextmini_wire::control::direction::Chance> for Chance {
    type Error = ImpairError;

    fn try_from(asked: &nextmini_wire::control::direction::Chance) -> Result<Self, ImpairError> {
        Self::new(asked.probability, asked.correlation)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fates(probability: f64, correlation: f64, count: usize) -> Vec<bool> {
        let mut chance = Chance::new(probability, correlation).unwrap();
        let mut random = Random::new(3, &[5]);
        (0..count).map(|_| chance.draw(&mut random)).collect()
    }

    fn share(fates: impl IntoIterator<Item = bool>) -> f64 {
        let (mut all, mut yes) = (0.0, 0.0);
        for fate in fates {
            all += 1.0;
            yes += f64::from(u8::from(fate));
        }
        yes / all
    }

    #[test]
    fn certainty_is_certain() {
        for correlation in [0.0, 0.25, 0.999] {
            assert!(fates(1.0, correlation, 1_000).into_iter().all(|fate| fate));
            assert!(!fates(0.0, correlation, 1_000).into_iter().any(|fate| fate));
        }
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        for wrong in [-0.1, 1.1, f64::INFINITY] {
            assert_eq!(Chance::new(wrong, 0.0).unwrap_err(), ImpairError::Probability(wrong));
        }
        assert!(Chance::new(f64::NAN, 0.0).is_err());
        for wrong in [-0.1, 1.0] {
            assert_eq!(Chance::new(0.5, wrong).unwrap_err(), ImpairError::Correlation(wrong));
        }
        assert!(Chance::new(0.5, f64::NAN).is_err());
    }

    #[test]
    fn the_share_is_the_probability_and_neighbours_have_the_correlation() {
        const COUNT: usize = 100_000;
        for (probability, correlation) in [(0.01, 0.0), (0.01, 0.25), (0.3, 0.5), (0.8, 0.25), (0.5, 0.9)] {
            let fates = fates(probability, correlation, COUNT);
            let deviation = Chance::new(probability, correlation).unwrap().variance(COUNT as u64).sqrt();
            let found = share(fates.iter().copied());
            assert!((found - probability).abs() * COUNT as f64 <= 4.0 * deviation, "{probability}: {found}");
            let after_yes = share(fates.windows(2).filter(|pair| pair[0]).map(|pair| pair[1]));
            let after_no = share(fates.windows(2).filter(|pair| !pair[0]).map(|pair| pair[1]));
            // The difference of the two is the correlation; the former has the fewest samples.
            let error = 4.0 * (0.25 / (probability.min(1.0 - probability) * COUNT as f64)).sqrt();
            assert!((after_yes - after_no - correlation).abs() < error, "{after_yes} {after_no}");
        }
    }

    proptest! {
        #[test]
        fn the_chain_keeps_its_share_from_packet_to_packet(
            probability in 0.0..=1.0, correlation in 0.0..0.999_f64,
        ) {
            let mut chance = Chance::new(probability, correlation).unwrap();
            prop_assert_eq!(chance.next_probability(), probability);
            chance.last = Some(true);
            let after_yes = chance.next_probability();
            chance.last = Some(false);
            let after_no = chance.next_probability();
            prop_assert!((0.0..=1.0).contains(&after_yes) && (0.0..=1.0).contains(&after_no));
            let next = probability * after_yes + (1.0 - probability) * after_no;
            prop_assert!((next - probability).abs() < 1e-12);
            prop_assert!((after_yes - after_no - correlation).abs() < 1e-12);
        }

        #[test]
        fn a_number_is_drawn_for_every_packet_whatever_its_fate(
            probability in 0.0..=1.0, correlation in 0.0..0.999_f64,
        ) {
            let mut chance = Chance::new(probability, correlation).unwrap();
            let (mut random, mut other) = (Random::new(1, &[]), Random::new(1, &[]));
            for _ in 0..10 {
                chance.draw(&mut random);
                other.next_u64();
            }
            prop_assert_eq!(random.next_u64(), other.next_u64());
        }
    }
}
