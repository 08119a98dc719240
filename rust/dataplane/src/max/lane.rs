//! One direction of a flow within a process: from one socket into a pipe, and out of it into another as far as the
//! links in between allow.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use nextmini_sys::pipe::{Filled, Pipe};
use nextmini_sys::socket::end_sending;
use nextmini_sys::watched::Watched;
use thiserror::Error;
use tokio::io::Interest;

use super::gate::{Lost, Way};
use super::pipes::Pipes;

/// Bytes after which others have the core.
const TURN: usize = 1024 * 1024;

/// Why a direction ended before its time.
#[derive(Debug, Error)]
pub enum LaneError {
    /// Where the bytes come from.
    #[error("cannot receive ({0})")]
    Source(#[source] io::Error),
    /// Where they go.
    #[error("cannot send ({0})")]
    Sink(#[source] io::Error),
    /// The way between.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// There is no pipe to be had.
    #[error("no pipe ({0})")]
    Pipe(#[source] io::Error),
}

/// A direction.
#[derive(Debug)]
pub struct Lane<'a> {
    from: &'a Watched,
    to: &'a Watched,
    /// Over which links; none if there are none.
    way: Option<Way>,
    pipes: &'a Pipes,
    pipe: Option<Pipe>,
    /// Bytes of those in the pipe that may leave.
    granted: u64,
    ended: bool,
    carried: &'a AtomicU64,
}

/// What a direction waits for.
#[derive(Clone, Copy, Debug, Default)]
struct Waits {
    source: bool,
    sink: bool,
}

impl<'a> Lane<'a> {
    /// The direction from one socket to another, both of which are watched for reading and writing; `carried`
    /// counts the bytes.
    pub fn new(
        (from, to): (&'a Watched, &'a Watched),
        way: Option<Way>,
        pipes: &'a Pipes,
        carried: &'a AtomicU64,
    ) -> Self {
        Self { from, to, way, pipes, pipe: None, granted: 0, ended: false, carried }
    }

    /// Passes on what comes until it ends, and then that it has ended.
    ///
    /// # Errors
    /// See [`LaneError`]. What is in the pipe is lost then.
    pub async fn run(mut self) -> Result<(), LaneError> {
        let mut turn = 0;
        loop {
            let mut waits = Waits::default();
            let filled = self.fill(&mut waits)?;
            self.collect()?;
            let drained = self.drain(&mut waits)?;
            if self.ended && self.held() == 0 {
                self.rest();
                return end_sending(self.to).map_err(LaneError::Sink);
            }
            if filled + drained == 0 {
                turn = 0;
                self.wait(waits).await?;
                continue;
            }
            turn += filled;
            if turn >= TURN {
                turn = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes what there is, and asks for leave to pass it on.
    fn fill(&mut self, waits: &mut Waits) -> Result<usize, LaneError> {
        let room = self.way.as_ref().map_or(u64::MAX, Way::room);
        if self.ended || room == 0 {
            return Ok(0);
        }
        let mut pipe = match self.pipe.take() {
            Some(pipe) => pipe,
            None => self.pipes.take().map_err(LaneError::Pipe)?,
        };
        let most = usize::try_from(room).unwrap_or(usize::MAX).min(pipe.capacity());
        let filled = self.from.try_io(Interest::READABLE, |from| match pipe.fill(from, most)? {
            // Only what the source lacks is to be waited for at the source.
            Filled::SourceEmpty => Err(io::ErrorKind::WouldBlock.into()),
            filled => Ok(filled),
        });
        self.pipe = Some(pipe);
        match filled {
            Ok(Filled::Bytes(bytes)) => {
                match &mut self.way {
                    Some(way) => way.ask(bytes),
                    None => self.granted += bytes as u64,
                }
                return Ok(bytes);
            }
            Ok(Filled::Ended) => self.ended = true,
            Ok(Filled::PipeFull) => {}
            Ok(Filled::SourceEmpty) => waits.source = true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => waits.source = true,
            Err(error) => return Err(LaneError::Source(error)),
        }
        Ok(0)
    }

    fn collect(&mut self) -> Result<(), LaneError> {
        if let Some(way) = &mut self.way {
            self.granted += way.take()?;
        }
        Ok(())
    }

    /// Passes on what may leave.
    fn drain(&mut self, waits: &mut Waits) -> Result<usize, LaneError> {
        let Some(pipe) = &mut self.pipe else { return Ok(0) };
        let mut drained = 0;
        while self.granted > 0 && pipe.held() > 0 {
            let most = usize::try_from(self.granted).unwrap_or(usize::MAX);
            match self.to.try_io(Interest::WRITABLE, |to| pipe.drain(to, most)) {
                Ok(bytes) => {
                    self.granted -= bytes as u64;
                    drained += bytes;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    waits.sink = true;
                    break;
                }
                Err(error) => return Err(LaneError::Sink(error)),
            }
        }
        self.carried.fetch_add(drained as u64, Ordering::Relaxed);
        Ok(drained)
    }

    async fn wait(&mut self, waits: Waits) -> Result<(), LaneError> {
        if self.held() == 0 {
            self.rest();
        }
        let news = async {
            match &self.way {
                Some(way) if way.waits() => way.news().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            ready = self.from.ready(Interest::READABLE), if waits.source => {
                ready.map(drop).map_err(LaneError::Source)?;
            }
            ready = self.to.ready(Interest::WRITABLE), if waits.sink => {
                ready.map(drop).map_err(LaneError::Sink)?;
            }
            () = news => {}
        }
        Ok(())
    }

    fn held(&self) -> usize {
        self.pipe.as_ref().map_or(0, Pipe::held)
    }

    /// Lets others have the pipe.
    fn rest(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            self.pipes.give(pipe);
        }
    }
}
