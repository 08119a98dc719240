//! What the nodes of a process look up: routes, classes, addresses; and who waits for a route.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use nextmini_policy::addresses::AddressBook;
use nextmini_policy::class::Classes;
use nextmini_policy::route::{RouteTable, Ttl};
use nextmini_policy::time::Instant;
use nextmini_wire::id::NodeId;
use nextmini_wire::vnet::VnetHeader;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::watch;

use crate::event::{Event, Events, report};

/// A pair that has no path is asked for again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Packets that wait for the route of one pair at most; beyond, they are dropped, as by hosts that wait for a
/// neighbour's address.
const MOST_WAITING: usize = 64;

/// Source and destination.
pub type Pair = (NodeId, NodeId);

/// What packets may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RouteKind {
    /// Whatever leads there.
    Any,
    /// A path with a number of its own, which every process on it knows as a whole.
    Path,
}

impl RouteKind {
    /// Whether there is one from one node to the other.
    fn connect(self, table: &RouteTable, (source, destination): Pair) -> bool {
        match self {
            Self::Any => table.connects(source, destination),
            Self::Path => table.has_path(source, destination),
        }
    }
}

/// An IP packet that leaves a node's own programs, or the node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// What the kernel says of it.
    pub header: VnetHeader,
    /// From the IP header on.
    pub payload: Bytes,
}

/// What became of the question for a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// There is going to be an answer.
    Pending,
    /// There is no path at present.
    NoPath,
}

/// What became of a packet for which there was no route.
#[derive(Debug, PartialEq, Eq)]
pub enum Postponed {
    /// It waits.
    Waits,
    /// There is a route now.
    Ready(Outbound),
    /// Too many wait.
    Refused,
}

/// The routes of a process, and a bell that rings when they change.
#[derive(Debug)]
pub struct Routes {
    table: ArcSwap<RouteTable>,
    classes: ArcSwap<Classes>,
    addresses: ArcSwap<AddressBook>,
    counts_ttl: AtomicBool,
    changed: watch::Sender<()>,
    /// Rings when there is said to be no path.
    denied: watch::Sender<()>,
    waiting: Mutex<Waiting>,
    events: Events,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Pairs that have been asked for, each once.
    wanted: FxHashSet<(Pair, RouteKind)>,
    /// Pairs without a path, and when that was said.
    unreachable: FxHashMap<Pair, Instant>,
    packets: FxHashMap<Pair, Vec<Outbound>>,
}

impl Routes {
    /// No routes yet; those that are wanted are asked for as `events`.
    pub fn new(events: Events) -> Self {
        Self {
            table: ArcSwap::default(),
            classes: ArcSwap::default(),
            addresses: ArcSwap::default(),
            counts_ttl: AtomicBool::new(false),
            changed: watch::Sender::new(()),
            denied: watch::Sender::new(()),
            waiting: Mutex::default(),
            events,
        }
    }

    /// Asks for a route, unless that has been done.
    pub fn want(&self, pair: Pair, kind: RouteKind, now: Instant) -> Asked {
        let mut waiting = self.waiting();
        if let Some(&said) = waiting.unreachable.get(&pair) {
            if now.since(said) < ASK_AGAIN {
                return Asked::NoPath;
            }
            waiting.unreachable.remove(&pair);
        }
        if waiting.wanted.insert((pair, kind)) {
            report(&self.events, Event::RouteWanted(pair.0, pair.1, kind));
        }
        Asked::Pending
    }

    /// Pairs that still wait for a route.
    pub fn wanted(&self) -> Vec<(Pair, RouteKind)> {
        let mut pairs: Vec<_> = self.waiting().wanted.iter().copied().collect();
        pairs.sort_unstable();
        pairs
    }

    /// Keeps a packet until its pair has a route, or is said to have none.
    pub fn postpone(&self, pair: Pair, packet: Outbound) -> Postponed {
        let mut waiting = self.waiting();
        // Looked at under the lock: a table that comes later finds the packet.
        if self.table.load().connects(pair.0, pair.1) {
            return Postponed::Ready(packet);
        }
        let packets = waiting.packets.entry(pair).or_default();
        if packets.len() >= MOST_WAITING {
            return Postponed::Refused;
        }
        packets.push(packet);
        Postponed::Waits
    }

    /// These pairs have no path at present; returns the packets that waited for one.
    pub fn no_path(&self, pairs: &[Pair], now: Instant) -> Vec<(Pair, Vec<Outbound>)> {
        let mut waiting = self.waiting();
        for &pair in pairs {
            for kind in [RouteKind::Any, RouteKind::Path] {
                waiting.wanted.remove(&(pair, kind));
            }
            waiting.unreachable.insert(pair, now);
        }
        let waited = pairs.iter().filter_map(|&pair| Some((pair, waiting.packets.remove(&pair)?))).collect();
        self.denied.send_replace(());
        waited
    }

    /// Rings when pairs are said to have no path.
    pub fn denials(&self) -> watch::Receiver<()> {
        self.denied.subscribe()
    }

    /// The table in force.
    pub fn load(&self) -> arc_swap::Guard<Arc<RouteTable>> {
        self.table.load()
    }

