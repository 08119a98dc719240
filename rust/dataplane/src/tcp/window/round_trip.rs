//! smoltcp 0.14's estimate of the round-trip time, in whole milliseconds of its clock (RFC 6298).

use smoltcp::time::Instant;

use crate::tcp::segment::is_behind;

/// Timeouts after which an estimate is worth nothing.
const TOO_MANY: u8 = 3;

/// The estimate.
#[derive(Clone, Debug, Default)]
pub struct RoundTrip {
    smoothed: Option<u32>,
    timed: Option<(Instant, u32)>,
    furthest: Option<u32>,
    timeouts: u8,
}

impl RoundTrip {
    /// In milliseconds; 0 if there is none.
    pub fn smoothed(&self) -> u32 {
        self.smoothed.unwrap_or(0)
    }

    /// A segment leaves that ends before this number.
    pub fn sends(&mut self, end: u32, now: Instant) {
        if self.furthest.is_none_or(|furthest| is_behind(end, furthest)) {
            self.furthest = Some(end);
            self.timed.get_or_insert((now, end));
        }
    }

    /// An acknowledgement that is no duplicate.
    pub fn acknowledged(&mut self, number: u32, now: Instant) {
        let Some((since, _)) = self.timed.filter(|&(_, end)| !is_behind(end, number)) else { return };
        let sample = (now - since).total_millis() as u32;
        self.smoothed = Some(self.smoothed.map_or(sample, |before| (before * 7 + sample).div_ceil(8)));
        self.timeouts = 0;
        self.timed = None;
    }

    /// Something is sent again.
    pub fn retransmits(&mut self) {
        self.timed = None;
    }

    /// The timer has run out.
    pub fn timed_out(&mut self) {
        self.timeouts += 1;
        if self.timeouts >= TOO_MANY {
            (self.timeouts, self.smoothed) = (0, None);
        }
    }
}
