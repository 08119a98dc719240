//! Connections over a path of our own making: no clock, no network.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use nextmini_policy::random::Random;
use nextmini_policy::time::Instant;
use nextmini_wire::control::Congestion;
use smoltcp::socket::tcp::State;

use super::endpoint::{Endpoint, Partial, Shape};
use super::segment::{FIN, SYN, Segment};

mod bottleneck;

/// Bytes of a sender's buffer.
const BUFFER: usize = 1 << 18;
/// Of one that is shown with what is in there.
const LITTLE: usize = 1 << 13;

/// A sender that always has something to say, up to a size, a receiver that reads it, and a path between them.
struct Simulation {
    now: Instant,
    client: Endpoint,
    server: Endpoint,
    /// What is under way to either of them, and when it arrives.
    there: VecDeque<(Instant, Bytes)>,
    back: VecDeque<(Instant, Bytes)>,
    /// Whether a segment is lost.
    loses: Loses,
    /// How much longer than others a segment of the sender's takes.
    late: Late,
    left: usize,
    sent: u64,
    received: u64,
    /// What is sent, again and again.
    data: Vec<u8>,
}

type Loses = Box<dyn FnMut(&Segment) -> bool>;
type Late = Box<dyn FnMut() -> Duration>;

/// Bytes of what is sent again and again: no power of two.
const CYCLE: u64 = 251;
/// Bytes that are sent or received at once.
const PIECE: usize = 1 << 16;

const DELAY: Duration = Duration::from_millis(10);
/// Bytes of data in a full segment.
const FULL: u32 = 1_460;

fn address(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], port))
}

impl Simulation {
    fn new(congestion: Congestion, buffer: usize, size: usize, loses: Loses) -> Self {
        let now = Instant(1_000_000_000);
        let partial = Partial::AtOnce;
        let shape = Shape { mtu: 1_500, receive: 4_096, send: buffer, congestion, partial, seed: 3 };
        let client = Endpoint::connect(address(1, 1_024), address(2, 80), &shape, now).unwrap();
        let shape = Shape { receive: 2 * buffer, send: 4_096, congestion: Congestion::None, ..shape };
        let server = Endpoint::listen(address(2, 80), &shape, now).unwrap();
        let (there, back) = (VecDeque::new(), VecDeque::new());
        let late = Box::new(|| Duration::ZERO);
        let data = (0..CYCLE as usize + PIECE).map(|at| (at as u64 % CYCLE) as u8).collect();
        Self { now, client, server, there, back, loses, late, left: size, sent: 0, received: 0, data }
    }

    /// A connection of which packets are lost by chance.
    fn random(congestion: Congestion, buffer: usize, loss: f64, seed: u64) -> Self {
        let mut random = Random::new(seed, &[]);
        Self::new(congestion, buffer, usize::MAX, Box::new(move |_| random.unit() < loss))
    }

    /// A connection of which the segment with this byte is lost so many times, for each of these.
    fn losing(size: usize, bytes: &[(u32, u32)]) -> Self {
        let (mut bytes, mut first) = (bytes.to_vec(), None);
        let loses = move |segment: &Segment| {
            if segment.flags & SYN != 0 {
                first.get_or_insert_with(|| segment.sequence.wrapping_add(1));
            }
            let Some(first) = first.filter(|_| segment.data > 0) else { return false };
            let begin = segment.sequence.wrapping_sub(first);
            let lost = bytes
                .iter_mut()
                .find(|(byte, times)| (begin..begin + segment.data).contains(byte) && *times > 0);
            lost.is_some_and(|(_, times)| {
                *times -= 1;
                true
            })
        };
        Self::new(Congestion::Reno, BUFFER, size, Box::new(loses))
    }

    fn losses(&self) -> (u64, u64) {
        (self.client.track().retransmitted(), self.client.recovery().timeouts())
    }

    /// Both ends have their turns until neither has more to do; then time passes until something happens. Whether it will.
    fn step(&mut self) -> bool {
        while self.turn() {}
        let next = [self.there.front(), self.back.front()].into_iter().flatten().map(|&(at, _)| at);
        let timers = [self.client.next(self.now), self.server.next(self.now)].into_iter().flatten();
        let Some(next) = next.chain(timers).min() else { return false };
        let now = next.max(self.now);
        self.now = now;
        for (queue, end) in [(&mut self.there, &mut self.server), (&mut self.back, &mut self.client)] {
            while queue.front().is_some_and(|&(at, _)| at <= now) {
                end.take(queue.pop_front().unwrap().1, now);
            }
        }
        true
    }

