//! Packets of programs.

use std::hint::black_box;

use bytes::Bytes;
use nextmini_wire::ip::flow_key;
use nextmini_wire::segment::segment;
use nextmini_wire::vnet::{Offload, VnetHeader};

use super::Work;

const HEADERS: u16 = 40;
const PACKETS: usize = 500;
const SUPER_PACKETS: usize = 10;

/// A TCP segment over IPv4 with that many bytes in all; its checksums do not matter.
fn tcp(length: u16, port: u16) -> Bytes {
    let mut packet = vec![0; usize::from(length)];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet[8] = 64;
    packet[9] = 6;
    packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    packet[20..22].copy_from_slice(&port.to_be_bytes());
    packet[22..24].copy_from_slice(&80_u16.to_be_bytes());
    packet[32] = 0x50;
    packet.into()
}

pub(super) fn flow_keys() -> Work {
    let packets: Vec<Bytes> = (0..PACKETS).map(|port| tcp(100, port as u16)).collect();
    Box::new(move || {
        for packet in &packets {
            black_box(flow_key(packet).unwrap().hash64());
        }
    })
}

/// Ten super-packets of 64 KB, for links of 1,500 bytes: 440 packets, with checksums.
pub(super) fn segment_super_packets() -> Work {
    let header = VnetHeader {
        needs_checksum: true,
        offload: Offload::TcpV4,
        header_bytes: HEADERS,
        segment_bytes: 1_460,
        checksum_start: 20,
        checksum_offset: 16,
        ..VnetHeader::default()
    };
    let packet = tcp(64_000, 1);
    Box::new(move || {
        for _ in 0..SUPER_PACKETS {
            let pieces = segment(packet.clone(), header, 1_500).unwrap();
            assert_eq!(pieces.len(), (64_000 - usize::from(HEADERS)).div_ceil(1_460));
            drop(black_box(pieces));
        }
    })
}
