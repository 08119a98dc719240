//! Which part of a route is in this process.

use std::net::SocketAddr;
use std::sync::Arc;

use nextmini_policy::link::settings::keeps_to_a_rate;
use nextmini_policy::route::Route;
use nextmini_wire::chain::Refusal;
use nextmini_wire::control::{Link, Transport};
use nextmini_wire::id::NodeId;
use rustc_hash::FxHashMap;

use crate::node::Node;
use crate::room::Room;

/// A node of this process.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The node.
    pub node: Arc<Node>,
    /// Where its programs are.
    pub room: Arc<Room>,
}

/// How to get over a link from a node of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// Its other end is here too, and joined in memory.
    Memory,
    /// By a connection to the process at its other end.
    Tcp {
        /// Where that accepts links.
        peer: SocketAddr,
        /// Congestion control of the connection.
        congestion: Arc<str>,
    },
}

/// A link that leaves a node of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// How to get over it.
    pub crossing: Crossing,
    /// What is asked of it.
    pub asked: Asked,
}

/// What is asked of both directions of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A rate at most.
    Rate,
    /// Something that is done to single packets, or to the time that they take, or TLS, or another site: nothing for bytes that
    /// nobody sees.
    More,
}

impl Asked {
    /// What is asked of a link.
    pub fn of(link: &Link) -> Self {
        let rate = keeps_to_a_rate(&link.forward) && keeps_to_a_rate(&link.backward);
        if rate && link.transport != Transport::Tls && !link.apart { Self::Rate } else { Self::More }
    }
}

/// What a process knows of nodes and links. Replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// Its nodes.
    pub seats: FxHashMap<NodeId, Seat>,
    /// Links that leave them, by their ends.
    pub exits: FxHashMap<(NodeId, NodeId), Exit>,
}

/// The nodes of a route that follow each other in this process.
#[derive(Debug)]
pub struct Segment {
    /// All of them, at least one.
    pub nodes: Vec<Arc<Node>>,
    /// The links that leave them on the route, by their ends.
    pub links: Vec<(NodeId, NodeId)>,
    /// Where the last one's programs are.
    pub room: Arc<Room>,
    /// Place of the first one on the route.
    pub first: u16,
    /// Place of the last one.
    pub last: u16,
    /// How many nodes the route has.
    pub length: u16,
    /// How to go on from the last one, unless it is the destination: the process at the next one.
    pub onward: Option<(SocketAddr, Arc<str>)>,
}

impl Segment {
    /// The node that it begins at.
    pub fn begin(&self) -> &Arc<Node> {
        // INVARIANT: `Ground::segment` makes none without a node.
        &self.nodes[0]
    }

    /// The node that it ends at.
    pub fn end(&self) -> &Arc<Node> {
        // INVARIANT: as in `begin`.
        &self.nodes[self.nodes.len() - 1]
    }
}

impl Ground {
    /// The nodes of `route` in this process from the one at `first` on.
    ///
    /// # Errors
    /// A node of them is down, or a link is not there, or asked for more than it can do for such a flow.
    pub fn segment(&self, route: &Route, first: u16) -> Result<Segment, Refusal> {
        let path = route.path();
        let (mut nodes, mut links, mut at) = (Vec::new(), Vec::new(), usize::from(first));
        loop {
            let node = *path.get(at).ok_or(Refusal::General)?;
            let seat = self.seats.get(&node).ok_or(Refusal::General)?;
            if seat.node.is_down() {
                let last = at + 1 == path.len();
                return Err(if last { Refusal::HostUnreachable } else { Refusal::NetworkUnreachable });
            }
            nodes.push(Arc::clone(&seat.node));
            let mut onward = None;
            if let Some(&next) = path.get(at + 1) {
                let exit = self.exits.get(&(node, next)).ok_or(Refusal::NetworkUnreachable)?;
                if exit.asked == Asked::More {
                    return Err(Refusal::NotAllowed);
                }
                links.push((node, next));
                match &exit.crossing {
                    Crossing::Memory => {
                        at += 1;
                        continue;
                    }
                    Crossing::Tcp { peer, congestion } => onward = Some((*peer, Arc::clone(congestion))),
                }
            }
            let room = Arc::clone(&seat.room);
            // A path has at most 65,535 nodes.
            let (last, length) = (at as u16, path.len() as u16);
            return Ok(Segment { nodes, links, room, first, last, length, onward });
        }
    }