    fn turn(&mut self) -> bool {
        let now = self.now;
        let mut progress = false;
        let arrives = now + DELAY;
        for (end, queue, sends) in
            [(&mut self.client, &mut self.there, true), (&mut self.server, &mut self.back, false)]
        {
            let mut batch = Vec::new();
            end.poll(now);
            while end.socket().can_recv() {
                let expected = &self.data[(self.received % CYCLE) as usize..];
                let received = end.socket().recv(|bytes| {
                    let bytes = &bytes[..bytes.len().min(PIECE)];
                    assert!(bytes == &expected[..bytes.len()], "after {}", self.received);
                    (bytes.len(), bytes.len())
                });
                self.received += received.unwrap() as u64;
            }
            if sends && self.left > 0 && end.socket().can_send() {
                let (left, data) = (self.left, &self.data[(self.sent % CYCLE) as usize..]);
                let written = end.socket().send(|room| {
                    let length = room.len().min(left).min(PIECE);
                    room[..length].copy_from_slice(&data[..length]);
                    (length, length)
                });
                let written = written.unwrap();
                self.left -= written;
                self.sent += written as u64;
                progress = true;
            }
            end.fetch(&mut batch);
            progress |= !batch.is_empty();
            for packet in batch {
                if !(self.loses)(&Segment::parse(&packet.payload).unwrap()) {
                    let arrives = arrives + if sends { (self.late)() } else { Duration::ZERO };
                    let at = queue.partition_point(|&(at, _)| at <= arrives);
                    queue.insert(at, (arrives, packet.payload));
                }
            }
        }
        progress
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end && self.step() {}
    }
}

/// The window that the socket itself has.
fn window_of(end: &mut Endpoint) -> Option<u64> {
    let mut text = String::new();
    write!(text, "{:?}", end.socket()).unwrap();
    let (_, after) = text.rsplit_once(" cwnd: ")?;
    after.split(',').next()?.parse().ok()
}

/// What overtakes and what is lost look alike for a while, and nothing is missing, nor there twice, at the end.
#[test]
fn every_byte_arrives_in_order_whatever_overtakes_it() {
    for seed in 0..40 {
        let (mut lot, mut chance) = (Random::new(seed, &[1]), Random::new(seed, &[2]));
        let congestion = [Congestion::Reno, Congestion::Cubic, Congestion::None][seed as usize % 3];
        let (size, loss) = (1_000_000, seed as f64 / 1_000.0);
        let loses = Box::new(move |_: &Segment| lot.unit() < loss);
        let mut simulation = Simulation::new(congestion, BUFFER, size, loses);
        simulation.late = Box::new(move || Duration::from_millis(if chance.unit() < 0.1 { 3 } else { 0 }));
        while simulation.received < size as u64 {
            assert!(simulation.step(), "{seed}: {} have arrived", simulation.received);
        }
    }
}

/// RFC 5681's sender loses half of its window now and then, and nothing else: Mathis, Semke, Mahdavi and Ott, "The
/// Macroscopic Behavior of the TCP Congestion Avoidance Algorithm" (1997), with C for random losses.
#[test]
fn a_lossy_path_carries_what_it_is_expected_to() {
    let (seconds, seeds) = (60, 6);
    let expected = f64::from(FULL) / (DELAY * 2).as_secs_f64() * 1.22 / 0.01_f64.sqrt();
    let shares = (1..=seeds).map(|seed| {
        let mut simulation = Simulation::random(Congestion::Reno, BUFFER, 0.01, seed);
        simulation.run(Duration::from_secs(seconds));
        let (again, timeouts) = simulation.losses();
        assert!(timeouts > 0 && timeouts * 4 < again, "{timeouts} timeouts, {again} segments sent again");
        simulation.received as f64 / seconds as f64 / expected
    });
    let shares: Vec<f64> = shares.collect();
    assert!(shares.iter().all(|share| (0.5..1.0).contains(share)), "{shares:?}");
}

#[test]
fn the_window_is_the_socket_s_own_whatever_is_lost() {
    for congestion in [Congestion::Reno, Congestion::Cubic] {
        for seed in 1..=10 {
            let mut simulation = Simulation::random(congestion, LITTLE, seed as f64 * 0.01, seed);
            for step in 0..300 {
                assert!(simulation.step());
                let own = window_of(&mut simulation.client).unwrap();
                let seen = simulation.client.recovery().window().unwrap();
                // The cubic root is not reckoned alike to the last digit.
                let apart = if congestion == Congestion::Cubic { own / 500 } else { 0 };
                assert!(own.abs_diff(seen) <= apart, "{congestion:?} {seed}, step {step}: {seen}, {own}");
            }
        }
    }
}

#[test]
fn without_congestion_control_there_is_no_window() {
    let mut simulation = Simulation::random(Congestion::None, BUFFER, 0.01, 1);
    simulation.run(Duration::from_secs(1));
    assert_eq!(simulation.client.recovery().window(), None);
    assert!(simulation.received > 0);
}

