//! What seeded simulations of links come to, to the packet and the nanosecond: files of `tests/golden/simulations`.

use std::fmt::Write as _;
use std::sync::Arc;

use nextmini_golden::assert_same;
use nextmini_wire::control::direction::{Codel, Discipline, DropPolicy, Limits, Red, TraceKind};
use nextmini_wire::control::{Class, Direction, Trace};
use nextmini_wire::packet::{Content, Ecn, Packet};

use super::settings::Checked;
use super::simulation::{Chain, MILLISECOND, datagram, megabits, served, stream, troubled};
use crate::class::Classes;
use crate::rate::TraceBuilder;
use crate::time::Instant;

/// What became of all packets, on every link and at the end of the last one.
fn outcome(chain: &Chain) -> String {
    let mut text = String::new();
    for (number, link) in (1..).zip(&chain.links) {
        let counters = link.counters();
        let drops = counters.drops;
        let (entered, left, marked) = (counters.entered, counters.packets, counters.marked);
        writeln!(text, "  link {number}: entered {entered}, left {left}, marked {marked}").unwrap();
        let (twice, lost, red, codel) = (counters.duplicated, drops.loss, drops.red, drops.codel);
        let queue = drops.queue;
        writeln!(
            text,
            "    sent twice {twice}, lost {lost}; dropped: queue {queue}, red {red}, codel {codel}"
        )
        .unwrap();
    }
    let figures = chain.figures();
    let (packets, again, late) = (figures.packets, figures.duplicates, figures.reordered);
    writeln!(text, "  arrived {packets}, again {again}, reordered {late}, corrupted {}", figures.corrupted)
        .unwrap();
    let delays: Vec<u64> = chain.arrived.iter().map(|(_, packet)| packet.due - sent_at(packet)).collect();
    let mean = delays.iter().sum::<u64>() / delays.len().max(1) as u64;
    let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    writeln!(text, "  delay in ns: least {least}, mean {mean}, most {most}").unwrap();
    text
}

fn sent_at(packet: &Packet) -> u64 {
    match packet.content {
        Content::Datagram(datagram) => datagram.sent_at,
        _ => panic!("{packet:?}"),
    }
}

#[test]
fn queue_policies() {
    let red = |ecn| {
        DropPolicy::Red(Red {
            in_bytes: false,
            min: 5,
            max: 15,
            probability: 0.1,
            weight: 0.02,
            gentle: true,
            ecn,
        })
    };
    let codel =
        |ecn| DropPolicy::Codel(Codel { target_ns: 5 * MILLISECOND, interval_ns: 100 * MILLISECOND, ecn });
    let limits = Limits { packets: Some(50), ..Limits::default() };
    let mut text = String::from("10,000 packets, one every 0.95 ms, over a link that carries one in 1 ms\n");
    for (name, drop, ecn) in [
        ("tail", DropPolicy::default(), Ecn::NotCapable),
        ("red", red(false), Ecn::NotCapable),
        ("red that marks", red(true), Ecn::Capable),
        ("codel", codel(false), Ecn::NotCapable),
        ("codel that marks", codel(true), Ecn::Capable),
    ] {
        let mut chain = Chain::new(5, 100_000, &[Direction { drop, limits, ..megabits(12) }]);
        chain.send(stream(10_000, 950_000).map(|(at, mut packet)| {
            if let Content::Datagram(datagram) = &mut packet.content {
                datagram.ecn = ecn;
            }
            (at, packet)
        }));
        writeln!(text, "\n{name}:\n{}", outcome(&chain).trim_end()).unwrap();
    }
    assert_same("queue-policies", &text);
}

#[test]
fn impairments() {
    let mut text =
        String::from("20,000 packets, one a millisecond, over three links of which each goes wrong\n");
    for seed in [7, 8] {
        writeln!(text, "\nseed {seed}:\n{}", outcome(&troubled(seed)).trim_end()).unwrap();
    }
    assert_same("impairments", &text);
}

