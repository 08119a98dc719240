//! A node: what its processors do with packets.

mod delivery;
mod outset;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use nextmini_policy::drops::DropCause;
use nextmini_policy::flow_table::FlowTable;
use nextmini_policy::link::{Refusal, Refused};
use nextmini_policy::route::{RouteTable, Step, Ttl};
use nextmini_wire::icmp::Complaint;
use nextmini_wire::id::{FlowId, NodeId};
use nextmini_wire::packet::{Content, Packet};
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;

use self::delivery::Arriving;
pub use self::delivery::{Arrived, SourceNews};
use crate::event::Events;
use crate::link::Outgoing;
use crate::link::onward::Claim;
use crate::link::outgoing::Filling;
use crate::local::Local;
use crate::routes::Routes;
use crate::tcp::arrivals::Arrivals;
use crate::tunnel::registry::Registry;

/// Of a node without links.
const MTU: u16 = 1_500;

/// How far a processor moves packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Into the queue of the next link.
    Queue,
    /// Out of it again, where they go on at once.
    Onward,
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
            batch.iter_mut().for_each(|packet| packet.advance(self.id));
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

    /// Bytes of the largest packet that all of its links take.
    pub fn mtu(&self) -> u16 {
        self.neighbours.load().values().map(|link| link.mtu()).min().unwrap_or(MTU)
    }

    /// Links to neighbours, by the neighbour's id.
    pub fn set_neighbours(&self, neighbours: FxHashMap<NodeId, Arc<Outgoing>>) {
        self.neighbours.store(Arc::new(neighbours));
    }

    /// Goes down, which loses everything that it knows of flows; links are somebody else's.
    pub fn crash(&self) {
        // Whoever finds that it is up again knows how often it was not.
        self.crashes.fetch_add(1, Ordering::Relaxed);
        self.down.store(true, Ordering::Release);
        *lock(&self.flows) = FlowTable::default();
        lock(&self.sources).clear();
        self.tunnels.forget();
    }

    /// Comes up again.
    pub fn restart(&self) {
        self.down.store(false, Ordering::Release);
    }

    /// Whether it is down, or no more.
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire) || self.ended.load(Ordering::Relaxed)
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
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The tables behind these locks are valid after every single operation.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
