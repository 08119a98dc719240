//! What starts at a node: the routes of its flows, and packets of its own on their way.

use nextmini_policy::class::Subject;
use nextmini_policy::drops::DropCause;
use nextmini_policy::time::Instant;
use nextmini_wire::icmp::Complaint;
use nextmini_wire::id::{NodeId, RouteId};
use nextmini_wire::ip::Ip;
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::{Content, Packet};

use super::{Node, lock};
use crate::clock;
use crate::flow::terms::Terms;
use crate::routes::{Asked, Outbound, Postponed, RouteKind};

/// What becomes of a packet that starts here.
enum Begun {
    OnItsWay(Packet),
    /// It is for this very node.
    Here(Outbound),
    /// For its route.
    Waits,
    /// With the packet where its source is to hear of it.
    Refused(Option<Outbound>),
}

impl Node {
    /// Sends IP packets of the node itself on their way; `batch` is empty afterwards.
    pub fn originate(&self, batch: &mut Vec<Outbound>) {
        let mut packets = Vec::with_capacity(batch.len());
        self.begin_all(batch, &mut packets);
        if !packets.is_empty() {
            self.process(&mut packets, None);
        }
    }

    /// Chooses the routes of IP packets that start here: those that have one are in `packets` afterwards, and `batch`
    /// is empty.
    pub fn begin_all(&self, batch: &mut Vec<Outbound>, packets: &mut Vec<Packet>) {
        let now = clock::now();
        let mut complaints = Vec::new();
        for outbound in batch.drain(..) {
            match self.begin(outbound, now) {
                Begun::OnItsWay(packet) => packets.push(packet),
                Begun::Here(outbound) => {
                    if !self.local.deliver(self, outbound.header, &outbound.payload, 0) {
                        self.charge(DropCause::Local, None);
                    }
                }
                Begun::Waits => {}
                Begun::Refused(outbound) => {
                    self.charge(DropCause::NoRoute, None);
                    complaints.extend(outbound.map(|packet| (packet.payload, Complaint::HostUnreachable)));
                }
            }
        }
        if !complaints.is_empty() {
            self.complain(complaints);
        }
    }

    /// Sends an IP packet of a flow on these terms to `destination` on its way.
    pub fn originate_on(&self, terms: &Terms, destination: NodeId, outbound: Outbound) {
        if terms.route().is_none() {
            return self.originate(&mut vec![outbound]);
        }
        let Ok(ip) = Ip::parse(&outbound.payload) else { return };
        let key = ip.flow_key();
        let subject = Subject { source: self.id, destination, protocol: ip.protocol(), ports: ip.ports() };
        match self.route_of_flow(&key, destination, terms, clock::now()) {
            Some(route) => {
                let content = Content::Ip(outbound.header);
                let packet = Packet::new(route, self.hop_limit, key.label(), content, outbound.payload);
                let class = self.routes.classes().number_of(&subject);
                self.process(&mut vec![Packet { class, ..packet }], None);
            }
            None => self.charge(DropCause::NoRoute, None),
        }
    }

    /// Tells the sources of packets that waited for a route that there is none.
    pub fn refuse(&self, waited: Vec<Outbound>) {
        waited.iter().for_each(|_| self.charge(DropCause::NoRoute, None));
        let complaints = waited.into_iter().map(|packet| (packet.payload, Complaint::HostUnreachable));
        self.complain(complaints.collect());
    }

    fn begin(&self, outbound: Outbound, now: Instant) -> Begun {
        let Ok(ip) = Ip::parse(&outbound.payload) else {
            return Begun::Refused(None);
        };
        let Some(destination) = self.routes.addresses().node(ip.destination()) else {
            return Begun::Refused(Some(outbound));
        };
        if destination == self.id {
            return Begun::Here(outbound);
        }
        let key = ip.flow_key();
        let subject = Subject { source: self.id, destination, protocol: ip.protocol(), ports: ip.ports() };
        let mut outbound = outbound;
        loop {
            if let Some(route) = self.chosen_route(&key, destination, RouteKind::Any, now) {
                let content = Content::Ip(outbound.header);
                let packet = Packet::new(route, self.hop_limit, key.label(), content, outbound.payload);
                let class = self.routes.classes().number_of(&subject);
                return Begun::OnItsWay(Packet { class, ..packet });
            }
            if self.routes.want((self.id, destination), RouteKind::Any, now) == Asked::NoPath {
                return Begun::Refused(Some(outbound));
            }
            match self.routes.postpone((self.id, destination), outbound) {
                Postponed::Waits => return Begun::Waits,
                Postponed::Refused => return Begun::Refused(None),
                // It came in between.
                Postponed::Ready(again) => outbound = again,
            }
        }
    }

