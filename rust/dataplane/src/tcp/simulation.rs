//! Connections over a path of our own making: no clock, no network.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use nextmini_policy::random::Random;
use nextmini_policy::time::Instant;
use nextmini_wire::control::Congestion;

use super::endpoint::{Endpoint, Partial, Shape};

/// A sender that always has something to say, a receiver that reads it, and a path between them.
struct Simulation {
    now: Instant,
    client: Endpoint,
    server: Endpoint,
    /// What is under way to either of them, and when it arrives.
    there: VecDeque<(Instant, Bytes)>,
    back: VecDeque<(Instant, Bytes)>,
    delay: Duration,
    /// Whether the packet of this number, counted from the first one of either side, is lost.
    loses: Box<dyn FnMut(u64) -> bool>,
    packets: u64,
    received: u64,
}

impl Simulation {
    fn new(
        congestion: Congestion,
        partial: Partial,
        window: usize,
        loses: impl FnMut(u64) -> bool + 'static,
    ) -> Self {
        let now = Instant(1_000_000_000);
        let shape = Shape { mtu: 1_500, receive: 4_096, send: window, congestion, partial, seed: 3 };
        let address = |last: u8, port: u16| SocketAddr::from(([10, 0, 0, last], port));
        let client = Endpoint::connect(address(1, 1_024), address(2, 80), &shape, now).unwrap();
        let shape = Shape { receive: window, send: 4_096, congestion: Congestion::None, ..shape };
        let server = Endpoint::listen(address(2, 80), &shape, now).unwrap();
        Self {
            now,
            client,
            server,
            there: VecDeque::new(),
            back: VecDeque::new(),
            delay: Duration::from_millis(10),
            loses: Box::new(loses),
            packets: 0,
            received: 0,
        }
    }

    fn lossy(congestion: Congestion, window: usize, loss: f64, seed: u64) -> Self {
        let mut random = Random::new(seed, &[]);
        Self::new(congestion, Partial::AtOnce, window, move |_| random.unit() < loss)
    }

    /// Both ends have their turns until neither has more to do; then time passes until something happens.
    fn step(&mut self) {
        while self.turn() {}
        let next = [self.there.front(), self.back.front()].into_iter().flatten().map(|&(at, _)| at);
        let timers = [self.client.next(self.now), self.server.next(self.now)].into_iter().flatten();
        self.now = next.chain(timers).min().unwrap().max(self.now);
        let now = self.now;
        for (queue, end) in [(&mut self.there, &mut self.server), (&mut self.back, &mut self.client)] {
            while queue.front().is_some_and(|&(at, _)| at <= now) {
                end.take(queue.pop_front().unwrap().1, now);
            }
        }
    }

    fn turn(&mut self) -> bool {
        let now = self.now;
        let mut progress = false;
        let arrives = now + self.delay;
        for (end, queue, sends) in
            [(&mut self.client, &mut self.there, true), (&mut self.server, &mut self.back, false)]
        {
            let mut batch = Vec::new();
            end.poll(now);
            while end.socket().can_recv() {
                self.received += end.socket().recv(|bytes| (bytes.len(), bytes.len())).unwrap() as u64;
            }
            if sends && end.socket().can_send() {
                end.socket().send(|room| (room.len(), ())).unwrap();
                progress = true;
            }
            end.fetch(&mut batch, now);
            progress |= !batch.is_empty();
            for packet in batch {
                self.packets += 1;
                if !(self.loses)(self.packets) {
                    queue.push_back((arrives, packet.payload));
                }
            }
        }
        progress
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }
}

/// The window that the socket itself has.
fn window_of(end: &mut Endpoint) -> Option<u64> {
    let mut text = String::new();
    write!(text, "{:?}", end.socket()).unwrap();
    let (_, after) = text.rsplit_once(" cwnd: ")?;
    after.split(',').next()?.parse().ok()
}

#[test]
fn mathis() {
    for congestion in [Congestion::Reno, Congestion::Cubic] {
        for seed in 1..=8 {
            let mut simulation = Simulation::lossy(congestion, 1 << 20, 0.01, seed);
            simulation.run(Duration::from_secs(60));
            let rate = simulation.received as f64 * 8.0 / 60.0;
            let expected = 1_460.0 * 8.0 / 0.02 * 1.22 / 0.1;
            println!(
                "{congestion:?} {seed}: {:.2} Mbit/s {:.3} again {} timeouts {}",
                rate / 1e6,
                rate / expected,
                simulation.client.track().retransmitted(),
                simulation.client.recovery().timeouts()
            );
        }
    }
}

#[test]
fn the_window_is_the_socket_s_own_whatever_is_lost() {
    for congestion in [Congestion::Reno, Congestion::Cubic] {
        for seed in 1..=10 {
            let loss = seed as f64 * 0.01;
            let mut simulation = Simulation::lossy(congestion, 1 << 14, loss, seed);
            for step in 0..400 {
                simulation.step();
                let own = window_of(&mut simulation.client).unwrap();
                let seen = simulation.client.recovery().window().unwrap();
                // What has arrived was not polled yet, by neither.
                assert_eq!(seen, own, "{congestion:?} {seed} at step {step}");
            }
        }
    }
}
