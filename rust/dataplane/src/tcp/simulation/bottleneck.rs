//! Connections that share a link with a rate and a queue that drops what it has no room for.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use nextmini_policy::time::Instant;
use nextmini_wire::control::Congestion;

use super::address;
use crate::tcp::endpoint::{Endpoint, Partial, Shape};

/// Bits of the link in a second, and bytes of its queue.
const RATE: u64 = 100_000_000;
const QUEUE: usize = 250_000;
/// Of the link, and back.
const DELAY: Duration = Duration::from_millis(10);

struct Connection {
    client: Endpoint,
    server: Endpoint,
    back: VecDeque<(Instant, Bytes)>,
    received: u64,
}

struct Bottleneck {
    now: Instant,
    connections: Vec<Connection>,
    /// Packets that wait, or are sent, until when that is over.
    queue: VecDeque<(Instant, usize)>,
    /// Packets on their way, and whose they are.
    there: VecDeque<(Instant, usize, Bytes)>,
    free: Instant,
    dropped: u64,
}

impl Bottleneck {
    fn new(connections: u8, congestion: Congestion) -> Self {
        let now = Instant(1_000_000_000);
        let connection = |number: u8| {
            let partial = if congestion == Congestion::Reno { Partial::AtOnce } else { Partial::WhenAlone };
            let shape =
                Shape { mtu: 1_500, receive: 4_096, send: 1 << 20, congestion, partial, seed: number.into() };
            let (own, to) = (address(1, 1_024 + u16::from(number)), address(2, 80));
            let client = Endpoint::connect(own, to, &shape, now).unwrap();
            let shape = Shape { receive: 1 << 20, send: 4_096, congestion: Congestion::None, ..shape };
            let server = Endpoint::listen(to, &shape, now).unwrap();
            Connection { client, server, back: VecDeque::new(), received: 0 }
        };
        Self {
            now,
            connections: (0..connections).map(connection).collect(),
            queue: VecDeque::new(),
            there: VecDeque::new(),
            free: now,
            dropped: 0,
        }
    }

    /// Takes a packet into the queue.
    fn take(&mut self, of: usize, packet: Bytes) {
        while self.queue.front().is_some_and(|&(until, _)| until <= self.now) {
            self.queue.pop_front();
        }
        let waiting: usize = self.queue.iter().map(|&(_, bytes)| bytes).sum();
        if waiting + packet.len() > QUEUE {
            self.dropped += 1;
            return;
        }
        let takes = Duration::from_nanos(packet.len() as u64 * 8 * 1_000_000_000 / RATE);
        self.free = self.free.max(self.now) + takes;
        self.queue.push_back((self.free, packet.len()));
        self.there.push_back((self.free + DELAY, of, packet));
    }

    fn turn(&mut self, of: usize) -> bool {
        let (now, mut batch) = (self.now, Vec::new());
        let Connection { client, server, back, received } = &mut self.connections[of];
        server.poll(now);
        while server.socket().can_recv() {
            *received += server.socket().recv(|bytes| (bytes.len(), bytes.len())).unwrap() as u64;
        }
        server.poll(now);
        server.fetch(&mut batch);
        back.extend(batch.drain(..).map(|packet| (now + DELAY, packet.payload)));
        client.poll(now);
        while client.socket().can_send() && client.socket().send(|room| (room.len(), room.len())).unwrap() > 0
        {
        }
        client.poll(now);
        client.fetch(&mut batch);
        let progress = !batch.is_empty();
        batch.drain(..).for_each(|packet| self.take(of, packet.payload));
        progress
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            for of in 0..self.connections.len() {
                while self.turn(of) {}
            }
            let now = self.now;
            let mut next: Vec<_> = self.there.front().map(|&(at, ..)| at).into_iter().collect();
            for connection in &mut self.connections {
                next.extend(connection.back.front().map(|&(at, _)| at));
                next.extend(connection.client.next(now));
            }
            self.now = next.into_iter().min().unwrap().max(now);
            while self.there.front().is_some_and(|&(at, ..)| at <= self.now) {
                let (_, of, packet) = self.there.pop_front().unwrap();
                self.connections[of].server.take(packet, self.now);
            }
            for connection in &mut self.connections {
                while connection.back.front().is_some_and(|&(at, _)| at <= self.now) {
                    connection.client.take(connection.back.pop_front().unwrap().1, self.now);
                }
            }
        }
    }

    fn again(&self) -> u64 {
        self.connections.iter().map(|connection| connection.client.track().retransmitted()).sum()
    }

    fn received(&self) -> Vec<f64> {
        self.connections.iter().map(|connection| connection.received as f64).collect()
    }
}

#[test]
fn two_flows_use_a_link_whose_queue_is_full_now_and_then() {
    let mut link = Bottleneck::new(2, Congestion::Cubic);
    link.run(Duration::from_secs(5));
    let (received, dropped, again) = (link.received(), link.dropped, link.again());
    link.run(Duration::from_secs(20));
    let received: Vec<_> =
        link.received().iter().zip(&received).map(|(after, before)| after - before).collect();
    let (dropped, again) = (link.dropped - dropped, link.again() - again);
    let total: f64 = received.iter().sum();
    let fairness = total.powi(2) / (2.0 * received.iter().map(|bytes| bytes.powi(2)).sum::<f64>());
    let utilisation = total * 8.0 * 1_500.0 / 1_460.0 / 20.0 / RATE as f64;
    assert!(dropped > 0);
    // What is under way at the end of either time is the difference.
    assert!(again <= 2 * dropped, "{again} sent again, {dropped} dropped");
    assert!(utilisation > 0.95, "{utilisation}");
    assert!(fairness > 0.95, "{fairness} of {received:?}");
}
