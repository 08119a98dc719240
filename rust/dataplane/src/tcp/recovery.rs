//! What a smoltcp 0.14 socket does about losses, told from the segments that it hears and sends.
//!
//! It sends a segment again for two reasons: three duplicates of an acknowledgement have come (fast retransmit), or its
//! timer has run out. After the latter it goes on from there, as if it had not sent what follows. So whatever it sends
//! from before the place where it would go on, without three duplicates, is a timeout.

use nextmini_wire::control::Congestion;
use smoltcp::time::{Duration, Instant};

use super::segment::{FIN, RST, SYN, Segment, is_behind};
use super::window::Window;
use super::window::round_trip::RoundTrip;

/// Duplicates that make a segment a lost one.
pub const DUPLICATES: u8 = 3;
/// What smoltcp takes for the largest segment before the peer has said so.
const LARGEST: u32 = 536;
/// It heeds no smaller one.
const LEAST: u32 = 48;
/// Half of the shortest time after which its timer runs out. It begins anew with every acknowledgement of a part.
const HOLDING: Duration = Duration::from_millis(500);

/// Of one sending end.
#[derive(Clone, Debug)]
pub struct Recovery {
    numbers: Option<Numbers>,
    /// What the receiver has room for, and how its windows are scaled; nothing before it has said so.
    room: Option<u32>,
    shift: u8,
    /// The last window that the receiver has told, as in the header; nothing before one that is scaled.
    told: Option<u16>,
    /// Bytes of the largest segment.
    largest: u32,
    heard: Option<u32>,
    duplicates: u8,
    /// Three duplicates have come, and what they ask for was not sent yet.
    fast: bool,
    /// What had been sent when the first loss of a window became known, until all of that has arrived.
    repairs: Option<u32>,
    /// When that was sent again.
    began: Instant,
    /// Where the segments end that were sent last: enough of them to know whether few are under way.
    latest: [Option<u32>; DUPLICATES as usize + 1],
    timeouts: u64,
    round_trip: RoundTrip,
    window: Option<Window>,
}

#[derive(Clone, Copy, Debug)]
struct Numbers {
    syn: u32,
    /// The first that is not acknowledged.
    acknowledged: u32,
    /// Where it goes on.
    next: u32,
    /// The first that was never sent.
    furthest: u32,
    fin: Option<u32>,
}

fn later(one: u32, other: u32) -> u32 {
    if is_behind(one, other) { one } else { other }
}

impl Numbers {
    fn under_way(&self) -> usize {
        self.next.wrapping_sub(self.acknowledged) as usize
    }
}

impl Recovery {
    /// Of a new connection.
    pub fn new(congestion: Congestion) -> Self {
        Self {
            numbers: None,
            room: None,
            shift: 0,
            told: None,
            largest: LARGEST,
            heard: None,
            duplicates: 0,
            fast: false,
            repairs: None,
            began: Instant::ZERO,
            latest: [None; DUPLICATES as usize + 1],
            timeouts: 0,
            round_trip: RoundTrip::default(),
            window: Window::new(congestion),
        }
    }

    /// How often the timer has run out.
    pub fn timeouts(&self) -> u64 {
        self.timeouts
    }

    /// Bytes of the congestion window; nothing without congestion control.
    pub fn window(&self) -> Option<u64> {
        self.window.as_ref().map(|window| window.bytes() as u64)
    }

    /// The first number that is not acknowledged; 0 before there is a connection.
    pub fn acknowledged(&self) -> u32 {
        self.numbers.map_or(0, |numbers| numbers.acknowledged)
    }

    /// Segments under way behind this number, as far as the socket reckons with them, if they are no more than it takes for duplicates to
    /// tell of a loss.
    pub fn few_under_way(&self, acknowledged: u32) -> Option<u8> {
        let under_way = self.latest.iter().flatten().filter(|&&end| is_behind(end, acknowledged)).count();
        (under_way < self.latest.len()).then_some(under_way as u8)
    }

