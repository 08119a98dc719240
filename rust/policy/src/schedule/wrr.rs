//! Weighted round robin: in its turn, a flow sends as many packets as its weight (Katevenis, Sidiropoulos and
//! Courcoubetis, IEEE JSAC 1991).

use super::flows::Flows;
use super::{Entry, Numbered};

/// A queue for each flow.
#[derive(Debug)]
pub struct Wrr<T> {
    flows: Flows<T>,
}

impl<T> Default for Wrr<T> {
    fn default() -> Self {
        Self { flows: Flows::default() }
    }
}

impl<T> Wrr<T> {
    pub(super) fn flows(&self) -> usize {
        self.flows.len()
    }

    pub(super) fn push(&mut self, numbered: Numbered<T>) {
        self.flows.push(numbered);
    }

    pub(super) fn peek(&mut self) -> Option<&Entry<T>> {
        self.flows.current()?.queue.front().map(|numbered| &numbered.entry)
    }

    pub(super) fn pop(&mut self) -> Option<Numbered<T>> {
        let flow = self.flows.current()?;
        if flow.credit == 0 {
            flow.credit = u64::from(flow.weight);
        }
        flow.credit -= 1;
        let (turn_ends, flow_ends) = (flow.credit == 0, flow.queue.len() == 1);
        let first = self.flows.take();
        if turn_ends && !flow_ends {
            self.flows.rotate();
        }
        first
    }
}
