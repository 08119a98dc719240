//! A lossless session's sender, fed any acknowledgements, broken links and passing of time: it sends each
//! byte of the stream in order the first time, never more than its window, and keeps its books.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use nextmini_policy::lossless::{Progress, Sender, Stream};
use nextmini_policy::time::Instant;
use nextmini_wire::id::FlowId;
use nextmini_wire::packet::Ack;

#[derive(Arbitrary, Debug)]
enum Step {
    Send {
        most: u8,
    },
    Ack {
        cumulative: u64,
        latest: u64,
        echo: u64,
        complete: Option<u64>,
    },
    /// An acknowledgement that an honest receiver could send.
    Likely {
        cumulative: u16,
        latest: u16,
        ago_us: u32,
    },
    Broken,
    Pass {
        us: u32,
    },
    Timeout,
    Finish,
}

#[derive(Arbitrary, Debug)]
struct Case {
    bytes: Option<u32>,
    chunk: u16,
    steps: Vec<Step>,
}

fuzz_target!(|case: Case| {
    let stream = case.bytes.map_or(Stream::Open, |bytes| Stream::Bytes(u64::from(bytes)));
    let chunk = usize::from(case.chunk).max(1);
    let mut sender = Sender::new(stream, chunk);
    let mut now = Instant(1);
    for step in &case.steps {
        let (sent, acknowledged) = (sender.sent(), sender.acknowledged());
        match *step {
            Step::Send { most } => send(&mut sender, usize::from(most), chunk, now),
            Step::Ack { cumulative, latest, echo, complete } => {
                sender.on_ack(&Ack { flow: FlowId(1), cumulative, latest, echo, complete }, now);
            }
            Step::Likely { cumulative, latest, ago_us } => {
                let ack = Ack {
                    flow: FlowId(1),
                    cumulative: u64::from(cumulative) * chunk as u64,
                    latest: u64::from(latest) * chunk as u64,
                    echo: now.0.saturating_sub(u64::from(ago_us) * 1_000),
                    complete: None,
                };
                sender.on_ack(&ack, now);
            }
            Step::Broken => sender.on_broken_link(),
            Step::Pass { us } => now = now + Duration::from_micros(u64::from(us)),
            Step::Timeout => {
                now = sender.deadline().map_or(now, |deadline| deadline.max(now));
                sender.on_timeout(now);
            }
            Step::Finish => sender.finish(),
        }
        assert!(sender.sent() >= sent && sender.acknowledged() >= acknowledged);
        assert!(sender.acknowledged() <= sender.sent());
        assert!(sender.window() >= 2 * chunk as u64);
        if let Progress::Complete(_) = sender.progress() {
            assert_eq!(sender.poll_transmit(now), None);
            assert_eq!(sender.deadline(), None);
        }
    }
});

fn send(sender: &mut Sender, most: usize, chunk: usize, now: Instant) {
    for _ in 0..most {
        let sent = sender.sent();
        let Some(segment) = sender.poll_transmit(now) else {
            return;
        };
        assert!(segment.length <= chunk);
        if segment.again {
            assert!(segment.offset + segment.length as u64 <= sent);
            assert_eq!(sender.sent(), sent);
        } else {
            assert_eq!(segment.offset, sent);
            assert_eq!(sender.sent(), sent + segment.length as u64);
        }
    }
}
