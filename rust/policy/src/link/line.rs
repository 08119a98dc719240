//! The way from the sending end to the receiving end: what is lost, damaged, doubled and delayed on it.
//!
//! Each kind of accident draws from a generator of its own, so that the same packets meet the same fate
//! whatever else is set, and whenever it is.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use nextmini_wire::control::Direction;
use nextmini_wire::packet::Packet;

use super::LinkSeed;
use super::meter::Meter;
use crate::impair::{Chance, ImpairError, Jitter, Loss};
use crate::random::Random;
use crate::time::Instant;

/// Bytes that may be on the way at once: a link with a delay and no rate would take any number.
const MOST_BYTES: u64 = 256 << 20;

/// An accident that happens to some packets, and the generator that it draws from.
#[derive(Debug)]
struct Accident<T> {
    happens: Option<T>,
    random: Random,
}

impl<T> Accident<T> {
    fn new(seed: LinkSeed, purpose: u64) -> Self {
        Self { happens: None, random: seed.random(purpose) }
    }
}

impl Accident<Chance> {
    fn strikes(&mut self) -> bool {
        self.happens.as_mut().is_some_and(|chance| chance.draw(&mut self.random))
    }
}

/// What became of a packet that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way, once or twice.
    Under {
        /// How many of it.
        copies: u64,
        /// What [`Packet::corrupt`] was asked to do to it.
        damage: Option<u64>,
    },
    /// It is lost.
    Lost,
    /// There is too much on the way already.
    TooMuch,
}

/// Impairments of one direction, checked and ready to be put in force.
#[derive(Debug)]
pub struct Impairments {
    loss: Option<Loss>,
    duplicate: Option<Chance>,
    reorder: Option<Chance>,
    corrupt: Option<Chance>,
    jitter: Option<Jitter>,
}

impl Impairments {
    /// What `direction` asks for.
    ///
    /// # Errors
    /// A value that makes no sense.
    pub fn new(direction: &Direction) -> Result<Self, ImpairError> {
        let chance = |chance: Option<nextmini_wire::control::direction::Chance>| {
            chance.map(|chance| Chance::new(chance.probability, chance.correlation)).transpose()
        };
        Ok(Self {
            loss: direction.loss.as_ref().map(Loss::new).transpose()?,
            duplicate: chance(direction.duplicate)?,
            reorder: chance(direction.reorder)?,
            corrupt: chance(direction.corrupt)?,
            jitter: direction.jitter.as_ref().map(Jitter::new).transpose()?,
        })
    }
}

#[derive(Debug)]
struct Travelling {
    due: Instant,
    number: u64,
    packet: Packet,
}

/// The way, and what is on it.
#[derive(Debug)]
pub struct Line {
    delay: Duration,
    overtaking: bool,
    loss: Accident<Loss>,
    duplicate: Accident<Chance>,
    reorder: Accident<Chance>,
    corrupt: Accident<Chance>,
    jitter: Accident<Jitter>,
    damage: Random,
    /// In order of arrival; who overtakes is in `overtakers`.
    column: VecDeque<Travelling>,
    overtakers: BinaryHeap<Reverse<Travelling>>,
    bytes: u64,
    number: u64,
    last_due: Instant,
}

impl Line {
    /// A way on which nothing happens.
    pub fn new(seed: LinkSeed) -> Self {
        Self {
            delay: Duration::ZERO,
            overtaking: false,
            loss: Accident::new(seed, 1),
            duplicate: Accident::new(seed, 2),
            reorder: Accident::new(seed, 3),
            corrupt: Accident::new(seed, 4),
            jitter: Accident::new(seed, 5),
            damage: seed.random(6),
            column: VecDeque::new(),
            overtakers: BinaryHeap::new(),
            bytes: 0,
            number: 0,
            last_due: Instant::default(),
        }
    }

