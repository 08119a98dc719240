//! Where the packets of an end go.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use nextmini_policy::class::Subject;
use nextmini_policy::drops::DropCause;
use nextmini_policy::time::Instant;
use nextmini_wire::id::{NodeId, RouteId};
use nextmini_wire::ip::protocol;
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::{Content, Packet};

use crate::flow::source::{Stats, wire_weight};
use crate::flow::terms::Terms;
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
    /// Of a flow that begins here: what may change of it, and who may know which route it takes.
    terms: Option<(Arc<Terms>, Arc<Stats>)>,
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
        Self { key, label: key.label(), to, class, terms: None }
    }

    /// The same for a flow that begins here.
    pub(super) fn on(self, terms: Arc<Terms>, stats: Arc<Stats>) -> Self {
        Self { terms: Some((terms, stats)), ..self }
    }

    pub(super) fn route(&self, node: &Node, now: Instant) -> Option<RouteId> {
        let Some((terms, stats)) = &self.terms else {
            return node.route_of(&self.key, self.to?, now);
        };
        let route = node.route_of_flow(&self.key, self.to?, terms, now);
        route.iter().for_each(|&route| stats.set_route(route));
        route
    }
}

/// Sends packets of one end on their way: as any, if it is not known yet. Those of a flow whose route is not there are
/// lost, and sent again later.
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
        if way.terms.as_ref().is_some_and(|(terms, _)| terms.route().is_some()) {
            return outbound.drain(..).for_each(|_| node.charge(DropCause::NoRoute, None));
        }
        return onward::depart(outbound, packets, node);
    };
    let weight = way.terms.as_ref().map_or(1, |(terms, _)| wire_weight(terms.weight()));
    packets.extend(outbound.drain(..).map(|Outbound { header, payload }| {
        let packet = Packet::new(route, node.hop_limit(), way.label, Content::Ip(header), payload);
        Packet { class: way.class, weight, ..packet }
    }));
    onward::start(packets, node);
}
