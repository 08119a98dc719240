//! Flows along shortest-path trees, and what becomes of them when others are planted.

use crate::testbed::{Testbed, flow};
use nextmini_policy::trees::{Edge, Trees};
use nextmini_wire::control::{
    Apply, BrokenLink, FlowKind, Forest, ForestRow, LinkCounters, Mapping, Packed, Transport,
};
use nextmini_wire::id::{FlowId, ForestId, LinkId, NodeId, RouteId};

const NODES: u32 = 6;
const RING: [(u32, u32); 6] = [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 1)];

/// The trees over these links, as a process is told of them.
fn forest(id: u32, links: &[(u32, u32)]) -> Apply {
    let edge = |&(a, b)| Edge { a: NodeId(a), b: NodeId(b), cost: 1.0, forward: 65_536, backward: 65_536 };
    let edges: Vec<_> = links.iter().map(edge).collect();
    let nodes: Vec<_> = (1..=NODES).map(NodeId).collect();
    let trees = Trees::new(nodes.clone(), &edges, 1).unwrap();
    let id = ForestId(id);
    let row = |node| ForestRow { forest: id, node, entries: Packed(trees.row(node).unwrap()) };
    let all = Packed((1..=NODES).collect());
    Apply {
        forest_rows: nodes.into_iter().map(row).collect(),
        forests: vec![Forest { id, nodes: all, chunks: trees.chunks().to_vec() }],
        ..Apply::default()
    }
}

fn taken(id: u32) -> Apply {
    Apply { forest: Some(ForestId(id)), ..Apply::default() }
}

async fn ring(transport: Transport) -> Testbed {
    let mut bed = Testbed::start().await;
    bed.nodes(NODES, 1, Mapping::Sequential);
    bed.links(RING, transport);
    bed.until_up().await;
    bed.apply(forest(0, &RING));
    bed.apply(taken(0));
    bed
}

fn forest_of(route: RouteId) -> Option<u32> {
    route.tree().map(|tree| tree.forest.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flows_between_any_two_nodes_need_no_routes() {
    for transport in [Transport::Memory, Transport::Tcp] {
        let mut bed = ring(transport).await;
        let pairs = (1..=NODES).flat_map(|a| (1..=NODES).filter(move |&b| b != a).map(move |b| (a, b)));
        bed.flows(pairs.zip(1..).map(|((a, b), id)| flow(id, a, b, 300_000)).collect());
        bed.until_ended(30).await;
        bed.assert_complete(30, 300_000);
        bed.assert_nothing_dropped();
        // Each link carries what is between its ends, and one or two links away: as the trees have it.
        assert!(bed.link_counters().iter().all(|row| row.bytes > 300_000), "{:?}", bed.link_counters());
        assert!(bed.ended.values().all(|end| forest_of(end.route.unwrap()) == Some(0)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flows_move_to_another_forest_and_lose_nothing_when_a_link_goes() {
    let mut bed = ring(Transport::Tcp).await;
    let mut flows: Vec<_> = (1..=8).map(|id| flow(id, 1, 2, 4_000_000)).collect();
    let mut packets = flow(9, 1, 2, 200_000);
    (packets.kind, packets.rate, packets.packet_size) = (FlowKind::Udp, Some(8_000_000), Some(1_000));
    flows.push(packets);
    bed.flows(flows);
    bed.until_counted("some traffic", |bed| bed.link_counters()[0].bytes > 1_000_000).await;
    bed.apply(forest(1, &RING[1..]));
    bed.apply(taken(1));
    bed.apply(Apply { remove_links: vec![LinkId(1)], remove_forests: vec![ForestId(0)], ..Apply::default() });
    bed.until_ended(9).await;
    bed.assert_complete(8, 4_000_000);
    for id in 1..=9 {
        let source = &bed.ended[&(FlowId(id), "source")];
        assert_eq!(forest_of(source.route.unwrap()), Some(1), "{source:?}");
    }
    // From 1 backwards to 2: each node sends over the link with the number before its own.
    let backwards = |row: &LinkCounters| row.link.0 == (row.node.0 + NODES - 2) % NODES + 1;
    let around: Vec<_> = bed.link_counters().into_iter().filter(backwards).collect();
    assert_eq!(around.len(), 5);
    assert!(around.iter().all(|row| row.bytes > 1_000_000), "{around:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_link_is_for_those_whose_way_may_cross_it() {
    let mut bed = ring(Transport::Memory).await;
    bed.flows(vec![flow(1, 1, 2, 20_000_000), flow(2, 4, 5, 20_000_000)]);
    bed.until_counted("traffic", |bed| bed.host.counters().flows.iter().all(|row| row.bytes > 1_000_000))
        .await;
    bed.host.link_broken(&[BrokenLink { link: LinkId(1), a: NodeId(1), b: NodeId(2) }]);
    bed.until_ended(2).await;
    bed.assert_complete(2, 20_000_000);
    assert_eq!(bed.ended[&(FlowId(2), "source")].retransmitted, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_forest_changes_nothing() {
    let mut bed = ring(Transport::Memory).await;
    let mut wrong = forest(1, &RING);
    wrong.forest_rows[2].entries.0.pop();
    wrong.forests[0].chunks.clear();
    bed.apply(wrong);
    bed.apply(taken(1));
    bed.flows(vec![flow(1, 1, 3, 1_000_000)]);
    bed.until_ended(1).await;
    bed.assert_complete(1, 1_000_000);
}
