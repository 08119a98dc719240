//! A packet as it passes through the dataplane: a small header by value, its payload by reference.

use bytes::{Bytes, BytesMut};

use crate::credit::Credit;
use crate::id::{FlowId, NodeId, RouteId};
use crate::integrity;
use crate::ip::{self, Ip};
use crate::segment::{complete_checksum, segments};
use crate::vnet::VnetHeader;

/// The largest chunk of a lossless session, in bytes.
pub const MAX_CHUNK: usize = 64 * 1024;

/// A packet on its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The route it follows, chosen once at its source.
    pub route: RouteId,
    /// Where it began, along a tree; 0 until it leaves that node, and on paths, which say it themselves.
    pub source: NodeId,
    /// Index in the route of the node that holds it, or that it is on its way to.
    pub position: u16,
    /// How many more links it may cross; at 0 it is dropped and counted.
    pub hop_limit: u16,
    /// Its flow key's hash, cut to 32 bits (see [`crate::key::FlowKey::label`]).
    pub label: u32,
    /// Its flow's share where links are shared by weight; 0 counts as 1.
    pub weight: u16,
    /// Its class; 0 for none.
    pub class: u16,
    /// When it was to leave the link that it crossed last, in nanoseconds of the machine's monotonic clock;
    /// 0 for packets that crossed no link with a sense of time. The next link reckons from there, so that
    /// what one link was late does not add to the next one's delay.
    pub due: u64,
    /// CRC-32C of what it was before a link that corrupts packets had it.
    pub check: Option<u32>,
    /// What it is.
    pub content: Content,
    /// Its data, a slice of the buffer that it arrived in.
    pub payload: Bytes,
    /// Its size on the wire, as it was reckoned last.
    pub size: KnownSize,
}

/// Bytes on the emulated wire, and what they were reckoned for: the links of a network mostly have one MTU, and
/// a relay need not look into super-packets to know what they stand for.
///
/// It says nothing about a packet that the packet does not say itself, so all are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownSize {
    mtu: u16,
    payload: u32,
    bytes: u32,
}

impl PartialEq for KnownSize {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for KnownSize {}

/// What a packet is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Data of a lossless session.
    Chunk(Chunk),
    /// A session's receiver reporting to its sender.
    Ack(Ack),
    /// A packet of a flow that nobody sends again.
    Datagram(Datagram),
    /// An IP packet, or a super-packet that stands for several, with what the kernel says of it.
    Ip(VnetHeader),
    /// Leave for bytes of a flow in max mode.
    Credit(Credit),
}

/// Header of a lossless session's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The session.
    pub flow: FlowId,
    /// Where in the stream the payload begins, in bytes.
    pub offset: u64,
    /// When it was sent, in nanoseconds of the sender's clock; acknowledgements echo it.
    pub sent_at: u64,
    /// Whether the stream ends with this chunk.
    pub last: bool,
    /// Whether the sender asks for an acknowledgement, even if nothing is missing.
    pub ask: bool,
}

/// A lossless session's acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The session.
    pub flow: FlowId,
    /// Every byte before this one has arrived.
    pub cumulative: u64,
    /// Offset of the chunk that caused this acknowledgement.
    pub latest: u64,
    /// `sent_at` of that chunk.
    pub echo: u64,
    /// When everything has arrived: the xxh3 of the whole stream.
    pub complete: Option<u64>,
}

/// Header of a flow of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The flow.
    pub flow: FlowId,
    /// How many of its packets were sent before this one.
    pub sequence: u64,
    /// When it was to be sent, in nanoseconds of the sender's clock.
    pub sent_at: u64,
    /// Whether it ends the flow: without data, sent until it is acknowledged, and never dropped by a queue.
    pub last: bool,
    /// Congestion marking.
    pub ecn: Ecn,
}

/// Explicit congestion notification (RFC 3168, section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ecn {
    /// Drop it, do not mark it.
    #[default]
    NotCapable,
    /// It may be marked.
    Capable,
    /// It was marked.
    Congested,
}

/// Bytes that IPv4 and UDP headers would take on the emulated wire.
pub const DATAGRAM_HEADER: u64 = 28;

/// Bytes that IPv4 and TCP headers would take on the emulated wire, for each MTU of a chunk.
pub const EMULATED_HEADER: u64 = 40;

impl Packet {
    /// A packet at the beginning of its route.
    pub fn new(route: RouteId, hop_limit: u16, label: u32, content: Content, payload: Bytes) -> Self {
        let (source, position, weight, class, due, check) = (NodeId(0), 0, 1, 0, 0, None);
        let size = KnownSize::default();
        Self { route, source, position, hop_limit, label, weight, class, due, check, content, payload, size }
    }

