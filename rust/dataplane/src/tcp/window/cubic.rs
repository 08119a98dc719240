//! Cubic's growth (RFC 9438), as smoltcp 0.14 reckons it.

use smoltcp::time::Instant;

/// What is left of a window after a loss.
const BETA: f64 = 0.7;
/// How steep the curve is, in segments by the third power of a second.
const C: f64 = 0.4;
/// The growth of Reno's window that loses as much on average (section 4.3).
const ALPHA: f64 = 3.0 * (1.0 - BETA) / (1.0 + BETA);

/// What is left of so much under way after a loss.
pub fn kept(under_way: usize) -> usize {
    (under_way as f64 * BETA) as usize
}

/// The curve that the window follows.
#[derive(Clone, Debug)]
pub struct Curve {
    segment: f64,
    /// The window before the last loss.
    plateau: usize,
    /// Seconds until the plateau.
    until: f64,
    /// What Reno's window would be.
    estimate: f64,
    /// Where the estimate grows as fast as Reno's.
    before: usize,
    began: Option<Instant>,
    /// Since when nothing is under way.
    paused: Option<Instant>,
}

impl Curve {
    /// Of a new connection.
    pub fn new(window: usize, segment: usize) -> Self {
        let mut curve = Self {
            segment: segment as f64,
            plateau: window,
            until: 0.0,
            estimate: window as f64,
            before: window,
            began: None,
            paused: None,
        };
        curve.aim();
        curve
    }

    fn aim(&mut self) {
        self.until = (self.plateau as f64 * (1.0 - BETA) / (C * self.segment)).cbrt();
    }

    /// The peer says what the largest segment is.
    pub fn set_segment(&mut self, bytes: usize) {
        self.segment = bytes as f64;
        self.aim();
    }

    /// The window is this after a recovery.
    pub fn set_estimate(&mut self, window: usize) {
        self.estimate = window as f64;
    }

    /// Nothing is under way any more.
    pub fn pause(&mut self, now: Instant) {
        self.paused = Some(now);
    }

    /// The time that nothing was under way does not count (section 4.2).
    pub fn resume(&mut self, now: Instant) {
        if let (Some(paused), Some(began)) = (self.paused.take(), self.began)
            && now >= paused
        {
            self.began = Some(began + (now - paused));
        }
    }

    /// A pause that has ended otherwise.
    pub fn forget_pause(&mut self) {
        self.paused = None;
    }

    /// A loss at this window.
    pub fn lost(&mut self, window: usize, now: Instant) {
        self.before = window;
        // Fast convergence (section 4.7).
        self.plateau =
            if window < self.plateau { (window as f64 * (1.0 + BETA) / 2.0) as usize } else { window };
        self.began = Some(now);
        self.aim();
    }

    /// The timer has run out: the curve begins with the next growth.
    pub fn timed_out(&mut self, under_way: usize) {
        self.before = under_way;
        self.began = None;
        self.paused = None;
    }

    fn at(&self, seconds: f64) -> f64 {
        C * self.segment * (seconds - self.until).powi(3) + self.plateau as f64
    }

    /// The window after so many bytes of a segment were acknowledged.
    pub fn grown(&mut self, window: usize, acknowledged: usize, srtt_ms: u32, now: Instant) -> usize {
        let began = self.began.unwrap_or_else(|| {
            (self.plateau, self.until, self.estimate) = (window, 0.0, window as f64);
            now
        });
        self.began = Some(began);
        let micros = now.total_micros() - began.total_micros();
        if micros < 0 {
            return window;
        }
        let alpha = if self.estimate >= self.before as f64 { 1.0 } else { ALPHA };
        self.estimate += alpha * self.segment * acknowledged as f64 / window as f64;
        if self.at(micros as f64 / 1e6) < self.estimate {
            return self.estimate as usize;
        }
        // Where the curve is a round trip later (section 4.2).
        let ahead = (u64::from(srtt_ms) * 1_000).max(1_000);
        let target = self.at((micros as f64 + ahead as f64) / 1e6).min(1.5 * window as f64);
        window + (target as usize).saturating_sub(window) * acknowledged / window
    }
}
