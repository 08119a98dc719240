//! Packets on a byte-stream link: length-prefixed frames.
//!
//! ```text
//!  0        4      5       6           8       12      16         18       20      22
//! +--------+------+-------+-----------+-------+-------+----------+--------+-------+-----+-------+---------+---------+
//! | length | kind | flags | hop limit | route | label | position | weight | class | due | check | content | payload |
//! +--------+------+-------+-----------+-------+-------+----------+--------+-------+-----+-------+---------+---------+
//! ```
//!
//! Integers are big-endian. `length` counts what follows it. Flags say whether `due` (8 bytes) and
//! `check` (4 bytes) are there. Along a tree, `source` (4 bytes) stands in front of these: a path's number says
//! where it begins, a tree's only where it ends. A relay reads the headers, changes `hop limit`, `position` and `due`, and
//! passes the rest on as it is.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use crate::id::{FlowId, NodeId, RouteId};
use crate::packet::{Ack, Chunk, Content, Datagram, Ecn, MAX_CHUNK, Packet};
use crate::vnet::{VNET_BYTES, VnetError, VnetHeader};

/// Bytes of the length field.
pub const LENGTH_BYTES: usize = 4;
/// Bytes of the header, the length field included.
/// What is not always there comes on top.
pub const HEADER_BYTES: usize = 22;
/// The most that a frame's headers take, the length field included.
pub const MAX_OVERHEAD: usize = HEADER_BYTES + SOURCE_BYTES + DUE_BYTES + CHECK_BYTES + ACK_BYTES;
/// A frame with the largest chunk, the length field included.
pub const LARGEST_CHUNK_BYTES: usize = HEADER_BYTES + SOURCE_BYTES + CHUNK_BYTES + MAX_CHUNK;
/// The largest value of the length field.
pub const MAX_LENGTH: usize = MAX_OVERHEAD - LENGTH_BYTES + MAX_CHUNK;

const SOURCE_BYTES: usize = 4;
const DUE_BYTES: usize = 8;
const CHECK_BYTES: usize = 4;
const CHUNK_BYTES: usize = 20;
const ACK_BYTES: usize = 36;
const DATAGRAM_BYTES: usize = 20;
const KIND_CHUNK: u8 = 1;
const KIND_ACK: u8 = 2;
const KIND_DATAGRAM: u8 = 3;
const KIND_IP: u8 = 4;
const FLAG_LAST: u8 = 1;
const FLAG_ASK: u8 = 2;
const FLAG_COMPLETE: u8 = 1;
const FLAG_ECN_CAPABLE: u8 = 2;
const FLAG_ECN_CONGESTED: u8 = 4;
/// Of every kind of frame.
const FLAG_DUE: u8 = 0x80;
const FLAG_CHECK: u8 = 0x40;

/// Why bytes are not a frame. The connection that they came from is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The length field is outside what any frame can have.
    #[error("a frame of {0} bytes (frames have {min} to {MAX_LENGTH})", min = HEADER_BYTES - LENGTH_BYTES)]
    Length(usize),
    /// The length does not fit the kind of frame.
    #[error("a frame of kind {kind} with {length} bytes")]
    Truncated {
        /// Value of the kind field.
        kind: u8,
        /// Value of the length field.
        length: usize,
    },
    /// This version knows no such kind.
    #[error("a frame of unknown kind {0}")]
    Kind(u8),
    /// Bits that no sender of this version sets.
    #[error("a frame of kind {kind} with flags {flags:#04x}")]
    Flags {
        /// Value of the kind field.
        kind: u8,
        /// Value of the flags field.
        flags: u8,
    },
    /// An IP packet that says of itself what cannot be.
    #[error("a frame with {0}")]
    Vnet(#[from] VnetError),
}

