//! What an IP packet says of itself: IPv4 (RFC 791) and IPv6 (RFC 8200).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::checksum;
use crate::key::FlowKey;

/// Protocol numbers (IANA) that mean something here.
pub mod protocol {
    /// Internet control messages.
    pub const ICMP: u8 = 1;
    /// Transmission control.
    pub const TCP: u8 = 6;
    /// User datagrams.
    pub const UDP: u8 = 17;
    /// Datagram congestion control.
    pub const DCCP: u8 = 33;
    /// Internet control messages of IPv6.
    pub const ICMPV6: u8 = 58;
    /// Stream control transmission.
    pub const SCTP: u8 = 132;
    /// User datagrams with partial checksums.
    pub const UDP_LITE: u8 = 136;
}

/// IPv6 extension headers that are skipped, at most: RFC 8200 has each of its six once, and one twice.
const EXTENSIONS: usize = 8;
const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;
const CONGESTION_EXPERIENCED: u8 = 3;

/// Why bytes are not an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IpError {
    /// There is no such version.
    #[error("a packet of IP version {0}")]
    Version(u8),
    /// A length or a header reaches over the end.
    #[error("a packet that is cut off, or whose lengths contradict each other")]
    Truncated,
    /// Too many IPv6 extension headers.
    #[error("more than {EXTENSIONS} extension headers")]
    Extensions,
}

/// A view of an IP packet. All lengths in it have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip<'a> {
    /// To the end of the packet, which may be before that of the buffer.
    bytes: &'a [u8],
    v6: bool,
    protocol: u8,
    transport: usize,
    fragment: Option<Fragment>,
}

/// Which part of a packet a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Of the packet, the same in all of its fragments; IPv4 has 16 bits only.
    pub id: u32,
    /// Where it begins, in bytes.
    pub offset: u16,
    /// Whether others come after it.
    pub more: bool,
}

