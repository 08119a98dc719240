//! Shortest-path trees of a network, one for each destination.
//!
//! Dijkstra's algorithm (E. W. Dijkstra, 1959) from each destination, and then for each node the neighbour that a
//! cheapest way goes on to; of several the one with the smallest id, as for paths that are computed one by one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::thread;

use nextmini_wire::id::{MOST_TREES, NodeId};
use rustc_hash::FxHashMap;
use thiserror::Error;

use crate::forest::{MOST_CHUNKS, NO_WAY, chunk_in, entry, next_in};

/// A link, usable both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// One end.
    pub a: NodeId,
    /// The other end.
    pub b: NodeId,
    /// What it costs, more than 0.
    pub cost: f64,
    /// The largest chunks from `a` to `b`, in bytes.
    pub forward: u32,
    /// The largest chunks from `b` to `a`.
    pub backward: u32,
}

/// Why a network has no trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TreesError {
    /// More than frames can number.
    #[error("{0} nodes; trees are for {MOST_TREES} at most")]
    Nodes(usize),
    /// No way has chunks of that size.
    #[error("a link without room for a chunk")]
    Chunk,
}

/// The trees of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Trees {
    /// In ascending order; places of nodes are their indices here.
    nodes: Box<[NodeId]>,
    /// The largest chunks that ways may have, in ascending order.
    chunks: Box<[u32]>,
    /// For each destination, the entries of all nodes (see [`entry`]).
    entries: Box<[u32]>,
}

/// A way from a node to a neighbour.
#[derive(Clone, Copy, Debug)]
struct Arc {
    to: u32,
    cost: f64,
    /// Of the chunk that may take it.
    chunk: u32,
}

impl Trees {
    /// The trees of these nodes and links, reckoned by so many threads, of which the caller's is one.
    ///
    /// Links to other nodes, from a node to itself, and of a cost that is not above 0 are left out; of several between
    /// two nodes the cheapest counts, and the smallest chunk.
    ///
    /// # Errors
    /// See [`TreesError`].
    pub fn new(nodes: Vec<NodeId>, edges: &[Edge], threads: usize) -> Result<Self, TreesError> {
        let nodes: Box<[NodeId]> = nodes.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let count = nodes.len();
        if count > MOST_TREES as usize {
            return Err(TreesError::Nodes(count));
        }
        if edges.iter().any(|edge| edge.forward == 0 || edge.backward == 0) {
            return Err(TreesError::Chunk);
        }
        let chunks = sizes(edges);
        let ways = ways(&nodes, edges, &chunks);
        let mut entries = vec![0; count * count].into_boxed_slice();
        let widest = chunks.len() as u32 - 1;
        let each = count.div_ceil(threads.max(1)).max(1);
        let grow = |part: usize, mine: &mut [u32]| {
            let mut search = Search::new(&ways, widest);
            for (at, tree) in mine.chunks_mut(count).enumerate() {
                search.grow((part * each + at) as u32, tree);
            }
        };
        let mut parts = entries.chunks_mut((each * count).max(1)).enumerate();
        thread::scope(|scope| {
            let own = parts.next();
            for (part, mine) in parts {
                let grow = &grow;
                scope.spawn(move || grow(part, mine));
            }
            own.into_iter().for_each(|(part, mine)| grow(part, mine));
        });
        Ok(Self { nodes, chunks, entries })
    }

    /// All nodes, in ascending order.
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// The largest chunks that ways may have, in ascending order.
    pub fn chunks(&self) -> &[u32] {
        &self.chunks
    }

    /// What one node has to know: an entry for each destination.
    pub fn row(&self, node: NodeId) -> Option<Vec<u32>> {
        let at = self.place(node)?;
        Some(self.trees().map(|tree| tree[at]).collect())
    }

    /// The nodes from one to the other along the tree of the latter; nothing if there is no way, or it has no length.
    pub fn path(&self, source: NodeId, destination: NodeId) -> Option<Vec<NodeId>> {
        let (mut at, root) = (self.place(source)?, self.place(destination)?);
        let tree = self.trees().nth(root)?;
        let mut path = vec![source];
        while at != root {
            at = next_in(tree[at])?;
            path.push(self.nodes[at]);
        }
        (path.len() > 1).then_some(path)
    }

