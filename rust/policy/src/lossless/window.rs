//! How much of a session may be under way.
//!
//! After TCP Vegas (Brakmo and Peterson, IEEE JSAC 1995): once a round trip, compare the time it took
//! with the least ever seen; the difference times the rate is what this session keeps standing in the
//! path's queues, and the window grows or shrinks to keep that between two bounds. Round robin
//! disciplines then always find a backlog to share out, while queues stay short.

use std::time::Duration;

use crate::time::Instant;

/// Below so many chunks in queues, the window grows; above so many, it shrinks. Vegas has 1 and 3 packets. Single packets
/// wait at an emulated link, and are to be there when their turn comes; large chunks cross hops of one machine, which
/// are to find more than one to pass on at a time.
const PACKETS: Standing = Standing { low: 4, high: 8 };
const LARGE_CHUNKS: Standing = Standing { low: 6, high: 12 };
/// It is never smaller than so many chunks.
const LEAST: u64 = 2;
/// It starts with so many chunks.
const START: u64 = 4;
/// A flow of a larger weight keeps so many times more standing, up to here: round robin sends more of them in its
/// turn, and they are to be there when it comes.
const MOST_WEIGHT: u32 = 32;
/// That is for chunks of up to so many bytes: links that share by weight have chunks of one packet.
const SMALL_CHUNK: u64 = 16 * 1024;

/// A session's window, in bytes.
#[derive(Clone, Debug)]
pub struct Window {
    chunk: u64,
    bytes: u64,
    slow_start: bool,
    round: Option<Round>,
    largest_bdp: u64,
    weight: u32,
}

/// Chunks in queues.
#[derive(Clone, Copy, Debug)]
struct Standing {
    low: u64,
    high: u64,
}

/// One round trip: from when its last byte was sent to when that byte is acknowledged.
#[derive(Clone, Copy, Debug)]
struct Round {
    began: Instant,
    acknowledged: u64,
    ends_at: u64,
    least_rtt: Option<Duration>,
    filled: bool,
}

/// Where the stream stands.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// Bytes acknowledged.
    pub acknowledged: u64,
    /// Bytes sent for the first time.
    pub sent: u64,
}

impl Window {
    /// The window of a session of this weight that sends chunks of up to `chunk` bytes.
    pub fn new(chunk: usize, weight: u32) -> Self {
        let chunk = chunk.max(1) as u64;
        Self { chunk, bytes: START * chunk, slow_start: true, round: None, largest_bdp: 0, weight }
    }

    /// Counts in chunks of up to `chunk` bytes from now on; it begins anew if it was never adjusted.
    pub fn set_chunk(&mut self, chunk: usize) {
        let untouched = self.round.is_none() && self.bytes == START * self.chunk;
        self.chunk = chunk.max(1) as u64;
        let least = if untouched { START } else { LEAST };
        self.bytes = if untouched { 0 } else { self.bytes }.max(least * self.chunk);
    }

    /// Its session has this weight from now on.
    pub fn set_weight(&mut self, weight: u32) {
        self.weight = weight;
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The sender had more to send than the window let it.
    pub fn filled(&mut self) {
        if let Some(round) = &mut self.round {
            round.filled = true;
        }
    }

    /// An acknowledgement arrived; `rtt` is the time that its chunk took, `least` the least of the path.
    pub fn acknowledged(&mut self, at: Position, rtt: Duration, least: Duration, now: Instant) {
        let Some(round) = &mut self.round else {
            self.begin_round(at, now);
            return;
        };
        round.least_rtt = Some(round.least_rtt.map_or(rtt, |known| known.min(rtt)));
        if at.acknowledged < round.ends_at {
            return;
        }
        let round = *round;
        self.begin_round(at, now);
        if let Some(rtt) = round.least_rtt {
            self.adjust(&round, at.acknowledged - round.acknowledged, rtt, least, now);
        }
    }

    fn begin_round(&mut self, at: Position, now: Instant) {
        self.round = Some(Round {
            began: now,
            acknowledged: at.acknowledged,
            ends_at: at.sent.max(at.acknowledged + 1),
            least_rtt: None,
            filled: false,
        });
    }

    fn adjust(&mut self, round: &Round, delivered: u64, rtt: Duration, least: Duration, now: Instant) {
        let took = now.since(round.began).as_nanos().max(1);
        let bdp = u128::from(delivered) * least.as_nanos() / took;
        self.largest_bdp = self.largest_bdp.max(u64::try_from(bdp).unwrap_or(u64::MAX));
        let (rtt_ns, least_ns) = (rtt.as_nanos().max(1), least.as_nanos().min(rtt.as_nanos()));
        let standing = (u128::from(self.bytes) * (rtt_ns - least_ns) / rtt_ns) as u64;
        let Standing { low, high } = self.standing();
        if standing > high * self.chunk {
            self.slow_start = false;
            self.bytes -= self.chunk;
        } else if standing < low * self.chunk && round.filled {
            self.bytes += if self.slow_start { self.bytes } else { self.chunk };
        } else {
            self.slow_start &= standing < low * self.chunk;
        }
        let most = self.largest_bdp.saturating_mul(2).max((LEAST + high) * self.chunk);
        self.bytes = self.bytes.clamp(LEAST * self.chunk, most);
    }

    /// How much is to stand in queues.
    fn standing(&self) -> Standing {
        if self.chunk > SMALL_CHUNK {
            return LARGE_CHUNKS;
        }
        let share = u64::from(self.weight.clamp(1, MOST_WEIGHT));
        Standing { low: PACKETS.low * share, high: PACKETS.high * share }
    }
}
