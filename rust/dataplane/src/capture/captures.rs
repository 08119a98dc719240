//! The captures of a process, and the links that they watch.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use nextmini_policy::link::Observed;
use nextmini_wire::pcapng::Direction;
use tokio::task::JoinHandle;

use super::recorder::Recorder;
use super::socket::Asked;
use super::writer;
use crate::link::Outgoing;
use crate::routes::Routes;

/// How long whoever watches has for the rest when everything ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a capture sees of one direction of a link.
#[derive(Debug)]
pub struct Tap {
    recorder: Arc<Recorder>,
    interface: u32,
    way: Direction,
}

impl Tap {
    /// Takes note of packets, or breaks if nobody wants them any more.
    pub fn record(&self, observed: &[Observed]) -> ControlFlow<()> {
        self.recorder.record(self.interface, self.way, observed)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Captures {
    routes: Arc<Routes>,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    recorder: Arc<Recorder>,
    writing: JoinHandle<()>,
}

impl Captures {
    /// None, in a process with these routes.
    pub fn new(routes: Arc<Routes>) -> Self {
        Self { routes, running: Vec::new() }
    }

    /// Begins one, of those links whose sending ends these are.
    pub fn begin<'a>(&mut self, asked: Asked, ends: impl IntoIterator<Item = &'a Arc<Outgoing>>) {
        self.running.retain(|capture| !capture.writing.is_finished());
        let recorder = Arc::new(Recorder::new(asked.request, Arc::clone(&self.routes)));
        ends.into_iter().for_each(|end| watch(&recorder, end));
        let writing = tokio::spawn(writer::write(Arc::clone(&recorder), asked.stream));
        self.running.push(Running { recorder, writing });
    }

    /// A sending end that is new, maybe of a link that was there before.
    pub fn join(&self, end: &Outgoing) {
        let running = self.running.iter().filter(|capture| !capture.writing.is_finished());
        running.for_each(|capture| watch(&capture.recorder, end));
    }

    /// Ends all of them, and waits until whoever watches has the rest.
    pub async fn end(&mut self) {
        let running = std::mem::take(&mut self.running);
        running.iter().for_each(|capture| capture.recorder.close());
        let farewells = async {
            for capture in running {
                if let Err(error) = capture.writing.await {
                    tracing::error!(%error, "a capture failed");
                }
            }
        };
        if tokio::time::timeout(FAREWELL, farewells).await.is_err() {
            tracing::warn!("who captures did not take the last packets within {FAREWELL:?}");
        }
    }
}

fn watch(recorder: &Arc<Recorder>, end: &Outgoing) {
    let wanted = (0..).zip(&recorder.request().links);
    for (interface, link) in wanted.filter(|(_, link)| link.link == end.link()) {
        let way = if link.from == end.from() { Direction::Outbound } else { Direction::Inbound };
        end.tap(Tap { recorder: Arc::clone(recorder), interface, way });
    }
}
