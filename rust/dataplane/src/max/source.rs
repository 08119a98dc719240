//! The sending end of a declared flow in max mode: a task for each flow.

use std::sync::Arc;

use nextmini_policy::time::Instant;
use nextmini_wire::chain::{Destination, Opening, Refusal};
use nextmini_wire::control::{Flow, FlowChange, FlowEnd, FlowStatus};
use nextmini_wire::id::NodeId;
use nextmini_wire::key::{FlowKey, LOSSLESS_PROTOCOL};
use tokio::sync::watch;

use super::chain::{Chains, Opened};
use super::push::{Push, PushError};
use crate::clock;
use crate::event::{Event, report};
use crate::flow::source::{Stats, seconds, seconds_since, sleep_until};
use crate::flow::terms::Terms;
use crate::node::Node;
use crate::timers::Timers;

/// A flow's sending end.
pub struct Source {
    flow: Flow,
    terms: Arc<Terms>,
    node: Arc<Node>,
    chains: Arc<Chains>,
    stats: Arc<Stats>,
    timers: Timers,
    began: Instant,
    /// Once there is a connection.
    push: Option<Push>,
}

impl Source {
    /// The source of `flow`, which starts at `node`.
    pub fn new(
        (flow, terms): (Flow, Arc<Terms>),
        node: Arc<Node>,
        chains: Arc<Chains>,
        (stats, timers): (Arc<Stats>, Timers),
    ) -> Self {
        Self { flow, terms, node, chains, stats, timers, began: Instant::default(), push: None }
    }

    /// Sends the flow until all of it has arrived, or until `stop` becomes true, and reports both.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let stopped = async move {
            // The flow's owner is gone: that stops it as well.
            let _owner = stop.wait_for(|stop| *stop).await;
        };
        let outcome = tokio::select! {
            outcome = self.send() => Some(outcome),
            () = stopped => None,
        };
        let (status, reason) = match outcome {
            Some(Ok(())) => (FlowStatus::Completed, None),
            Some(Err(reason)) => (FlowStatus::Failed, Some(reason)),
            None => {
                self.push.as_ref().map(Push::give_up);
                (FlowStatus::Stopped, None)
            }
        };
        self.report(status, reason);
    }

    async fn send(&mut self) -> Result<(), String> {
        let mut alarm = self.timers.alarm();
        sleep_until(&mut alarm, Some(clock::now() + seconds(self.flow.start))).await;
        let destination = self.flow.destination;
        let key = FlowKey::lossless(self.flow.id, self.flow.source, destination);
        let route = self.node.wait_for_path(&key, destination, &self.terms).await;
        self.stats.set_route(route);
        self.began = clock::now();
        let opening = Opening {
            route,
            position: 0,
            label: key.label(),
            class: self.node.class_of(destination, LOSSLESS_PROTOCOL),
            client: None,
            destination: Destination::Flow(self.flow.id),
        };
        let opened = self.chains.open(opening).await;
        let Opened { far, ways, stretch, .. } = opened.map_err(|refusal| refused(destination, refusal))?;
        let data = self.chains.data();
        let push = Push::new(far, ways.forward, (&self.flow, &self.terms), data, Arc::clone(&self.stats));
        let push = push.map_err(|error| error.to_string())?;
        self.report(FlowStatus::Running, None);
        let push = self.push.insert(push);
        tokio::select! {
            sent = push.run(&mut alarm) => match sent {
                Err(PushError::Lost(_)) => Err(self.chains.what_broke(&stretch).await.to_string()),
                sent => sent.map_err(|error| error.to_string()),
            },
            broken = self.chains.until_broken(&stretch) => Err(broken.to_string()),
        }
    }

    fn report(&self, status: FlowStatus, reason: Option<String>) {
        let seconds = seconds_since(self.began);
        let change = FlowChange {
            flow: self.flow.id,
            end: FlowEnd::Source,
            status,
            bytes: self.push.as_ref().map_or(0, Push::sent),
            seconds,
            retransmitted: 0,
            timeouts: 0,
            reordered: 0,
            checksum: None,
            route: self.stats.route(),
            reason,
            datagrams: None,
        };
        report(self.node.events(), Event::Flow(change));
    }
}

fn refused(destination: NodeId, refusal: Refusal) -> String {
    match refusal {
        // Declared flows are refused nothing else.
        Refusal::NotAllowed => "a link of its route is asked for more than a rate, or for TLS, and in \
             max mode it has neither; use mode \"normal\""
            .to_owned(),
        _ => format!("no connection to {destination}: {refusal}"),
    }
}
