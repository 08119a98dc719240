//! A lossless session's receiver, fed chunks of one stream in any order, size and number: it never counts
//! a byte twice, and the checksum that it ends with is that of the stream.

#![no_main]

use std::hash::Hasher as _;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nextmini_policy::lossless::{Arrival, Pattern, Receiver};
use nextmini_wire::id::FlowId;
use nextmini_wire::packet::{Chunk, MAX_CHUNK};
use twox_hash::XxHash3_64;

const FLOW: FlowId = FlowId(3);

static PATTERN: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(1));

/// How far a chunk's offset is from what the receiver waits for, its length, and whether it is the last.
type Step = (i32, u16, bool);

fuzz_target!(|steps: Vec<Step>| {
    let mut receiver = Receiver::default();
    for (distance, length, last) in steps {
        let offset = receiver.received().saturating_add_signed(i64::from(distance));
        let length = usize::from(length).min(MAX_CHUNK);
        let chunk = Chunk { flow: FLOW, offset, sent_at: 1, last, ask: false };
        let before = receiver.received();
        let arrival = receiver.on_chunk(&chunk, PATTERN.slice(FLOW, offset, length));
        let ack = receiver.ack(&chunk);
        assert_eq!((ack.cumulative, ack.complete), (receiver.received(), receiver.checksum()));
        match arrival {
            Arrival::Next | Arrival::Complete => assert!(receiver.received() >= before + length as u64),
            Arrival::Ahead | Arrival::Again | Arrival::Refused => assert_eq!(receiver.received(), before),
        }
        if arrival == Arrival::Complete {
            assert_eq!(receiver.checksum(), Some(checksum(receiver.received())));
        }
    }
});

fn checksum(total: u64) -> u64 {
    let (mut hasher, mut at) = (XxHash3_64::new(), 0);
    while at < total {
        let length = (total - at).min(MAX_CHUNK as u64) as usize;
        hasher.write(&PATTERN.slice(FLOW, at, length));
        at += length as u64;
    }
    hasher.finish()
}
