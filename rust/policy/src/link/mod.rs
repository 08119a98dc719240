//! One direction of a link: what waits for it, how fast it leaves, and what happens to it on the way.
//!
//! A packet passes, in this order: the limits and the drop policy of the queue ([`backlog`]), the rate
//! ([`shaper`]), loss, damage, duplication and delay ([`line`]). A direction that is asked for none of these
//! is a queue that needs no clock.
//!
//! Packets of lossless sessions are always taken, since their windows bound how many there can be; the
//! others meet the limits. What is late is made up for: everything is reckoned from the moments at which
//! packets *were to* come and leave, so that errors do not add up.

pub mod backlog;
mod books;
mod direct;
pub mod line;
pub mod meter;
pub mod settings;
pub mod shaper;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod snapshots;
mod timed;

use std::sync::Arc;
use std::time::Duration;

use nextmini_wire::control::direction::Discipline;
use nextmini_wire::control::{Direction, Drops, LinkFidelity};
use nextmini_wire::id::{LinkId, NodeId};
use nextmini_wire::packet::{Content, Packet};
use nextmini_wire::segment::segment;
use nextmini_wire::vnet::{Offload, VnetHeader};

use crate::class::Classes;
use crate::drop::Verdict;
use crate::drops::DropCause;
use crate::random::Random;
use crate::time::Instant;
use backlog::{Backlog, Waiting};
use books::Books;
use direct::Direct;
use settings::{Checked, Limits};
use timed::Timed;

pub use books::{Fate, Observed};

/// Packets that leave at once at most.
pub const MAX_BATCH: usize = 256;
/// A packet that comes later than it was to is taken for so much earlier at most: a stall of the machine is
/// made up for, but not with a burst that no link would carry.
pub const MOST_CATCH_UP: Duration = Duration::from_millis(20);

/// Where a direction's random choices come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkSeed {
    /// The experiment's.
    pub seed: u64,
    /// Number of the link.
    pub link: u32,
    /// The node that sends.
    pub from: u32,
}

impl LinkSeed {
    /// The generator for one purpose.
    pub fn random(self, purpose: u64) -> Random {
        Random::new(self.seed, &[u64::from(self.link), u64::from(self.from), purpose])
    }
}

/// Whether the link's connection carries packets at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkUp {
    /// It does.
    Yes,
    /// It does not: ordinary packets are dropped, lossless ones wait.
    No,
    /// It never will again: everything is dropped.
    Ended,
}

/// Whether the link is wanted to carry packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It is.
    Up,
    /// It is not: ordinary packets are dropped, lossless ones wait.
    Down,
}

/// An IP packet that was not taken for a reason that its source is to hear (RFC 1812, section 4.3.3).
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// It, or a part of what it stands for.
    pub packet: Packet,
    /// Why.
    pub why: Refusal,
}

/// See [`Refused`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The link is down.
    Down,
    /// It is too large for the link, and may not be cut.
    TooBig {
        /// Of the link, in bytes.
        mtu: u16,
    },
}

/// What has passed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that were given to it, those that it dropped too.
    pub entered: u64,
    /// Bytes that left, on the emulated wire; those that were lost on the way too.
    pub bytes: u64,
    /// Packets that left.
    pub packets: u64,
    /// Packets that it marked.
    pub marked: u64,
    /// Packets that it sent twice.
    pub duplicated: u64,
    /// Packets that were dropped.
    pub drops: Drops,
}

/// One direction of a link.
#[derive(Debug)]
pub struct LinkQueue {
    seed: LinkSeed,
    mtu: u16,
    direction: Direction,
    /// Whether super-packets are cut into the packets that they stand for.
    cuts: bool,
    limits: Limits,
    up: LinkUp,
    wanted: Wanted,
    /// As long as nothing is asked of it, what waits is here, and the two below are not used.
    direct: Option<Direct>,
    backlog: Backlog,
    timed: Option<Box<Timed>>,
    books: Books,
}

impl LinkQueue {
    /// Bytes of the largest packet that it takes.
    pub fn mtu(&self) -> u16 {
        self.mtu
    }

