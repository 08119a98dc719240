//! The sending end of a lossless session: a task for each flow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nextmini_policy::link::MOST_CATCH_UP;
use nextmini_policy::lossless::{Checksum, Moves, Pattern, Progress, Segment, Sender, Stream};
use nextmini_policy::time::Instant;
use nextmini_wire::control::{Flow, FlowChange, FlowCounters, FlowEnd, FlowStatus};
use nextmini_wire::id::RouteId;
use nextmini_wire::key::{FlowKey, LOSSLESS_PROTOCOL};
use nextmini_wire::packet::{Chunk, Content, MAX_CHUNK, Packet};
use tokio::sync::{mpsc, watch};

use super::checksum_text;
use super::terms::{Pace, Terms};
use crate::clock;
use crate::event::{Event, report};
use crate::link::batch_bytes;
use crate::node::{Node, SourceNews};
use crate::timers::{Alarm, Timers};

/// A flow with a rate sends chunks that take no longer than this.
const LONGEST_CHUNK: Duration = Duration::from_millis(10);
/// Nor are they smaller than what one packet carries at an MTU of 1,500 bytes.
const LEAST_CHUNK: usize = 1_460;

/// What others may know of a flow while it runs.
#[derive(Debug, Default)]
pub struct Stats {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    retransmitted: AtomicU64,
    srtt_us: AtomicU64,
    window: AtomicU64,
    timeouts: AtomicU64,
    /// 0 if there is none.
    congestion_window: AtomicU64,
    /// 0 before there is one.
    route: AtomicU64,
}

/// What a flow's source has noticed of losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Losses {
    /// Pieces that were sent again.
    pub again: u64,
    /// How often the timer ran out.
    pub timeouts: u64,
}

impl Stats {
    /// As the controller wants them.
    pub fn counters(&self, flow: &Flow) -> FlowCounters {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        FlowCounters {
            flow: flow.id,
            bytes: load(&self.sent),
            acknowledged: load(&self.acknowledged),
            retransmitted: load(&self.retransmitted),
            srtt_us: load(&self.srtt_us),
            window: load(&self.window),
            timeouts: load(&self.timeouts),
            cwnd: Some(load(&self.congestion_window)).filter(|&bytes| bytes > 0),
            route: self.route(),
        }
    }

    /// Notes how a flow stands: bytes sent and acknowledged, losses, bytes that may be under way or are, and the
    /// round-trip time.
    pub fn publish(&self, sent: u64, acknowledged: u64, losses: Losses, window: u64, srtt: Option<Duration>) {
        let store = |to: &AtomicU64, value| to.store(value, Ordering::Relaxed);
        store(&self.sent, sent);
        store(&self.acknowledged, acknowledged);
        store(&self.retransmitted, losses.again);
        store(&self.timeouts, losses.timeouts);
        store(&self.window, window);
        store(&self.srtt_us, u64::try_from(srtt.unwrap_or_default().as_micros()).unwrap_or(u64::MAX));
    }

    /// Notes the congestion window, if there is one.
    pub fn set_congestion_window(&self, bytes: Option<u64>) {
        self.congestion_window.store(bytes.unwrap_or(0), Ordering::Relaxed);
    }

    /// Notes how much was sent.
    pub fn set_sent(&self, bytes: u64) {
        self.sent.store(bytes, Ordering::Relaxed);
    }

    /// Notes the route that the flow takes.
    pub fn set_route(&self, route: RouteId) {
        self.route.store(u64::from(route.0), Ordering::Relaxed);
    }

    /// The route that the flow took last.
    pub fn route(&self) -> Option<RouteId> {
        u32::try_from(self.route.load(Ordering::Relaxed)).ok().filter(|&id| id != 0).map(RouteId)
    }
}

/// A flow's sending end.
pub struct Source {
    flow: Flow,
    node: Arc<Node>,
    pattern: Pattern,
    key: FlowKey,
    sender: Sender,
    moves: Moves,
    terms: Arc<Terms>,
    pace: Pace,
    checksum: Checksum,
    stats: Arc<Stats>,
    began: Instant,
    batch: Vec<Packet>,
    class: u16,
    timers: Timers,
    /// When the newest answer was to arrive that nothing was sent for: what it sets off was to leave then, however
    /// late this task was. All times that the session itself sees are such times, or a stall would look like a
    /// short path.
    answered: Option<Instant>,
}

/// Why the source is to stop sending for now.
enum Pause {
    /// There is more, but others are to have the core first.
    None,
    /// The window is full, or everything is sent.
    Window,
    /// The rate allows the next chunk only then.
    Rate(Instant),
}

impl Source {
    /// The source of `flow`, which starts at `node`.
    pub fn new(
        (flow, terms): (Flow, Arc<Terms>),
        node: Arc<Node>,
        pattern: Pattern,
        stats: Arc<Stats>,
        timers: Timers,
    ) -> Self {
        let key = FlowKey::lossless(flow.id, flow.source, flow.destination);
        let stream = flow.size.map_or(Stream::Open, Stream::Bytes);
        let sender = Sender::new(stream, chunk_bytes(flow.rate), flow.weight);
        Self {
            flow,
            node,
            pattern,
            key,
            sender,
            moves: Moves::default(),
            terms,
            pace: Pace::default(),
            checksum: Checksum::default(),
            stats,
            began: Instant::default(),
            batch: Vec::new(),
            class: 0,
            timers,
            answered: None,
        }
    }

