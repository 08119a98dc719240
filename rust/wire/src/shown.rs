//! How a capture shows packets: as IP packets, whatever they are on their way through the network.
//!
//! Real packets are what they are. Those of `udp` flows get the headers that their sizes were reckoned with. Those of
//! lossless sessions get an IPv4 header with protocol 253 ("experimentation and testing") and then, big-endian:
//!
//! ```text
//! | bytes | data                                   | acknowledgement                         |
//! | 1     | 1                                      | 2                                       |
//! | 1     | 1: the last one, 2: asks for an answer | 1: everything has arrived               |
//! | 2     | 0                                      | 0                                       |
//! | 4     | number of the flow                     | number of the flow                      |
//! | 8     | where in the stream the data begin     | every byte before this one has arrived  |
//! | 8     |                                        | offset of the data that caused it       |
//! ```
//!
//! Bytes of flows in max mode, which nobody sees, are shown as so many zeros behind the same header with a 3 in the
//! first byte.

use std::net::Ipv4Addr;

use crate::checksum::checksum;
use crate::ip::protocol;
use crate::key::LOSSLESS_PROTOCOL;
use crate::packet::{Ack, Chunk, Content, Datagram, Ecn, Packet};
use crate::segment::complete_checksum;
use crate::ttl;
use crate::vnet::VnetHeader;

const V4_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
const DATA: u8 = 1;
const ACKNOWLEDGEMENT: u8 = 2;
const UNSEEN: u8 = 3;
/// DF of the header's second word: nothing cuts these.
const UNCUTTABLE: u16 = 0x4000;

/// What is known of a packet beside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Where its route begins.
    pub source: Ipv4Addr,
    /// Where its route ends.
    pub destination: Ipv4Addr,
    /// How many routers have counted its time to live down.
    pub routers: u16,
    /// How much of it is kept, in bytes.
    pub kept: usize,
}

/// Replaces `bytes` by what is kept of a packet; returns how long it is as a whole.
pub fn show(packet: &Packet, view: &View, bytes: &mut Vec<u8>) -> u32 {
    bytes.clear();
    let length = match packet.content {
        Content::Ip(header) => {
            show_ip(&packet.payload, header, view, bytes);
            packet.payload.len()
        }
        Content::Chunk(chunk) => synthesize(packet, view, LOSSLESS_PROTOCOL, &of_chunk(chunk), bytes),
        Content::Ack(ack) => synthesize(packet, view, LOSSLESS_PROTOCOL, &of_ack(ack), bytes),
        Content::Datagram(datagram) => {
            synthesize(packet, view, protocol::UDP, &of_datagram(datagram, packet.payload.len()), bytes)
        }
        Content::Credit(_) => {
            synthesize(packet, view, LOSSLESS_PROTOCOL, &lossless_header(UNSEEN, 0, 0, 0), bytes)
        }
    };
    bytes.truncate(view.kept);
    length as u32
}

/// Says what a packet of a synthetic flow is; nothing of a real one.
pub fn describe(packet: &Packet) -> Option<String> {
    match packet.content {
        Content::Ip(_) => None,
        Content::Chunk(chunk) => {
            let end = chunk.offset.saturating_add(packet.payload.len() as u64);
            let last = if chunk.last { ", the last" } else { "" };
            Some(format!("flow {}: bytes {} to {end}{last}", chunk.flow.0, chunk.offset))
        }
        Content::Ack(ack) => {
            let complete = if ack.complete.is_some() { ", which are all" } else { "" };
            Some(format!("flow {}: has bytes up to {}{complete}", ack.flow.0, ack.cumulative))
        }
        Content::Datagram(datagram) if datagram.last => Some(format!("flow {}: the end", datagram.flow.0)),
        Content::Datagram(datagram) => {
            Some(format!("flow {}: packet {}", datagram.flow.0, datagram.sequence))
        }
        Content::Credit(ref credit) => Some(format!("{} bytes in max mode", credit.bytes())),
    }
}

/// A checksum that the kernel left to a network card is completed, as on a wire; it goes over the whole packet.
fn show_ip(payload: &[u8], mut header: VnetHeader, view: &View, bytes: &mut Vec<u8>) {
    if header.needs_checksum {
        bytes.extend_from_slice(payload);
        // What no network card could complete either is shown as it is.
        let _completed = complete_checksum(bytes, &mut header);
    } else {
        bytes.extend_from_slice(&payload[..payload.len().min(view.kept)]);
    }
    if view.routers > 0
        && let Some(patch) = ttl::after(payload, view.routers)
        && let Some(begin) = bytes.get_mut(..patch.bytes().len())
    {
        begin.copy_from_slice(patch.bytes());
    }
}

