//! What TUN says of a packet in front of it: the `struct virtio_net_hdr` of linux/virtio_net.h (virtio 1.2,
//! section 5.1.6), in 10 little-endian bytes.
//!
//! With it the kernel hands over what it would have had a network card do: checksums to be completed, and
//! segments of up to 64 KiB to be cut ([`crate::segment`]).

use thiserror::Error;

/// Bytes of the header.
pub const VNET_BYTES: usize = 10;

const NEEDS_CHECKSUM: u8 = 1;
const ECN: u8 = 0x80;

/// What is to be done with a packet. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VnetHeader {
    /// VIRTIO_NET_HDR_F_NEEDS_CSUM: the checksum at `checksum_start + checksum_offset` holds the folded
    /// sum of the pseudo header, and is to be completed over everything from `checksum_start` on.
    pub needs_checksum: bool,
    /// How the packet is to be cut.
    pub offload: Offload,
    /// VIRTIO_NET_HDR_GSO_ECN: the segment has CWR set.
    pub ecn: bool,
    /// Bytes of all headers, as a hint.
    pub header_bytes: u16,
    /// Payload of each packet but the last, in bytes.
    pub segment_bytes: u16,
    /// Where the checksum's coverage begins.
    pub checksum_start: u16,
    /// Where the checksum is, from there.
    pub checksum_offset: u16,
}

/// How a super-packet is to be cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offload {
    /// Not at all.
    #[default]
    None,
    /// Into TCP segments over IPv4.
    TcpV4,
    /// Into fragments of one UDP datagram, as old kernels do.
    UdpFragments,
    /// Into TCP segments over IPv6.
    TcpV6,
    /// Into UDP datagrams.
    UdpDatagrams,
}

/// Why bytes are not such a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VnetError {
    /// There are too few of them.
    #[error("{0} bytes before a packet (there should be {VNET_BYTES})")]
    Truncated(usize),
    /// No offload of that number was asked for.
    #[error("an offload of unknown type {0}")]
    Offload(u8),
}

impl VnetHeader {
    /// Reads what `bytes` begin with. What the kernel has verified already is not kept.
    ///
    /// # Errors
    /// See [`VnetError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, VnetError> {
        let header = bytes.first_chunk::<VNET_BYTES>().ok_or(VnetError::Truncated(bytes.len()))?;
        let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        Ok(Self {
            needs_checksum: header[0] & NEEDS_CHECKSUM != 0,
            offload: Offload::from_number(header[1] & !ECN)?,
            ecn: header[1] & ECN != 0,
            header_bytes: word(2),
            segment_bytes: word(4),
            checksum_start: word(6),
            checksum_offset: word(8),
        })
    }

    /// The header's bytes.
    pub fn encode(&self) -> [u8; VNET_BYTES] {
        let mut bytes = [0; VNET_BYTES];
        bytes[0] = if self.needs_checksum { NEEDS_CHECKSUM } else { 0 };
        bytes[1] = self.offload.number() | if self.ecn { ECN } else { 0 };
        let words = [self.header_bytes, self.segment_bytes, self.checksum_start, self.checksum_offset];
        for (at, word) in words.into_iter().enumerate() {
            bytes[2 + 2 * at..4 + 2 * at].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

impl Offload {
    /// VIRTIO_NET_HDR_GSO_*.
    fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::TcpV4 => 1,
            Self::UdpFragments => 3,
            Self::TcpV6 => 4,
            Self::UdpDatagrams => 5,
        }
    }

    fn from_number(number: u8) -> Result<Self, VnetError> {
        match number {
            0 => Ok(Self::None),
            1 => Ok(Self::TcpV4),
            3 => Ok(Self::UdpFragments),
            4 => Ok(Self::TcpV6),
            5 => Ok(Self::UdpDatagrams),
            _ => Err(VnetError::Offload(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_where_the_kernel_has_them() {
        let bytes = [1, 0x81, 54, 0, 0xa8, 0x05, 34, 0, 16, 0];
        let header = VnetHeader {
            needs_checksum: true,
            offload: Offload::TcpV4,
            ecn: true,
            header_bytes: 54,
            segment_bytes: 1448,
            checksum_start: 34,
            checksum_offset: 16,
        };
        assert_eq!(VnetHeader::parse(&bytes), Ok(header));
        assert_eq!(header.encode(), bytes);
        assert_eq!(VnetHeader::default().encode(), [0; VNET_BYTES]);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        assert_eq!(VnetHeader::parse(&[0; 9]), Err(VnetError::Truncated(9)));
        for number in [2, 6, 0x7f] {
            assert_eq!(
                VnetHeader::parse(&[0, number, 0, 0, 0, 0, 0, 0, 0, 0]),
                Err(VnetError::Offload(number))
            );
        }
    }

    proptest! {
        #[test]
        fn what_parses_encodes_to_the_same_bytes(bytes: [u8; VNET_BYTES]) {
            let mut bytes = bytes;
            bytes[0] &= NEEDS_CHECKSUM;
            if let Ok(header) = VnetHeader::parse(&bytes) {
                prop_assert_eq!(header.encode(), bytes);
            }
        }
    }
}
