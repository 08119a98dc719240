//! A chain of links in simulated time: packets go in at one end, whoever empties the links is late, and what
//! comes out at the other end is looked at.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nextmini_wire::control::direction::{
    Chance, Codel, Discipline, Distribution, DropPolicy, Jitter, Limits, Loss, Red,
};
use nextmini_wire::control::{Class, Datagrams, Direction};
use nextmini_wire::id::{FlowId, LinkId, NodeId, RouteId};
use nextmini_wire::packet::{Chunk, Content, Datagram, Ecn, Packet};
use proptest::prelude::*;

use super::settings::Checked;
use super::{LinkQueue, LinkSeed, Wanted};
use crate::class::Classes;
use crate::datagram::Receiver;
use crate::random::Random;
use crate::time::Instant;

pub(super) const MILLISECOND: u64 = 1_000_000;
/// Bytes on the wire of every packet here.
const WIRE_BYTES: u64 = 1_500;

pub(super) struct Chain {
    pub(super) links: Vec<LinkQueue>,
    now: Instant,
    /// How late whoever empties the links is, at most, in nanoseconds.
    lateness: u64,
    random: Random,
    pub(super) arrived: Vec<(Instant, Packet)>,
}

impl Chain {
    pub(super) fn new(seed: u64, lateness: u64, directions: &[Direction]) -> Self {
        let mut links: Vec<LinkQueue> = (1..)
            .zip(directions)
            .map(|(link, _)| LinkQueue::new(1_500, LinkSeed { seed, link, from: link }))
            .collect();
        for (link, direction) in links.iter_mut().zip(directions) {
            link.set(1_500, checked(direction), Instant(1));
        }
        Self { links, now: Instant(1), lateness, random: Random::new(9, &[]), arrived: Vec::new() }
    }

    /// Sends these packets, each at its time, and lets everything arrive.
    pub(super) fn send(&mut self, packets: impl IntoIterator<Item = (u64, Packet)>) {
        for (at, mut packet) in packets {
            self.run_until(Instant(at));
            packet.due = at;
            self.links[0].push(packet, self.now);
            self.links[0].advance(self.now);
        }
        self.run_until(Instant(u64::MAX));
    }

    pub(super) fn run_until(&mut self, end: Instant) {
        while let Some(next) =
            self.links.iter_mut().filter_map(LinkQueue::next_at).min().filter(|&at| at < end)
        {
            let late = if self.lateness == 0 { 0 } else { self.random.below(self.lateness) };
            self.now = self.now.max(next + Duration::from_nanos(late));
            for at in 0..self.links.len() {
                let mut out = Vec::new();
                self.links[at].pop_into(&mut out, usize::MAX, self.now);
                match self.links.get_mut(at + 1) {
                    Some(link) => {
                        assert!(out.into_iter().all(|packet| link.push(packet, self.now).is_none()))
                    }
                    None => self.arrived.extend(out.into_iter().map(|packet| (self.now, packet))),
                }
            }
        }
        self.now = if end == Instant(u64::MAX) { self.now } else { self.now.max(end) };
    }

    pub(super) fn figures(&self) -> Datagrams {
        let mut receiver = Receiver::default();
        for (at, packet) in &self.arrived {
            let Content::Datagram(datagram) = packet.content else { panic!("{packet:?}") };
            let intact = packet.payload.iter().all(|byte| *byte == 0);
            receiver.on_datagram(&datagram, packet.payload.len(), intact, *at);
        }
        receiver.figures()
    }

    fn sequences(&self) -> Vec<u64> {
        self.arrived.iter().map(|(_, packet)| sequence(packet)).collect()
    }
}

pub(super) fn checked(direction: &Direction) -> Checked {
    Checked::new(direction, None).unwrap()
}

fn sequence(packet: &Packet) -> u64 {
    match packet.content {
        Content::Datagram(datagram) => datagram.sequence,
        _ => panic!("{packet:?}"),
    }
}

pub(super) fn datagram(flow: u32, sequence: u64, sent_at: u64) -> Packet {
    let ecn = Ecn::NotCapable;
    let datagram = Datagram { flow: FlowId(flow), sequence, sent_at, last: false, ecn };
    Packet::new(
        RouteId(1),
        9,
        flow,
        Content::Datagram(datagram),
        Bytes::from(vec![0; WIRE_BYTES as usize - 28]),
    )
}

/// So many packets, one every `gap` nanoseconds, from time 1 on.
pub(super) fn stream(count: u64, gap: u64) -> impl Iterator<Item = (u64, Packet)> {
    (0..count).map(move |n| (1 + n * gap, datagram(1, n, 1 + n * gap)))
}

