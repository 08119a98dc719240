//! The congestion window of a smoltcp 0.14 socket, which it keeps to itself: the same rules, upon the same events.
//!
//! - this file: what its Reno and Cubic have in common (RFC 5681), and Reno's growth
//! - [`cubic`]: the growth of Cubic (RFC 9438); [`round_trip`]: the estimate that it reckons with

use nextmini_wire::control::Congestion;
use smoltcp::time::Instant;

use self::cubic::Curve;

pub mod cubic;
pub mod round_trip;

/// What smoltcp takes for a segment before the peer has said how large one may be.
const SEGMENT: usize = 1_024;

/// A congestion window.
#[derive(Clone, Debug)]
pub struct Window {
    bytes: usize,
    segment: usize,
    /// Slow start ends there.
    threshold: usize,
    /// The largest window that the receiver has had room for; the congestion window grows no further.
    room: usize,
    recovering: bool,
    /// Whether nothing was acknowledged since the timer ran out.
    timed_out: bool,
    growth: Growth,
}

/// How the window grows when it is beyond slow start.
#[derive(Clone, Debug)]
enum Growth {
    Reno,
    Cubic(Box<Curve>),
}

impl Window {
    /// The window of a new connection, if it has one.
    pub fn new(congestion: Congestion) -> Option<Self> {
        let bytes = SEGMENT * 2;
        let growth = match congestion {
            Congestion::None => return None,
            Congestion::Reno => Growth::Reno,
            Congestion::Cubic => Growth::Cubic(Box::new(Curve::new(bytes, SEGMENT))),
        };
        Some(Self {
            bytes,
            segment: SEGMENT,
            threshold: usize::MAX,
            room: 64 * SEGMENT,
            recovering: false,
            timed_out: false,
            growth,
        })
    }

    /// Bytes that may be under way.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether each acknowledgement of new data makes it grow: not if it is as large as it may be, nor where one of many
    /// segments may tell of what has arrived long ago, in recovery and after a timeout (RFC 3465, section 2.3).
    pub fn grows(&self) -> bool {
        let slow = self.bytes < self.threshold && self.threshold < usize::MAX;
        self.bytes < self.room && !self.recovering && !slow
    }

    /// Whether a loss was repaired for which it was made smaller, and is no longer than duplicates make it.
    pub fn is_recovering(&self) -> bool {
        self.recovering
    }

    /// Bytes that may be under way without what duplicates add to it.
    pub fn settled(&self) -> usize {
        if self.recovering { self.threshold.min(self.room) } else { self.bytes }
    }

    /// The peer says what the largest segment is.
    pub fn set_segment(&mut self, bytes: usize) {
        self.segment = bytes;
        if let Growth::Cubic(curve) = &mut self.growth {
            curve.set_segment(bytes);
        }
    }

    /// The peer says what it has room for.
    pub fn set_room(&mut self, bytes: usize) {
        self.room = self.room.max(bytes);
    }

    fn set(&mut self, bytes: usize) {
        self.bytes = bytes.min(self.room).max(self.segment);
    }

    /// An acknowledgement that is no duplicate: of so much new data, with so much still under way.
    pub fn acknowledged(&mut self, new: usize, under_way: usize, srtt_ms: u32, now: Instant) {
        if let Growth::Cubic(curve) = &mut self.growth {
            curve.resume(now);
            if under_way == 0 {
                curve.pause(now);
            }
        }
        if new == 0 {
            return;
        }
        self.timed_out = false;
        let counted = new.min(self.segment);
        if std::mem::take(&mut self.recovering) {
            self.bytes = self.threshold;
            if let Growth::Cubic(curve) = &mut self.growth {
                curve.set_estimate(self.bytes);
            }
        } else if self.bytes < self.threshold {
            self.set(self.bytes.saturating_add(counted));
        } else {
            let bytes = match &mut self.growth {
                Growth::Reno => self.bytes + (self.segment * self.segment / self.bytes).max(1),
                Growth::Cubic(curve) => curve.grown(self.bytes, counted, srtt_ms, now),
            };
            self.set(bytes);
        }
    }

    /// A duplicate acknowledgement.
    pub fn duplicate(&mut self) {
        if self.recovering {
            self.set(self.bytes.saturating_add(self.segment));
        }
    }

    /// A segment leaves.
    pub fn sends(&mut self, now: Instant) {
        if let Growth::Cubic(curve) = &mut self.growth {
            curve.resume(now);
        }
    }

    /// A segment is sent again after three duplicates.
    pub fn lost(&mut self, under_way: usize, now: Instant) {
        if let Growth::Cubic(curve) = &mut self.growth {
            curve.forget_pause();
        }
        if self.recovering {
            return;
        }
        if let Growth::Cubic(curve) = &mut self.growth {
            curve.lost(self.bytes, now);
        }
        self.threshold = self.reduced(under_way);
        self.bytes = self.threshold.min(self.room).saturating_add(3 * self.segment);
        self.recovering = true;
    }

    /// The timer has run out.
    pub fn timed_out(&mut self, under_way: usize) {
        if !std::mem::replace(&mut self.timed_out, true) {
            self.threshold = self.reduced(under_way);
        }
        self.bytes = self.segment;
        self.recovering = false;
        if let Growth::Cubic(curve) = &mut self.growth {
            curve.timed_out(under_way);
        }
    }

    fn reduced(&self, under_way: usize) -> usize {
        let kept = match &self.growth {
            Growth::Reno => under_way / 2,
            Growth::Cubic(_) => cubic::kept(under_way),
        };
        kept.max(2 * self.segment)
    }
}