    /// The longest of all ways, where links take so long in a direction, and others no time.
    pub fn longest(&self, seconds: &[(NodeId, NodeId, f64)]) -> f64 {
        let mut known: FxHashMap<(usize, usize), f64> = FxHashMap::default();
        for &(from, to, time) in seconds {
            if let (Some(from), Some(to)) = (self.place(from), self.place(to)) {
                let slowest = known.entry((from, to)).or_insert(0.0);
                *slowest = slowest.max(time);
            }
        }
        let (mut longest, mut stack) = (0.0_f64, Vec::new());
        let mut times = vec![f64::NAN; self.nodes.len()];
        for (root, tree) in self.trees().enumerate() {
            times.fill(f64::NAN);
            times[root] = 0.0;
            for node in 0..tree.len() {
                let mut at = node;
                while times[at].is_nan() {
                    let Some(next) = next_in(tree[at]) else {
                        times[at] = 0.0;
                        break;
                    };
                    stack.push((at, next));
                    at = next;
                }
                while let Some((at, next)) = stack.pop() {
                    times[at] = times[next] + known.get(&(at, next)).copied().unwrap_or(0.0);
                    longest = longest.max(times[at]);
                }
            }
        }
        longest
    }

    fn trees(&self) -> std::slice::ChunksExact<'_, u32> {
        self.entries.chunks_exact(self.nodes.len().max(1))
    }

    fn place(&self, node: NodeId) -> Option<usize> {
        self.nodes.binary_search(&node).ok()
    }
}

/// The sizes of chunks that are told apart; of more than a row can name, some count as the next smaller one.
fn sizes(edges: &[Edge]) -> Box<[u32]> {
    let all: BTreeSet<u32> = edges.iter().flat_map(|edge| [edge.forward, edge.backward]).collect();
    // What no link bounds: the way from a node to itself.
    let all: Vec<u32> = all.into_iter().chain([u32::MAX]).collect();
    let step = all.len().div_ceil(MOST_CHUNKS);
    all.into_iter().step_by(step).collect()
}

/// The ways from each node to its neighbours.
fn ways(nodes: &[NodeId], edges: &[Edge], chunks: &[u32]) -> Vec<Vec<Arc>> {
    let size = |bytes: u32| chunks.partition_point(|&known| known <= bytes).saturating_sub(1) as u32;
    let mut between: BTreeMap<(usize, usize), (f64, u32, u32)> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| edge.cost > 0.0 && edge.cost.is_finite() && edge.a != edge.b) {
        let (Ok(a), Ok(b)) = (nodes.binary_search(&edge.a), nodes.binary_search(&edge.b)) else { continue };
        let (pair, up, down) =
            if a < b { ((a, b), edge.forward, edge.backward) } else { ((b, a), edge.backward, edge.forward) };
        let known = between.entry(pair).or_insert((edge.cost, up, down));
        *known = (known.0.min(edge.cost), known.1.min(up), known.2.min(down));
    }
    let mut ways = vec![Vec::new(); nodes.len()];
    for ((a, b), (cost, up, down)) in between {
        ways[a].push(Arc { to: b as u32, cost, chunk: size(up) });
        ways[b].push(Arc { to: a as u32, cost, chunk: size(down) });
    }
    ways
}

/// The search for one tree after the other, with memory that is used again.
struct Search<'a> {
    ways: &'a [Vec<Arc>],
    /// Of the chunk that nothing bounds.
    widest: u32,
    distances: Vec<f64>,
    /// In the order in which their distances are known.
    settled: Vec<u32>,
    /// Whom the search came from: where costs are so far apart that a sum equals one of its terms, distances do not
    /// show the way.
    found_by: Vec<u32>,
    heap: BinaryHeap<Reverse<(Distance, u32)>>,
}

impl<'a> Search<'a> {
    fn new(ways: &'a [Vec<Arc>], widest: u32) -> Self {
        let (distances, found_by) = (vec![f64::INFINITY; ways.len()], vec![NO_WAY; ways.len()]);
        Self { ways, widest, distances, settled: Vec::new(), found_by, heap: BinaryHeap::new() }
    }

    /// Writes the entries of all nodes towards `root`.
    fn grow(&mut self, root: u32, tree: &mut [u32]) {
        self.search(root);
        tree.fill(entry(NO_WAY, 0));
        for &node in &self.settled {
            tree[node as usize] = if node == root {
                entry(root, self.widest)
            } else {
                let way = self.onward(node);
                let rest = chunk_in(tree[way.to as usize]) as u32;
                entry(way.to, way.chunk.min(rest))
            };
        }
    }

