//! The bytes that synthetic flows carry: pseudo-random, periodic, and never copied.

use bytes::Bytes;
use nextmini_wire::id::FlowId;
use nextmini_wire::packet::MAX_CHUNK;

/// A prime, so that no power-of-two shift of the stream looks like the stream.
const PERIOD: usize = 65_521;

/// A block of bytes that every flow of a process slices its stream from.
#[derive(Clone, Debug)]
pub struct Pattern {
    block: Bytes,
}

impl Pattern {
    /// The pattern of an experiment with this seed.
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        let mut block = Vec::with_capacity(PERIOD + MAX_CHUNK);
        while block.len() < PERIOD {
            // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            block.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
        }
        block.truncate(PERIOD);
        let mut rest = MAX_CHUNK;
        while rest > 0 {
            let more = rest.min(PERIOD);
            block.extend_from_within(..more);
            rest -= more;
        }
        Self { block: block.into() }
    }

    /// `length` bytes (at most [`MAX_CHUNK`]) of a flow's stream from `offset` on.
    pub fn slice(&self, flow: FlowId, offset: u64, length: usize) -> Bytes {
        let shift = u64::from(flow.0).wrapping_mul(7_919) % PERIOD as u64;
        let start = ((offset % PERIOD as u64 + shift) % PERIOD as u64) as usize;
        self.block.slice(start..start + length.min(MAX_CHUNK))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stream_is_the_same_however_it_is_cut(
            offset in 0_u64..1_000_000, cut in 0_usize..MAX_CHUNK, length in 0_usize..=MAX_CHUNK,
        ) {
            let pattern = Pattern::new(7);
            let cut = cut.min(length);
            let whole = pattern.slice(FlowId(3), offset, length);
            let (head, tail) = (
                pattern.slice(FlowId(3), offset, cut),
                pattern.slice(FlowId(3), offset + cut as u64, length - cut),
            );
            prop_assert_eq!(whole, [head, tail].concat());
        }
    }

    #[test]
    fn flows_and_seeds_differ() {
        let slice = |seed, flow| Pattern::new(seed).slice(FlowId(flow), 0, 64);
        assert_ne!(slice(1, 1), slice(1, 2));
        assert_ne!(slice(1, 1), slice(2, 1));
    }
}
