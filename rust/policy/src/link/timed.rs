//! The part of a direction that knows the time: service by the shaper, and the way behind it.

use std::time::Duration;

use nextmini_wire::control::{Direction, LinkFidelity};
use nextmini_wire::id::{LinkId, NodeId};
use nextmini_wire::packet::Packet;

use super::backlog::{Backlog, Waiting};
use super::books::{Books, Fate};
use super::line::{Line, Sent};
use super::meter::Meter;
use super::settings::Checked;
use super::shaper::{Rate, Shaper};
use super::{LinkSeed, MAX_BATCH};
use crate::drop::{Codel, Red, Verdict};

use crate::drops::DropCause;
use crate::random::Random;
use crate::time::Instant;

const RED: u64 = 7;

/// A packet whose bits are leaving.
#[derive(Debug)]
struct InService {
    waiting: Waiting,
    /// When the last of them has left; nothing if the rate stays zero.
    left: Option<Instant>,
    /// Whether it had to wait for the rate and nothing else.
    busy: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Timed {
    shaper: Shaper,
    in_service: Option<InService>,
    /// Nothing begins before this: the link was down, or had another rate.
    resumed: Instant,
    line: Line,
    red: Option<Red>,
    red_in_bytes: bool,
    random: Random,
    codel: Option<Codel>,
    meter: Meter,
}

impl Timed {
    pub(super) fn new(seed: LinkSeed, now: Instant) -> Self {
        Self {
            shaper: Shaper::new(&Rate::Unlimited, now),
            in_service: None,
            resumed: now,
            line: Line::new(seed),
            red: None,
            red_in_bytes: false,
            random: seed.random(RED),
            codel: None,
            meter: Meter::default(),
        }
    }

    pub(super) fn set(&mut self, before: &Direction, checked: Checked, mtu: u16, now: Instant) {
        let after = &checked.direction;
        if (before.rate, before.burst, before.trace) != (after.rate, after.burst, after.trace) {
            self.shaper = Shaper::new(&checked.rate, now);
            self.begin_again(now);
        }
        if before.drop != after.drop {
            (self.red, self.codel) = (checked.red, checked.codel);
            self.red_in_bytes = matches!(
                after.drop,
                nextmini_wire::control::direction::DropPolicy::Red(asked) if asked.in_bytes
            );
        }
        if let Some(red) = &mut self.red {
            let second = Duration::from_secs(1);
            let packets = self.shaper.bytes_within(second, now) / u64::from(mtu.max(1));
            red.set_service(second / u32::try_from(packets).unwrap_or(u32::MAX).max(1));
        }
        self.line.set(before, after, checked.impairments, &mut self.meter);
    }

    /// What is in service starts anew, at the rate that is in force now, and what waits has waited for that.
    pub(super) fn begin_again(&mut self, now: Instant) {
        self.resumed = now;
        if let Some(current) = &mut self.in_service {
            let start = self.shaper.free_at().max(now);
            current.left = self.shaper.send(current.waiting.wire_bytes, start);
            current.busy = false;
        }
    }

    pub(super) fn on_arrival(&mut self, packet: &Packet, backlog: &Backlog, now: Instant) -> Verdict {
        let Some(red) = &mut self.red else { return Verdict::Pass };
        let queue = if self.red_in_bytes { backlog.bytes() } else { backlog.packets() as u64 };
        let verdict = red.on_arrival(queue, now, packet.is_ecn_capable(), &mut self.random);
        if packet.is_lossless() { Verdict::Pass } else { verdict }
    }

    pub(super) fn advance(&mut self, backlog: &mut Backlog, books: &mut Books, mtu: u16, now: Instant) {
        loop {
            match &self.in_service {
                Some(current) if current.left.is_some_and(|left| left <= now) => self.leave(books, now),
                Some(_) => return,
                None => {
                    if backlog.packets() == 0
                        && let Some(codel) = &mut self.codel
                    {
                        codel.on_empty();
                    }
                    let Some(start) = self.start(backlog).filter(|&start| start <= now) else { return };
                    let Some(waiting) = backlog.take(start) else { return };
                    self.begin(waiting, start, backlog, books, mtu);
                }
            }
        }
    }

    pub(super) fn release(&mut self, out: &mut Vec<Packet>, most_bytes: usize, now: Instant) {
        let mut payload = 0;
        while out.len() < MAX_BATCH
            && payload < most_bytes
            && let Some((due, packet)) = self.line.arrived(now)
        {
            self.meter.arrived(due, now);
            payload += packet.payload.len();
            out.push(packet);
        }
    }

