//! The receiving ends of a node's flows of packets.

use std::sync::Arc;

use bytes::Bytes;
use nextmini_policy::datagram::{Receipt, Receiver};
use nextmini_policy::lossless::Pattern;
use nextmini_policy::time::Instant;
use nextmini_wire::control::{FlowChange, FlowEnd, FlowStatus};
use nextmini_wire::id::{FlowId, NodeId, RouteId};
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::{Ack, Content, Datagram, Packet};
use rustc_hash::FxHashMap;

use crate::event::{Event, report};
use crate::node::Node;

#[derive(Debug)]
struct Session {
    receiver: Receiver,
    source: NodeId,
    route: RouteId,
    began: Instant,
    heard: Instant,
    /// What its last report said of how many packets had arrived.
    reported: Option<u64>,
}

/// The flows of packets that end at a node.
#[derive(Debug)]
pub struct Collector {
    node: Arc<Node>,
    pattern: Pattern,
    sessions: FxHashMap<FlowId, Session>,
}

impl Collector {
    /// A collector of `node`, where flows carry `pattern`.
    pub fn new(node: Arc<Node>, pattern: Pattern) -> Self {
        Self { node, pattern, sessions: FxHashMap::default() }
    }

    /// Takes a packet that came over `route`, whose first node is `source`; returns the answer to a flow's end.
    pub fn take(
        &mut self,
        datagram: &Datagram,
        payload: &Bytes,
        (route, source): (RouteId, NodeId),
        at: Instant,
    ) -> Option<Packet> {
        let new =
            || Session { receiver: Receiver::default(), source, route, began: at, heard: at, reported: None };
        let session = self.sessions.entry(datagram.flow).or_insert_with(new);
        (session.heard, session.route) = (at, route);
        let intact = datagram.last || is_intact(&self.pattern, datagram, payload);
        match session.receiver.on_datagram(datagram, payload.len(), intact, at) {
            Receipt::Counted | Receipt::TooEarly => None,
            Receipt::Ended => {
                session.report(&self.node, datagram.flow, FlowStatus::Completed);
                answer(&self.node, session, datagram, at)
            }
        }
    }

    /// Reports the flows whose end has not been heard, or of which something has arrived since.
    pub fn report_unfinished(&mut self) {
        for (&flow, session) in &mut self.sessions {
            let status = if session.reported.is_some() { FlowStatus::Completed } else { FlowStatus::Stopped };
            session.report(&self.node, flow, status);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.sessions.clear();
    }

    /// Forgets flows that ended before `moment`.
    pub fn forget_before(&mut self, moment: Instant) {
        self.sessions.retain(|_, session| session.reported.is_none() || session.heard >= moment);
    }
}

/// The answer to a flow's end, if there is a route back. The end will be said again until one arrives.
fn answer(node: &Node, session: &Session, datagram: &Datagram, now: Instant) -> Option<Packet> {
    let key = FlowKey::datagrams(datagram.flow, session.source, node.id()).reversed();
    let route = node.route_of(&key, session.source, now)?;
    let ack = Ack {
        flow: datagram.flow,
        cumulative: session.receiver.bytes(),
        latest: datagram.sequence,
        echo: datagram.sent_at,
        complete: Some(0),
    };
    Some(Packet::new(route, node.hop_limit(), key.label(), Content::Ack(ack), Bytes::new()))
}

/// Whether the data are what the source sends as its packet of that number.
fn is_intact(pattern: &Pattern, datagram: &Datagram, payload: &Bytes) -> bool {
    pattern.slice(datagram.flow, datagram.sequence, payload.len()) == *payload
}

impl Session {
    fn report(&mut self, node: &Node, flow: FlowId, status: FlowStatus) {
        let figures = self.receiver.figures();
        if self.reported.replace(figures.packets) == Some(figures.packets) {
            return;
        }
        let change = FlowChange {
            flow,
            end: FlowEnd::Sink,
            status,
            bytes: self.receiver.bytes(),
            seconds: self.heard.since(self.began).as_secs_f64(),
            retransmitted: 0,
            reordered: figures.reordered,
            checksum: None,
            route: Some(self.route),
            reason: None,
            datagrams: Some(figures),
        };
        report(node.events(), Event::Flow(change));
    }
}
