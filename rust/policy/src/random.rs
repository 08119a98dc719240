//! Random numbers that are the same wherever and whenever an experiment is repeated.
//!
//! xoshiro256++ (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM TOMS 2021),
//! seeded by SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). Logarithms and the like come from `libm`
//! instead of the platform, whose last bits differ from one to the next.

use std::f64::consts::TAU;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

/// The step of SplitMix64.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The stream that `stream` names (link, direction, purpose) among those of `seed`; streams of
    /// different names or seeds are independent.
    pub fn new(seed: u64, stream: &[u64]) -> Self {
        // Each word is mixed before the next one joins, so that their order and number count.
        let mut counter = stream.iter().fold(split_mix(seed), |hash, word| split_mix(hash ^ word));
        let state = std::array::from_fn(|_| {
            let word = split_mix(counter);
            counter = counter.wrapping_add(GAMMA);
            word
        });
        Self { state }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (third, fourth) = (c ^ a, d ^ b);
        self.state = [a ^ fourth, b ^ third, third ^ (b << 17), fourth.rotate_left(45)];
        result
    }

    /// Uniform from 0 up to but not including 1, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform below `bound`; 0 if that is 0. No value is more likely than another by more than `bound`
    /// in 2^64, and one number is drawn whatever comes out.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Exponential with mean 1; at most 37.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }

    /// Normal with mean 0 and standard deviation 1, by Box and Muller (1958); at most 8.6 from 0.
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * libm::cos(TAU * self.unit())
    }
}

/// One number of SplitMix64, whose counter stands at `value`.
fn split_mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(GAMMA);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn<T>(count: usize, mut draw: impl FnMut(&mut Random) -> T) -> Vec<T> {
        let mut random = Random::new(7, &[1, 2, 3]);
        (0..count).map(|_| draw(&mut random)).collect()
    }

    fn moments(values: &[f64]) -> (f64, f64) {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count)
    }

    #[test]
    fn the_generators_are_those_that_were_published() {
        let mut random = Random { state: [1, 2, 3, 4] };
        let expected = [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386];
        assert_eq!(expected.map(|_| random.next_u64()), expected);
        let first = 1_477_776_061_723_855_037_u64;
        let expected = [1_985_237_415_132_408_290, 2_979_275_885_539_914_483, 13_511_426_838_097_143_398];
        let counters = [0, 1, 2].map(|step| first.wrapping_add(GAMMA.wrapping_mul(step)));
        assert_eq!(counters.map(split_mix), expected);
    }

    #[test]
    fn experiments_of_earlier_versions_repeat() {
        let mut random = Random::new(42, &[1, 0, 2]);
        let drawn = (random.next_u64(), random.below(1_000_000));
        let bits = [random.unit(), random.exponential(), random.normal()].map(f64::to_bits);
        assert_eq!(drawn, (11_339_875_462_031_313_034, 179_439));
        assert_eq!(bits, [4_605_102_483_689_512_930, 4_608_391_822_240_870_900, 4_594_364_927_490_951_618]);
    }

    #[test]
    fn every_word_of_a_name_counts_and_so_does_their_order() {
        let names: [(u64, &[u64]); 7] =
            [(1, &[]), (1, &[0]), (1, &[0, 0]), (1, &[2]), (2, &[1]), (1, &[2, 3]), (1, &[3, 2])];
        let firsts = names.map(|(seed, stream)| Random::new(seed, stream).next_u64());
        for (index, first) in firsts.iter().enumerate() {
            assert!(!firsts[..index].contains(first), "{firsts:?}");
        }
    }

    #[test]
    fn streams_do_not_correlate() {
        let (mut one, mut other) = (Random::new(1, &[1, 0]), Random::new(1, &[1, 1]));
        let products: Vec<f64> = (0..20_000).map(|_| (one.unit() - 0.5) * (other.unit() - 0.5)).collect();
        // Each product has standard deviation 1/12.
        assert!(moments(&products).0.abs() < 4.0 / 12.0 / 20_000_f64.sqrt());
    }

    #[test]
    fn distributions_have_their_moments() {
        let (mean, variance) = moments(&drawn(50_000, Random::unit));
        assert!((mean - 0.5).abs() < 0.01 && (variance - 1.0 / 12.0).abs() < 0.002, "{mean} {variance}");
        let (mean, variance) = moments(&drawn(50_000, Random::exponential));
        assert!((mean - 1.0).abs() < 0.02 && (variance - 1.0).abs() < 0.06, "{mean} {variance}");
        let normal = drawn(50_000, Random::normal);
        let (mean, variance) = moments(&normal);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        let within = normal.iter().filter(|value| value.abs() < 1.0).count() as f64 / 50_000.0;
        assert!((within - 0.682_7).abs() < 0.01, "{within}");
    }

    #[test]
    fn the_extremes_are_finite() {
        // A state whose sum is all ones, or 0, gives the largest and the least unit.
        let mut random = Random { state: [0, 1, 1, 0] };
        assert_eq!(random.clone().unit(), 0.0);
        assert_eq!(random.clone().exponential(), 0.0);
        assert!(random.normal().is_finite());
        let largest = 1.0 - 1.0 / (1_u64 << 53) as f64;
        assert!(-libm::log(1.0 - largest) < 37.0);
    }

    proptest! {
        #[test]
        fn a_stream_repeats_and_stays_within_its_bounds(
            seed: u64, stream in prop::collection::vec(any::<u64>(), 0..4), bound: u64,
        ) {
            let mut random = Random::new(seed, &stream);
            let mut again = random.clone();
            prop_assert_eq!(Random::new(seed, &stream).next_u64(), random.next_u64());
            again.next_u64();
            for _ in 0..20 {
                let below = random.below(bound);
                prop_assert!(below < bound || (bound, below) == (0, 0));
                prop_assert_eq!(again.below(bound), below);
                prop_assert!((0.0..1.0).contains(&random.unit()));
                prop_assert!((0.0..37.0).contains(&random.exponential()));
                prop_assert!(random.normal().abs() < 8.7);
                again.unit();
                again.exponential();
                again.normal();
            }
        }
    }
}
