//! Packets are made by hand here, cut, and put together again.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::checksum::checksum;
use crate::ip::protocol::{TCP, UDP};

const CWR: u8 = 0x80;
const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
const FIN: u8 = 0x01;

/// What a packet is made of.
#[derive(Clone, Debug)]
struct Made {
    v6: bool,
    tcp: bool,
    /// Bytes of IPv4's options, or of an IPv6 header with options; and of TCP's options.
    options: (usize, usize),
    dont_fragment: bool,
    id: u16,
    sequence: u32,
    payload: Vec<u8>,
}

impl Made {
    fn new(v6: bool, tcp: bool, length: usize) -> Self {
        let payload = (0..length).map(|index| (index * 31 / 7) as u8).collect();
        Self { v6, tcp, options: (0, 0), dont_fragment: true, id: 0xffff, sequence: 0xffff_ff00, payload }
    }

    fn transport(&self) -> Vec<u8> {
        let mut transport = vec![0x12, 0x34, 0x56, 0x78];
        if self.tcp {
            transport.extend(self.sequence.to_be_bytes());
            transport.extend([0, 0, 0, 9, ((20 + self.options.1) * 4) as u8, CWR | ACK | PSH | FIN]);
            transport.extend([0xff, 0xff, 0, 0, 0, 0]);
            transport.extend(vec![1; self.options.1]);
        } else {
            transport.extend(((8 + self.payload.len()) as u16).to_be_bytes());
            transport.extend([0, 0]);
        }
        transport.extend(&self.payload);
        transport
    }

    fn checksum_at(&self) -> usize {
        if self.tcp { 16 } else { 6 }
    }

    /// The packet as the kernel would hand it over, its checksum yet to be completed.
    fn partial(&self) -> (Vec<u8>, VnetHeader) {
        let mut packet = self.ip_header(self.transport().len());
        let start = packet.len();
        packet.extend(self.transport());
        let ip = Ip::parse(&packet).unwrap();
        let length = ip.transport().len() as u32;
        let sum = Sum::pseudo_header(ip.source(), ip.destination(), ip.protocol(), length).folded();
        let at = self.checksum_at();
        packet[start + at..start + at + 2].copy_from_slice(&sum.to_be_bytes());
        let header = VnetHeader {
            needs_checksum: true,
            checksum_start: start as u16,
            checksum_offset: at as u16,
            ..VnetHeader::default()
        };
        (packet, header)
    }

    /// The same as a super-packet of segments of so many bytes.
    fn large(&self, segment_bytes: u16) -> (Bytes, VnetHeader) {
        let (packet, header) = self.partial();
        let offload = match (self.tcp, self.v6) {
            (true, false) => Offload::TcpV4,
            (true, true) => Offload::TcpV6,
            (false, _) => Offload::UdpDatagrams,
        };
        (packet.into(), VnetHeader { offload, segment_bytes, ..header })
    }

