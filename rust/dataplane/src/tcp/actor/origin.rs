//! Whom a packet is for.

use std::net::{IpAddr, SocketAddr};

use nextmini_wire::ip::Ip;
use nextmini_wire::tcp_flow::ports;

/// A connection, as this node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) peer: SocketAddr,
    pub(super) port: u16,
}

/// What a packet says of whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) own: IpAddr,
    pub(super) name: Name,
    /// The first number of a connection that it asks for.
    pub(super) begins: Option<u32>,
}

impl Origin {
    pub(super) fn of(packet: &[u8]) -> Option<Self> {
        let ip = Ip::parse(packet).ok()?;
        let (theirs, port) = ports(packet)?;
        let name = Name { peer: SocketAddr::new(ip.source(), theirs), port };
        Some(Self { own: ip.destination(), name, begins: number_of_syn(ip.transport()) })
    }
}

/// The sequence number of a segment that asks for a connection.
fn number_of_syn(transport: &[u8]) -> Option<u32> {
    const SYN_OF_SYN_AND_ACK: (u8, u8) = (0x02, 0x12);
    transport.get(13).filter(|&flags| flags & SYN_OF_SYN_AND_ACK.1 == SYN_OF_SYN_AND_ACK.0)?;
    transport.get(4..8)?.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_a_syn_only_without_an_ack() {
        let number = |flags: u8| number_of_syn(&[0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x50, flags]);
        assert_eq!((number(0x02), number(0xc2)), (Some(0x102), Some(0x102)));
        assert_eq!((number(0x12), number(0x10), number_of_syn(&[])), (None, None, None));
    }
}
