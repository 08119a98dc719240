//! The part of a way that is in this process, while it is in use.

use std::sync::Arc;

use nextmini_wire::id::NodeId;
use thiserror::Error;

use super::ground::{Asked, Ground, Segment};
use crate::node::Node;

/// What became of a way while it was in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Broken {
    /// A node is down, or was.
    #[error("{0} of its route went down")]
    Node(NodeId),
    /// A link is gone.
    #[error("the link from {0} to {1} is gone")]
    Link(NodeId, NodeId),
    /// More is asked of a link now than it can do for such a flow.
    #[error(
        "the link from {0} to {1} is asked for more than a rate now, and in max mode it has nothing else"
    )]
    Asked(NodeId, NodeId),
    /// Credits get lost though all of its nodes and links are there.
    #[error("its route is gone")]
    Route,
}

/// The nodes and links of it, as they were when it was opened.
#[derive(Debug)]
pub struct Stretch {
    nodes: Vec<(Arc<Node>, u64)>,
    links: Vec<(NodeId, NodeId)>,
}

impl Stretch {
    /// A node alone.
    pub(super) fn at(node: &Arc<Node>) -> Self {
        Self { nodes: vec![(Arc::clone(node), node.crashes())], links: Vec::new() }
    }

    /// Those of a segment.
    pub(super) fn new(segment: &Segment) -> Self {
        let nodes = segment.nodes.iter().map(|node| (Arc::clone(node), node.crashes())).collect();
        Self { nodes, links: segment.links.clone() }
    }

    /// Whether all of it is still what it was.
    ///
    /// # Errors
    /// What is not, the first of it.
    pub(super) fn look(&self, ground: &Ground) -> Result<(), Broken> {
        for (node, crashes) in &self.nodes {
            if node.is_down() || node.crashes() != *crashes {
                return Err(Broken::Node(node.id()));
            }
        }
        for &(from, to) in &self.links {
            match ground.exits.get(&(from, to)).map(|exit| exit.asked) {
                Some(Asked::Rate) => {}
                Some(Asked::More) => return Err(Broken::Asked(from, to)),
                None => return Err(Broken::Link(from, to)),
            }
        }
        Ok(())
    }
}
