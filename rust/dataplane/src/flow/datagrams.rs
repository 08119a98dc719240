//! The sending end of a flow of packets: a task for each flow.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nextmini_policy::datagram::Arrivals;
use nextmini_policy::lossless::Pattern;
use nextmini_policy::random::Random;
use nextmini_policy::time::Instant;
use nextmini_wire::control::{Datagrams, Flow, FlowChange, FlowEnd, FlowStatus};
use nextmini_wire::id::RouteId;
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::{Content, Datagram, Ecn, Packet};
use tokio::sync::{mpsc, watch};

use super::source::{Stats, seconds, sleep_until, wire_weight};
use super::terms::Terms;
use crate::clock;
use crate::event::{Event, report};
use crate::node::{Node, SourceNews};
use crate::timers::{Alarm, Timers};

/// Payload of a packet where the flow does not say: an MTU of 1,500 bytes with IPv4 and UDP headers.
const PACKET_BYTES: u16 = 1_472;
/// Packets passed on together at most.
const BATCH: usize = 64;
/// Between two words of the flow's end.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_millis(500);
/// A receiver that has not answered to the end for so long will not: it has no route back, or is gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the generator of a flow's moments is for, so that no other has the same.
const PURPOSE: u64 = u64::from_be_bytes(*b"arrivals");

/// A flow's sending end.
pub struct DatagramSource {
    flow: Flow,
    terms: Arc<Terms>,
    node: Arc<Node>,
    pattern: Pattern,
    key: FlowKey,
    stats: Arc<Stats>,
    timers: Timers,
    seed: u64,
    payload: usize,
    packets: u64,
    bytes: u64,
    began: Instant,
    last_sent: Instant,
    batch: Vec<Packet>,
}

impl DatagramSource {
    /// The source of `flow`, which starts at `node`; `seed` is the experiment's.
    pub fn new(
        (flow, terms): (Flow, Arc<Terms>),
        node: Arc<Node>,
        (pattern, seed): (Pattern, u64),
        stats: Arc<Stats>,
        timers: Timers,
    ) -> Self {
        let key = FlowKey::datagrams(flow.id, flow.source, flow.destination);
        let payload = usize::from(flow.packet_size.unwrap_or(PACKET_BYTES));
        Self {
            flow,
            terms,
            node,
            pattern,
            key,
            stats,
            timers,
            seed,
            payload,
            packets: 0,
            bytes: 0,
            began: Instant::default(),
            last_sent: Instant::default(),
            batch: Vec::new(),
        }
    }

    /// Sends the flow, tells its receiver that it is over, and reports both.
    pub async fn run(
        mut self,
        mut news: mpsc::UnboundedReceiver<SourceNews>,
        mut stop: watch::Receiver<bool>,
    ) {
        let stopped = async move {
            // The flow's owner is gone: that stops it as well.
            let _owner = stop.wait_for(|stop| *stop).await;
        };
        let status = tokio::select! {
            () = self.send(&mut news) => FlowStatus::Completed,
            () = stopped => FlowStatus::Stopped,
        };
        self.node.forget_source(self.flow.id);
        self.report(status);
    }

    async fn send(&mut self, news: &mut mpsc::UnboundedReceiver<SourceNews>) {
        let mut alarm = self.timers.alarm();
        sleep_until(&mut alarm, Some(clock::now() + seconds(self.flow.start))).await;
        let mut terms_changed = self.terms.changes();
        self.node.wait_for_route(&self.key, self.flow.destination, &self.terms).await;
        self.began = clock::now();
        self.report(FlowStatus::Running);
        let random = Random::new(self.seed, &[u64::from(self.flow.id.0), PURPOSE]);
        let mut rate = self.terms.rate();
        let bits = 8 * self.payload as u64;
        let mut arrivals =
            Arrivals::new(self.flow.arrival, rate.unwrap_or(u64::MAX), bits, self.began, random);
        while let Some(length) = self.next_length(arrivals.next()) {
            let (at, now) = (arrivals.next(), clock::now());
            if self.terms.rate() != rate {
                rate = self.terms.rate();
                arrivals.set_rate(rate.unwrap_or(u64::MAX), now);
                continue;
            }
            if at > now {
                self.pass_on();
                tokio::select! {
                    () = sleep_until(&mut alarm, Some(at)) => {}
                    _ = terms_changed.changed() => {}
                }
                continue;
            }
            self.send_one(length, at);
            arrivals.advance();
            if self.batch.len() >= BATCH {
                self.pass_on();
                // Others are to have the core too.
                tokio::task::yield_now().await;
            }
        }
        self.pass_on();
        self.end(news, &mut alarm).await;
    }

