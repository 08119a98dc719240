//! A process without a controller: the test says what should be, and hears what happens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nextmini_dataplane::event::Event;
use nextmini_dataplane::host::{Experiment, Host};
use nextmini_dataplane::link::listen::{self, Arrivals};
use nextmini_dataplane::link::ports::Ports;
use nextmini_dataplane::max::chain::Chains;
use nextmini_dataplane::outside::Outside;
use nextmini_dataplane::routes::Routes;
use nextmini_dataplane::timers::Timers;
use nextmini_dataplane::tls::identity::Identity;
use nextmini_dataplane::tun::Readers;
use nextmini_policy::lossless::Pattern;
use nextmini_wire::control::{
    Apply, ArrivalProcess, BrokenLink, Direction, Flow, FlowChange, FlowEnd, FlowKind, FlowStatus, Link,
    LinkCounters, LinkMark, LinkStatus, Mapping, Node, Route, Timing, Transport,
};
use nextmini_wire::handshake::LinkKey;
use nextmini_wire::id::{FlowId, LinkId, NodeId, RouteId};
use tokio::sync::mpsc;

/// Nothing here takes nearly as long; a test that does hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Testbed {
    pub host: Host,
    pub address: String,
    pub events: mpsc::UnboundedReceiver<Event>,
    pub ended: BTreeMap<(FlowId, &'static str), FlowChange>,
    pub links: BTreeMap<LinkId, LinkStatus>,
    pub failed: Vec<(NodeId, String)>,
    /// The largest chunk on routes that are made from now on.
    pub chunk: u32,
    generation: u64,
    next_route: u32,
}

pub fn key() -> LinkKey {
    LinkKey::from_hex(&"5a".repeat(32)).unwrap()
}

impl Testbed {
    pub async fn start() -> Self {
        Self::start_with(Timing::Normal).await
    }

