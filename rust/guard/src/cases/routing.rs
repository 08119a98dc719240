//! Which way packets go, and who reckons it.

use std::hint::black_box;

use nextmini_policy::flow_table::FlowTable;
use nextmini_policy::forest::Planting;
use nextmini_policy::route::{Route, RouteTable, Ttl};
use nextmini_policy::time::Instant;
use nextmini_policy::trees::{Edge, Trees};
use nextmini_wire::control::{Forest, ForestRow, Packed};
use nextmini_wire::id::{FlowId, ForestId, NodeId, RouteId, Tree};
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::Packet;

use super::Work;
use super::packets::chunk;

/// Nodes of a side of the grid.
const SIDE: u32 = 8;
const PACKETS: u32 = 1_000;

/// A thousand routes of five nodes, four for each pair.
fn table() -> RouteTable {
    let route = |id: u32| {
        let pair = 1 + id / 4 * 10;
        let path = [pair, pair + 1 + id % 4, pair + 5, pair + 6, pair + 7].map(NodeId);
        Route::new(RouteId(id + 1), path.into(), 1 + id % 4, 65_536).unwrap()
    };
    RouteTable::default().changed(&[], (0..1_000).map(route))
}

/// Source and destination of a pair of that table.
fn pair(number: u32) -> (NodeId, NodeId) {
    let first = 1 + number % 250 * 10;
    (NodeId(first), NodeId(first + 7))
}

fn key(number: u32) -> FlowKey {
    let (source, destination) = pair(number);
    FlowKey::lossless(FlowId(number), source, destination)
}

/// What a relay does with each packet.
pub(super) fn lookup() -> Work {
    let table = table();
    let at = |number: u32| {
        let route = RouteId(1 + number % 1_000);
        let node = table.get(route).unwrap().path()[1];
        (node, Packet { route, position: 1, ..chunk(u64::from(number), 0) })
    };
    let mut packets: Vec<(NodeId, Packet)> = (0..PACKETS).map(at).collect();
    Box::new(move || {
        for (node, packet) in &mut packets {
            black_box(table.step(*node, packet, Ttl::Counted));
        }
    })
}

/// The same along trees.
pub(super) fn lookup_in_trees() -> Work {
    let trees = reckoned();
    let nodes = trees.nodes().to_vec();
    let row = |&node: &NodeId| {
        let entries = Packed(trees.row(node).unwrap());
        ForestRow { forest: ForestId(1), node, entries }
    };
    let rows = nodes.iter().map(row).collect();
    let forest = Forest {
        id: ForestId(1),
        nodes: Packed(nodes.iter().map(|node| node.0).collect()),
        chunks: trees.chunks().to_vec(),
    };
    let planting = Planting { forests: vec![forest], rows, taken: Some(ForestId(1)), ..Planting::default() };
    let (table, wrong) = RouteTable::default().planted(planting);
    assert_eq!(wrong, []);
    let count = nodes.len() as u32;
    let at = |number: u32| {
        let destination = number * 7 % count;
        let route = RouteId::along(Tree { forest: ForestId(1), destination }).unwrap();
        (nodes[(number % count) as usize], Packet { route, ..chunk(u64::from(number), 0) })
    };
    let mut packets: Vec<(NodeId, Packet)> = (0..PACKETS).map(at).collect();
    Box::new(move || {
        for (node, packet) in &mut packets {
            black_box(table.step(*node, packet, Ttl::Counted));
        }
    })
}

/// The choice among four routes by weight.
pub(super) fn choose() -> Work {
    let table = table();
    Box::new(move || {
        for number in 0..PACKETS {
            let (source, destination) = pair(number);
            black_box(table.choose(key(number).hash64(), source, destination).unwrap());
        }
    })
}

/// Packets of 250 flows, of which the first one of each has to choose.
pub(super) fn flow_table() -> Work {
    let (table, mut flows) = (table(), FlowTable::default());
    Box::new(move || {
        for number in 0..PACKETS {
            let flow = number % 250;
            black_box(flows.route(&key(flow), pair(flow), &table, Instant(1)).unwrap());
        }
    })
}

/// Ten times another route in a table of a thousand.
pub(super) fn change() -> Work {
    let mut table = table();
    Box::new(move || {
        for id in 1..=10 {
            let path = [1, 2, 3, 6, 7, 8].map(NodeId).into();
            table = table.changed(&[], [Route::new(RouteId(id * 90), path, 1, 65_536).unwrap()]);
        }
    })
}

/// All trees of a grid of 64 nodes.
pub(super) fn trees() -> Work {
    Box::new(|| drop(black_box(reckoned())))
}

fn reckoned() -> Trees {
    let id = |x: u32, y: u32| NodeId(1 + y * SIDE + x);
    let edge = |a: NodeId, b: NodeId| {
        let cost = 1.0 + f64::from((a.0 * 31 + b.0 * 17) % 10);
        Edge { a, b, cost, forward: 65_536, backward: 9_000 }
    };
    let places = || (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (x, y)));
    let right = places().filter(|&(x, _)| x + 1 < SIDE).map(|(x, y)| edge(id(x, y), id(x + 1, y)));
    let down = places().filter(|&(_, y)| y + 1 < SIDE).map(|(x, y)| edge(id(x, y), id(x, y + 1)));
    let edges: Vec<Edge> = right.chain(down).collect();
    Trees::new(places().map(|(x, y)| id(x, y)).collect(), &edges, 1).unwrap()
}
