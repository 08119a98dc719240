//! A flow of ICMP echo requests (RFC 792, RFC 4443), for nodes without programs: a task for each flow.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use nextmini_policy::datagram::{Arrivals, Receiver};
use nextmini_policy::random::Random;
use nextmini_policy::time::Instant;
use nextmini_wire::control::{Datagrams, Flow, FlowChange, FlowEnd, FlowStatus};
use nextmini_wire::icmp;
use nextmini_wire::packet::{Datagram, Ecn};
use nextmini_wire::vnet::VnetHeader;
use tokio::sync::{mpsc, watch};

use super::source::{Stats, seconds, sleep_until};
use super::terms::Terms;
use crate::clock;
use crate::event::{Event, report};
use crate::node::{Node, SourceNews};
use crate::routes::Outbound;
use crate::timers::{Alarm, Timers};

/// Payload of a request where the flow does not say, as ping's.
const PAYLOAD: u16 = 56;
/// The payload begins with the moment at which it was sent.
const STAMP: usize = 8;
/// After the last request, replies have at least so long (ping's -W is 10 s; Mininet waits for 1 s).
const LAST_WAIT: Duration = Duration::from_secs(1);
/// What the generator of a flow's moments is for, so that no other has the same.
const PURPOSE: u64 = u64::from_be_bytes(*b"echoes\0\0");

/// A flow of requests; what comes back counts as what has arrived.
pub struct EchoSource {
    flow: Flow,
    terms: Arc<Terms>,
    changes: watch::Receiver<()>,
    node: Arc<Node>,
    stats: Arc<Stats>,
    timers: Timers,
    seed: u64,
    payload: usize,
    sent: u64,
    bytes: u64,
    replies: Receiver,
    began: Instant,
    last_sent: Instant,
}

impl EchoSource {
    /// The source of `flow`, which starts at `node`; `seed` is the experiment's.
    pub fn new(
        (flow, terms): (Flow, Arc<Terms>),
        node: Arc<Node>,
        seed: u64,
        stats: Arc<Stats>,
        timers: Timers,
    ) -> Self {
        let payload = usize::from(flow.packet_size.unwrap_or(PAYLOAD)).max(STAMP);
        Self {
            flow,
            changes: terms.changes(),
            terms,
            node,
            stats,
            timers,
            seed,
            payload,
            sent: 0,
            bytes: 0,
            replies: Receiver::default(),
            began: Instant::default(),
            last_sent: Instant::default(),
        }
    }

    /// Sends the requests, waits for replies, and reports both.
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
            () = self.ask(&mut news) => FlowStatus::Completed,
            () = stopped => FlowStatus::Stopped,
        };
        self.node.forget_source(self.flow.id);
        self.report(FlowEnd::Source, status);
        self.report(FlowEnd::Sink, status);
    }

    async fn ask(&mut self, news: &mut mpsc::UnboundedReceiver<SourceNews>) {
        let mut alarm = self.timers.alarm();
        sleep_until(&mut alarm, Some(clock::now() + seconds(self.flow.start))).await;
        self.began = clock::now();
        self.report(FlowEnd::Source, FlowStatus::Running);
        let random = Random::new(self.seed, &[u64::from(self.flow.id.0), PURPOSE]);
        let mut rate = self.terms.rate();
        let (asked, bits) = (rate.unwrap_or(u64::MAX), 8 * self.payload as u64);
        let mut arrivals = Arrivals::new(self.flow.arrival, asked, bits, self.began, random);
        while self.has_more(arrivals.next()) {
            if self.terms.rate() != rate {
                rate = self.terms.rate();
                arrivals.set_rate(rate.unwrap_or(u64::MAX), clock::now());
            }
            if self.hear_until(arrivals.next(), news, &mut alarm).await {
                continue;
            }
            self.request();
            arrivals.advance();
        }
        let give_up = clock::now() + LAST_WAIT;
        while self.replies.packets() < self.sent && self.hear_until(give_up, news, &mut alarm).await {}
    }

    fn has_more(&self, at: Instant) -> bool {
        let over = self.flow.duration.is_some_and(|duration| at >= self.began + seconds(duration));
        !over && self.flow.size.is_none_or(|size| self.bytes < size)
    }

    /// Takes in a reply that comes, or other terms, before `moment`; whether there was anything.
    async fn hear_until(
        &mut self,
        moment: Instant,
        news: &mut mpsc::UnboundedReceiver<SourceNews>,
        alarm: &mut Alarm,
    ) -> bool {
        if moment <= clock::now() {
            return false;
        }
        tokio::select! {
            biased;
            Some(heard) = news.recv() => {
                if let SourceNews::Echo { sequence, payload, at } = heard {
                    self.hear(sequence, payload, at);
                }
                true
            }
            _ = self.changes.changed() => true,
            () = sleep_until(alarm, Some(moment)) => false,
        }
    }

    fn hear(&mut self, sequence: u16, mut payload: Bytes, at: Instant) {
        if payload.len() < STAMP {
            return;
        }
        let bytes = payload.len();
        let sent_at = payload.get_u64();
        // Requests are numbered on beyond what their field holds.
        let behind = (self.sent as u16).wrapping_sub(sequence);
        let sequence = self.sent.saturating_sub(u64::from(behind));
        let datagram = Datagram { flow: self.flow.id, sequence, sent_at, last: false, ecn: Ecn::NotCapable };
        self.replies.on_datagram(&datagram, bytes, true, at);
    }

    fn request(&mut self) {
        let now = clock::now();
        let mut payload = vec![0; self.payload];
        payload[..STAMP].copy_from_slice(&now.0.to_be_bytes());
        let (identifier, sequence) = (self.flow.id.0 as u16, (self.sent + 1) as u16);
        self.sent += 1;
        self.bytes += self.payload as u64;
        self.last_sent = now;
        self.stats.set_sent(self.bytes);
        let addresses = self.node.routes().addresses();
        let (own, other) = (addresses.of(self.node.id()), addresses.of(self.flow.destination));
        let (Some(own), Some(other)) = (own, other) else { return };
        if let Some(payload) = icmp::echo_request(own.v4, other.v4, identifier, sequence, &payload) {
            let outbound = Outbound { header: VnetHeader::default(), payload };
            self.node.originate_on(&self.terms, self.flow.destination, outbound);
        }
    }

    fn report(&self, end: FlowEnd, status: FlowStatus) {
        let seconds = match (status, self.began) {
            (_, Instant(0)) => 0.0,
            (FlowStatus::Running, began) => clock::now().since(began).as_secs_f64(),
            (_, began) => self.last_sent.since(began).as_secs_f64(),
        };
        let (bytes, datagrams) = match end {
            FlowEnd::Source => (self.bytes, Datagrams { packets: self.sent, ..Datagrams::default() }),
            FlowEnd::Sink => (self.replies.bytes(), self.replies.figures()),
        };
        let change = FlowChange {
            flow: self.flow.id,
            end,
            status,
            bytes,
            seconds,
            retransmitted: 0,
            timeouts: 0,
            reordered: datagrams.reordered,
            checksum: None,
            route: None,
            reason: None,
            datagrams: Some(datagrams),
        };
        report(self.node.events(), Event::Flow(change));
    }
}