pub(super) fn megabits(rate: u64) -> Direction {
    Direction { rate: Some(rate * 1_000_000), ..Direction::default() }
}

#[test]
fn delays_and_rates_of_a_chain_add_up_exactly_however_late_it_is_served() {
    let hop = Direction { delay_ns: 10 * MILLISECOND, ..megabits(12) };
    for lateness in [0, 300_000, 5 * MILLISECOND] {
        let mut chain = Chain::new(1, lateness, &[hop.clone(), hop.clone(), hop.clone()]);
        chain.send(stream(500, 2 * MILLISECOND));
        assert_eq!(chain.arrived.len(), 500);
        for (at, packet) in &chain.arrived {
            let Content::Datagram(datagram) = packet.content else { panic!("{packet:?}") };
            // A packet of 1,500 bytes takes 1 ms at 12 Mbit/s.
            assert_eq!(packet.due - datagram.sent_at, 3 * 11 * MILLISECOND, "late by up to {lateness} ns");
            assert!(at.0 >= packet.due);
        }
    }
}

#[test]
fn four_fifths_of_what_is_five_times_too_much_are_dropped_by_the_queue() {
    let limits = Limits { packets: Some(100), ..Limits::default() };
    let mut chain = Chain::new(1, 100_000, &[Direction { limits, ..megabits(10) }]);
    chain.send(stream(20_000, 240_000));
    let counters = chain.links[0].counters();
    assert_eq!(counters.packets + counters.drops.queue, 20_000);
    // Those that still waited at the end, and the one that was leaving, got through.
    assert!((4_099..=4_101).contains(&counters.packets), "{}", counters.packets);
}

#[test]
fn a_queue_limit_in_time_holds_as_much_as_the_rate_carries_in_it() {
    let limits = Limits { time_ns: Some(20 * MILLISECOND), ..Limits::default() };
    let mut chain = Chain::new(1, 0, &[Direction { limits, ..megabits(12) }]);
    chain.send(stream(500, 100));
    // Twenty wait, and one is leaving.
    assert_eq!(chain.arrived.len(), 21);
}

/// Everything that can go wrong, on three links.
pub(super) fn troubled(seed: u64) -> Chain {
    let jitter = Jitter {
        amount_ns: 2 * MILLISECOND,
        distribution: Distribution::Normal,
        correlation: 0.3,
        reorder: true,
    };
    let lossy = Direction {
        delay_ns: 8 * MILLISECOND,
        jitter: Some(jitter),
        loss: Some(Loss::GilbertElliott { p: 0.01, r: 0.2, h: 0.1, k: 1.0 }),
        ..Direction::default()
    };
    let dirty = Direction {
        delay_ns: 3 * MILLISECOND,
        duplicate: Some(Chance { probability: 0.02, correlation: 0.0 }),
        reorder: Some(Chance { probability: 0.01, correlation: 0.5 }),
        corrupt: Some(Chance { probability: 0.005, correlation: 0.0 }),
        loss: Some(Loss::Random { probability: 0.01, correlation: 0.2 }),
        ..megabits(30)
    };
    let red =
        Red { in_bytes: false, min: 5, max: 15, probability: 0.1, weight: 0.01, gentle: true, ecn: false };
    let slow = Direction { drop: DropPolicy::Red(red), ..megabits(11) };
    let mut chain = Chain::new(seed, 200_000, &[lossy, dirty, slow]);
    chain.send(stream(20_000, MILLISECOND));
    chain
}

#[test]
fn a_seed_decides_about_every_packet() {
    assert_eq!(troubled(7).sequences(), troubled(7).sequences());
    assert_ne!(troubled(7).sequences(), troubled(8).sequences());
}

#[test]
fn other_settings_do_not_change_who_is_lost() {
    let lossy =
        Direction { loss: Some(Loss::Random { probability: 0.1, correlation: 0.0 }), ..Direction::default() };
    let also_slow = Direction { delay_ns: 5, rate: Some(100_000_000), ..lossy.clone() };
    let lost = |direction| {
        let mut chain = Chain::new(3, 0, &[direction]);
        chain.send(stream(2_000, MILLISECOND));
        chain.sequences()
    };
    assert_eq!(lost(lossy), lost(also_slow));
}

