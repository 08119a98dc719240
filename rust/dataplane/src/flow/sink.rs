//! The receiving ends of a node's lossless sessions: one task for all of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nextmini_policy::drops::DropCause;
use nextmini_policy::lossless::{Arrival, Receiver};
use nextmini_policy::time::Instant;
use nextmini_wire::control::{FlowChange, FlowEnd, FlowStatus};
use nextmini_wire::id::{FlowId, NodeId, RouteId};
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::{Chunk, Content, Packet};
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, watch};

use super::checksum_text;
use crate::clock;
use crate::event::{Event, report};
use crate::node::{Arrived, Node};

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
    reported: bool,
}

/// The sessions that end at a node.
#[derive(Debug)]
pub struct Sink {
    node: Arc<Node>,
    sessions: FxHashMap<FlowId, Session>,
    /// Sessions with an unanswered chunk.
    owing: Vec<FlowId>,
    answers: Vec<Packet>,
    sweep_at: Instant,
}

impl Sink {
    /// A sink of `node`.
    pub fn new(node: Arc<Node>) -> Self {
        Self {
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
                    let now = clock::now();
                    inbox.drain(..).flatten().for_each(|piece| self.take(piece, now));
                }
                _ = routes_changed.changed() => {}
                _ = stop.wait_for(|stop| *stop) => return self.report_unfinished(),
            }
            let now = clock::now();
            self.answer_owing(now);
            self.sweep(now);
        }
    }

    fn take(&mut self, piece: Arrived, now: Instant) {
        let Arrived { route, chunk, payload } = piece;
        if !self.sessions.contains_key(&chunk.flow) {
            // The route was there when the packet took its last step, but may be replaced by now.
            let Some(source) = self.node.routes().load().get(route).map(|route| route.pair().0) else {
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
                reported: false,
            };
            self.sessions.insert(chunk.flow, session);
        }
        let Some(session) = self.sessions.get_mut(&chunk.flow) else { return };
        (session.heard, session.route) = (now, route);
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
        self.answers.push(Packet {
            route,
            position: 0,
            hop_limit: self.node.hop_limit(),
            label: session.key.label(),
            content: Content::Ack(session.receiver.ack(&chunk)),
            payload: Bytes::new(),
        });
    }

    fn report_complete(&mut self, flow: FlowId, now: Instant) {
        if let Some(session) = self.sessions.get_mut(&flow).filter(|session| !session.reported) {
            session.reported = true;
            report(self.node.events(), Event::Flow(session.change(flow, FlowStatus::Completed, now)));
        }
    }

    fn report_unfinished(&self) {
        let now = clock::now();
        for (&flow, session) in self.sessions.iter().filter(|(_, session)| !session.reported) {
            report(self.node.events(), Event::Flow(session.change(flow, FlowStatus::Stopped, now)));
        }
    }

    fn sweep(&mut self, now: Instant) {
        if now >= self.sweep_at {
            self.sessions.retain(|_, session| !session.reported || now.since(session.heard) < REMEMBERED);
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
            reordered: self.receiver.reordered(),
            checksum: self.receiver.checksum().map(checksum_text),
            route: Some(self.route),
            reason: None,
        }
    }
}
