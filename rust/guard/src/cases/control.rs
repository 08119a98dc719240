//! What a controller and its processes tell each other.

use std::hint::black_box;

use nextmini_wire::control::{
    Command, Drops, FlowCounters, LinkCounters, Report, SinkCounters, decode, encode,
};
use nextmini_wire::id::{FlowId, LinkId, NodeId, RouteId};

use super::Work;
use super::rows::{flow, line};

const NODES: u32 = 50;

/// A network of 50 nodes in a line, with as many flows.
fn apply() -> Command {
    let flows = (1..=NODES).map(|id| flow(id, NODES, 1_000_000)).collect();
    Command::Apply(Box::new(nextmini_wire::control::Apply { flows, ..line(NODES) }))
}

/// Counters of 100 directions of links, and of 50 flows.
fn metrics() -> Report {
    let link = |n: u32| LinkCounters {
        link: LinkId(n / 2),
        node: NodeId(n),
        bytes: 1_234_567_890 + u64::from(n),
        packets: 823_045,
        queue: 15_000,
        drops: Drops { queue: 17, loss: u64::from(n), ..Drops::default() },
        entered: 823_062,
        marked: 0,
        duplicated: 0,
        datagrams: 0,
        oversized: 0,
        rtt_us: None,
    };
    let flow = |n: u32| FlowCounters {
        flow: FlowId(n),
        bytes: 987_654_321,
        acknowledged: 987_600_000,
        retransmitted: u64::from(n),
        srtt_us: 1_250,
        window: 262_144,
        timeouts: 0,
        cwnd: None,
        route: Some(RouteId(n)),
    };
    let sink = |n: u32| SinkCounters { flow: FlowId(n), bytes: 987_654_000, packets: 700_000 };
    Report::Metrics {
        links: (0..2 * NODES).map(link).collect(),
        flows: (0..NODES).map(flow).collect(),
        sinks: (0..NODES).map(sink).collect(),
    }
}

pub(super) fn encode_apply() -> Work {
    let message = apply();
    Box::new(move || drop(black_box(encode(black_box(&message)).unwrap())))
}

pub(super) fn decode_apply() -> Work {
    let bytes = encode(&apply()).unwrap();
    Box::new(move || drop(black_box(decode::<Command>(black_box(&bytes)).unwrap())))
}

pub(super) fn encode_metrics() -> Work {
    let message = metrics();
    Box::new(move || drop(black_box(encode(black_box(&message)).unwrap())))
}

pub(super) fn decode_metrics() -> Work {
    let bytes = encode(&metrics()).unwrap();
    Box::new(move || drop(black_box(decode::<Report>(black_box(&bytes)).unwrap())))
}
