//! A node: what its processors do with packets.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use nextmini_policy::class::Subject;
use nextmini_policy::drops::DropCause;
use nextmini_policy::flow_table::FlowTable;
use nextmini_policy::link::{Refusal, Refused};
use nextmini_policy::route::{RouteTable, Step, Ttl};
use nextmini_policy::time::Instant;
use nextmini_wire::icmp::Complaint;
use nextmini_wire::id::{FlowId, NodeId, RouteId};
use nextmini_wire::ip::Ip;
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::{Ack, Content, Packet};
use nextmini_wire::tcp_flow;
use nextmini_wire::tunnel::StreamId;
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::event::Events;
use crate::link::Outgoing;
use crate::link::onward::Claim;
use crate::link::outgoing::Filling;
use crate::local::Local;
use crate::routes::{Asked, Outbound, Postponed, Routes};
use crate::tcp::arrivals::Arrivals;
use crate::tunnel::registry::{Name, News, Registry};

/// Of a node without links.
const MTU: u16 = 1_500;

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

/// What a batch has brought for this very node.
#[derive(Default)]
struct Arriving {
    /// Of synthetic flows and sessions.
    pieces: Vec<Arrived>,
    /// Of TCP flows.
    segments: Vec<Bytes>,
}

/// What a flow's source is told.
#[derive(Clone, Debug)]
pub enum SourceNews {
    /// Its receiver answered.
    Ack {
        /// The answer.
        ack: Ack,
        /// When it was to arrive, as [`Packet::due`] has it.
        due: u64,
    },
    /// A node answered to its request.
    Echo {
        /// Of the request.
        sequence: u16,
        /// Of the request.
        payload: Bytes,
        /// When it came.
        at: Instant,
    },
    /// A link on its route broke.
    LinkBroken,
}

/// How far a processor moves packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Into the queue of the next link.
    Queue,
    /// Out of it again, where they go on at once.
    Onward,
}

/// What becomes of a packet that starts here.
enum Begun {
    OnItsWay(Packet),
    /// It is for this very node.
    Here(Outbound),
    /// For its route.
    Waits,
    /// With the packet where its source is to hear of it.
    Refused(Option<Outbound>),
}

/// What is to be said of a packet, if its source is to hear of it.
fn about(packet: Packet, complaint: Complaint) -> Option<(Bytes, Complaint)> {
    matches!(packet.content, Content::Ip(_)).then_some((packet.payload, complaint))
}

fn about_refused(Refused { packet, why }: Refused) -> (Bytes, Complaint) {
    let complaint = match why {
        Refusal::Down => Complaint::HostUnreachable,
        Refusal::TooBig { mtu } => Complaint::TooBig { mtu },
    };
    (packet.payload, complaint)
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
    local: Local,
    /// Unbounded: what waits is bounded by the windows of the sessions that end here.
    sink: mpsc::UnboundedSender<Vec<Arrived>>,
    sources: Mutex<FxHashMap<FlowId, mpsc::UnboundedSender<SourceNews>>>,
    tunnels: Arc<Registry>,
    /// For the ends of its TCP flows.
    segments: Arrivals,
    ended: AtomicBool,
    /// Whether it is down.
    down: AtomicBool,
    /// How often it went down, and lost everything it knew.
    crashes: AtomicU64,
}

