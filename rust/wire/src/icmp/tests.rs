use proptest::prelude::*;

use super::*;

// Made by Scapy, which computed all checksums.
/// From 10.0.1.2 to 10.0.2.3, UDP, with "hello".
const UDP_V4: &str = "45000021abcd40000111b6fa0a0001020a00020303e807d0000d994568656c6c6f";
/// From fd00:1::2 to fd00:2::3, the same.
const UDP_V6: &str = "60000000000d1101fd000001000000000000000000000002fd000002000000000000000000000003\
    03e807d0000db64068656c6c6f";
/// Around errors about these two, from 10.0.1.1 and fd00:1::1.
const ENVELOPE_V4: &str = "45c0003d00000000400163fe0a0001010a000102";
const ENVELOPE_V6: &str = "6c000000003d3a40fd000001000000000000000000000001fd000001000000000000000000000002";
/// Echoes with "nextmini!" between the same hosts.
const REQUEST_V4: &str = "4500002500070000400163cd0a0001020a00020308000218123400076e6578746d696e6921";
const REPLY_V4: &str = "4500002500070000400163cd0a0002030a00010200000a18123400076e6578746d696e6921";
const REQUEST_V6: &str = "6000000000113a40fd000001000000000000000000000002fd000002000000000000000000000003\
    80008fc2123400076e6578746d696e6921";
const REPLY_V6: &str = "6000000000113a40fd000002000000000000000000000003fd000001000000000000000000000002\
    81008ec2123400076e6578746d696e6921";

