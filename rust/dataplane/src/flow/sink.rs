//! The receiving ends of a node's flows: one task for all of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nextmini_policy::drops::DropCause;
use nextmini_policy::lossless::{Arrival, Pattern, Receiver};
use nextmini_policy::time::Instant;
use nextmini_wire::control::{FlowChange, FlowEnd, FlowStatus};
use nextmini_wire::id::{FlowId, NodeId, RouteId};
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::{Chunk, Content, Packet};
use nextmini_wire::tunnel::StreamId;
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, watch};

use super::checksum_text;
use super::collector::{Collector, Received};
use crate::clock;
use crate::event::{Event, report};
use crate::node::{Arrived, Node};
use crate::tunnel::open::Tunnels;

/// A session that is complete still answers for so long, in case its last answer was lost.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Batches taken from the inbox at once.
const INBOX: usize = 64;

#[derive(Debug)]
struct Session {
    receiver: Receiver,
    source: NodeId,
    key: FlowKey,
    route: RouteId,
    began: Instant,
    heard: Instant,
    /// The newest chunk that no acknowledgement has been sent for.
    unanswered: Option<Chunk>,
    /// When the newest chunk was to arrive: its answer was to leave then.
    due: u64,
    reported: bool,
}

/// The flows that end at a node.
#[derive(Debug)]
pub struct Sink {
    node: Arc<Node>,
    collector: Collector,
    tunnels: Arc<Tunnels>,
    /// Of the node, when these flows began.
    crashes: u64,
    sessions: FxHashMap<FlowId, Session>,
    /// Sessions with an unanswered chunk.
    owing: Vec<FlowId>,
    answers: Vec<Packet>,
    sweep_at: Instant,
}

impl Sink {
    /// A sink of `node`, where flows carry `pattern`; others may see in `received` what has arrived, and `tunnels`
    /// have what arrives of theirs.
    pub fn new(node: Arc<Node>, pattern: Pattern, received: Arc<Received>, tunnels: Arc<Tunnels>) -> Self {
        Self {
            tunnels,
            collector: Collector::new(Arc::clone(&node), pattern, received),
            crashes: node.crashes(),
            node,
            sessions: FxHashMap::default(),
            owing: Vec::new(),
            answers: Vec::new(),
            sweep_at: Instant::default(),
        }
    }

    /// Takes what arrives until `stop` becomes true; then reports the sessions that are not complete.
    pub async fn run(
        mut self,
        mut arrived: mpsc::UnboundedReceiver<Vec<Arrived>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut routes_changed = self.node.routes().changes();
        let mut inbox = Vec::new();
        loop {
            tokio::select! {
                batches = arrived.recv_many(&mut inbox, INBOX) => {
                    if batches == 0 {
                        return;
                    }
                    self.forget_after_a_crash();
                    inbox.drain(..).flatten().for_each(|piece| self.take(piece));
                    self.collector.publish();
                }
                _ = routes_changed.changed() => {}
                _ = stop.wait_for(|stop| *stop) => return self.report_unfinished(),
            }
            let now = clock::now();
            self.answer_owing(now);
            self.sweep(now);
        }
    }

    fn take(&mut self, piece: Arrived) {
        match piece.content {
            Content::Chunk(chunk) => self.take_chunk(chunk, piece),
            Content::Datagram(datagram) => {
                let Some(source) = self.source_of(piece.route, piece.source) else {
                    return self.node.charge(DropCause::NoRoute, None);
                };
                let way = (piece.route, source);
                let answer = self.collector.take(&datagram, &piece.payload, way, piece.at);
                self.answers.extend(answer);
            }
            // Nodes hand these to others.
            Content::Ack(_) | Content::Ip(_) | Content::Credit(_) => {}
        }
    }

    /// Where a packet began. Its route was there when it took its last step, but may be replaced by now.
    fn source_of(&self, route: RouteId, said: NodeId) -> Option<NodeId> {
        self.node.routes().load().origin(route, said)
    }

    /// The node knows nothing any more of flows that ended here before it went down. What arrived of flows of
    /// packets is still known: nothing depends on it but the results.
    fn forget_after_a_crash(&mut self) {
        let crashes = self.node.crashes();
        if std::mem::replace(&mut self.crashes, crashes) != crashes {
            self.sessions.clear();
            self.owing.clear();
        }
    }