    fn search(&mut self, root: u32) {
        self.distances.fill(f64::INFINITY);
        self.settled.clear();
        self.distances[root as usize] = 0.0;
        self.found_by[root as usize] = NO_WAY;
        self.heap.push(Reverse((Distance(0.0), root)));
        while let Some(Reverse((Distance(distance), node))) = self.heap.pop() {
            if distance > self.distances[node as usize] {
                continue;
            }
            self.settled.push(node);
            for way in &self.ways[node as usize] {
                let over = distance + way.cost;
                let known = &mut self.distances[way.to as usize];
                if over < *known {
                    *known = over;
                    self.found_by[way.to as usize] = node;
                    self.heap.push(Reverse((Distance(over), way.to)));
                }
            }
        }
    }

    /// The way on from a node that has been found: all that is nearer has its entry by then.
    fn onward(&self, node: u32) -> Arc {
        let whole = self.distances[node as usize];
        // The same sum as the search made, so equal to the last bit on a cheapest way.
        let cheapest = |way: &&Arc| {
            let rest = self.distances[way.to as usize];
            rest < whole && rest + way.cost == whole
        };
        let ways = &self.ways[node as usize];
        let found_by = |way: &&Arc| way.to == self.found_by[node as usize];
        let way =
            ways.iter().filter(cheapest).min_by_key(|way| way.to).or_else(|| ways.iter().find(found_by));
        // INVARIANT: a node is found from a neighbour.
        way.copied().unwrap_or(Arc { to: node, cost: 0.0, chunk: 0 })
    }
}

/// A distance, never NaN: costs are finite and above 0.
#[derive(Clone, Copy, PartialEq)]
struct Distance(f64);

impl Eq for Distance {}

impl PartialOrd for Distance {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Distance {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edge(a: u32, b: u32, cost: f64) -> Edge {
        Edge { a: NodeId(a), b: NodeId(b), cost, forward: 65_536, backward: 65_536 }
    }

    fn trees(nodes: u32, edges: &[Edge]) -> Trees {
        Trees::new((1..=nodes).map(NodeId).collect(), edges, 2).unwrap()
    }

    fn path(trees: &Trees, source: u32, destination: u32) -> Option<Vec<u32>> {
        let path = trees.path(NodeId(source), NodeId(destination))?;
        Some(path.into_iter().map(|node| node.0).collect())
    }

    #[test]
    fn the_cheapest_way_is_taken_and_of_several_the_smallest_next_node() {
        // A square with a diagonal that costs as much as a way around it, and a node apart.
        let square = trees(5, &[edge(1, 3, 1.0), edge(3, 4, 1.0), edge(1, 2, 1.0), edge(2, 4, 1.0)]);
        assert_eq!((path(&square, 1, 4), path(&square, 4, 1)), (Some(vec![1, 2, 4]), Some(vec![4, 2, 1])));
        assert_eq!(path(&square, 2, 3), Some(vec![2, 1, 3]));
        assert_eq!((path(&square, 1, 5), path(&square, 1, 1), path(&square, 1, 9)), (None, None, None));
        let dear = trees(3, &[edge(1, 3, 5.0), edge(1, 2, 1.0), edge(2, 3, 1.5)]);
        assert_eq!(path(&dear, 3, 1), Some(vec![3, 2, 1]));
        assert_eq!(
            dear.row(NodeId(1)).unwrap().into_iter().map(next_in).collect::<Vec<_>>(),
            [Some(0), Some(1), Some(1)]
        );
    }

    #[test]
    fn links_that_are_none_are_left_out_and_of_several_the_cheapest_counts() {
        let all = [edge(1, 1, 1.0), edge(1, 9, 1.0), edge(1, 2, f64::NAN), edge(2, 1, -1.0)];
        assert_eq!(path(&trees(2, &all), 1, 2), None);
        let several = [edge(1, 2, 9.0), edge(2, 1, 1.0), edge(2, 3, 1.0), edge(1, 3, 3.0)];
        assert_eq!(path(&trees(3, &several), 1, 3), Some(vec![1, 2, 3]));
    }

    #[test]
    fn ways_have_the_smallest_chunk_of_their_links_in_their_direction() {
        let narrow = Edge { forward: 1_460, backward: 9_000, ..edge(2, 3, 1.0) };
        let line = trees(3, &[edge(1, 2, 1.0), narrow]);
        let chunk = |from, to: usize| {
            let entry = line.row(NodeId(from)).unwrap()[to - 1];
            line.chunks()[chunk_in(entry)]
        };
        assert_eq!((chunk(1, 3), chunk(3, 1), chunk(1, 2)), (1_460, 9_000, 65_536));
        assert_eq!(line.chunks(), [1_460, 9_000, 65_536, u32::MAX]);
        let none = Edge { forward: 0, ..edge(1, 2, 1.0) };
        assert_eq!(Trees::new(vec![NodeId(1)], &[none], 1), Err(TreesError::Chunk));
    }

