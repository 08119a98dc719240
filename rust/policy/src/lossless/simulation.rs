//! Sender and receiver over a simulated path: a bottleneck, a delay, and whatever goes wrong.

use std::collections::BTreeMap;
use std::hash::Hasher as _;
use std::time::Duration;

use nextmini_wire::id::FlowId;
use nextmini_wire::packet::{Ack, Chunk};
use proptest::prelude::*;
use twox_hash::XxHash3_64;

use super::{Arrival, Pattern, Progress, Receiver, Sender, Stream};
use crate::time::Instant;

const FLOW: FlowId = FlowId(3);

enum Event {
    Arrives(Chunk, usize),
    Answered(Ack),
}

pub(super) struct Path {
    chunk: usize,
    one_way: Duration,
    bits_per_second: u64,
    /// Drops the n-th transmission if true.
    pub(super) loses: Box<dyn FnMut(u64) -> bool>,
    /// Delays the n-th transmission further.
    detains: Box<dyn FnMut(u64) -> Duration>,
}

pub(super) struct Outcome {
    pub(super) sender: Sender,
    receiver: Receiver,
    pub(super) transmissions: u64,
    pub(super) took: Duration,
    pub(super) longest_queue: Duration,
}

impl Path {
    pub(super) fn new(chunk: usize, bits_per_second: u64, one_way: Duration) -> Self {
        Self {
            chunk,
            one_way,
            bits_per_second,
            loses: Box::new(|_| false),
            detains: Box::new(|_| Duration::ZERO),
        }
    }

    pub(super) fn run(mut self, total: u64) -> Outcome {
        let pattern = Pattern::new(1);
        let (mut sender, mut receiver) =
            (Sender::new(Stream::Bytes(total), self.chunk, 1), Receiver::default());
        let mut events: BTreeMap<(Instant, u64), Event> = BTreeMap::new();
        let (mut now, mut free_at, mut number) = (Instant(1), Instant(1), 0_u64);
        let mut longest_queue = Duration::ZERO;
        loop {
            while let Some(segment) = sender.poll_transmit(now) {
                number += 1;
                longest_queue = longest_queue.max(free_at.since(now));
                let nanos = segment.length as u128 * 8_000_000_000 / u128::from(self.bits_per_second);
                free_at = free_at.max(now) + Duration::from_nanos(nanos as u64);
                let chunk = Chunk {
                    flow: FLOW,
                    offset: segment.offset,
                    sent_at: now.0,
                    last: segment.last,
                    ask: segment.ask,
                };
                if !(self.loses)(number) {
                    let at = free_at + self.one_way + (self.detains)(number);
                    events.insert((at, number), Event::Arrives(chunk, segment.length));
                }
            }
            let deadline = sender.deadline();
            match events.first_entry() {
                Some(entry) if deadline.is_none_or(|deadline| entry.key().0 <= deadline) => {
                    now = now.max(entry.key().0);
                    match entry.remove() {
                        Event::Arrives(chunk, length) => {
                            let payload = pattern.slice(FLOW, chunk.offset, length);
                            let answers = match receiver.on_chunk(&chunk, payload) {
                                Arrival::Next => chunk.ask,
                                Arrival::Ahead | Arrival::Again | Arrival::Complete => true,
                                Arrival::Refused => false,
                            };
                            if answers {
                                number += 1;
                                let ack = receiver.ack(&chunk);
                                events.insert((now + self.one_way, number), Event::Answered(ack));
                            }
                        }
                        Event::Answered(ack) => {
                            if matches!(sender.on_ack(&ack, now), Progress::Complete(_)) {
                                break;
                            }
                        }
                    }
                }
                _ => {
                    now = deadline.expect("a session that is not complete waits for something");
                    sender.on_timeout(now);
                }
            }
        }
        Outcome { sender, receiver, transmissions: number, took: now.since(Instant(1)), longest_queue }
    }
}