impl Node {
    /// A node without links; what arrives goes to the returned channel.
    pub fn new(
        (id, hop_limit): (NodeId, u16),
        local: Local,
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
            local,
            sink,
            sources: Mutex::default(),
            tunnels: Arc::default(),
            segments: Arrivals::default(),
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

    /// The tunnels of which it is an end.
    pub fn tunnels(&self) -> &Arc<Registry> {
        &self.tunnels
    }

    /// What has arrived for the ends of its TCP flows.
    pub fn segments(&self) -> &Arrivals {
        &self.segments
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
        // Nothing goes onward, so nothing comes back.
        let _nothing = self.pass(batch, arrives_at, &self.routes.load(), Reach::Queue);
    }

    /// The same; with [`Reach::Onward`], `batch` may have packets again afterwards, which are to be carried on.
    pub fn pass(
        &self,
        batch: &mut Vec<Packet>,
        arrives_at: Option<&Outgoing>,
        routes: &RouteTable,
        reach: Reach,
    ) -> Option<Claim> {
        if self.down.load(Ordering::Relaxed) {
            batch.drain(..).for_each(|_| self.charge(DropCause::Down, arrives_at));
            return None;
        }
        let ttl = self.routes.ttl();
        let neighbours = self.neighbours.load();
        if reach == Reach::Onward
            && let Some(link) = self.only_link(batch, routes, ttl, &neighbours)
            && let Some(claim) = link.pass(batch)
        {
            // All of them as they are: the way of most packets of a fast network.
            batch.iter_mut().for_each(Packet::advance);
            return Some(claim);
        }
        let (mut arrived, mut complaints) = (Arriving::default(), Vec::new());
        let mut open: Option<(NodeId, Filling<'_>)> = None;
        for mut packet in batch.drain(..) {
            if packet.check.is_some() && !packet.is_intact() {
                drop(open.take());
                self.charge(DropCause::Corrupt, arrives_at);
                continue;
            }
            packet.check = None;
            match routes.step(self.id, &mut packet, ttl) {
                Step::Forward(next) => {
                    if open.as_ref().is_none_or(|(to, _)| *to != next) {
                        // Closed before another is opened: never two locks at once.
                        drop(open.take());
                        open = neighbours.get(&next).map(|link| (next, link.open()));
                    }
                    match &mut open {
                        Some((_, queue)) => complaints.extend(queue.push(packet).map(about_refused)),
                        None => {
                            self.charge(DropCause::NoRoute, arrives_at);
                            complaints.extend(about(packet, Complaint::HostUnreachable));
                        }
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
                    if cause == DropCause::Ttl {
                        complaints.extend(about(packet, Complaint::TimeExceeded));
                    }
                }
            }
        }
        let onward = match (open, reach) {
            (Some((_, queue)), Reach::Onward) => queue.carry(batch),
            _ => None,
        };
        (0..self.hand_over(arrived)).for_each(|_| self.charge(DropCause::Local, arrives_at));
        if !complaints.is_empty() {
            self.complain(complaints);
        }
        onward
    }

    /// The link by which all of these packets are to leave, if nothing else is to become of any.
    fn only_link<'a>(
        &self,
        batch: &[Packet],
        routes: &RouteTable,
        ttl: Ttl,
        neighbours: &'a FxHashMap<NodeId, Arc<Outgoing>>,
    ) -> Option<&'a Arc<Outgoing>> {
        let mut only = None;
        for packet in batch {
            match routes.next(self.id, packet, ttl) {
                Step::Forward(next) if packet.check.is_none() && only.is_none_or(|only| only == next) => {
                    only = Some(next);
                }
                _ => return None,
            }
        }
        neighbours.get(&only?)
    }

    /// Sends IP packets of the node itself on their way; `batch` is empty afterwards.
    pub fn originate(&self, batch: &mut Vec<Outbound>) {
        let mut packets = Vec::with_capacity(batch.len());
        self.begin_all(batch, &mut packets);
        if !packets.is_empty() {
            self.process(&mut packets, None);
        }
    }

    /// Chooses the routes of IP packets that start here: those that have one are in `packets` afterwards, and `batch`
    /// is empty.
    pub fn begin_all(&self, batch: &mut Vec<Outbound>, packets: &mut Vec<Packet>) {
        let now = clock::now();
        let mut complaints = Vec::new();
        for outbound in batch.drain(..) {
            match self.begin(outbound, now) {
                Begun::OnItsWay(packet) => packets.push(packet),
                Begun::Here(outbound) => {
                    if !self.local.deliver(self, outbound.header, &outbound.payload, 0) {
                        self.charge(DropCause::Local, None);
                    }
                }
                Begun::Waits => {}
                Begun::Refused(outbound) => {
                    self.charge(DropCause::NoRoute, None);
                    complaints.extend(outbound.map(|packet| (packet.payload, Complaint::HostUnreachable)));
                }
            }
        }
        if !complaints.is_empty() {
            self.complain(complaints);
        }
    }

    /// Tells the sources of packets that waited for a route that there is none.
    pub fn refuse(&self, waited: Vec<Outbound>) {
        waited.iter().for_each(|_| self.charge(DropCause::NoRoute, None));
        let complaints = waited.into_iter().map(|packet| (packet.payload, Complaint::HostUnreachable));
        self.complain(complaints.collect());
    }

    fn begin(&self, outbound: Outbound, now: Instant) -> Begun {
        let Ok(ip) = Ip::parse(&outbound.payload) else {
            return Begun::Refused(None);
        };
        let Some(destination) = self.routes.addresses().node(ip.destination()) else {
            return Begun::Refused(Some(outbound));
        };
        if destination == self.id {
            return Begun::Here(outbound);
        }
        let key = ip.flow_key();
        let subject = Subject { source: self.id, destination, protocol: ip.protocol(), ports: ip.ports() };
        let mut outbound = outbound;
        loop {
            if let Some(route) = self.chosen_route(&key, destination, now) {
                let content = Content::Ip(outbound.header);
                let packet = Packet::new(route, self.hop_limit, key.label(), content, outbound.payload);
                let class = self.routes.classes().number_of(&subject);
                return Begun::OnItsWay(Packet { class, ..packet });
            }
            if self.routes.want(self.id, destination, now) == Asked::NoPath {
                return Begun::Refused(Some(outbound));
            }
            match self.routes.postpone((self.id, destination), outbound) {
                Postponed::Waits => return Begun::Waits,
                Postponed::Refused => return Begun::Refused(None),
                // It came in between.
                Postponed::Ready(again) => outbound = again,
            }
        }
    }

    /// Says what became of packets to those who sent them.
    fn complain(&self, about: Vec<(Bytes, Complaint)>) {
        let mut messages = self.local.complaints(about);
        if !messages.is_empty() {
            self.originate(&mut messages);
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
        let route = self.chosen_route(key, destination, now);
        if route.is_none() {
            self.routes.want(self.id, destination, now);
        }
        route
    }

    fn chosen_route(&self, key: &FlowKey, destination: NodeId, now: Instant) -> Option<RouteId> {
        lock(&self.flows).route(key, (self.id, destination), &self.routes.load(), now)
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

    /// The same; nothing if there is no path at present.
    pub async fn find_route(&self, key: &FlowKey, destination: NodeId) -> Option<RouteId> {
        let (mut changed, mut denied) = (self.routes.changes(), self.routes.denials());
        loop {
            changed.mark_unchanged();
            denied.mark_unchanged();
            let now = clock::now();
            if let Some(route) = self.chosen_route(key, destination, now) {
                return Some(route);
            }
            if self.routes.want(self.id, destination, now) == Asked::NoPath {
                return None;
            }
            tokio::select! {
                Ok(()) = changed.changed() => {}
                Ok(()) = denied.changed() => {}
                // Neither will ever come: the process is ending.
                else => return None,
            }
        }
    }

    /// Bytes of the largest packet that all of its links take.
    pub fn mtu(&self) -> u16 {
        self.neighbours.load().values().map(|link| link.mtu()).min().unwrap_or(MTU)
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

    /// Tells the flow of requests with this identifier; whether there is one.
    pub fn tell_echo_source(&self, identifier: u16, news: SourceNews) -> bool {
        let sources = lock(&self.sources);
        let found = sources.iter().find(|(flow, _)| flow.0 as u16 == identifier);
        found.is_some_and(|(_, source)| source.send(news).is_ok())
    }

    /// Tells a source; whether there is one.
    pub fn tell_source(&self, flow: FlowId, news: SourceNews) -> bool {
        lock(&self.sources).get(&flow).is_some_and(|source| source.send(news).is_ok())
    }

    /// Tells the end of a tunnel whose stream is acknowledged; whether there is one.
    fn tell_tunnel(&self, stream: StreamId, ack: Ack, packet: &Packet) -> bool {
        let Some(peer) = self.routes.load().get(packet.route).map(|route| route.pair().0) else {
            return false;
        };
        let name = Name { peer, number: stream.number, side: stream.sender };
        self.tunnels.tell(name, News::Ack { ack, due: packet.due })
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
        self.tunnels.forget();
        self.crashes.fetch_add(1, Ordering::Relaxed);
    }

    /// Comes up again.
    pub fn restart(&self) {
        self.down.store(false, Ordering::Relaxed);
    }

    /// Whether it is down, or no more.
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed) || self.ended.load(Ordering::Relaxed)
    }

    /// How often it went down.
    pub fn crashes(&self) -> u64 {
        self.crashes.load(Ordering::Relaxed)
    }

    /// Nothing arrives here any more.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.tunnels.forget();
        self.set_neighbours(FxHashMap::default());
    }

    /// Hands over what has arrived; returns how much of it nobody took.
    fn hand_over(&self, Arriving { pieces, mut segments }: Arriving) -> usize {
        let count = pieces.len();
        let lost = if count > 0 && self.sink.send(pieces).is_err() { count } else { 0 };
        lost + if segments.is_empty() { 0 } else { self.segments.put(&mut segments) }
    }

    fn deliver(&self, packet: Packet, arrived: &mut Arriving) -> bool {
        if self.ended.load(Ordering::Relaxed) {
            return false;
        }
        match packet.content {
            content @ (Content::Chunk(_) | Content::Datagram(_)) => {
                let at = clock::now();
                let (route, payload, due) = (packet.route, packet.payload, packet.due);
                arrived.pieces.push(Arrived { route, content, payload, at, due });
                true
            }
            Content::Ip(header) if tcp_flow::is_one(&packet.payload) => {
                // Its sender leaves the sum to whoever needs it: links that damage packets do.
                let intact = header.needs_checksum || tcp_flow::is_intact(&packet.payload);
                if intact {
                    arrived.segments.push(packet.payload);
                }
                intact
            }
            Content::Ip(header) => self.local.deliver(self, header, &packet.payload, packet.position),
            Content::Credit(mut credit) => {
                credit.redeem();
                true
            }
            // A late answer to a flow that has ended is nobody's loss.
            Content::Ack(ack) => {
                match StreamId::of(ack.flow) {
                    Some(stream) => self.tell_tunnel(stream, ack, &packet),
                    None => self.tell_source(ack.flow, SourceNews::Ack { ack, due: packet.due }),
                };
                true
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The tables behind these locks are valid after every single operation.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
