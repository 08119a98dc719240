//! Queues of links: what needs no clock, disciplines, and policies of dropping.

use std::hint::black_box;

use nextmini_policy::link::settings::Checked;
use nextmini_policy::link::{LinkQueue, LinkSeed};
use nextmini_policy::time::Instant;
use nextmini_wire::control::Direction;
use nextmini_wire::control::direction::{Codel, Discipline, DropPolicy, Red};
use nextmini_wire::packet::Packet;

use super::Work;
use super::packets::datagram;

const MTU: u16 = 1_500;
const PACKETS: u64 = 1_000;
const FLOWS: u64 = 16;
const MILLISECOND: u64 = 1_000_000;

pub(super) fn queue(direction: &Direction) -> LinkQueue {
    let mut queue = LinkQueue::new(MTU, LinkSeed { seed: 1, link: 1, from: 1 });
    queue.set(MTU, Checked::new(direction, None).unwrap(), Instant(1));
    queue
}

/// Packets that do not even stand in a queue.
pub(super) fn pass() -> Work {
    let mut queue = queue(&Direction::default());
    let mut packets: Vec<Packet> = (0..PACKETS).map(|number| datagram(number, FLOWS, 0)).collect();
    Box::new(move || {
        for batch in packets.chunks_mut(20) {
            assert!(queue.pass(black_box(batch)));
        }
    })
}

/// Packets that stand in a queue that needs no clock, 20 at a time.
pub(super) fn direct() -> Work {
    let mut queue = queue(&Direction::default());
    let mut packets = (0..PACKETS).map(|number| datagram(number, FLOWS, 0)).collect::<Vec<_>>().into_iter();
    let mut out = Vec::with_capacity(20);
    Box::new(move || {
        while packets.len() > 0 {
            for packet in packets.by_ref().take(20) {
                queue.push(packet, Instant(1));
            }
            queue.pop_into(&mut out, usize::MAX, Instant(1));
            assert_eq!(out.len(), 20);
            out.clear();
        }
    })
}

pub(super) fn fifo() -> Work {
    discipline(Discipline::Fifo)
}

pub(super) fn wrr() -> Work {
    discipline(Discipline::Wrr)
}

pub(super) fn drr() -> Work {
    discipline(Discipline::Drr)
}

/// A backlog of 16 flows that comes and is served.
fn discipline(discipline: Discipline) -> Work {
    let mut queue = queue(&Direction { discipline, ..Direction::default() });
    let mut packets = (0..PACKETS).map(|number| datagram(number, FLOWS, 0)).collect::<Vec<_>>().into_iter();
    let mut out = Vec::new();
    Box::new(move || {
        for packet in packets.by_ref() {
            queue.push(packet, Instant(1));
        }
        let mut served = 0;
        while !queue.is_empty() {
            served += taken(&mut queue, &mut out, Instant(1));
        }
        assert_eq!(served, PACKETS as usize);
    })
}

pub(super) fn red() -> Work {
    let red =
        Red { in_bytes: false, min: 5, max: 50, probability: 0.1, weight: 0.01, gentle: true, ecn: true };
    crowded(Direction { drop: DropPolicy::Red(red), ..Direction::default() })
}

pub(super) fn codel() -> Work {
    let codel = Codel { target_ns: 5 * MILLISECOND, interval_ns: 20 * MILLISECOND, ecn: false };
    crowded(Direction { drop: DropPolicy::Codel(codel), ..Direction::default() })
}

/// A link that carries a packet in 1 ms and is given one in 0.8 ms.
fn crowded(direction: Direction) -> Work {
    let direction = Direction { rate: Some(12_000_000), ..direction };
    served(queue(&direction), 800_000)
}

/// A link that is given a packet every `gap` nanoseconds, and emptied then.
pub(super) fn served(mut queue: LinkQueue, gap: u64) -> Work {
    let mut packets =
        (0..PACKETS).map(|number| datagram(number, FLOWS, 1 + number * gap)).collect::<Vec<_>>().into_iter();
    let mut out = Vec::new();
    let mut served = 0;
    Box::new(move || {
        for packet in packets.by_ref() {
            let now = Instant(packet.due);
            queue.push(packet, now);
            queue.advance(now);
            served += taken(&mut queue, &mut out, now);
        }
        while let Some(at) = queue.next_at() {
            served += taken(&mut queue, &mut out, at);
        }
        assert!(served > PACKETS as usize / 2);
    })
}

/// Takes what arrives by then; how many packets that are.
fn taken(queue: &mut LinkQueue, out: &mut Vec<Packet>, now: Instant) -> usize {
    queue.pop_into(out, usize::MAX, now);
    out.drain(..).map(black_box).count()
}