    fn take_chunk(&mut self, chunk: Chunk, piece: Arrived) {
        if let Some(stream) = StreamId::of(chunk.flow) {
            if !self.tunnels.take(&self.node, stream, piece) {
                self.node.charge(DropCause::Local, None);
            }
            return;
        }
        let Arrived { route, source: said, payload, at: now, due, .. } = piece;
        if !self.sessions.contains_key(&chunk.flow) {
            let Some(source) = self.source_of(route, said) else {
                return self.node.charge(DropCause::NoRoute, None);
            };
            let key = FlowKey::lossless(chunk.flow, source, self.node.id()).reversed();
            let session = Session {
                receiver: Receiver::default(),
                source,
                key,
                route,
                began: now,
                heard: now,
                unanswered: None,
                due: 0,
                reported: false,
            };
            self.sessions.insert(chunk.flow, session);
        }
        let Some(session) = self.sessions.get_mut(&chunk.flow) else { return };
        (session.heard, session.route, session.due) = (now, route, session.due.max(due));
        match session.receiver.on_chunk(&chunk, payload) {
            Arrival::Next => {
                if chunk.ask && session.unanswered.replace(chunk).is_none() {
                    self.owing.push(chunk.flow);
                }
            }
            Arrival::Ahead | Arrival::Again => {
                session.unanswered = None;
                self.answer(chunk, now);
            }
            Arrival::Complete => {
                session.unanswered = None;
                self.answer(chunk, now);
                self.report_complete(chunk.flow, now);
            }
            Arrival::Refused => self.node.charge(DropCause::Local, None),
        }
    }

    fn answer_owing(&mut self, now: Instant) {
        for flow in std::mem::take(&mut self.owing) {
            if let Some(chunk) = self.sessions.get_mut(&flow).and_then(|session| session.unanswered.take()) {
                self.answer(chunk, now);
            }
        }
        self.node.process(&mut self.answers, None);
    }

    /// Prepares the answer to `chunk`, or keeps it for when there is a route back.
    fn answer(&mut self, chunk: Chunk, now: Instant) {
        let Some(session) = self.sessions.get_mut(&chunk.flow) else { return };
        let Some(route) = self.node.route_of(&session.key, session.source, now) else {
            session.unanswered = Some(chunk);
            self.owing.push(chunk.flow);
            return;
        };
        let content = Content::Ack(session.receiver.ack(&chunk));
        let (hop_limit, label) = (self.node.hop_limit(), session.key.label());
        let answer = Packet::new(route, hop_limit, label, content, Bytes::new());
        self.answers.push(Packet { due: session.due, ..answer });
    }

    fn report_complete(&mut self, flow: FlowId, now: Instant) {
        if let Some(session) = self.sessions.get_mut(&flow).filter(|session| !session.reported) {
            session.reported = true;
            report(self.node.events(), Event::Flow(session.change(flow, FlowStatus::Completed, now)));
        }
    }

    fn report_unfinished(&mut self) {
        self.forget_after_a_crash();
        self.collector.report_unfinished();
        let now = clock::now();
        for (&flow, session) in self.sessions.iter().filter(|(_, session)| !session.reported) {
            report(self.node.events(), Event::Flow(session.change(flow, FlowStatus::Stopped, now)));
        }
    }

    fn sweep(&mut self, now: Instant) {
        if now >= self.sweep_at {
            self.sessions.retain(|_, session| !session.reported || now.since(session.heard) < REMEMBERED);
            self.collector.forget_before(now - REMEMBERED);
            self.sweep_at = now + REMEMBERED / 2;
        }
    }
}

impl Session {
    fn change(&self, flow: FlowId, status: FlowStatus, now: Instant) -> FlowChange {
        FlowChange {
            flow,
            end: FlowEnd::Sink,
            status,
            bytes: self.receiver.received(),
            seconds: now.since(self.began).as_secs_f64(),
            retransmitted: 0,
            timeouts: 0,
            reordered: self.receiver.reordered(),
            checksum: self.receiver.checksum().map(checksum_text),
            route: Some(self.route),
            reason: None,
            datagrams: None,
        }
    }
}
