//! What a direction of a link achieved, to be compared with what was asked of it.

use nextmini_wire::control::fidelity::LinkFidelity;
use nextmini_wire::id::{LinkId, NodeId};

use super::shaper::Shaper;
use crate::histogram::Histogram;
use crate::impair::Loss;
use crate::time::Instant;

/// Counts, since the direction first had a rate, a delay or a loss.
#[derive(Debug, Default)]
pub struct Meter {
    lateness: Histogram,
    /// When the last packet was seen to leave.
    last_left: Option<Instant>,
    busy_ns: u64,
    busy_bits: u64,
    asked_bits: u64,
    tried: u64,
    lost: u64,
    /// Packets that met the loss model in force.
    tried_now: u64,
    expected_lost: f64,
    variance: f64,
}

impl Meter {
    /// A packet met the loss model.
    pub fn tried(&mut self, lost: bool) {
        self.tried += 1;
        self.tried_now += 1;
        self.lost += u64::from(lost);
    }

    /// The loss model in force, `loss`, makes way for another one.
    pub fn close_loss(&mut self, loss: Option<&Loss>) {
        let (expected, variance) = self.expectation(loss);
        (self.expected_lost, self.variance, self.tried_now) = (expected, variance, 0);
    }

    /// A packet of so many bytes was seen to leave at `now`; whether it had waited for its rate alone.
    pub fn left(&mut self, bytes: u64, busy: bool, shaper: &Shaper, now: Instant) {
        if let Some(last) = self.last_left.replace(now)
            && busy
        {
            self.busy_ns += now.0.saturating_sub(last.0);
            self.busy_bits += 8 * bytes;
            self.asked_bits += shaper.bits_between(last, now);
        }
    }

    /// A packet that was to arrive at `due` arrived at `now`.
    pub fn arrived(&mut self, due: Instant, now: Instant) {
        self.lateness.record(now.0.saturating_sub(due.0));
    }

    /// Everything, for the direction of `link` that leaves `node` and has this loss model now.
    pub fn reading(&self, link: LinkId, node: NodeId, loss: Option<&Loss>) -> LinkFidelity {
        let (expected_lost, variance) = self.expectation(loss);
        LinkFidelity {
            link,
            node,
            lateness: self.lateness.quantiles(),
            busy_ns: self.busy_ns,
            busy_bits: self.busy_bits,
            asked_bits: self.asked_bits,
            tried: self.tried,
            lost: self.lost,
            expected_lost,
            variance,
        }
    }

    fn expectation(&self, loss: Option<&Loss>) -> (f64, f64) {
        let Some(loss) = loss else { return (self.expected_lost, self.variance) };
        let expected = self.tried_now as f64 * loss.probability();
        (self.expected_lost + expected, self.variance + loss.variance(self.tried_now))
    }
}
