//! Tasks with a name and an owner: dropped with it, and heard when they panic.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use nextmini_wire::id::NodeId;
use tokio::task::JoinHandle;

use crate::event::{Event, Events, report};

/// A running task; dropping it ends the task at its next `await`.
#[derive(Debug)]
pub struct Task {
    handle: JoinHandle<()>,
}

impl Task {
    /// Starts a task of a node. A panic in it is reported, with the task's name, as that node's failure.
    pub fn spawn<F>(node: NodeId, name: &'static str, events: Events, future: F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { handle: tokio::spawn(reported(node, name, events, future)) }
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.handle.is_finished()
    }

    /// Waits until the task has ended.
    pub async fn ended(mut self) {
        // Either it ran to its end, or somebody aborted it: both are ends.
        let _ended = (&mut self.handle).await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// A task of a node, of which a panic is reported, with its name, as that node's failure.
pub async fn reported(node: NodeId, name: &'static str, events: Events, future: impl Future<Output = ()>) {
    if let Err(panic) = AssertUnwindSafe(future).catch_unwind().await {
        let reason = format!("its {name} panicked: {}", message(&*panic));
        report(&events, Event::NodeFailed { node, reason });
    }
}

/// Does a node's work in a task that may be another node's: a panic in it is reported as the failure of
/// the node whose work it is, and goes no further. Whether there was none.
pub fn guarded(node: NodeId, name: &'static str, events: &Events, work: impl FnOnce()) -> bool {
    match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(()) => true,
        Err(panic) => {
            let reason = format!("its {name} panicked: {}", message(&*panic));
            report(events, Event::NodeFailed { node, reason });
            false
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "no message"
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    #[tokio::test]
    async fn a_panic_is_reported_as_the_nodes_failure() {
        let (events, mut heard) = mpsc::unbounded_channel();
        let task = Task::spawn(NodeId(7), "sink", events, async { panic!("no more {}", "room") });
        task.ended().await;
        let reason = "its sink panicked: no more room".to_owned();
        assert_eq!(heard.recv().await, Some(Event::NodeFailed { node: NodeId(7), reason }));
    }

    #[test]
    fn a_panic_in_a_guest_is_the_guests_failure() {
        let (events, mut heard) = mpsc::unbounded_channel();
        assert!(guarded(NodeId(7), "processor", &events, || {}));
        assert!(heard.try_recv().is_err());
        assert!(!guarded(NodeId(7), "processor", &events, || panic!("out of cheese")));
        let reason = "its processor panicked: out of cheese".to_owned();
        assert_eq!(heard.try_recv(), Ok(Event::NodeFailed { node: NodeId(7), reason }));
    }

    #[tokio::test]
    async fn dropping_a_task_ends_it() {
        let (events, _heard) = mpsc::unbounded_channel();
        let (alive, gone) = oneshot::channel::<()>();
        let task = Task::spawn(NodeId(7), "source", events, async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        drop(task);
        assert!(gone.await.is_err());
    }
}