impl<'a> Ip<'a> {
    /// Looks at the packet that `bytes` begin with.
    ///
    /// # Errors
    /// See [`IpError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, IpError> {
        match bytes.first().map(|first| first >> 4) {
            Some(4) => Self::parse_v4(bytes),
            Some(6) => Self::parse_v6(bytes),
            Some(version) => Err(IpError::Version(version)),
            None => Err(IpError::Truncated),
        }
    }

    fn parse_v4(bytes: &'a [u8]) -> Result<Self, IpError> {
        let header = bytes.first_chunk::<V4_HEADER>().ok_or(IpError::Truncated)?;
        let transport = usize::from(header[0] & 0xf) * 4;
        let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let bytes = bytes.get(..total).ok_or(IpError::Truncated)?;
        if transport < V4_HEADER || transport > total {
            return Err(IpError::Truncated);
        }
        let place = u16::from_be_bytes([header[6], header[7]]);
        let fragment = Fragment {
            id: u32::from(u16::from_be_bytes([header[4], header[5]])),
            offset: (place & 0x1fff) << 3,
            more: place & 0x2000 != 0,
        };
        Ok(Self { bytes, v6: false, protocol: header[9], transport, fragment: fragment.if_part() })
    }

    fn parse_v6(bytes: &'a [u8]) -> Result<Self, IpError> {
        let header = bytes.first_chunk::<V6_HEADER>().ok_or(IpError::Truncated)?;
        let total = V6_HEADER + usize::from(u16::from_be_bytes([header[4], header[5]]));
        let bytes = bytes.get(..total).ok_or(IpError::Truncated)?;
        let mut ip = Self { bytes, v6: true, protocol: header[6], transport: V6_HEADER, fragment: None };
        for _ in 0..=EXTENSIONS {
            if !ip.skip_extension()? {
                return Ok(ip);
            }
        }
        Err(IpError::Extensions)
    }

    /// Goes to the next header if this one is an extension; whether it was one behind which the transport's
    /// header may come.
    fn skip_extension(&mut self) -> Result<bool, IpError> {
        let rest = &self.bytes[self.transport..];
        let units = || rest.get(1).copied().map(usize::from).ok_or(IpError::Truncated);
        let length = match self.protocol {
            // Fragments.
            44 => 8,
            // Authentication (RFC 4302) counts in other units.
            51 => (units()? + 2) * 4,
            other if is_extension(other) => (units()? + 1) * 8,
            _ => return Ok(false),
        };
        let extension = rest.get(..length).ok_or(IpError::Truncated)?;
        if self.protocol == 44 {
            self.fragment = v6_fragment(extension);
        }
        self.protocol = extension[0];
        self.transport += length;
        // What follows in a fragment is a part of something: only the first one could go on.
        Ok(self.fragment.is_none())
    }

    /// The packet's bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether it is an IPv6 packet, or else an IPv4 one.
    pub fn is_v6(&self) -> bool {
        self.v6
    }

    /// Protocol of what it carries. Of a fragment of IPv6, what its fragment header says.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Where the transport's header begins: behind all options and extension headers.
    pub fn transport_at(&self) -> usize {
        self.transport
    }

    /// The transport's header and what it carries.
    pub fn transport(&self) -> &'a [u8] {
        &self.bytes[self.transport..]
    }

    /// Address that it comes from.
    pub fn source(&self) -> IpAddr {
        if self.v6 { self.v6_address(8) } else { self.v4_address(12) }
    }

    /// Address that it goes to.
    pub fn destination(&self) -> IpAddr {
        if self.v6 { self.v6_address(24) } else { self.v4_address(16) }
    }

    fn v4_address(&self, at: usize) -> IpAddr {
        let octets: [u8; 4] = std::array::from_fn(|index| self.bytes[at + index]);
        Ipv4Addr::from(octets).into()
    }

    fn v6_address(&self, at: usize) -> IpAddr {
        let octets: [u8; 16] = std::array::from_fn(|index| self.bytes[at + index]);
        Ipv6Addr::from(octets).into()
    }

    /// Which part of a packet it is; `None` if it is a whole one.
    pub fn fragment(&self) -> Option<Fragment> {
        self.fragment
    }

    /// Whether routers may not cut it: so it is for all of IPv6.
    pub fn is_uncuttable(&self) -> bool {
        self.v6 || self.bytes[6] & 0x40 != 0
    }

    /// Ports at the source and at the destination. Fragments have none, not even the first, which has them
    /// in it: all of a packet's fragments are to be treated alike.
    pub fn ports(&self) -> Option<(u16, u16)> {
        use protocol::{DCCP, SCTP, TCP, UDP, UDP_LITE};
        let has_ports =
            matches!(self.protocol, TCP | UDP | SCTP | DCCP | UDP_LITE) && self.fragment.is_none();
        let ports = self.transport().first_chunk::<4>().filter(|_| has_ports)?;
        Some((u16::from_be_bytes([ports[0], ports[1]]), u16::from_be_bytes([ports[2], ports[3]])))
    }

    /// Identifier of an ICMP message that has one: echo, timestamp, address mask (RFC 792, 950, 4443, 8335).
    pub fn icmp_identifier(&self) -> Option<u16> {
        let message = self.transport().first_chunk::<6>().filter(|_| self.fragment.is_none())?;
        let identified = match self.protocol {
            protocol::ICMP => matches!(message[0], 0 | 8 | 13..=18 | 42 | 43),
            protocol::ICMPV6 => matches!(message[0], 128 | 129 | 160 | 161),
            _ => false,
        };
        identified.then(|| u16::from_be_bytes([message[4], message[5]]))
    }

    /// The byte with the code point of its service (RFC 2474) and the ECN bits.
    pub fn traffic_class(&self) -> u8 {
        if self.v6 { self.bytes[0] << 4 | self.bytes[1] >> 4 } else { self.bytes[1] }
    }

    /// The ECN bits (RFC 3168, section 5): 0 not capable, 1 and 2 capable, 3 congestion experienced.
    pub fn ecn(&self) -> u8 {
        self.traffic_class() & CONGESTION_EXPERIENCED
    }

    /// What flow it belongs to, as [`FlowKey`] says. ICMP's identifier stands for both ports, so that
    /// requests and replies are each other's reverse; a message without one has 0.
    pub fn flow_key(&self) -> FlowKey {
        let (source_port, destination_port) = match self.fragment {
            Some(fragment) => ((fragment.id >> 16) as u16, fragment.id as u16),
            None => self.ports().or_else(|| self.icmp_identifier().map(|id| (id, id))).unwrap_or((0, 0)),
        };
        FlowKey {
            protocol: self.protocol,
            source: self.source(),
            destination: self.destination(),
            source_port,
            destination_port,
        }
    }
}

impl Fragment {
    /// Nothing if it is a whole packet: for IPv6, see RFC 6946.
    fn if_part(self) -> Option<Self> {
        (self.offset > 0 || self.more).then_some(self)
    }
}

/// Whether a header of IPv6 with this number is an extension, behind which others come.
pub(crate) fn is_extension(protocol: u8) -> bool {
    // Hop-by-hop options, routing, fragments, authentication, destination options, mobility, host identity,
    // shim6.
    matches!(protocol, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140)
}

