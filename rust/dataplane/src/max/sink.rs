//! The receiving end of a declared flow in max mode.

use std::io;
use std::sync::Arc;

use nextmini_policy::time::Instant;
use nextmini_sys::socket::{Ending, receive, set_ending};
use nextmini_sys::watched::Watched;
use nextmini_wire::control::{FlowChange, FlowEnd, FlowStatus};
use nextmini_wire::id::{FlowId, NodeId, RouteId};
use tokio::io::Interest;

use crate::clock;
use crate::event::{Event, report};
use crate::node::Node;

/// Bytes that are read at once.
const BUFFER: usize = 256 * 1024;

/// Takes what arrives, counts it, and reports it when it has ended.
#[derive(Debug)]
pub struct Sink {
    flow: FlowId,
    route: RouteId,
    node: Arc<Node>,
    began: Instant,
    bytes: u64,
}

impl Sink {
    /// The sink of a flow that ends at `node`.
    pub fn new(flow: FlowId, route: RouteId, node: Arc<Node>) -> Self {
        Self { flow, route, node, began: clock::now(), bytes: 0 }
    }

    /// The node that it is at.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Takes everything that `from` brings, unless the node is `lost` before.
    pub async fn run(mut self, from: Watched, lost: impl Future<Output = NodeId>) {
        let outcome = tokio::select! {
            taken = self.take(&from) => taken.map_err(|error| format!("its connection broke ({error})")),
            node = lost => Err(format!("{node} went down")),
        };
        let (status, reason) = match outcome {
            Ok(()) => (FlowStatus::Completed, None),
            Err(reason) => (FlowStatus::Failed, Some(reason)),
        };
        let change = FlowChange {
            flow: self.flow,
            end: FlowEnd::Sink,
            status,
            bytes: self.bytes,
            seconds: clock::now().since(self.began).as_secs_f64(),
            retransmitted: 0,
            reordered: 0,
            checksum: None,
            route: Some(self.route),
            reason,
            datagrams: None,
        };
        report(self.node.events(), Event::Flow(change));
    }

    async fn take(&mut self, from: &Watched) -> io::Result<()> {
        // If this process dies, or the node does, the source is not to take it for the end.
        set_ending(from, Ending::Reset)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            match from.try_io(Interest::READABLE, |socket| receive(socket, &mut buffer)) {
                Ok(0) => return set_ending(from, Ending::Orderly),
                Ok(bytes) => self.bytes += bytes as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    from.ready(Interest::READABLE).await.map(drop)?;
                }
                Err(error) => return Err(error),
            }
            tokio::task::consume_budget().await;
        }
    }
}
