//! What happens in a process that the controller is to know.

use nextmini_wire::control::{FlowChange, LinkChange};
use nextmini_wire::id::NodeId;
use tokio::sync::mpsc;

use crate::routes::RouteKind;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A link came up or went down.
    Link(LinkChange),
    /// A flow began or ended.
    Flow(FlowChange),
    /// Packets wait for a route of some kind between two nodes.
    RouteWanted(NodeId, NodeId, RouteKind),
    /// A node's task panicked.
    NodeFailed {
        /// The node.
        node: NodeId,
        /// What it said.
        reason: String,
    },
}

/// Where events go: the control connection, which keeps up with them by merging.
///
/// Unbounded, because nobody on the data path may wait for the controller; there are at most a few
/// events for each link, flow and node.
pub type Events = mpsc::UnboundedSender<Event>;

/// Reports an event. While the process is ending nobody listens any more, and nobody needs to.
pub fn report(events: &Events, event: Event) {
    if events.send(event).is_err() {
        tracing::trace!("an event after the end of the control connection");
    }
}
