//! Jump consistent hash: flow to processor.
//!
//! Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", arXiv 1406.2294: growing
//! from n to n + 1 buckets moves 1/(n + 1) of the keys, all of them to the new bucket.

/// The bucket of `key` among `buckets`, which is at least 1.
pub fn bucket(mut key: u64, buckets: u32) -> u32 {
    let (mut bucket, mut next) = (0_i64, 0_i64);
    while next < i64::from(buckets.max(1)) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let stride = (1_u64 << 31) as f64 / ((key >> 33) + 1) as f64;
        next = ((bucket + 1) as f64 * stride) as i64;
    }
    bucket as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_published_values() {
        // From the test vectors of Guava's Hashing.consistentHash, which is the paper's algorithm.
        assert_eq!(bucket(0, 1), 0);
        assert_eq!(bucket(10_863_919_174_838_991, 11), 6);
        assert_eq!(bucket(2_016_238_256_797_177_309, 11), 3);
        assert_eq!(bucket(1_673_758_223_894_951_030, 11), 5);
    }

    proptest! {
        #[test]
        fn growing_moves_keys_to_the_new_bucket_only(key: u64, buckets in 1_u32..200) {
            let (before, after) = (bucket(key, buckets), bucket(key, buckets + 1));
            prop_assert!(before < buckets);
            prop_assert!(after == before || after == buckets);
        }
    }

    #[test]
    fn buckets_fill_evenly() {
        let mut counts = [0_u32; 8];
        for key in 0..80_000_u64 {
            counts[bucket(key.wrapping_mul(0x9e37_79b9_7f4a_7c15), 8) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }
}
