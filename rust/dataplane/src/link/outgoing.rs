//! One direction of a link, at the node that sends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nextmini_policy::drops::DropCause;
use nextmini_policy::queue::{Counters, LinkQueue, LinkUp};
use nextmini_wire::id::{LinkId, NodeId};
use nextmini_wire::packet::Packet;
use tokio::sync::Notify;

use super::BATCH_BYTES;

/// The queue of one direction of a link, with a bell for the task that empties it.
///
/// The queue is a state machine behind a lock that is held for a batch at a time and never across an
/// `await`: drop policies must see exactly what waits, and the processor that fills it must not wait.
#[derive(Debug)]
pub struct Outgoing {
    link: LinkId,
    from: NodeId,
    to: NodeId,
    queue: Mutex<LinkQueue>,
    filled: Notify,
}

impl Outgoing {
    /// The direction of `link` that leaves `from` for `to`.
    pub fn new(link: LinkId, from: NodeId, to: NodeId, queue: LinkQueue) -> Self {
        Self { link, from, to, queue: Mutex::new(queue), filled: Notify::new() }
    }

    /// The link.
    pub fn link(&self) -> LinkId {
        self.link
    }

    /// The node that sends.
    pub fn from(&self) -> NodeId {
        self.from
    }

    /// The node that receives.
    pub fn to(&self) -> NodeId {
        self.to
    }

    /// Opens the queue for a run of packets.
    pub fn open(&self) -> Filling<'_> {
        let queue = self.lock();
        let was_empty = queue.is_empty();
        Filling { outgoing: self, queue: Some(queue), was_empty }
    }

    /// Waits for packets and moves a batch of them to `batch`, which is empty.
    ///
    /// # Cancel safety
    /// Nothing is taken unless it returns.
    pub async fn take(&self, batch: &mut Vec<Packet>) {
        loop {
            // Registered before looking, or a packet that comes in between would ring unheard.
            let filled = self.filled.notified();
            self.lock().pop_into(batch, BATCH_BYTES);
            if !batch.is_empty() {
                return;
            }
            filled.await;
        }
    }

    /// Marks the link up, down or ended.
    pub fn set_up(&self, up: LinkUp) {
        self.lock().set_up(up);
    }

    /// Counts packets that were lost at this end of the link.
    pub fn count_drop(&self, cause: DropCause, packets: u64) {
        self.lock().count_drop(cause, packets);
    }

    /// What has passed so far, and the bytes that wait.
    pub fn counters(&self) -> (Counters, u64) {
        let queue = self.lock();
        (queue.counters(), queue.waiting_bytes())
    }

    fn lock(&self) -> MutexGuard<'_, LinkQueue> {
        // A queue's methods do not panic half way through a change, so it stays usable.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open queue; rings when it is closed if there is something to take.
#[derive(Debug)]
pub struct Filling<'a> {
    outgoing: &'a Outgoing,
    queue: Option<MutexGuard<'a, LinkQueue>>,
    was_empty: bool,
}

impl Filling<'_> {
    /// Puts a packet in, or drops and counts it.
    pub fn push(&mut self, packet: Packet) {
        if let Some(queue) = &mut self.queue {
            queue.push(packet);
        }
    }
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        let filled = self.queue.take().is_some_and(|queue| self.was_empty && !queue.is_empty());
        if filled {
            self.outgoing.filled.notify_one();
        }
    }
}
