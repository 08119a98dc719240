//! A node: what its processors do with packets.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use nextmini_policy::class::{Classes, Subject};
use nextmini_policy::drops::DropCause;
use nextmini_policy::flow_table::FlowTable;
use nextmini_policy::route::{RouteTable, Step};
use nextmini_policy::time::Instant;
use nextmini_wire::id::{FlowId, NodeId, RouteId};
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::{Ack, Content, Packet};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::event::{Event, Events, report};
use crate::link::Outgoing;
use crate::link::outgoing::Filling;

/// The routes of a process, and a bell that rings when they change.
#[derive(Debug)]
pub struct Routes {
    table: ArcSwap<RouteTable>,
    classes: ArcSwap<Classes>,
    changed: watch::Sender<()>,
    /// Pairs that have been asked for, each once.
    wanted: Mutex<FxHashSet<(NodeId, NodeId)>>,
    events: Events,
}

impl Routes {
    /// No routes yet; those that are wanted are asked for as `events`.
    pub fn new(events: Events) -> Self {
        Self {
            table: ArcSwap::default(),
            classes: ArcSwap::default(),
            changed: watch::Sender::new(()),
            wanted: Mutex::default(),
            events,
        }
    }

    /// Asks for a route, unless that has been done.
    pub fn want(&self, source: NodeId, destination: NodeId) {
        if lock(&self.wanted).insert((source, destination)) {
            report(&self.events, Event::RouteWanted(source, destination));
        }
    }

    /// Pairs that still wait for a route.
    pub fn wanted(&self) -> Vec<(NodeId, NodeId)> {
        let mut pairs: Vec<_> = lock(&self.wanted).iter().copied().collect();
        pairs.sort_unstable();
        pairs
    }

    /// The table in force.
    pub fn load(&self) -> arc_swap::Guard<Arc<RouteTable>> {
        self.table.load()
    }

    /// Puts another table in force.
    pub fn replace(&self, table: RouteTable) {
        lock(&self.wanted).retain(|&(source, destination)| !table.connects(source, destination));
        self.table.store(Arc::new(table));
        self.changed.send_replace(());
    }

    /// The classes in force.
    pub fn classes(&self) -> arc_swap::Guard<Arc<Classes>> {
        self.classes.load()
    }

    /// Puts other classes in force.
    pub fn set_classes(&self, classes: Arc<Classes>) {
        self.classes.store(classes);
    }

    /// Rings after each change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// A piece of a flow that has arrived.
#[derive(Debug)]
pub struct Arrived {
    /// The route that it took.
    pub route: RouteId,
    /// What it is.
    pub content: Content,
    /// Its data.
    pub payload: Bytes,
    /// When it arrived.
    pub at: Instant,
    /// When it was to arrive, as [`Packet::due`] has it.
    pub due: u64,
}

/// What a flow's source is told.
#[derive(Clone, Copy, Debug)]
pub enum SourceNews {
    /// Its receiver answered.
    Ack {
        /// The answer.
        ack: Ack,
        /// When it was to arrive, as [`Packet::due`] has it.
        due: u64,
    },
    /// A link on its route broke.
    LinkBroken,
}

/// A node.
#[derive(Debug)]
pub struct Node {
    id: NodeId,
    hop_limit: u16,
    routes: Arc<Routes>,
    events: Events,
    neighbours: ArcSwap<FxHashMap<NodeId, Arc<Outgoing>>>,
    flows: Mutex<FlowTable>,
    /// Unbounded: what waits is bounded by the windows of the sessions that end here.
    sink: mpsc::UnboundedSender<Vec<Arrived>>,
    sources: Mutex<FxHashMap<FlowId, mpsc::UnboundedSender<SourceNews>>>,
    ended: AtomicBool,
    /// Whether it is down.
    down: AtomicBool,
    /// How often it went down, and lost everything it knew.
    crashes: AtomicU64,
}

impl Node {
    /// A node without links; what arrives goes to the returned channel.
    pub fn new(
        id: NodeId,
        hop_limit: u16,
        routes: Arc<Routes>,
        events: Events,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Vec<Arrived>>) {
        let (sink, arrived) = mpsc::unbounded_channel();
        let node = Self {
            id,
            hop_limit,
            routes,
            events,
            neighbours: ArcSwap::default(),
            flows: Mutex::default(),
            sink,
            sources: Mutex::default(),
            ended: AtomicBool::new(false),
            down: AtomicBool::new(false),
            crashes: AtomicU64::new(0),
        };
        (Arc::new(node), arrived)
    }

    /// Its id.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Links that a packet from here may cross.
    pub fn hop_limit(&self) -> u16 {
        self.hop_limit
    }