    /// Bytes of the largest segment.
    pub fn largest(&self) -> u32 {
        self.largest
    }

    /// How often the last acknowledgement has come again.
    pub fn duplicates(&self) -> u8 {
        self.duplicates
    }

    /// Whether acknowledgements make the window grow now, each as much as any.
    pub fn grows(&self) -> bool {
        self.repairs.is_none() && self.window.as_ref().is_some_and(Window::grows)
    }

    /// Whether nothing but a FIN is beyond this number.
    pub fn only_fin_is_left(&self, number: u32) -> bool {
        self.numbers.is_some_and(|numbers| numbers.fin == Some(number.wrapping_add(1)))
    }

    /// Whether a segment acknowledges what the one before has, while more is under way.
    pub fn is_repeated(&self, segment: &Segment) -> bool {
        let number = segment.acknowledges;
        let more = self.numbers.is_some_and(|numbers| is_behind(numbers.next, number));
        more && segment.data == 0 && self.heard == Some(number)
    }

    /// Whether a segment acknowledges something new that was sent. One of an earlier connection may say anything.
    pub fn is_new(&self, segment: &Segment) -> bool {
        let number = segment.acknowledges;
        self.numbers.is_some_and(|numbers| {
            is_behind(number, numbers.acknowledged) && !is_behind(number, numbers.furthest)
        })
    }

    /// Whether the socket is about to send again what three duplicates have asked for.
    pub fn is_fast(&self) -> bool {
        self.fast
    }

    /// Whether a segment acknowledges no more than a part of what was under way when a loss became known.
    pub fn repairs_beyond(&self, segment: &Segment) -> bool {
        let old = self.numbers.is_none_or(|numbers| is_behind(numbers.acknowledged, segment.acknowledges));
        !old && self.repairs.is_some_and(|all| is_behind(all, segment.acknowledges))
    }

    /// Until when the socket is to hear duplicates instead of acknowledgements of a part.
    pub fn holds_until(&self) -> Option<Instant> {
        let recovering = self.window.as_ref().is_some_and(Window::is_recovering);
        (recovering && self.repairs.is_some()).then_some(self.began + HOLDING)
    }

    /// While losses are being repaired: where the socket goes on, and how many bytes may be under way.
    pub fn repairs(&self) -> Option<(u32, u64)> {
        let (numbers, _) = (self.numbers?, self.repairs?);
        Some((numbers.next, self.window.as_ref().map_or(u64::MAX, |window| window.settled() as u64)))
    }

    /// Bytes that the socket takes for being under way.
    pub fn under_way(&self) -> usize {
        self.numbers.map_or(0, |numbers| numbers.under_way())
    }

    /// Whether the receiver has another room than it has told, and the socket waits for nothing else.
    pub fn waits_for_room(&self, segment: &Segment) -> bool {
        let limits =
            self.window().is_none_or(|window| self.room.is_none_or(|room| window >= u64::from(room)));
        limits && self.told != Some(segment.window)
    }

    /// The window that the receiver has told last.
    pub fn told(&self) -> Option<u16> {
        self.told
    }

    /// The window that the receiver has told last, unless the socket waits for more.
    pub fn window_to_repeat(&self) -> Option<u16> {
        let (window, room) = (self.window()?, self.room?);
        self.told.filter(|_| window < u64::from(room))
    }

