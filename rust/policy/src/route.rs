//! Routes: paths, stored once a process, and what a node does with a packet on one.
//!
//! A frame carries its route's id and the position on it, so that a relay's look-up is one index and
//! cannot disagree with the source's choice. Pairs without a path may go along the trees of a forest
//! ([`crate::forest`]), whose numbers are above those of paths.

use std::sync::Arc;

use nextmini_wire::id::{ForestId, NodeId, RouteId};
use nextmini_wire::packet::{Content, Packet};
use nextmini_wire::ttl;
use rustc_hash::FxHashMap;
use thiserror::Error;

use crate::drops::DropCause;
use crate::forest::{Along, ForestError, Forests, Planting};
use crate::rendezvous;

/// A directed path between two nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    id: RouteId,
    row: u32,
    path: Box<[NodeId]>,
    weight: u32,
    chunk: u32,
}

/// Why a path is no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    /// Fewer than two nodes.
    #[error("a route needs at least two nodes")]
    TooShort,
    /// More nodes than a frame's position can count.
    #[error("a route of {0} nodes; a frame counts up to 65,535")]
    TooLong(usize),
    /// The same node twice: packets would go round in a circle.
    #[error("it passes {0} twice")]
    Repeated(NodeId),
    /// Ids begin at 1, and tables are dense.
    #[error("route ids go from 1 to {MAX_ROUTE_ID}")]
    Id,
}

/// The largest route id, which bounds a table's memory (8 bytes an id, and 16 a page).
pub const MAX_ROUTE_ID: u32 = 16_000_000;
/// Ids of a page. Those of routes whose path was changed begin far above all others.
const PAGE: usize = 1_024;

type Page = Arc<[Option<Arc<Route>>]>;

impl Route {
    /// A route of `path`, which takes `weight` of its pair's flows and carries chunks of up to `chunk` bytes.
    ///
    /// With a weight of 0 it is on its way out: packets that are on it go on, and no flow takes it.
    ///
    /// # Errors
    /// See [`RouteError`].
    pub fn new(id: RouteId, path: Vec<NodeId>, weight: u32, chunk: u32) -> Result<Self, RouteError> {
        if id.0 == 0 || id.0 > MAX_ROUTE_ID {
            return Err(RouteError::Id);
        }
        if path.len() < 2 {
            return Err(RouteError::TooShort);
        }
        if path.len() > usize::from(u16::MAX) {
            return Err(RouteError::TooLong(path.len()));
        }
        let mut sorted = path.clone();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(RouteError::Repeated(pair[0]));
        }
        Ok(Self { id, row: id.0, path: path.into(), weight, chunk })
    }

    /// The same, standing for the row with this number: it follows whatever stood for that row before.
    #[must_use]
    pub fn for_row(self, row: u32) -> Self {
        Self { row, ..self }
    }

    /// The row that it stands for. Flows keep to a row, whatever path that has.
    pub fn row(&self) -> u32 {
        self.row
    }

    /// Whether flows may take it.
    pub fn is_open(&self) -> bool {
        self.weight > 0
    }

    /// Its id.
    pub fn id(&self) -> RouteId {
        self.id
    }

    /// The largest chunk of a lossless session on it, in bytes.
    pub fn chunk(&self) -> u32 {
        self.chunk
    }

    /// Its nodes, from source to destination: at least two.
    pub fn path(&self) -> &[NodeId] {
        &self.path
    }

    /// Where it begins and where it ends.
    pub fn pair(&self) -> (NodeId, NodeId) {
        // INVARIANT: `new` refuses paths of fewer than two nodes.
        (self.path[0], self.path[self.path.len() - 1])
    }

    /// Whether it goes from one of these nodes straight to the other, in either direction.
    pub fn crosses(&self, a: NodeId, b: NodeId) -> bool {
        self.path.windows(2).any(|hop| hop == [a, b] || hop == [b, a])
    }
}

