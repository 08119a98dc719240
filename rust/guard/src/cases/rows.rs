//! Rows as a controller sends them: a line of nodes with links in memory, and flows from one end to the other.

use nextmini_wire::control::{
    Apply, ArrivalProcess, Direction, Flow, FlowKind, Link, Mapping, Node, Route, Transport,
};
use nextmini_wire::id::{FlowId, LinkId, NodeId, RouteId};

/// Nodes 1 to `nodes` in a line, and a route there and back.
pub(super) fn line(nodes: u32) -> Apply {
    let path: Vec<NodeId> = (1..=nodes).map(NodeId).collect();
    let back = path.iter().rev().copied().collect();
    let route = |(id, path)| Route { id: RouteId(id), path, weight: 1, chunk: 65_536, row: None };
    Apply {
        generation: 1,
        nodes: (1..=nodes).map(node).collect(),
        links: (1..nodes).map(link).collect(),
        routes: [(1, path), (2, back)].map(route).into(),
        ..Apply::default()
    }
}

fn node(id: u32) -> Node {
    Node {
        id: NodeId(id),
        name: format!("n{id}"),
        address: format!("10.0.{}.{}", id >> 8, id & 255),
        address6: None,
        processors: 1,
        mapping: Mapping::Sequential,
        hop_limit: 10_000,
        up: true,
        device: None,
        socks: Vec::new(),
        transparent: None,
    }
}

/// The link from a node to the next one.
fn link(id: u32) -> Link {
    Link {
        id: LinkId(id),
        a: NodeId(id),
        b: NodeId(id + 1),
        transport: Transport::Memory,
        congestion: "cubic".to_owned(),
        cost: 1.0,
        dial: false,
        listen_end: false,
        peer: None,
        mtu: 1_500,
        up: true,
        forward: Direction::default(),
        backward: Direction::default(),
        datagrams: false,
        apart: false,
    }
}

/// A lossless flow of so many bytes from node 1 to that node.
pub(super) fn flow(id: u32, to: u32, bytes: u64) -> Flow {
    Flow {
        id: FlowId(id),
        source: NodeId(1),
        destination: NodeId(to),
        kind: FlowKind::Lossless,
        size: Some(bytes),
        duration: None,
        rate: None,
        weight: 1,
        start: 0.0,
        packet_size: None,
        arrival: ArrivalProcess::Constant,
        ecn: false,
        congestion: None,
        v6: false,
        route: None,
    }
}