/// Appends the headers of `packet`'s frame to `out`; the payload is to follow them. A credit has no frame, and nothing
/// is appended: it is to be redeemed before.
pub fn encode_headers(packet: &Packet, out: &mut Vec<u8>) {
    let (kind, flags, content_bytes) = match packet.content {
        Content::Chunk(chunk) => (KIND_CHUNK, chunk_flags(chunk), CHUNK_BYTES),
        Content::Ack(ack) => (KIND_ACK, if ack.complete.is_some() { FLAG_COMPLETE } else { 0 }, ACK_BYTES),
        Content::Datagram(datagram) => (KIND_DATAGRAM, datagram_flags(datagram), DATAGRAM_BYTES),
        Content::Ip(_) => (KIND_IP, 0, VNET_BYTES),
        Content::Credit(_) => return,
    };
    let (due, due_bytes) = if packet.due == 0 { (0, 0) } else { (FLAG_DUE, DUE_BYTES) };
    let (check, check_bytes) = if packet.check.is_none() { (0, 0) } else { (FLAG_CHECK, CHECK_BYTES) };
    let source_bytes = if packet.route.tree().is_some() { SOURCE_BYTES } else { 0 };
    let headers = HEADER_BYTES - LENGTH_BYTES + source_bytes + due_bytes + check_bytes + content_bytes;
    let length = headers + packet.payload.len();
    debug_assert!(length <= MAX_LENGTH);
    out.extend_from_slice(&(length as u32).to_be_bytes());
    out.extend_from_slice(&[kind, flags | due | check]);
    out.extend_from_slice(&packet.hop_limit.to_be_bytes());
    out.extend_from_slice(&packet.route.0.to_be_bytes());
    out.extend_from_slice(&packet.label.to_be_bytes());
    out.extend_from_slice(&packet.position.to_be_bytes());
    out.extend_from_slice(&packet.weight.to_be_bytes());
    out.extend_from_slice(&packet.class.to_be_bytes());
    if source_bytes > 0 {
        out.extend_from_slice(&packet.source.0.to_be_bytes());
    }
    if packet.due != 0 {
        out.extend_from_slice(&packet.due.to_be_bytes());
    }
    if let Some(check) = packet.check {
        out.extend_from_slice(&check.to_be_bytes());
    }
    encode_content(&packet.content, out);
}

fn encode_content(content: &Content, out: &mut Vec<u8>) {
    match content {
        Content::Chunk(chunk) => {
            out.extend_from_slice(&chunk.flow.0.to_be_bytes());
            out.extend_from_slice(&chunk.offset.to_be_bytes());
            out.extend_from_slice(&chunk.sent_at.to_be_bytes());
        }
        Content::Ack(ack) => {
            out.extend_from_slice(&ack.flow.0.to_be_bytes());
            out.extend_from_slice(&ack.cumulative.to_be_bytes());
            out.extend_from_slice(&ack.latest.to_be_bytes());
            out.extend_from_slice(&ack.echo.to_be_bytes());
            out.extend_from_slice(&ack.complete.unwrap_or(0).to_be_bytes());
        }
        Content::Datagram(datagram) => {
            out.extend_from_slice(&datagram.flow.0.to_be_bytes());
            out.extend_from_slice(&datagram.sequence.to_be_bytes());
            out.extend_from_slice(&datagram.sent_at.to_be_bytes());
        }
        Content::Ip(header) => out.extend_from_slice(&header.encode()),
        Content::Credit(_) => {}
    }
}

fn datagram_flags(datagram: Datagram) -> u8 {
    let last = if datagram.last { FLAG_LAST } else { 0 };
    let ecn = match datagram.ecn {
        Ecn::NotCapable => 0,
        Ecn::Capable => FLAG_ECN_CAPABLE,
        Ecn::Congested => FLAG_ECN_CONGESTED,
    };
    last | ecn
}

fn chunk_flags(chunk: Chunk) -> u8 {
    let last = if chunk.last { FLAG_LAST } else { 0 };
    let ask = if chunk.ask { FLAG_ASK } else { 0 };
    last | ask
}