    /// Bytes of the next packet; nothing if the flow is over by the time at which it would be sent.
    fn next_length(&self, at: Instant) -> Option<usize> {
        let over = self.flow.duration.is_some_and(|duration| at >= self.began + seconds(duration));
        let left = self.flow.size.map_or(u64::MAX, |size| size.saturating_sub(self.bytes));
        (!over && left > 0).then(|| left.min(self.payload as u64) as usize)
    }

    fn send_one(&mut self, length: usize, at: Instant) {
        let now = clock::now();
        let Some(route) = self.route(now) else {
            // Sent, and lost where it started: that is what a host without a route does.
            self.count(length, at);
            self.node.charge(nextmini_policy::drops::DropCause::NoRoute, None);
            return;
        };
        self.stats.set_route(route);
        let payload = self.pattern.slice(self.flow.id, self.packets, length);
        let ecn = if self.flow.ecn { Ecn::Capable } else { Ecn::NotCapable };
        let datagram =
            Datagram { flow: self.flow.id, sequence: self.packets, sent_at: at.0, last: false, ecn };
        let packet = self.packet(route, datagram, payload);
        self.batch.push(packet);
        self.count(length, at);
    }

    fn route(&self, now: Instant) -> Option<RouteId> {
        self.node.route_of_flow(&self.key, self.flow.destination, &self.terms, now)
    }

    fn packet(&self, route: RouteId, datagram: Datagram, payload: Bytes) -> Packet {
        let content = Content::Datagram(datagram);
        Packet {
            weight: wire_weight(self.terms.weight()),
            class: self.node.class_of(self.flow.destination, self.key.protocol),
            due: datagram.sent_at,
            ..Packet::new(route, self.node.hop_limit(), self.key.label(), content, payload)
        }
    }

    fn count(&mut self, length: usize, at: Instant) {
        self.packets += 1;
        self.bytes += length as u64;
        self.last_sent = at;
        self.stats.set_sent(self.bytes);
    }

    fn pass_on(&mut self) {
        if !self.batch.is_empty() {
            self.node.process(&mut self.batch, None);
        }
    }

    /// Tells the receiver that this was all, until it answers.
    async fn end(&mut self, news: &mut mpsc::UnboundedReceiver<SourceNews>, alarm: &mut Alarm) {
        let (mut pause, give_up) = (FIRST_PAUSE, clock::now() + PATIENCE);
        while clock::now() < give_up {
            let now = clock::now();
            if let Some(route) = self.route(now) {
                let datagram = Datagram {
                    flow: self.flow.id,
                    sequence: self.packets,
                    sent_at: now.0,
                    last: true,
                    ecn: Ecn::NotCapable,
                };
                let packet = self.packet(route, datagram, Bytes::new());
                self.batch.push(packet);
                self.pass_on();
            }
            let answered = async {
                while let Some(news) = news.recv().await {
                    if matches!(news, SourceNews::Ack { ack, .. } if ack.complete.is_some()) {
                        return;
                    }
                }
                std::future::pending().await
            };
            tokio::select! {
                () = answered => return,
                () = sleep_until(alarm, Some(now + pause)) => {}
            }
            pause = (pause * 2).min(LAST_PAUSE);
        }
        tracing::info!(flow = %self.flow.id, "its receiver did not answer to its end within {PATIENCE:?}");
    }

    fn report(&self, status: FlowStatus) {
        let seconds = match (status, self.began) {
            (_, Instant(0)) => 0.0,
            (FlowStatus::Running, began) => clock::now().since(began).as_secs_f64(),
            // The time in which it sent, not that in which its end was told.
            (_, began) => match self.flow.duration {
                Some(duration) if status == FlowStatus::Completed => duration,
                _ => self.last_sent.since(began).as_secs_f64(),
            },
        };
        let change = FlowChange {
            flow: self.flow.id,
            end: FlowEnd::Source,
            status,
            bytes: self.bytes,
            seconds,
            retransmitted: 0,
            timeouts: 0,
            reordered: 0,
            checksum: None,
            route: self.stats.route(),
            reason: None,
            datagrams: Some(Datagrams { packets: self.packets, ..Datagrams::default() }),
        };
        report(self.node.events(), Event::Flow(change));
    }
}