const ROUTER_V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 1, 1));
const ROUTER_V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 1));
const COMPLAINTS: [Complaint; 4] = [
    Complaint::NetUnreachable,
    Complaint::HostUnreachable,
    Complaint::TooBig { mtu: 1400 },
    Complaint::TimeExceeded,
];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The packet with some bytes changed; the checksum of an IPv4 header made right again.
fn changed(packet: &str, changes: &[(usize, &[u8])]) -> Vec<u8> {
    let mut packet = hex(packet);
    for (at, bytes) in changes {
        packet[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    if packet[0] >> 4 == 4 {
        packet[10..12].fill(0);
        let sum = checksum(&packet[..V4_HEADER]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

fn router(about: &[u8]) -> IpAddr {
    if about[0] >> 4 == 4 { ROUTER_V4 } else { ROUTER_V6 }
}

/// Whether nothing is said about a packet, whatever is wrong with it.
fn is_silent(about: &[u8]) -> bool {
    COMPLAINTS.iter().all(|complaint| error(about, *complaint, router(about)).is_none())
}

fn is_silent_but_for_size(about: &[u8]) -> bool {
    COMPLAINTS.iter().all(|complaint| {
        error(about, *complaint, router(about)).is_some() == matches!(complaint, Complaint::TooBig { .. })
    })
}

#[test]
fn errors_have_the_bytes_of_others() {
    let starts_v4 = ["0300142300000000", "0301142200000000", "03040ea700000578", "0b000c2300000000"];
    let starts_v6 = ["0100939100000000", "0103938e00000000", "02008d1900000578", "0300919100000000"];
    for ((complaint, v4), v6) in COMPLAINTS.into_iter().zip(starts_v4).zip(starts_v6) {
        let packet = error(&hex(UDP_V4), complaint, ROUTER_V4).unwrap();
        assert_eq!(packet, hex(&[ENVELOPE_V4, v4, UDP_V4].concat()), "{complaint:?}");
        let packet = error(&hex(UDP_V6), complaint, ROUTER_V6).unwrap();
        assert_eq!(packet, hex(&[ENVELOPE_V6, v6, UDP_V6].concat()), "{complaint:?}");
    }
    let packet = error(&hex(UDP_V6), Complaint::TooBig { mtu: 1279 }, ROUTER_V6).unwrap();
    assert_eq!(packet, hex(&[ENVELOPE_V6, "02008d9100000500", UDP_V6].concat()));
    let packet = error(&hex(UDP_V4), Complaint::TooBig { mtu: 576 }, ROUTER_V4).unwrap();
    assert_eq!(packet[26..28], [0x02, 0x40]);
}

#[test]
fn as_much_is_quoted_as_fits() {
    for (packet, payload, largest) in [(UDP_V4, 548 - 28, 576), (UDP_V6, 1232 - 48, 1280)] {
        for (more, bytes) in [(-1, largest - 1), (0, largest), (1, largest), (60_000, largest)] {
            let length = (payload + more) as usize;
            let header = hex(packet).len() - 5;
            let mut about = [&hex(packet)[..header], &vec![7; length]].concat();
            let field = if header == 28 { about.len() as u16 } else { 8 + length as u16 };
            let at = if header == 28 { 2 } else { 4 };
            about[at..at + 2].copy_from_slice(&field.to_be_bytes());
            if header == 28 {
                about[10..12].fill(0);
                let sum = checksum(&about[..V4_HEADER]);
                about[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            // What comes behind the packet's end is not its own.
            about.extend_from_slice(&[9; 50]);
            let packet = error(&about, Complaint::TimeExceeded, router(&about)).unwrap();
            assert_eq!(packet.len(), bytes as usize);
            let quoted = header - 8 + MESSAGE_HEADER;
            assert_eq!(packet[quoted..], about[..packet.len() - quoted]);
            let ip = Ip::parse(&packet).unwrap();
            let mut sum = message_sum(ip.source(), ip.destination(), ip.transport().len());
            sum.add(ip.transport());
            assert!(sum.checksum() == 0 && is_header_intact(&ip));
        }
    }
}

#[test]
fn nothing_is_said_about_errors() {
    for kind in 0..=255 {
        let queries = [0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43];
        let about = changed(UDP_V4, &[(9, &[protocol::ICMP]), (20, &[kind])]);
        assert_eq!(is_silent(&about), !queries.contains(&kind), "{kind}");
        let about = changed(UDP_V6, &[(6, &[protocol::ICMPV6]), (40, &[kind])]);
        assert_eq!(is_silent(&about), kind < 128 || kind == 137, "{kind}");
    }
    // Of the other version, the number means nothing.
    assert!(!is_silent(&changed(UDP_V4, &[(9, &[protocol::ICMPV6]), (20, &[3])])));
    assert!(!is_silent(&changed(UDP_V6, &[(6, &[protocol::ICMP]), (40, &[3])])));
    // A message without a type.
    assert!(is_silent(&changed(UDP_V4, &[(9, &[protocol::ICMP]), (2, &[0, 20])])));
    assert!(is_silent(&changed(UDP_V6, &[(6, &[protocol::ICMPV6]), (4, &[0, 0])])));
}

#[test]
fn of_fragments_the_first_speaks_for_all() {
    assert!(!is_silent(&changed(UDP_V4, &[(6, &[0x20, 0])])));
    assert!(is_silent(&changed(UDP_V4, &[(6, &[0x20, 1])])));
    assert!(is_silent(&changed(UDP_V4, &[(6, &[0, 1])])));
    assert!(is_silent(&changed(UDP_V4, &[(6, &[0x20, 0]), (9, &[protocol::ICMP]), (20, &[3])])));
    let part = |next: u8, place: u8, more: u8, rest: u8| {
        changed(UDP_V6, &[(6, &[44]), (40, &[next, 0, place, more, 0, 0, 0, 1]), (48, &[rest])])
    };
    assert!(!is_silent(&part(protocol::UDP, 0, 1, 0)));
    assert!(is_silent(&part(protocol::UDP, 1, 1, 0)));
    assert!(is_silent(&part(protocol::UDP, 1, 0, 0)));
    assert!(!is_silent(&part(protocol::ICMPV6, 0, 1, 128)));
    assert!(is_silent(&part(protocol::ICMPV6, 0, 1, 1)));
    // Behind options for the destination there may be an error.
    assert!(is_silent(&part(60, 0, 1, protocol::ICMPV6)));
}

#[test]
fn only_one_host_is_told_and_about_one_host_only() {
    for source in [[0, 0, 0, 0], [0, 0, 0, 9], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4]] {
        assert!(is_silent(&changed(UDP_V4, &[(12, &source)])), "{source:?}");
    }
    for destination in [[224, 0, 0, 1], [239, 1, 2, 3], [255; 4]] {
        assert!(is_silent(&changed(UDP_V4, &[(16, &destination)])), "{destination:?}");
    }
    let v6 = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
    for source in ["::", "::1", "ff02::1"] {
        assert!(is_silent(&changed(UDP_V6, &[(8, &v6(source))])), "{source}");
    }
    assert!(is_silent_but_for_size(&changed(UDP_V6, &[(24, &v6("ff0e::1"))])));
    assert!(is_silent(&changed(UDP_V6, &[(8, &v6("ff02::1")), (24, &v6("ff0e::1"))])));
}

#[test]
fn what_is_no_intact_packet_of_this_version_is_passed_over() {
    let (v4, v6) = (hex(UDP_V4), hex(UDP_V6));
    assert_eq!(error(&v4, Complaint::TimeExceeded, ROUTER_V6), None);
    assert_eq!(error(&v6, Complaint::TimeExceeded, ROUTER_V4), None);
    for about in [&v4[..32], &v6[..52], &[0x50; 60], &[]] {
        assert_eq!(error(about, Complaint::TimeExceeded, ROUTER_V4), None);
        assert_eq!(error(about, Complaint::TimeExceeded, ROUTER_V6), None);
    }
    let mut damaged = v4;
    damaged[15] ^= 1;
    assert!(is_silent(&damaged));
    // The transport's checksum may be incomplete.
    assert!(!is_silent(&changed(UDP_V4, &[(26, &[1, 2])])));
}

#[test]
fn echoes_have_the_bytes_of_others() {
    for (request, reply) in [(REQUEST_V4, REPLY_V4), (REQUEST_V6, REPLY_V6)] {
        let (request, reply) = (hex(request), hex(reply));
        let ip = Ip::parse(&request).unwrap();
        let made = echo_request(ip.source(), ip.destination(), 0x1234, 7, b"nextmini!");
        assert_eq!(made.unwrap(), request);
        assert_eq!(echo_reply(&request).unwrap(), reply);
        let asked = Echo { reply: false, identifier: 0x1234, sequence: 7, payload: b"nextmini!" };
        assert_eq!(echo_of(&request), Some(asked));
        assert_eq!(echo_of(&reply), Some(Echo { reply: true, ..asked }));
        assert_eq!(echo_reply(&reply), None);
    }
}

#[test]
fn the_answer_has_the_service_of_the_request_but_its_own_congestion() {
    let reply = echo_reply(&changed(REQUEST_V4, &[(1, &[0xbb])])).unwrap();
    assert_eq!(reply, changed(REPLY_V4, &[(1, &[0xb8])]));
    let reply = echo_reply(&changed(REQUEST_V6, &[(0, &[0x6b, 0xb1])])).unwrap();
    assert_eq!(reply, changed(REPLY_V6, &[(0, &[0x6b, 0x80])]));
}

#[test]
fn options_of_a_request_are_not_answered() {
    // Record route, four bytes of nothing yet.
    let request = changed(REQUEST_V4, &[]);
    let mut longer = [&request[..V4_HEADER], &[7, 7, 4, 0, 0, 0, 0, 0], &request[V4_HEADER..]].concat();
    (longer[0], longer[3]) = (0x47, 0x25 + 8);
    longer[10..12].fill(0);
    let sum = checksum(&longer[..28]);
    longer[10..12].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(echo_reply(&longer).unwrap(), hex(REPLY_V4));
}

#[test]
fn only_whole_intact_requests_are_answered() {
    for packet in [hex(REQUEST_V4), hex(REQUEST_V6)] {
        for end in 0..packet.len() {
            assert_eq!(echo_of(&packet[..end]), None);
        }
        // Much of what an IPv6 header says before its addresses is under no checksum.
        let header = if packet[0] >> 4 == 4 { 0 } else { 8 };
        for bit in 8 * header..8 * packet.len() {
            let mut damaged = packet.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!((echo_of(&damaged), echo_reply(&damaged)), (None, None), "bit {bit}");
        }
    }
    let fragment = changed(REQUEST_V4, &[(6, &[0x20, 0])]);
    let datagram = changed(REQUEST_V4, &[(9, &[protocol::UDP])]);
    // Another code, and the checksum that fits it.
    let code = changed(REQUEST_V4, &[(21, &[1, 2, 0x17])]);
    let short = changed(REQUEST_V4, &[(2, &[0, 27])]);
    for packet in [fragment, datagram, code, short] {
        assert_eq!((echo_of(&packet), echo_reply(&packet)), (None, None));
    }
}

#[test]
fn groups_are_not_answered_for_nor_told() {
    let host = |text: &str| text.parse::<IpAddr>().unwrap();
    let pairs = [
        ("10.0.0.1", "255.255.255.255"),
        ("10.0.0.1", "224.0.0.1"),
        ("0.0.0.0", "10.0.0.1"),
        ("127.0.0.1", "10.0.0.1"),
        ("fd00::1", "ff02::1"),
        ("::", "fd00::1"),
    ];
    for (source, destination) in pairs {
        let request = echo_request(host(source), host(destination), 1, 1, &[]).unwrap();
        assert!(echo_of(&request).is_some());
        assert_eq!(echo_reply(&request), None, "{source} {destination}");
    }
}

#[test]
fn what_cannot_be_asked_is_not() {
    assert_eq!(echo_request(ROUTER_V4, ROUTER_V6, 1, 1, &[]), None);
    assert_eq!(echo_request(ROUTER_V6, ROUTER_V4, 1, 1, &[]), None);
    for (router, most) in [(ROUTER_V4, 65_507), (ROUTER_V6, 65_527)] {
        let payload = vec![1; most + 1];
        let largest = echo_request(router, router, 1, 1, &payload[1..]).unwrap();
        assert_eq!(echo_of(&largest).unwrap().payload.len(), most);
        assert!(echo_reply(&largest).is_some());
        assert_eq!(echo_request(router, router, 1, 1, &payload), None);
    }
}

fn any_complaint() -> impl Strategy<Value = Complaint> {
    let too_big = any::<u16>().prop_map(|mtu| Complaint::TooBig { mtu });
    prop_oneof![prop::sample::select(COMPLAINTS.to_vec()), too_big]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..120), complaint in any_complaint(),
    ) {
        let _said = (error(&bytes, complaint, ROUTER_V4), error(&bytes, complaint, ROUTER_V6));
        let _echoed = (echo_of(&bytes), echo_reply(&bytes));
    }

    #[test]
    fn nearly_right_packets_are_answered_with_right_ones(
        which in 0_usize..4, changes in prop::collection::vec((0_usize..33, any::<u8>()), 0..4),
        end in 0_usize..80, complaint in any_complaint(),
    ) {
        let mut about = hex([UDP_V4, UDP_V6, REQUEST_V4, REQUEST_V6][which]);
        for (at, byte) in changes {
            about[at] = byte;
        }
        about.truncate(end);
        let said = [ROUTER_V4, ROUTER_V6].map(|router| error(&about, complaint, router));
        for packet in said.into_iter().chain([echo_reply(&about)]).flatten() {
            let (ip, asked) = (Ip::parse(&packet).unwrap(), Ip::parse(&about).unwrap());
            let mut sum = message_sum(ip.source(), ip.destination(), ip.transport().len());
            sum.add(ip.transport());
            prop_assert!(sum.checksum() == 0 && is_header_intact(&ip));
            prop_assert_eq!((ip.destination(), ip.bytes().len()), (asked.source(), packet.len()));
        }
    }

    #[test]
    fn what_is_asked_is_read_and_answered(
        v6: bool, identifier: u16, sequence: u16, payload in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let from = if v6 { ROUTER_V6 } else { ROUTER_V4 };
        let to = if v6 { IpAddr::from([0xfd; 16]) } else { IpAddr::from([10, 0, 9, 9]) };
        let request = echo_request(from, to, identifier, sequence, &payload).unwrap();
        let asked = Echo { reply: false, identifier, sequence, payload: &payload };
        prop_assert_eq!(echo_of(&request), Some(asked));
        let reply = echo_reply(&request).unwrap();
        prop_assert_eq!(echo_of(&reply), Some(Echo { reply: true, ..asked }));
    }
}
