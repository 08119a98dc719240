//! What waits for one direction of a link, and who of it goes next.
//!
//! Acknowledgements of sessions overtake everything. Classes with a rate wait in a lane of their own, so
//! that they hold up nobody while they have to wait for their rate.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use nextmini_wire::control::direction::Discipline;
use nextmini_wire::packet::Packet;

use crate::class::Classes;
use crate::schedule::{Entry, Scheduler};
use crate::time::Instant;
use crate::token_bucket::TokenBucket;

/// A packet that waits.
#[derive(Debug)]
pub struct Waiting {
    /// The packet.
    pub packet: Packet,
    /// Its bytes on the emulated wire.
    pub wire_bytes: u64,
    /// When it came.
    pub arrived: Instant,
}

/// Packets of a class that has a rate.
#[derive(Debug)]
struct Lane {
    class: u16,
    bucket: TokenBucket,
    queue: Scheduler<Waiting>,
}

/// All that waits.
#[derive(Debug)]
pub struct Backlog {
    discipline: Discipline,
    classes: Arc<Classes>,
    urgent: VecDeque<Waiting>,
    main: Scheduler<Waiting>,
    lanes: Vec<Lane>,
    packets: usize,
    bytes: u64,
}

/// What a class may send ahead, as time at its rate and in bytes at least: it waits for packets of others
/// that are leaving, and is to have its rate all the same.
const AHEAD: Duration = Duration::from_millis(2);
const LEAST_AHEAD: u64 = 3_000;

/// Keys of flows have 32 bits; those of classes have this one on top.
const OF_A_CLASS: u64 = 1 << 32;

impl Backlog {
    /// An empty one.
    pub fn new(discipline: Discipline) -> Self {
        Self {
            discipline,
            classes: Arc::default(),
            urgent: VecDeque::new(),
            main: Scheduler::new(discipline),
            lanes: Vec::new(),
            packets: 0,
            bytes: 0,
        }
    }

    /// Packets that wait.
    pub fn packets(&self) -> usize {
        self.packets
    }

    /// Bytes that wait, on the emulated wire.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts a packet behind those that it has to wait for.
    pub fn push(&mut self, waiting: Waiting, now: Instant) {
        self.packets += 1;
        self.bytes += waiting.wire_bytes;
        if waiting.packet.is_urgent() {
            self.urgent.push_back(waiting);
            return;
        }
        let class = self.classes.get(waiting.packet.class).copied();
        let (key, weight) = match class.and_then(|class| class.weight) {
            Some(weight) => (OF_A_CLASS | u64::from(waiting.packet.class), weight),
            None => (u64::from(waiting.packet.label), waiting.packet.weight),
        };
        let entry = Entry { key, weight: weight.max(1), bytes: waiting.wire_bytes, item: waiting };
        match class.and_then(|class| class.rate) {
            Some(rate) => self.lane(entry.item.packet.class, rate, now).queue.push(entry),
            None => self.main.push(entry),
        }
    }

    /// From when on somebody may go, as far as it is up to those who wait; nobody if none does.
    pub fn next_at(&mut self) -> Option<Instant> {
        if let Some(first) = self.urgent.front() {
            return Some(first.arrived);
        }
        let main = self.main.peek().map(|entry| entry.item.arrived);
        self.lanes.iter_mut().filter_map(Lane::next_at).chain(main).min()
    }

    /// Takes who goes next at `start`, which is not before [`Self::next_at`]: of several lanes that have
    /// somebody, the one whose first came first.
    pub fn take(&mut self, start: Instant) -> Option<Waiting> {
        let waiting = self.urgent.pop_front().or_else(|| self.take_data(start))?;
        self.packets -= 1;
        self.bytes -= waiting.wire_bytes;
        Some(waiting)
    }

    /// Who would be taken without any regard to time.
    pub fn first(&mut self) -> Option<&Waiting> {
        if !self.urgent.is_empty() {
            return self.urgent.front();
        }
        self.main.peek().map(|entry| &entry.item)
    }

    /// Orders what waits anew.
    pub fn set_discipline(&mut self, discipline: Discipline) {
        if discipline != self.discipline {
            self.discipline = discipline;
            self.main.change(discipline);
            self.lanes.iter_mut().for_each(|lane| lane.queue.change(discipline));
        }
    }

    /// Takes other classes for what comes from now on; a class that keeps its rate keeps what it owes.
    pub fn set_classes(&mut self, classes: Arc<Classes>, now: Instant) {
        self.classes = classes;
        let mut waiting = Vec::new();
        for mut lane in std::mem::take(&mut self.lanes) {
            match self.classes.get(lane.class).and_then(|class| class.rate) {
                Some(rate) => {
                    lane.bucket = bucket(rate, lane.bucket.ready().max(now));
                    self.lanes.push(lane);
                }
                None => waiting.extend(std::iter::from_fn(|| lane.queue.pop())),
            }
        }
        waiting.into_iter().for_each(|entry| self.main.push(entry));
    }

    /// Forgets everything, whose turn it was too.
    pub fn clear(&mut self) {
        *self = Self { classes: Arc::clone(&self.classes), ..Self::new(self.discipline) };
    }

    fn take_data(&mut self, start: Instant) -> Option<Waiting> {
        let ready =
            |lane: &mut Lane| lane.next_at().filter(|&at| at <= start).and_then(|_| lane.first_arrived());
        let lanes = self.lanes.iter_mut().enumerate();
        let first = lanes.filter_map(|(at, lane)| Some((ready(lane)?, at))).min();
        let main = self.main.peek().map(|entry| entry.item.arrived);
        if let Some((arrived, at)) = first
            && main.is_none_or(|main| arrived <= main)
        {
            return self.lanes[at].take(start);
        }
        self.main.pop().map(|entry| entry.item)
    }

    fn lane(&mut self, class: u16, rate: u64, now: Instant) -> &mut Lane {
        let at = self.lanes.iter().position(|lane| lane.class == class).unwrap_or_else(|| {
            let queue = Scheduler::new(self.discipline);
            self.lanes.push(Lane { class, bucket: bucket(rate, now), queue });
            self.lanes.len() - 1
        });
        &mut self.lanes[at]
    }
}

fn bucket(rate: u64, now: Instant) -> TokenBucket {
    let ahead = TokenBucket::new(rate, 0, now).bits_within(AHEAD) / 8;
    TokenBucket::new(rate, ahead.max(LEAST_AHEAD), now)
}

impl Lane {
    fn first_arrived(&mut self) -> Option<Instant> {
        self.queue.peek().map(|entry| entry.item.arrived)
    }

    fn next_at(&mut self) -> Option<Instant> {
        let ready = self.bucket.ready();
        self.first_arrived().map(|arrived| arrived.max(ready))
    }

    fn take(&mut self, start: Instant) -> Option<Waiting> {
        let entry = self.queue.pop()?;
        self.bucket.spend(entry.bytes, start);
        Some(entry.item)
    }
}
