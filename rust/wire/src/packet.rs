//! A packet as it passes through the dataplane: a small header by value, its payload by reference.

use bytes::Bytes;

use crate::id::{FlowId, RouteId};

/// The largest chunk of a lossless session, in bytes.
pub const MAX_CHUNK: usize = 64 * 1024;

/// A packet on its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The route it follows, chosen once at its source.
    pub route: RouteId,
    /// Index in the route of the node that holds it, or that it is on its way to.
    pub position: u16,
    /// How many more links it may cross; at 0 it is dropped and counted.
    pub hop_limit: u16,
    /// Its flow key's hash, cut to 32 bits (see [`crate::key::FlowKey::label`]).
    pub label: u32,
    /// What it is.
    pub content: Content,
    /// Its data, a slice of the buffer that it arrived in.
    pub payload: Bytes,
}

/// What a packet is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Data of a lossless session.
    Chunk(Chunk),
    /// A lossless session's receiver reporting to its sender.
    Ack(Ack),
}

/// Header of a lossless session's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The session.
    pub flow: FlowId,
    /// Where in the stream the payload begins, in bytes.
    pub offset: u64,
    /// When it was sent, in nanoseconds of the sender's clock; acknowledgements echo it.
    pub sent_at: u64,
    /// Whether the stream ends with this chunk.
    pub last: bool,
    /// Whether the sender asks for an acknowledgement, even if nothing is missing.
    pub ask: bool,
}

/// A lossless session's acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The session.
    pub flow: FlowId,
    /// Every byte before this one has arrived.
    pub cumulative: u64,
    /// Offset of the chunk that caused this acknowledgement.
    pub latest: u64,
    /// `sent_at` of that chunk.
    pub echo: u64,
    /// When everything has arrived: the xxh3 of the whole stream.
    pub complete: Option<u64>,
}

/// Bytes that IPv4 and TCP headers would take on the emulated wire, for each MTU of a chunk.
pub const EMULATED_HEADER: u64 = 40;

impl Packet {
    /// Bytes on the emulated wire: the payload with the headers that real packets would carry.
    ///
    /// `mtu` is in bytes. An acknowledgement counts as one empty segment.
    pub fn wire_bytes(&self, mtu: u16) -> u64 {
        let payload = self.payload.len() as u64;
        let per_segment = u64::from(mtu).saturating_sub(EMULATED_HEADER).max(1);
        payload + payload.div_ceil(per_segment).max(1) * EMULATED_HEADER
    }

    /// Whether a queue must always take it: sessions bound themselves by their window.
    pub fn is_lossless(&self) -> bool {
        match self.content {
            Content::Chunk(_) | Content::Ack(_) => true,
        }
    }

    /// Whether it overtakes data in a queue.
    pub fn is_urgent(&self) -> bool {
        matches!(self.content, Content::Ack(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(length: usize) -> Packet {
        Packet {
            route: RouteId(1),
            position: 0,
            hop_limit: 8,
            label: 0,
            content: Content::Chunk(Chunk {
                flow: FlowId(1),
                offset: 0,
                sent_at: 0,
                last: false,
                ask: false,
            }),
            payload: Bytes::from(vec![0; length]),
        }
    }

    #[test]
    fn a_chunk_counts_one_header_for_each_segment() {
        assert_eq!(chunk(1460).wire_bytes(1500), 1500);
        assert_eq!(chunk(1461).wire_bytes(1500), 1461 + 80);
        assert_eq!(chunk(0).wire_bytes(1500), 40);
        assert_eq!(chunk(64 * 1024).wire_bytes(1500), 65536 + 45 * 40);
    }
}