#[test]
fn a_change_of_everything_loses_nothing_that_waits_or_travels() {
    let first = Direction { delay_ns: 50 * MILLISECOND, ..megabits(10) };
    let then = Direction {
        delay_ns: MILLISECOND,
        discipline: Discipline::Drr,
        jitter: Some(Jitter {
            amount_ns: 1,
            distribution: Distribution::Uniform,
            correlation: 0.0,
            reorder: false,
        }),
        ..megabits(100)
    };
    let mut chain = Chain::new(1, 0, &[first]);
    for (at, packet) in stream(200, MILLISECOND) {
        chain.run_until(Instant(at));
        chain.links[0].push(packet, chain.now);
        if sequence(&chain.links[0].backlog.first().map_or_else(|| datagram(1, 0, 0), |it| it.packet.clone()))
            == 50
        {
            chain.links[0].set(1_500, checked(&then), chain.now);
        }
    }
    chain.run_until(Instant(u64::MAX));
    assert_eq!(chain.sequences(), (0..200).collect::<Vec<_>>());
    assert_eq!(chain.links[0].direction, then);
}

#[test]
fn a_new_rate_is_in_force_for_the_packet_that_is_leaving_too() {
    let mut chain = Chain::new(1, 0, &[Direction { rate: Some(1), ..Direction::default() }]);
    chain.links[0].push(datagram(1, 0, 1), Instant(1));
    chain.links[0].advance(Instant(1));
    assert_eq!(chain.links[0].next_at(), Some(Instant(1 + 12_000_000_000_000)));
    chain.links[0].set(1_500, checked(&megabits(12)), Instant(500));
    assert_eq!(chain.links[0].next_at(), Some(Instant(500 + MILLISECOND)));
}

#[test]
fn a_link_that_is_down_keeps_what_waits_and_loses_what_travels() {
    let mut chain = Chain::new(1, 0, &[Direction { delay_ns: 10 * MILLISECOND, ..megabits(12) }]);
    assert!((0..10).all(|n| chain.links[0].push(datagram(1, n, 1), Instant(1)).is_none()));
    // After 3.5 ms three have left, and none has arrived.
    chain.run_until(Instant(3_500_000));
    chain.links[0].set_wanted(Wanted::Down, chain.now);
    assert_eq!(chain.links[0].next_at(), None);
    chain.links[0].push(datagram(1, 10, 1), chain.now);
    chain.run_until(Instant(100 * MILLISECOND));
    chain.links[0].set_wanted(Wanted::Up, chain.now);
    chain.run_until(Instant(u64::MAX));
    assert_eq!(chain.sequences(), (3..10).collect::<Vec<_>>());
    assert_eq!(chain.links[0].counters().drops.down, 4);
    assert_eq!(chain.arrived[0].0, Instant(100 * MILLISECOND + 11 * MILLISECOND));
}

#[test]
fn what_came_while_a_link_was_down_leaves_at_its_rate_and_is_not_late() {
    for direction in [megabits(12), Direction { delay_ns: MILLISECOND, ..Direction::default() }] {
        let mut chain = Chain::new(1, 0, std::slice::from_ref(&direction));
        chain.send(stream(3, MILLISECOND));
        chain.links[0].set_wanted(Wanted::Down, chain.now);
        let down = chain.now;
        for n in 0..10 {
            chain.now = down + Duration::from_millis(n);
            let chunk = Chunk { flow: FlowId(1), offset: n, sent_at: 0, last: false, ask: false };
            let packet = Packet { content: Content::Chunk(chunk), ..datagram(1, n, 0) };
            let payload = Bytes::from(vec![0; WIRE_BYTES as usize - 40]);
            chain.links[0].push(Packet { payload, ..packet }, chain.now);
        }
        let up = down + Duration::from_millis(100);
        chain.now = up;
        chain.links[0].set_wanted(Wanted::Up, up);
        chain.run_until(Instant(u64::MAX));
        let after: Vec<_> = chain.arrived.iter().skip(3).map(|(at, _)| at.since(up)).collect();
        let each = u64::from(direction.rate.is_some());
        let expected: Vec<_> = (0..10).map(|n| Duration::from_millis(1 + each * n)).collect();
        assert_eq!(after, expected);
        let fidelity = chain.links[0].fidelity(LinkId(1), NodeId(1)).unwrap();
        assert_eq!(fidelity.lateness.max_ns, 0);
        assert_eq!(fidelity.busy_bits, fidelity.asked_bits);
    }
}

#[test]
fn a_class_keeps_to_its_rate_and_holds_up_nobody() {
    let class = |id, rate| Class {
        id,
        source: None,
        destination: None,
        protocol: None,
        port: None,
        rate,
        weight: None,
    };
    let mut chain = Chain::new(1, 0, &[megabits(120)]);
    let classes = Arc::new(Classes::new(vec![class(1, Some(12_000_000)), class(2, None)]));
    chain.links[0].set_classes(&classes, Instant(1));
    for n in 0..100 {
        let class = 1 + (n % 2) as u16;
        chain.links[0].push(Packet { class, ..datagram(u32::from(class), n, 1) }, Instant(1));
    }
    chain.run_until(Instant(u64::MAX));
    let last =
        |class| chain.arrived.iter().filter(|(_, p)| p.class == class).map(|(at, _)| at.0).max().unwrap();
    // Fifty packets at 0.1 ms each, with a handful of the slow class among them.
    assert!(last(2) < 6 * MILLISECOND, "{}", last(2));
    // Fifty packets at 1 ms each, of which a class may send a few ahead.
    assert!((46 * MILLISECOND..50 * MILLISECOND).contains(&last(1)), "{}", last(1));
}

