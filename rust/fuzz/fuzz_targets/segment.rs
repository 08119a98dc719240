//! Packets from the kernel or a peer, with what is said in front of them: no input panics, what comes out
//! fits, is as much as was counted, and what was cut as a super-packet has checksums that are right.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use nextmini_wire::checksum::{Sum, checksum};
use nextmini_wire::ip::{self, Ip, protocol};
use nextmini_wire::segment::{complete_checksum, segment, segments};
use nextmini_wire::vnet::{Offload, VNET_BYTES, VnetHeader};

fuzz_target!(|input: (u16, &[u8])| {
    let (mtu, bytes) = input;
    let Ok(mut header) = VnetHeader::parse(bytes) else {
        return;
    };
    let packet = &bytes[VNET_BYTES..];
    let key = ip::flow_key(packet);
    assert_eq!(key.is_some(), Ip::parse(packet).is_ok());
    let count = segments(packet, &header, mtu);
    match segment(Bytes::copy_from_slice(packet), header, mtu) {
        Ok(pieces) => {
            assert_eq!(pieces.len(), count);
            assert!(pieces.iter().all(|(_, piece)| piece.len() <= usize::from(mtu)));
            if header.offload != Offload::None && count > 1 {
                pieces.iter().for_each(|(_, piece)| verify(piece));
            }
        }
        Err(_) => assert!(header.offload != Offload::None || packet.len() > usize::from(mtu)),
    }
    let mut changed = packet.to_vec();
    if complete_checksum(&mut changed, &mut header).is_err() {
        assert_eq!(changed, packet);
    }
    let capable = Ip::parse(packet).is_ok_and(|ip| ip.ecn() > 0);
    let mut marked = packet.to_vec();
    assert_eq!(ip::mark(&mut marked), capable);
    assert_eq!(Ip::parse(&marked).is_ok_and(|ip| ip.ecn() == 3), capable);
});

/// Whether the checksums of what was made here are right.
fn verify(packet: &[u8]) {
    let Ok(ip) = Ip::parse(packet) else {
        panic!("what was cut is a packet");
    };
    assert_eq!(ip.bytes().len(), packet.len());
    if !ip.is_v6() {
        assert_eq!(checksum(&packet[..ip.transport_at()]), 0);
    }
    let transport = ip.transport();
    let unsummed = ip.protocol() == protocol::UDP && transport.get(6..8) == Some(&[0, 0]);
    if ip.fragment().is_none() && !unsummed {
        let mut sum =
            Sum::pseudo_header(ip.source(), ip.destination(), ip.protocol(), transport.len() as u32);
        sum.add(transport);
        assert_eq!(sum.checksum(), 0);
    }
}