    /// Congestion control of the link over TCP that leads back from the node at `first` of a route to the one before.
    pub fn congestion_back(&self, route: &Route, first: u16) -> Option<Arc<str>> {
        let (path, at) = (route.path(), usize::from(first));
        let ends = (*path.get(at)?, *path.get(at.checked_sub(1)?)?);
        match &self.exits.get(&ends)?.crossing {
            Crossing::Tcp { congestion, .. } => Some(Arc::clone(congestion)),
            Crossing::Memory => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use nextmini_wire::id::RouteId;

    use super::*;
    use crate::fixture::Line;

    fn ids(segment: &Segment) -> Vec<u32> {
        segment.nodes.iter().map(|node| node.id().0).collect()
    }

    /// Five nodes in a line, of which the third and the fourth are joined by TCP.
    fn ground() -> (Line, Ground, Route) {
        let line = Line::new(5);
        let seat = |node: &Arc<Node>| (node.id(), Seat { node: Arc::clone(node), room: Arc::default() });
        let seats = line.nodes.iter().map(seat).collect();
        let exit = |crossing| Exit { crossing, asked: Asked::Rate };
        let mut exits: FxHashMap<_, _> =
            (1..5).map(|id| ((NodeId(id), NodeId(id + 1)), exit(Crossing::Memory))).collect();
        let peer = ([127, 0, 0, 1], 7).into();
        let tcp = Crossing::Tcp { peer, congestion: "cubic".into() };
        exits.insert((NodeId(3), NodeId(4)), exit(tcp));
        let route = Route::new(RouteId(1), (1..=5).map(NodeId).collect(), 1, 1_460).unwrap();
        (line, Ground { seats, exits }, route)
    }

    #[test]
    fn a_segment_ends_where_another_process_begins_or_the_route_ends() {
        let (_line, ground, route) = ground();
        let first = ground.segment(&route, 0).unwrap();
        assert_eq!((ids(&first), first.first, first.last, first.length), (vec![1, 2, 3], 0, 2, 5));
        assert_eq!(first.links, [1, 2, 3].map(|id| (NodeId(id), NodeId(id + 1))));
        assert_eq!(first.onward.unwrap().0.port(), 7);
        let second = ground.segment(&route, 3).unwrap();
        assert_eq!((ids(&second), second.first, second.last), (vec![4, 5], 3, 4));
        assert!(second.onward.is_none());
        assert_eq!(ids(&ground.segment(&route, 4).unwrap()), [5]);
    }

    #[test]
    fn what_goes_back_has_the_congestion_control_of_its_link() {
        let (_line, mut ground, route) = ground();
        let back = |ground: &Ground, first| ground.congestion_back(&route, first);
        assert_eq!(back(&ground, 3), None);
        let tcp = Crossing::Tcp { peer: ([127, 0, 0, 1], 7).into(), congestion: "reno".into() };
        ground.exits.insert((NodeId(4), NodeId(3)), Exit { crossing: tcp, asked: Asked::Rate });
        ground.exits.insert((NodeId(3), NodeId(2)), Exit { crossing: Crossing::Memory, asked: Asked::Rate });
        assert_eq!(back(&ground, 3).as_deref(), Some("reno"));
        for first in [0, 2, 9] {
            assert_eq!(back(&ground, first), None);
        }
    }

    #[test]
    fn what_is_not_there_or_down_is_said() {
        let (line, mut ground, route) = ground();
        assert_eq!(ground.segment(&route, 5).unwrap_err(), Refusal::General);
        line.nodes[4].crash();
        assert_eq!(ground.segment(&route, 3).unwrap_err(), Refusal::HostUnreachable);
        line.nodes[1].crash();
        assert_eq!(ground.segment(&route, 0).unwrap_err(), Refusal::NetworkUnreachable);
        line.nodes[1].restart();
        assert!(ground.segment(&route, 0).is_ok());
        ground.exits.get_mut(&(NodeId(3), NodeId(4))).unwrap().asked = Asked::More;
        assert_eq!(ground.segment(&route, 0).unwrap_err(), Refusal::NotAllowed);
        ground.exits.remove(&(NodeId(1), NodeId(2)));
        assert_eq!(ground.segment(&route, 0).unwrap_err(), Refusal::NetworkUnreachable);
    }
}