    /// Sends the flow until its receiver has it all, or until `stop` becomes true, and reports both.
    pub async fn run(
        mut self,
        mut news: mpsc::UnboundedReceiver<SourceNews>,
        mut stop: watch::Receiver<bool>,
    ) {
        let stopped = async move {
            // The flow's owner is gone: that stops it as well.
            let _owner = stop.wait_for(|stop| *stop).await;
        };
        let outcome = tokio::select! {
            outcome = self.send(&mut news) => Some(outcome),
            () = stopped => None,
        };
        self.node.forget_source(self.flow.id);
        let (status, reason) = match outcome {
            Some(Ok(())) => (FlowStatus::Completed, None),
            Some(Err(reason)) => (FlowStatus::Failed, Some(reason)),
            None => (FlowStatus::Stopped, None),
        };
        self.publish();
        self.report(status, reason);
    }

    async fn send(&mut self, news: &mut mpsc::UnboundedReceiver<SourceNews>) -> Result<(), String> {
        let mut alarm = self.timers.alarm();
        sleep_until(&mut alarm, Some(clock::now() + seconds(self.flow.start))).await;
        let mut routes_changed = self.node.routes().changes();
        let mut terms_changed = self.terms.changes();
        let mut route = self.wait_for_route().await;
        self.began = clock::now();
        self.pace = Pace::new(self.terms.rate(), self.began);
        self.take_route(route, self.began);
        let ends_at = self.flow.duration.map(|duration| self.began + seconds(duration));
        self.report(FlowStatus::Running, None);
        loop {
            let mut now = clock::now();
            if ends_at.is_some_and(|ends_at| now >= ends_at) {
                self.sender.finish();
            }
            self.sender.on_timeout(now);
            self.pace.set(self.terms.rate(), now);
            self.sender.set_weight(self.terms.weight());
            let at = self.answered.filter(|_| self.pace.rate().is_none()).unwrap_or(now);
            let pause = self.fill(route, at);
            self.answered = None;
            self.node.process(&mut self.batch, None);
            self.publish();
            match pause {
                Pause::None => tokio::task::yield_now().await,
                Pause::Window | Pause::Rate(_) => {
                    let wake =
                        earliest([self.sender.deadline(), pause.until(), ends_at.filter(|&at| at > now)]);
                    tokio::select! {
                        biased;
                        first = news.recv() => if let Some(first) = first { self.hear(first) },
                        () = sleep_until(&mut alarm, wake) => {}
                        _ = routes_changed.changed() => {}
                        _ = terms_changed.changed() => {}
                    }
                }
            }
            while let Ok(more) = news.try_recv() {
                self.hear(more);
            }
            if let Some(verdict) = self.verdict() {
                return verdict;
            }
            now = clock::now();
            route = match self.node.route_of_flow(&self.key, self.flow.destination, &self.terms, now) {
                Some(route) => route,
                None => self.wait_for_route().await,
            };
        }
    }

    async fn wait_for_route(&self) -> RouteId {
        self.node.wait_for_route(&self.key, self.flow.destination, &self.terms).await
    }

    fn fill(&mut self, route: RouteId, now: Instant) -> Pause {
        self.take_route(route, now);
        let mut bytes = 0;
        while bytes < batch_bytes() {
            if let Some(ready) = self.pace.ready()
                && ready > now
            {
                return Pause::Rate(ready);
            }
            let Some(segment) = self.sender.poll_transmit(now) else {
                return Pause::Window;
            };
            self.pace.spend(segment.length as u64, now);
            bytes += segment.length;
            let packet = self.packet(&segment, route, now);
            self.batch.push(packet);
        }
        Pause::None
    }

    fn packet(&mut self, segment: &Segment, route: RouteId, now: Instant) -> Packet {
        let payload = self.pattern.slice(self.flow.id, segment.offset, segment.length);
        if !segment.again {
            self.checksum.write(&payload);
        }
        let Segment { offset, last, .. } = *segment;
        // A paced flow sends no more before its time, so nothing else would bring the acknowledgement.
        let ask = segment.ask || self.pace.rate().is_some();
        let chunk = Chunk { flow: self.flow.id, offset, sent_at: now.0, last, ask };
        let label = self.key.label();
        Packet {
            weight: wire_weight(self.terms.weight()),
            class: self.class,
            // A flow with a rate sends when its rate allows it.
            due: self.answered.filter(|_| self.pace.rate().is_none()).map_or(0, |at| at.0),
            ..Packet::new(route, self.node.hop_limit(), label, Content::Chunk(chunk), payload)
        }
    }

    fn hear(&mut self, news: SourceNews) {
        match news {
            SourceNews::Ack { ack, due } => {
                let at = heard_at(due, ack.echo);
                self.answered = self.answered.max(Some(at).filter(|_| due != 0));
                self.sender.on_ack(&ack, at);
            }
            SourceNews::LinkBroken => self.sender.on_broken_link(),
            // Answers to requests are for other sources.
            SourceNews::Echo { .. } => {}
        }
    }

