//! A TCP flow, as the process that it starts in sees it.

use std::sync::Arc;

use nextmini_policy::time::Instant;
use nextmini_wire::control::{Flow, FlowChange, FlowEnd, FlowStatus};
use tokio::sync::{mpsc, oneshot, watch};

use super::actor::{Done, Message, Open};
use crate::clock;
use crate::event::{Event, report};
use crate::flow::source::{Stats, seconds, seconds_since, sleep_until};
use crate::flow::terms::Terms;
use crate::node::Node;
use crate::timers::Timers;

/// A flow's sending end.
pub struct TcpSource {
    flow: Flow,
    terms: Arc<Terms>,
    node: Arc<Node>,
    actor: mpsc::Sender<Message>,
    stats: Arc<Stats>,
    timers: Timers,
    began: Instant,
}

impl TcpSource {
    /// The source of `flow`, which starts at `node`, whose ends `actor` drives.
    pub fn new(
        (flow, terms): (Flow, Arc<Terms>),
        node: Arc<Node>,
        actor: mpsc::Sender<Message>,
        stats: Arc<Stats>,
        timers: Timers,
    ) -> Self {
        Self { flow, terms, node, actor, stats, timers, began: Instant::default() }
    }

    /// Has the flow sent until all of it has arrived, or until `stop` becomes true, and reports both.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut alarm = self.timers.alarm();
        let begin = clock::now() + seconds(self.flow.start);
        let mut stopped = Box::pin(async move {
            // The flow's owner is gone: that stops it as well.
            let _owner = stop.wait_for(|stop| *stop).await;
        });
        tokio::select! {
            () = sleep_until(&mut alarm, Some(begin)) => {}
            () = &mut stopped => return self.report(FlowStatus::Stopped, None, None),
        }
        let ((connected, established), (done, mut told)) = (oneshot::channel(), oneshot::channel());
        let Some(open) = self.open(connected, done) else {
            let reason = format!("{} has no address of that kind", self.flow.destination);
            return self.report(FlowStatus::Failed, Some(reason), None);
        };
        self.began = clock::now();
        if self.actor.send(Message::Open(Box::new(open))).await.is_err() {
            // The node is no more.
            return self.report(FlowStatus::Stopped, None, None);
        }
        let mut established = std::pin::pin!(established);
        let mut connecting = true;
        let mut changes = self.terms.changes();
        let done = loop {
            tokio::select! {
                biased;
                connected = &mut established, if connecting => {
                    connecting = false;
                    if connected.is_ok() {
                        self.report(FlowStatus::Running, None, None);
                    }
                }
                done = &mut told => break done,
                _ = changes.changed() => {
                    // A node that is no more sends nothing on any terms.
                    let _heard = self.actor.send(Message::Changed(self.flow.id)).await;
                }
                () = &mut stopped => {
                    // A node that is no more needs no stopping.
                    let _heard = self.actor.send(Message::Stop(self.flow.id)).await;
                    break told.await;
                }
            }
        };
        match done {
            Ok(done) => self.end(done),
            Err(_) => self.report(FlowStatus::Stopped, None, None),
        }
    }

    fn open(&self, connected: oneshot::Sender<()>, done: oneshot::Sender<Done>) -> Option<Open> {
        let book = self.node.routes().addresses();
        let (own, to) = (book.of(self.node.id())?, book.of(self.flow.destination)?);
        let addresses = if self.flow.v6 { (own.v6?, to.v6?) } else { (own.v4, to.v4) };
        let (flow, terms) = (self.flow.clone(), Arc::clone(&self.terms));
        Some(Open { flow, terms, addresses, stats: Arc::clone(&self.stats), connected, done })
    }

    fn end(&self, done: Done) {
        let (status, reason) = match &done.outcome {
            Some(Ok(())) => (FlowStatus::Completed, None),
            Some(Err(error)) => (FlowStatus::Failed, Some(error.to_string())),
            None => (FlowStatus::Stopped, None),
        };
        self.report(status, reason, Some(done));
    }

    fn report(&self, status: FlowStatus, reason: Option<String>, done: Option<Done>) {
        let change = FlowChange {
            flow: self.flow.id,
            end: FlowEnd::Source,
            status,
            bytes: done.as_ref().map_or(0, |done| done.bytes),
            seconds: seconds_since(self.began),
            retransmitted: done.as_ref().map_or(0, |done| done.retransmitted),
            timeouts: done.as_ref().map_or(0, |done| done.timeouts),
            reordered: 0,
            route: done.as_ref().and_then(|done| done.route),
            checksum: done.and_then(|done| done.checksum),
            reason,
            datagrams: None,
        };
        report(self.node.events(), Event::Flow(change));
    }
}