    pub async fn start_with(timing: Timing) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let (identity, arrivals) = (Identity::new(key()).unwrap(), Arrivals::default());
        let ports = Ports::bind("127.0.0.1:0").await.unwrap();
        let address = ports.address().unwrap().to_string();
        let routes = Arc::new(Routes::new(sender.clone()));
        let chains = Chains::new(key(), Arc::clone(&routes), sender.clone(), Outside::new(None), 512 * 1024);
        tokio::spawn(listen::accept(ports.tcp, identity.clone(), arrivals.clone(), Arc::clone(&chains)));
        let timers = Timers::start(timing).unwrap();
        let (pattern, readers) = (Pattern::new(1), Arc::new(Readers::new(1).unwrap()));
        let udp = Arc::new(ports.udp);
        let experiment = Experiment { identity, udp, pattern, seed: 1, timers, readers, chains };
        let host = Host::new(experiment, arrivals, sender, routes);
        Self {
            host,
            address,
            events,
            ended: BTreeMap::new(),
            links: BTreeMap::new(),
            failed: Vec::new(),
            chunk: 65_536,
            generation: 0,
            next_route: 1,
        }
    }

    /// Applies rows, all of which must be accepted; returns where changed links stood.
    pub fn apply(&mut self, apply: Apply) -> Vec<LinkMark> {
        self.generation += 1;
        let applied = self.host.apply(Apply { generation: self.generation, ..apply });
        assert_eq!((applied.generation, applied.rejected), (self.generation, Vec::new()));
        applied.marks
    }

    pub fn nodes(&mut self, count: u32, processors: u32, mapping: Mapping) {
        let nodes = (1..=count).map(|id| node(id, processors, mapping)).collect();
        self.apply(Apply { nodes, ..Apply::default() });
    }

    pub fn links(&mut self, pairs: impl IntoIterator<Item = (u32, u32)>, transport: Transport) {
        let first = self.links.len() as u32 + 1;
        let links = pairs.into_iter().zip(first..);
        self.add_links(links.map(|((a, b), id)| link(id, a, b, transport, &self.address)).collect());
    }

    pub fn add_links(&mut self, links: Vec<Link>) {
        self.links.extend(links.iter().map(|link| (link.id, LinkStatus::Down)));
        self.apply(Apply { links, ..Apply::default() });
    }

    /// Routes along `path`, there and back.
    pub fn routes(&mut self, path: &[u32], weight: u32) {
        let there: Vec<NodeId> = path.iter().copied().map(NodeId).collect();
        let back = there.iter().rev().copied().collect();
        let routes = [there, back].into_iter().map(|path| {
            self.next_route += 1;
            Route { id: RouteId(self.next_route), path, weight, chunk: self.chunk, row: None }
        });
        let routes = routes.collect();
        self.apply(Apply { routes, ..Apply::default() });
    }

    pub fn flows(&mut self, flows: Vec<Flow>) {
        self.apply(Apply { flows, ..Apply::default() });
    }

    pub async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !done(self) {
                let event = self.events.recv().await.unwrap();
                self.hear(event);
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!(
                "{what} did not happen within {PATIENCE:?}; ended: {:?}, links: {:?}",
                self.ended, self.links
            );
        }
    }

    /// Waits for something that counters tell, and nobody reports.
    pub async fn until_counted(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let mut look = tokio::time::interval(Duration::from_millis(1));
        let waiting = async {
            while !done(self) {
                tokio::select! {
                    event = self.events.recv() => self.hear(event.unwrap()),
                    _ = look.tick() => {}
                }
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        assert!(in_time, "{what} did not happen within {PATIENCE:?}: {:?}", self.link_counters());
    }

    pub async fn until_up(&mut self) {
        self.until("all links up", |bed| bed.links.values().all(|state| *state == LinkStatus::Up)).await;
    }

    /// Waits until both ends of `flows` have ended.
    pub async fn until_ended(&mut self, flows: usize) {
        self.until("the end of all flows", |bed| bed.ended.len() >= 2 * flows).await;
    }

    /// Every flow is complete, its bytes are `size`, and both ends have the same checksum.
    pub fn assert_complete(&self, flows: usize, size: u64) {
        for id in (1..=flows as u32).map(FlowId) {
            let (source, sink) = (&self.ended[&(id, "source")], &self.ended[&(id, "sink")]);
            for end in [source, sink] {
                assert_eq!((end.status, end.bytes), (FlowStatus::Completed, size), "{end:?}");
            }
            assert_eq!(source.checksum, sink.checksum);
            assert!(source.checksum.is_some());
        }
    }

    pub fn link_counters(&self) -> Vec<LinkCounters> {
        let mut links = self.host.counters().links;
        links.sort_by_key(|row| (row.link, row.node));
        links
    }

    pub fn assert_nothing_dropped(&self) {
        for row in self.link_counters() {
            assert_eq!(row.drops, Default::default(), "{row:?}");
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Link(change) => {
                if change.state == LinkStatus::Down
                    && self.links.insert(change.link, change.state) == Some(LinkStatus::Up)
                {
                    // As the controller does, once it knows.
                    self.host.link_broken(&self.ends(change.link));
                }
                self.links.insert(change.link, change.state);
            }
            Event::Flow(change) if change.status != FlowStatus::Running => {
                let end = match change.end {
                    FlowEnd::Source => "source",
                    FlowEnd::Sink => "sink",
                };
                self.ended.insert((change.flow, end), change);
            }
            Event::Flow(_) => {}
            Event::RouteWanted(source, destination) => panic!("no route from {source} to {destination}"),
            Event::NodeFailed { node, reason } => {
                self.host.fail_node(node);
                self.failed.push((node, reason));
            }
        }
    }

    fn ends(&self, link: LinkId) -> Vec<BrokenLink> {
        let counters = self.host.counters().links;
        let ends: Vec<NodeId> = counters.iter().filter(|row| row.link == link).map(|row| row.node).collect();
        vec![BrokenLink { link, a: ends[0], b: *ends.last().unwrap() }]
    }
}

/// Four nodes in a line of three links.
pub async fn line(transports: [Transport; 3]) -> Testbed {
    let mut bed = Testbed::start().await;
    bed.nodes(4, 1, Mapping::Sequential);
    let address = bed.address.clone();
    let links = (1..).zip(transports).map(|(id, transport)| link(id, id, id + 1, transport, &address));
    bed.add_links(links.collect());
    bed.routes(&[1, 2, 3, 4], 1);
    bed.until_up().await;
    bed
}

pub fn node(id: u32, processors: u32, mapping: Mapping) -> Node {
    Node {
        id: NodeId(id),
        name: format!("n{id}"),
        address: format!("10.{}.{}.{}", id >> 16, (id >> 8) & 255, id & 255),
        address6: None,
        processors,
        mapping,
        hop_limit: 10_000,
        up: true,
        device: None,
        socks: Vec::new(),
        transparent: None,
    }
}

pub fn link(id: u32, a: u32, b: u32, transport: Transport, address: &str) -> Link {
    let apart = transport != Transport::Memory;
    Link {
        id: LinkId(id),
        a: NodeId(a),
        b: NodeId(b),
        transport,
        congestion: "cubic".into(),
        cost: 1.0,
        dial: apart,
        listen_end: apart,
        peer: apart.then(|| address.to_owned()),
        mtu: 1_500,
        up: true,
        forward: Direction::default(),
        backward: Direction::default(),
        datagrams: false,
        apart: false,
    }
}

pub fn flow(id: u32, source: u32, destination: u32, size: u64) -> Flow {
    Flow {
        id: FlowId(id),
        source: NodeId(source),
        destination: NodeId(destination),
        kind: FlowKind::Lossless,
        size: Some(size),
        duration: None,
        rate: None,
        weight: 1,
        start: 0.0,
        packet_size: None,
        arrival: ArrivalProcess::Constant,
        ecn: false,
        congestion: None,
        v6: false,
        route: None,
    }
}

pub fn datagrams(id: u32, source: u32, destination: u32, rate: u64) -> Flow {
    Flow { kind: FlowKind::Udp, rate: Some(rate), ..flow(id, source, destination, 1) }
}