/// What a node does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It has arrived.
    Deliver,
    /// It goes on to this neighbour.
    Forward(NodeId),
    /// It goes no further.
    Drop(DropCause),
}

/// What nodes do with the time to live of IP packets (IPv6: their hop limit).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ttl {
    /// Nothing: the network looks like one link.
    #[default]
    Kept,
    /// They count it down, as routers do (RFC 1812, section 5.3.1).
    Counted,
}

/// Whether the time to live of a packet ends at the node that holds it.
///
/// Packets keep what they say of it until they are delivered: how many routers have passed them on is their
/// position.
fn has_expired(packet: &Packet) -> bool {
    let passed_on = packet.position > 0 && matches!(packet.content, Content::Ip(_));
    passed_on && ttl::ttl(&packet.payload).is_some_and(|ttl| u16::from(ttl) <= packet.position)
}

/// A place on a route.
#[derive(Clone, Copy, Debug)]
struct Hop {
    /// The node there.
    at: NodeId,
    /// The node behind it, if it does not end there.
    next: Option<NodeId>,
}

impl Hop {
    fn of(path: &[NodeId], position: usize) -> Option<Self> {
        Some(Self { at: *path.get(position)?, next: path.get(position + 1).copied() })
    }
}

/// The routes that a process knows. Replaced as a whole: readers see one generation or the next.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    by_id: Vec<Option<Page>>,
    /// Those that flows may take.
    by_pair: FxHashMap<(NodeId, NodeId), Vec<RouteId>>,
    /// For pairs that have none.
    forests: Forests,
}

impl RouteTable {
    /// This table with `routes` added or replaced and `removed` gone.
    #[must_use]
    pub fn changed(&self, removed: &[RouteId], routes: impl IntoIterator<Item = Route>) -> Self {
        let mut next = self.clone();
        for &id in removed {
            next.remove(id);
        }
        for route in routes {
            next.insert(route);
        }
        next
    }

    /// This table with other forests; and what of them cannot be, and why.
    #[must_use]
    pub fn planted(&self, planting: Planting) -> (Self, Vec<(ForestId, ForestError)>) {
        let mut next = self.clone();
        let wrong = next.forests.plant(planting);
        (next, wrong)
    }

    /// The forests that are known.
    pub fn forests(&self) -> Vec<ForestId> {
        self.forests.ids()
    }

    /// Whether anything is known of a route, or of the tree that it is along.
    pub fn holds(&self, id: RouteId) -> bool {
        id.tree().map_or_else(|| self.get(id).is_some(), |tree| self.forests.holds(tree.forest))
    }

    /// A path.
    pub fn get(&self, id: RouteId) -> Option<&Arc<Route>> {
        let (page, at) = place(id);
        self.by_id.get(page)?.as_ref()?.get(at)?.as_ref()
    }

    /// Whether packets from `source` can reach `destination`.
    pub fn connects(&self, source: NodeId, destination: NodeId) -> bool {
        self.has_path(source, destination) || self.forests.way(source, destination).is_some()
    }

    /// Whether there is a path of its own between the pair.
    pub fn has_path(&self, source: NodeId, destination: NodeId) -> bool {
        self.by_pair.contains_key(&(source, destination))
    }

    /// The route of a flow whose key hashes to `flow_hash`: a path if the pair has any, else a tree.
    pub fn choose(&self, flow_hash: u64, source: NodeId, destination: NodeId) -> Option<RouteId> {
        let path = self.choose_path(flow_hash, source, destination);
        path.or_else(|| self.forests.way(source, destination))
    }

    /// The same for one that needs a path.
    pub fn choose_path(&self, flow_hash: u64, source: NodeId, destination: NodeId) -> Option<RouteId> {
        let weights = self.open_routes(source, destination).map(|route| (route.row, route.weight));
        let row = rendezvous::choose(flow_hash, weights)?;
        self.standing_for(row, source, destination)
    }