fn checksum(total: u64) -> u64 {
    let (pattern, mut hasher, mut at) = (Pattern::new(1), XxHash3_64::new(), 0);
    while at < total {
        let length = (total - at).min(60_000) as usize;
        hasher.write(&pattern.slice(FLOW, at, length));
        at += length as u64;
    }
    hasher.finish()
}

fn assert_whole(outcome: &mut Outcome, total: u64) {
    assert_eq!(outcome.receiver.received(), total);
    assert_eq!(outcome.sender.acknowledged(), total);
    assert_eq!(outcome.receiver.checksum(), Some(checksum(total)));
    assert_eq!(outcome.sender.poll_transmit(Instant(u64::MAX)), None);
}

#[test]
fn a_clean_path_is_filled_and_nothing_is_sent_twice() {
    for (mbit, delay_ms, ideal) in
        [(10, 1, 5.0), (100, 5, 2.0), (1_000, 1, 0.3), (1_000, 20, 1.0), (10_000, 1, 0.1)]
    {
        let total = (mbit as f64 * 1e6 / 8.0 * ideal) as u64;
        let mut outcome = Path::new(65_536, mbit * 1_000_000, Duration::from_millis(delay_ms)).run(total);
        assert_whole(&mut outcome, total);
        assert_eq!(outcome.sender.retransmitted(), 0, "{mbit} Mbit/s, {delay_ms} ms");
        let took = outcome.took.as_secs_f64();
        // The slow start takes some ten round trips to fill the longest of these paths.
        let start = 20.0 * delay_ms as f64 * 1e-3;
        assert!(took < ideal * 1.05 + start, "{mbit} Mbit/s, {delay_ms} ms: {took} s");
        // Twelve chunks standing, and the bursts of the slow start's last round.
        let chunks = outcome.longest_queue.as_secs_f64() * mbit as f64 * 1e6 / 8.0 / 65_536.0;
        let bdp = mbit as f64 * 1e6 * 2e-3 * delay_ms as f64 / 8.0 / 65_536.0;
        assert!(
            chunks < 16.0 + 2.0 * bdp,
            "{mbit} Mbit/s, {delay_ms} ms: {chunks} chunks, {bdp} on the path"
        );
    }
}

#[test]
fn empty_and_tiny_streams_end() {
    for total in [0, 1, 65_535, 65_536, 65_537] {
        let mut outcome = Path::new(65_536, 1_000_000_000, Duration::from_millis(1)).run(total);
        assert_whole(&mut outcome, total);
    }
}

#[test]
fn an_open_stream_ends_where_it_is_finished() {
    let mut sender = Sender::new(Stream::Open, 1_000, 1);
    let first = sender.poll_transmit(Instant(1)).unwrap();
    assert!(!first.last && first.ask);
    sender.finish();
    // The first chunk goes alone.
    assert_eq!(sender.poll_transmit(Instant(1)), None);
    sender.on_ack(&Ack { flow: FLOW, cumulative: 1_000, latest: 0, echo: 1, complete: None }, Instant(2));
    let end = sender.poll_transmit(Instant(2)).unwrap();
    assert_eq!((end.offset, end.length, end.last), (1_000, 0, true));
    assert_eq!(sender.poll_transmit(Instant(2)), None);
}

#[test]
fn a_fed_stream_waits_for_more_and_asks_before_it_does() {
    let ack = |cumulative| Ack { flow: FLOW, cumulative, latest: 0, echo: 1, complete: None };
    let mut sender = Sender::new(Stream::Fed(0), 1_000, 1);
    assert_eq!((sender.poll_transmit(Instant(1)), sender.deadline()), (None, None));
    sender.feed(1_500);
    let first = sender.poll_transmit(Instant(1)).unwrap();
    assert_eq!((first.length, first.last), (1_000, false));
    sender.on_ack(&ack(1_000), Instant(2));
    let second = sender.poll_transmit(Instant(2)).unwrap();
    assert_eq!((second.offset, second.length, second.ask, second.last), (1_000, 500, true, false));
    assert_eq!(sender.poll_transmit(Instant(2)), None);
    sender.feed(10);
    sender.finish();
    let last = sender.poll_transmit(Instant(3)).unwrap();
    assert_eq!((last.offset, last.length, last.last), (1_500, 10, true));
    assert_eq!(sender.poll_transmit(Instant(3)), None);
}

