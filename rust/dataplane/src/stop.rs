//! When a process is to end.

use std::io::{self, Read as _};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// When a process is to end: SIGTERM, SIGINT, or the end of its parent.
#[derive(Debug)]
pub struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
    parent: watch::Receiver<bool>,
    _orphan: watch::Sender<bool>,
}

impl StopSignal {
    /// Listens from now on; to the end of standard input only `exit_with_parent`.
    ///
    /// # Errors
    /// The system has no more threads or signal handlers to give.
    pub fn new(exit_with_parent: bool) -> io::Result<Self> {
        let (orphan, parent) = watch::channel(false);
        if exit_with_parent {
            let orphan = orphan.clone();
            // Not a task: a blocking read cannot be cancelled, and a runtime would wait for it.
            std::thread::Builder::new().name("parent".to_owned()).spawn(move || {
                let mut ignored = [0; 256];
                while matches!(io::stdin().read(&mut ignored), Ok(1..)) {}
                orphan.send_replace(true);
            })?;
        }
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, parent, _orphan: orphan })
    }

    /// Waits until it is time.
    ///
    /// # Cancel safety
    /// A signal that was not waited for is seen by the next call.
    pub async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.parent.wait_for(|orphan| *orphan) => {}
        }
    }
}
