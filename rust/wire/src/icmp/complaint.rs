//! Errors: what a node says to a packet's source when the packet goes no further (RFC 1122, section 3.2.2;
//! RFC 1812, section 4.3; RFC 4443, sections 2.4 and 3).

use std::net::IpAddr;

use bytes::Bytes;

use crate::icmp::{Envelope, MESSAGE_HEADER, V4_HEADER, V6_HEADER, is_group, is_header_intact, is_one_host};
use crate::ip::{Ip, is_extension, protocol};

/// The largest error over IPv4, which every host takes (RFC 1812, section 4.3.2.3).
const LARGEST_V4: usize = 576;
/// The same over IPv6, and the least MTU of all its links (RFC 8200, section 5).
const LARGEST_V6: u16 = 1280;
/// "Internetwork control" (RFC 1812, section 4.3.2.5).
const CLASS: u8 = 0xc0;

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// There is no route to where it goes.
    NetUnreachable,
    /// There is a route, but at its end nobody who answers.
    HostUnreachable,
    /// It does not fit the next link and may not be cut (RFC 1191, RFC 8201).
    TooBig {
        /// Of that link. IPv6 has none below 1280: that is what a source is told then.
        mtu: u16,
    },
    /// It has passed as many routers as it may.
    TimeExceeded,
}

impl Complaint {
    fn v4(self) -> (u8, u8, u16) {
        match self {
            Self::NetUnreachable => (3, 0, 0),
            Self::HostUnreachable => (3, 1, 0),
            Self::TooBig { mtu } => (3, 4, mtu),
            Self::TimeExceeded => (11, 0, 0),
        }
    }

    fn v6(self) -> (u8, u8, u16) {
        match self {
            Self::NetUnreachable => (1, 0, 0),
            Self::HostUnreachable => (1, 3, 0),
            Self::TooBig { mtu } => (2, 0, mtu.max(LARGEST_V6)),
            Self::TimeExceeded => (3, 0, 0),
        }
    }
}

/// Whether a packet is an error: what a host is told of a packet of its own.
pub fn is_complaint(packet: &[u8]) -> bool {
    Ip::parse(packet).is_ok_and(|ip| is_error(&ip))
}

/// The packet by which the node with the address `from` complains about another, with what fits of that.
///
/// Nothing where there must be silence: about another error, about any fragment but the first, about what
/// came from or went to more than one host, and about bytes that are no intact packet of `from`'s version.
pub fn error(about: &[u8], complaint: Complaint, from: IpAddr) -> Option<Bytes> {
    let ip = Ip::parse(about).ok()?;
    if !is_header_intact(&ip) || !is_of_one_host(&ip, complaint) || is_later_fragment(&ip) || is_error(&ip) {
        return None;
    }
    let ((kind, code, mtu), room) = if ip.is_v6() {
        (complaint.v6(), usize::from(LARGEST_V6) - V6_HEADER - MESSAGE_HEADER)
    } else {
        (complaint.v4(), LARGEST_V4 - V4_HEADER - MESSAGE_HEADER)
    };
    let [high, low] = mtu.to_be_bytes();
    let quoted = &ip.bytes()[..ip.bytes().len().min(room)];
    let envelope = Envelope { source: from, destination: ip.source(), class: CLASS, id: 0 };
    envelope.around([kind, code, 0, 0, 0, 0, high, low], quoted)
}

/// Whether it goes from one host to one host. In IPv6 even who sends to many is told how large a packet may
/// be.
fn is_of_one_host(ip: &Ip<'_>, complaint: Complaint) -> bool {
    let may_go_to_many = ip.is_v6() && matches!(complaint, Complaint::TooBig { .. });
    is_one_host(ip.source()) && (may_go_to_many || !is_group(ip.destination()))
}

fn is_later_fragment(ip: &Ip<'_>) -> bool {
    ip.fragment().is_some_and(|fragment| fragment.offset > 0)
}

/// Whether it is an error itself, or one cannot tell: a type that is unknown may be one.
fn is_error(ip: &Ip<'_>) -> bool {
    let kind = ip.transport().first().copied();
    match (ip.is_v6(), ip.protocol()) {
        // Echoes, routers, timestamps, information, address masks.
        (false, protocol::ICMP) => !matches!(kind, Some(0 | 8..=10 | 13..=18 | 42 | 43)),
        // Redirects are no errors by their number, but count as such.
        (true, protocol::ICMPV6) => kind.is_none_or(|kind| kind < 128 || kind == 137),
        // A fragment, in which a message may stand behind more headers.
        (v6, next) => v6 && is_extension(next),
    }
}
