//! The bytes of a declared flow, from memory into its connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nextmini_policy::time::Instant;
use nextmini_sys::socket::{Ending, end_sending, receive, send, set_ending};
use nextmini_sys::watched::Watched;
use nextmini_wire::control::Flow;
use thiserror::Error;
use tokio::io::Interest;

use super::gate::{Lost, Way};
use crate::clock;
use crate::flow::source::{Stats, seconds, sleep_until};
use crate::flow::terms::{Pace, Terms, bytes_within};
use crate::timers::Alarm;

/// Bytes that are asked for before they are sent, at most.
pub const BUFFER: usize = 256 * 1024;
/// A flow with a rate asks for what it may send in so long.
const PIECE: Duration = Duration::from_millis(2);

/// Why the bytes did not arrive.
#[derive(Debug, Error)]
pub enum PushError {
    /// The connection failed.
    #[error("its connection broke ({0})")]
    Io(#[from] io::Error),
    /// The way to it did.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Bytes on their way into a connection.
#[derive(Debug)]
pub struct Push {
    far: Watched,
    way: Option<Way>,
    data: Bytes,
    size: u64,
    terms: Arc<Terms>,
    duration: Option<Duration>,
    stats: Arc<Stats>,
    asked: u64,
    granted: u64,
    sent: u64,
}

impl Push {
    /// What `flow` sends to `far`, of which a failure is to be heard at both ends: `data`, [`BUFFER`] bytes of it, again
    /// and again.
    ///
    /// # Errors
    /// The connection has failed already.
    pub fn new(
        far: Watched,
        way: Option<Way>,
        (flow, terms): (&Flow, &Arc<Terms>),
        data: Bytes,
        stats: Arc<Stats>,
    ) -> io::Result<Self> {
        set_ending(&far, Ending::Reset)?;
        Ok(Self {
            far,
            way,
            data,
            size: flow.size.unwrap_or(u64::MAX),
            terms: Arc::clone(terms),
            duration: flow.duration.map(seconds),
            stats,
            asked: 0,
            granted: 0,
            sent: 0,
        })
    }

    /// Bytes that the kernel has taken.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// No more is to be sent, and what was sent is to arrive.
    pub fn give_up(&self) {
        if let Err(error) = set_ending(&self.far, Ending::Orderly) {
            tracing::debug!(%error, "the connection of a max flow that is stopped has gone already");
        }
    }

    /// Sends everything, and waits until the other end has said that it has it.
    ///
    /// # Errors
    /// See [`PushError`].
    pub async fn run(&mut self, alarm: &mut Alarm) -> Result<(), PushError> {
        let began = clock::now();
        let mut pace = Pace::new(self.terms.rate(), began);
        let mut changes = self.terms.changes();
        let ends_at = self.duration.map(|duration| began + duration);
        loop {
            let now = clock::now();
            if ends_at.is_some_and(|ends_at| now >= ends_at) {
                self.size = self.size.min(self.asked);
            }
            pace.set(self.terms.rate(), now);
            let ready = self.ask(&mut pace, now);
            if let Some(way) = &mut self.way {
                self.granted += way.take()?;
            }
            let written = self.write()?;
            self.stats.set_sent(self.sent);
            if self.sent == self.size {
                end_sending(&self.far)?;
                return self.acknowledged().await;
            }
            if written > 0 {
                tokio::task::consume_budget().await;
                continue;
            }
            let blocked = self.granted > self.sent;
            let wake = ready.into_iter().chain(ends_at).filter(|&at| at > now).min();
            let news = async {
                match &self.way {
                    Some(way) if way.waits() => way.news().await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                ready = self.far.ready(Interest::WRITABLE), if blocked => ready.map(drop)?,
                () = news => {}
                _ = changes.changed() => {}
                () = sleep_until(alarm, wake) => {}
            }
        }
    }

    /// Asks for as much as there is room for; if the rate does not allow it yet, when it does.
    fn ask(&mut self, pace: &mut Pace, now: Instant) -> Option<Instant> {
        let room = self.way.as_ref().map_or(u64::MAX, Way::room);
        let buffered = self.asked - self.sent;
        let most = room.min(BUFFER as u64 - buffered).min(self.size - self.asked);
        let bytes = match (pace.ready(), pace.rate()) {
            (Some(ready), Some(rate)) if most > 0 => {
                if ready > now {
                    return Some(ready);
                }
                let bytes = most.min(bytes_within(rate, PIECE).max(1_460));
                pace.spend(bytes, now);
                bytes
            }
            _ => most,
        };
        self.asked += bytes;
        match &mut self.way {
            // No more than what the buffer has room for.
            Some(way) => way.ask(bytes as usize),
            None => self.granted += bytes,
        }
        None
    }

    /// Sends what was granted, as far as the kernel takes it.
    fn write(&mut self) -> io::Result<u64> {
        let before = self.sent;
        while self.granted > self.sent {
            let bytes = usize::try_from(self.granted - self.sent).unwrap_or(BUFFER).min(BUFFER);
            match self.far.try_io(Interest::WRITABLE, |socket| send(socket, &self.data[..bytes])) {
                Ok(sent) => self.sent += sent as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(self.sent - before)
    }

    /// The other end closes its side when it has all.
    async fn acknowledged(&self) -> Result<(), PushError> {
        loop {
            match self.far.try_io(Interest::READABLE, |socket| receive(socket, &mut [0; 64])) {
                Ok(0) => return Ok(set_ending(&self.far, Ending::Orderly)?),
                // Sinks say nothing.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.far.ready(Interest::READABLE).await.map(drop)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
