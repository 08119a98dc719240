//! What of a TCP segment tells how a connection stands.

use bytes::Bytes;
use nextmini_wire::ip::Ip;

/// A segment's header, and how much data it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The number of its first byte.
    pub sequence: u32,
    /// The number that its sender expects.
    pub acknowledges: u32,
    /// Bytes of data.
    pub data: u32,
    /// As in the header.
    pub flags: u8,
    /// As in the header, not scaled.
    pub window: u16,
    /// Where the header begins in the packet.
    pub at: usize,
    /// Its options.
    pub options: Options,
}

/// What a segment says besides: a SYN the largest segment and the scale of later windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Bytes of data in the largest segment that its sender takes.
    pub largest: Option<u16>,
    /// By how many bits its sender's windows are shifted.
    pub shift: Option<u8>,
    /// What has arrived beyond what is acknowledged, from a number on up to another: the first block of SACK (RFC 2018),
    /// which has what came last. smoltcp 0.14 sends no other.
    pub beyond: Option<(u32, u32)>,
}

/// Flags of a segment.
pub const FIN: u8 = 0x01;
/// See [`FIN`].
pub const SYN: u8 = 0x02;
/// See [`FIN`].
pub const RST: u8 = 0x04;

impl Segment {
    /// Reads a packet.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let ip = Ip::parse(packet).ok()?;
        let header = ip.transport();
        let number = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        let length = usize::from(header.get(12)? >> 4) * 4;
        let flags = *header.get(13)?;
        Some(Self {
            sequence: number(4)?,
            acknowledges: number(8)?,
            data: header.len().saturating_sub(length) as u32,
            flags,
            at: ip.transport_at(),
            window: u16::from_be_bytes(header.get(14..16)?.try_into().ok()?),
            options: Options::parse(header.get(20..length).unwrap_or_default()),
        })
    }

    /// Its packet, with another acknowledgement and window. Its checksum is not that of the new packet.
    pub fn with(&self, packet: &[u8], acknowledges: u32, window: u16) -> Bytes {
        let mut packet = packet.to_vec();
        let header = &mut packet[self.at..];
        header[8..12].copy_from_slice(&acknowledges.to_be_bytes());
        header[14..16].copy_from_slice(&window.to_be_bytes());
        packet.into()
    }

    /// How many numbers it takes up: SYN and FIN have one each.
    pub fn length(&self) -> u32 {
        self.data + u32::from(self.flags & SYN != 0) + u32::from(self.flags & FIN != 0)
    }

    /// The number behind it.
    pub fn end(&self) -> u32 {
        self.sequence.wrapping_add(self.length())
    }
}

impl Options {
    fn parse(mut bytes: &[u8]) -> Self {
        let mut options = Self::default();
        loop {
            bytes = match *bytes {
                [1, ref rest @ ..] => rest,
                [2, 4, high, low, ref rest @ ..] => {
                    options.largest = Some(u16::from_be_bytes([high, low]));
                    rest
                }
                [3, 3, shift, ref rest @ ..] => {
                    options.shift = Some(shift);
                    rest
                }
                [5, length, ref rest @ ..] if length >= 10 => {
                    if let [a, b, c, d, e, f, g, h, ..] = *rest {
                        let numbers = ([a, b, c, d], [e, f, g, h]);
                        options.beyond = Some((u32::from_be_bytes(numbers.0), u32::from_be_bytes(numbers.1)));
                    }
                    rest.get(usize::from(length) - 2..).unwrap_or_default()
                }
                // An end, or nothing that could be passed over.
                [] | [0, ..] | [_] | [_, 0 | 1, ..] => return options,
                [_, length, ..] => bytes.get(usize::from(length)..).unwrap_or_default(),
            }
        }
    }
}

/// Whether one number is behind another (RFC 9293, section 3.4).
pub fn is_behind(one: u32, other: u32) -> bool {
    (one.wrapping_sub(other) as i32) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_among_others_and_where_they_end_early() {
        let both = Options { largest: Some(1_460), shift: Some(5), ..Options::default() };
        for bytes in [
            &[2, 4, 5, 180, 3, 3, 5][..],
            &[1, 1, 4, 2, 3, 3, 5, 2, 4, 5, 180, 0, 9],
            &[3, 3, 5, 2, 4, 5, 180, 8],
            &[3, 3, 5, 2, 4, 5, 180, 8, 1, 3, 3, 7],
            &[3, 3, 5, 2, 4, 5, 180, 8, 200, 3, 3, 7],
        ] {
            assert_eq!(Options::parse(bytes), both, "{bytes:?}");
        }
        assert_eq!(Options::parse(&[]), Options::default());
        assert_eq!(Options::parse(&[2, 4, 5]), Options::default());
        let gap = [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2];
        let beyond = Some((1, 2));
        assert_eq!(Options::parse(&gap), Options { beyond, ..Options::default() });
        // One is cut off.
        assert_eq!(Options::parse(&gap[..9]), Options::default());
    }
}
