//! Packets as capture files hold them: blocks of pcapng (draft-ietf-opsawg-pcapng), little-endian.
//!
//! A file is one [`section`], then its interfaces, numbered from 0 in the order in which they come, then
//! packets; an interface may still come between packets, before its first one. Each function appends a block.

/// Section header, interface description, enhanced packet, interface statistics: sections 4.1 to 4.3 and 4.6 of
/// the draft.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const VERSION: [u16; 2] = [1, 0];
/// A section without its length: it goes on to the end.
const UNKNOWN_LENGTH: i64 = -1;
/// LINKTYPE_RAW: packets begin with the header of IPv4 or IPv6.
const RAW: u16 = 101;
/// Times are in units of 10^-9 s.
const NANOSECONDS: u8 = 9;

/// Options' codes; some depend on the block.
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const COMMENT: u16 = 1;
    pub(super) const SECTION_APPLICATION: u16 = 4;
    pub(super) const INTERFACE_NAME: u16 = 2;
    pub(super) const INTERFACE_DESCRIPTION: u16 = 3;
    pub(super) const INTERFACE_RESOLUTION: u16 = 9;
    pub(super) const PACKET_FLAGS: u16 = 2;
    pub(super) const STATISTICS_SEEN: u16 = 4;
    pub(super) const STATISTICS_MISSED: u16 = 5;
}

/// Which way a packet passed its interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Nothing is said of that.
    #[default]
    Unknown,
    /// It came in.
    Inbound,
    /// It went out.
    Outbound,
}

/// A packet as it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Number of the interface.
    pub interface: u32,
    /// When, in nanoseconds since 1970.
    pub at: u64,
    /// Which way.
    pub direction: Direction,
    /// How long it was; never less than is kept of it.
    pub length: u32,
    /// What is kept of it, from its beginning.
    pub bytes: &'a [u8],
    /// What is to be said of it; nothing if empty.
    pub comment: &'a str,
}

/// Appends what a file begins with.
pub fn section(file: &mut Vec<u8>) {
    block(file, SECTION, |file| {
        put_u32(file, BYTE_ORDER);
        put_u16(file, VERSION[0]);
        put_u16(file, VERSION[1]);
        file.extend_from_slice(&UNKNOWN_LENGTH.to_le_bytes());
        put_text(file, option::SECTION_APPLICATION, "nextmini");
        put_option(file, option::END, &[]);
    });
}

/// Appends an interface, of whose packets at most `kept` bytes are kept; 0 for all. What is empty is left
/// out.
pub fn interface(file: &mut Vec<u8>, name: &str, description: &str, kept: u32) {
    block(file, INTERFACE, |file| {
        put_u16(file, RAW);
        put_u16(file, 0);
        put_u32(file, kept);
        put_text(file, option::INTERFACE_NAME, name);
        put_text(file, option::INTERFACE_DESCRIPTION, description);
        put_option(file, option::INTERFACE_RESOLUTION, &[NANOSECONDS]);
        put_option(file, option::END, &[]);
    });
}

/// Appends how many packets passed an interface until `at`, and how many of them are not in the file.
pub fn statistics(file: &mut Vec<u8>, interface: u32, at: u64, (seen, missed): (u64, u64)) {
    block(file, STATISTICS, |file| {
        put_u32(file, interface);
        put_u32(file, (at >> 32) as u32);
        put_u32(file, at as u32);
        put_option(file, option::STATISTICS_SEEN, &seen.to_le_bytes());
        put_option(file, option::STATISTICS_MISSED, &missed.to_le_bytes());
        put_option(file, option::END, &[]);
    });
}

/// Appends a packet.
pub fn packet(file: &mut Vec<u8>, seen: &Seen<'_>) {
    let kept = seen.bytes.len() as u32;
    let direction: u32 = match seen.direction {
        Direction::Unknown => 0,
        Direction::Inbound => 1,
        Direction::Outbound => 2,
    };
    block(file, PACKET, |file| {
        put_u32(file, seen.interface);
        put_u32(file, (seen.at >> 32) as u32);
        put_u32(file, seen.at as u32);
        put_u32(file, kept);
        put_u32(file, seen.length.max(kept));
        put_padded(file, seen.bytes);
        put_text(file, option::COMMENT, seen.comment);
        put_option(file, option::PACKET_FLAGS, &direction.to_le_bytes());
        put_option(file, option::END, &[]);
    });
}

