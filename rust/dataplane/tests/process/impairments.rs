//! Links with rates, delays and accidents, and changes of these while packets are under way.

use crate::testbed::{Testbed, datagrams, flow, link, node};
use nextmini_wire::control::direction::{Chance, Distribution, Jitter, Limits, Loss};
use nextmini_wire::control::{
    Apply, Class, Direction, Drops, Flow, FlowStatus, Link, LinkMark, LinkStatus, Mapping, RowKind, Transport,
};
use nextmini_wire::id::{FlowId, LinkId, NodeId};

const MILLISECOND: u64 = 1_000_000;

fn slow(megabits: u64, delay_ms: u64) -> Direction {
    Direction { rate: Some(megabits * 1_000_000), delay_ns: delay_ms * MILLISECOND, ..Direction::default() }
}

/// Everything that a link can do to packets.
fn troubled() -> Direction {
    Direction {
        jitter: Some(Jitter {
            amount_ns: MILLISECOND,
            distribution: Distribution::Normal,
            correlation: 0.0,
            reorder: true,
        }),
        loss: Some(Loss::Random { probability: 0.05, correlation: 0.0 }),
        duplicate: Some(Chance { probability: 0.05, correlation: 0.0 }),
        reorder: Some(Chance { probability: 0.05, correlation: 0.0 }),
        corrupt: Some(Chance { probability: 0.05, correlation: 0.0 }),
        ..slow(100, 2)
    }
}

/// A line of nodes whose links do the same in both directions.
async fn line(nodes: u32, transport: Transport, direction: &Direction) -> Testbed {
    let mut bed = Testbed::start().await;
    bed.chunk = 1_460;
    bed.nodes(nodes, 1, Mapping::Sequential);
    let links = (1..nodes).map(|id| asked(&bed, id, transport, direction)).collect();
    bed.add_links(links);
    bed.until_up().await;
    bed.routes(&(1..=nodes).collect::<Vec<_>>(), 1);
    bed
}

fn asked(bed: &Testbed, id: u32, transport: Transport, direction: &Direction) -> Link {
    Link {
        forward: direction.clone(),
        backward: direction.clone(),
        ..link(id, id, id + 1, transport, &bed.address)
    }
}

