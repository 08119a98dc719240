//! One end of a tunnel: the session that it sends, and the one that it receives.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nextmini_policy::lossless::{Arrival, Checksum, Moves, Progress, Receiver, Sender, Stream};
use nextmini_policy::time::Instant;
use nextmini_wire::chain::ChainError;
use nextmini_wire::id::RouteId;
use nextmini_wire::key::{FlowKey, LOSSLESS_PROTOCOL};
use nextmini_wire::packet::{Chunk, Content, MAX_CHUNK, Packet};
use nextmini_wire::tunnel::{Reader, Record, TunnelError};
use thiserror::Error;
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::outbox::Outbox;
use super::registry::{News, Registered};
use crate::clock;
use crate::flow::source::{heard_at, sleep_until};
use crate::link::batch_bytes;
use crate::node::{Arrived, Node};
use crate::timers::{Alarm, Timers};

/// A peer that acknowledges nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(120);
/// An end that has nothing to say for so long asks the peer whether it is there.
const SILENCE: Duration = Duration::from_secs(60);
/// An end whose tunnel is over still answers for so long, in case its last answer was lost.
const REMEMBERED: Duration = Duration::from_secs(5);

/// Why a tunnel ended before its time.
#[derive(Debug, Error)]
pub enum EndError {
    /// Its peer says nothing.
    #[error("its other end has acknowledged nothing for {PATIENCE:?}")]
    Silent,
    /// Its node went down.
    #[error("its node went down")]
    Down,
    /// Its peer says what makes no sense.
    #[error("its other end sent {0}")]
    Record(#[from] TunnelError),
    /// What is to be said is no record.
    #[error("it cannot say {0}")]
    Unspeakable(#[from] ChainError),
    /// Not all of it is what was sent.
    #[error("what arrived at its other end is not what was sent")]
    Checksum,
}

/// An end.
pub struct End {
    node: Arc<Node>,
    registered: Registered,
    alarm: Alarm,
    routes_changed: watch::Receiver<()>,
    key: FlowKey,
    moves: Moves,
    class: u16,
    sender: Sender,
    outbox: Outbox,
    checksum: Checksum,
    receiver: Receiver,
    reader: Reader,
    records: Vec<Record>,
    /// The newest chunk that no acknowledgement has been sent for.
    unanswered: Option<Chunk>,
    /// When the newest chunk was to arrive: its answer was to leave then.
    due: u64,
    batch: Vec<Packet>,
    /// When the peer was heard, or had nothing to say.
    heard: Instant,
    /// When something was said.
    said: Instant,
}

/// Whether an end has more to send than others are to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    All,
    More,
}

impl End {
    /// An end at `node`, which is told by `registered` of what arrives.
    pub fn new(node: Arc<Node>, registered: Registered, timers: &Timers) -> Self {
        let name = registered.name;
        let key = FlowKey::lossless(name.ours().flow(), node.id(), name.peer);
        let class = node.class_of(name.peer, LOSSLESS_PROTOCOL);
        Self {
            routes_changed: node.routes().changes(),
            node,
            registered,
            alarm: timers.alarm(),
            key,
            moves: Moves::default(),
            class,
            sender: Sender::new(Stream::Fed(0), MAX_CHUNK, 1),
            outbox: Outbox::default(),
            checksum: Checksum::default(),
            receiver: Receiver::default(),
            reader: Reader::default(),
            records: Vec::new(),
            unanswered: None,
            due: 0,
            batch: Vec::new(),
            heard: clock::now(),
            said: clock::now(),
        }
    }

    /// The node that it is at.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// What it sends its stream by.
    pub fn key(&self) -> &FlowKey {
        &self.key
    }

    /// Bytes that the peer has not acknowledged.
    pub fn held(&self) -> usize {
        self.outbox.held()
    }

    /// Says something, when its turn comes.
    ///
    /// # Errors
    /// It cannot be said.
    pub fn say(&mut self, record: &Record) -> Result<(), EndError> {
        self.write(record.encode()?);
        Ok(())
    }

    /// Adds bytes of records to the stream.
    pub fn write(&mut self, bytes: Bytes) {
        self.checksum.write(&bytes);
        self.sender.feed(bytes.len() as u64);
        self.outbox.write(bytes);
    }

    /// Says nothing more.
    pub fn finish(&mut self) {
        self.sender.finish();
    }

    /// What the peer said since the last time.
    pub fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// The first thing that it said, and the rest stays.
    pub fn take_first(&mut self) -> Option<Record> {
        (!self.records.is_empty()).then(|| self.records.remove(0))
    }

    /// Sends what may be sent, then waits until something is heard, or `stream` is ready for one of `interest`, or time
    /// has passed.
    ///
    /// # Errors
    /// See [`EndError`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn turn(&mut self, stream: Option<(&TcpStream, Interest)>) -> Result<(), EndError> {
        let now = clock::now();
        self.sender.on_timeout(now);
        let idle = self.sender.acknowledged() == self.sender.sent();
        if idle {
            self.heard = now;
        } else if now.since(self.heard) > PATIENCE {
            return Err(EndError::Silent);
        }
        if now.since(self.said) > SILENCE {
            self.said = now;
            self.say(&Record::Grant(0))?;
        }
        if self.transmit(now) == Sent::More {
            tokio::task::yield_now().await;
        } else {
            let wake = [self.sender.deadline(), Some(now + SILENCE)].into_iter().flatten().min();
            tokio::select! {
                biased;
                news = self.registered.news.recv() => self.hear(news.ok_or(EndError::Down)?)?,
                () = ready(stream) => {}
                () = sleep_until(&mut self.alarm, wake) => {}
                _ = self.routes_changed.changed() => {}
            }
        }
        while let Ok(news) = self.registered.news.try_recv() {
            self.hear(news)?;
        }
        match self.sender.progress() {
            Progress::Complete(theirs) if theirs != self.checksum.finish() => Err(EndError::Checksum),
            _ => Ok(()),
        }
    }

