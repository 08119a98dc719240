//! The receiving end of a lossless session: puts the stream in order, sums it up, answers.

use std::collections::BTreeMap;

use bytes::Bytes;
use nextmini_wire::packet::{Ack, Chunk};

use super::Checksum;

/// Bytes held ahead of a gap at most; a sender whose window is larger sends the rest again.
const MOST_HELD: usize = 64 << 20;

/// What a chunk turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next of the stream: acknowledge if it is asked for; one acknowledgement can serve several.
    Next,
    /// Ahead of a gap, and kept: acknowledge at once.
    Ahead,
    /// Known already: acknowledge at once.
    Again,
    /// The last that was missing.
    Complete,
    /// Not kept, and not to be acknowledged: too far ahead, or at odds with the stream's end.
    Refused,
}

/// The receiving end.
#[derive(Default)]
pub struct Receiver {
    next: u64,
    held: BTreeMap<u64, (Bytes, bool)>,
    held_bytes: usize,
    checksum_so_far: Checksum,
    checksum: Option<u64>,
    reordered: u64,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver")
            .field("next", &self.next)
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl Receiver {
    /// Takes a chunk, of which nobody wants the data.
    pub fn on_chunk(&mut self, chunk: &Chunk, payload: Bytes) -> Arrival {
        self.on_chunk_for(chunk, payload, drop)
    }

    /// Takes a chunk, and gives `reader` what follows in the stream now.
    pub fn on_chunk_for(&mut self, chunk: &Chunk, payload: Bytes, mut reader: impl FnMut(Bytes)) -> Arrival {
        if self.checksum.is_some() || chunk.offset < self.next || self.held.contains_key(&chunk.offset) {
            return Arrival::Again;
        }
        if chunk.offset > self.next {
            return self.hold(chunk, payload);
        }
        // What is held already overtook this chunk.
        self.reordered += u64::from(!self.held.is_empty());
        self.append(&payload);
        reader(payload);
        let mut last = chunk.last;
        while !last && let Some((payload, is_last)) = self.held.remove(&self.next) {
            self.held_bytes -= payload.len();
            self.append(&payload);
            reader(payload);
            last = is_last;
        }
        if !last {
            return Arrival::Next;
        }
        self.held.clear();
        self.held_bytes = 0;
        self.checksum = Some(self.checksum_so_far.finish());
        Arrival::Complete
    }

    /// The acknowledgement that `chunk` causes.
    pub fn ack(&self, chunk: &Chunk) -> Ack {
        Ack {
            flow: chunk.flow,
            cumulative: self.next,
            latest: chunk.offset,
            echo: chunk.sent_at,
            complete: self.checksum,
        }
    }

    /// Bytes received in order.
    pub fn received(&self) -> u64 {
        self.next
    }

    /// The xxh3 of the whole stream, once all of it is here.
    pub fn checksum(&self) -> Option<u64> {
        self.checksum
    }

    /// Chunks that arrived behind a later one.
    pub fn reordered(&self) -> u64 {
        self.reordered
    }

    fn hold(&mut self, chunk: &Chunk, payload: Bytes) -> Arrival {
        if self.held_bytes + payload.len() > MOST_HELD {
            return Arrival::Refused;
        }
        self.held_bytes += payload.len();
        self.held.insert(chunk.offset, (payload, chunk.last));
        Arrival::Ahead
    }

    fn append(&mut self, payload: &[u8]) {
        self.checksum_so_far.write(payload);
        self.next += payload.len() as u64;
    }
}