    fn verdict(&self) -> Option<Result<(), String>> {
        let Progress::Complete(theirs) = self.sender.progress() else {
            return None;
        };
        let ours = self.checksum.finish();
        Some(if theirs == ours {
            Ok(())
        } else {
            let (ours, theirs) = (checksum_text(ours), checksum_text(theirs));
            Err(format!("checksum mismatch: {ours} was sent and {theirs} arrived"))
        })
    }

    fn take_route(&mut self, route: RouteId, now: Instant) {
        self.stats.set_route(route);
        self.moves.take(route, now);
        self.class = self.node.class_of(self.flow.destination, LOSSLESS_PROTOCOL);
        let table = self.node.routes().load();
        if let Some(left) = self.moves.gone(&table) {
            self.sender.on_lost_route(left);
        }
        let largest = table.chunk(route, self.node.id()).map_or(MAX_CHUNK, |bytes| bytes as usize);
        self.sender.set_chunk(chunk_bytes(self.terms.rate()).min(largest));
    }

    fn publish(&self) {
        let sender = &self.sender;
        let (sent, acknowledged) = (sender.sent(), sender.acknowledged());
        let losses = Losses { again: sender.retransmitted(), timeouts: sender.timeouts() };
        self.stats.publish(sent, acknowledged, losses, sender.window(), sender.smoothed_rtt());
    }

    fn report(&self, status: FlowStatus, reason: Option<String>) {
        let complete = matches!(self.sender.progress(), Progress::Complete(_));
        let seconds = seconds_since(self.began);
        let change = FlowChange {
            flow: self.flow.id,
            end: FlowEnd::Source,
            status,
            bytes: self.sender.acknowledged(),
            seconds,
            retransmitted: self.sender.retransmitted(),
            timeouts: self.sender.timeouts(),
            reordered: 0,
            checksum: complete.then(|| checksum_text(self.checksum.finish())),
            route: self.stats.route(),
            reason,
            datagrams: None,
        };
        report(self.node.events(), Event::Flow(change));
    }
}

impl Pause {
    fn until(&self) -> Option<Instant> {
        match self {
            Self::Rate(at) => Some(*at),
            Self::None | Self::Window => None,
        }
    }
}

/// When an answer counts as heard: when it was to arrive, however late the task is that hears of it, or now if it came
/// over no link with a sense of time.
///
/// It is never before what it answers was sent (`echo`): after a move to a path without such links, an answer may still
/// say when something was to arrive over the old one.
pub(crate) fn heard_at(due: u64, echo: u64) -> Instant {
    moment_heard(due, echo, clock::now())
}

fn moment_heard(due: u64, echo: u64, now: Instant) -> Instant {
    if due == 0 { now } else { Instant(due.max(echo)).max(now - MOST_CATCH_UP).min(now) }
}

/// Pieces of a flow with this rate in bits per second.
fn chunk_bytes(rate: Option<u64>) -> usize {
    let Some(rate) = rate else { return MAX_CHUNK };
    let bytes = u128::from(rate) * LONGEST_CHUNK.as_nanos() / 8_000_000_000;
    usize::try_from(bytes).unwrap_or(MAX_CHUNK).clamp(LEAST_CHUNK, MAX_CHUNK)
}

/// A weight as packets carry it.
pub(crate) fn wire_weight(weight: u32) -> u16 {
    u16::try_from(weight).unwrap_or(u16::MAX)
}

/// Seconds since a flow began; none if it has not.
pub(crate) fn seconds_since(began: Instant) -> f64 {
    match began {
        Instant(0) => 0.0,
        began => clock::now().since(began).as_secs_f64(),
    }
}

/// `seconds` as a duration: at least none, at most a century.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.clamp(0.0, 3.2e9)).unwrap_or_default()
}

fn earliest<const N: usize>(moments: [Option<Instant>; N]) -> Option<Instant> {
    moments.into_iter().flatten().min()
}

/// Waits until `moment`, or for ever if there is none.
pub(crate) async fn sleep_until(alarm: &mut Alarm, moment: Option<Instant>) {
    match moment {
        Some(moment) => alarm.set(moment),
        None => alarm.clear(),
    }
    alarm.rings().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_heard_when_it_was_to_arrive_and_not_before_what_it_answers() {
        let now = Instant(1_000_000_000);
        let before = |nanos| now - Duration::from_nanos(nanos);
        assert_eq!(moment_heard(0, before(5).0, now), now);
        assert_eq!(moment_heard(before(3).0, before(5).0, now), before(3));
        assert_eq!(moment_heard(now.0 + 3, before(5).0, now), now);
        assert_eq!(moment_heard(1, 0, now), now - MOST_CATCH_UP);
        // It says when something was to arrive over another path.
        assert_eq!(moment_heard(before(9).0, before(5).0, now), before(5));
        assert_eq!(moment_heard(before(9).0, now.0 + 5, now), now);
    }
}
