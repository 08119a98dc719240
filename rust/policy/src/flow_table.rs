//! Which route each active flow of a node takes: chosen once, kept for the flow's life, whatever becomes of the path.

use std::time::Duration;

use nextmini_wire::id::{NodeId, RouteId};
use nextmini_wire::key::FlowKey;
use rustc_hash::FxHashMap;

use crate::route::RouteTable;
use crate::time::Instant;

/// A flow that sends nothing for so long is forgotten.
pub const IDLE: Duration = Duration::from_secs(60);

/// Flows that a node remembers at most; beyond, the one that was silent longest is chosen anew.
pub const CAPACITY: usize = 65_536;

#[derive(Clone, Copy, Debug)]
struct Entry {
    route: RouteId,
    /// Nothing along a tree.
    row: Option<u32>,
    used: Instant,
}

/// A node's flows and their routes.
#[derive(Debug)]
pub struct FlowTable {
    entries: FxHashMap<FlowKey, Entry>,
    capacity: usize,
    sweep_at: Instant,
}

impl Default for FlowTable {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl FlowTable {
    /// A table that remembers at most `capacity` flows, at least one.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: FxHashMap::default(), capacity: capacity.max(1), sweep_at: Instant::default() }
    }

    /// The route of `key`'s flow from `source` to `destination`.
    ///
    /// The earlier choice while its row has a route that joins the pair, or no path does and the tree is one of
    /// those that are taken, else a new one; `None` when `routes` has
    /// no route for the pair.
    pub fn route(
        &mut self,
        key: &FlowKey,
        (source, destination): (NodeId, NodeId),
        routes: &RouteTable,
        now: Instant,
    ) -> Option<RouteId> {
        if let Some(entry) = self.entries.get_mut(key) {
            let kept = match routes.is_open(entry.route, source, destination) {
                true => Some(entry.route),
                false => entry.row.and_then(|row| routes.standing_for(row, source, destination)),
            };
            if let Some(route) = kept {
                (entry.route, entry.used) = (route, now);
                return Some(route);
            }
        }
        let route = routes.choose(key.hash64(), source, destination)?;
        let row = routes.get(route).map(|path| path.row());
        self.make_room(now);
        self.entries.insert(*key, Entry { route, row, used: now });
        Some(route)
    }

    /// Flows remembered now.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn make_room(&mut self, now: Instant) {
        if now >= self.sweep_at {
            self.entries.retain(|_, entry| now.since(entry.used) < IDLE);
            self.sweep_at = now + IDLE / 2;
        }
        if self.entries.len() >= self.capacity
            && let Some(oldest) = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key)
        {
            self.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use nextmini_wire::control::{self, Packed};
    use nextmini_wire::id::{FlowId, ForestId};

    use super::*;
    use crate::forest::Planting;
    use crate::route::Route;

    const PAIR: (NodeId, NodeId) = (NodeId(1), NodeId(2));

    fn key(flow: u32) -> FlowKey {
        FlowKey::lossless(FlowId(flow), NodeId(1), NodeId(2))
    }

    fn route(id: u32, path: &[u32]) -> Route {
        Route::new(RouteId(id), path.iter().copied().map(NodeId).collect(), 1, 65_536).unwrap()
    }

    #[test]
    fn a_flow_keeps_its_route_when_others_are_added() {
        let one = RouteTable::default().changed(&[], [route(1, &[1, 2])]);
        let mut table = FlowTable::default();
        for flow in 0..50 {
            assert_eq!(table.route(&key(flow), PAIR, &one, Instant(0)), Some(RouteId(1)));
        }
        let two = one.changed(&[], [route(2, &[1, 3, 2])]);
        let kept = (0..50).all(|flow| table.route(&key(flow), PAIR, &two, Instant(1)) == Some(RouteId(1)));
        assert!(kept);
        let news =
            (50..150).filter(|&flow| table.route(&key(flow), PAIR, &two, Instant(1)) == Some(RouteId(2)));
        assert!((25..75).contains(&news.count()), "new flows use both routes");
    }

    #[test]
    fn a_flow_whose_route_is_gone_or_moved_away_is_chosen_anew() {
        let both = RouteTable::default().changed(&[], [route(1, &[1, 2]), route(2, &[1, 3, 2])]);
        let mut table = FlowTable::default();
        let flow = (0..).map(key).find(|key| table.route(key, PAIR, &both, Instant(0)) == Some(RouteId(2)));
        let flow = flow.unwrap();
        let without = both.changed(&[RouteId(2)], []);
        assert_eq!(table.route(&flow, PAIR, &without, Instant(1)), Some(RouteId(1)));
        let moved = both.changed(&[RouteId(2)], [route(1, &[1, 3])]);
        assert_eq!(table.route(&flow, PAIR, &moved, Instant(2)), None);
    }

    #[test]
    fn flows_follow_their_row_to_another_path_and_leave_it_when_it_is_gone() {
        let both = RouteTable::default().changed(&[], [route(1, &[1, 2]), route(2, &[1, 3, 2])]);
        let mut table = FlowTable::default();
        let before: Vec<_> = (0..50).map(|flow| table.route(&key(flow), PAIR, &both, Instant(0))).collect();
        let going = Route::new(RouteId(2), vec![NodeId(1), NodeId(3), NodeId(2)], 0, 65_536).unwrap();
        let moved = both.changed(&[], [going, route(9, &[1, 4, 2]).for_row(2)]);
        let moves = |id| if id == RouteId(2) { RouteId(9) } else { id };
        for (flow, before) in (0..).zip(before) {
            assert_eq!(table.route(&key(flow), PAIR, &moved, Instant(1)), before.map(moves));
        }
        let closed = Route::new(RouteId(9), vec![NodeId(1), NodeId(4), NodeId(2)], 0, 65_536).unwrap();
        let without = moved.changed(&[RouteId(2)], [closed.for_row(2)]);
        let all = (0..50).all(|flow| table.route(&key(flow), PAIR, &without, Instant(2)) == Some(RouteId(1)));
        assert!(all);
    }

    #[test]
    fn flows_go_from_forest_to_forest_and_to_paths_when_there_are_any() {
        let planting = |id| Planting {
            forests: vec![control::Forest {
                id: ForestId(id),
                nodes: Packed(vec![1, 2]),
                chunks: vec![1_460],
            }],
            rows: vec![control::ForestRow {
                forest: ForestId(id),
                node: PAIR.0,
                entries: Packed(vec![0, 1]),
            }],
            taken: Some(ForestId(id)),
            removed: Vec::new(),
        };
        let (one, _) = RouteTable::default().planted(planting(1));
        let (two, _) = one.planted(planting(2));
        let path = two.changed(&[], [route(7, &[1, 3, 2])]);
        let mut table = FlowTable::default();
        let mut forest_by = |routes: &RouteTable| {
            let way = table.route(&key(1), PAIR, routes, Instant(0)).unwrap();
            way.tree().map(|tree| tree.forest.0)
        };
        let forests = [&one, &one, &two, &path, &two].map(&mut forest_by);
        assert_eq!(forests, [Some(1), Some(1), Some(2), None, Some(2)]);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn idle_flows_are_forgotten_and_the_table_is_bounded() {
        let routes = RouteTable::default().changed(&[], [route(1, &[1, 2])]);
        let mut table = FlowTable::with_capacity(10);
        for flow in 0..25 {
            table.route(&key(flow), PAIR, &routes, Instant(u64::from(flow)));
        }
        assert_eq!(table.len(), 10);
        table.route(&key(99), PAIR, &routes, Instant(30) + IDLE);
        assert_eq!(table.len(), 1);
    }
}