fn drops(bed: &Testbed) -> Drops {
    let mut sum = Drops::default();
    for row in bed.link_counters() {
        sum.loss += row.drops.loss;
        sum.corrupt += row.drops.corrupt;
        sum.queue += row.drops.queue;
        sum.down += row.drops.down;
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lossless_flows_arrive_whole_over_links_that_lose_damage_double_and_reorder() {
    for transport in [Transport::Memory, Transport::Tcp] {
        let mut bed = line(3, transport, &troubled()).await;
        bed.flows(vec![flow(1, 1, 3, 2_000_000), flow(2, 3, 1, 2_000_000)]);
        bed.until_ended(2).await;
        bed.assert_complete(2, 2_000_000);
        let drops = drops(&bed);
        assert!(drops.loss > 0 && drops.corrupt > 0, "{drops:?}");
        assert_eq!((drops.queue, drops.down), (0, 0));
        assert!(bed.ended[&(FlowId(1), "source")].retransmitted > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_of_a_udp_flow_arrive_or_are_counted() {
    let limits = Limits { packets: Some(50), ..Limits::default() };
    let mut bed = line(3, Transport::Memory, &Direction { limits, ..slow(10, 5) }).await;
    bed.flows(vec![Flow { size: Some(1_472_000), ..datagrams(1, 1, 3, 50_000_000) }]);
    bed.until_ended(1).await;
    let (source, sink) = (&bed.ended[&(FlowId(1), "source")], &bed.ended[&(FlowId(1), "sink")]);
    assert_eq!((source.status, sink.status), (FlowStatus::Completed, FlowStatus::Completed));
    let (sent, received) = (source.datagrams.unwrap().packets, sink.datagrams.unwrap());
    assert_eq!(sent, 1_000);
    assert_eq!(received.packets + drops(&bed).queue, sent);
    assert!(drops(&bed).queue > 500);
    assert_eq!((received.duplicates, received.corrupted, sink.reordered), (0, 0, 0));
    // Two links of 5 ms, and 1.2 ms for the packet itself on each.
    assert!(received.delay.p50_ns > 12 * MILLISECOND, "{received:?}");
    assert_eq!(sink.bytes, received.packets * 1_472);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_when_a_udp_flow_is_stopped_arrives() {
    let mut bed = line(3, Transport::Tcp, &slow(100, 50)).await;
    bed.flows(vec![Flow { size: None, ..datagrams(1, 1, 3, 10_000_000) }]);
    bed.until_counted("some of the flow", |bed| {
        bed.host.counters().sinks.iter().any(|sink| sink.packets > 50)
    })
    .await;
    bed.host.stop().await;
    bed.until_ended(1).await;
    let (source, sink) = (&bed.ended[&(FlowId(1), "source")], &bed.ended[&(FlowId(1), "sink")]);
    assert_eq!((source.status, sink.status), (FlowStatus::Stopped, FlowStatus::Stopped));
    assert_eq!(source.datagrams.unwrap().packets, sink.datagrams.unwrap().packets);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_udp_flow_sees_what_its_links_do() {
    let mut bed = line(2, Transport::Tcp, &troubled()).await;
    bed.flows(vec![Flow { size: Some(1_472_000), ..datagrams(1, 1, 2, 20_000_000) }]);
    bed.until_ended(1).await;
    let sink = &bed.ended[&(FlowId(1), "sink")];
    let received = sink.datagrams.unwrap();
    assert!(received.packets < 1_000 && received.packets > 800, "{received:?}");
    assert!(received.duplicates > 10 && received.corrupted > 10 && sink.reordered > 10, "{received:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_loses_the_same_packets() {
    let mut counted = Vec::new();
    for _ in 0..2 {
        let lossy = Direction {
            loss: Some(Loss::Random { probability: 0.2, correlation: 0.0 }),
            duplicate: Some(Chance { probability: 0.2, correlation: 0.0 }),
            ..Direction::default()
        };
        let mut bed = line(2, Transport::Memory, &lossy).await;
        bed.flows(vec![Flow { size: Some(1_472_000), ..datagrams(1, 1, 2, 100_000_000) }]);
        bed.until_ended(1).await;
        let received = bed.ended[&(FlowId(1), "sink")].datagrams.unwrap();
        counted.push((received.packets, received.duplicates));
    }
    assert_eq!(counted[0], counted[1]);
    assert_ne!(counted[0].0, 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_change_under_running_flows_without_a_loss_or_a_new_connection() {
    for transport in [Transport::Memory, Transport::Tcp] {
        let mut bed = line(3, transport, &slow(20, 20)).await;
        bed.flows(vec![flow(1, 1, 3, 3_000_000)]);
        bed.until_counted("some of the flow", |bed| bed.link_counters()[0].packets > 200).await;
        for direction in [slow(200, 1), Direction::default(), slow(50, 10)] {
            let links = vec![asked(&bed, 1, transport, &direction)];
            let marks = bed.apply(Apply { links, ..Apply::default() });
            let entered = |mark: &LinkMark| (mark.link, mark.node, mark.entered > 0);
            let mut marked: Vec<_> = marks.iter().map(entered).collect();
            marked.sort_unstable();
            assert_eq!(marked, [(LinkId(1), NodeId(1), true), (LinkId(1), NodeId(2), true)]);
        }
        bed.until_ended(1).await;
        bed.assert_complete(1, 3_000_000);
        assert_eq!(bed.ended[&(FlowId(1), "source")].retransmitted, 0);
        bed.assert_nothing_dropped();
        assert!(bed.links.values().all(|state| *state == LinkStatus::Up), "{:?}", bed.links);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_goes_on_after_its_link_was_down() {
    for transport in [Transport::Memory, Transport::Tcp] {
        let mut bed = line(3, transport, &slow(20, 5)).await;
        bed.flows(vec![flow(1, 1, 3, 1_000_000)]);
        bed.until_counted("some of the flow", |bed| bed.link_counters()[0].packets > 100).await;
        let row = |bed: &Testbed, up| Link { up, ..asked(bed, 1, transport, &slow(20, 5)) };
        let links = vec![row(&bed, false)];
        bed.apply(Apply { links, ..Apply::default() });
        bed.until("the link down", |bed| bed.links[&LinkId(1)] == LinkStatus::Down).await;
        assert!(!bed.ended.contains_key(&(FlowId(1), "sink")));
        let links = vec![row(&bed, true)];
        bed.apply(Apply { links, ..Apply::default() });
        bed.until("the link up", |bed| bed.links[&LinkId(1)] == LinkStatus::Up).await;
        bed.until_ended(1).await;
        bed.assert_complete(1, 1_000_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_went_down_knows_nothing_of_what_was_and_works_again() {
    let mut bed = line(3, Transport::Memory, &slow(20, 5)).await;
    bed.flows(vec![Flow { size: None, ..flow(1, 1, 3, 0) }]);
    bed.until_counted("some of the flow", |bed| bed.link_counters()[0].packets > 100).await;
    let mut crashed = node(3, 1, Mapping::Sequential);
    crashed.up = false;
    bed.apply(Apply { nodes: vec![crashed.clone()], ..Apply::default() });
    bed.until_counted("packets for nobody", |bed| drops(bed).down > 0).await;
    bed.apply(Apply { remove_flows: vec![FlowId(1)], ..Apply::default() });
    crashed.up = true;
    bed.apply(Apply { nodes: vec![crashed], ..Apply::default() });
    bed.flows(vec![flow(2, 1, 3, 300_000)]);
    bed.until("the second flow", |bed| bed.ended.contains_key(&(FlowId(2), "source"))).await;
    assert_eq!(bed.ended[&(FlowId(2), "source")].status, FlowStatus::Completed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_has_its_rate_on_every_link() {
    let mut bed = line(2, Transport::Memory, &Direction::default()).await;
    let class = Class {
        id: 1,
        source: Some(NodeId(1)),
        destination: None,
        protocol: None,
        port: None,
        rate: Some(8_000_000),
        weight: None,
    };
    bed.apply(Apply { classes: Some(vec![class]), ..Apply::default() });
    bed.flows(vec![flow(1, 1, 2, 500_000), flow(2, 2, 1, 500_000)]);
    bed.until_ended(2).await;
    bed.assert_complete(2, 500_000);
    let seconds = |flow| bed.ended[&(FlowId(flow), "source")].seconds;
    // Half a second of data, without what a class may send ahead.
    assert!(seconds(1) > 0.45, "{}", seconds(1));
    assert!(seconds(2) < seconds(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_link_cannot_do_is_refused_and_what_it_did_goes_on() {
    let mut bed = line(2, Transport::Memory, &slow(10, 1)).await;
    let impossible = Direction { loss: Some(Loss::Pattern { pattern: "01x".into() }), ..slow(10, 1) };
    let unknown = Direction { trace: Some(7), ..Direction::default() };
    for direction in [impossible, unknown] {
        let links = vec![asked(&bed, 1, Transport::Memory, &direction)];
        let rejected = bed.host.apply(Apply { generation: 99, links, ..Apply::default() }).rejected;
        assert_eq!((rejected.len(), rejected[0].kind, rejected[0].id), (1, RowKind::Link, 1), "{rejected:?}");
    }
    bed.flows(vec![flow(1, 1, 2, 100_000)]);
    bed.until_ended(1).await;
    bed.assert_complete(1, 100_000);
}
