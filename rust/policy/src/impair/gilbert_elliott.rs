//! Bursts of losses: a wire with a good and a bad state.
//!
//! Gilbert, "Capacity of a Burst-Noise Channel", BSTJ 1960; Elliott, "Estimates of Error Rates for Codes
//! on Burst-Noise Channels", BSTJ 1963; names as in Hasslinger and Hohlfeld, "The Gilbert-Elliott Model
//! for Packet Loss in Real Time Services on the Internet", MMB 2008. The chain begins stationary, so that
//! the share of losses is the same from the first packet on.

use super::{ImpairError, probability, variance};
use crate::random::Random;

/// The wire's states and what happens in them.
#[derive(Clone, Debug)]
pub struct GilbertElliott {
    /// Probability of going from good to bad, a packet.
    to_bad: f64,
    /// Probability of going from bad to good, a packet.
    to_good: f64,
    /// Probability of a loss in the bad state.
    loss_in_bad: f64,
    /// Probability of a loss in the good state.
    loss_in_good: f64,
    /// The state of the packet before; nothing yet at the beginning.
    bad: Option<bool>,
}

impl GilbertElliott {
    /// `p` leads from good to bad and `r` back, with every packet; a packet arrives with probability `h`
    /// in the bad and `k` in the good state. All from 0 to 1.
    ///
    /// # Errors
    /// What is no probability, and `p` and `r` both 0.
    pub fn new(p: f64, r: f64, h: f64, k: f64) -> Result<Self, ImpairError> {
        let (to_bad, to_good) = (probability(p)?, probability(r)?);
        if to_bad + to_good == 0.0 {
            return Err(ImpairError::Stuck);
        }
        let (loss_in_bad, loss_in_good) = (1.0 - probability(h)?, 1.0 - probability(k)?);
        Ok(Self { to_bad, to_good, loss_in_bad, loss_in_good, bad: None })
    }

    /// Whether the next packet is lost.
    pub fn lost(&mut self, random: &mut Random) -> bool {
        let likely_bad = match self.bad {
            None => self.stationary_bad(),
            Some(true) => 1.0 - self.to_good,
            Some(false) => self.to_bad,
        };
        let bad = random.unit() < likely_bad;
        self.bad = Some(bad);
        random.unit() < if bad { self.loss_in_bad } else { self.loss_in_good }
    }

    /// Share of the packets that are lost, from 0 to 1.
    pub fn stationary_loss(&self) -> f64 {
        let bad = self.stationary_bad();
        bad * self.loss_in_bad + (1.0 - bad) * self.loss_in_good
    }

    /// Variance of the number of losses among `packets`; exact.
    pub fn variance(&self, packets: u64) -> f64 {
        let (bad, loss) = (self.stationary_bad(), self.stationary_loss());
        let shared = bad * (1.0 - bad) * (self.loss_in_bad - self.loss_in_good).powi(2);
        variance::of_sum(packets, loss * (1.0 - loss), shared, self.to_bad + self.to_good)
    }

    /// Share of the packets that meet the bad state.
    fn stationary_bad(&self) -> f64 {
        self.to_bad / (self.to_bad + self.to_good)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn losses(model: &GilbertElliott, count: usize) -> Vec<bool> {
        let (mut model, mut random) = (model.clone(), Random::new(11, &[2]));
        (0..count).map(|_| model.lost(&mut random)).collect()
    }

    /// Mean and variance of the number of losses, by going through every way it can come about.
    fn enumerated(model: &GilbertElliott, packets: u64) -> (f64, f64) {
        let bad = model.stationary_bad();
        // likely[state][number of losses], the state being that of the next packet.
        let mut likely = [vec![1.0 - bad], vec![bad]];
        for _ in 0..packets {
            let counts = likely[0].len();
            let mut next = [vec![0.0; counts + 1], vec![0.0; counts + 1]];
            for (state, lost) in [(0, model.loss_in_good), (1, model.loss_in_bad)] {
                let turns_bad = if state == 0 { model.to_bad } else { 1.0 - model.to_good };
                for (count, chance) in likely[state].iter().enumerate() {
                    for (then, step) in [(0, 1.0 - turns_bad), (1, turns_bad)] {
                        next[then][count] += chance * (1.0 - lost) * step;
                        next[then][count + 1] += chance * lost * step;
                    }
                }
            }
            likely = next;
        }
        let total: Vec<f64> = likely[0].iter().zip(&likely[1]).map(|(good, bad)| good + bad).collect();
        let mean: f64 = total.iter().enumerate().map(|(count, chance)| count as f64 * chance).sum();
        (mean, total.iter().enumerate().map(|(count, chance)| (count as f64 - mean).powi(2) * chance).sum())
    }

    #[test]
    fn bursts_are_geometric_and_losses_have_their_share() {
        const COUNT: usize = 200_000;
        let model = GilbertElliott::new(0.02, 0.25, 0.0, 1.0).unwrap();
        let losses = losses(&model, COUNT);
        let lost = losses.iter().filter(|&&lost| lost).count() as f64;
        let deviation = model.variance(COUNT as u64).sqrt();
        assert!((lost - COUNT as f64 * model.stationary_loss()).abs() < 4.0 * deviation, "{lost}");
        let bursts = losses.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
        assert!((lost / bursts - 4.0).abs() < 0.25, "a burst has 1/r packets: {}", lost / bursts);
    }

    #[test]
    fn gilbert_loses_a_part_of_what_meets_the_bad_state() {
        let model = GilbertElliott::new(0.1, 0.3, 0.6, 1.0).unwrap();
        assert!((model.stationary_loss() - 0.1).abs() < 1e-12);
        assert!(GilbertElliott::new(1.0, 0.0, 0.0, 1.0).unwrap().stationary_loss() == 1.0);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(GilbertElliott::new(0.0, 0.0, 0.0, 1.0).unwrap_err(), ImpairError::Stuck);
        let wrong = [[2.0, 0.1, 0.0, 1.0], [0.1, -1.0, 0.0, 1.0], [0.1, 0.1, 1.5, 1.0], [0.1, 0.1, 0.0, 1.5]];
        for [p, r, h, k] in wrong {
            assert!(matches!(GilbertElliott::new(p, r, h, k), Err(ImpairError::Probability(_))));
        }
        assert!(GilbertElliott::new(f64::NAN, 0.1, 0.0, 1.0).is_err());
    }

    proptest! {
        #[test]
        fn share_and_variance_are_those_of_the_chain(
            p in 0.0..=1.0, r in 1e-6..=1.0, h in 0.0..=1.0, k in 0.0..=1.0, packets in 0_u64..12,
        ) {
            let model = GilbertElliott::new(p, r, h, k).unwrap();
            let (mean, variance) = enumerated(&model, packets);
            prop_assert!((mean - packets as f64 * model.stationary_loss()).abs() < 1e-9);
            let closed = model.variance(packets);
            prop_assert!((variance - closed).abs() < 1e-7, "{variance} {closed}");
        }
    }
}
