//! The beginning of a way that a program asks for.

use std::net::SocketAddr;
use std::sync::Arc;

use nextmini_policy::aim::{Aim, aim};
use nextmini_policy::class::Subject;
use nextmini_wire::chain::{Destination, Opening, Refusal};
use nextmini_wire::id::NodeId;
use nextmini_wire::ip::protocol;
use nextmini_wire::key::FlowKey;
use nextmini_wire::socks;

use super::chain::{Chains, Opened, reached, refusal};
use super::ground::Seat;
use super::relay::Ways;
use super::stretch::Stretch;
use crate::node::Node;
use crate::routes::RouteKind;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A client of the node's, which stands for it: it is known by the node's address.
    Of(SocketAddr),
    /// A program of the node, by its own address.
    Program(SocketAddr),
}

impl Client {
    fn port(self) -> u16 {
        let (Self::Of(address) | Self::Program(address)) = self;
        address.port()
    }
}

/// A connection that is to be made from a node.
#[derive(Debug)]
pub struct Trip {
    seat: Seat,
    /// The node that it goes to.
    pub to: NodeId,
    /// Where it goes from there.
    pub destination: Destination,
    /// Whom the destination is told of.
    pub client: Option<SocketAddr>,
    key: FlowKey,
}

impl Trip {
    /// The node that it starts at.
    pub fn from(&self) -> &Arc<Node> {
        &self.seat.node
    }

    /// Whether it crosses no link.
    pub fn stays(&self) -> bool {
        self.to == self.seat.node.id()
    }
}

impl Chains {
    /// A connection from node `from` to where `target` is, beyond `exit` if it is not in the network.
    ///
    /// # Errors
    /// The target is nowhere, or nobody is to go there.
    pub fn plan(
        &self,
        from: NodeId,
        client: Client,
        target: &socks::Target,
        exit: Option<NodeId>,
    ) -> Result<Trip, Refusal> {
        let seat = self.ground().seats.get(&from).cloned().ok_or(Refusal::General)?;
        if seat.node.is_down() {
            return Err(Refusal::NetworkUnreachable);
        }
        let aim = aim(&self.routes().addresses(), target, exit)?;
        let key = self.key_of(from, client, &aim);
        let client = self.shown(from, client, key.destination);
        let Aim { node: to, destination } = aim;
        Ok(Trip { seat, to, destination, client, key })
    }

    /// Opens the way of a connection.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn enter(self: &Arc<Self>, trip: Trip) -> Result<Opened, Refusal> {
        let stays = trip.stays();
        let Trip { seat, to, destination, client, key } = trip;
        if stays {
            let stream = self.connect(&seat, &destination, client).await?;
            let (far, bound) = reached(stream).map_err(refusal)?;
            return Ok(Opened { far, bound, ways: Ways::default(), stretch: Stretch::at(&seat.node) });
        }
        let route =
            seat.node.find_route(&key, to, RouteKind::Path).await.ok_or(Refusal::NetworkUnreachable)?;
        let class = self.class_of(&seat.node, to, &key);
        self.open(Opening { route, position: 0, label: key.label(), class, client, destination }).await
    }

    /// What the network knows the connection by. Of one that leaves it, by where it does.
    fn key_of(&self, from: NodeId, client: Client, aim: &Aim) -> FlowKey {
        let book = self.routes().addresses();
        let (inside, port) = match &aim.destination {
            Destination::Address(to) => (book.node(to.ip()).map(|_| to.ip()), to.port()),
            Destination::Name(_, port) => (None, *port),
            Destination::Flow(_) => (None, 0),
        };
        let any = |node| book.of(node).map(|addresses| addresses.v4);
        let stand_in = std::net::Ipv4Addr::UNSPECIFIED.into();
        let destination = inside.or_else(|| any(aim.node)).unwrap_or(stand_in);
        let source = book.of(from).and_then(|addresses| addresses.beside(destination)).unwrap_or(stand_in);
        FlowKey {
            protocol: protocol::TCP,
            source,
            destination,
            source_port: client.port(),
            destination_port: port,
        }
    }

    /// Whom the destination is told of.
    fn shown(&self, from: NodeId, client: Client, destination: std::net::IpAddr) -> Option<SocketAddr> {
        match client {
            Client::Program(address) => Some(address),
            Client::Of(_) => {
                let own = self.routes().addresses().of(from)?.beside(destination)?;
                Some(SocketAddr::new(own, 0))
            }
        }
    }

    fn class_of(&self, node: &Node, destination: NodeId, key: &FlowKey) -> u16 {
        let ports = Some((key.source_port, key.destination_port));
        let subject = Subject { source: node.id(), destination, protocol: key.protocol, ports };
        self.routes().classes().number_of(&subject)
    }
}