    /// Puts other impairments in force for packets that are sent from now on. What stays as it was goes
    /// on where it is.
    pub fn set(
        &mut self,
        before: &Direction,
        after: &Direction,
        impairments: Impairments,
        meter: &mut Meter,
    ) {
        self.delay = Duration::from_nanos(after.delay_ns);
        self.overtaking = after.jitter.is_some_and(|jitter| jitter.reorder);
        if before.loss != after.loss {
            meter.close_loss(self.loss.happens.as_ref());
            self.loss.happens = impairments.loss;
        }
        if before.duplicate != after.duplicate {
            self.duplicate.happens = impairments.duplicate;
        }
        if before.reorder != after.reorder {
            self.reorder.happens = impairments.reorder;
        }
        if before.corrupt != after.corrupt {
            self.corrupt.happens = impairments.corrupt;
        }
        if before.jitter != after.jitter {
            self.jitter.happens = impairments.jitter;
        }
    }

    /// The loss model in force.
    pub fn loss(&self) -> Option<&Loss> {
        self.loss.happens.as_ref()
    }

    /// Sends a packet that left the sending end at `departed`.
    pub fn send(&mut self, mut packet: Packet, departed: Instant, meter: &mut Meter) -> Sent {
        if let Some(loss) = &mut self.loss.happens {
            let lost = loss.lost(&mut self.loss.random);
            meter.tried(lost);
            if lost {
                return Sent::Lost;
            }
        }
        if self.bytes > MOST_BYTES {
            return Sent::TooMuch;
        }
        let damage = self.corrupt.strikes().then(|| self.damage.next_u64());
        if let Some(which) = damage {
            packet.corrupt(which);
        }
        let copy = self.duplicate.strikes().then(|| packet.clone());
        let copies = 1 + u64::from(copy.is_some());
        self.put(packet, departed);
        if let Some(copy) = copy {
            self.put(copy, departed);
        }
        Sent::Under { copies, damage }
    }

    /// When the next packet arrives.
    pub fn due(&self) -> Option<Instant> {
        let first = self.column.front().map(|travelling| travelling.due);
        let overtaker = self.overtakers.peek().map(|Reverse(travelling)| travelling.due);
        match (first, overtaker) {
            (Some(first), Some(overtaker)) => Some(first.min(overtaker)),
            (first, overtaker) => first.or(overtaker),
        }
    }

    /// Takes the next packet that has arrived by `now`, with the moment at which it was to.
    pub fn arrived(&mut self, now: Instant) -> Option<(Instant, Packet)> {
        let due = self.due().filter(|&due| due <= now)?;
        let overtaker = self.overtakers.peek().is_some_and(|Reverse(first)| first.due == due);
        let travelling =
            if overtaker { self.overtakers.pop().map(|Reverse(it)| it) } else { self.column.pop_front() };
        let mut packet = travelling?.packet;
        self.bytes -= packet.payload.len() as u64;
        packet.due = due.0;
        Some((due, packet))
    }

    /// Loses everything that is on the way; returns how many packets that were.
    pub fn cut(&mut self) -> u64 {
        let packets = self.column.len() + self.overtakers.len();
        self.column.clear();
        self.overtakers.clear();
        self.bytes = 0;
        packets as u64
    }

    fn put(&mut self, packet: Packet, departed: Instant) {
        let due = self.due_of(departed);
        self.number += 1;
        self.bytes += packet.payload.len() as u64;
        let travelling = Travelling { due, number: self.number, packet };
        if self.column.back().is_none_or(|last| last.due <= due) {
            self.column.push_back(travelling);
        } else {
            self.overtakers.push(Reverse(travelling));
        }
    }

    fn due_of(&mut self, departed: Instant) -> Instant {
        if self.reorder.strikes() {
            return departed;
        }
        let mut due = departed + self.delay;
        if let Some(jitter) = &mut self.jitter.happens {
            let offset = jitter.offset_ns(&mut self.jitter.random);
            due = Instant(due.0.saturating_add_signed(offset)).max(departed);
        }
        if !self.overtaking {
            due = due.max(self.last_due);
            self.last_due = due;
        }
        due
    }
}

impl PartialEq for Travelling {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Travelling {}

impl PartialOrd for Travelling {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Travelling {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}