/// Bytes of the frame that `buffer` begins with, the length field included.
///
/// `Ok(None)` while the length field itself is incomplete.
///
/// # Errors
/// [`FrameError::Length`]: no frame has that length.
pub fn frame_bytes(buffer: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(field) = buffer.first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*field) as usize;
    if !(HEADER_BYTES - LENGTH_BYTES..=MAX_LENGTH).contains(&length) {
        return Err(FrameError::Length(length));
    }
    Ok(Some(LENGTH_BYTES + length))
}

/// Takes the first whole frame out of `buffer`, without copying its payload.
///
/// `Ok(None)` while the frame is incomplete; `buffer` is then unchanged.
///
/// # Errors
/// Any [`FrameError`]; what `buffer` then holds is unspecified.
pub fn decode(buffer: &mut BytesMut) -> Result<Option<Packet>, FrameError> {
    match frame_bytes(buffer)? {
        Some(bytes) if bytes <= buffer.len() => parse(buffer.split_to(bytes).freeze()).map(Some),
        _ => Ok(None),
    }
}

/// Reads one whole frame, the length field included.
///
/// # Errors
/// Any [`FrameError`].
pub fn parse(mut frame: Bytes) -> Result<Packet, FrameError> {
    if frame.len() < HEADER_BYTES {
        return Err(FrameError::Length(frame.len()));
    }
    let length = frame.get_u32() as usize;
    let kind = frame.get_u8();
    let flags = frame.get_u8();
    let hop_limit = frame.get_u16();
    let route = RouteId(frame.get_u32());
    let label = frame.get_u32();
    let position = frame.get_u16();
    let weight = frame.get_u16();
    let class = frame.get_u16();
    let truncated = |_| FrameError::Truncated { kind, length };
    let along = route.tree().is_some();
    let source = NodeId(if along { frame.try_get_u32().map_err(truncated)? } else { 0 });
    let due = if flags & FLAG_DUE == 0 { 0 } else { frame.try_get_u64().map_err(truncated)? };
    let check = if flags & FLAG_CHECK == 0 { None } else { Some(frame.try_get_u32().map_err(truncated)?) };
    if flags & FLAG_DUE != 0 && due == 0 {
        return Err(FrameError::Flags { kind, flags });
    }
    let own_flags = flags & !(FLAG_DUE | FLAG_CHECK);
    let content = match kind {
        KIND_CHUNK => parse_chunk(&mut frame, own_flags, length)?,
        KIND_ACK => parse_ack(&mut frame, own_flags, length)?,
        KIND_DATAGRAM => parse_datagram(&mut frame, own_flags, length)?,
        KIND_IP => parse_ip(&mut frame, own_flags, length)?,
        _ => return Err(FrameError::Kind(kind)),
    };
    let packet = Packet::new(route, hop_limit, label, content, frame);
    Ok(Packet { source, position, weight, class, due, check, ..packet })
}

fn parse_chunk(frame: &mut Bytes, flags: u8, length: usize) -> Result<Content, FrameError> {
    if frame.len() < CHUNK_BYTES || frame.len() - CHUNK_BYTES > MAX_CHUNK {
        return Err(FrameError::Truncated { kind: KIND_CHUNK, length });
    }
    if flags & !(FLAG_LAST | FLAG_ASK) != 0 {
        return Err(FrameError::Flags { kind: KIND_CHUNK, flags });
    }
    Ok(Content::Chunk(Chunk {
        flow: FlowId(frame.get_u32()),
        offset: frame.get_u64(),
        sent_at: frame.get_u64(),
        last: flags & FLAG_LAST != 0,
        ask: flags & FLAG_ASK != 0,
    }))
}

fn parse_ack(frame: &mut Bytes, flags: u8, length: usize) -> Result<Content, FrameError> {
    if frame.len() != ACK_BYTES {
        return Err(FrameError::Truncated { kind: KIND_ACK, length });
    }
    if flags & !FLAG_COMPLETE != 0 {
        return Err(FrameError::Flags { kind: KIND_ACK, flags });
    }
    Ok(Content::Ack(Ack {
        flow: FlowId(frame.get_u32()),
        cumulative: frame.get_u64(),
        latest: frame.get_u64(),
        echo: frame.get_u64(),
        complete: Some(frame.get_u64()).filter(|_| flags & FLAG_COMPLETE != 0),
    }))
}