    /// Puts another table in force; returns the packets that waited for it.
    pub fn replace(&self, table: RouteTable) -> Vec<(Pair, Vec<Outbound>)> {
        let table = Arc::new(table);
        self.table.store(Arc::clone(&table));
        let mut waiting = self.waiting();
        waiting.wanted.retain(|&(pair, kind)| !kind.connect(&table, pair));
        let ready = waiting.packets.keys().copied().filter(|&(source, to)| table.connects(source, to));
        let mut ready: Vec<_> = ready.collect();
        ready.sort_unstable();
        let packets = ready.into_iter().filter_map(|pair| Some((pair, waiting.packets.remove(&pair)?)));
        let packets = packets.collect();
        drop(waiting);
        self.changed.send_replace(());
        packets
    }

    /// The classes in force.
    pub fn classes(&self) -> arc_swap::Guard<Arc<Classes>> {
        self.classes.load()
    }

    /// Puts other classes in force.
    pub fn set_classes(&self, classes: Arc<Classes>) {
        self.classes.store(classes);
    }

    /// The addresses of the network's nodes.
    pub fn addresses(&self) -> arc_swap::Guard<Arc<AddressBook>> {
        self.addresses.load()
    }

    /// Puts other addresses in force.
    pub fn set_addresses(&self, addresses: AddressBook) {
        self.addresses.store(Arc::new(addresses));
    }

    /// What nodes do with the time to live of IP packets.
    pub fn ttl(&self) -> Ttl {
        if self.counts_ttl.load(Ordering::Relaxed) { Ttl::Counted } else { Ttl::Kept }
    }

    /// From now on they do this.
    pub fn set_ttl(&self, ttl: Ttl) {
        self.counts_ttl.store(ttl == Ttl::Counted, Ordering::Relaxed);
    }

    /// Rings after each change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // What is behind the lock is valid after every single operation.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use nextmini_policy::forest::Planting;
    use nextmini_policy::route::Route;
    use nextmini_wire::control::{Forest, ForestRow, Packed};
    use nextmini_wire::id::{ForestId, RouteId};
    use tokio::sync::mpsc;

    use super::*;

    const PAIR: Pair = (NodeId(1), NodeId(2));

    fn packet() -> Outbound {
        Outbound { header: VnetHeader::default(), payload: Bytes::from_static(b"E") }
    }

    fn table() -> RouteTable {
        let route = Route::new(RouteId(1), vec![PAIR.0, PAIR.1], 1, 65_536).unwrap();
        RouteTable::default().changed(&[], [route])
    }

    #[test]
    fn a_pair_without_a_path_is_asked_for_again_after_a_while() {
        let (events, mut heard) = mpsc::unbounded_channel();
        let routes = Routes::new(events);
        let start = Instant(1_000);
        let mut asked = || std::iter::from_fn(|| heard.try_recv().ok()).count();
        assert_eq!(routes.want(PAIR, RouteKind::Any, start), Asked::Pending);
        assert_eq!(routes.want(PAIR, RouteKind::Any, start), Asked::Pending);
        assert_eq!((asked(), routes.wanted()), (1, vec![(PAIR, RouteKind::Any)]));
        assert_eq!(routes.postpone(PAIR, packet()), Postponed::Waits);
        assert_eq!(routes.no_path(&[PAIR], start), [(PAIR, vec![packet()])]);
        assert_eq!(routes.want(PAIR, RouteKind::Any, start), Asked::NoPath);
        assert_eq!((asked(), routes.wanted()), (0, vec![]));
        assert_eq!(routes.want(PAIR, RouteKind::Any, start + ASK_AGAIN), Asked::Pending);
        assert_eq!(asked(), 1);
    }

    #[test]
    fn who_needs_a_path_asks_although_there_is_a_tree() {
        let (events, mut heard) = mpsc::unbounded_channel();
        let routes = Routes::new(events);
        let forest = Forest { id: ForestId(0), nodes: Packed(vec![1, 2]), chunks: vec![65_536] };
        let row = ForestRow { forest: ForestId(0), node: PAIR.0, entries: Packed(vec![0, 1]) };
        let planting = Planting {
            forests: vec![forest],
            rows: vec![row],
            taken: Some(ForestId(0)),
            removed: Vec::new(),
        };
        let (planted, wrong) = RouteTable::default().planted(planting);
        assert_eq!(wrong, []);
        for kind in [RouteKind::Any, RouteKind::Path] {
            routes.want(PAIR, kind, Instant(1));
        }
        routes.replace(planted);
        assert_eq!(routes.wanted(), [(PAIR, RouteKind::Path)]);
        assert_eq!(std::iter::from_fn(|| heard.try_recv().ok()).count(), 2);
        routes.replace(table());
        assert_eq!(routes.wanted(), []);
    }

    #[test]
    fn packets_wait_for_their_route_but_not_all_of_them() {
        let (events, _heard) = mpsc::unbounded_channel();
        let routes = Routes::new(events);
        for _ in 0..MOST_WAITING {
            assert_eq!(routes.postpone(PAIR, packet()), Postponed::Waits);
        }
        assert_eq!(routes.postpone(PAIR, packet()), Postponed::Refused);
        assert_eq!(routes.replace(RouteTable::default()), []);
        assert_eq!(routes.replace(table()), [(PAIR, vec![packet(); MOST_WAITING])]);
        assert_eq!(routes.postpone(PAIR, packet()), Postponed::Ready(packet()));
    }
}