#[test]
fn shares() {
    let mut text = String::from(
        "bytes of flows of weights 1, 2 and 5 that a backlog of theirs has sent in 100 ms at 100 Mbit/s\n\n",
    );
    for discipline in [Discipline::Fifo, Discipline::Wrr, Discipline::Drr] {
        for sizes in [[1_500; 3], [300, 700, 1_500]] {
            let bytes = served(discipline, sizes);
            writeln!(text, "{discipline:?}, packets of {sizes:?} bytes: {bytes:?}").unwrap();
        }
    }
    assert_same("shares", &text);
}

/// Packets that come at once, and the time at which each of them arrives.
fn times(name: &str, direction: &Direction, trace: Option<Trace>, text: &mut String) {
    let trace = trace.and_then(|part| TraceBuilder::default().add(part).unwrap());
    let mut chain = Chain::new(1, 0, &[Direction::default()]);
    chain.links[0].set(1_500, Checked::new(direction, trace).unwrap(), Instant(1));
    chain.send(stream(24, 1));
    let times: Vec<String> =
        chain.arrived.iter().map(|(_, packet)| (packet.due / 1_000).to_string()).collect();
    writeln!(text, "\n{name}:").unwrap();
    times.chunks(8).for_each(|line| writeln!(text, "  {}", line.join(" ")).unwrap());
}

#[test]
fn shaping() {
    let mut text =
        String::from("when each of 24 packets of 1,500 bytes that are sent at once arrives, in us\n");
    let delay_ns = 3 * MILLISECOND;
    times("12 Mbit/s", &megabits(12), None, &mut text);
    times("12 Mbit/s, 3 ms", &Direction { delay_ns, ..megabits(12) }, None, &mut text);
    times("12 Mbit/s, a burst of 15 kB", &Direction { burst: Some(15_000), ..megabits(12) }, None, &mut text);
    let traced = Direction { trace: Some(1), ..Direction::default() };
    let points = vec![(0, 12_000_000), (5 * MILLISECOND, 1_200_000), (20 * MILLISECOND, 24_000_000)];
    let trace = |kind, points: Vec<(u64, u64)>, period_ns| {
        Some(Trace { id: 1, kind, period_ns, total: points.len() as u32, first: 0, points })
    };
    let rates = trace(TraceKind::Rates, points, 25 * MILLISECOND);
    times("12, 1.2 and 24 Mbit/s, for 5, 15 and 5 ms", &traced, rates, &mut text);
    let points = vec![(MILLISECOND, 2), (2 * MILLISECOND, 1), (7 * MILLISECOND, 3)];
    let opportunities = trace(TraceKind::Opportunities, points, 10 * MILLISECOND);
    times("2, 1 and 3 packets at 1, 2 and 7 of each 10 ms", &traced, opportunities, &mut text);
    assert_same("shaping", &text);
}

#[test]
fn classes() {
    let class = |id, rate, weight| {
        let (source, destination, protocol, port) = (None, None, None, None);
        Class { id, source, destination, protocol, port, rate, weight }
    };
    let mut chain = Chain::new(1, 0, &[Direction { discipline: Discipline::Drr, ..megabits(60) }]);
    let classes = vec![class(1, Some(6_000_000), None), class(2, None, Some(3)), class(3, None, None)];
    chain.links[0].set_classes(&Arc::new(Classes::new(classes)), Instant(1));
    for n in 0..300 {
        let class = 1 + n as u16 % 3;
        chain.links[0].push(Packet { class, ..datagram(u32::from(class), n, 1) }, Instant(1));
    }
    let mut text = String::from(
        "packets of a class of 6 Mbit/s, one of weight 3 and one of weight 1 that a link of 60 Mbit/s has carried by then\n\n",
    );
    for ms in [5, 10, 20, 40, 60] {
        chain.run_until(Instant(ms * MILLISECOND));
        let of = |class| chain.arrived.iter().filter(|(_, packet)| packet.class == class).count();
        writeln!(text, "{ms} ms: {} {} {}", of(1), of(2), of(3)).unwrap();
    }
    assert_same("classes", &text);
}