#[test]
fn a_reader_has_the_stream_in_order() {
    let mut receiver = Receiver::default();
    let mut read = Vec::new();
    for (offset, payload, last) in
        [(3, &b"de"[..], false), (0, b"abc", false), (3, b"de", false), (5, b"", true)]
    {
        let chunk = Chunk { flow: FLOW, offset, sent_at: 1, last, ask: false };
        receiver.on_chunk_for(&chunk, payload.into(), |bytes| read.extend_from_slice(&bytes));
    }
    assert_eq!((read, receiver.checksum().is_some()), (b"abcde".to_vec(), true));
}

#[test]
fn a_broken_link_sends_again_what_was_under_way_and_only_that() {
    let mut sender = Sender::new(Stream::Bytes(10_000), 1_000, 1);
    let sent = std::iter::from_fn(|| sender.poll_transmit(Instant(1))).count() as u64;
    let ack = Ack { flow: FLOW, cumulative: 1_000, latest: 0, echo: 1, complete: None };
    sender.on_ack(&ack, Instant(2));
    let fresh = std::iter::from_fn(|| sender.poll_transmit(Instant(2))).count() as u64;
    sender.on_broken_link();
    let again: Vec<_> = std::iter::from_fn(|| sender.poll_transmit(Instant(3))).filter(|s| s.again).collect();
    assert_eq!(again.len() as u64, sent - 1 + fresh);
    assert_eq!(again[0].offset, 1_000);
}

#[test]
fn with_a_route_goes_what_was_sent_before_it_was_left() {
    let mut sender = Sender::new(Stream::Bytes(10_000), 1_000, 1);
    sender.poll_transmit(Instant(1));
    let ack = Ack { flow: FLOW, cumulative: 1_000, latest: 0, echo: 1, complete: None };
    sender.on_ack(&ack, Instant(2));
    sender.poll_transmit(Instant(2));
    sender.poll_transmit(Instant(3));
    sender.on_lost_route(Instant(2));
    let next = sender.poll_transmit(Instant(4)).unwrap();
    assert_eq!((next.offset, next.again, sender.retransmitted()), (1_000, true, 1));
    assert!(sender.poll_transmit(Instant(4)).is_none_or(|segment| !segment.again));
}

#[test]
fn nonsense_from_the_peer_changes_nothing() {
    let mut sender = Sender::new(Stream::Bytes(10_000), 1_000, 1);
    sender.poll_transmit(Instant(5));
    let honest = Ack { flow: FLOW, cumulative: 0, latest: 0, echo: 5, complete: None };
    sender.on_ack(&Ack { cumulative: 9_000, ..honest }, Instant(6));
    sender.on_ack(&Ack { echo: 7, ..honest }, Instant(6));
    sender.on_ack(&Ack { complete: Some(1), ..honest }, Instant(6));
    sender.on_ack(&Ack { latest: 12_345, ..honest }, Instant(6));
    assert_eq!((sender.acknowledged(), sender.sent()), (0, 1_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_lost_or_reordered_the_stream_arrives_whole(
        total in 0_u64..3_000_000,
        seed: u64,
        percent in 0_u64..30,
        detained_us in 0_u64..5_000,
    ) {
        let mut path = Path::new(9_000, 100_000_000, Duration::from_millis(2));
        let draw = move |number: u64, salt: u64| {
            let mut hasher = XxHash3_64::with_seed(seed ^ salt);
            hasher.write_u64(number);
            hasher.finish()
        };
        path.loses = Box::new(move |number| draw(number, 1) % 100 < percent);
        path.detains = Box::new(move |number| Duration::from_micros(draw(number, 2) % (detained_us + 1)));
        let mut outcome = path.run(total);
        assert_whole(&mut outcome, total);
        let chunks = total.div_ceil(9_000).max(1);
        prop_assert!(outcome.transmissions < 20 * chunks + 1_000);
    }
}