    fn ip_header(&self, transport: usize) -> Vec<u8> {
        let protocol = if self.tcp { TCP } else { UDP };
        let mut header = Vec::new();
        if self.v6 {
            let options = self.options.0;
            header.extend([0x60, 0, 0, 0]);
            header.extend(((options + transport) as u16).to_be_bytes());
            header.extend([if options > 0 { 60 } else { protocol }, 64]);
            header.extend([&[0xfd; 16][..], &[0xfe; 16]].concat());
            if options > 0 {
                header.extend([protocol, (options / 8 - 1) as u8]);
                header.extend(vec![0; options - 2]);
            }
        } else {
            let options = self.options.0;
            let total = (20 + options + transport) as u16;
            header.extend([0x45 + (options / 4) as u8, 0]);
            header.extend(
                [total, self.id, if self.dont_fragment { 0x4000 } else { 0 }].map(u16::to_be_bytes).concat(),
            );
            header.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            header.extend(vec![1; options]);
            let sum = checksum(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        header
    }
}

fn made() -> impl Strategy<Value = Made> {
    let numbers = (any::<u16>(), any::<u32>(), prop::collection::vec(any::<u8>(), 1..5000));
    (any::<[bool; 3]>(), 0_usize..=4, 0_usize..=10, numbers).prop_map(
        |([v6, tcp, dont_fragment], options, tcp_options, (id, sequence, payload))| Made {
            v6,
            tcp,
            options: (options * 8, if tcp { tcp_options * 4 } else { 0 }),
            dont_fragment,
            id,
            sequence,
            payload,
        },
    )
}

/// Whether both checksums of a whole packet are right.
fn verify(packet: &[u8]) {
    let ip = Ip::parse(packet).unwrap();
    assert_eq!(ip.bytes().len(), packet.len());
    if !ip.is_v6() {
        assert_eq!(checksum(&packet[..ip.transport_at()]), 0);
    }
    let length = ip.transport().len() as u32;
    let mut sum = Sum::pseudo_header(ip.source(), ip.destination(), ip.protocol(), length);
    sum.add(ip.transport());
    assert_eq!(sum.checksum(), 0);
}

/// Puts fragments together (RFC 791, section 3.2).
fn reassembled(fragments: &[Bytes]) -> Vec<u8> {
    let mut parts = BTreeMap::new();
    let mut end = None;
    for fragment in fragments {
        assert_eq!(checksum(&fragment[..usize::from(fragment[0] & 0xf) * 4]), 0);
        let ip = Ip::parse(fragment).unwrap();
        let part = ip.fragment().unwrap();
        let offset = usize::from(part.offset);
        if !part.more {
            end = Some(offset + ip.transport().len());
        }
        parts.insert(offset, ip.transport());
    }
    let mut payload = Vec::new();
    for (offset, part) in parts {
        assert_eq!(offset, payload.len());
        payload.extend(part);
    }
    assert_eq!(end, Some(payload.len()));
    let header = usize::from(fragments[0][0] & 0xf) * 4;
    let mut packet = [&fragments[0][..header], &payload].concat();
    let total = packet.len() as u16;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[6] &= !0x20;
    packet[10..12].fill(0);
    let sum = checksum(&packet[..header]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet
}

fn packets(segments: Vec<(VnetHeader, Bytes)>) -> Vec<Bytes> {
    segments
        .into_iter()
        .map(|(header, packet)| {
            assert_eq!(header, VnetHeader::default());
            packet
        })
        .collect()
}

#[test]
fn a_tcp_segment_is_cut_as_a_network_card_would() {
    let made = Made::new(false, true, 2_500);
    let (packet, header) = made.large(1_000);
    let pieces = packets(segment(packet, header, 1_500).unwrap());
    let sizes: Vec<usize> = pieces.iter().map(Bytes::len).collect();
    assert_eq!(sizes, [1_040, 1_040, 540]);
    let field = |at: usize| pieces.iter().map(move |piece| u16::from_be_bytes([piece[at], piece[at + 1]]));
    assert_eq!(field(2).collect::<Vec<_>>(), [1_040, 1_040, 540]);
    assert_eq!(field(4).collect::<Vec<_>>(), [0xffff, 0, 1], "identification");
    assert_eq!(field(24).collect::<Vec<_>>(), [0xffff, 0, 0], "sequence number");
    assert_eq!(field(26).collect::<Vec<_>>(), [0xff00, 0x02e8, 0x06d0], "sequence number");
    let flags: Vec<u8> = pieces.iter().map(|piece| piece[33]).collect();
    assert_eq!(flags, [CWR | ACK, ACK, ACK | PSH | FIN]);
    pieces.iter().for_each(|piece| verify(piece));
}

#[test]
fn datagrams_get_a_header_each() {
    let made = Made::new(true, false, 2_500);
    let (packet, header) = made.large(1_200);
    let pieces = packets(segment(packet, header, 1_500).unwrap());
    let lengths: Vec<u16> = pieces.iter().map(|piece| u16::from_be_bytes([piece[44], piece[45]])).collect();
    assert_eq!(lengths, [1_208, 1_208, 108]);
    pieces.iter().for_each(|piece| verify(piece));
}

#[test]
fn datagrams_without_checksums_stay_without() {
    let (packet, header) = Made::new(false, false, 300).large(100);
    let mut packet = packet.to_vec();
    packet[26..28].fill(0);
    let header = VnetHeader { needs_checksum: false, ..header };
    let pieces = packets(segment(packet.into(), header, 1_500).unwrap());
    assert_eq!(pieces.len(), 3);
    assert!(pieces.iter().all(|piece| piece[26..28] == [0, 0]));
}

#[test]
fn what_fits_is_left_alone() {
    let (packet, header) = Made::new(false, true, 1_460).partial();
    let packet = Bytes::from(packet);
    assert_eq!(segment(packet.clone(), header, 1_500), Ok(vec![(header, packet.clone())]));
    assert_eq!(segments(&packet, &header, 1_500), 1);
    // Not even looked at.
    let nonsense = Bytes::from_static(&[0xff; 100]);
    assert_eq!(segment(nonsense.clone(), header, 100), Ok(vec![(header, nonsense.clone())]));
    assert_eq!(segment(nonsense, header, 99), Err(IpError::Version(15).into()));
    // An offload of one segment is none.
    let (packet, header) = Made::new(false, true, 1_460).large(1_460);
    let plain = VnetHeader { offload: Offload::None, segment_bytes: 0, ..header };
    assert_eq!(segment(packet.clone(), header, 1_500), Ok(vec![(plain, packet)]));
}

#[test]
fn what_may_not_be_cut_is_refused_with_its_size() {
    for (v6, dont_fragment) in [(false, true), (true, false), (true, true)] {
        let made = Made { dont_fragment, ..Made::new(v6, true, 1_460) };
        let bytes = if v6 { 1_520 } else { 1_500 };
        let (packet, header) = made.partial();
        let refused = Err(SegmentError::TooLarge { bytes, mtu: 1_400 });
        assert_eq!(segment(packet.into(), header, 1_400), refused);
        let made = Made { payload: vec![7; 5_000], ..made };
        let (packet, header) = made.large(1_460);
        assert_eq!(segments(&packet, &header, 1_400), 1);
        assert_eq!(segment(packet, header, 1_400), refused);
    }
}

#[test]
fn a_fragment_is_cut_again() {
    let made = Made { dont_fragment: false, ..Made::new(false, false, 3_000) };
    let (packet, header) = made.partial();
    let once = packets(segment(packet.clone().into(), header, 1_500).unwrap());
    assert_eq!(once.iter().map(Bytes::len).collect::<Vec<_>>(), [1_500, 1_500, 68]);
    let twice: Vec<Bytes> = once
        .iter()
        .flat_map(|fragment| packets(segment(fragment.clone(), VnetHeader::default(), 576).unwrap()))
        .collect();
    assert_eq!(twice.len(), 3 + 3 + 1);
    let whole = reassembled(&twice);
    verify(&whole);
    assert_eq!(whole[28..], made.payload);
}

#[test]
fn options_that_are_not_to_be_copied_stand_in_the_first_fragment_alone() {
    let made = Made { dont_fragment: false, options: (12, 0), ..Made::new(false, false, 3_000) };
    let (mut packet, header) = made.partial();
    // Record route, which is not copied; loose source route, which is; nothing more.
    packet[20..32].copy_from_slice(&[7, 4, 4, 0, 1, 131, 3, 4, 7, 3, 4, 0]);
    let pieces = packets(segment(packet.into(), header, 1_500).unwrap());
    assert_eq!(pieces[0][20..32], [7, 4, 4, 0, 1, 131, 3, 4, 7, 3, 4, 0]);
    assert_eq!(pieces[1][20..32], [1, 1, 1, 1, 1, 131, 3, 4, 1, 1, 1, 0]);
    reassembled(&pieces);
}

#[test]
fn headers_of_nonsense_are_refused() {
    let (packet, header) = Made { options: (40, 40), ..Made::new(false, true, 60_000) }.large(1_000);
    let refused = |header: VnetHeader, packet: &Bytes| segment(packet.clone(), header, 1_500).unwrap_err();
    // Segments of a byte would take more than a hundred times the memory.
    for segment_bytes in [0, 1] {
        assert_eq!(refused(VnetHeader { segment_bytes, ..header }, &packet), SegmentError::Offload);
    }
    for offload in [Offload::TcpV6, Offload::UdpDatagrams] {
        assert_eq!(refused(VnetHeader { offload, ..header }, &packet), SegmentError::Offload);
    }
    let (packet, header) = Made { dont_fragment: false, ..Made::new(false, false, 2_000) }.partial();
    let packet = Bytes::from(packet);
    for (checksum_start, checksum_offset) in [(2_028, 0), (2_027, 0), (65_535, 65_535), (20, 2_007), (19, 6)]
    {
        let header = VnetHeader { checksum_start, checksum_offset, ..header };
        assert_eq!(refused(header, &packet), SegmentError::Checksum);
    }
    let mut last = packet.to_vec();
    last[6..8].copy_from_slice(&[0x1f, 0xff]);
    assert_eq!(refused(VnetHeader::default(), &last.into()), SegmentError::Fragment);
    assert_eq!(
        segment(packet, header, 27),
        Err(SegmentError::TooLarge { bytes: 2_028, mtu: 27 }),
        "a fragment carries 8 bytes at least"
    );
}

proptest! {
    #[test]
    fn a_partial_checksum_is_completed_once(made in made()) {
        let (mut packet, mut header) = made.partial();
        complete_checksum(&mut packet, &mut header).unwrap();
        prop_assert_eq!(header, VnetHeader::default());
        verify(&packet);
        let complete = packet.clone();
        complete_checksum(&mut packet, &mut header).unwrap();
        prop_assert_eq!(packet, complete);
    }

    #[test]
    fn segments_carry_what_the_super_packet_did(made in made(), segment_bytes in 1_u16..3000) {
        prop_assume!(made.payload.len() > usize::from(segment_bytes));
        let (packet, header) = made.large(segment_bytes);
        let pieces = packets(segment(packet.clone(), header, u16::MAX).unwrap());
        prop_assert_eq!(pieces.len(), segments(&packet, &header, u16::MAX));
        let mut payload: Vec<u8> = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            verify(piece);
            let ip = Ip::parse(piece).unwrap();
            let data = if made.tcp { 20 + made.options.1 } else { 8 };
            if made.tcp {
                let sequence = u32::from_be_bytes(ip.transport()[4..8].try_into().unwrap());
                prop_assert_eq!(sequence, made.sequence.wrapping_add(payload.len() as u32));
                let flags = ip.transport()[13];
                prop_assert_eq!(flags & CWR != 0, index == 0);
                prop_assert_eq!(flags & (PSH | FIN) == PSH | FIN, index + 1 == pieces.len());
                prop_assert_eq!(flags & (PSH | FIN) == 0, index + 1 < pieces.len());
            }
            if !made.v6 {
                let id = u16::from_be_bytes([piece[4], piece[5]]);
                prop_assert_eq!(id, made.id.wrapping_add(index as u16));
            }
            payload.extend(&ip.transport()[data..]);
        }
        prop_assert_eq!(payload, made.payload);
    }

    #[test]
    fn fragments_make_up_the_packet(made in made(), mtu in 100_u16..2000) {
        let made = Made { v6: false, dont_fragment: false, ..made };
        let (mut packet, mut header) = made.partial();
        prop_assume!(packet.len() > usize::from(mtu));
        let pieces = packets(segment(packet.clone().into(), header, mtu).unwrap());
        prop_assert_eq!(pieces.len(), segments(&packet, &header, mtu));
        prop_assert!(pieces.iter().all(|piece| piece.len() <= usize::from(mtu)));
        complete_checksum(&mut packet, &mut header).unwrap();
        prop_assert_eq!(reassembled(&pieces), packet);
    }

    #[test]
    fn segments_that_are_too_large_are_fragmented_each(made in made(), segment_bytes in 200_u16..2000, mtu in 150_u16..1000) {
        let made = Made { v6: false, dont_fragment: false, ..made };
        let (packet, header) = made.large(segment_bytes);
        prop_assume!(made.payload.len() > usize::from(segment_bytes));
        let whole = packets(segment(packet.clone(), header, u16::MAX).unwrap());
        let pieces = packets(segment(packet.clone(), header, mtu).unwrap());
        prop_assert_eq!(pieces.len(), segments(&packet, &header, mtu));
        let mut rest = &pieces[..];
        for packet in whole {
            let (mine, others) = rest.split_at(segments(&packet, &VnetHeader::default(), mtu));
            let one = if mine.len() > 1 { reassembled(mine) } else { mine[0].to_vec() };
            prop_assert_eq!(one, packet);
            rest = others;
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn nothing_makes_it_panic_or_exceed_the_mtu(
        made in made(), damage in prop::collection::vec((0_usize..120, any::<u8>()), 0..6), cut in 0_usize..6000,
        vnet: [u8; 10], offload in 0_u8..6, mtu: u16,
    ) {
        let (mut packet, _) = made.partial();
        packet.truncate(cut);
        for (at, byte) in damage {
            if let Some(place) = packet.get_mut(at) {
                *place = byte;
            }
        }
        let mut vnet = vnet;
        vnet[1] = offload;
        if let Ok(mut header) = VnetHeader::parse(&vnet) {
            let count = segments(&packet, &header, mtu);
            if let Ok(all) = segment(packet.clone().into(), header, mtu) {
                prop_assert_eq!(all.len(), count);
                prop_assert!(all.iter().all(|(_, piece)| piece.len() <= usize::from(mtu)));
            }
            let before = packet.clone();
            if complete_checksum(&mut packet, &mut header).is_err() {
                prop_assert_eq!(packet, before);
            }
        }
    }
}