    pub(super) fn next_at(&self, backlog: &mut Backlog) -> Option<Instant> {
        let service = match &self.in_service {
            Some(current) => current.left,
            None => self.start(backlog),
        };
        match (service, self.line.due()) {
            (Some(service), Some(due)) => Some(service.min(due)),
            (service, due) => service.or(due),
        }
    }

    /// Loses what is on the way.
    pub(super) fn cut(&mut self) -> u64 {
        self.line.cut()
    }

    /// Loses what is on the way or leaving.
    pub(super) fn clear(&mut self, books: &mut Books, now: Instant) {
        books.count_drop(DropCause::Down, self.cut());
        if let Some(current) = self.in_service.take() {
            books.drop_packet(&current.waiting.packet, DropCause::Down, now);
        }
    }

    pub(super) fn in_service(&self) -> usize {
        usize::from(self.in_service.is_some())
    }

    pub(super) fn bytes_within(&self, time: Duration, now: Instant) -> u64 {
        self.shaper.bytes_within(time, now)
    }

    pub(super) fn fidelity(&self, link: LinkId, node: NodeId) -> LinkFidelity {
        self.meter.reading(link, node, self.line.loss())
    }

    fn start(&self, backlog: &mut Backlog) -> Option<Instant> {
        backlog.next_at().map(|at| at.max(self.shaper.free_at()).max(self.resumed))
    }

    fn begin(
        &mut self,
        mut waiting: Waiting,
        start: Instant,
        backlog: &Backlog,
        books: &mut Books,
        mtu: u16,
    ) {
        if backlog.packets() == 0
            && let Some(red) = &mut self.red
        {
            red.idle_since(start);
        }
        match self.on_departure(&waiting, start, backlog, mtu) {
            Verdict::Pass => {}
            Verdict::Mark => {
                waiting.packet.mark_congested();
                books.counters.marked += 1;
            }
            Verdict::Drop => {
                books.drop_packet(&waiting.packet, DropCause::Codel, start);
                return;
            }
        }
        let free_at = self.shaper.free_at();
        let left = self.shaper.send(waiting.wire_bytes, start);
        let waited = start == free_at && waiting.arrived <= free_at;
        let busy = waited && self.shaper.is_limited() && left.is_some_and(|left| left > free_at);
        self.in_service = Some(InService { waiting, left, busy });
    }

    fn on_departure(&mut self, waiting: &Waiting, start: Instant, backlog: &Backlog, mtu: u16) -> Verdict {
        let Some(codel) = &mut self.codel else { return Verdict::Pass };
        if waiting.packet.is_lossless() {
            return Verdict::Pass;
        }
        let sojourn = start.since(waiting.arrived);
        let ecn_capable = waiting.packet.is_ecn_capable();
        codel.on_dequeue(sojourn, start, backlog.bytes(), u64::from(mtu), ecn_capable)
    }

    /// What is in service has left.
    fn leave(&mut self, books: &mut Books, now: Instant) {
        let Some(InService { waiting, left: Some(left), busy }) = self.in_service.take() else { return };
        books.counters.bytes += waiting.wire_bytes;
        books.counters.packets += 1;
        self.meter.left(waiting.wire_bytes, busy, &self.shaper, now);
        let shown = books.is_watched().then(|| waiting.packet.clone());
        let sent = self.line.send(waiting.packet, left, &mut self.meter);
        match sent {
            Sent::Under { copies, .. } => books.counters.duplicated += copies - 1,
            Sent::Lost => books.count_drop(DropCause::Loss, 1),
            Sent::TooMuch => books.count_drop(DropCause::Overrun, 1),
        }
        if let Some(packet) = shown {
            show(packet, sent, left, books);
        }
    }
}

/// Shows what became of a packet behind the shaper.
fn show(mut packet: Packet, sent: Sent, left: Instant, books: &mut Books) {
    let (copies, damage) = match sent {
        Sent::Under { copies, damage } => (copies, damage),
        Sent::Lost => return books.observe(&packet, Fate::Dropped(DropCause::Loss), left),
        Sent::TooMuch => return books.observe(&packet, Fate::Dropped(DropCause::Overrun), left),
    };
    match damage {
        Some(which) => {
            packet.corrupt(which);
            books.observe(&packet, Fate::Corrupted, left);
        }
        None => books.observe(&packet, Fate::Left, left),
    }
    for _ in 1..copies {
        books.observe(&packet, Fate::Duplicated, left);
    }
}
