//! The sending end of a lossless session.
//!
//! Ask [`Sender::poll_transmit`] until it has nothing more; tell it of acknowledgements, broken links
//! and the passing of [`Sender::deadline`].

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use nextmini_wire::packet::Ack;

use super::rtt::Rtt;
use super::window::{Position, Window};
use crate::time::Instant;

/// An acknowledgement is asked for every second chunk, as TCP's receivers do (RFC 5681, section 4.2):
/// each costs every hop as many system calls as a chunk does, while fewer would make bursts that look
/// like queues.
const CHUNKS_AN_ASK: u64 = 2;
/// And so many times while a window's worth is sent, or a small window would wait for it.
const ASKS_A_WINDOW: u64 = 4;
/// A chunk counts as lost once so many later ones were acknowledged.
const LATER: u8 = 2;

/// How long a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// So many bytes.
    Bytes(u64),
    /// Until [`Sender::finish`].
    Open,
    /// So many bytes so far; see [`Sender::feed`].
    Fed(u64),
}

/// A piece of the stream to send now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it begins.
    pub offset: u64,
    /// Its length in bytes; 0 only for the end of a stream that needs no more data.
    pub length: usize,
    /// Whether the stream ends with it.
    pub last: bool,
    /// Whether it was sent before.
    pub again: bool,
    /// Whether to ask for an acknowledgement.
    pub ask: bool,
}

/// What an acknowledgement brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The stream goes on.
    Going,
    /// The receiver has all of it, with this xxh3.
    Complete(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    UnderWay,
    Lost,
    Arrived,
}

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    segment: Segment,
    sent_at: Instant,
    fate: Fate,
    later: u8,
}

/// The sending end.
#[derive(Debug)]
pub struct Sender {
    stream: Stream,
    chunk: usize,
    sent: u64,
    end_sent: bool,
    /// Bytes sent since an acknowledgement was last asked for: always less than a quarter of the window,
    /// so that a sender whose window is full has one coming.
    unasked: u64,
    acknowledged: u64,
    under_way: u64,
    outstanding: VecDeque<Outstanding>,
    lost: BTreeSet<u64>,
    retransmitted: u64,
    timeouts: u64,
    rtt: Rtt,
    window: Window,
    progress: Progress,
}

impl Sender {
    /// A session of this weight that sends `stream` in pieces of up to `chunk` bytes, at least 1.
    pub fn new(stream: Stream, chunk: usize, weight: u32) -> Self {
        Self {
            stream,
            chunk: chunk.max(1),
            sent: 0,
            end_sent: false,
            unasked: 0,
            acknowledged: 0,
            under_way: 0,
            outstanding: VecDeque::new(),
            lost: BTreeSet::new(),
            retransmitted: 0,
            timeouts: 0,
            rtt: Rtt::default(),
            window: Window::new(chunk, weight),
            progress: Progress::Going,
        }
    }

    /// Sends pieces of up to `chunk` bytes, at least 1, from now on. Those that were sent before keep their
    /// size, also when they are sent again.
    pub fn set_chunk(&mut self, chunk: usize) {
        let chunk = chunk.max(1);
        if chunk != self.chunk {
            self.chunk = chunk;
            self.window.set_chunk(chunk);
        }
    }

    /// Has this weight from now on.
    pub fn set_weight(&mut self, weight: u32) {
        self.window.set_weight(weight);
    }

