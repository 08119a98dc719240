//! A queue for each flow, and whose turn it is.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::Numbered;

/// What waits of a flow.
#[derive(Debug)]
pub struct Flow<T> {
    /// In order of arrival; never empty between two calls.
    pub(super) queue: VecDeque<Numbered<T>>,
    /// The newest that was heard.
    pub(super) weight: u16,
    /// What it may still send in its turn: packets or bytes.
    pub(super) credit: u64,
}

/// Flows that have something to send, in the order of their turns.
#[derive(Debug)]
pub struct Flows<T> {
    turns: VecDeque<u64>,
    flows: FxHashMap<u64, Flow<T>>,
}

impl<T> Default for Flows<T> {
    fn default() -> Self {
        Self { turns: VecDeque::new(), flows: FxHashMap::default() }
    }
}

impl<T> Flows<T> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.turns.len()
    }

    /// Puts an entry behind those of its flow; a new flow has its first turn after all others.
    pub(super) fn push(&mut self, numbered: Numbered<T>) {
        let (key, weight) = (numbered.entry.key, numbered.entry.weight.max(1));
        let turns = &mut self.turns;
        let flow = self.flows.entry(key).or_insert_with(|| {
            turns.push_back(key);
            Flow { queue: VecDeque::new(), weight, credit: 0 }
        });
        flow.weight = weight;
        flow.queue.push_back(numbered);
    }

    /// The flow whose turn it is.
    pub(super) fn current(&mut self) -> Option<&mut Flow<T>> {
        self.flows.get_mut(self.turns.front()?)
    }

    /// Ends the current flow's turn.
    pub(super) fn rotate(&mut self) {
        self.turns.rotate_left(usize::from(!self.turns.is_empty()));
    }

    /// Takes the current flow's first entry; a flow that has no other ends with it.
    pub(super) fn take(&mut self) -> Option<Numbered<T>> {
        let key = *self.turns.front()?;
        let flow = self.flows.get_mut(&key)?;
        let first = flow.queue.pop_front();
        if flow.queue.is_empty() {
            self.flows.remove(&key);
            self.turns.pop_front();
        }
        first
    }
}