/// Headers and as much of the payload as is kept; returns the whole length.
fn synthesize(packet: &Packet, view: &View, protocol: u8, transport: &[u8], bytes: &mut Vec<u8>) -> usize {
    let data = match packet.content {
        Content::Credit(ref credit) => credit.bytes() as usize,
        _ => packet.payload.len(),
    };
    let length = V4_HEADER + transport.len() + data;
    let ecn = match packet.content {
        Content::Datagram(Datagram { ecn: Ecn::Capable, .. }) => 2,
        Content::Datagram(Datagram { ecn: Ecn::Congested, .. }) => 3,
        _ => 0,
    };
    // The largest chunk does not fit an IPv4 packet: the field then says the most that it can.
    let total = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    let left = u8::try_from(packet.hop_limit).unwrap_or(u8::MAX);
    let flags = UNCUTTABLE.to_be_bytes();
    bytes.extend_from_slice(&[0x45, ecn, total[0], total[1], 0, 0, flags[0], flags[1], left, protocol, 0, 0]);
    bytes.extend_from_slice(&view.source.octets());
    bytes.extend_from_slice(&view.destination.octets());
    let sum = checksum(bytes);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes.extend_from_slice(transport);
    let room = view.kept.saturating_sub(bytes.len()).min(packet.payload.len());
    bytes.extend_from_slice(&packet.payload[..room]);
    // What nobody has seen.
    bytes.resize(bytes.len().max(length.min(view.kept)), 0);
    length
}

fn of_chunk(chunk: Chunk) -> [u8; 16] {
    let flags = u8::from(chunk.last) | u8::from(chunk.ask) << 1;
    lossless_header(DATA, flags, chunk.flow.0, chunk.offset)
}

fn of_ack(ack: Ack) -> [u8; 24] {
    let mut header = [0; 24];
    let flags = u8::from(ack.complete.is_some());
    header[..16].copy_from_slice(&lossless_header(ACKNOWLEDGEMENT, flags, ack.flow.0, ack.cumulative));
    header[16..].copy_from_slice(&ack.latest.to_be_bytes());
    header
}

fn lossless_header(kind: u8, flags: u8, flow: u32, offset: u64) -> [u8; 16] {
    let mut header = [0; 16];
    header[..2].copy_from_slice(&[kind, flags]);
    header[4..8].copy_from_slice(&flow.to_be_bytes());
    header[8..].copy_from_slice(&offset.to_be_bytes());
    header
}

