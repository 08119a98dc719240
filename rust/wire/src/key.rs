//! Flow keys: what makes two packets belong to the same flow.

use std::net::{IpAddr, Ipv4Addr};

use twox_hash::XxHash3_64;

use crate::id::{FlowId, NodeId};
use crate::ip::protocol;

/// IP protocol number of lossless sessions: "use for experimentation and testing" (RFC 3692).
pub const LOSSLESS_PROTOCOL: u8 = 253;

/// The five-tuple that identifies a flow.
///
/// Protocols without ports put their own identifiers there: ICMP its identifier, fragments their
/// identification, lossless sessions the two halves of their flow's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// IP protocol number.
    pub protocol: u8,
    /// Address that the packet comes from.
    pub source: IpAddr,
    /// Address that the packet goes to.
    pub destination: IpAddr,
    /// Port at the source.
    pub source_port: u16,
    /// Port at the destination.
    pub destination_port: u16,
}

impl FlowKey {
    /// The key of a lossless session's data.
    ///
    /// The two nodes stand as hosts of "this network", 0.0.0.0/8 (RFC 1122, section 3.2.1.3): a process
    /// knows the ids of all nodes on its routes, but the addresses of its own nodes only.
    pub fn lossless(flow: FlowId, source: NodeId, destination: NodeId) -> Self {
        Self {
            protocol: LOSSLESS_PROTOCOL,
            source: Ipv4Addr::from_bits(source.0).into(),
            destination: Ipv4Addr::from_bits(destination.0).into(),
            source_port: (flow.0 >> 16) as u16,
            destination_port: (flow.0 & 0xffff) as u16,
        }
    }

    /// The key of a synthetic flow of packets, whose nodes stand as in [`Self::lossless`].
    pub fn datagrams(flow: FlowId, source: NodeId, destination: NodeId) -> Self {
        Self { protocol: protocol::UDP, ..Self::lossless(flow, source, destination) }
    }

    /// The key of what comes back: acknowledgements, replies.
    pub fn reversed(self) -> Self {
        Self {
            protocol: self.protocol,
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
        }
    }

    /// A hash that is the same in every process and every run (xxh3 with seed 0).
    pub fn hash64(&self) -> u64 {
        let mut bytes = [0_u8; 37];
        bytes[0] = self.protocol;
        bytes[1..17].copy_from_slice(&octets(self.source));
        bytes[17..33].copy_from_slice(&octets(self.destination));
        bytes[33..35].copy_from_slice(&self.source_port.to_be_bytes());
        bytes[35..37].copy_from_slice(&self.destination_port.to_be_bytes());
        XxHash3_64::oneshot(&bytes)
    }

    /// The low half of [`Self::hash64`], which frames carry so that relays need not hash again.
    pub fn label(&self) -> u32 {
        self.hash64() as u32
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(flow: u32) -> FlowKey {
        FlowKey::lossless(FlowId(flow), NodeId(1), NodeId(2))
    }

    #[test]
    fn the_hash_never_changes_between_versions() {
        // Figures of this version: a change would move every flow of a repeated experiment.
        assert_eq!(key(1).hash64(), 18_077_533_932_568_488_925);
        assert_ne!(key(1).hash64(), key(2).hash64());
        assert_ne!(key(1).hash64(), key(1).reversed().hash64());
    }

    proptest! {
        #[test]
        fn reversing_twice_gives_the_key_back(flow: u32) {
            prop_assert_eq!(key(flow).reversed().reversed(), key(flow));
        }

        #[test]
        fn every_field_counts(a in any::<[u8; 4]>(), b in any::<[u8; 4]>(), p: u16, q: u16) {
            prop_assume!(a != b || p != q);
            let one = FlowKey { protocol: 6, source: Ipv4Addr::from(a).into(),
                destination: Ipv4Addr::from(b).into(), source_port: p, destination_port: q };
            prop_assert_ne!(one.hash64(), one.reversed().hash64());
            prop_assert_ne!(one.hash64(), FlowKey { protocol: 17, ..one }.hash64());
        }
    }
}