    /// Redeems it if it is a credit, as where its bytes leave the process; whether it is one.
    pub fn redeem(&mut self) -> bool {
        match &mut self.content {
            Content::Credit(credit) => {
                credit.redeem();
                true
            }
            _ => false,
        }
    }

    /// Is on its way from this node to the next one of its route.
    pub fn advance(&mut self, from: NodeId) {
        if self.position == 0 && self.route.tree().is_some() {
            self.source = from;
        }
        self.position = self.position.saturating_add(1);
        self.hop_limit = self.hop_limit.saturating_sub(1);
    }

    /// Bytes on the emulated wire: the payload with the headers that real packets would carry.
    ///
    /// `mtu` is in bytes. An acknowledgement counts as one empty segment.
    pub fn wire_bytes(&self, mtu: u16) -> u64 {
        let payload = self.payload.len() as u64;
        match self.content {
            Content::Chunk(_) | Content::Ack(_) => segmented(payload, mtu),
            Content::Credit(ref credit) => segmented(u64::from(credit.bytes()), mtu),
            Content::Datagram(_) => payload + DATAGRAM_HEADER,
            Content::Ip(header) => {
                if self.size.mtu == mtu && u64::from(self.size.payload) == payload {
                    return u64::from(self.size.bytes);
                }
                // Every packet that a super-packet stands for has headers of its own.
                let more = segments(&self.payload, &header, mtu).saturating_sub(1) as u64;
                payload + more * u64::from(header.header_bytes)
            }
        }
    }

    /// The same, and remembers it.
    pub fn reckon_wire_bytes(&mut self, mtu: u16) -> u64 {
        let bytes = self.wire_bytes(mtu);
        if let (Content::Ip(_), Ok(payload), Ok(known)) =
            (&self.content, u32::try_from(self.payload.len()), u32::try_from(bytes))
        {
            self.size = KnownSize { mtu, payload, bytes: known };
        }
        bytes
    }

    /// Whether a queue must always take it: sessions bound themselves by their window.
    pub fn is_lossless(&self) -> bool {
        match self.content {
            Content::Chunk(_) | Content::Ack(_) | Content::Credit(_) => true,
            Content::Datagram(datagram) => datagram.last,
            Content::Ip(_) => false,
        }
    }

    /// Whether it overtakes data in a queue.
    pub fn is_urgent(&self) -> bool {
        matches!(self.content, Content::Ack(_))
    }

    /// Whether it may be marked instead of dropped.
    pub fn is_ecn_capable(&self) -> bool {
        match self.content {
            Content::Chunk(_) | Content::Ack(_) | Content::Credit(_) => false,
            Content::Datagram(datagram) => datagram.ecn != Ecn::NotCapable,
            Content::Ip(_) => Ip::parse(&self.payload).is_ok_and(|ip| ip.ecn() != 0),
        }
    }

    /// Marks it, if it may be.
    pub fn mark_congested(&mut self) {
        match &mut self.content {
            Content::Datagram(datagram) if datagram.ecn != Ecn::NotCapable => datagram.ecn = Ecn::Congested,
            Content::Ip(_) => {
                let mut marked = BytesMut::from(&self.payload[..]);
                if ip::mark(&mut marked) {
                    self.payload = marked.freeze();
                }
            }
            Content::Chunk(_) | Content::Ack(_) | Content::Datagram(_) | Content::Credit(_) => {}
        }
    }

    /// Flips a bit, chosen by `which`.
    ///
    /// Packets of sessions, and those without data, carry a checksum from here on, as [`Self::is_intact`]
    /// wants it; others go on to whoever checks their data. A checksum that the kernel left to a network card
    /// is completed before: it would be over the damaged data otherwise, and nobody would see the damage.
    pub fn corrupt(&mut self, which: u64) {
        let checked = self.is_lossless() || self.payload.is_empty();
        if checked && self.check.is_none() {
            self.check = Some(self.checksum());
        }
        if self.payload.is_empty() {
            self.check = self.check.map(|check| check ^ 1 << (which % 32));
            return;
        }
        let mut damaged = BytesMut::from(&self.payload[..]);
        if let Content::Ip(header) = &mut self.content
            && complete_checksum(&mut damaged, header).is_err()
        {
            // Its header tells of a checksum that it has not: the receiver's stack is going to drop it.
            header.needs_checksum = false;
        }
        let bit = which % (8 * damaged.len() as u64);
        damaged[(bit / 8) as usize] ^= 1 << (bit % 8);
        self.payload = damaged.freeze();
    }

