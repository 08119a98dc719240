//! The credits of one direction of a flow, and the way that they go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use nextmini_wire::credit::{Account, Credit};
use nextmini_wire::id::RouteId;
use nextmini_wire::packet::{Content, Packet};
use thiserror::Error;
use tokio::sync::Notify;

use crate::link::onward;
use crate::node::Node;

/// Credits that are on their way at most; the more there are, the longer queues with a rate become.
const ON_THE_WAY: u64 = 16;

/// A node or a link of the route is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("its route is gone")]
pub struct Lost;

/// Where credits come back to.
#[derive(Debug, Default)]
struct Gate {
    granted: AtomicU64,
    lost: AtomicBool,
    bell: Notify,
}

impl Account for Gate {
    fn granted(&self, bytes: u32) {
        self.granted.fetch_add(u64::from(bytes), Ordering::AcqRel);
        self.bell.notify_one();
    }

    fn lost(&self, _bytes: u32) {
        self.lost.store(true, Ordering::Release);
        self.bell.notify_one();
    }
}

/// Where the credits of a direction begin.
#[derive(Clone, Debug)]
pub struct Start {
    /// The node that the bytes are at.
    pub node: Arc<Node>,
    /// The route that they are on.
    pub route: RouteId,
    /// The node's place on it.
    pub position: u16,
    /// Their flow's, as of [`nextmini_wire::key::FlowKey::label`].
    pub label: u32,
    /// Their flow's class.
    pub class: u16,
    /// The most that one credit is for, in bytes.
    pub chunk: u32,
}

/// The way of a direction's bytes over links.
#[derive(Debug)]
pub struct Way {
    start: Start,
    gate: Arc<Gate>,
    /// Bytes that were asked for and not granted yet.
    asked: u64,
    batch: Vec<Packet>,
}

impl Way {
    /// The way that begins there.
    pub fn new(start: Start) -> Self {
        Self { start, gate: Arc::default(), asked: 0, batch: Vec::new() }
    }

    /// How many more bytes may be asked for now.
    pub fn room(&self) -> u64 {
        (ON_THE_WAY * u64::from(self.start.chunk)).saturating_sub(self.asked)
    }

    /// Whether something was asked for and not granted yet.
    pub fn waits(&self) -> bool {
        self.asked > 0
    }

    /// Asks for so many bytes.
    pub fn ask(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let Start { node, route, position, label, class, chunk } = &self.start;
        self.asked += bytes as u64;
        let mut left = bytes as u64;
        while left > 0 {
            let part = left.min(u64::from((*chunk).max(1)));
            let content = Content::Credit(Credit::new(part as u32, self.gate.clone()));
            let packet = Packet::new(*route, node.hop_limit(), *label, content, Bytes::new());
            self.batch.push(Packet { position: *position, class: *class, ..packet });
            left -= part;
        }
        onward::start(&mut self.batch, node);
    }

    /// Bytes that were granted since the last call.
    ///
    /// # Errors
    /// [`Lost`].
    pub fn take(&mut self) -> Result<u64, Lost> {
        if self.gate.lost.load(Ordering::Acquire) {
            return Err(Lost);
        }
        let granted = self.gate.granted.swap(0, Ordering::AcqRel);
        self.asked = self.asked.saturating_sub(granted);
        Ok(granted)
    }

    /// Waits until there may be something to take.
    ///
    /// # Cancel safety
    /// Nothing is missed.
    pub async fn news(&self) {
        self.gate.bell.notified().await;
    }
}