fn v6_fragment(extension: &[u8]) -> Option<Fragment> {
    let place = u16::from_be_bytes([extension[2], extension[3]]);
    let id = u32::from_be_bytes([extension[4], extension[5], extension[6], extension[7]]);
    Fragment { id, offset: place & 0xfff8, more: place & 1 != 0 }.if_part()
}

/// What flow a packet belongs to; nothing if it is not an IP packet.
pub fn flow_key(packet: &[u8]) -> Option<FlowKey> {
    Ip::parse(packet).ok().map(|ip| ip.flow_key())
}

/// Says in a packet that it met congestion, if its ends understand that (RFC 3168, section 5). Whether it
/// says so now; if not, a queue has to drop it instead.
pub fn mark(packet: &mut [u8]) -> bool {
    let Ok(ip) = Ip::parse(packet) else {
        return false;
    };
    match (ip.ecn(), ip.is_v6()) {
        (0, _) => return false,
        (_, true) => packet[1] |= CONGESTION_EXPERIENCED << 4,
        (_, false) => {
            let before = u16::from_be_bytes([packet[0], packet[1]]);
            let after = before | u16::from(CONGESTION_EXPERIENCED);
            let sum = u16::from_be_bytes([packet[10], packet[11]]);
            packet[1] = after as u8;
            packet[10..12].copy_from_slice(&checksum::updated(sum, before, after).to_be_bytes());
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::checksum::checksum;

    /// From 10.0.0.1 to 10.0.0.2; `place` is the word with DF, MF and the offset.
    fn v4(protocol: u8, place: u16, transport: &[u8]) -> Vec<u8> {
        let total = (V4_HEADER + transport.len()) as u16;
        let mut packet = vec![0x45, 2, 0, 0, 0xab, 0xcd, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        packet[6..8].copy_from_slice(&place.to_be_bytes());
        let sum = checksum(&packet);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        [&packet[..], transport].concat()
    }

    /// From fd00::1 to fd00::2.
    fn v6(next: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = [0; V6_HEADER];
        packet[0] = 0x60;
        packet[1] = 0x10;
        packet[4..6].copy_from_slice(&(rest.len() as u16).to_be_bytes());
        packet[6] = next;
        (packet[8], packet[23], packet[24], packet[39]) = (0xfd, 1, 0xfd, 2);
        [&packet[..], rest].concat()
    }

    const PORTS: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

    #[test]
    fn addresses_and_ports_make_a_key() {
        let key = flow_key(&v4(protocol::UDP, 0x4000, &PORTS)).unwrap();
        let expected = FlowKey {
            protocol: protocol::UDP,
            source: IpAddr::from([10, 0, 0, 1]),
            destination: IpAddr::from([10, 0, 0, 2]),
            source_port: 0x1234,
            destination_port: 0x5678,
        };
        assert_eq!(key, expected);
        let key = flow_key(&v6(protocol::TCP, &PORTS)).unwrap();
        let addresses = ("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        assert_eq!((key.source, key.destination), addresses);
        assert_eq!((key.protocol, key.source_port, key.destination_port), (protocol::TCP, 0x1234, 0x5678));
    }

    #[test]
    fn other_protocols_have_no_ports() {
        for packet in [v4(47, 0, &PORTS), v4(protocol::UDP, 0, &PORTS[..3]), v6(59, &PORTS)] {
            let ip = Ip::parse(&packet).unwrap();
            assert_eq!((ip.ports(), ip.icmp_identifier()), (None, None));
            assert_eq!((ip.flow_key().source_port, ip.flow_key().destination_port), (0, 0));
        }
    }

    #[test]
    fn an_echo_and_its_reply_are_each_others_reverse() {
        let request = flow_key(&v4(protocol::ICMP, 0, &[8, 0, 0, 0, 0x12, 0x34, 0, 1])).unwrap();
        let mut back = v4(protocol::ICMP, 0, &[0, 0, 0, 0, 0x12, 0x34, 0, 1]);
        (back[15], back[19]) = (2, 1);
        assert_eq!(flow_key(&back), Some(request.reversed()));
        assert_eq!((request.source_port, request.destination_port), (0x1234, 0x1234));
        let unreachable = flow_key(&v4(protocol::ICMP, 0, &[3, 0, 0, 0, 0x12, 0x34, 0, 1])).unwrap();
        assert_eq!(unreachable.source_port, 0);
        let v6 = flow_key(&v6(protocol::ICMPV6, &[128, 0, 0, 0, 0x12, 0x34, 0, 1])).unwrap();
        assert_eq!(v6.source_port, 0x1234);
    }

    #[test]
    fn all_fragments_of_a_packet_have_one_key() {
        let first = v4(protocol::UDP, 0x2000, &PORTS);
        let last = v4(protocol::UDP, 0x0010, &[9; 4]);
        assert_eq!(flow_key(&first), flow_key(&last));
        assert_eq!(flow_key(&first).unwrap().destination_port, 0xabcd);
        let part = |place: u8, more: u8, next: u8, rest: [u8; 4]| {
            v6(44, &[&[next, 0, place, more, 0xde, 0xad, 0xbe, 0xef][..], &rest].concat())
        };
        let (first, last) = (part(0, 1, protocol::UDP, PORTS), part(1, 0, protocol::UDP, [9; 4]));
        assert_eq!(
            Ip::parse(&last).unwrap().fragment(),
            Some(Fragment { id: 0xdead_beef, offset: 256, more: false })
        );
        assert_eq!(flow_key(&first), flow_key(&last));
        let key = flow_key(&first).unwrap();
        assert_eq!((key.source_port, key.destination_port), (0xdead, 0xbeef));
        // A packet that is its only fragment is a whole one.
        assert_eq!(Ip::parse(&part(0, 0, protocol::UDP, PORTS)).unwrap().ports(), Some((0x1234, 0x5678)));
    }

    #[test]
    fn extension_headers_are_skipped_within_bounds() {
        let options =
            [&[43, 0, 0, 0, 0, 0, 0, 0][..], &[51, 1], &[0; 14], &[protocol::UDP, 1], &[0; 10], &PORTS]
                .concat();
        let packet = v6(0, &options);
        let ip = Ip::parse(&packet).unwrap();
        assert_eq!(
            (ip.protocol(), ip.transport_at(), ip.ports()),
            (protocol::UDP, 76, Some((0x1234, 0x5678)))
        );
        for end in 0..packet.len() {
            assert_eq!(Ip::parse(&packet[..end]), Err(IpError::Truncated));
        }
        let chain = |length: usize| [0, 0, 0, 0, 0, 0, 0, 0].repeat(length);
        assert_eq!(Ip::parse(&v6(0, &chain(EXTENSIONS + 1))), Err(IpError::Extensions));
        assert_eq!(Ip::parse(&v6(0, &chain(EXTENSIONS - 1))), Err(IpError::Truncated));
    }

    #[test]
    fn lengths_that_contradict_each_other_are_refused() {
        for (at, value) in [(0, 0x44), (0, 0x4f), (3, 19), (3, 200)] {
            let mut packet = v4(protocol::UDP, 0, &PORTS);
            packet[at] = value;
            assert_eq!(Ip::parse(&packet), Err(IpError::Truncated), "{value} at {at}");
        }
        assert_eq!(Ip::parse(&[0x50; 40]), Err(IpError::Version(5)));
        assert_eq!(Ip::parse(&[]), Err(IpError::Truncated));
    }

    #[test]
    fn congestion_is_marked_where_it_is_understood() {
        let mut packet = v4(protocol::UDP, 0, &PORTS);
        assert!(mark(&mut packet));
        assert_eq!(Ip::parse(&packet).unwrap().ecn(), 3);
        assert_eq!(checksum(&packet[..V4_HEADER]), 0);
        assert!(mark(&mut packet), "it was marked before");
        assert_eq!(checksum(&packet[..V4_HEADER]), 0);
        let mut packet = v6(protocol::UDP, &PORTS);
        assert_eq!(Ip::parse(&packet).unwrap().ecn(), 1);
        assert!(mark(&mut packet));
        assert_eq!((Ip::parse(&packet).unwrap().ecn(), &packet[..2]), (3, &[0x60, 0x30][..]));
        packet[1] = 0xcf;
        let before = packet.clone();
        assert!(!mark(&mut packet) && packet == before);
        assert!(!mark(&mut []));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_view_panic(first in prop::sample::select(vec![0x45, 0x46, 0x4f, 0x60]), rest in prop::collection::vec(any::<u8>(), 0..100), total: u8) {
            let mut packet = [&[first][..], &rest].concat();
            if let Some(field) = packet.get_mut(if first < 0x50 { 2 } else { 4 }..).and_then(<[u8]>::first_chunk_mut::<2>) {
                *field = [0, total];
            }
            if let Ok(ip) = Ip::parse(&packet) {
                prop_assert!(ip.transport_at() <= ip.bytes().len() && ip.bytes().len() <= packet.len());
                let _seen = (ip.flow_key(), ip.ecn(), ip.is_uncuttable(), ip.ports(), ip.icmp_identifier());
            }
            mark(&mut packet);
        }
    }
}
