//! Echo and its reply: RFC 1122, section 3.2.2.6; RFC 4443, section 4.

use std::net::IpAddr;

use bytes::Bytes;

use crate::icmp::{Envelope, MESSAGE_HEADER, is_header_intact, is_one_host, message_sum};
use crate::ip::{Ip, protocol};

/// In the type of service: what remains are the bits of ECN, which are each packet's own.
const SERVICE: u8 = 0xfc;

/// An echo message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo<'a> {
    /// Whether it is the reply, or else the request.
    pub reply: bool,
    /// Who asked, on the host that did.
    pub identifier: u16,
    /// Which of its requests it is.
    pub sequence: u16,
    /// What comes back as it went.
    pub payload: &'a [u8],
}

impl<'a> Echo<'a> {
    fn read(ip: &Ip<'a>) -> Option<Self> {
        let message = ip.transport();
        let (start, payload) = message.split_first_chunk::<MESSAGE_HEADER>()?;
        let reply = match (ip.is_v6(), ip.protocol(), start[0], start[1]) {
            (false, protocol::ICMP, 8, 0) | (true, protocol::ICMPV6, 128, 0) => false,
            (false, protocol::ICMP, 0, 0) | (true, protocol::ICMPV6, 129, 0) => true,
            _ => return None,
        };
        let mut sum = message_sum(ip.source(), ip.destination(), message.len());
        sum.add(message);
        if ip.fragment().is_some() || !is_header_intact(ip) || sum.checksum() != 0 {
            return None;
        }
        let identifier = u16::from_be_bytes([start[4], start[5]]);
        let sequence = u16::from_be_bytes([start[6], start[7]]);
        Some(Self { reply, identifier, sequence, payload })
    }

    /// The packet. Its sequence tells its fragments from those of the others, if it should be cut.
    fn packet(&self, source: IpAddr, destination: IpAddr, class: u8) -> Option<Bytes> {
        let kind = match (destination, self.reply) {
            (IpAddr::V4(_), false) => 8,
            (IpAddr::V4(_), true) => 0,
            (IpAddr::V6(_), false) => 128,
            (IpAddr::V6(_), true) => 129,
        };
        let ([a, b], [c, d]) = (self.identifier.to_be_bytes(), self.sequence.to_be_bytes());
        let envelope = Envelope { source, destination, class, id: self.sequence };
        envelope.around([kind, 0, 0, 0, a, b, c, d], self.payload)
    }
}

/// The echo message that a packet is, if it is whole and not damaged.
pub fn echo_of(packet: &[u8]) -> Option<Echo<'_>> {
    Ip::parse(packet).ok().and_then(|ip| Echo::read(&ip))
}

/// What the host that a request is for answers. Nothing if it is not a whole, intact request from one host to
/// one host. The reply has the same type of service (RFC 1812, section 4.3.2.5).
pub fn echo_reply(request: &[u8]) -> Option<Bytes> {
    let ip = Ip::parse(request).ok()?;
    let echo = Echo::read(&ip).filter(|echo| !echo.reply)?;
    if !is_one_host(ip.source()) || !is_one_host(ip.destination()) {
        return None;
    }
    let echo = Echo { reply: true, ..echo };
    echo.packet(ip.destination(), ip.source(), ip.traffic_class() & SERVICE)
}

/// A request. Nothing if the two addresses are not of one version, or there is no packet as large.
pub fn echo_request(
    source: IpAddr,
    destination: IpAddr,
    identifier: u16,
    sequence: u16,
    payload: &[u8],
) -> Option<Bytes> {
    Echo { reply: false, identifier, sequence, payload }.packet(source, destination, 0)
}
