//! The receiving ends of a node's flows of packets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use nextmini_policy::datagram::{Receipt, Receiver};
use nextmini_policy::lossless::Pattern;
use nextmini_policy::time::Instant;
use nextmini_wire::control::{FlowChange, FlowEnd, FlowStatus, SinkCounters};
use nextmini_wire::id::{FlowId, NodeId, RouteId};
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::{Ack, Content, Datagram, Packet};
use rustc_hash::FxHashMap;

use crate::clock;
use crate::event::{Event, report};
use crate::node::Node;
use crate::timers::Timers;

#[derive(Debug)]
struct Session {
    receiver: Receiver,
    source: NodeId,
    route: RouteId,
    heard: Instant,
    /// What its last report said of how many packets had arrived.
    reported: Option<u64>,
    /// Whether all that has arrived is told.
    published: bool,
}

/// What has arrived of the flows of packets that end in a process, for whoever wants to know while they go on.
#[derive(Debug, Default)]
pub struct Received {
    flows: Mutex<FxHashMap<FlowId, Known>>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    counters: SinkCounters,
    heard: Instant,
    ended: bool,
}

/// When nothing more of a flow has come for so long that was stopped at its source, nothing more is under way.
const QUIET: Duration = Duration::from_millis(250);

impl Received {
    /// What has arrived so far, flow by flow.
    pub fn counters(&self) -> Vec<SinkCounters> {
        self.lock().values().map(|known| known.counters).collect()
    }

    /// Waits until of no flow that has not ended anything comes any more.
    pub async fn quiet(&self, timers: &Timers) {
        let mut alarm = timers.alarm();
        while let Some(at) = self.quiet_at().filter(|&at| at > clock::now()) {
            alarm.set(at);
            alarm.rings().await;
        }
    }

    fn quiet_at(&self) -> Option<Instant> {
        self.lock().values().filter(|known| !known.ended).map(|known| known.heard + QUIET).max()
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<FlowId, Known>> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The flows of packets that end at a node.
#[derive(Debug)]
pub struct Collector {
    node: Arc<Node>,
    pattern: Pattern,
    sessions: FxHashMap<FlowId, Session>,
    received: Arc<Received>,
    /// Flows of which something has arrived that `received` does not know yet.
    unpublished: Vec<FlowId>,
}

impl Collector {
    /// A collector of `node`, where flows carry `pattern`, which tells `received`.
    pub fn new(node: Arc<Node>, pattern: Pattern, received: Arc<Received>) -> Self {
        Self { node, pattern, sessions: FxHashMap::default(), received, unpublished: Vec::new() }
    }

    /// Tells what has arrived since the last time.
    pub fn publish(&mut self) {
        if self.unpublished.is_empty() {
            return;
        }
        let mut received = self.received.lock();
        for flow in self.unpublished.drain(..) {
            if let Some(session) = self.sessions.get_mut(&flow) {
                session.published = true;
                let (bytes, packets) = (session.receiver.bytes(), session.receiver.packets());
                let counters = SinkCounters { flow, bytes, packets };
                let ended = session.reported.is_some();
                received.insert(flow, Known { counters, heard: session.heard, ended });
            }
        }
    }

    /// Takes a packet that came over `route`, whose first node is `source`; returns the answer to a flow's end.
    pub fn take(
        &mut self,
        datagram: &Datagram,
        payload: &Bytes,
        (route, source): (RouteId, NodeId),
        at: Instant,
    ) -> Option<Packet> {
        let new = || Session {
            receiver: Receiver::default(),
            source,
            route,
            heard: at,
            reported: None,
            published: true,
        };
        let session = self.sessions.entry(datagram.flow).or_insert_with(new);
        (session.heard, session.route) = (at, route);
        if std::mem::take(&mut session.published) {
            self.unpublished.push(datagram.flow);
        }
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
            seconds: self.receiver.lasted().as_secs_f64(),
            retransmitted: 0,
            timeouts: 0,
            reordered: figures.reordered,
            checksum: None,
            route: Some(self.route),
            reason: None,
            datagrams: Some(figures),
        };
        report(node.events(), Event::Flow(change));
    }
}