/// Ports are the two halves of the flow's number, as in [`crate::key::FlowKey`]; there is no checksum, which UDP over
/// IPv4 may do without.
fn of_datagram(datagram: Datagram, payload: usize) -> [u8; UDP_HEADER] {
    let mut header = [0; UDP_HEADER];
    let length = u16::try_from(UDP_HEADER + payload).unwrap_or(u16::MAX);
    header[..4].copy_from_slice(&datagram.flow.0.to_be_bytes());
    header[4..6].copy_from_slice(&length.to_be_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::credit::{Account, Credit};
    use crate::id::{FlowId, RouteId};
    use crate::ip::Ip;
    use crate::segment::segment;
    use crate::vnet::Offload;

    const ALL: usize = 262_144;

    fn view(routers: u16, kept: usize) -> View {
        View { source: Ipv4Addr::new(10, 0, 0, 1), destination: Ipv4Addr::new(10, 0, 0, 4), routers, kept }
    }

    fn packet(content: Content, payload: &[u8]) -> Packet {
        Packet::new(RouteId(1), 300, 0, content, Bytes::copy_from_slice(payload))
    }

    fn shown(packet: &Packet, view: &View) -> (u32, Vec<u8>) {
        let mut bytes = vec![9; 3];
        let length = show(packet, view, &mut bytes);
        (length, bytes)
    }

    /// UDP over IPv4 from 10.0.0.1 to 10.0.0.4 whose checksum is left to us.
    fn unfinished() -> Packet {
        let mut bytes = vec![0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 4];
        let sum = checksum(&bytes);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        // Of the pseudo header: both addresses, protocol, length.
        let pseudo = !checksum(&[10, 0, 0, 1, 10, 0, 0, 4, 0, 17, 0, 12]);
        bytes.extend_from_slice(&[0, 53, 0, 53, 0, 12]);
        bytes.extend_from_slice(&pseudo.to_be_bytes());
        bytes.extend_from_slice(b"what");
        let header =
            VnetHeader { needs_checksum: true, checksum_start: 20, checksum_offset: 6, ..Default::default() };
        packet(Content::Ip(header), &bytes)
    }

    #[test]
    fn a_real_packet_is_shown_as_it_would_be_on_a_wire() {
        let packet = unfinished();
        let (length, bytes) = shown(&packet, &view(3, ALL));
        assert_eq!((length, bytes.len(), bytes[8]), (32, 32, 61));
        assert_eq!(checksum(&bytes[..20]), 0);
        let pseudo = [&[10, 0, 0, 1, 10, 0, 0, 4, 0, 17, 0, 12], &bytes[20..]].concat();
        assert_eq!(checksum(&pseudo), 0);
        let (length, short) = shown(&packet, &view(3, 28));
        assert_eq!((length, &short[..]), (32, &bytes[..28]));
        assert_eq!(shown(&packet, &view(0, ALL)).1[8], 64);
        assert_eq!(describe(&packet), None);
    }

    #[test]
    fn what_is_no_packet_is_shown_as_it_is() {
        let header = VnetHeader { needs_checksum: true, checksum_start: 900, ..Default::default() };
        for content in [Content::Ip(header), Content::Ip(VnetHeader::default())] {
            assert_eq!(shown(&packet(content.clone(), &[1, 2, 3]), &view(7, ALL)), (3, vec![1, 2, 3]));
            assert_eq!(shown(&packet(content, &[0x45; 40]), &view(0, 2)), (40, vec![0x45; 2]));
        }
    }

    #[test]
    fn a_datagram_has_the_headers_that_it_counts_for() {
        let datagram =
            Datagram { flow: FlowId(0x0001_0002), sequence: 7, sent_at: 0, last: false, ecn: Ecn::Congested };
        let packet = packet(Content::Datagram(datagram), &[0xab; 100]);
        let (length, bytes) = shown(&packet, &view(0, ALL));
        assert_eq!((u64::from(length), bytes.len()), (packet.wire_bytes(1_500), 128));
        let ip = Ip::parse(&bytes).unwrap();
        assert_eq!((ip.bytes().len(), ip.protocol(), ip.ecn(), bytes[8]), (128, 17, 3, 255));
        assert_eq!(ip.source(), view(0, 0).source);
        assert_eq!(ip.destination(), view(0, 0).destination);
        assert_eq!(ip.ports(), Some((1, 2)));
        assert_eq!(ip.transport()[4..], [&[0, 108, 0, 0][..], &[0xab; 100]].concat());
        assert_eq!(checksum(&bytes[..20]), 0);
        assert_eq!(shown(&packet, &view(0, 30)), (128, bytes[..30].to_vec()));
        assert_eq!(shown(&packet, &view(0, 0)), (128, vec![]));
        assert_eq!(describe(&packet).unwrap(), "flow 65538: packet 7");
        // It is a packet that anything else here takes for one.
        let whole = VnetHeader { offload: Offload::None, ..VnetHeader::default() };
        assert_eq!(segment(bytes.clone().into(), whole, 1_500).unwrap()[0].1, bytes);
    }

    #[test]
    fn sessions_are_shown_with_a_header_of_their_own() {
        let chunk = Chunk { flow: FlowId(5), offset: 65_536, sent_at: 1, last: true, ask: true };
        let largest = packet(Content::Chunk(chunk), &vec![1; 65_536]);
        let (length, bytes) = shown(&largest, &view(0, ALL));
        assert_eq!((length, bytes.len(), &bytes[2..4]), (65_572, 65_572, &[0xff, 0xff][..]));
        assert_eq!(bytes[9], 253);
        assert_eq!(bytes[20..36], [1, 3, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(describe(&largest).unwrap(), "flow 5: bytes 65536 to 131072, the last");
        let ack = Ack { flow: FlowId(5), cumulative: 3, latest: 2, echo: 0, complete: Some(9) };
        let ack = packet(Content::Ack(ack), &[]);
        let (length, bytes) = shown(&ack, &view(0, ALL));
        assert_eq!((length, Ip::parse(&bytes).unwrap().protocol()), (44, 253));
        assert_eq!(bytes[20..], [2, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(describe(&ack).unwrap(), "flow 5: has bytes up to 3, which are all");
    }

    #[test]
    fn what_nobody_has_seen_is_shown_as_so_many_zeros() {
        #[derive(Debug)]
        struct Nobody;
        impl Account for Nobody {
            fn granted(&self, _: u32) {}
            fn lost(&self, _: u32) {}
        }
        let credit = packet(Content::Credit(Credit::new(1_000, Arc::new(Nobody))), &[]);
        let (length, bytes) = shown(&credit, &view(0, ALL));
        assert_eq!((length, bytes.len(), &bytes[2..4]), (1_036, 1_036, &[4, 12][..]));
        assert_eq!(bytes[20..24], [3, 0, 0, 0]);
        assert!(bytes[24..].iter().all(|&byte| byte == 0));
        assert_eq!(shown(&credit, &view(0, 30)), (1_036, bytes[..30].to_vec()));
        assert_eq!(describe(&credit).unwrap(), "1000 bytes in max mode");
    }
}
