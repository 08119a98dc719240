//! Which node an address or a name of the emulated network leads to.

use std::net::IpAddr;

use nextmini_wire::id::NodeId;
use rustc_hash::FxHashMap;

/// The addresses of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// IPv4.
    pub v4: IpAddr,
    /// IPv6, if it has one.
    pub v6: Option<IpAddr>,
}

impl Addresses {
    /// The one of the same family as `other`.
    pub fn beside(&self, other: IpAddr) -> Option<IpAddr> {
        if other.is_ipv6() { self.v6 } else { Some(self.v4) }
    }

    fn each(&self) -> impl Iterator<Item = IpAddr> {
        std::iter::once(self.v4).chain(self.v6)
    }
}

/// What leads to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Addresses,
}

/// All addresses and names of the network. Replaced as a whole: readers see one generation or the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressBook {
    nodes: FxHashMap<IpAddr, NodeId>,
    /// In lower case.
    names: FxHashMap<String, NodeId>,
    entries: FxHashMap<NodeId, Entry>,
}

impl AddressBook {
    /// This book with other entries for some nodes: `None` for one that is no more.
    #[must_use]
    pub fn changed(&self, entries: impl IntoIterator<Item = (NodeId, Option<Entry>)>) -> Self {
        let mut next = self.clone();
        let entries: Vec<_> = entries.into_iter().collect();
        // All of what was goes before anything comes: two nodes may exchange their addresses.
        for (node, _) in &entries {
            let Some(entry) = next.entries.remove(node) else { continue };
            for address in entry.addresses.each() {
                next.nodes.remove(&address);
            }
            next.names.remove(&entry.name.to_lowercase());
        }
        for (node, entry) in entries {
            let Some(entry) = entry else { continue };
            next.nodes.extend(entry.addresses.each().map(|address| (address, node)));
            next.names.insert(entry.name.to_lowercase(), node);
            next.entries.insert(node, entry);
        }
        next
    }

    /// The addresses of a node.
    pub fn of(&self, node: NodeId) -> Option<Addresses> {
        self.entries.get(&node).map(|entry| entry.addresses)
    }

    /// The node that has this address.
    pub fn node(&self, address: IpAddr) -> Option<NodeId> {
        self.nodes.get(&address).copied()
    }

    /// The node of this name, in capital or small letters, with or without the dot at the end (RFC 1034, section 3.1).
    pub fn named(&self, name: &str) -> Option<NodeId> {
        self.names.get(&name.strip_suffix('.').unwrap_or(name).to_lowercase()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn v6(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn both_addresses_lead_to_a_node() {
        let both = Addresses { v4: v4(1), v6: Some(v6("fd00::1")) };
        let entry = Entry { name: "Server".to_owned(), addresses: both };
        let book = AddressBook::default().changed([(NodeId(7), Some(entry))]);
        assert_eq!((book.node(v4(1)), book.node(v6("fd00::1"))), (Some(NodeId(7)), Some(NodeId(7))));
        assert_eq!(book.node(v4(2)), None);
        assert_eq!((book.of(NodeId(7)), book.of(NodeId(8))), (Some(both), None));
        assert_eq!((both.beside(v4(9)), both.beside(v6("::1"))), (Some(v4(1)), Some(v6("fd00::1"))));
        assert_eq!(Addresses { v6: None, ..both }.beside(v6("::1")), None);
    }

    #[test]
    fn a_name_leads_to_a_node_however_it_is_written() {
        let entry = Entry { name: "Server".to_owned(), addresses: Addresses { v4: v4(1), v6: None } };
        let book = AddressBook::default().changed([(NodeId(7), Some(entry))]);
        for name in ["server", "SERVER", "Server."] {
            assert_eq!(book.named(name), Some(NodeId(7)));
        }
        for name in ["serve", "server..", "", "."] {
            assert_eq!(book.named(name), None);
        }
        assert_eq!(book.changed([(NodeId(7), None)]).named("server"), None);
    }

    #[test]
    fn nodes_may_exchange_addresses_and_go() {
        let has =
            |last| Some(Entry { name: format!("n{last}"), addresses: Addresses { v4: v4(last), v6: None } });
        let book = AddressBook::default().changed([(NodeId(1), has(1)), (NodeId(2), has(2))]);
        let book = book.changed([(NodeId(1), has(2)), (NodeId(2), has(1))]);
        assert_eq!((book.node(v4(1)), book.node(v4(2))), (Some(NodeId(2)), Some(NodeId(1))));
        let book = book.changed([(NodeId(1), None), (NodeId(9), None)]);
        assert_eq!((book.node(v4(1)), book.node(v4(2))), (Some(NodeId(2)), None));
    }
}
