//! What the two ends of a synthetic TCP flow say to each other beside its data.
//!
//! ```text
//! client: flow (4), data, FIN
//! server: bytes (8), xxh3 of them (8), FIN
//! ```
//!
//! All numbers are big-endian.

use crate::checksum::Sum;
use crate::id::FlowId;
use crate::ip::Ip;

/// The port at which the servers of such flows listen, in every node: above those that Linux gives to clients.
pub const SERVER_PORT: u16 = 61_081;
/// Bytes of a preface.
pub const PREFACE_BYTES: usize = 4;
/// Bytes of a receipt.
pub const RECEIPT_BYTES: usize = 16;

/// What the client says first: which flow it is.
pub fn encode_preface(flow: FlowId) -> [u8; PREFACE_BYTES] {
    flow.0.to_be_bytes()
}

/// Reads it.
pub fn decode_preface(bytes: [u8; PREFACE_BYTES]) -> FlowId {
    FlowId(u32::from_be_bytes(bytes))
}

/// What the server says last: what has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Bytes of data.
    pub bytes: u64,
    /// Their xxh3.
    pub checksum: u64,
}

impl Receipt {
    /// Its bytes.
    pub fn encode(self) -> [u8; RECEIPT_BYTES] {
        let mut bytes = [0; RECEIPT_BYTES];
        bytes[..8].copy_from_slice(&self.bytes.to_be_bytes());
        bytes[8..].copy_from_slice(&self.checksum.to_be_bytes());
        bytes
    }

    /// Reads it.
    pub fn decode(bytes: [u8; RECEIPT_BYTES]) -> Self {
        let number = u128::from_be_bytes(bytes);
        Self { bytes: (number >> 64) as u64, checksum: number as u64 }
    }
}

/// The ports of a TCP segment, if the packet is one.
pub fn ports(packet: &[u8]) -> Option<(u16, u16)> {
    const TCP: u8 = crate::ip::protocol::TCP;
    let at = match packet.first()? >> 4 {
        4 if packet.get(9) == Some(&TCP) => usize::from(packet[0] & 15) * 4,
        6 if packet.get(6) == Some(&TCP) => 40,
        _ => return None,
    };
    let [a, b, c, d] = *packet.get(at..)?.first_chunk()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// Whether a segment that somebody has summed up is what was sent.
pub fn is_intact(packet: &[u8]) -> bool {
    let Ok(ip) = Ip::parse(packet) else { return false };
    let segment = ip.transport();
    let mut sum = Sum::pseudo_header(ip.source(), ip.destination(), ip.protocol(), segment.len() as u32);
    sum.add(segment);
    sum.checksum() == 0
}

/// Whether a packet is one of such a flow.
pub fn is_one(packet: &[u8]) -> bool {
    ports(packet).is_some_and(|(source, destination)| source == SERVER_PORT || destination == SERVER_PORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(decode_preface(encode_preface(FlowId(77))), FlowId(77));
        let receipt = Receipt { bytes: 1 << 40, checksum: u64::MAX - 1 };
        assert_eq!(Receipt::decode(receipt.encode()), receipt);
    }

    #[test]
    fn a_segment_that_was_damaged_is_not_intact() {
        let mut v4 = vec![0; 44];
        (v4[0], v4[3], v4[9], v4[32]) = (0x45, 44, 6, 0x50);
        let mut sum = Sum::pseudo_header([0; 4].into(), [0; 4].into(), 6, 24);
        sum.add(&v4[20..]);
        v4[36..38].copy_from_slice(&sum.checksum().to_be_bytes());
        assert!(is_intact(&v4));
        v4[43] ^= 4;
        assert!(!is_intact(&v4) && !is_intact(&v4[..20]) && !is_intact(&[]));
    }

    #[test]
    fn segments_of_such_flows_are_known_by_a_port() {
        let mut v4 = vec![0; 28];
        (v4[0], v4[9]) = (0x46, 6);
        v4[24..28].copy_from_slice(&[0x9c, 0x40, 0xee, 0x99]);
        assert_eq!(ports(&v4), Some((40_000, SERVER_PORT)));
        assert!(is_one(&v4) && !is_one(&v4[..27]));
        let mut v6 = vec![0; 44];
        (v6[0], v6[6]) = (0x60, 6);
        v6[40..42].copy_from_slice(&SERVER_PORT.to_be_bytes());
        assert!(is_one(&v6));
        v6[6] = 17;
        assert!(!is_one(&v6) && !is_one(&[]));
    }
}