    /// An empty queue of a link that only carries packets of up to `mtu` bytes.
    pub fn new(mtu: u16, seed: LinkSeed) -> Self {
        let direction = Direction::default();
        Self {
            seed,
            mtu,
            limits: Limits::new(&direction.limits),
            backlog: Backlog::new(direction.discipline),
            cuts: settings::works_per_packet(&direction),
            direction,
            up: LinkUp::Yes,
            wanted: Wanted::Up,
            direct: Some(Direct::default()),
            books: Books::default(),
            timed: None,
        }
    }

    /// Puts other settings in force. Nothing that waits or travels is lost; what is asked for as before goes
    /// on where it is.
    pub fn set(&mut self, mtu: u16, checked: Checked, now: Instant) {
        if mtu != self.mtu || checked.needs_clock() || checked.direction.discipline != Discipline::Fifo {
            self.leave_direct(now);
        }
        self.mtu = mtu;
        self.limits = Limits::new(&checked.direction.limits);
        self.cuts = settings::works_per_packet(&checked.direction);
        self.backlog.set_discipline(checked.direction.discipline);
        let before = std::mem::replace(&mut self.direction, checked.direction.clone());
        if self.timed.is_some() || checked.needs_clock() {
            let timed = self.timed.get_or_insert_with(|| Box::new(Timed::new(self.seed, now)));
            timed.set(&before, checked, mtu, now);
        }
    }

    /// Takes other classes for packets that come from now on.
    pub fn set_classes(&mut self, classes: &Arc<Classes>, now: Instant) {
        if classes.have_rates() {
            self.leave_direct(now);
        }
        if self.timed.is_none() && classes.have_rates() {
            self.timed = Some(Box::new(Timed::new(self.seed, now)));
        }
        self.backlog.set_classes(Arc::clone(classes), now);
    }

    /// Has packets leave at once, and counts them, as if they had been pushed and popped, if that is all that would
    /// become of them and nobody watches. Otherwise it is false, and nothing has happened.
    pub fn pass(&mut self, packets: &mut [Packet]) -> bool {
        let open = self.up == LinkUp::Yes && self.wanted == Wanted::Up && !self.is_watched();
        if !open || !self.direct.as_ref().is_some_and(Direct::is_empty) || packets.len() > self.limits.packets
        {
            return false;
        }
        let mut bytes = 0;
        for packet in &mut *packets {
            let wire_bytes = packet.reckon_wire_bytes(self.mtu);
            if !self.takes_whole(packet, wire_bytes) {
                return false;
            }
            bytes += wire_bytes;
        }
        if bytes > self.limits.bytes {
            return false;
        }
        let counters = &mut self.books.counters;
        counters.entered += packets.len() as u64;
        counters.packets += packets.len() as u64;
        counters.bytes += bytes;
        true
    }

    /// Takes a packet, or drops and counts it. `now` counts for a direction that [`Self::is_timed`] or is watched
    /// only.
    ///
    /// What is dropped for want of room is nobody's to hear of; other IP packets come back.
    pub fn push(&mut self, packet: Packet, now: Instant) -> Option<Refused> {
        let Content::Ip(header) = packet.content else {
            self.push_one(packet, now);
            return None;
        };
        if self.takes_ip_whole(&packet, header) {
            return self.push_one(packet, now);
        }
        match segment(packet.payload.clone(), header, self.mtu) {
            Ok(pieces) => {
                let mut refused = None;
                for (header, payload) in pieces {
                    let piece = Packet { content: Content::Ip(header), payload, ..packet.clone() };
                    let again = self.push_one(piece, now);
                    refused = refused.or(again);
                }
                refused
            }
            Err(_) => {
                self.books.counters.entered += 1;
                self.refuse(packet, DropCause::Mtu, now)
            }
        }
    }

    fn push_one(&mut self, mut packet: Packet, now: Instant) -> Option<Refused> {
        self.books.counters.entered += 1;
        let wire_bytes = packet.reckon_wire_bytes(self.mtu);
        if let Some(cause) = self.refusal(&packet, wire_bytes, now) {
            return self.refuse(packet, cause, now);
        }
        if let Some(direct) = &mut self.direct {
            direct.push(packet, wire_bytes);
            return None;
        }
        if let Some(timed) = &mut self.timed {
            match timed.on_arrival(&packet, &self.backlog, now) {
                Verdict::Pass => {}
                Verdict::Mark => {
                    packet.mark_congested();
                    self.books.counters.marked += 1;
                }
                Verdict::Drop => {
                    self.books.drop_packet(&packet, DropCause::Red, now);
                    return None;
                }
            }
        }
        let arrived =
            if packet.due == 0 { now } else { Instant(packet.due).max(now - MOST_CATCH_UP).min(now) };
        self.backlog.push(Waiting { packet, wire_bytes, arrived }, now);
        None
    }