    /// Whether flows of a pair may go on taking a route.
    pub fn is_open(&self, id: RouteId, source: NodeId, destination: NodeId) -> bool {
        match id.tree() {
            Some(tree) => self.forests.is_taken(tree, destination) && !self.has_path(source, destination),
            None => self.get(id).is_some_and(|path| path.is_open() && path.pair() == (source, destination)),
        }
    }

    /// The largest chunk of a lossless session that `source` sends on a route, in bytes.
    pub fn chunk(&self, id: RouteId, source: NodeId) -> Option<u32> {
        match id.tree() {
            Some(tree) => self.forests.chunk(tree, source),
            None => self.get(id).map(|path| path.chunk()),
        }
    }

    /// Whether a route from `source` goes from one of these nodes straight to the other, in either direction: along
    /// a tree that is not known as far as that, it may. A path that is not known does not.
    pub fn may_cross(&self, id: RouteId, source: NodeId, ends: (NodeId, NodeId)) -> bool {
        match id.tree() {
            Some(tree) => self.forests.may_cross(tree, source, ends),
            None => self.get(id).is_some_and(|path| path.crosses(ends.0, ends.1)),
        }
    }

    /// Where a packet began that came on this route, and says `source` of itself.
    pub fn origin(&self, id: RouteId, source: NodeId) -> Option<NodeId> {
        match id.tree() {
            Some(_) => Some(source).filter(|source| source.0 != 0),
            None => self.get(id).map(|path| path.pair().0),
        }
    }

    /// The route that stands for a row now, if that joins the pair.
    pub fn standing_for(&self, row: u32, source: NodeId, destination: NodeId) -> Option<RouteId> {
        self.open_routes(source, destination).find(|route| route.row == row).map(|route| route.id)
    }

    fn open_routes(&self, source: NodeId, destination: NodeId) -> impl Iterator<Item = &Arc<Route>> {
        let candidates = self.by_pair.get(&(source, destination));
        candidates.into_iter().flatten().filter_map(|&id| self.get(id))
    }

    /// What `node` does with `packet`, whose position and hop limit are updated for the next link.
    pub fn step(&self, node: NodeId, packet: &mut Packet, ttl: Ttl) -> Step {
        let step = self.next(node, packet, ttl);
        if let Step::Forward(_) = step {
            packet.advance(node);
        }
        step
    }

    /// What `node` is going to do with `packet`.
    pub fn next(&self, node: NodeId, packet: &Packet, ttl: Ttl) -> Step {
        let position = usize::from(packet.position);
        let hop = match self.get(packet.route) {
            Some(route) => Hop::of(&route.path, position),
            None => self.hop_along(packet.route, node).or_else(|| self.hop_back(packet.route, position)),
        };
        let Some(hop) = hop.filter(|hop| hop.at == node) else {
            return Step::Drop(DropCause::NoRoute);
        };
        let Some(next) = hop.next else {
            return Step::Deliver;
        };
        if ttl == Ttl::Counted && has_expired(packet) {
            return Step::Drop(DropCause::Ttl);
        }
        if packet.hop_limit == 0 {
            return Step::Drop(DropCause::HopLimit);
        }
        Step::Forward(next)
    }

    /// Where a route, or a way back, begins and ends; along a tree, from `source`.
    pub fn ends(&self, id: RouteId, source: NodeId) -> Option<(NodeId, NodeId)> {
        if let Some(tree) = id.tree() {
            return Some((source, self.forests.root(tree)?));
        }
        if !id.is_back() {
            return self.get(id).map(|route| route.pair());
        }
        let (source, destination) = self.get(id.back())?.pair();
        Some((destination, source))
    }

    fn hop_along(&self, id: RouteId, node: NodeId) -> Option<Hop> {
        let next = match self.forests.along(id.tree()?, node)? {
            Along::Root => None,
            Along::Next(next) => Some(next),
        };
        Some(Hop { at: node, next })
    }

