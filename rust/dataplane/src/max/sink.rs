//! The receiving end of a declared flow in max mode.

use std::cell::RefCell;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nextmini_policy::time::Instant;
use nextmini_sys::socket::{Ending, receive, set_ending};
use nextmini_sys::watched::Watched;
use nextmini_wire::control::{FlowChange, FlowEnd, FlowStatus};
use nextmini_wire::id::{FlowId, RouteId};
use tokio::io::Interest;
use tokio::sync::watch;

use super::chain::Chains;
use super::gate::Way;
use super::push::PushError;
use super::stretch::Stretch;
use crate::clock;
use crate::event::{Event, report};
use crate::node::Node;

/// What is under way when a process is ending has so long to arrive.
const GRACE: Duration = Duration::from_secs(1);
/// Bytes that are read at once.
const BUFFER: usize = 256 * 1024;

thread_local! {
    /// What arrives is counted and forgotten, so all sinks that a thread serves can have it in one place.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER]);
}

fn read(socket: impl AsFd) -> io::Result<usize> {
    SCRATCH.with_borrow_mut(|scratch| receive(socket, scratch))
}

/// Takes what arrives, counts it, and reports it when it has ended.
#[derive(Debug)]
pub struct Sink {
    flow: FlowId,
    route: RouteId,
    node: Arc<Node>,
    /// Links of this process that the bytes are still to cross when they are read.
    way: Option<Way>,
    began: Instant,
    /// What has arrived, for whoever wants to know while it goes on.
    bytes: Arc<AtomicU64>,
}

impl Sink {
    /// The sink of a flow that ends at `node`.
    pub fn new(flow: FlowId, route: RouteId, node: Arc<Node>, way: Option<Way>) -> Self {
        Self { flow, route, node, way, began: clock::now(), bytes: Arc::default() }
    }

    /// The flow, and how many bytes of it have arrived.
    pub fn arrived(&self) -> (FlowId, Arc<AtomicU64>) {
        (self.flow, Arc::clone(&self.bytes))
    }

    /// Takes everything that `from` brings, unless its stretch breaks before. Once the process is `ending`, what comes
    /// has a moment left, and what breaks has been stopped.
    pub async fn run(
        mut self,
        from: Watched,
        (chains, stretch): (&Chains, &Stretch),
        mut ending: watch::Receiver<bool>,
    ) {
        let mut over = ending.clone();
        let over = async move {
            // Its sender is gone: that is an end as well.
            drop(over.wait_for(|ending| *ending).await);
            tokio::time::sleep(GRACE).await;
        };
        let outcome = tokio::select! {
            taken = self.take(&from) => Some(match taken {
                Err(PushError::Lost(_)) => Err(chains.what_broke(stretch).await.to_string()),
                taken => taken.map_err(|error| error.to_string()),
            }),
            broken = chains.until_broken(stretch) => Some(Err(broken.to_string())),
            () = over => None,
        };
        let (status, reason) = match outcome {
            Some(Ok(())) => (FlowStatus::Completed, None),
            Some(Err(reason)) if !*ending.borrow_and_update() => (FlowStatus::Failed, Some(reason)),
            Some(Err(_)) | None => (FlowStatus::Stopped, None),
        };
        let change = FlowChange {
            flow: self.flow,
            end: FlowEnd::Sink,
            status,
            bytes: self.bytes.load(Ordering::Relaxed),
            seconds: clock::now().since(self.began).as_secs_f64(),
            retransmitted: 0,
            timeouts: 0,
            reordered: 0,
            checksum: None,
            route: Some(self.route),
            reason,
            datagrams: None,
        };
        report(self.node.events(), Event::Flow(change));
    }

    async fn take(&mut self, from: &Watched) -> Result<(), PushError> {
        // If this process dies, or the node does, the source is not to take it for the end.
        set_ending(from, Ending::Reset)?;
        loop {
            match from.try_io(Interest::READABLE, |socket| read(socket)) {
                Ok(0) => return Ok(set_ending(from, Ending::Orderly)?),
                Ok(bytes) => {
                    self.cross(bytes).await?;
                    self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    from.ready(Interest::READABLE).await.map(drop)?;
                }
                Err(error) => return Err(error.into()),
            }
            tokio::task::consume_budget().await;
        }
    }

    /// Waits until so many bytes may have crossed the links that are left.
    async fn cross(&mut self, bytes: usize) -> Result<(), PushError> {
        let Some(way) = &mut self.way else { return Ok(()) };
        way.ask(bytes);
        loop {
            way.take()?;
            if !way.waits() {
                return Ok(());
            }
            way.news().await;
        }
    }
}
