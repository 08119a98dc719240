//! Deficit round robin: in its turn, a flow sends as many bytes as its weight (Shreedhar and Varghese, ACM
//! SIGCOMM 1995). What a packet is too large for is saved for the flow's next turn.

use super::flows::Flows;
use super::{Entry, Numbered};

/// Bytes a turn for a weight of 1, unless packets are larger: every turn then sends something, which is what
/// makes the work a packet takes independent of the number of flows.
const QUANTUM: u64 = 1_500;

/// A queue for each flow.
#[derive(Debug)]
pub struct Drr<T> {
    flows: Flows<T>,
    quantum: u64,
    /// Whether the flow whose turn it is has had its quantum.
    granted: bool,
}

impl<T> Default for Drr<T> {
    fn default() -> Self {
        Self { flows: Flows::default(), quantum: QUANTUM, granted: false }
    }
}

impl<T> Drr<T> {
    pub(super) fn flows(&self) -> usize {
        self.flows.len()
    }

    pub(super) fn push(&mut self, numbered: Numbered<T>) {
        self.quantum = self.quantum.max(numbered.entry.bytes);
        self.flows.push(numbered);
    }

    pub(super) fn peek(&mut self) -> Option<&Entry<T>> {
        self.settle()?;
        self.flows.current()?.queue.front().map(|numbered| &numbered.entry)
    }

    pub(super) fn pop(&mut self) -> Option<Numbered<T>> {
        let bytes = self.settle()?;
        let flow = self.flows.current()?;
        flow.credit -= bytes;
        if flow.queue.len() == 1 {
            self.granted = false;
        }
        let first = self.flows.take();
        if self.flows.len() == 0 {
            self.quantum = QUANTUM;
        }
        first
    }

    /// Goes on to the flow that can send its first packet; returns the packet's bytes.
    fn settle(&mut self) -> Option<u64> {
        loop {
            let quantum = self.quantum;
            let flow = self.flows.current()?;
            let bytes = flow.queue.front()?.entry.bytes;
            if !self.granted {
                flow.credit += quantum * u64::from(flow.weight);
                self.granted = true;
            }
            if bytes <= flow.credit {
                return Some(bytes);
            }
            self.granted = false;
            self.flows.rotate();
        }
    }
}
