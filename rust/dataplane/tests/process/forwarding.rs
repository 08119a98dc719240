//! Flows over nodes and links of one process, end to end.

use crate::testbed::{Testbed, flow, link, node};
use nextmini_wire::control::{Apply, FlowStatus, Mapping, RowKind, Transport};
use nextmini_wire::id::{FlowId, NodeId};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_crosses_a_line_of_memory_links() {
    let mut bed = Testbed::start().await;
    bed.nodes(5, 1, Mapping::Sequential);
    bed.links((1..5).map(|n| (n, n + 1)), Transport::Memory);
    bed.routes(&[1, 2, 3, 4, 5], 1);
    bed.flows(vec![flow(1, 1, 5, 20_000_000)]);
    bed.until_ended(1).await;
    bed.assert_complete(1, 20_000_000);
    bed.assert_nothing_dropped();
    let forward: Vec<u64> =
        bed.link_counters().iter().filter(|row| row.node.0 == row.link.0).map(|row| row.bytes).collect();
    assert!(forward.iter().all(|bytes| *bytes == forward[0] && *bytes > 20_000_000), "{forward:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_crosses_a_line_of_tcp_links() {
    let mut bed = Testbed::start().await;
    bed.nodes(4, 1, Mapping::Sequential);
    bed.links((1..4).map(|n| (n, n + 1)), Transport::Tcp);
    bed.until_up().await;
    bed.routes(&[1, 2, 3, 4], 1);
    bed.flows(vec![flow(1, 1, 4, 20_000_000), flow(2, 4, 1, 20_000_000)]);
    bed.until_ended(2).await;
    bed.assert_complete(2, 20_000_000);
    bed.assert_nothing_dropped();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loaded_ring_does_not_lock_up() {
    for transport in [Transport::Memory, Transport::Tcp] {
        let mut bed = Testbed::start().await;
        bed.nodes(8, 1, Mapping::Sequential);
        bed.links((1..=8).map(|n| (n, n % 8 + 1)), transport);
        bed.until_up().await;
        // Every node sends half way round, all in the same direction: each queue waits for the next.
        for n in 0..8 {
            let path: Vec<u32> = (0..5).map(|step| (n + step) % 8 + 1).collect();
            bed.routes(&path, 1);
        }
        let flows = (0..32).map(|id| flow(id + 1, id % 8 + 1, (id + 4) % 8 + 1, 3_000_000)).collect();
        bed.flows(flows);
        bed.until_ended(32).await;
        bed.assert_complete(32, 3_000_000);
        bed.assert_nothing_dropped();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processors_lose_nothing_and_sequential_ones_reorder_nothing() {
    for mapping in [Mapping::Sequential, Mapping::Concurrent] {
        let mut bed = Testbed::start().await;
        bed.nodes(4, 4, mapping);
        bed.links((1..4).map(|n| (n, n + 1)), Transport::Tcp);
        bed.until_up().await;
        bed.routes(&[1, 2, 3, 4], 1);
        bed.flows((1..=16).map(|id| flow(id, 1, 4, 2_000_000)).collect());
        bed.until_ended(16).await;
        bed.assert_complete(16, 2_000_000);
        bed.assert_nothing_dropped();
        if mapping == Mapping::Sequential {
            assert!(bed.ended.values().all(|end| end.reordered == 0), "{:?}", bed.ended);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flows_of_a_pair_spread_over_its_routes_by_weight() {
    let mut bed = Testbed::start().await;
    bed.nodes(4, 1, Mapping::Sequential);
    bed.links([(1, 2), (2, 4), (1, 3), (3, 4)], Transport::Memory);
    bed.routes(&[1, 2, 4], 1);
    bed.routes(&[1, 3, 4], 3);
    bed.flows((1..=200).map(|id| flow(id, 1, 4, 1_000)).collect());
    bed.until_ended(200).await;
    bed.assert_complete(200, 1_000);
    let heavy = bed.ended.iter().filter(|((_, end), change)| *end == "source" && change.route.unwrap().0 > 3);
    assert!((120..180).contains(&heavy.count()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_flow_can_be_stopped_and_a_timed_one_ends_complete() {
    let mut bed = Testbed::start().await;
    bed.nodes(2, 1, Mapping::Sequential);
    bed.links([(1, 2)], Transport::Memory);
    bed.routes(&[1, 2], 1);
    let mut timed = flow(1, 1, 2, 0);
    (timed.size, timed.duration, timed.rate) = (None, Some(0.2), Some(80_000_000));
    let mut endless = flow(2, 1, 2, 0);
    endless.size = None;
    bed.flows(vec![timed, endless]);
    bed.until("the end of the timed flow", |bed| bed.ended.len() >= 2).await;
    let timed = &bed.ended[&(FlowId(1), "source")];
    assert_eq!(
        (timed.status, &timed.checksum),
        (FlowStatus::Completed, &bed.ended[&(FlowId(1), "sink")].checksum)
    );
    // 80 Mbit/s for 0.2 s are 2 MB; a busy machine may send less, never more than a burst beyond.
    assert!(timed.bytes > 0 && timed.bytes < 2_300_000, "{timed:?}");
    bed.apply(Apply { remove_flows: vec![FlowId(2)], ..Apply::default() });
    bed.until("the end of the endless flow", |bed| bed.ended.contains_key(&(FlowId(2), "source"))).await;
    assert_eq!(bed.ended[&(FlowId(2), "source")].status, FlowStatus::Stopped);
    bed.host.stop().await;
    bed.until("the sink's report", |bed| bed.ended.contains_key(&(FlowId(2), "sink"))).await;
    assert!(bed.ended[&(FlowId(2), "sink")].bytes > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_made_anew_loses_no_byte() {
    let mut bed = Testbed::start().await;
    bed.nodes(3, 1, Mapping::Sequential);
    bed.links([(1, 2), (2, 3)], Transport::Tcp);
    bed.until_up().await;
    bed.routes(&[1, 2, 3], 1);
    let mut paced = flow(1, 1, 3, 20_000_000);
    paced.rate = Some(400_000_000);
    bed.flows(vec![paced]);
    for congestion in ["reno", "cubic", "reno"] {
        let sent = bed.link_counters().iter().map(|row| row.bytes).max().unwrap();
        while bed.link_counters().iter().map(|row| row.bytes).max().unwrap() <= sent {
            tokio::task::yield_now().await;
        }
        let address = bed.address.clone();
        let mut changed = link(2, 2, 3, Transport::Tcp, &address);
        changed.congestion = congestion.into();
        bed.links.insert(changed.id, nextmini_wire::control::LinkStatus::Down);
        bed.apply(Apply { links: vec![changed], ..Apply::default() });
        bed.until_up().await;
    }
    bed.until_ended(1).await;
    bed.assert_complete(1, 20_000_000);
}

#[tokio::test]
async fn rows_that_cannot_be_are_rejected_by_name() {
    let mut bed = Testbed::start().await;
    bed.nodes(2, 1, Mapping::Sequential);
    let mut strange = node(3, 1, Mapping::Sequential);
    strange.address = "somewhere".into();
    let apply = Apply {
        generation: 9,
        nodes: vec![strange, node(1, 2, Mapping::Sequential)],
        links: vec![link(1, 1, 7, Transport::Memory, ""), link(2, 1, 2, Transport::Tcp, "nowhere")],
        flows: vec![flow(1, 8, 1, 1)],
        ..Apply::default()
    };
    let applied = bed.host.apply(apply);
    let rejected: Vec<_> = applied.rejected.iter().map(|row| (row.kind, row.id)).collect();
    let expected =
        [(RowKind::Node, 3), (RowKind::Node, 1), (RowKind::Link, 1), (RowKind::Link, 2), (RowKind::Flow, 1)];
    assert_eq!(rejected, expected);
    assert!(applied.rejected[0].reason.contains("somewhere"));
    assert!(applied.rejected[4].reason.contains(&NodeId(8).to_string()));
}
