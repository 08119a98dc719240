//! Where a connection is to go, by what its client asks for.

use std::net::{IpAddr, SocketAddr};

use nextmini_wire::chain::{Destination, Refusal};
use nextmini_wire::id::NodeId;
use nextmini_wire::socks::Target;

use crate::addresses::AddressBook;

/// A node of the network, and where the connection goes from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aim {
    /// The node.
    pub node: NodeId,
    /// An address of its own, or an address or a name outside of the network.
    pub destination: Destination,
}

/// Where `target` is: in the network, or else beyond its `exit`.
///
/// # Errors
/// It is nowhere, or nobody is to go there. The machine that `exit` is on keeps its own programs to itself.
pub fn aim(book: &AddressBook, target: &Target, exit: Option<NodeId>) -> Result<Aim, Refusal> {
    match target {
        Target::Address(address) => at(book, *address, exit),
        Target::Name(name, port) => {
            if let Ok(ip) = name.parse() {
                return at(book, SocketAddr::new(ip, *port), exit);
            }
            if let Some(node) = book.named(name) {
                let addresses = book.of(node).ok_or(Refusal::HostUnreachable)?;
                let destination = Destination::Address(SocketAddr::new(addresses.v4, *port));
                return Ok(Aim { node, destination });
            }
            let node = exit.ok_or(Refusal::HostUnreachable)?;
            Ok(Aim { node, destination: Destination::Name(name.clone(), *port) })
        }
    }
}

fn at(book: &AddressBook, address: SocketAddr, exit: Option<NodeId>) -> Result<Aim, Refusal> {
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    let destination = Destination::Address(address);
    if let Some(node) = book.node(address.ip()) {
        return Ok(Aim { node, destination });
    }
    if !is_outside(address.ip()) {
        return Err(Refusal::NotAllowed);
    }
    Ok(Aim { node: exit.ok_or(Refusal::NetworkUnreachable)?, destination })
}

/// Whether an address may be another machine's (RFC 6890).
pub fn is_outside(address: IpAddr) -> bool {
    let own = address.is_loopback() || address.is_unspecified();
    let many = match address {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    };
    !own && !many
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::{Addresses, Entry};

    const EXIT: Option<NodeId> = Some(NodeId(9));

    fn book() -> AddressBook {
        let v6 = "fd00::7".parse().unwrap();
        let addresses = Addresses { v4: [10, 0, 0, 7].into(), v6: Some(v6) };
        let entry = Entry { name: "server".to_owned(), addresses };
        AddressBook::default().changed([(NodeId(7), Some(entry))])
    }

    fn named(name: &str) -> Target {
        Target::Name(name.to_owned(), 80)
    }

    fn addressed(address: &str) -> Target {
        Target::Address(address.parse().unwrap())
    }

    fn to(node: u32, address: &str) -> Result<Aim, Refusal> {
        Ok(Aim { node: NodeId(node), destination: Destination::Address(address.parse().unwrap()) })
    }

    #[test]
    fn what_the_network_knows_is_in_the_network() {
        for exit in [None, EXIT] {
            let find = |target: &Target| aim(&book(), target, exit);
            assert_eq!(find(&addressed("10.0.0.7:80")), to(7, "10.0.0.7:80"));
            assert_eq!(find(&addressed("[::ffff:10.0.0.7]:80")), to(7, "10.0.0.7:80"));
            assert_eq!(find(&addressed("[fd00::7]:80")), to(7, "[fd00::7]:80"));
            assert_eq!(find(&named("Server")), to(7, "10.0.0.7:80"));
            assert_eq!(find(&named("fd00::7")), to(7, "[fd00::7]:80"));
        }
    }

    #[test]
    fn everything_else_is_beyond_the_exit() {
        let book = book();
        assert_eq!(aim(&book, &addressed("192.0.2.1:443"), EXIT), to(9, "192.0.2.1:443"));
        let there = aim(&book, &named("example.org"), EXIT).unwrap();
        assert_eq!(there.destination, Destination::Name("example.org".to_owned(), 80));
        assert_eq!(aim(&book, &addressed("192.0.2.1:443"), None), Err(Refusal::NetworkUnreachable));
        assert_eq!(aim(&book, &named("example.org"), None), Err(Refusal::HostUnreachable));
    }

    #[test]
    fn a_machine_is_not_its_exits_outside() {
        for own in ["127.0.0.1:80", "127.9.9.9:80", "0.0.0.0:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            assert_eq!(aim(&book(), &addressed(own), EXIT), Err(Refusal::NotAllowed), "{own}");
        }
        for many in ["224.0.0.1:80", "255.255.255.255:80", "[ff02::1]:80"] {
            assert_eq!(aim(&book(), &addressed(many), EXIT), Err(Refusal::NotAllowed), "{many}");
        }
    }
}