#[test]
fn what_is_lost_is_sent_again_without_waiting_for_the_timer_if_anything_follows() {
    let size = 100 * FULL as usize;
    for (lost, again) in [
        (&[][..], 0),
        (&[(40, 1)], 1),
        // Several of one window: the others are known when the first one has arrived (RFC 6582).
        (&[(40, 1), (42, 1)], 2),
        (&[(40, 1), (41, 1), (45, 1)], 3),
        // What was sent again is lost again, and others follow it (RFC 8985).
        (&[(40, 2)], 2),
        // One follows, not three (RFC 5827).
        (&[(98, 1)], 1),
    ] {
        let lost: Vec<_> = lost.iter().map(|&(segment, times)| (segment * FULL + 9, times)).collect();
        let mut simulation = Simulation::losing(size, &lost);
        simulation.run(Duration::from_secs(5));
        assert_eq!((simulation.losses(), simulation.received), ((again, 0), size as u64), "{lost:?}");
    }
}

/// What is lost of one window costs a few round trips, however much it is: one until it is known, and one until it has
/// arrived, and more where the receiver forgot some of what had.
#[test]
fn many_losses_of_a_window_are_mended_together() {
    let (size, all) = (600 * FULL as usize, u64::from(200 * FULL));
    let took = |lost: &[u32]| {
        let bytes: Vec<_> = lost.iter().map(|segment| (segment * FULL + 9, 1)).collect();
        let mut simulation = Simulation::losing(size, &bytes);
        let began = simulation.now;
        while simulation.received < all {
            assert!(simulation.step());
        }
        let (again, timeouts) = simulation.losses();
        assert_eq!(timeouts, 0, "{lost:?}");
        assert!((lost.len()..=2 * lost.len()).contains(&(again as usize)), "{again} for {lost:?}");
        simulation.now.since(began)
    };
    let one = took(&[120]);
    // In a row; every other one, which is more gaps than smoltcp's receiver remembers.
    for lost in [(120..150).collect(), (116..196).step_by(2).collect::<Vec<_>>()] {
        let many = took(&lost);
        assert!(many <= one + 4 * DELAY, "{many:?}, one takes {one:?}: {lost:?}");
    }
}

#[test]
fn each_time_that_the_timer_runs_out_is_counted() {
    let size = 100 * FULL as usize;
    // Nothing follows; it is lost again; it is lost three times.
    for (lost, losses) in [((99, 1), (1, 1)), ((99, 2), (2, 2)), ((99, 4), (4, 4)), ((0, 1), (1, 1))] {
        let mut simulation = Simulation::losing(size, &[((lost.0 + 1) * FULL - 1, lost.1)]);
        simulation.run(Duration::from_secs(20));
        assert_eq!(simulation.received, size as u64, "{lost:?}");
        let (again, timeouts) = simulation.losses();
        assert_eq!(timeouts, losses.1, "{lost:?}");
        assert!(again >= losses.0, "{lost:?}: {again}");
    }
}

#[test]
fn a_syn_or_a_fin_that_is_lost_is_a_timeout_too() {
    for (flag, times) in [(SYN, 1), (SYN, 3), (FIN, 1), (FIN, 2)] {
        let mut left = times;
        let loses = move |segment: &Segment| {
            let lost = segment.flags & flag != 0 && left > 0;
            left -= u64::from(lost);
            lost
        };
        let mut simulation = Simulation::new(Congestion::Reno, BUFFER, 1_000, Box::new(loses));
        while simulation.received < 1_000 {
            assert!(simulation.step());
        }
        simulation.client.socket().close();
        simulation.run(Duration::from_secs(10));
        assert_eq!((simulation.losses(), simulation.received), ((0, times), 1_000), "{flag}, {times} times");
    }
}

/// A socket that hears three duplicates when only its FIN is under way never sends that again.
#[test]
fn connections_end_whatever_is_lost_at_their_end() {
    for seed in 0..300 {
        let (mut random, size) = (Random::new(seed, &[9]), 30_000 + 500 * seed as usize);
        let congestion = if seed % 2 == 0 { Congestion::Reno } else { Congestion::Cubic };
        let loses = Box::new(move |_: &Segment| random.unit() < 0.03);
        let mut simulation = Simulation::new(congestion, BUFFER, size, loses);
        while simulation.left > 0 {
            assert!(simulation.step());
        }
        simulation.client.socket().close();
        simulation.run(Duration::from_secs(25));
        let state = simulation.client.socket().state();
        assert_eq!((simulation.received, state), (size as u64, State::FinWait2), "{seed}");
    }
}