    fn refuse(&mut self, packet: Packet, cause: DropCause, now: Instant) -> Option<Refused> {
        self.books.drop_packet(&packet, cause, now);
        let why = match cause {
            DropCause::Down => Refusal::Down,
            DropCause::Mtu => Refusal::TooBig { mtu: self.mtu },
            _ => return None,
        };
        matches!(packet.content, Content::Ip(_)).then_some(Refused { packet, why })
    }

    /// Moves packets that go on by `now` to `out`, at most [`MAX_BATCH`] and `most_bytes` of payload but at
    /// least one, if there is one.
    pub fn pop_into(&mut self, out: &mut Vec<Packet>, most_bytes: usize, now: Instant) {
        let before = out.len();
        if let Some(direct) = &mut self.direct {
            if self.wanted == Wanted::Up {
                direct.pop_into(out, most_bytes, self.mtu, &mut self.books.counters);
                self.books.observe_left(&out[before..], now);
            }
            return;
        }
        self.advance(now);
        match &mut self.timed {
            Some(timed) if self.up == LinkUp::Yes && self.wanted == Wanted::Up => {
                timed.release(out, most_bytes, now);
            }
            Some(_) => {}
            None if self.wanted == Wanted::Up => {
                self.pop_at_once(out, most_bytes);
                self.books.observe_left(&out[before..], now);
            }
            None => {}
        }
    }

    /// Lets time pass until `now`: who has left is on the way.
    pub fn advance(&mut self, now: Instant) {
        if let Some(timed) = &mut self.timed
            && self.up == LinkUp::Yes
            && self.wanted == Wanted::Up
        {
            timed.advance(&mut self.backlog, &mut self.books, self.mtu, now);
        }
    }

    /// Whether it needs to know the time.
    pub fn is_timed(&self) -> bool {
        self.timed.is_some()
    }

    /// When something is to be done next, if nothing comes in between: at once if that is in the past.
    pub fn next_at(&mut self) -> Option<Instant> {
        if self.up == LinkUp::Ended || self.wanted == Wanted::Down {
            return None;
        }
        match &self.timed {
            Some(timed) => timed.next_at(&mut self.backlog),
            None => (!self.is_empty()).then(Instant::default),
        }
    }

    /// Marks the link's connection up, down or ended. When it ends, what waits is dropped and counted.
    pub fn set_up(&mut self, up: LinkUp, now: Instant) {
        let before = std::mem::replace(&mut self.up, up);
        if up == LinkUp::Ended {
            self.clear(now);
        } else if up == LinkUp::Yes && before == LinkUp::No {
            self.begin_again(now);
        }
    }

    /// Takes the link down, or up again: what waits goes on waiting, what is on the way is lost.
    pub fn set_wanted(&mut self, wanted: Wanted, now: Instant) {
        let before = std::mem::replace(&mut self.wanted, wanted);
        match (before, wanted) {
            (Wanted::Up, Wanted::Down) => {
                let lost = self.timed.as_mut().map_or(0, |timed| timed.cut());
                self.books.count_drop(DropCause::Down, lost);
            }
            (Wanted::Down, Wanted::Up) => self.begin_again(now),
            _ => {}
        }
    }

    /// Drops all that waits or travels, and counts it: the node that sends is gone.
    pub fn clear(&mut self, now: Instant) {
        let direct = self.direct.as_mut().map(std::mem::take);
        for packet in direct.into_iter().flat_map(Direct::into_packets) {
            self.books.drop_packet(&packet, DropCause::Down, now);
        }
        while let Some(waiting) = self.backlog.take(Instant(u64::MAX)) {
            self.books.drop_packet(&waiting.packet, DropCause::Down, now);
        }
        self.backlog.clear();
        if let Some(timed) = &mut self.timed {
            timed.clear(&mut self.books, now);
        }
    }