    fn hop_back(&self, id: RouteId, position: usize) -> Option<Hop> {
        let path = &self.get(id.back()).filter(|_| id.is_back())?.path;
        let at = path.len().checked_sub(position + 1)?;
        Some(Hop { at: *path.get(at)?, next: at.checked_sub(1).and_then(|next| path.get(next)).copied() })
    }

    fn insert(&mut self, route: Route) {
        self.remove(route.id);
        let (page, at) = place(route.id);
        if self.by_id.len() <= page {
            self.by_id.resize(page + 1, None);
        }
        if route.is_open() {
            self.by_pair.entry(route.pair()).or_default().push(route.id);
        }
        let page = self.by_id[page].get_or_insert_with(|| std::iter::repeat_n(None, PAGE).collect());
        Arc::make_mut(page)[at] = Some(Arc::new(route));
    }

    fn remove(&mut self, id: RouteId) {
        let Some(route) = self.take(id) else {
            return;
        };
        if let Some(candidates) = self.by_pair.get_mut(&route.pair()) {
            candidates.retain(|&candidate| candidate != id);
            if candidates.is_empty() {
                self.by_pair.remove(&route.pair());
            }
        }
    }

    fn take(&mut self, id: RouteId) -> Option<Arc<Route>> {
        // Only a page that has it is copied.
        self.get(id)?;
        let (page, at) = place(id);
        Arc::make_mut(self.by_id.get_mut(page)?.as_mut()?).get_mut(at)?.take()
    }
}

