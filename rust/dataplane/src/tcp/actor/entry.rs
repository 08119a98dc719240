//! The ends of a node's connections, and a turn of theirs.

use std::sync::Arc;

use nextmini_policy::time::Instant;
use nextmini_wire::id::{FlowId, RouteId};
use tokio::sync::oneshot;

use super::way::Way;
use crate::event::{Event, report};
use crate::flow::source::{Losses, Stats};
use crate::node::Node;
use crate::routes::Outbound;
use crate::tcp::client::{Client, ClientError};
use crate::tcp::endpoint::{Endpoint, PACKETS};
use crate::tcp::server::{Phase, Server};

/// Times that an end does all there is to do before others have their turn.
const ROUNDS: usize = 4;

/// What became of a flow.
#[derive(Debug)]
pub struct Done {
    /// Whether it arrived; nothing if it was stopped.
    pub outcome: Option<Result<(), ClientError>>,
    /// Bytes that were acknowledged.
    pub bytes: u64,
    /// Segments that were sent again.
    pub retransmitted: u64,
    /// How often the retransmission timer ran out.
    pub timeouts: u64,
    /// Of everything, if it arrived.
    pub checksum: Option<String>,
    /// The route that it took last.
    pub route: Option<RouteId>,
}

pub(super) enum End {
    Client(Box<ClientEnd>),
    Server(Box<Server>),
}

pub(super) struct ClientEnd {
    pub(super) client: Client,
    pub(super) flow: FlowId,
    pub(super) stats: Arc<Stats>,
    /// Until it was told.
    pub(super) connected: Option<oneshot::Sender<()>>,
    pub(super) done: oneshot::Sender<Done>,
}

pub(super) struct Entry {
    pub(super) end: End,
    pub(super) way: Way,
    /// When it is in the schedule for.
    pub(super) due: Option<Instant>,
    pub(super) ready: bool,
}

/// Whether an end has more to do than others are to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Waits,
    HasMore,
    Over,
}

impl Entry {
    pub(super) fn endpoint(&mut self) -> &mut Endpoint {
        match &mut self.end {
            End::Client(end) => end.client.endpoint(),
            End::Server(server) => server.endpoint(),
        }
    }

    pub(super) fn turn(&mut self, node: &Node, outbound: &mut Vec<Outbound>, now: Instant) -> Turn {
        for _ in 0..ROUNDS {
            // What has arrived makes room for what is written, which is to leave at once: an end that has nothing under
            // way begins at the front of its buffer, which is in the core's cache.
            self.endpoint().poll(now);
            let served = self.serve(node, now);
            if served {
                self.endpoint().poll(now);
            }
            let before = outbound.len();
            self.endpoint().fetch(outbound);
            if self.is_over() {
                return Turn::Over;
            }
            if !served && outbound.len() == before {
                return Turn::Waits;
            }
            if outbound.len() >= PACKETS {
                break;
            }
        }
        Turn::HasMore
    }

    fn serve(&mut self, node: &Node, now: Instant) -> bool {
        match &mut self.end {
            End::Client(end) => {
                let served = end.client.serve(now);
                if end.client.is_connected()
                    && let Some(connected) = end.connected.take()
                {
                    // Whoever does not listen any more is about to stop the flow.
                    let _heard = connected.send(());
                }
                end.publish();
                served
            }
            End::Server(server) => {
                let before = server.phase();
                let served = server.serve();
                if before == Phase::Open
                    && server.phase() != Phase::Open
                    && let Some(change) = server.report(now)
                {
                    report(node.events(), Event::Flow(change));
                }
                served
            }
        }
    }

    fn is_over(&mut self) -> bool {
        match &mut self.end {
            End::Client(end) => end.client.verdict().is_some(),
            End::Server(server) => server.phase() == Phase::Over,
        }
    }

    pub(super) fn next(&mut self, now: Instant) -> Option<Instant> {
        let wakes = match &mut self.end {
            End::Client(end) => end.client.wakes_at(now),
            End::Server(_) => None,
        };
        self.endpoint().next(now).into_iter().chain(wakes).min()
    }
}

impl ClientEnd {
    pub(super) fn publish(&mut self) {
        let (sent, acknowledged) = (self.client.written(), self.client.acknowledged());
        let endpoint = self.client.endpoint();
        let (track, recovery) = (endpoint.track(), endpoint.recovery());
        let losses = Losses { again: track.retransmitted(), timeouts: recovery.timeouts() };
        self.stats.publish(sent, acknowledged, losses, track.under_way(), track.smoothed_rtt());
        self.stats.set_congestion_window(recovery.window());
    }

    pub(super) fn finish(mut self, route: Option<RouteId>, outcome: Option<Result<(), ClientError>>) {
        let checksum = matches!(outcome, Some(Ok(()))).then(|| self.client.checksum());
        let bytes = self.client.acknowledged();
        let endpoint = self.client.endpoint();
        let (retransmitted, timeouts) = (endpoint.track().retransmitted(), endpoint.recovery().timeouts());
        // The flow may have been removed.
        let _heard = self.done.send(Done { outcome, bytes, retransmitted, timeouts, checksum, route });
    }
}

pub(super) fn refuse(done: oneshot::Sender<Done>) {
    let outcome = Some(Err(ClientError::NoConnection));
    // The flow may have been removed.
    let _heard =
        done.send(Done { outcome, bytes: 0, retransmitted: 0, timeouts: 0, checksum: None, route: None });
}
