//! What the controller has to be told: once now, and all of it again after a break.

use std::collections::BTreeMap;

use nextmini_wire::control::{
    FlowChange, FlowCounters, FlowEnd, LinkChange, LinkCounters, LinkFidelity, ProcessFidelity, Report,
    SinkCounters,
};
use nextmini_wire::id::{FlowId, LinkId, NodeId};
use rustc_hash::FxHashMap;

use crate::event::Event;

/// Entries of a message: some 200 KiB at the most, where the controller takes 1 MiB.
const ENTRIES: usize = 1_000;

/// The newest word on every link, flow and failed node.
#[derive(Debug, Default)]
pub struct Ledger {
    links: BTreeMap<LinkId, LinkChange>,
    flows: BTreeMap<(FlowId, Side), FlowChange>,
    failed: BTreeMap<NodeId, String>,
    link_counters: FxHashMap<(LinkId, NodeId), LinkCounters>,
    flow_counters: FxHashMap<FlowId, FlowCounters>,
    sink_counters: FxHashMap<FlowId, SinkCounters>,
}

/// Everything that is counted.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Of links, by sending end.
    pub links: Vec<LinkCounters>,
    /// Of flows that start here.
    pub flows: Vec<FlowCounters>,
    /// Of flows of packets that end here.
    pub sinks: Vec<SinkCounters>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Source,
    Sink,
}

impl Ledger {
    /// Writes events down, and gives the messages that tell them.
    pub fn record(&mut self, events: impl IntoIterator<Item = Event>) -> Vec<Report> {
        let (mut links, mut flows, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        let mut failures = Vec::new();
        for event in events {
            match event {
                Event::Link(change) => {
                    self.links.insert(change.link, change.clone());
                    links.push(change);
                }
                Event::Flow(change) => {
                    self.flows.insert((change.flow, side(change.end)), change.clone());
                    flows.push(change);
                }
                Event::RouteWanted(source, destination) => pairs.push((source, destination)),
                Event::NodeFailed { node, reason } => {
                    self.failed.insert(node, reason.clone());
                    failures.push(Report::NodeFailed { node, reason });
                }
            }
        }
        messages(links, flows, pairs).chain(failures).collect()
    }

    /// Everything, for a controller that knows nothing; `wanted` are the routes still waited for.
    pub fn retell(&mut self, wanted: Vec<(NodeId, NodeId)>) -> Vec<Report> {
        self.link_counters.clear();
        self.flow_counters.clear();
        self.sink_counters.clear();
        let links = self.links.values().cloned().collect();
        let flows = self.flows.values().cloned().collect();
        let failed = self.failed.iter();
        let failures = failed.map(|(&node, reason)| Report::NodeFailed { node, reason: reason.clone() });
        messages(links, flows, wanted).chain(failures).collect()
    }

    /// Messages with the counters that are not as they were last told.
    pub fn metrics(&mut self, counts: Counts) -> Vec<Report> {
        let links = changed(&mut self.link_counters, counts.links, |row| (row.link, row.node));
        let flows = changed(&mut self.flow_counters, counts.flows, |row| row.flow);
        let sinks = changed(&mut self.sink_counters, counts.sinks, |row| row.flow);
        let message = |links: &[_], flows: &[_], sinks: &[_]| Report::Metrics {
            links: links.to_vec(),
            flows: flows.to_vec(),
            sinks: sinks.to_vec(),
        };
        let of_links = links.chunks(ENTRIES).map(|rows| message(rows, &[], &[]));
        let of_flows = flows.chunks(ENTRIES).map(|rows| message(&[], rows, &[]));
        let of_sinks = sinks.chunks(ENTRIES).map(|rows| message(&[], &[], rows));
        of_links.chain(of_flows).chain(of_sinks).collect()
    }
}

/// Messages that tell how true the process was.
pub fn fidelity(process: ProcessFidelity, links: &[LinkFidelity]) -> impl Iterator<Item = Report> {
    // One at least: it is about the process too.
    let parts = links.chunks(ENTRIES).chain(links.is_empty().then_some(links));
    parts.map(move |links| Report::Fidelity { process, links: links.to_vec() })
}

fn changed<K, R>(told: &mut FxHashMap<K, R>, rows: Vec<R>, key: impl Fn(&R) -> K) -> Vec<R>
where
    K: Eq + std::hash::Hash,
    R: PartialEq + Copy,
{
    rows.into_iter().filter(|row| told.insert(key(row), *row).as_ref() != Some(row)).collect()
}

fn side(end: FlowEnd) -> Side {
    match end {
        FlowEnd::Source => Side::Source,
        FlowEnd::Sink => Side::Sink,
    }
}

fn messages(
    links: Vec<LinkChange>,
    flows: Vec<FlowChange>,
    pairs: Vec<(NodeId, NodeId)>,
) -> impl Iterator<Item = Report> {
    let links = in_parts(links).map(|changes| Report::LinkState { changes });
    let flows = in_parts(flows).map(|changes| Report::FlowState { changes });
    let pairs = in_parts(pairs).map(|pairs| Report::RoutesWanted { pairs });
    links.chain(flows).chain(pairs)
}

fn in_parts<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let part: Vec<T> = rows.by_ref().take(ENTRIES).collect();
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use nextmini_wire::control::{Drops, LinkStatus};

    use super::*;

    fn link(id: u32, state: LinkStatus) -> Event {
        Event::Link(LinkChange { link: LinkId(id), state, reason: None })
    }

    #[test]
    fn after_a_break_the_newest_word_on_everything_is_told_again() {
        let mut ledger = Ledger::default();
        ledger.record([link(1, LinkStatus::Up), link(2, LinkStatus::Up)]);
        ledger.record([link(1, LinkStatus::Down), Event::RouteWanted(NodeId(1), NodeId(2))]);
        let down = LinkChange { link: LinkId(1), state: LinkStatus::Down, reason: None };
        let up = LinkChange { link: LinkId(2), state: LinkStatus::Up, reason: None };
        let wanted = vec![(NodeId(3), NodeId(4))];
        let expected =
            [Report::LinkState { changes: vec![down, up] }, Report::RoutesWanted { pairs: wanted.clone() }];
        assert_eq!(ledger.retell(wanted), expected);
    }

    #[test]
    fn messages_stay_bounded() {
        let mut ledger = Ledger::default();
        let messages = ledger.record((0..2_500).map(|id| link(id, LinkStatus::Up)));
        assert_eq!(messages.len(), 3);
    }

    #[test]
    fn counters_that_stand_still_are_not_told() {
        let row = |packets| LinkCounters {
            link: LinkId(1),
            node: NodeId(1),
            bytes: 0,
            packets,
            queue: 0,
            drops: Drops::default(),
            entered: packets,
            marked: 0,
            duplicated: 0,
            datagrams: 0,
            oversized: 0,
            rtt_us: None,
        };
        let links = |packets| Counts { links: vec![row(packets)], ..Counts::default() };
        let mut ledger = Ledger::default();
        assert_eq!(ledger.metrics(links(1)).len(), 1);
        assert_eq!(ledger.metrics(links(1)).len(), 0);
        assert_eq!(ledger.metrics(links(2)).len(), 1);
        ledger.retell(Vec::new());
        assert_eq!(ledger.metrics(links(2)).len(), 1);
    }
}
