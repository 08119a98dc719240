//! A lossless session's sender, fed any acknowledgements, broken links and passing of time: it sends each
//! byte of the stream in order the first time, in pieces of at most a chunk, and keeps its books.

#![no_main]

use std::collections::BTreeMap;
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
    /// Anything that fits an acknowledgement.
    Ack {
        cumulative: u64,
        latest: u64,
        echo: u64,
        complete: Option<u64>,
    },
    /// One of the pieces under way arrives, and its acknowledgement comes back.
    Arrive {
        which: u8,
    },
    /// The window is filled, and everything arrives in order after so many microseconds.
    RoundTrip {
        us: u16,
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

/// The path and its far end: pieces that have not arrived, by offset.
struct Session {
    sender: Sender,
    chunk: usize,
    now: Instant,
    /// Length and sending time of each.
    under_way: BTreeMap<u64, (usize, Instant)>,
}

fuzz_target!(|case: Case| {
    let stream = case.bytes.map_or(Stream::Open, |bytes| Stream::Bytes(u64::from(bytes)));
    let chunk = usize::from(case.chunk).max(1);
    let sender = Sender::new(stream, chunk, 1);
    let mut session = Session { sender, chunk, now: Instant(1), under_way: BTreeMap::new() };
    for step in &case.steps {
        let before = (session.sender.sent(), session.sender.acknowledged());
        session.take(step);
        session.check(before);
    }
});

impl Session {
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Send { most } => self.send(usize::from(most)),
            Step::Ack { cumulative, latest, echo, complete } => {
                self.sender.on_ack(&Ack { flow: FlowId(1), cumulative, latest, echo, complete }, self.now);
            }
            Step::Arrive { which } => {
                let at = usize::from(which) % self.under_way.len().max(1);
                if let Some(offset) = self.under_way.keys().nth(at).copied() {
                    self.arrive(offset);
                }
            }
            Step::RoundTrip { us } => {
                self.send(usize::from(u8::MAX));
                self.pass(u32::from(us));
                while let Some(offset) = self.under_way.keys().next().copied() {
                    self.arrive(offset);
                }
            }
            Step::Broken => self.sender.on_broken_link(),
            Step::Pass { us } => self.pass(us),
            Step::Timeout => {
                self.now = self.sender.deadline().map_or(self.now, |deadline| deadline.max(self.now));
                self.sender.on_timeout(self.now);
            }
            Step::Finish => self.sender.finish(),
        }
    }

    fn pass(&mut self, us: u32) {
        self.now = self.now + Duration::from_micros(u64::from(us));
    }

    fn send(&mut self, most: usize) {
        for _ in 0..most {
            let sent = self.sender.sent();
            let Some(segment) = self.sender.poll_transmit(self.now) else {
                return;
            };
            assert!(segment.length <= self.chunk);
            if segment.again {
                assert!(segment.offset + segment.length as u64 <= sent);
                assert_eq!(self.sender.sent(), sent);
            } else {
                assert_eq!(segment.offset, sent);
                assert_eq!(self.sender.sent(), sent + segment.length as u64);
            }
            self.under_way.insert(segment.offset, (segment.length, self.now));
        }
    }

    fn arrive(&mut self, offset: u64) {
        let Some((length, sent_at)) = self.under_way.remove(&offset) else {
            return;
        };
        let missing = self.under_way.keys().next().copied();
        let cumulative = missing.unwrap_or(self.sender.sent()).min(offset + length as u64);
        let ack = Ack { flow: FlowId(1), cumulative, latest: offset, echo: sent_at.0, complete: None };
        self.sender.on_ack(&ack, self.now);
    }

    fn check(&mut self, before: (u64, u64)) {
        let sender = &mut self.sender;
        assert!(sender.sent() >= before.0 && sender.acknowledged() >= before.1);
        assert!(sender.acknowledged() <= sender.sent());
        assert!(sender.window() >= 2 * self.chunk as u64);
        if let Progress::Complete(_) = sender.progress() {
            assert_eq!(sender.poll_transmit(self.now), None);
            assert_eq!(sender.deadline(), None);
        }
    }
}