    /// The route of a flow that starts here; without one, it is asked for.
    pub fn route_of(&self, key: &FlowKey, destination: NodeId, now: Instant) -> Option<RouteId> {
        self.way_of(key, destination, RouteKind::Any, now)
    }

    fn way_of(&self, key: &FlowKey, destination: NodeId, kind: RouteKind, now: Instant) -> Option<RouteId> {
        let route = self.chosen_route(key, destination, kind, now);
        if route.is_none() {
            self.routes.want((self.id, destination), kind, now);
        }
        route
    }

    fn chosen_route(
        &self,
        key: &FlowKey,
        destination: NodeId,
        kind: RouteKind,
        now: Instant,
    ) -> Option<RouteId> {
        let table = self.routes.load();
        match kind {
            RouteKind::Any => lock(&self.flows).route(key, (self.id, destination), &table, now),
            // Chosen once, when the flow begins.
            RouteKind::Path => table.choose_path(key.hash64(), self.id, destination),
        }
    }

    /// The same for a flow on these terms: if it must take a certain route, there is no other.
    pub fn route_of_flow(
        &self,
        key: &FlowKey,
        destination: NodeId,
        terms: &Terms,
        now: Instant,
    ) -> Option<RouteId> {
        match terms.route() {
            Some(row) => self.routes.load().standing_for(row, self.id, destination),
            None => self.route_of(key, destination, now),
        }
    }

    /// The same, once there is one.
    pub async fn wait_for_route(&self, key: &FlowKey, destination: NodeId, terms: &Terms) -> RouteId {
        self.wait_for_way(key, destination, terms, RouteKind::Any).await
    }

    /// The same, of those that are paths.
    pub async fn wait_for_path(&self, key: &FlowKey, destination: NodeId, terms: &Terms) -> RouteId {
        self.wait_for_way(key, destination, terms, RouteKind::Path).await
    }

    async fn wait_for_way(
        &self,
        key: &FlowKey,
        destination: NodeId,
        terms: &Terms,
        kind: RouteKind,
    ) -> RouteId {
        let (mut table, mut changed) = (self.routes.changes(), terms.changes());
        loop {
            table.mark_unchanged();
            changed.mark_unchanged();
            let now = clock::now();
            let route = match terms.route() {
                Some(_) => self.route_of_flow(key, destination, terms, now),
                None => self.way_of(key, destination, kind, now),
            };
            if let Some(route) = route {
                return route;
            }
            tokio::select! {
                Ok(()) = table.changed() => {}
                Ok(()) = changed.changed() => {}
                // Neither will ever come: the process is ending, and with it this task.
                else => std::future::pending::<()>().await,
            }
        }
    }

    /// The same without terms; nothing if there is none at present.
    pub async fn find_route(&self, key: &FlowKey, destination: NodeId, kind: RouteKind) -> Option<RouteId> {
        let (mut changed, mut denied) = (self.routes.changes(), self.routes.denials());
        loop {
            changed.mark_unchanged();
            denied.mark_unchanged();
            let now = clock::now();
            if let Some(route) = self.chosen_route(key, destination, kind, now) {
                return Some(route);
            }
            if self.routes.want((self.id, destination), kind, now) == Asked::NoPath {
                return None;
            }
            tokio::select! {
                Ok(()) = changed.changed() => {}
                Ok(()) = denied.changed() => {}
                // Neither will ever come: the process is ending.
                else => return None,
            }
        }
    }

    /// The class of packets that start here, as far as synthetic flows tell what they are.
    pub fn class_of(&self, destination: NodeId, protocol: u8) -> u16 {
        let subject = Subject { source: self.id, destination, protocol, ports: None };
        self.routes.classes().number_of(&subject)
    }
}