fn parse_datagram(frame: &mut Bytes, flags: u8, length: usize) -> Result<Content, FrameError> {
    if frame.len() < DATAGRAM_BYTES || frame.len() - DATAGRAM_BYTES > MAX_CHUNK {
        return Err(FrameError::Truncated { kind: KIND_DATAGRAM, length });
    }
    let ecn = match flags & !FLAG_LAST {
        0 => Ecn::NotCapable,
        FLAG_ECN_CAPABLE => Ecn::Capable,
        FLAG_ECN_CONGESTED => Ecn::Congested,
        _ => return Err(FrameError::Flags { kind: KIND_DATAGRAM, flags }),
    };
    Ok(Content::Datagram(Datagram {
        flow: FlowId(frame.get_u32()),
        sequence: frame.get_u64(),
        sent_at: frame.get_u64(),
        last: flags & FLAG_LAST != 0,
        ecn,
    }))
}

fn parse_ip(frame: &mut Bytes, flags: u8, length: usize) -> Result<Content, FrameError> {
    if frame.len() < VNET_BYTES || frame.len() - VNET_BYTES > MAX_CHUNK {
        return Err(FrameError::Truncated { kind: KIND_IP, length });
    }
    if flags != 0 {
        return Err(FrameError::Flags { kind: KIND_IP, flags });
    }
    let header = VnetHeader::parse(frame)?;
    if header.encode() != frame[..VNET_BYTES] {
        return Err(FrameError::Flags { kind: KIND_IP, flags: frame[0] });
    }
    frame.advance(VNET_BYTES);
    Ok(Content::Ip(header))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::{ForestId, Tree};
    use crate::vnet::Offload;

    fn content() -> impl Strategy<Value = Content> {
        let chunk = (any::<u32>(), any::<u64>(), any::<u64>(), any::<bool>(), any::<bool>()).prop_map(
            |(flow, offset, sent_at, last, ask)| {
                Content::Chunk(Chunk { flow: FlowId(flow), offset, sent_at, last, ask })
            },
        );
        let ack = (any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<Option<u64>>()).prop_map(
            |(flow, cumulative, latest, echo, complete)| {
                Content::Ack(Ack { flow: FlowId(flow), cumulative, latest, echo, complete })
            },
        );
        let ecn = prop_oneof![Just(Ecn::NotCapable), Just(Ecn::Capable), Just(Ecn::Congested)];
        let datagram = (any::<u32>(), any::<u64>(), any::<u64>(), any::<bool>(), ecn).prop_map(
            |(flow, sequence, sent_at, last, ecn)| {
                Content::Datagram(Datagram { flow: FlowId(flow), sequence, sent_at, last, ecn })
            },
        );
        let header =
            any::<[u16; 4]>().prop_map(|[header_bytes, segment_bytes, checksum_start, checksum_offset]| {
                Content::Ip(VnetHeader {
                    needs_checksum: segment_bytes & 1 == 0,
                    offload: Offload::TcpV4,
                    header_bytes,
                    segment_bytes,
                    checksum_start,
                    checksum_offset,
                    ..VnetHeader::default()
                })
            });
        prop_oneof![chunk, ack, datagram, header]
    }

    fn packet() -> impl Strategy<Value = Packet> {
        let header = (any::<u32>(), any::<u32>(), any::<u16>(), any::<u16>(), any::<u32>());
        let marks = (any::<u16>(), any::<u16>(), any::<u64>(), any::<Option<u32>>());
        (header, marks, content(), prop::collection::vec(any::<u8>(), 0..2000)).prop_map(
            |((route, source, position, hop_limit, label), (weight, class, due, check), content, payload)| {
                let payload =
                    if matches!(content, Content::Ack(_)) { Bytes::new() } else { Bytes::from(payload) };
                let packet = Packet::new(RouteId(route), hop_limit, label, content, payload);
                let source = NodeId(if packet.route.tree().is_some() { source } else { 0 });
                Packet { source, position, weight, class, due, check, ..packet }
            },
        )
    }

    fn encode(packet: &Packet) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_headers(packet, &mut bytes);
        bytes.extend_from_slice(&packet.payload);
        bytes
    }

    proptest! {
        #[test]
        fn frames_survive_the_wire_however_they_are_cut(
            packets in prop::collection::vec(packet(), 1..8),
            cuts in prop::collection::vec(1_usize..700, 1..64),
        ) {
            let stream: Vec<u8> = packets.iter().flat_map(encode).collect();
            let mut buffer = BytesMut::new();
            let mut arrived = Vec::new();
            let (mut at, mut cut) = (0, 0);
            while at < stream.len() {
                let end = stream.len().min(at + cuts[cut % cuts.len()]);
                buffer.extend_from_slice(&stream[at..end]);
                (at, cut) = (end, cut + 1);
                while let Some(packet) = decode(&mut buffer).unwrap() {
                    arrived.push(packet);
                }
            }
            prop_assert_eq!(arrived, packets);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn no_bytes_make_the_parser_panic_or_read_past_the_frame(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(packet)) = decode(&mut buffer) {
                prop_assert!(packet.payload.len() <= bytes.len());
            }
        }

        #[test]
        fn what_parses_encodes_to_the_same_bytes(packet in packet()) {
            let bytes = encode(&packet);
            let again = parse(Bytes::from(bytes.clone())).unwrap();
            prop_assert_eq!(encode(&again), bytes);
        }
    }

    #[test]
    fn impossible_lengths_are_refused_before_anything_is_buffered() {
        for length in [0_u32, 13, MAX_LENGTH as u32 + 1, u32::MAX] {
            let mut buffer = BytesMut::from(&length.to_be_bytes()[..]);
            assert_eq!(decode(&mut buffer), Err(FrameError::Length(length as usize)));
        }
    }

    #[test]
    fn a_frame_along_a_tree_says_where_it_began() {
        let ack = Ack { flow: FlowId(5), cumulative: 6, latest: 7, echo: 8, complete: None };
        let tree = Tree { forest: ForestId(2), destination: 3 };
        let way = RouteId::along(tree).unwrap();
        let packet = |route| {
            let packet = Packet::new(route, 3, 4, Content::Ack(ack), Bytes::new());
            Packet { source: NodeId(0x0a0b_0c0d), ..packet }
        };
        let (along, path) = (encode(&packet(way)), encode(&packet(RouteId(1))));
        assert_eq!(along.len(), path.len() + SOURCE_BYTES);
        assert_eq!(along[HEADER_BYTES..HEADER_BYTES + SOURCE_BYTES], [0x0a, 0x0b, 0x0c, 0x0d]);
        assert_eq!(parse(along.clone().into()).unwrap(), packet(way));
        assert_eq!(parse(path.into()).unwrap().source, NodeId(0));
        let mut cut = along[..HEADER_BYTES + 2].to_vec();
        cut[..LENGTH_BYTES].copy_from_slice(&20_u32.to_be_bytes());
        assert_eq!(parse(cut.into()), Err(FrameError::Truncated { kind: KIND_ACK, length: 20 }));
    }

    #[test]
    fn unknown_kinds_and_flags_are_refused() {
        let chunk = Chunk { flow: FlowId(5), offset: 6, sent_at: 7, last: true, ask: true };
        let packet = Packet::new(RouteId(1), 3, 4, Content::Chunk(chunk), Bytes::from_static(b"data"));
        let mut bytes = encode(&packet);
        bytes[4] = 99;
        assert_eq!(parse(bytes.clone().into()), Err(FrameError::Kind(99)));
        bytes[4] = KIND_CHUNK;
        bytes[5] = 0x20;
        assert_eq!(parse(bytes.into()), Err(FrameError::Flags { kind: KIND_CHUNK, flags: 0x20 }));
    }
}