    #[test]
    fn more_sizes_than_can_be_told_apart_count_as_smaller_ones() {
        let edges: Vec<Edge> =
            (1..1_000).map(|n| Edge { forward: 1_000 + n, ..edge(n, n + 1, 1.0) }).collect();
        let line = trees(1_000, &edges);
        assert!(line.chunks().len() <= MOST_CHUNKS);
        for node in [1, 17, 500, 999] {
            let entry = line.row(NodeId(node)).unwrap()[node as usize];
            let (told, true_one) = (line.chunks()[chunk_in(entry)], 1_000 + node);
            assert!(told <= true_one && told + 4 > true_one, "{told} for {true_one}");
        }
    }

    #[test]
    fn the_longest_way_is_that_of_the_slowest_links() {
        let line = trees(4, &[edge(1, 2, 1.0), edge(2, 3, 1.0)]);
        let seconds = |a, b, time| (NodeId(a), NodeId(b), time);
        let slow = [seconds(1, 2, 0.5), seconds(2, 3, 2.0), seconds(3, 2, 0.25), seconds(7, 8, 99.0)];
        assert_eq!(line.longest(&slow), 2.5);
        assert_eq!(line.longest(&[seconds(2, 1, 1.0), seconds(2, 1, 3.0), seconds(2, 1, 2.0)]), 3.0);
        assert_eq!((line.longest(&[]), trees(0, &[]).longest(&[])), (0.0, 0.0));
    }

    #[test]
    fn costs_so_far_apart_that_a_sum_equals_one_of_its_terms_make_no_circle() {
        let far = trees(4, &[edge(1, 2, 1e300), edge(2, 3, 1e-300), edge(3, 4, 1e-300), edge(2, 4, 1e-300)]);
        for (source, destination) in [(4, 1), (3, 1), (1, 4), (1, 3)] {
            assert!(path(&far, source, destination).unwrap().len() <= 4);
        }
    }

    fn networks() -> impl Strategy<Value = (u32, Vec<(u32, u32, u8)>)> {
        (1_u32..12).prop_flat_map(|nodes| {
            (Just(nodes), prop::collection::vec((1..=nodes, 1..=nodes, 1_u8..4), 0..30))
        })
    }

    /// The costs between all, by the algorithm of Floyd and Warshall.
    fn distances(nodes: u32, edges: &[Edge]) -> Vec<Vec<f64>> {
        let count = nodes as usize + 1;
        let mut all = vec![vec![f64::INFINITY; count]; count];
        (0..count).for_each(|node| all[node][node] = 0.0);
        for edge in edges.iter().filter(|edge| edge.a != edge.b) {
            let (a, b) = (edge.a.0 as usize, edge.b.0 as usize);
            all[a][b] = all[a][b].min(edge.cost);
            all[b][a] = all[a][b];
        }
        for over in 0..count {
            for a in 0..count {
                for b in 0..count {
                    all[a][b] = all[a][b].min(all[a][over] + all[over][b]);
                }
            }
        }
        all
    }

    proptest! {
        #[test]
        fn ways_cost_the_least_and_their_ends_are_ways_too((nodes, links) in networks(), threads in 1_usize..4) {
            let edges: Vec<_> = links.iter().map(|&(a, b, cost)| edge(a, b, f64::from(cost))).collect();
            let found = Trees::new((1..=nodes).map(NodeId).collect(), &edges, threads).unwrap();
            prop_assert_eq!(&found, &trees(nodes, &edges), "as many threads as there may be");
            let least = distances(nodes, &edges);
            let step = |a: u32, b: u32| {
                let between = edges.iter().filter(|edge| {
                    (edge.a.0, edge.b.0) == (a, b) || (edge.a.0, edge.b.0) == (b, a)
                });
                between.map(|edge| edge.cost).fold(f64::INFINITY, f64::min)
            };
            for source in 1..=nodes {
                for destination in (1..=nodes).filter(|&other| other != source) {
                    let least = least[source as usize][destination as usize];
                    let Some(way) = path(&found, source, destination) else {
                        prop_assert_eq!(least, f64::INFINITY);
                        continue;
                    };
                    let cost: f64 = way.windows(2).map(|pair| step(pair[0], pair[1])).sum();
                    prop_assert_eq!(cost, least);
                    let rest = path(&found, way[1], destination);
                    prop_assert_eq!(rest.unwrap_or_else(|| vec![destination]), &way[1..]);
                }
            }
        }
    }
}
