//! Forests: shortest-path trees, one for each destination, and what the nodes of a process know of them.
//!
//! A node knows the next one towards each destination, in one array; a packet says which forest it is on and where
//! to. It stays on the forest that it began on, so while another one is planted it meets no mixture of the two.

use std::sync::Arc;

use nextmini_wire::control::{self, Packed};
use nextmini_wire::id::{ForestId, MOST_FORESTS, MOST_TREES, NodeId, RouteId, Tree};
use rustc_hash::FxHashMap;
use thiserror::Error;

/// The place of no node.
pub const NO_WAY: u32 = PLACE;
/// The bits of an entry that are a place among the forest's nodes.
const PLACE: u32 = (1 << CHUNK_SHIFT) - 1;
const CHUNK_SHIFT: u32 = 24;
/// A forest knows so many sizes of chunks at most.
pub const MOST_CHUNKS: usize = 1 << (u32::BITS - CHUNK_SHIFT);

/// An entry of a row: the next node, and which chunk the way may have.
pub fn entry(next: u32, chunk: u32) -> u32 {
    (chunk << CHUNK_SHIFT) | (next & PLACE)
}

/// The place of the next node in an entry; nothing if there is no way.
pub fn next_in(entry: u32) -> Option<usize> {
    let place = entry & PLACE;
    (place != NO_WAY).then_some(place as usize)
}

/// The place of the chunk in an entry.
pub fn chunk_in(entry: u32) -> usize {
    (entry >> CHUNK_SHIFT) as usize
}

/// Why something is no forest, or no row of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ForestError {
    /// Numbers in frames are bounded.
    #[error("forests have numbers below {MOST_FORESTS}")]
    Number,
    /// Places are looked up by halving.
    #[error("a forest has up to {MOST_TREES} nodes, in ascending order")]
    Nodes,
    /// Entries have 8 bits for them.
    #[error("a forest knows from 1 to {MOST_CHUNKS} sizes of chunks")]
    Chunks,
    /// Its forest is not there.
    #[error("the forest is not known")]
    Unknown,
    /// It has too few entries, or too many, or one of nothing.
    #[error("a row of {entries} entries, of which the one at {wrong} leads nowhere, in a forest of {nodes}")]
    Row {
        /// How many it has.
        entries: usize,
        /// Where the first wrong one is, or is missing.
        wrong: usize,
        /// Nodes of the forest.
        nodes: usize,
    },
}

/// What becomes of a packet along a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// This is its root.
    Root,
    /// It goes on to this neighbour.
    Next(NodeId),
}

#[derive(Clone, Debug, Default)]
struct Forest {
    /// In ascending order.
    nodes: Arc<[NodeId]>,
    chunks: Arc<[u32]>,
    rows: FxHashMap<NodeId, Arc<[u32]>>,
}

impl Forest {
    fn along(&self, node: NodeId, destination: u32) -> Option<Along> {
        let next = self.nodes[next_in(self.entry(node, destination)?)?];
        Some(if next == node { Along::Root } else { Along::Next(next) })
    }

    fn entry(&self, node: NodeId, destination: u32) -> Option<u32> {
        self.rows.get(&node)?.get(destination as usize).copied()
    }
}

/// What is to change about forests.
#[derive(Clone, Debug, Default)]
pub struct Planting {
    /// These are gone.
    pub removed: Vec<ForestId>,
    /// These are there; of those that are known, nothing changes.
    pub forests: Vec<control::Forest>,
    /// What nodes know of them.
    pub rows: Vec<control::ForestRow>,
    /// Packets take this one from now on.
    pub taken: Option<ForestId>,
}

impl Planting {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.forests.is_empty() && self.rows.is_empty() && self.taken.is_none()
    }
}

/// The forests that a process knows: one that packets take, and those that are coming or going.
#[derive(Clone, Debug, Default)]
pub struct Forests {
    /// A handful.
    known: Vec<(ForestId, Arc<Forest>)>,
    taken: Option<ForestId>,
}

