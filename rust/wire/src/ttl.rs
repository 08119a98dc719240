//! What every router takes of an IP packet: time to live (RFC 791), hop limit (RFC 8200).
//!
//! A packet's bytes are shared and not changed on its way. Whoever hands it on writes what is new of its
//! header, and behind it the rest of the packet as it is.

use crate::checksum;

const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;
/// The checksum of IPv4 is the last that changes.
const V4_PATCH: usize = 12;
/// Of IPv6 the hop limit alone.
const V6_PATCH: usize = 8;

/// What a packet begins with after some routers, in place of as many of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    bytes: [u8; V4_PATCH],
    length: usize,
}

impl Patch {
    /// The bytes: 12 of an IPv4 packet, 8 of an IPv6 one.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A packet's time to live; nothing if it is not an IP packet.
pub fn ttl(packet: &[u8]) -> Option<u8> {
    match packet.first()? >> 4 {
        4 => packet.first_chunk::<V4_HEADER>().map(|header| header[8]),
        6 => packet.first_chunk::<V6_HEADER>().map(|header| header[7]),
        _ => None,
    }
}

/// What a packet begins with after so many routers. Nothing if it is not an IP packet, or would not have come
/// so far: the router that takes the last drops it (RFC 1812, section 5.3.1).
pub fn after(packet: &[u8], routers: u16) -> Option<Patch> {
    let left = u16::from(ttl(packet)?).checked_sub(routers).filter(|left| *left > 0)? as u8;
    let mut bytes = *packet.first_chunk::<V4_PATCH>()?;
    if bytes[0] >> 4 == 6 {
        bytes[7] = left;
        return Some(Patch { bytes, length: V6_PATCH });
    }
    let before = u16::from_be_bytes([bytes[8], bytes[9]]);
    let sum = u16::from_be_bytes([bytes[10], bytes[11]]);
    let sum = checksum::updated(sum, before, u16::from_be_bytes([left, bytes[9]]));
    bytes[8] = left;
    bytes[10..].copy_from_slice(&sum.to_be_bytes());
    Some(Patch { bytes, length: V4_PATCH })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::checksum::checksum;

    /// From 192.168.0.1 to 192.168.0.199, UDP, 64 to live.
    const V4: [u8; 20] =
        [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];

    fn patched(packet: &[u8], routers: u16) -> Option<Vec<u8>> {
        let patch = after(packet, routers)?;
        Some([patch.bytes(), &packet[patch.bytes().len()..]].concat())
    }

    #[test]
    fn every_router_takes_one() {
        assert_eq!(ttl(&V4), Some(64));
        assert_eq!(patched(&V4, 0).unwrap(), V4);
        let packet = patched(&V4, 3).unwrap();
        assert_eq!(packet[..12], [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 61, 0x11, 0xbb, 0x61]);
        assert_eq!(packet[12..], V4[12..]);
        let mut v6 = [0; 40];
        (v6[0], v6[7], v6[39]) = (0x60, 255, 1);
        let packet = patched(&v6, 254).unwrap();
        assert_eq!((ttl(&v6), ttl(&packet)), (Some(255), Some(1)));
        assert_eq!(after(&v6, 254).unwrap().bytes(), [0x60, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((&packet[..7], &packet[8..]), (&v6[..7], &v6[8..]));
    }

    #[test]
    fn the_last_one_drops_it() {
        assert!(after(&V4, 63).is_some());
        for routers in [64, 65, 256 + 3, u16::MAX] {
            assert_eq!(after(&V4, routers), None);
        }
    }

    #[test]
    fn what_is_no_packet_has_none() {
        for bytes in [&V4[..19], &[0x60; 39], &[0x50; 40], &[]] {
            assert_eq!((ttl(bytes), after(bytes, 0)), (None, None));
        }
    }

    proptest! {
        #[test]
        fn the_checksum_stays_right(rest: [u8; 19], routers in 0_u16..256) {
            let mut packet = [&[0x45][..], &rest].concat();
            packet[10..12].fill(0);
            let sum = checksum(&packet);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
            if let Some(patched) = patched(&packet, routers) {
                prop_assert_eq!(checksum(&patched), 0);
                prop_assert_eq!(u16::from(patched[8]) + routers, u16::from(packet[8]));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..50), routers: u16) {
            let _patch = after(&bytes, routers);
        }
    }
}
