//! Where packets enter a node: how they are spread over its processors.

use std::sync::Arc;

use nextmini_policy::drops::DropCause;
use nextmini_policy::jump;
use nextmini_wire::control::Mapping;
use nextmini_wire::packet::Packet;
use tokio::sync::mpsc;

use crate::event::Events;
use crate::link::Outgoing;
use crate::link::onward;
use crate::node::Node;
use crate::task::Task;

/// Batches that wait for a processor; then whoever brings more waits, since processors never do.
const INBOX: usize = 2;

/// Packets that came in together.
#[derive(Debug)]
pub struct Batch {
    packets: Vec<Packet>,
    arrives_at: Arc<Outgoing>,
}

/// A node's processors, as those see them who bring packets.
#[derive(Clone, Debug)]
pub enum Ingress {
    /// One processor, which does its work in the task that brings the packets: they are in that core's
    /// cache, and nobody needs to be woken.
    Inline(Arc<Node>),
    /// Each flow has its processor, by jump consistent hash.
    Sequential(Arc<[mpsc::Sender<Batch>]>),
    /// Any processor takes any batch.
    Concurrent(async_channel::Sender<Batch>),
}

impl Ingress {
    /// The ingress of `node`, and the tasks of its processors.
    pub fn new(node: &Arc<Node>, processors: u32, mapping: Mapping, events: &Events) -> (Self, Vec<Task>) {
        if processors <= 1 {
            return (Self::Inline(Arc::clone(node)), Vec::new());
        }
        match mapping {
            Mapping::Sequential => {
                let (inboxes, tasks) = (0..processors).map(|_| sequential_processor(node, events)).unzip();
                let inboxes: Vec<_> = inboxes;
                (Self::Sequential(inboxes.into()), tasks)
            }
            Mapping::Concurrent => {
                let (inbox, batches) = async_channel::bounded(INBOX * processors as usize);
                let tasks = (0..processors).map(|_| concurrent_processor(node, batches.clone(), events));
                (Self::Concurrent(inbox), tasks.collect())
            }
        }
    }

    /// Hands over `batch`, which is empty afterwards. `arrives_at` is the node's own end of the link
    /// that it came over.
    ///
    /// # Cancel safety
    /// Packets may be lost.
    pub async fn submit(&self, batch: &mut Vec<Packet>, arrives_at: &Arc<Outgoing>) {
        match self {
            Self::Inline(node) => onward::carry(batch, node, arrives_at),
            Self::Sequential(inboxes) => spread(inboxes, batch, arrives_at).await,
            Self::Concurrent(inbox) => {
                let batch = Batch { packets: std::mem::take(batch), arrives_at: Arc::clone(arrives_at) };
                if let Err(async_channel::SendError(batch)) = inbox.send(batch).await {
                    batch.arrives_at.count_drop(DropCause::Local, batch.packets.len() as u64);
                }
            }
        }
    }
}

async fn spread(inboxes: &[mpsc::Sender<Batch>], batch: &mut Vec<Packet>, arrives_at: &Arc<Outgoing>) {
    let processors = inboxes.len() as u32;
    let mut parts: Vec<Vec<Packet>> = vec![Vec::new(); inboxes.len()];
    for packet in batch.drain(..) {
        parts[jump::bucket(u64::from(packet.label), processors) as usize].push(packet);
    }
    for (inbox, packets) in inboxes.iter().zip(parts).filter(|(_, packets)| !packets.is_empty()) {
        let batch = Batch { packets, arrives_at: Arc::clone(arrives_at) };
        if let Err(mpsc::error::SendError(batch)) = inbox.send(batch).await {
            batch.arrives_at.count_drop(DropCause::Local, batch.packets.len() as u64);
        }
    }
}

fn sequential_processor(node: &Arc<Node>, events: &Events) -> (mpsc::Sender<Batch>, Task) {
    let (inbox, mut batches) = mpsc::channel::<Batch>(INBOX);
    let processor = Arc::clone(node);
    let task = Task::spawn(node.id(), "processor", events.clone(), async move {
        while let Some(mut batch) = batches.recv().await {
            processor.process(&mut batch.packets, Some(&batch.arrives_at));
        }
    });
    (inbox, task)
}

fn concurrent_processor(node: &Arc<Node>, batches: async_channel::Receiver<Batch>, events: &Events) -> Task {
    let processor = Arc::clone(node);
    Task::spawn(node.id(), "processor", events.clone(), async move {
        while let Ok(mut batch) = batches.recv().await {
            processor.process(&mut batch.packets, Some(&batch.arrives_at));
            // async-channel spends no budget of its own: let writers have the core.
            tokio::task::consume_budget().await;
        }
    })
}