impl Forests {
    /// Makes changes; what cannot be is left out, and returned with the number of its forest.
    pub fn plant(&mut self, planting: Planting) -> Vec<(ForestId, ForestError)> {
        let mut wrong = Vec::new();
        self.known.retain(|(id, _)| !planting.removed.contains(id));
        for forest in planting.forests {
            let id = forest.id;
            self.add(forest).unwrap_or_else(|error| wrong.push((id, error)));
        }
        for row in planting.rows {
            let id = row.forest;
            self.add_row(row).unwrap_or_else(|error| wrong.push((id, error)));
        }
        match planting.taken {
            Some(id) if !self.holds(id) => wrong.push((id, ForestError::Unknown)),
            taken => self.taken = taken.or(self.taken),
        }
        self.taken = self.taken.filter(|&id| self.holds(id));
        wrong
    }

    /// Those that are known.
    pub fn ids(&self) -> Vec<ForestId> {
        self.known.iter().map(|(id, _)| *id).collect()
    }

    /// Whether a forest is known.
    pub fn holds(&self, id: ForestId) -> bool {
        self.get(id).is_some()
    }

    /// The way from one node to another along the forest that is taken now, if it has one.
    pub fn way(&self, source: NodeId, destination: NodeId) -> Option<RouteId> {
        let (forest, known) = self.taken()?;
        let destination = known.nodes.binary_search(&destination).ok()? as u32;
        known.along(source, destination)?;
        RouteId::along(Tree { forest, destination })
    }

    /// Whether a tree is one of those that are taken, and this its root.
    pub fn is_taken(&self, tree: Tree, destination: NodeId) -> bool {
        let root = |forest: &Forest| forest.nodes.get(tree.destination as usize) == Some(&destination);
        self.taken().is_some_and(|(id, forest)| id == tree.forest && root(forest))
    }

    /// What `node` does with packets along a tree; nothing if it does not know.
    pub fn along(&self, tree: Tree, node: NodeId) -> Option<Along> {
        self.get(tree.forest)?.along(node, tree.destination)
    }

    /// The root of a tree.
    pub fn root(&self, tree: Tree) -> Option<NodeId> {
        self.get(tree.forest)?.nodes.get(tree.destination as usize).copied()
    }

    /// The largest chunk of a lossless session from `source` along a tree, in bytes.
    pub fn chunk(&self, tree: Tree, source: NodeId) -> Option<u32> {
        let forest = self.get(tree.forest)?;
        forest.chunks.get(chunk_in(forest.entry(source, tree.destination)?)).copied()
    }

    /// Whether the way from `source` along a tree goes from one of these nodes straight to the other, in either
    /// direction; where it leaves the process, it may.
    pub fn may_cross(&self, tree: Tree, source: NodeId, (a, b): (NodeId, NodeId)) -> bool {
        let Some(forest) = self.get(tree.forest) else { return true };
        let mut at = source;
        // Rows are somebody else's: a circle would be one, too.
        for _ in 0..forest.nodes.len() {
            match forest.along(at, tree.destination) {
                Some(Along::Root) => return false,
                Some(Along::Next(next)) if (at, next) == (a, b) || (at, next) == (b, a) => return true,
                Some(Along::Next(next)) => at = next,
                None => return true,
            }
        }
        true
    }

    fn taken(&self) -> Option<(ForestId, &Forest)> {
        let id = self.taken?;
        Some((id, self.get(id)?))
    }

    fn get(&self, id: ForestId) -> Option<&Forest> {
        self.known.iter().find(|(known, _)| *known == id).map(|(_, forest)| &**forest)
    }

    fn add(&mut self, row: control::Forest) -> Result<(), ForestError> {
        let nodes: Arc<[NodeId]> = row.nodes.0.into_iter().map(NodeId).collect();
        if row.id.0 >= MOST_FORESTS {
            return Err(ForestError::Number);
        }
        if nodes.len() > MOST_TREES as usize || !nodes.is_sorted_by(|one, next| one < next) {
            return Err(ForestError::Nodes);
        }
        if row.chunks.is_empty() || row.chunks.len() > MOST_CHUNKS {
            return Err(ForestError::Chunks);
        }
        if self.get(row.id).is_some_and(|known| known.nodes == nodes && *known.chunks == *row.chunks) {
            return Ok(());
        }
        let forest = Forest { nodes, chunks: row.chunks.into(), rows: FxHashMap::default() };
        self.known.retain(|(id, _)| *id != row.id);
        self.known.push((row.id, Arc::new(forest)));
        Ok(())
    }

