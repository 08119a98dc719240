//! How often a time was how long: logarithmic buckets, each cut into equal parts, after HdrHistogram (Tene).

use nextmini_wire::control::Quantiles;

/// Each power of two is cut into so many parts: a value is known to 1/128 of itself, 0.8 %.
const PARTS_BITS: u32 = 7;
const PARTS: u64 = 1 << PARTS_BITS;
/// 2^42 ns are more than an hour; what is longer counts as that.
const LARGEST: u64 = (1 << 42) - 1;
/// Buckets come in groups that are made when they are needed: a link's lateness touches five or six of them.
const GROUP: usize = PARTS as usize;

/// Durations in nanoseconds. An empty one owns no memory.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    groups: Vec<Option<Box<[u32; GROUP]>>>,
    count: u64,
    max: u64,
}

impl Histogram {
    /// Counts a duration.
    pub fn record(&mut self, nanos: u64) {
        self.add(bucket(nanos), 1);
        self.max = self.max.max(nanos);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest; 0 if there is none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The duration that a share of `quantile`, from 0 to 1, did not exceed: to 0.8 % above; 0 if there is
    /// none.
    pub fn quantile(&self, quantile: f64) -> u64 {
        let rank = ((quantile * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, count) in self.buckets() {
            seen += count;
            if seen >= rank {
                return upper(bucket).min(self.max);
            }
        }
        0
    }

    /// What is told of it.
    pub fn quantiles(&self) -> Quantiles {
        Quantiles {
            count: self.count,
            p50_ns: self.quantile(0.5),
            p99_ns: self.quantile(0.99),
            max_ns: self.max,
        }
    }

    /// Counts everything that `other` has.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.buckets() {
            self.add(bucket, count);
        }
        self.max = self.max.max(other.max);
    }

    fn add(&mut self, bucket: usize, count: u64) {
        let (group, at) = (bucket / GROUP, bucket % GROUP);
        if self.groups.len() <= group {
            self.groups.resize(group + 1, None);
        }
        let counts = self.groups[group].get_or_insert_with(|| Box::new([0; GROUP]));
        // After four thousand million of the same, more of them change nothing, and are not counted.
        let added = u32::try_from(count).unwrap_or(u32::MAX).min(u32::MAX - counts[at]);
        counts[at] += added;
        self.count += u64::from(added);
    }

    fn buckets(&self) -> impl Iterator<Item = (usize, u64)> {
        self.groups.iter().enumerate().flat_map(|(group, counts)| {
            let counts = counts.iter().flat_map(|counts| counts.iter().enumerate());
            counts
                .filter(|&(_, &count)| count > 0)
                .map(move |(at, &count)| (group * GROUP + at, u64::from(count)))
        })
    }
}

/// Values below 128 have a bucket each; above, the leading bit chooses a group, and the seven bits behind it the
/// place there.
fn bucket(nanos: u64) -> usize {
    let nanos = nanos.min(LARGEST);
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(PARTS_BITS + 1);
    let group = if nanos < PARTS { 0 } else { u64::from(shift) + 1 };
    (group * PARTS + (nanos >> shift) % PARTS) as usize
}

/// The largest value of a bucket.
fn upper(bucket: usize) -> u64 {
    let (group, at) = (bucket as u64 / PARTS, bucket as u64 % PARTS);
    if group == 0 {
        return at;
    }
    let shift = group - 1;
    ((PARTS + at + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_one_has_nothing_to_tell() {
        assert_eq!(Histogram::default().quantiles(), Quantiles::default());
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_values_to_one_percent(
            mut values in prop::collection::vec(0_u64..3_600_000_000_000, 1..300), quantile in 0.0_f64..=1.0,
        ) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|&value| histogram.record(value));
            values.sort_unstable();
            let rank = ((quantile * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1];
            let measured = histogram.quantile(quantile);
            prop_assert!(measured >= exact && measured - exact <= exact / 100, "{measured} for {exact}");
            prop_assert_eq!((histogram.count(), histogram.max()), (values.len() as u64, values[values.len() - 1]));
        }

        #[test]
        fn every_value_lies_in_its_bucket_and_above_the_one_before(nanos in 0..=LARGEST) {
            let bucket = bucket(nanos);
            prop_assert!(nanos <= upper(bucket));
            prop_assert!(bucket == 0 || upper(bucket - 1) < nanos);
        }

        #[test]
        fn merging_is_counting_both(
            one in prop::collection::vec(0_u64..10_000_000, 0..100),
            other in prop::collection::vec(0_u64..10_000_000, 0..100),
        ) {
            let of = |values: &[u64]| {
                let mut histogram = Histogram::default();
                values.iter().for_each(|&value| histogram.record(value));
                histogram
            };
            let mut merged = of(&one);
            merged.merge(&of(&other));
            prop_assert_eq!(merged.quantiles(), of(&[one, other].concat()).quantiles());
        }
    }
}