/// A page, and the place there.
fn place(id: RouteId) -> (usize, usize) {
    (id.0 as usize / PAGE, id.0 as usize % PAGE)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nextmini_wire::control::{self, Packed};
    use nextmini_wire::id::FlowId;
    use nextmini_wire::packet::{Chunk, Content};
    use proptest::prelude::*;

    use super::*;
    use crate::forest::entry;

    fn route(id: u32, path: &[u32], weight: u32) -> Route {
        Route::new(RouteId(id), path.iter().copied().map(NodeId).collect(), weight, 65_536).unwrap()
    }

    fn packet(route: u32, hop_limit: u16) -> Packet {
        let chunk = Chunk { flow: FlowId(1), offset: 0, sent_at: 0, last: false, ask: false };
        Packet::new(RouteId(route), hop_limit, 0, Content::Chunk(chunk), Bytes::new())
    }

    #[test]
    fn the_way_back_is_the_route_from_its_end() {
        let table = RouteTable::default().changed(&[], [route(4, &[1, 2, 3], 1)]);
        assert_eq!(table.ends(RouteId(4).back(), NodeId(0)), Some((NodeId(3), NodeId(1))));
        assert_eq!((RouteId(4).back().back(), table.ends(RouteId(5).back(), NodeId(0))), (RouteId(4), None));
        let mut packet = Packet { route: RouteId(4).back(), ..packet(4, 9) };
        for (node, step) in [(3, Step::Forward(NodeId(2))), (2, Step::Forward(NodeId(1))), (1, Step::Deliver)]
        {
            assert_eq!(table.step(NodeId(node), &mut packet, Ttl::Kept), step);
        }
        assert_eq!((packet.position, packet.hop_limit), (2, 7));
        for position in [0, 1, 3, 4, u16::MAX] {
            packet.position = position;
            assert_eq!(table.next(NodeId(1), &packet, Ttl::Kept), Step::Drop(DropCause::NoRoute));
        }
        let gone = table.changed(&[RouteId(4)], []);
        assert_eq!(gone.next(NodeId(1), &packet, Ttl::Kept), Step::Drop(DropCause::NoRoute));
    }

    #[test]
    fn a_packet_follows_its_route_to_the_end() {
        let table = RouteTable::default().changed(&[], [route(4, &[1, 2, 3], 1)]);
        let mut packet = packet(4, 2);
        assert_eq!(table.step(NodeId(1), &mut packet, Ttl::Kept), Step::Forward(NodeId(2)));
        assert_eq!(table.step(NodeId(2), &mut packet, Ttl::Kept), Step::Forward(NodeId(3)));
        assert_eq!(table.step(NodeId(3), &mut packet, Ttl::Kept), Step::Deliver);
        assert_eq!((packet.position, packet.hop_limit), (2, 0));
    }

    #[test]
    fn lost_packets_say_why() {
        let table = RouteTable::default().changed(&[], [route(4, &[1, 2, 3], 1)]);
        assert_eq!(table.step(NodeId(1), &mut packet(5, 9), Ttl::Kept), Step::Drop(DropCause::NoRoute));
        assert_eq!(table.step(NodeId(2), &mut packet(4, 9), Ttl::Kept), Step::Drop(DropCause::NoRoute));
        assert_eq!(table.step(NodeId(1), &mut packet(4, 0), Ttl::Kept), Step::Drop(DropCause::HopLimit));
        let mut beyond = packet(4, 9);
        beyond.position = u16::MAX;
        assert_eq!(table.step(NodeId(1), &mut beyond, Ttl::Kept), Step::Drop(DropCause::NoRoute));
    }

    #[test]
    fn replacing_and_removing_leave_no_trace() {
        let table = RouteTable::default().changed(&[], [route(1, &[1, 2], 1), route(2, &[1, 3, 2], 1)]);
        let moved = table.changed(&[], [route(2, &[3, 1], 1)]);
        assert_eq!(moved.choose(7, NodeId(1), NodeId(2)), Some(RouteId(1)));
        assert!(moved.connects(NodeId(3), NodeId(1)));
        let emptied = moved.changed(&[RouteId(1), RouteId(9)], []);
        assert!(!emptied.connects(NodeId(1), NodeId(2)));
        assert_eq!(emptied.choose(7, NodeId(1), NodeId(2)), None);
        assert!(table.connects(NodeId(1), NodeId(2)), "older generations stay as they were");
    }

    #[test]
    fn a_row_keeps_its_flows_when_another_number_stands_for_it() {
        let before = RouteTable::default().changed(&[], [route(1, &[1, 2], 1), route(2, &[1, 3, 2], 1)]);
        let (going, coming) = (route(2, &[1, 3, 2], 0), route(9, &[1, 4, 2], 1).for_row(2));
        let after = before.changed(&[], [going, coming]);
        for flow in 0..200 {
            let moved = |id| if id == RouteId(2) { RouteId(9) } else { id };
            let (old, new) =
                (before.choose(flow, NodeId(1), NodeId(2)), after.choose(flow, NodeId(1), NodeId(2)));
            assert_eq!(new, old.map(moved));
        }
        assert_eq!(after.standing_for(2, NodeId(1), NodeId(2)), Some(RouteId(9)));
        assert_eq!(after.standing_for(2, NodeId(2), NodeId(1)), None);
        let mut under_way = packet(2, 9);
        assert_eq!(after.step(NodeId(1), &mut under_way, Ttl::Kept), Step::Forward(NodeId(3)));
        let closed = after.changed(&[RouteId(2)], [route(1, &[1, 2], 0), route(9, &[1, 4, 2], 0)]);
        assert!(!closed.connects(NodeId(1), NodeId(2)));
    }

    #[test]
    fn a_route_with_a_large_number_costs_no_more_than_its_page() {
        let table =
            RouteTable::default().changed(&[], [route(1, &[1, 2], 1), route(MAX_ROUTE_ID, &[1, 2], 1)]);
        assert_eq!(table.by_id.iter().flatten().count(), 2);
        assert_eq!(table.get(RouteId(MAX_ROUTE_ID)).unwrap().id(), RouteId(MAX_ROUTE_ID));
        assert_eq!(table.get(RouteId(MAX_ROUTE_ID - 1)), None);
        let less = table.changed(&[RouteId(1), RouteId(2)], []);
        assert_eq!((less.get(RouteId(1)), table.get(RouteId(1)).is_some()), (None, true));
    }

    #[test]
    fn impossible_paths_are_refused() {
        let new = |path: Vec<u32>| Route::new(RouteId(1), path.into_iter().map(NodeId).collect(), 1, 65_536);
        assert_eq!(new(vec![1]), Err(RouteError::TooShort));
        assert_eq!(new(vec![1, 2, 1]), Err(RouteError::Repeated(NodeId(1))));
        assert_eq!(new((0..65_536).collect()), Err(RouteError::TooLong(65_536)));
        assert!(new((0..65_535).collect()).is_ok());
        assert_eq!(Route::new(RouteId(0), vec![NodeId(1), NodeId(2)], 1, 65_536), Err(RouteError::Id));
    }

    /// Nodes 1 to `nodes` in a line, as the forest with this number, which is taken.
    fn line(forest: u32, nodes: u32) -> Planting {
        let forest = ForestId(forest);
        let row = |node: u32| {
            let next = |to: u32| match to.cmp(&node) {
                std::cmp::Ordering::Less => node - 2,
                std::cmp::Ordering::Equal => node - 1,
                std::cmp::Ordering::Greater => node,
            };
            let entries = (1..=nodes).map(|to| entry(next(to), 0)).collect();
            control::ForestRow { forest, node: NodeId(node), entries: Packed(entries) }
        };
        let rows = (1..=nodes).map(row).collect();
        let forests =
            vec![control::Forest { id: forest, nodes: Packed((1..=nodes).collect()), chunks: vec![9_000] }];
        Planting { removed: vec![], forests, rows, taken: Some(forest) }
    }

    fn planted(table: &RouteTable, planting: Planting) -> RouteTable {
        let (table, wrong) = table.planted(planting);
        assert_eq!(wrong, []);
        table
    }

    #[test]
    fn packets_go_along_a_tree_where_there_is_no_path() {
        let table = planted(&RouteTable::default(), line(3, 4));
        let way = table.choose(7, NodeId(1), NodeId(4)).unwrap();
        assert!(table.connects(NodeId(1), NodeId(4)) && !table.has_path(NodeId(1), NodeId(4)));
        assert_eq!(
            (table.choose_path(7, NodeId(1), NodeId(4)), table.chunk(way, NodeId(1))),
            (None, Some(9_000))
        );
        let mut packet = Packet { route: way, ..packet(0, 9) };
        assert_eq!(table.origin(way, packet.source), None, "it has not left");
        for node in 1..4 {
            assert_eq!(table.step(NodeId(node), &mut packet, Ttl::Kept), Step::Forward(NodeId(node + 1)));
            assert_eq!((packet.source, u32::from(packet.position)), (NodeId(1), node));
        }
        assert_eq!(table.step(NodeId(4), &mut packet, Ttl::Kept), Step::Deliver);
        assert_eq!((packet.hop_limit, table.origin(way, packet.source)), (6, Some(NodeId(1))));
        assert_eq!(table.ends(way, packet.source), Some((NodeId(1), NodeId(4))));
        packet.hop_limit = 0;
        assert_eq!(table.next(NodeId(2), &packet, Ttl::Kept), Step::Drop(DropCause::HopLimit));
        assert_eq!(table.next(NodeId(5), &packet, Ttl::Kept), Step::Drop(DropCause::NoRoute));
        packet.route = way.back();
        assert_eq!(table.next(NodeId(2), &packet, Ttl::Kept), Step::Drop(DropCause::NoRoute));
    }

    #[test]
    fn a_pair_with_a_path_of_its_own_takes_no_tree() {
        let trees = planted(&RouteTable::default(), line(3, 4));
        let way = trees.choose(7, NodeId(1), NodeId(4)).unwrap();
        let both = trees.changed(&[], [route(8, &[1, 4], 1)]);
        assert_eq!(both.choose(7, NodeId(1), NodeId(4)), Some(RouteId(8)));
        assert!(trees.is_open(way, NodeId(1), NodeId(4)) && !both.is_open(way, NodeId(1), NodeId(4)));
        assert_eq!(
            both.choose(7, NodeId(4), NodeId(1)).and_then(RouteId::tree).map(|tree| tree.destination),
            Some(0)
        );
        let closed = both.changed(&[], [route(8, &[1, 4], 0)]);
        assert_eq!(closed.choose(7, NodeId(1), NodeId(4)), Some(way));
        assert!(closed.holds(RouteId(8)) && !closed.holds(RouteId(9)));
    }

    #[test]
    fn a_packet_stays_on_the_forest_that_it_began_on() {
        let old = planted(&RouteTable::default(), line(3, 4));
        let mut under_way = Packet { route: old.choose(7, NodeId(1), NodeId(4)).unwrap(), ..packet(0, 9) };
        let new = planted(&old, line(4, 4));
        assert_eq!(new.step(NodeId(1), &mut under_way, Ttl::Kept), Step::Forward(NodeId(2)));
        assert!(!new.is_open(under_way.route, NodeId(1), NodeId(4)) && new.holds(under_way.route));
        assert_ne!(new.choose(7, NodeId(1), NodeId(4)), Some(under_way.route));
        let gone = planted(&new, Planting { removed: vec![ForestId(3)], ..Planting::default() });
        assert!(!gone.holds(under_way.route) && gone.forests() == [ForestId(4)]);
        assert_eq!(gone.next(NodeId(2), &under_way, Ttl::Kept), Step::Drop(DropCause::NoRoute));
    }

    #[test]
    fn the_time_to_live_is_counted_along_trees_too() {
        let table = planted(&RouteTable::default(), line(3, 4));
        let way = table.choose(7, NodeId(1), NodeId(4)).unwrap();
        let expires_at = |ttl: u8| {
            let header = [0x45, 0, 0, 20, 0, 0, 0, 0, ttl, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 4];
            let content = Content::Ip(nextmini_wire::vnet::VnetHeader::default());
            let mut packet = Packet { content, payload: header.to_vec().into(), route: way, ..packet(0, 9) };
            (1..=4).find(|&node| {
                table.step(NodeId(node), &mut packet, Ttl::Counted) == Step::Drop(DropCause::Ttl)
            })
        };
        assert_eq!([1, 2, 3, 64].map(expires_at), [Some(2), Some(3), None, None]);
    }

    #[test]
    fn the_time_to_live_ends_at_the_router_that_it_is_for() {
        let table = RouteTable::default().changed(&[], [route(4, &[1, 2, 3, 4], 1)]);
        let expires_at = |ttl: u8| {
            let header = [0x45, 0, 0, 20, 0, 0, 0, 0, ttl, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 4];
            let content = Content::Ip(nextmini_wire::vnet::VnetHeader::default());
            let mut packet = Packet { content, payload: header.to_vec().into(), ..packet(4, 9) };
            (1..=4).find(|&node| {
                table.step(NodeId(node), &mut packet, Ttl::Counted) == Step::Drop(DropCause::Ttl)
            })
        };
        // The sender is no router, and nor is the receiver.
        assert_eq!([1, 2, 3, 64].map(expires_at), [Some(2), Some(3), None, None]);
    }

    proptest! {
        #[test]
        fn every_node_of_a_path_hands_the_packet_on_once(length in 2_usize..400) {
            let path: Vec<u32> = (1..=length as u32).collect();
            let table = RouteTable::default().changed(&[], [route(1, &path, 1)]);
            let mut packet = packet(1, length as u16);
            for node in 1..length as u32 {
                prop_assert_eq!(table.step(NodeId(node), &mut packet, Ttl::Kept), Step::Forward(NodeId(node + 1)));
            }
            prop_assert_eq!(table.step(NodeId(length as u32), &mut packet, Ttl::Kept), Step::Deliver);
            prop_assert_eq!(packet.hop_limit, 1);
        }
    }
}
