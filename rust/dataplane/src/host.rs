//! The nodes, links and flows of a process, and what changes them.
//!
//! Owned by the control connection's task alone: nothing here is shared but what the data path needs.

mod entrances;
mod links;
mod quic;

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use nextmini_policy::addresses::{Addresses, Entry};
use nextmini_policy::class::Classes;
use nextmini_policy::forest::Planting;
use nextmini_policy::link::LinkUp;
use nextmini_policy::link::settings::SettingsError;
use nextmini_policy::lossless::Pattern;
use nextmini_policy::rate::trace::TraceError;
use nextmini_policy::route::{Route, RouteError};
use nextmini_wire::control::{
    self, Applied, Apply, FlowKind, LinkCounters, LinkFidelity, Rejection, RowKind, Transport,
};
use nextmini_wire::id::{FlowId, LinkId, NodeId, RouteId};
use rustc_hash::{FxHashMap, FxHashSet};
use thiserror::Error;
use tokio::sync::{mpsc, watch};

use self::entrances::EntranceError;
use self::links::HostedLink;
use self::quic::{QuicLinks, QuicLinksError};
use crate::capture::{Asked, Captures};
use crate::clock;
use crate::control::ledger::Counts;
use crate::devices::{self, Attached, DeviceError};
use crate::event::Events;
use crate::flow::collector::Received;
use crate::flow::datagrams::DatagramSource;
use crate::flow::echoes::EchoSource;
use crate::flow::sink::Sink;
use crate::flow::source::{Source, Stats};
use crate::flow::terms::Terms;
use crate::ingress::Ingress;
use crate::link::Outgoing;
use crate::link::listen::Arrivals;
use crate::link::orders::Traces;
use crate::local::{Local, Stack};
use crate::max;
use crate::max::chain::Chains;
use crate::node::{Node, SourceNews};
use crate::room::Room;
use crate::routes::{Outbound, Pair, Routes};
use crate::task::Task;
use crate::tcp::actor::{self, Actor, Message};
use crate::tcp::source::TcpSource;
use crate::timers::Timers;
use crate::tls::identity::Identity;
use crate::tun::{Device, Readers, Reading};
use crate::tunnel::open::Tunnels;
use crate::tunnel::registry::News;

/// How long flows and sinks may take to report when everything ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// What all nodes of an experiment share.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// What the ends of links prove.
    pub identity: Identity,
    /// Where QUIC links arrive.
    pub udp: Arc<UdpSocket>,
    /// What synthetic flows carry.
    pub pattern: Pattern,
    /// Every random choice derives from it.
    pub seed: u64,
    /// The process's deadlines.
    pub timers: Timers,
    /// Who reads TUN devices.
    pub readers: Arc<Readers>,
    /// Flows in max mode.
    pub chains: Arc<Chains>,
}

/// The nodes, links and flows of a process.
#[derive(Debug)]
pub struct Host {
    experiment: Experiment,
    arrivals: Arrivals,
    events: Events,
    routes: Arc<Routes>,
    nodes: FxHashMap<NodeId, HostedNode>,
    links: FxHashMap<LinkId, HostedLink>,
    quic: QuicLinks,
    traces: Traces,
    classes: Arc<Classes>,
    flows: FxHashMap<FlowId, HostedFlow>,
    /// Flows that were told to stop and have not reported yet.
    ending: Vec<Task>,
    stop_sinks: watch::Sender<bool>,
    received: Arc<Received>,
    tunnels: Arc<Tunnels>,
    captures: Captures,
}

#[derive(Debug)]
struct HostedNode {
    row: control::Node,
    node: Arc<Node>,
    ingress: Ingress,
    _processors: Vec<Task>,
    /// Of its TUN device.
    _readers: Vec<Reading>,
    sink: Task,
    /// Drives the ends of TCP flows.
    _actor: Task,
    tcp: mpsc::Sender<Message>,
    room: Arc<Room>,
    entrances: Vec<Task>,
}

#[derive(Debug)]
struct HostedFlow {
    row: control::Flow,
    stats: Arc<Stats>,
    terms: Arc<Terms>,
    stop: watch::Sender<bool>,
    task: Task,
}

