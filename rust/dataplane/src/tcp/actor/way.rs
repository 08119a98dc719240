//! Where the packets of an end go.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use nextmini_policy::class::Subject;
use nextmini_policy::time::Instant;
use nextmini_wire::id::{NodeId, RouteId};
use nextmini_wire::ip::protocol;
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::{Content, Packet};

use crate::link::onward;
use crate::node::Node;
use crate::routes::Outbound;

/// Where the packets of an end go: all of them the same way.
pub(super) struct Way {
    key: FlowKey,
    label: u32,
    /// The node at the other end; nothing if nobody has its address.
    to: Option<NodeId>,
    class: u16,
}

impl Way {
    pub(super) fn new(node: &Node, (own, port): (IpAddr, u16), peer: SocketAddr) -> Self {
        let key = FlowKey {
            protocol: protocol::TCP,
            source: own,
            destination: peer.ip(),
            source_port: port,
            destination_port: peer.port(),
        };
        let to = node.routes().addresses().node(peer.ip());
        let ports = Some((port, peer.port()));
        let class = to.map_or(0, |destination| {
            let subject = Subject { source: node.id(), destination, protocol: protocol::TCP, ports };
            node.routes().classes().number_of(&subject)
        });
        Self { key, label: key.label(), to, class }
    }

    pub(super) fn route(&self, node: &Node, now: Instant) -> Option<RouteId> {
        node.route_of(&self.key, self.to?, now)
    }
}

/// Sends packets of one end on their way: as any, if it is not known yet.
pub(super) fn depart(
    outbound: &mut Vec<Outbound>,
    packets: &mut Vec<Packet>,
    way: &Way,
    node: &Arc<Node>,
    now: Instant,
) {
    if outbound.is_empty() {
        return;
    }
    let Some(route) = way.route(node, now) else {
        return onward::depart(outbound, packets, node);
    };
    packets.extend(outbound.drain(..).map(|Outbound { header, payload }| {
        let packet = Packet::new(route, node.hop_limit(), way.label, Content::Ip(header), payload);
        Packet { class: way.class, ..packet }
    }));
    onward::start(packets, node);
}