    /// The next piece to send, while the window allows one. It counts as sent.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Segment> {
        if matches!(self.progress, Progress::Complete(_)) {
            return None;
        }
        if let Some(segment) = self.resend(now) {
            return Some(segment);
        }
        if self.under_way > 0 && self.rtt.least().is_none() {
            // The first chunk goes alone: what it takes is the least that it can take, and flows that begin together
            // do not take each other's chunks for the length of the path.
            return None;
        }
        let mut segment = self.fresh()?;
        if self.under_way > 0 && self.under_way + segment.length as u64 > self.window.bytes() {
            self.window.filled();
            return None;
        }
        self.sent += segment.length as u64;
        self.end_sent = segment.last;
        self.unasked += segment.length as u64;
        let interval = (CHUNKS_AN_ASK * self.chunk as u64).min(self.window.bytes() / ASKS_A_WINDOW);
        // Nothing may follow for long that would ask.
        let dry = self.stream == Stream::Fed(self.sent);
        segment.ask = segment.last || dry || self.unasked >= interval || self.rtt.least().is_none();
        if segment.ask {
            self.unasked = 0;
        }
        self.under_way += segment.length as u64;
        self.outstanding.push_back(Outstanding { segment, sent_at: now, fate: Fate::UnderWay, later: 0 });
        Some(segment)
    }

    /// Takes an acknowledgement; one that makes no sense for this stream is ignored.
    pub fn on_ack(&mut self, ack: &Ack, now: Instant) -> Progress {
        if ack.cumulative > self.sent || ack.echo > now.0 {
            return self.progress;
        }
        if let Some(checksum) = ack.complete
            && self.end_sent
        {
            self.acknowledged = self.sent;
            self.outstanding.clear();
            self.lost.clear();
            self.under_way = 0;
            self.progress = Progress::Complete(checksum);
            return self.progress;
        }
        self.mark_arrived(ack);
        let rtt = Duration::from_nanos(now.0 - ack.echo);
        self.rtt.sample(rtt);
        let position = Position { acknowledged: self.acknowledged, sent: self.sent };
        self.window.acknowledged(position, rtt, self.rtt.least().unwrap_or(rtt), now);
        self.progress
    }

    /// A link of the route broke: whatever was under way may be gone.
    pub fn on_broken_link(&mut self) {
        for at in 0..self.outstanding.len() {
            self.lose(at);
        }
    }

    /// A route was taken away that this session had left at `left`: what was under way by then may be gone.
    pub fn on_lost_route(&mut self, left: Instant) {
        for at in 0..self.outstanding.len() {
            if self.outstanding[at].sent_at <= left {
                self.lose(at);
            }
        }
    }

    /// The deadline passed: pieces of which nothing was heard for as long are sent again.
    pub fn on_timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        let sent_before = now - self.rtt.timeout();
        self.rtt.back_off();
        self.timeouts += 1;
        for at in 0..self.outstanding.len() {
            if self.outstanding[at].sent_at <= sent_before {
                self.lose(at);
            }
        }
    }

    /// When to call [`Self::on_timeout`].
    pub fn deadline(&self) -> Option<Instant> {
        let oldest = self.outstanding.iter().filter(|piece| piece.fate == Fate::UnderWay);
        oldest.map(|piece| piece.sent_at).next().map(|sent_at| sent_at + self.rtt.timeout())
    }

    /// Ends an open stream after what has been sent, and a fed one after what it was fed.
    pub fn finish(&mut self) {
        self.stream = Stream::Bytes(match self.stream {
            Stream::Fed(bytes) | Stream::Bytes(bytes) => bytes,
            Stream::Open => self.sent,
        });
    }

    /// A fed stream has so many more bytes.
    pub fn feed(&mut self, bytes: u64) {
        if let Stream::Fed(total) = &mut self.stream {
            *total += bytes;
        }
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Bytes sent, not counting those sent again.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Pieces sent again.
    pub fn retransmitted(&self) -> u64 {
        self.retransmitted
    }

    /// How often [`Self::on_timeout`] came when nothing had been heard for so long.
    pub fn timeouts(&self) -> u64 {
        self.timeouts
    }

    /// Smoothed round-trip time.
    pub fn smoothed_rtt(&self) -> Option<Duration> {
        self.rtt.smoothed()
    }

    /// The window, in bytes.
    pub fn window(&self) -> u64 {
        self.window.bytes()
    }

    fn resend(&mut self, now: Instant) -> Option<Segment> {
        let offset = *self.lost.first()?;
        let at = self.index_of(offset)?;
        let piece = &mut self.outstanding[at];
        let length = piece.segment.length as u64;
        if self.under_way > 0 && self.under_way + length > self.window.bytes() {
            return None;
        }
        self.lost.remove(&offset);
        (piece.fate, piece.sent_at, piece.later) = (Fate::UnderWay, now, 0);
        (piece.segment.again, piece.segment.ask) = (true, true);
        self.under_way += length;
        self.retransmitted += 1;
        Some(piece.segment)
    }

    fn fresh(&self) -> Option<Segment> {
        if self.end_sent {
            return None;
        }
        let (left, ends) = match self.stream {
            Stream::Bytes(total) => (total.saturating_sub(self.sent), true),
            Stream::Open => (u64::MAX, false),
            Stream::Fed(total) if total == self.sent => return None,
            Stream::Fed(total) => (total - self.sent, false),
        };
        let length = left.min(self.chunk as u64) as usize;
        let last = ends && length as u64 == left;
        Some(Segment { offset: self.sent, length, last, again: false, ask: false })
    }

    fn mark_arrived(&mut self, ack: &Ack) {
        while let Some(first) = self.outstanding.front() {
            let end = first.segment.offset + first.segment.length as u64;
            if first.segment.last || end > ack.cumulative {
                break;
            }
            self.settle(0);
            self.outstanding.pop_front();
        }
        self.acknowledged = self.acknowledged.max(ack.cumulative);
        // A piece that arrived ahead of its turn: those before it that left earlier are suspects.
        let Some(at) = self.index_of(ack.latest).filter(|_| ack.latest > ack.cumulative) else {
            return;
        };
        self.settle(at);
        let sent_at = Instant(ack.echo);
        for earlier in 0..at {
            let piece = &mut self.outstanding[earlier];
            if piece.fate == Fate::UnderWay && piece.sent_at <= sent_at {
                piece.later += 1;
                if piece.later >= LATER {
                    self.lose(earlier);
                }
            }
        }
    }

    /// The piece has arrived.
    fn settle(&mut self, at: usize) {
        let piece = &mut self.outstanding[at];
        match piece.fate {
            Fate::UnderWay => self.under_way -= piece.segment.length as u64,
            Fate::Lost => {
                self.lost.remove(&piece.segment.offset);
            }
            Fate::Arrived => {}
        }
        piece.fate = Fate::Arrived;
    }

    /// The piece is to be sent again.
    fn lose(&mut self, at: usize) {
        let piece = &mut self.outstanding[at];
        if piece.fate == Fate::UnderWay {
            piece.fate = Fate::Lost;
            self.under_way -= piece.segment.length as u64;
            self.lost.insert(piece.segment.offset);
        }
    }

    fn index_of(&self, offset: u64) -> Option<usize> {
        self.outstanding.binary_search_by_key(&offset, |piece| piece.segment.offset).ok()
    }
}
