//! Both ends of a lossless session, without a network.

use std::collections::VecDeque;

use nextmini_policy::lossless::{Arrival, Pattern, Progress, Receiver, Sender, Stream};
use nextmini_policy::time::Instant;
use nextmini_wire::id::FlowId;
use nextmini_wire::packet::Chunk;

use super::Work;

const CHUNK: usize = 9_000;
const CHUNKS: u64 = 1_000;

/// A stream of 9 MB, of which every hundredth chunk is lost once. An answer comes after 1 ms.
pub(super) fn session() -> Work {
    let pattern = Pattern::new(1);
    let mut sender = Sender::new(Stream::Bytes(CHUNKS * CHUNK as u64), CHUNK, 1);
    let mut receiver = Receiver::default();
    Box::new(move || {
        let (mut now, mut sent, mut acks) = (Instant(1), 0_u64, VecDeque::new());
        while !matches!(sender.progress(), Progress::Complete(_)) {
            while let Some(segment) = sender.poll_transmit(now) {
                sent += 1;
                if sent.is_multiple_of(100) {
                    continue;
                }
                let (flow, offset) = (FlowId(1), segment.offset);
                let chunk = Chunk { flow, offset, sent_at: now.0, last: segment.last, ask: segment.ask };
                let payload = pattern.slice(flow, offset, segment.length);
                if receiver.on_chunk(&chunk, payload) != Arrival::Next || segment.ask {
                    acks.push_back(receiver.ack(&chunk));
                }
            }
            now = match sender.deadline() {
                Some(deadline) if acks.is_empty() => deadline,
                _ => Instant(now.0 + 1_000_000),
            };
            for ack in acks.drain(..) {
                sender.on_ack(&ack, now);
            }
            sender.on_timeout(now);
        }
    })
}
