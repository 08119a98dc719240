//! What arrives at a node: it goes to whoever it is for.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use nextmini_policy::time::Instant;
use nextmini_wire::id::{FlowId, NodeId, RouteId};
use nextmini_wire::packet::{Ack, Content, Packet};
use nextmini_wire::tcp_flow;
use nextmini_wire::tunnel::StreamId;
use tokio::sync::mpsc;

use super::{Node, lock};
use crate::clock;
use crate::tunnel::registry::{Name, News};

/// A piece of a flow that has arrived.
#[derive(Debug)]
pub struct Arrived {
    /// The route that it took.
    pub route: RouteId,
    /// Where it began, as [`Packet::source`] has it.
    pub source: NodeId,
    /// What it is.
    pub content: Content,
    /// Its data.
    pub payload: Bytes,
    /// When it arrived.
    pub at: Instant,
    /// When it was to arrive, as [`Packet::due`] has it.
    pub due: u64,
}

/// What a batch has brought for this very node.
#[derive(Default)]
pub(super) struct Arriving {
    /// Of synthetic flows and sessions.
    pieces: Vec<Arrived>,
    /// Of TCP flows.
    segments: Vec<Bytes>,
}

/// What a flow's source is told.
#[derive(Clone, Debug)]
pub enum SourceNews {
    /// Its receiver answered.
    Ack {
        /// The answer.
        ack: Ack,
        /// When it was to arrive, as [`Packet::due`] has it.
        due: u64,
    },
    /// A node answered to its request.
    Echo {
        /// Of the request.
        sequence: u16,
        /// Of the request.
        payload: Bytes,
        /// When it came.
        at: Instant,
    },
    /// A link on its route broke.
    LinkBroken,
}

impl Node {
    /// News for `flow`'s source, which starts here, come to the returned channel.
    pub fn register_source(&self, flow: FlowId) -> mpsc::UnboundedReceiver<SourceNews> {
        let (news, receiver) = mpsc::unbounded_channel();
        lock(&self.sources).insert(flow, news);
        receiver
    }

    /// The source has ended.
    pub fn forget_source(&self, flow: FlowId) {
        lock(&self.sources).remove(&flow);
    }

    /// Tells the flow of requests with this identifier; whether there is one.
    pub fn tell_echo_source(&self, identifier: u16, news: SourceNews) -> bool {
        let sources = lock(&self.sources);
        let found = sources.iter().find(|(flow, _)| flow.0 as u16 == identifier);
        found.is_some_and(|(_, source)| source.send(news).is_ok())
    }

    /// Tells a source; whether there is one.
    pub fn tell_source(&self, flow: FlowId, news: SourceNews) -> bool {
        lock(&self.sources).get(&flow).is_some_and(|source| source.send(news).is_ok())
    }

    /// Tells the end of a tunnel whose stream is acknowledged; whether there is one.
    fn tell_tunnel(&self, stream: StreamId, ack: Ack, packet: &Packet) -> bool {
        let Some(peer) = self.routes.load().origin(packet.route, packet.source) else {
            return false;
        };
        let name = Name { peer, number: stream.number, side: stream.sender };
        self.tunnels.tell(name, News::Ack { ack, due: packet.due })
    }

    /// Hands over what has arrived; returns how much of it nobody took.
    pub(super) fn hand_over(&self, Arriving { pieces, mut segments }: Arriving) -> usize {
        let count = pieces.len();
        let lost = if count > 0 && self.sink.send(pieces).is_err() { count } else { 0 };
        lost + if segments.is_empty() { 0 } else { self.segments.put(&mut segments) }
    }

    pub(super) fn deliver(&self, packet: Packet, arrived: &mut Arriving) -> bool {
        if self.ended.load(Ordering::Relaxed) {
            return false;
        }
        match packet.content {
            content @ (Content::Chunk(_) | Content::Datagram(_)) => {
                let at = clock::now();
                let Packet { route, source, payload, due, .. } = packet;
                arrived.pieces.push(Arrived { route, source, content, payload, at, due });
                true
            }
            Content::Ip(header) if tcp_flow::is_one(&packet.payload) => {
                // Its sender leaves the sum to whoever needs it: links that damage packets do.
                let intact = header.needs_checksum || tcp_flow::is_intact(&packet.payload);
                if intact {
                    arrived.segments.push(packet.payload);
                }
                intact
            }
            Content::Ip(header) => self.local.deliver(self, header, &packet.payload, packet.position),
            Content::Credit(mut credit) => {
                credit.redeem();
                true
            }
            // A late answer to a flow that has ended is nobody's loss.
            Content::Ack(ack) => {
                match StreamId::of(ack.flow) {
                    Some(stream) => self.tell_tunnel(stream, ack, &packet),
                    None => self.tell_source(ack.flow, SourceNews::Ack { ack, due: packet.due }),
                };
                true
            }
        }
    }
}
