//! Tasks that end by themselves, or with whoever started them.

use std::sync::{Mutex, PoisonError};

use nextmini_wire::id::NodeId;
use tokio::task::JoinSet;

use crate::event::Events;
use crate::task::reported;

/// Any number of tasks; dropping this ends all of them at their next `await`.
#[derive(Debug)]
pub struct Tasks {
    events: Events,
    running: Mutex<JoinSet<()>>,
}

impl Tasks {
    /// None yet; panics in them are reported.
    pub fn new(events: Events) -> Self {
        Self { events, running: Mutex::default() }
    }

    /// Waits until all of them have ended; dropping it ends those that are left.
    pub async fn ended(&self) {
        let mut all = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        // Panics have been reported.
        while all.join_next().await.is_some() {}
    }

    /// Starts a task of a node.
    pub fn spawn(&self, node: NodeId, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // Panics have been reported.
        while running.try_join_next().is_some() {}
        running.spawn(reported(node, name, self.events.clone(), future));
    }
}
