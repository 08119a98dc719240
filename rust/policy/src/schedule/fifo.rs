//! First in, first out.

use std::collections::VecDeque;

use super::{Entry, Numbered};

/// One queue for all.
#[derive(Debug)]
pub struct Fifo<T> {
    queue: VecDeque<Numbered<T>>,
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new() }
    }
}

impl<T> Fifo<T> {
    pub(super) fn push(&mut self, numbered: Numbered<T>) {
        self.queue.push_back(numbered);
    }

    pub(super) fn peek(&self) -> Option<&Entry<T>> {
        self.queue.front().map(|numbered| &numbered.entry)
    }

    pub(super) fn pop(&mut self) -> Option<Numbered<T>> {
        self.queue.pop_front()
    }
}