/// Packets of each of three flows of weights 1, 2 and 5 that have left when a backlog has been served for a
/// while.
pub(super) fn served(discipline: Discipline, sizes: [usize; 3]) -> [u64; 3] {
    let mut chain = Chain::new(1, 0, &[Direction { discipline, ..megabits(100) }]);
    for n in 0..900 {
        for (flow, weight) in [(1, 1), (2, 2), (3, 5)] {
            let mut packet = datagram(flow, n, 1);
            packet.payload.truncate(sizes[flow as usize - 1] - 28);
            packet.weight = weight;
            chain.links[0].limits.packets = usize::MAX;
            chain.links[0].push(packet, Instant(1));
        }
    }
    chain.run_until(Instant(100 * MILLISECOND));
    let bytes = |flow: u32| {
        let of_flow = chain.arrived.iter().filter(|(_, packet)| packet.label == flow);
        of_flow.map(|(_, packet)| packet.wire_bytes(1_500)).sum()
    };
    [bytes(1), bytes(2), bytes(3)]
}

#[test]
fn round_robin_shares_out_by_weight() {
    let [one, two, five] = served(Discipline::Wrr, [1_500; 3]);
    assert!(two.abs_diff(2 * one) <= 3_000 && five.abs_diff(5 * one) <= 8_000, "{one} {two} {five}");
    let [one, two, five] = served(Discipline::Drr, [300, 700, 1_500]);
    assert!(two.abs_diff(2 * one) <= 12_000 && five.abs_diff(5 * one) <= 30_000, "{one} {two} {five}");
}

#[test]
fn controlled_delay_brings_a_standing_queue_down_to_its_target() {
    let codel =
        DropPolicy::Codel(Codel { target_ns: 5 * MILLISECOND, interval_ns: 100 * MILLISECOND, ecn: false });
    let mut chain = Chain::new(1, 0, &[Direction { drop: codel, ..megabits(12) }]);
    // A little too much, for a minute: with a queue of 1,000 packets the delay would grow to a second, and a
    // sender that does not listen keeps the policy at work for as long as it sends.
    chain.send(stream(66_000, 909_000));
    assert!(chain.links[0].counters().drops.codel > 3_000);
    let late = &chain.arrived[chain.arrived.len() / 2..];
    let delays = late.iter().map(|(at, packet)| match packet.content {
        Content::Datagram(datagram) => at.0 - datagram.sent_at,
        _ => 0,
    });
    let mean = delays.sum::<u64>() / late.len() as u64;
    assert!(mean < 50 * MILLISECOND, "{mean}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_packet_arrives_or_is_counted(
        gap in 20_000_u64..2_000_000,
        rate in 1_u64..100,
        loss in 0.0_f64..0.9,
        duplicate in 0.0_f64..0.5,
        jitter_us in 0_u64..3_000,
        drr: bool,
        reorder: bool,
    ) {
        let direction = Direction {
            delay_ns: 5 * MILLISECOND,
            jitter: Some(Jitter {
                amount_ns: jitter_us * 1_000,
                distribution: Distribution::Pareto,
                correlation: 0.0,
                reorder,
            }),
            loss: Some(Loss::Random { probability: loss, correlation: 0.0 }),
            duplicate: Some(Chance { probability: duplicate, correlation: 0.0 }),
            discipline: if drr { Discipline::Drr } else { Discipline::Fifo },
            ..megabits(rate)
        };
        let mut chain = Chain::new(5, 50_000, &[direction.clone(), direction]);
        chain.send(stream(2_000, gap));
        let counters: Vec<_> = chain.links.iter().map(LinkQueue::counters).collect();
        for (counters, next) in [(counters[0], counters[1].entered), (counters[1], chain.arrived.len() as u64)] {
            let lost = counters.drops.queue + counters.drops.loss;
            prop_assert_eq!(counters.entered + counters.duplicated - lost, next);
        }
        if !reorder {
            prop_assert!(chain.sequences().is_sorted());
        }
        prop_assert!(chain.links.iter().all(|link| link.is_empty() && link.waiting_bytes() == 0));
    }
}
