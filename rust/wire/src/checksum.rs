//! The internet checksum (RFC 1071), in pieces and step by step.

use std::net::IpAddr;

/// A sum under way: 16-bit words in one's complement, whatever pieces they come in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// Not more than 17 bits between two calls.
    sum: u64,
    /// The next byte is the lower half of a word.
    odd: bool,
}

impl Sum {
    /// A sum that begins with the pseudo header of `protocol`'s checksum over `length` bytes: RFC 9293,
    /// section 3.1, and RFC 768 for IPv4; RFC 8200, section 8.1, for IPv6. The two have the same sum.
    pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: u32) -> Self {
        let mut sum = Self::default();
        for address in [source, destination] {
            match address {
                IpAddr::V4(address) => sum.add(&address.octets()),
                IpAddr::V6(address) => sum.add(&address.octets()),
            }
        }
        sum.add(&length.to_be_bytes());
        sum.add(&[0, protocol]);
        sum
    }

    /// Goes on with `bytes`.
    pub fn add(&mut self, bytes: &[u8]) {
        // Pairs of words at a time: a carry out of the lower one counts in the upper one, and comes back
        // when all are folded. 16 GiB would have to come in one piece for the sum to overflow.
        let (pairs, rest) = bytes.as_chunks::<4>();
        let mut sum: u64 = pairs.iter().map(|pair| u64::from(u32::from_be_bytes(*pair))).sum();
        let mut last = [0_u8; 4];
        last[..rest.len()].copy_from_slice(rest);
        sum += u64::from(u32::from_be_bytes(last));
        let word = fold(sum);
        self.sum = u64::from(fold(self.sum)) + u64::from(if self.odd { word.swap_bytes() } else { word });
        self.odd ^= bytes.len() % 2 == 1;
    }

    /// The sum itself, as a checksum that is to be completed begins with it.
    pub fn folded(self) -> u16 {
        fold(self.sum)
    }

    /// The checksum: the complement of the sum. Over bytes that include their checksum it is 0.
    pub fn checksum(self) -> u16 {
        !self.folded()
    }
}

/// The checksum of `bytes`.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = Sum::default();
    sum.add(bytes);
    sum.checksum()
}

/// What a checksum becomes when one of the words under it changes (RFC 1624, equation 3).
pub fn updated(checksum: u16, before: u16, after: u16) -> u16 {
    !fold(u64::from(!checksum) + u64::from(!before) + u64::from(after))
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 1071, section 1, word by word.
    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for word in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]));
            sum = (sum >> 16) + (sum & 0xffff);
        }
        !(sum as u16)
    }

    #[test]
    fn the_example_of_the_rfc() {
        let mut sum = Sum::default();
        sum.add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.folded(), 0xddf2);
    }

    #[test]
    fn a_header_with_its_checksum_sums_up_to_nothing() {
        // From 192.168.0.1 to 192.168.0.199, UDP.
        let mut header = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01,
            0xc0, 0xa8, 0x00, 0xc7,
        ];
        assert_eq!(checksum(&header), 0);
        header[10..12].fill(0);
        assert_eq!(checksum(&header), 0xb861);
    }

    #[test]
    fn pseudo_headers_are_laid_out_as_their_rfcs_say() {
        let (source, destination) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let v4 = [10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0x12, 0x34];
        assert_eq!(Sum::pseudo_header(source, destination, 17, 0x1234).checksum(), plain(&v4));
        let (source, destination) = (IpAddr::from([7_u8; 16]), IpAddr::from([9_u8; 16]));
        let v6 = [&[7_u8; 16][..], &[9; 16], &[0, 1, 0x12, 0x34], &[0, 0, 0, 6]].concat();
        assert_eq!(Sum::pseudo_header(source, destination, 6, 0x1_1234).checksum(), plain(&v6));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in prop::collection::vec(0_usize..40, 1..20)) {
            let (mut sum, mut rest, mut next) = (Sum::default(), &bytes[..], 0);
            while !rest.is_empty() {
                let (piece, others) = rest.split_at(rest.len().min(cuts[next % cuts.len()] + next % 2));
                sum.add(piece);
                (rest, next) = (others, next + 1);
            }
            prop_assert_eq!(sum.checksum(), plain(&bytes));
            prop_assert_eq!(checksum(&bytes), plain(&bytes));
        }

        #[test]
        fn a_changed_word_changes_the_checksum_as_if_all_were_summed_again(
            bytes in prop::collection::vec(any::<u8>(), 20..60), at in 0_usize..10, word: u16,
        ) {
            // A header is never all zeros, of which RFC 1624 warns.
            let mut bytes = bytes;
            bytes[0] = 0x45;
            let before = u16::from_be_bytes([bytes[2 * at], bytes[2 * at + 1]]);
            let old = checksum(&bytes);
            bytes[2 * at..2 * at + 2].copy_from_slice(&word.to_be_bytes());
            prop_assume!(bytes.iter().any(|byte| *byte != 0));
            prop_assert_eq!(updated(old, before, word), checksum(&bytes));
        }
    }
}