    /// The socket sends a segment.
    pub fn sends(&mut self, segment: &Segment, now: Instant) {
        if segment.length() == 0 || segment.flags & RST != 0 {
            return;
        }
        let first = segment.sequence;
        let start = Numbers { syn: first, acknowledged: first, next: first, furthest: first, fin: None };
        let mut numbers = self.numbers.unwrap_or(start);
        numbers.furthest = later(segment.end(), numbers.furthest);
        if self.room == Some(0) {
            // A probe of a receiver without room: what it has is sent once more when there is some.
            self.numbers = Some(numbers);
            return;
        }
        if is_behind(numbers.next, first) {
            self.sends_again(&mut numbers, now);
        }
        if is_behind(segment.end(), numbers.next) {
            numbers.next = segment.end();
            self.latest.rotate_right(1);
            self.latest[0] = Some(segment.end());
        }
        if segment.flags & FIN != 0 {
            numbers.fin = Some(segment.end());
        }
        self.numbers = Some(numbers);
        self.round_trip.sends(segment.end(), now);
        if let Some(window) = &mut self.window {
            window.sends(now);
        }
    }

    fn sends_again(&mut self, numbers: &mut Numbers, now: Instant) {
        let under_way = numbers.under_way();
        self.round_trip.retransmits();
        if std::mem::take(&mut self.fast) {
            self.repairs.get_or_insert(numbers.furthest);
            self.began = now;
            if let Some(window) = &mut self.window {
                window.lost(under_way, now);
            }
            return;
        }
        self.timeouts += 1;
        // Until all of that has arrived duplicates tell of what the socket sends again without need (RFC 6582).
        self.repairs = Some(numbers.furthest);
        self.latest = Default::default();
        numbers.next = numbers.acknowledged;
        self.round_trip.timed_out();
        if let Some(window) = &mut self.window {
            window.timed_out(under_way);
        }
    }

    /// The socket takes a segment.
    pub fn hears(&mut self, segment: &Segment, now: Instant) {
        let Some(mut numbers) = self.numbers.filter(|_| segment.flags & RST == 0) else { return };
        let number = segment.acknowledges;
        if is_behind(numbers.acknowledged, number) || is_behind(number, numbers.furthest) {
            return;
        }
        let same_room = self.hears_room(segment);
        let new = number.wrapping_sub(numbers.acknowledged);
        let of_syn = new > 0 && numbers.acknowledged == numbers.syn;
        let of_fin = new > 0 && numbers.fin == Some(number);
        let new = new - u32::from(of_syn) - u32::from(of_fin);
        let repeated = segment.data == 0 && self.heard == Some(number);
        if repeated && is_behind(numbers.next, number) && same_room {
            self.hears_duplicate();
        } else {
            self.duplicates = 0;
            self.heard = Some(number);
            self.round_trip.acknowledged(number, now);
            let left = numbers.under_way().saturating_sub(new as usize);
            if let Some(window) = &mut self.window {
                window.acknowledged(new as usize, left, self.round_trip.smoothed(), now);
            }
        }
        if new > 0 || !is_behind(numbers.next, number) {
            self.fast = false;
        }
        self.repairs = self.repairs.filter(|&all| is_behind(all, number));
        numbers.acknowledged = number;
        numbers.next = later(number, numbers.next);
        self.numbers = Some(numbers);
    }

    fn hears_duplicate(&mut self) {
        self.duplicates = self.duplicates.saturating_add(1);
        self.fast |= self.duplicates == DUPLICATES;
        if let Some(window) = &mut self.window {
            window.duplicate();
        }
    }

    /// Whether the receiver has as much room as before.
    fn hears_room(&mut self, segment: &Segment) -> bool {
        let syn = segment.flags & SYN != 0;
        if syn {
            self.shift = segment.options.shift.unwrap_or(0).min(14);
            if let Some(largest) = segment.options.largest.filter(|&largest| largest > 0) {
                self.largest = u32::from(largest).max(LEAST);
                if let Some(window) = &mut self.window {
                    window.set_segment(self.largest as usize);
                }
            }
        }
        self.told = (!syn).then_some(segment.window);
        let room = u32::from(segment.window) << if syn { 0 } else { self.shift };
        if let Some(window) = &mut self.window {
            window.set_room(room as usize);
        }
        self.room.replace(room) == Some(room)
    }
}