    fn add_row(&mut self, row: control::ForestRow) -> Result<(), ForestError> {
        let Some((_, forest)) = self.known.iter_mut().find(|(id, _)| *id == row.forest) else {
            return Err(ForestError::Unknown);
        };
        let Packed(entries) = row.entries;
        let (nodes, chunks) = (forest.nodes.len(), forest.chunks.len());
        let leads = |&entry: &u32| next_in(entry).is_none_or(|next| next < nodes) && chunk_in(entry) < chunks;
        let wrong =
            entries.iter().position(|entry| !leads(entry)).unwrap_or_else(|| entries.len().min(nodes));
        if wrong < nodes || entries.len() != nodes {
            return Err(ForestError::Row { entries: entries.len(), wrong, nodes });
        }
        Arc::make_mut(forest).rows.insert(row.node, entries.into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes 2, 4 and 6 in a line, and 8 apart; chunks of one packet between 4 and 6.
    fn planting(id: u32) -> Planting {
        let forest = control::Forest {
            id: ForestId(id),
            nodes: Packed(vec![2, 4, 6, 8]),
            chunks: vec![1_460, 65_536],
        };
        let (whole, part) = (|next| entry(next, 1), |next| entry(next, 0));
        let none = whole(NO_WAY);
        let row = |node, entries| control::ForestRow {
            forest: ForestId(id),
            node: NodeId(node),
            entries: Packed(entries),
        };
        let rows = vec![
            row(2, vec![whole(0), whole(1), part(1), none]),
            row(4, vec![whole(0), whole(1), part(2), none]),
            row(6, vec![part(1), part(1), whole(2), none]),
            row(8, vec![none, none, none, whole(3)]),
        ];
        Planting { forests: vec![forest], rows, taken: Some(ForestId(id)), ..Planting::default() }
    }

    fn tree(forest: u32, destination: u32) -> Tree {
        Tree { forest: ForestId(forest), destination }
    }

    #[test]
    fn every_node_knows_the_next_one_and_sources_know_the_chunk() {
        let mut forests = Forests::default();
        assert_eq!(forests.plant(planting(3)), []);
        let way = forests.way(NodeId(2), NodeId(6)).unwrap();
        assert_eq!(way.tree(), Some(tree(3, 2)));
        let steps = [2, 4, 6].map(|node| forests.along(tree(3, 2), NodeId(node)).unwrap());
        assert_eq!(steps, [Along::Next(NodeId(4)), Along::Next(NodeId(6)), Along::Root]);
        assert_eq!(forests.root(tree(3, 2)), Some(NodeId(6)));
        assert_eq!(forests.chunk(tree(3, 2), NodeId(2)), Some(1_460));
        assert_eq!(forests.chunk(tree(3, 1), NodeId(2)), Some(65_536));
    }

    #[test]
    fn what_is_not_known_has_no_way() {
        let mut forests = Forests::default();
        forests.plant(planting(3));
        assert_eq!(forests.way(NodeId(2), NodeId(8)), None, "it is apart");
        assert_eq!(forests.way(NodeId(2), NodeId(7)), None, "there is no such destination");
        assert_eq!(forests.way(NodeId(7), NodeId(2)), None, "the source is elsewhere");
        assert_eq!(forests.along(tree(3, 4), NodeId(2)), None);
        assert_eq!(forests.along(tree(4, 2), NodeId(2)), None);
        assert_eq!((forests.root(tree(3, 9)), forests.chunk(tree(4, 1), NodeId(2))), (None, None));
    }

    #[test]
    fn another_forest_is_taken_while_the_first_one_lasts() {
        let mut forests = Forests::default();
        forests.plant(planting(3));
        let next = Planting { taken: None, ..planting(4) };
        forests.plant(next);
        assert_eq!(forests.way(NodeId(2), NodeId(4)).unwrap().tree(), Some(tree(3, 1)));
        forests.plant(Planting { taken: Some(ForestId(4)), ..Planting::default() });
        assert_eq!(forests.way(NodeId(2), NodeId(4)).unwrap().tree(), Some(tree(4, 1)));
        assert!(forests.is_taken(tree(4, 1), NodeId(4)) && !forests.is_taken(tree(4, 1), NodeId(6)));
        assert!(!forests.is_taken(tree(3, 1), NodeId(4)));
        assert_eq!(forests.along(tree(3, 1), NodeId(2)), Some(Along::Next(NodeId(4))));
        let unknown = Planting { taken: Some(ForestId(9)), ..Planting::default() };
        assert_eq!(forests.plant(unknown), [(ForestId(9), ForestError::Unknown)]);
        assert_eq!(forests.way(NodeId(2), NodeId(4)).unwrap().tree(), Some(tree(4, 1)));
        forests.plant(Planting { removed: vec![ForestId(3)], ..Planting::default() });
        assert_eq!((forests.along(tree(3, 1), NodeId(2)), forests.ids()), (None, vec![ForestId(4)]));
        forests.plant(Planting { removed: vec![ForestId(4)], ..Planting::default() });
        assert_eq!(forests.way(NodeId(2), NodeId(4)), None);
    }

    #[test]
    fn what_is_told_again_changes_nothing() {
        let mut forests = Forests::default();
        forests.plant(planting(3));
        let again = Planting { rows: Vec::new(), ..planting(3) };
        forests.plant(again.clone());
        assert!(forests.way(NodeId(2), NodeId(6)).is_some());
        let mut other = again;
        other.forests[0].chunks = vec![9_000];
        forests.plant(other);
        assert_eq!(
            forests.way(NodeId(2), NodeId(6)),
            None,
            "another forest under the number has no rows yet"
        );
    }

    #[test]
    fn links_of_a_way_are_found_and_those_elsewhere_may_be() {
        let mut forests = Forests::default();
        forests.plant(planting(3));
        let crosses = |source, a, b| forests.may_cross(tree(3, 2), NodeId(source), (NodeId(a), NodeId(b)));
        assert!(crosses(2, 2, 4) && crosses(2, 6, 4) && !crosses(4, 2, 4) && !crosses(2, 2, 8));
        let mut elsewhere = planting(5);
        elsewhere.rows.remove(1);
        forests.plant(elsewhere);
        assert!(forests.may_cross(tree(5, 2), NodeId(2), (NodeId(8), NodeId(9))));
    }

    #[test]
    fn impossible_forests_and_rows_are_left_out() {
        let with = |change: fn(&mut Planting)| {
            let mut planting = planting(3);
            change(&mut planting);
            Forests::default().plant(planting).first().map(|(_, error)| *error)
        };
        assert_eq!(with(|planting| planting.forests[0].id.0 = MOST_FORESTS), Some(ForestError::Number));
        assert_eq!(with(|planting| planting.forests[0].nodes.0.swap(0, 1)), Some(ForestError::Nodes));
        assert_eq!(with(|planting| planting.forests[0].chunks.clear()), Some(ForestError::Chunks));
        assert_eq!(with(|planting| planting.forests.clear()), Some(ForestError::Unknown));
        let row = |entries, wrong| Some(ForestError::Row { entries, wrong, nodes: 4 });
        assert_eq!(with(|planting| planting.rows[0].entries.0.truncate(3)), row(3, 3));
        assert_eq!(with(|planting| planting.rows[0].entries.0.push(0)), row(5, 4));
        assert_eq!(with(|planting| planting.rows[0].entries.0[1] = 4), row(4, 1));
        assert_eq!(with(|planting| planting.rows[0].entries.0[2] = entry(1, 2)), row(4, 2));
        assert_eq!(with(|_| ()), None);
    }
}