    /// Whether it is as it was, as far as it carries a checksum.
    pub fn is_intact(&self) -> bool {
        self.check.is_none_or(|check| check == self.checksum())
    }

    fn checksum(&self) -> u32 {
        match self.content {
            Content::Chunk(chunk) => {
                let last = [u8::from(chunk.last)];
                let header: [&[u8]; 3] = [&chunk.flow.0.to_be_bytes(), &chunk.offset.to_be_bytes(), &last];
                integrity::crc32c(&[header[0], header[1], header[2], &self.payload])
            }
            Content::Ack(ack) => {
                let complete = ack.complete.unwrap_or(0).to_be_bytes();
                let header = [ack.cumulative.to_be_bytes(), ack.latest.to_be_bytes(), complete];
                integrity::crc32c(&[&ack.flow.0.to_be_bytes(), &header[0], &header[1], &header[2]])
            }
            Content::Datagram(datagram) => {
                let sequence = datagram.sequence.to_be_bytes();
                integrity::crc32c(&[&datagram.flow.0.to_be_bytes(), &sequence, &self.payload])
            }
            Content::Ip(_) => integrity::crc32c(&[&self.payload]),
            Content::Credit(ref credit) => integrity::crc32c(&[&credit.bytes().to_be_bytes()]),
        }
    }
}

/// Bytes with the headers of as many segments as carry them, at least one.
fn segmented(bytes: u64, mtu: u16) -> u64 {
    let per_segment = u64::from(mtu).saturating_sub(EMULATED_HEADER).max(1);
    bytes + bytes.div_ceil(per_segment).max(1) * EMULATED_HEADER
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(content: Content, length: usize) -> Packet {
        Packet::new(RouteId(1), 8, 0, content, Bytes::from(vec![0; length]))
    }

    fn chunk(length: usize) -> Packet {
        let chunk = Chunk { flow: FlowId(1), offset: 0, sent_at: 0, last: false, ask: false };
        packet(Content::Chunk(chunk), length)
    }

    fn datagram(length: usize, ecn: Ecn) -> Packet {
        let datagram = Datagram { flow: FlowId(1), sequence: 5, sent_at: 0, last: false, ecn };
        packet(Content::Datagram(datagram), length)
    }

    #[test]
    fn damage_to_a_session_is_seen_by_the_next_node() {
        let ack = Ack { flow: FlowId(1), cumulative: 9, latest: 3, echo: 0, complete: None };
        for mut packet in [chunk(1_000), packet(Content::Ack(ack), 0), datagram(0, Ecn::NotCapable)] {
            assert!(packet.is_intact());
            packet.corrupt(12_345);
            assert!(!packet.is_intact(), "{packet:?}");
            packet.corrupt(54_321);
            assert!(!packet.is_intact(), "{packet:?}");
        }
    }

    #[test]
    fn damage_to_a_datagram_is_one_bit_that_travels_on() {
        let mut packet = datagram(100, Ecn::NotCapable);
        packet.corrupt(12_345);
        assert_eq!(packet.payload.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
        assert!(packet.is_intact());
    }

    #[test]
    fn only_who_can_bear_it_is_marked() {
        let mut packets = [datagram(1, Ecn::NotCapable), datagram(1, Ecn::Capable)];
        packets.iter_mut().for_each(Packet::mark_congested);
        assert_eq!(packets, [datagram(1, Ecn::NotCapable), datagram(1, Ecn::Congested)]);
    }

    #[test]
    fn a_size_that_is_known_is_that_of_this_packet_and_mtu() {
        let ip = |length: u16| {
            let mut bytes = vec![0; usize::from(length)];
            bytes[0] = 0x45;
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            bytes[9] = 17;
            Packet { payload: bytes.into(), ..packet(Content::Ip(VnetHeader::default()), 0) }
        };
        let mut whole = ip(4_000);
        for mtu in [1_500, 1_500, 576, 9_000, 1_500] {
            assert_eq!(whole.reckon_wire_bytes(mtu), ip(4_000).wire_bytes(mtu), "{mtu}");
        }
        let part = Packet { payload: ip(500).payload, ..whole.clone() };
        assert_eq!(part.wire_bytes(1_500), 500);
        assert_eq!(whole, ip(4_000));
    }

    #[test]
    fn a_chunk_counts_one_header_for_each_segment() {
        assert_eq!(chunk(1460).wire_bytes(1500), 1500);
        assert_eq!(chunk(1461).wire_bytes(1500), 1461 + 80);
        assert_eq!(chunk(0).wire_bytes(1500), 40);
        assert_eq!(chunk(64 * 1024).wire_bytes(1500), 65536 + 45 * 40);
    }
}