    /// The routes of its process.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Where it reports what happens.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The work of a processor: moves each packet one step on, and leaves `batch` empty.
    ///
    /// `arrives_at` is this node's own end of the link that the packets came over; those that start
    /// here came over none. It counts what is dropped.
    pub fn process(&self, batch: &mut Vec<Packet>, arrives_at: Option<&Outgoing>) {
        if self.down.load(Ordering::Relaxed) {
            batch.drain(..).for_each(|_| self.charge(DropCause::Down, arrives_at));
            return;
        }
        let routes = self.routes.load();
        let neighbours = self.neighbours.load();
        let mut arrived = Vec::new();
        let mut open: Option<(NodeId, Filling<'_>)> = None;
        for mut packet in batch.drain(..) {
            if packet.check.is_some() && !packet.is_intact() {
                drop(open.take());
                self.charge(DropCause::Corrupt, arrives_at);
                continue;
            }
            packet.check = None;
            match routes.step(self.id, &mut packet) {
                Step::Forward(next) => {
                    if open.as_ref().is_none_or(|(to, _)| *to != next) {
                        // Closed before another is opened: never two locks at once.
                        drop(open.take());
                        open = neighbours.get(&next).map(|link| (next, link.open()));
                    }
                    match &mut open {
                        Some((_, queue)) => queue.push(packet),
                        None => self.charge(DropCause::NoRoute, arrives_at),
                    }
                }
                Step::Deliver => {
                    drop(open.take());
                    if !self.deliver(packet, &mut arrived) {
                        self.charge(DropCause::Local, arrives_at);
                    }
                }
                Step::Drop(cause) => {
                    drop(open.take());
                    self.charge(cause, arrives_at);
                }
            }
        }
        drop(open);
        let pieces = arrived.len();
        if pieces > 0 && self.sink.send(arrived).is_err() {
            (0..pieces).for_each(|_| self.charge(DropCause::Local, arrives_at));
        }
    }

    /// Counts a packet that is dropped here: at the end of the link that it came over, or at any link of
    /// this node if it came over none.
    pub fn charge(&self, cause: DropCause, arrives_at: Option<&Outgoing>) {
        let neighbours = self.neighbours.load();
        match arrives_at.or_else(|| neighbours.values().next().map(|link| &**link)) {
            Some(link) => link.count_drop(cause, 1),
            None => tracing::warn!(node = %self.id, ?cause, "dropped a packet at a node without links"),
        }
    }

    /// The route of a flow that starts here; without one, it is asked for.
    pub fn route_of(&self, key: &FlowKey, destination: NodeId, now: Instant) -> Option<RouteId> {
        let pair = (self.id, destination);
        let route = lock(&self.flows).route(key, pair, &self.routes.load(), now);
        if route.is_none() {
            self.routes.want(self.id, destination);
        }
        route
    }

    /// The same, once there is one; `changed` rings when the table changes.
    pub async fn wait_for_route(
        &self,
        key: &FlowKey,
        destination: NodeId,
        changed: &mut watch::Receiver<()>,
    ) -> RouteId {
        loop {
            changed.mark_unchanged();
            if let Some(route) = self.route_of(key, destination, clock::now()) {
                return route;
            }
            if changed.changed().await.is_err() {
                // No table will ever come: the process is ending, and with it this task.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Links to neighbours, by the neighbour's id.
    pub fn set_neighbours(&self, neighbours: FxHashMap<NodeId, Arc<Outgoing>>) {
        self.neighbours.store(Arc::new(neighbours));
    }

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

    /// Tells a source; whether there is one.
    pub fn tell_source(&self, flow: FlowId, news: SourceNews) -> bool {
        lock(&self.sources).get(&flow).is_some_and(|source| source.send(news).is_ok())
    }

    /// The class of packets that start here, as far as synthetic flows tell what they are.
    pub fn class_of(&self, destination: NodeId, protocol: u8) -> u16 {
        let subject = Subject { source: self.id, destination, protocol, ports: None };
        self.routes.classes().number_of(&subject)
    }

    /// Goes down, which loses everything that it knows of flows; links are somebody else's.
    pub fn crash(&self) {
        self.down.store(true, Ordering::Relaxed);
        *lock(&self.flows) = FlowTable::default();
        lock(&self.sources).clear();
        self.crashes.fetch_add(1, Ordering::Relaxed);
    }

    /// Comes up again.
    pub fn restart(&self) {
        self.down.store(false, Ordering::Relaxed);
    }

    /// How often it went down.
    pub fn crashes(&self) -> u64 {
        self.crashes.load(Ordering::Relaxed)
    }

    /// Nothing arrives here any more.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.set_neighbours(FxHashMap::default());
    }

    fn deliver(&self, packet: Packet, arrived: &mut Vec<Arrived>) -> bool {
        if self.ended.load(Ordering::Relaxed) {
            return false;
        }
        match packet.content {
            content @ (Content::Chunk(_) | Content::Datagram(_)) => {
                let at = clock::now();
                let (route, payload, due) = (packet.route, packet.payload, packet.due);
                arrived.push(Arrived { route, content, payload, at, due });
                true
            }
            // Nothing here takes packets of programs.
            Content::Ip(_) => false,
            // A late answer to a flow that has ended is nobody's loss.
            Content::Ack(ack) => {
                self.tell_source(ack.flow, SourceNews::Ack { ack, due: packet.due });
                true
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The tables behind these locks are valid after every single operation.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