    /// Waits until the peer has everything that was said, and then for as long as it may ask again.
    ///
    /// # Errors
    /// See [`EndError`].
    pub async fn linger(&mut self) -> Result<(), EndError> {
        self.finish();
        while self.sender.progress() == Progress::Going || self.receiver.checksum().is_none() {
            self.turn(None).await?;
            // Nobody wants it any more.
            self.records.clear();
        }
        let until = clock::now() + REMEMBERED;
        while clock::now() < until {
            self.transmit(clock::now());
            tokio::select! {
                news = self.registered.news.recv() => self.hear(news.ok_or(EndError::Down)?)?,
                () = sleep_until(&mut self.alarm, Some(until)) => {}
            }
        }
        Ok(())
    }

    fn hear(&mut self, news: News) -> Result<(), EndError> {
        match news {
            News::Arrived(piece) => self.take_piece(&piece)?,
            News::Ack { ack, due } => {
                self.heard = clock::now();
                self.sender.on_ack(&ack, heard_at(due, ack.echo));
                self.outbox.forget(self.sender.acknowledged());
            }
            News::Broken(links) => {
                let routes = self.node.routes().load();
                let route = self.moves.last().filter(|&id| routes.holds(id));
                let here = self.node.id();
                let crosses = |id| links.iter().any(|link| routes.may_cross(id, here, (link.a, link.b)));
                if route.is_none_or(crosses) {
                    self.sender.on_broken_link();
                }
            }
        }
        Ok(())
    }

    fn take_piece(&mut self, piece: &Arrived) -> Result<(), EndError> {
        let Content::Chunk(chunk) = piece.content else { return Ok(()) };
        self.due = self.due.max(piece.due);
        let (mut read, reader, records) = (Ok(()), &mut self.reader, &mut self.records);
        let arrival = self.receiver.on_chunk_for(&chunk, piece.payload.clone(), |bytes| {
            if read.is_ok() {
                read = reader.read(bytes, |record| records.push(record));
            }
        });
        match arrival {
            Arrival::Next if !chunk.ask => {}
            Arrival::Next => self.unanswered = Some(chunk),
            Arrival::Ahead | Arrival::Again | Arrival::Complete => {
                // Each is an answer of its own: the sender counts them.
                self.answer(chunk);
            }
            Arrival::Refused => {}
        }
        Ok(read?)
    }

    /// Prepares the answer to `chunk`, or keeps it for when there is a route back.
    fn answer(&mut self, chunk: Chunk) {
        let Some(route) = self.route() else {
            self.unanswered = Some(chunk);
            return;
        };
        let content = Content::Ack(self.receiver.ack(&chunk));
        let answer = Packet::new(route, self.node.hop_limit(), self.key.label(), content, Bytes::new());
        self.batch.push(Packet { due: self.due, ..answer });
    }

    fn route(&self) -> Option<RouteId> {
        self.node.route_of(&self.key, self.registered.name.peer, clock::now())
    }

    fn transmit(&mut self, now: Instant) -> Sent {
        if let Some(chunk) = self.unanswered.take() {
            self.answer(chunk);
        }
        let mut sent = Sent::All;
        if let Some(route) = self.route() {
            self.moves.take(route, now);
            let table = self.node.routes().load();
            if let Some(left) = self.moves.gone(&table) {
                self.sender.on_lost_route(left);
            }
            let largest = table.chunk(route, self.node.id()).map_or(MAX_CHUNK, |bytes| bytes as usize);
            drop(table);
            self.sender.set_chunk(largest);
            let mut bytes = 0;
            while let Some(segment) = self.sender.poll_transmit(now) {
                let payload = self.outbox.slice(segment.offset, segment.length);
                let (flow, offset) = (self.registered.name.ours().flow(), segment.offset);
                let chunk = Chunk { flow, offset, sent_at: now.0, last: segment.last, ask: segment.ask };
                let content = Content::Chunk(chunk);
                let packet = Packet::new(route, self.node.hop_limit(), self.key.label(), content, payload);
                self.batch.push(Packet { class: self.class, ..packet });
                bytes += segment.length;
                self.said = now;
                if bytes >= batch_bytes() {
                    sent = Sent::More;
                    break;
                }
            }
        }
        if !self.batch.is_empty() {
            self.node.process(&mut self.batch, None);
        }
        sent
    }
}

async fn ready(stream: Option<(&TcpStream, Interest)>) {
    let ready: std::io::Result<Ready> = match stream {
        Some((stream, interest)) => stream.ready(interest).await,
        None => std::future::pending().await,
    };
    // What is wrong with it is heard when it is used.
    drop(ready);
}
