//! What routers and hosts say by ICMP: RFC 792 for IPv4, RFC 4443 for IPv6.
//!
//! All packets that are made here are whole, without options, with complete checksums.

mod complaint;
mod echo;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};

pub use self::complaint::{Complaint, error, is_complaint};
pub use self::echo::{Echo, echo_of, echo_reply, echo_request};
use crate::checksum::{Sum, checksum};
use crate::ip::{Ip, protocol};

/// Bytes that every message begins with: type, code, checksum, and four that depend on the type.
const MESSAGE_HEADER: usize = 8;
const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;
const TTL: u8 = 64;

/// What stands around a message.
struct Envelope {
    source: IpAddr,
    destination: IpAddr,
    class: u8,
    /// For fragments of IPv4.
    id: u16,
}

impl Envelope {
    /// The packet with a message whose first bytes have no checksum yet; nothing if the two addresses are not
    /// of one version, or there is no packet as large.
    fn around(&self, mut start: [u8; MESSAGE_HEADER], data: &[u8]) -> Option<Bytes> {
        let length = MESSAGE_HEADER + data.len();
        let mut packet = BytesMut::with_capacity(V6_HEADER + length);
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let total = u16::try_from(V4_HEADER + length).ok()?;
                packet.put_slice(&[0x45, self.class]);
                packet.put_u16(total);
                packet.put_u16(self.id);
                packet.put_slice(&[0, 0, TTL, protocol::ICMP, 0, 0]);
                packet.put_slice(&source.octets());
                packet.put_slice(&destination.octets());
                let sum = checksum(&packet);
                packet[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let length = u16::try_from(length).ok()?;
                packet.put_slice(&[0x60 | self.class >> 4, self.class << 4, 0, 0]);
                packet.put_u16(length);
                packet.put_slice(&[protocol::ICMPV6, TTL]);
                packet.put_slice(&source.octets());
                packet.put_slice(&destination.octets());
            }
            _ => return None,
        }
        let mut sum = message_sum(self.source, self.destination, length);
        sum.add(&start);
        sum.add(data);
        start[2..4].copy_from_slice(&sum.checksum().to_be_bytes());
        packet.put_slice(&start);
        packet.put_slice(data);
        Some(packet.freeze())
    }
}

/// What a message's checksum begins with: IPv6 has a pseudo header (RFC 4443, section 2.3), IPv4 nothing.
fn message_sum(source: IpAddr, destination: IpAddr, length: usize) -> Sum {
    match destination {
        IpAddr::V4(_) => Sum::default(),
        IpAddr::V6(_) => Sum::pseudo_header(source, destination, protocol::ICMPV6, length as u32),
    }
}

/// Whether the header is as it was; IPv6 has no means to tell.
fn is_header_intact(ip: &Ip<'_>) -> bool {
    ip.is_v6() || checksum(&ip.bytes()[..ip.transport_at()]) == 0
}

/// Whether an address is that of many.
fn is_group(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_multicast() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_multicast(),
    }
}

/// Whether an address is that of one host that others can reach.
fn is_one_host(address: IpAddr) -> bool {
    let is_nobody = match address {
        // "This network" (RFC 1122, section 3.2.1.3).
        IpAddr::V4(address) => address.octets()[0] == 0,
        IpAddr::V6(address) => address.is_unspecified(),
    };
    !is_nobody && !is_group(address) && !address.is_loopback()
}