/// Why a row cannot be put in force.
#[derive(Debug, Error)]
enum RowError {
    #[error("\"{0}\" is not an IP address")]
    Address(String),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Entrance(#[from] EntranceError),
    #[error("a running {0} does not change in this version; remove it and add another")]
    Changed(&'static str),
    #[error("a flow in max mode has no weight")]
    MaxWeight,
    #[error("a flow in max mode keeps the route that it began with; remove it and add another")]
    MaxRoute,
    #[error("a flow of packets has a rate")]
    NoRate,
    #[error("{0} is not in this process")]
    NoNode(NodeId),
    #[error("\"{0}\" is not an address to connect to")]
    Peer(String),
    #[error("a link in memory has both its ends in one process")]
    Split,
    #[error(transparent)]
    Quic(#[from] QuicLinksError),
    #[error(transparent)]
    Route(#[from] RouteError),
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("from {from} to {to}: {source}")]
    Direction { from: NodeId, to: NodeId, source: SettingsError },
}

impl Host {
    /// A process without nodes, whose listener brings connections for what it is to expect.
    pub fn new(experiment: Experiment, arrivals: Arrivals, events: Events, routes: Arc<Routes>) -> Self {
        let captures = Captures::new(Arc::clone(&routes));
        let (chains, timers) = (Arc::clone(&experiment.chains), experiment.timers.clone());
        Self {
            quic: QuicLinks::new(experiment.identity.clone(), Arc::clone(&experiment.udp)),
            tunnels: Tunnels::new(chains, timers, events.clone()),
            experiment,
            arrivals,
            events,
            routes,
            nodes: FxHashMap::default(),
            links: FxHashMap::default(),
            traces: Traces::default(),
            classes: Arc::default(),
            flows: FxHashMap::default(),
            ending: Vec::new(),
            stop_sinks: watch::Sender::new(false),
            received: Arc::default(),
            captures,
        }
    }

    /// Puts changes in force, and says which of them cannot be.
    pub fn apply(&mut self, apply: Apply) -> Applied {
        let (mut rejected, mut marks) = (Vec::new(), Vec::new());
        let mut reject = |kind, id, error: RowError| {
            rejected.push(Rejection { kind, id, reason: error.to_string() });
        };
        let changing = self.experiment.chains.changing();
        apply.remove_flows.iter().for_each(|&id| self.remove_flow(id));
        let routes: Vec<Route> = apply
            .routes
            .into_iter()
            .filter_map(|row| match Route::new(row.id, row.path, row.weight, row.chunk) {
                Ok(route) => Some(route.for_row(row.row.unwrap_or(row.id.0))),
                Err(error) => {
                    reject(RowKind::Route, row.id.0, error.into());
                    None
                }
            })
            .collect();
        let mut touched = FxHashSet::default();
        apply.remove_links.iter().for_each(|&id| self.remove_link(id, &mut touched));
        let nodes = self.nodes.len();
        apply.remove_nodes.iter().for_each(|&id| self.remove_node(id));
        if let Some(classes) = apply.classes {
            self.set_classes(classes);
        }
        for part in apply.traces {
            let id = part.id;
            // A link that needs it will say so, with its own number.
            self.traces.add(part).unwrap_or_else(|error| tracing::error!(id, %error, "a trace is refused"));
        }
        if !apply.addresses.is_empty() {
            self.set_addresses(&apply.addresses);
        }
        let others = nodes != self.nodes.len() || !apply.nodes.is_empty();
        for (row, device) in devices::attach(apply.nodes, |id| self.nodes.contains_key(&id)) {
            let id = row.id;
            self.set_node(row, device).unwrap_or_else(|error| reject(RowKind::Node, id.0, error));
        }
        for row in apply.links {
            let id = row.id;
            self.set_link(row, &mut touched, &mut marks)
                .unwrap_or_else(|error| reject(RowKind::Link, id.0, error));
        }
        self.set_neighbours(&touched);
        if others || !touched.is_empty() {
            self.experiment.chains.set_ground(self.ground());
        }
        drop(changing);
        // Flows that are to take what is there leave what goes, and others take what comes.
        let (first, flows): (Vec<_>, Vec<_>) = apply.flows.into_iter().partition(|row| self.can_take(row));
        let mut set_flow = |host: &mut Self, row: control::Flow| {
            let id = row.id;
            host.set_flow(row).unwrap_or_else(|error| reject(RowKind::Flow, id.0, error));
        };
        first.into_iter().for_each(|row| set_flow(self, row));
        let planting = Planting {
            removed: apply.remove_forests,
            forests: apply.forests,
            rows: apply.forest_rows,
            taken: apply.forest,
        };
        self.set_routes(&apply.remove_routes, routes, planting);
        flows.into_iter().for_each(|row| set_flow(self, row));
        Applied { generation: apply.generation, rejected, marks }
    }

    fn set_routes(&self, removed: &[RouteId], routes: Vec<Route>, planting: Planting) {
        if routes.is_empty() && removed.is_empty() && planting.is_empty() {
            return;
        }
        let (table, wrong) = self.routes.load().changed(removed, routes).planted(planting);
        // Packets for which there is no way say so, each with its own counter.
        wrong.iter().for_each(|(forest, error)| tracing::error!(%forest, %error, "trees are refused"));
        let ready = self.routes.replace(table);
        self.each_waiting(ready, |node, mut packets| node.originate(&mut packets));
    }

    /// There is no path between these pairs: what waits for one is refused.
    pub fn no_routes(&self, pairs: &[Pair]) {
        let waited = self.routes.no_path(pairs, clock::now());
        self.each_waiting(waited, Node::refuse);
    }

    /// Shows somebody what passes links from now on.
    pub fn capture(&mut self, asked: Asked) {
        self.captures.begin(asked, self.links.values().flat_map(|link| &link.ends));
    }

    /// Tells the sources whose routes cross one of these links that it broke.
    pub fn link_broken(&self, links: &[control::BrokenLink]) {
        let broken = News::Broken(links.into());
        self.nodes.values().for_each(|hosted| hosted.node.tunnels().tell_all(&broken));
        let routes = self.routes.load();
        for flow in self.flows.values() {
            let Some(route) = flow.stats.route() else { continue };
            let crosses =
                |link: &control::BrokenLink| routes.may_cross(route, flow.row.source, (link.a, link.b));
            if links.iter().any(crosses)
                && let Some(source) = self.nodes.get(&flow.row.source)
            {
                source.node.tell_source(flow.row.id, SourceNews::LinkBroken);
            }
        }
    }

    /// Ends a node whose task panicked; the others go on.
    pub fn fail_node(&mut self, id: NodeId) {
        if let Some(failed) = self.nodes.get(&id) {
            failed.node.end();
            self.experiment.chains.look();
        }
        self.flows.retain(|_, flow| flow.row.source != id);
        for link in self.links.values_mut() {
            let mut ends = link.ends.iter().filter(|end| end.from() == id).peekable();
            if ends.peek().is_some() {
                ends.for_each(|end| end.set_up(LinkUp::Ended));
                if link.row.transport != Transport::Memory {
                    link.tasks.clear();
                }
            }
        }
    }

    /// Counters of all links and flows.
    pub fn counters(&self) -> Counts {
        let ends = self.links.values().flat_map(|link| &link.ends);
        let links = ends.map(|end| link_counters(end)).collect();
        let flows = self.flows.values().map(|flow| flow.stats.counters(&flow.row)).collect();
        let sinks = self.received.counters().into_iter().chain(self.experiment.chains.counters());
        Counts { links, flows, sinks: sinks.collect() }
    }

    /// What links achieved of what was asked of them, and how many packets this process could not keep up
    /// with.
    pub fn fidelity(&self) -> (Vec<LinkFidelity>, u64) {
        let ends = || self.links.values().flat_map(|link| &link.ends);
        let overruns = ends().map(|end| end.counters().0.drops.overrun).sum();
        (ends().filter_map(|end| end.fidelity()).collect(), overruns)
    }

    /// How many connections at the process's ports did not become one of a link.
    pub fn refused(&self) -> u64 {
        self.arrivals.refusals().count() + self.quic.refused()
    }

    /// How many packets of programs this process did not read in time.
    pub fn device_overruns(&self) -> u64 {
        devices::overruns(self.nodes.values().map(|hosted| &hosted.row))
    }

    /// Stops all flows and sinks, which report how far they came.
    pub async fn stop(&mut self) {
        self.experiment.chains.ending();
        // Their connections end by nothing else.
        self.nodes.values_mut().for_each(|hosted| hosted.entrances.clear());
        let mut ending = std::mem::take(&mut self.ending);
        for (_, flow) in self.flows.drain() {
            flow.stop.send_replace(true);
            ending.push(flow.task);
        }
        let farewells = async {
            for task in ending {
                task.ended().await;
            }
            self.experiment.chains.ended().await;
            self.received.quiet(&self.experiment.timers).await;
            self.stop_sinks.send_replace(true);
            for (_, hosted) in self.nodes.drain() {
                hosted.sink.ended().await;
            }
        };
        if tokio::time::timeout(FAREWELL, farewells).await.is_err() {
            tracing::warn!("flows did not stop within {FAREWELL:?}; their last reports are missing");
        }
        self.captures.end().await;
        match self.refused() {
            0 => {}
            connections => tracing::warn!(connections, "some were no connections of links, and were refused"),
        }
    }

    fn each_waiting(&self, waited: Vec<(Pair, Vec<Outbound>)>, work: impl Fn(&Node, Vec<Outbound>)) {
        for ((source, _), packets) in waited {
            if let Some(hosted) = self.nodes.get(&source) {
                work(&hosted.node, packets);
            }
        }
    }

    fn set_addresses(&self, rows: &[control::Address]) {
        let entry = |row: &control::Address| {
            let addresses = row.address.as_deref().map(|v4| addresses(v4, row.address6.as_deref()));
            let addresses = addresses.transpose().unwrap_or_else(|error| {
                tracing::error!(node = %row.node, %error, "a node's addresses are refused");
                None
            });
            let entry = addresses.map(|addresses| Entry { name: row.name.clone(), addresses });
            (row.node, entry)
        };
        self.routes.set_addresses(self.routes.addresses().changed(rows.iter().map(entry)));
    }

    fn set_node(&mut self, row: control::Node, device: Attached) -> Result<(), RowError> {
        if let Some(known) = self.nodes.get_mut(&row.id) {
            return known.change(row, &self.links);
        }
        let addresses = addresses(&row.address, row.address6.as_deref())?;
        let device = device?;
        let stack = device.clone().map_or(Stack::Echo, Stack::Device);
        let local = Local::new(addresses, stack);
        let (routes, events) = (Arc::clone(&self.routes), self.events.clone());
        let (tcp, inbox) = mpsc::channel(actor::INBOX);
        let (node, arrived) = Node::new((row.id, row.hop_limit), local, routes, events);
        if !row.up {
            node.crash();
        }
        let (ingress, processors) = Ingress::new(&node, row.processors, row.mapping, &self.events);
        let (pattern, received) = (self.experiment.pattern.clone(), Arc::clone(&self.received));
        let sink = Sink::new(Arc::clone(&node), pattern, received, Arc::clone(&self.tunnels));
        let sink =
            Task::spawn(row.id, "sink", self.events.clone(), sink.run(arrived, self.stop_sinks.subscribe()));
        let readers = device.as_ref().map_or_else(|| Ok(Vec::new()), |device| self.readers(&node, device));
        let readers = readers.map_err(DeviceError::Watch)?;
        let Experiment { pattern, seed, timers, .. } = &self.experiment;
        let actor = Actor::new(Arc::clone(&node), pattern.clone(), *seed, timers);
        let _actor = Task::spawn(row.id, "TCP", self.events.clone(), actor.run(inbox));
        let room = Arc::new(Room::new(row.device.as_ref().map(|device| device.namespace.clone().into())));
        let entrances = self.entrances(&row, &room)?;
        let (_processors, _readers) = (processors, readers);
        let hosted =
            HostedNode { row, node, ingress, _processors, _readers, _actor, tcp, sink, room, entrances };
        self.nodes.insert(hosted.row.id, hosted);
        Ok(())
    }

    fn readers(&self, node: &Arc<Node>, device: &Device) -> io::Result<Vec<Reading>> {
        let queues = 0..device.queues().len();
        queues.map(|queue| self.experiment.readers.read(Arc::clone(node), device.clone(), queue)).collect()
    }

    fn remove_node(&mut self, id: NodeId) {
        if let Some(removed) = self.nodes.remove(&id) {
            removed.node.end();
        }
    }

    fn set_flow(&mut self, row: control::Flow) -> Result<(), RowError> {
        if let Some(known) = self.flows.get_mut(&row.id) {
            return known.change(row);
        }
        let hosted = self.nodes.get(&row.source).ok_or(RowError::NoNode(row.source))?;
        let (node, tcp) = (&hosted.node, hosted.tcp.clone());
        let (stats, (stop, stopped)) = (Arc::new(Stats::default()), watch::channel(false));
        let terms = Terms::new(&row);
        let flow = (row.clone(), Arc::clone(&terms));
        let news = node.register_source(row.id);
        let (node, experiment) = (Arc::clone(node), &self.experiment);
        let (pattern, timers) = (experiment.pattern.clone(), experiment.timers.clone());
        let events = self.events.clone();
        let task = match row.kind {
            FlowKind::Lossless => {
                let source = Source::new(flow, node, pattern, Arc::clone(&stats), timers);
                Task::spawn(row.source, "flow source", events, source.run(news, stopped))
            }
            FlowKind::Icmp => {
                let stats = Arc::clone(&stats);
                let source = EchoSource::new(flow, node, experiment.seed, stats, timers);
                Task::spawn(row.source, "flow source", events, source.run(news, stopped))
            }
            FlowKind::Max => {
                let (chains, stats) = (Arc::clone(&experiment.chains), (Arc::clone(&stats), timers));
                let source = max::source::Source::new(flow, node, chains, stats);
                Task::spawn(row.source, "flow source", events, source.run(stopped))
            }
            FlowKind::Tcp => {
                let source = TcpSource::new(flow, node, tcp, Arc::clone(&stats), timers);
                Task::spawn(row.source, "flow source", events, source.run(stopped))
            }
            FlowKind::Udp => {
                let chances = (pattern, experiment.seed);
                let source = DatagramSource::new(flow, node, chances, Arc::clone(&stats), timers);
                Task::spawn(row.source, "flow source", events, source.run(news, stopped))
            }
        };
        self.flows.insert(row.id, HostedFlow { row, stats, terms, stop, task });
        Ok(())
    }

    /// Whether it is known, and what it is to take is there already.
    fn can_take(&self, row: &control::Flow) -> bool {
        let stands = |route| self.routes.load().standing_for(route, row.source, row.destination).is_some();
        self.flows.contains_key(&row.id) && row.route.is_none_or(stands)
    }

    fn remove_flow(&mut self, id: FlowId) {
        self.ending.retain(|task| !task.has_ended());
        if let Some(flow) = self.flows.remove(&id) {
            flow.stop.send_replace(true);
            self.ending.push(flow.task);
        }
    }
}

fn addresses(v4: &str, v6: Option<&str>) -> Result<Addresses, RowError> {
    let parse = |text: &str| text.parse().map_err(|_| RowError::Address(text.to_owned()));
    Ok(Addresses { v4: parse(v4)?, v6: v6.map(parse).transpose()? })
}

impl HostedFlow {
    /// Changes what may change of a flow that runs.
    fn change(&mut self, row: control::Flow) -> Result<(), RowError> {
        let is_max = self.row.kind == FlowKind::Max;
        let (rate, weight, route) = (row.rate, row.weight, row.route);
        if (control::Flow { rate, weight, route, ..self.row.clone() }) != row {
            return Err(RowError::Changed("flow"));
        }
        if is_max && weight != self.row.weight {
            return Err(RowError::MaxWeight);
        }
        if is_max && route != self.row.route && self.stats.route().is_some() {
            return Err(RowError::MaxRoute);
        }
        if !matches!(row.kind, FlowKind::Lossless | FlowKind::Max | FlowKind::Tcp) && rate.is_none() {
            return Err(RowError::NoRate);
        }
        self.terms.set(&row);
        self.row = row;
        Ok(())
    }
}

impl HostedNode {
    fn change(&mut self, row: control::Node, links: &FxHashMap<LinkId, HostedLink>) -> Result<(), RowError> {
        if (control::Node { up: row.up, ..self.row.clone() }) != row {
            return Err(RowError::Changed("node"));
        }
        match (self.row.up, row.up) {
            (true, false) => {
                self.node.crash();
                let ends = links.values().flat_map(|link| &link.ends);
                ends.filter(|end| end.from() == row.id).for_each(|end| end.clear());
            }
            (false, true) => self.node.restart(),
            _ => {}
        }
        self.row = row;
        Ok(())
    }
}

fn link_counters(end: &Outgoing) -> LinkCounters {
    let (counters, queue) = end.counters();
    let (datagrams, oversized) = end.datagrams();
    LinkCounters {
        link: end.link(),
        node: end.from(),
        bytes: counters.bytes,
        packets: counters.packets,
        queue,
        drops: counters.drops,
        entered: counters.entered,
        marked: counters.marked,
        duplicated: counters.duplicated,
        datagrams,
        oversized,
        rtt_us: end.round_trip().map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
    }
}