    /// Counts packets that were lost on their way into or out of this queue.
    pub fn count_drop(&mut self, cause: DropCause, packets: u64) {
        self.books.count_drop(cause, packets);
    }

    /// From now on packets that leave or are dropped are kept for [`Self::take_observed`], or no longer.
    pub fn set_watched(&mut self, watched: bool) {
        self.books.set_watched(watched);
    }

    /// Whether somebody watches.
    pub fn is_watched(&self) -> bool {
        self.books.is_watched()
    }

    /// Packets that left or were dropped since the last call, if somebody watches. What a link that is cut had on
    /// the way, and what the ends of the link drop, is counted only.
    pub fn take_observed(&mut self) -> Vec<Observed> {
        self.books.take_observed()
    }

    /// Packets that wait for their turn.
    pub fn len(&self) -> usize {
        if let Some(direct) = &self.direct {
            return direct.len();
        }
        self.backlog.packets() + self.timed.as_ref().map_or(0, |timed| timed.in_service())
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that wait, on the emulated wire.
    pub fn waiting_bytes(&self) -> u64 {
        self.direct.as_ref().map_or_else(|| self.backlog.bytes(), Direct::bytes)
    }

    /// What has passed so far.
    pub fn counters(&self) -> Counters {
        self.books.counters
    }

    /// What it achieved, as the direction of `link` that leaves `node`; nothing where nothing was asked for.
    pub fn fidelity(&self, link: LinkId, node: NodeId) -> Option<LinkFidelity> {
        self.timed.as_ref().map(|timed| timed.fidelity(link, node))
    }

    fn takes_whole(&self, packet: &Packet, wire_bytes: u64) -> bool {
        match packet.content {
            Content::Chunk(_) | Content::Ack(_) | Content::Credit(_) => true,
            Content::Datagram(_) => wire_bytes <= u64::from(self.mtu),
            Content::Ip(header) => self.takes_ip_whole(packet, header),
        }
    }

    fn takes_ip_whole(&self, packet: &Packet, header: VnetHeader) -> bool {
        match header.offload {
            Offload::None => packet.payload.len() <= usize::from(self.mtu),
            _ => !self.cuts,
        }
    }

    fn refusal(&self, packet: &Packet, wire_bytes: u64, now: Instant) -> Option<DropCause> {
        if self.up == LinkUp::Ended {
            return Some(DropCause::Down);
        }
        if packet.is_lossless() {
            return None;
        }
        if self.up == LinkUp::No || self.wanted == Wanted::Down {
            return Some(DropCause::Down);
        }
        if matches!(packet.content, Content::Datagram(_)) && wire_bytes > u64::from(self.mtu) {
            return Some(DropCause::Mtu);
        }
        let bytes = self.waiting_bytes() + wire_bytes;
        let too_long = self.limits.time.is_some_and(|time| {
            self.timed.as_ref().is_some_and(|timed| bytes > timed.bytes_within(time, now))
        });
        let full = self.len() >= self.limits.packets || bytes > self.limits.bytes || too_long;
        full.then_some(DropCause::Queue)
    }

    fn pop_at_once(&mut self, out: &mut Vec<Packet>, most_bytes: usize) {
        let mut payload = 0;
        while out.len() < MAX_BATCH
            && let Some(first) = self.backlog.first()
            && (payload == 0
                || first.packet.is_urgent()
                || payload + first.packet.payload.len() <= most_bytes)
            && let Some(waiting) = self.backlog.take(Instant(u64::MAX))
        {
            payload += waiting.packet.payload.len();
            self.books.counters.bytes += waiting.wire_bytes;
            self.books.counters.packets += 1;
            out.push(waiting.packet);
        }
    }

    /// Something is asked of it: what waits, waits for it.
    fn leave_direct(&mut self, now: Instant) {
        for packet in self.direct.take().into_iter().flat_map(Direct::into_packets) {
            let wire_bytes = packet.wire_bytes(self.mtu);
            self.backlog.push(Waiting { packet, wire_bytes, arrived: now }, now);
        }
    }

    fn begin_again(&mut self, now: Instant) {
        if let Some(timed) = &mut self.timed {
            timed.begin_again(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nextmini_wire::control::direction::Limits;
    use nextmini_wire::id::{FlowId, RouteId};
    use nextmini_wire::packet::{Ack, Chunk};
    use proptest::prelude::*;

    use super::*;

    fn packet(content: Content, length: usize) -> Packet {
        Packet::new(RouteId(1), 1, 0, content, Bytes::from(vec![0; length]))
    }

    fn chunk(offset: u64, length: usize) -> Packet {
        packet(Content::Chunk(Chunk { flow: FlowId(1), offset, sent_at: 0, last: false, ask: false }), length)
    }

    fn ack(cumulative: u64) -> Packet {
        packet(Content::Ack(Ack { flow: FlowId(1), cumulative, latest: 0, echo: 0, complete: None }), 0)
    }

    fn queue() -> LinkQueue {
        LinkQueue::new(1500, LinkSeed::default())
    }

    fn push(queue: &mut LinkQueue, packet: Packet) {
        assert_eq!(queue.push(packet, Instant(0)), None);
    }

    /// An IPv4 packet of so many bytes that may not be cut.
    fn ip(bytes: u16) -> Packet {
        let length = bytes.to_be_bytes();
        let mut data =
            vec![0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        data.resize(usize::from(bytes), 0);
        let content = Content::Ip(VnetHeader::default());
        Packet { payload: data.into(), ..packet(content, 0) }
    }

    #[test]
    fn sources_of_ip_packets_hear_of_links_that_are_down_or_too_small_but_not_of_full_queues() {
        let mut queue = queue();
        let limits = Limits { packets: Some(1), ..Limits::default() };
        let direction = Direction { limits, ..Direction::default() };
        queue.set(1_500, Checked::new(&direction, None).unwrap(), Instant(0));
        let why = |queue: &mut LinkQueue, packet| queue.push(packet, Instant(0)).map(|refused| refused.why);
        assert_eq!(why(&mut queue, ip(1_501)), Some(Refusal::TooBig { mtu: 1_500 }));
        assert_eq!(why(&mut queue, ip(1_500)), None);
        assert_eq!(why(&mut queue, ip(100)), None);
        queue.set_wanted(Wanted::Down, Instant(0));
        assert_eq!(why(&mut queue, ip(100)), Some(Refusal::Down));
        let drops = queue.counters().drops;
        assert_eq!((drops.mtu, drops.queue, drops.down), (1, 1, 1));
    }

    fn drain(queue: &mut LinkQueue, most: usize) -> Vec<Packet> {
        let mut out = Vec::new();
        queue.pop_into(&mut out, most, Instant(0));
        out
    }

    #[test]
    fn acknowledgements_overtake_data() {
        let mut queue = queue();
        push(&mut queue, chunk(0, 10));
        push(&mut queue, ack(1));
        push(&mut queue, chunk(10, 10));
        assert_eq!(drain(&mut queue, 1_000), [ack(1), chunk(0, 10), chunk(10, 10)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn lossless_packets_are_taken_beyond_the_limits_and_while_the_link_is_down() {
        let mut queue = queue();
        queue.set_up(LinkUp::No, Instant(0));
        (0..2_000).for_each(|n| push(&mut queue, chunk(n, 10_000)));
        assert_eq!(queue.len(), 2_000);
        assert_eq!(queue.counters().drops, Drops::default());
    }

    #[test]
    fn the_end_of_a_link_counts_what_waited() {
        let mut queue = queue();
        push(&mut queue, chunk(0, 10));
        push(&mut queue, ack(1));
        queue.set_up(LinkUp::Ended, Instant(0));
        push(&mut queue, chunk(1, 10));
        assert_eq!((queue.len(), queue.waiting_bytes()), (0, 0));
        assert_eq!((queue.counters().drops.down, queue.counters().entered), (3, 3));
    }

    #[test]
    fn orders_that_come_while_packets_wait_lose_none_of_them() {
        let mut queue = queue();
        (0..5).for_each(|n| push(&mut queue, chunk(n, 1_000)));
        push(&mut queue, ack(1));
        let drr = Direction { discipline: Discipline::Drr, ..Direction::default() };
        queue.set(1500, Checked::new(&drr, None).unwrap(), Instant(5));
        assert_eq!(queue.len(), 6);
        let expected: Vec<Packet> = [ack(1)].into_iter().chain((0..5).map(|n| chunk(n, 1_000))).collect();
        assert_eq!(drain(&mut queue, 100_000), expected);
        assert_eq!((queue.waiting_bytes(), queue.counters().packets), (0, 6));
    }

    #[test]
    fn a_link_without_orders_needs_no_clock() {
        let mut queue = queue();
        assert!(!queue.is_timed());
        queue.set(1500, Checked::new(&Direction::default(), None).unwrap(), Instant(5));
        assert!(!queue.is_timed());
    }

    fn set(queue: &mut LinkQueue, direction: &Direction) {
        queue.set(1_500, Checked::new(direction, None).unwrap(), Instant(0));
    }

    /// Whether packets pass a queue that has been prepared so; if not, it does not count them.
    fn passes(prepare: impl FnOnce(&mut LinkQueue), mut packets: Vec<Packet>) -> bool {
        let mut queue = queue();
        prepare(&mut queue);
        let before = queue.counters();
        let passed = queue.pass(&mut packets);
        assert_eq!(queue.counters() != before, passed);
        passed
    }

    #[test]
    fn packets_pass_only_where_nothing_else_would_become_of_them() {
        assert!(passes(|_| {}, vec![ip(1_500), chunk(0, 60_000), ack(1)]));
        assert!(!passes(|_| {}, vec![ip(1_500), ip(1_501)]));
        assert!(!passes(|queue| queue.set_wanted(Wanted::Down, Instant(0)), vec![ip(100)]));
        assert!(!passes(|queue| queue.set_up(LinkUp::No, Instant(0)), vec![chunk(0, 10)]));
        assert!(!passes(|queue| queue.set_up(LinkUp::Ended, Instant(0)), vec![chunk(0, 10)]));
        assert!(!passes(|queue| queue.set_watched(true), vec![ip(100)]));
        assert!(!passes(|queue| push(queue, chunk(0, 10)), vec![ip(100)]));
        let delayed = Direction { delay_ns: 1, ..Direction::default() };
        assert!(!passes(|queue| set(queue, &delayed), vec![ip(100)]));
        let limits = Limits { packets: Some(2), bytes: Some(1_000), ..Limits::default() };
        let limited = Direction { limits, ..Direction::default() };
        assert!(passes(|queue| set(queue, &limited), vec![ip(500), ip(500)]));
        assert!(!passes(|queue| set(queue, &limited), vec![ip(500), ip(501)]));
        assert!(!passes(|queue| set(queue, &limited), vec![ip(100), ip(100), ip(100)]));
    }

    proptest! {
        #[test]
        fn packets_that_pass_are_counted_as_those_that_are_pushed_and_popped(
            lengths in prop::collection::vec(20_u16..1_600, 1..20),
        ) {
            let mut packets: Vec<_> = lengths.into_iter().map(ip).collect();
            let (mut passing, mut filling) = (queue(), queue());
            let refused = packets.iter().filter_map(|packet| filling.push(packet.clone(), Instant(0))).count();
            let popped = drain(&mut filling, usize::MAX);
            prop_assert_eq!(passing.pass(&mut packets), refused == 0);
            if refused == 0 {
                prop_assert_eq!(passing.counters(), filling.counters());
                prop_assert_eq!(popped, packets);
            }
        }

        #[test]
        fn nothing_is_lost_or_reordered_and_every_byte_is_counted(
            lengths in prop::collection::vec(0_usize..70_000, 0..40), most in 1_usize..300_000,
        ) {
            let mut queue = queue();
            let sent: Vec<Packet> = lengths.iter().zip(0..).map(|(&length, n)| chunk(n, length)).collect();
            sent.iter().cloned().for_each(|packet| push(&mut queue, packet));
            let mut received = Vec::new();
            while !queue.is_empty() {
                let batch = drain(&mut queue, most);
                prop_assert!(!batch.is_empty());
                let payload: usize = batch.iter().map(|packet| packet.payload.len()).sum();
                let first = batch.iter().take_while(|packet| packet.payload.is_empty()).count() + 1;
                prop_assert!(payload <= most || batch.len() == first);
                received.extend(batch);
            }
            let counted: u64 = sent.iter().map(|packet| packet.wire_bytes(1500)).sum();
            prop_assert_eq!(queue.counters().bytes, counted);
            prop_assert_eq!(queue.waiting_bytes(), 0);
            prop_assert_eq!(received, sent);
        }
    }
}