/// A block has its length before and behind what is in it, so that files can be read backwards.
fn block(file: &mut Vec<u8>, kind: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = file.len();
    put_u32(file, kind);
    put_u32(file, 0);
    fill(file);
    let length = (file.len() + 4 - start) as u32;
    file[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    put_u32(file, length);
}

/// Text that is not empty, or as much of it as an option can hold.
fn put_text(file: &mut Vec<u8>, code: u16, text: &str) {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end > 0 {
        put_option(file, code, &text.as_bytes()[..end]);
    }
}

fn put_option(file: &mut Vec<u8>, code: u16, value: &[u8]) {
    put_u16(file, code);
    put_u16(file, value.len() as u16);
    put_padded(file, value);
}

fn put_padded(file: &mut Vec<u8>, bytes: &[u8]) {
    file.extend_from_slice(bytes);
    let padding = bytes.len().next_multiple_of(4) - bytes.len();
    file.extend_from_slice(&[0; 3][..padding]);
}

fn put_u16(file: &mut Vec<u8>, value: u16) {
    file.extend_from_slice(&value.to_le_bytes());
}

fn put_u32(file: &mut Vec<u8>, value: u32) {
    file.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Type and body of each block, whose two lengths agree.
    fn blocks(mut file: &[u8]) -> Vec<(u32, &[u8])> {
        let mut blocks = Vec::new();
        while !file.is_empty() {
            let length = u32_at(file, 4) as usize;
            assert_eq!((length % 4, u32_at(file, length - 4) as usize), (0, length));
            blocks.push((u32_at(file, 0), &file[8..length - 4]));
            file = &file[length..];
        }
        blocks
    }

    /// Code and value of each option, to the end, which is empty, with nothing behind it.
    fn options(mut rest: &[u8]) -> Vec<(u16, &[u8])> {
        let mut options = Vec::new();
        loop {
            let length = usize::from(u16::from_le_bytes([rest[2], rest[3]]));
            let option = (u16::from_le_bytes([rest[0], rest[1]]), &rest[4..4 + length]);
            rest = &rest[4 + length.div_ceil(4) * 4..];
            if option.0 == 0 {
                assert!(length == 0 && rest.is_empty());
                return options;
            }
            options.push(option);
        }
    }

    fn u32_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    #[test]
    fn a_file_begins_with_these_bytes() {
        let mut file = Vec::new();
        section(&mut file);
        interface(&mut file, "a-b", "", 96);
        #[rustfmt::skip]
        let expected = [
            0x0a, 0x0d, 0x0d, 0x0a, 44, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0,
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            4, 0, 8, 0, b'n', b'e', b'x', b't', b'm', b'i', b'n', b'i', 0, 0, 0, 0, 44, 0, 0, 0,
            1, 0, 0, 0, 40, 0, 0, 0, 101, 0, 0, 0, 96, 0, 0, 0,
            2, 0, 3, 0, b'a', b'-', b'b', 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0,
        ];
        assert_eq!(file, expected);
    }

    #[test]
    fn a_packet_has_these_bytes() {
        let mut file = Vec::new();
        let seen = Seen {
            interface: 1,
            at: 0x1122_3344_5566_7788,
            direction: Direction::Outbound,
            length: 9,
            bytes: &[0x45, 1, 2, 3, 4],
            comment: "lost",
        };
        packet(&mut file, &seen);
        #[rustfmt::skip]
        let expected = [
            6, 0, 0, 0, 60, 0, 0, 0, 1, 0, 0, 0, 0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55,
            5, 0, 0, 0, 9, 0, 0, 0, 0x45, 1, 2, 3, 4, 0, 0, 0,
            1, 0, 4, 0, b'l', b'o', b's', b't', 2, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0,
        ];
        assert_eq!(file, expected);
    }

    #[test]
    fn statistics_have_these_bytes() {
        let mut file = Vec::new();
        statistics(&mut file, 3, 0x1122_3344_5566_7788, (0x0102, 7));
        #[rustfmt::skip]
        let expected = [
            5, 0, 0, 0, 52, 0, 0, 0, 3, 0, 0, 0, 0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55,
            4, 0, 8, 0, 2, 1, 0, 0, 0, 0, 0, 0, 5, 0, 8, 0, 7, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 52, 0, 0, 0,
        ];
        assert_eq!(file, expected);
    }

    #[test]
    fn text_is_cut_where_an_option_ends() {
        let mut file = Vec::new();
        let long = format!("{}ä{}", "x".repeat(65_534), "y".repeat(100));
        interface(&mut file, "ä", &long, 0);
        let found = options(&blocks(&file)[0].1[8..]);
        assert_eq!(found, [(2, "ä".as_bytes()), (3, &long.as_bytes()[..65_534]), (9, &[9])]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0_u32..80, comment in ".{0,9}",
            interface: u32, at: u64, inbound: bool,
        ) {
            let length = bytes.len() as u32 + cut;
            let direction = if inbound { Direction::Inbound } else { Direction::Unknown };
            let seen = Seen { interface, at, direction, length, bytes: &bytes, comment: &comment };
            let mut file = Vec::new();
            section(&mut file);
            packet(&mut file, &seen);
            packet(&mut file, &Seen { length: 0, ..seen });
            let blocks = blocks(&file);
            let kinds: Vec<_> = blocks.iter().map(|block| block.0).collect();
            prop_assert_eq!(kinds, [SECTION, PACKET, PACKET]);
            for (block, length) in [(blocks[1].1, length), (blocks[2].1, bytes.len() as u32)] {
                let time = u64::from(u32_at(block, 4)) << 32 | u64::from(u32_at(block, 8));
                prop_assert_eq!((u32_at(block, 0), time), (interface, at));
                prop_assert_eq!((u32_at(block, 12) as usize, u32_at(block, 16)), (bytes.len(), length));
                prop_assert_eq!(&block[20..20 + bytes.len()], &bytes[..]);
                let flags = u32::from(inbound).to_le_bytes();
                let said = (!comment.is_empty()).then_some((1, comment.as_bytes()));
                let expected: Vec<_> = said.into_iter().chain([(2, &flags[..])]).collect();
                prop_assert_eq!(options(&block[20 + bytes.len().next_multiple_of(4)..]), expected);
            }
        }
    }
}
