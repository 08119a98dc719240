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
    /// The packets that wait one behind the other now.
    run: Option<Run>,
    /// All such runs that were long enough.
    busy: Busy,
    tried: u64,
    lost: u64,
    /// Packets that met the loss model in force.
    tried_now: u64,
    expected_lost: f64,
    variance: f64,
}

/// What left while packets were always waiting.
#[derive(Clone, Copy, Debug, Default)]
struct Busy {
    nanos: u64,
    bits: u64,
    asked_bits: u64,
}

/// Packets that left one behind the other.
#[derive(Clone, Copy, Debug)]
struct Run {
    last_left: Instant,
    busy: Busy,
}

/// A run that is shorter tells more of how late its first and its last packet were seen to leave than of a rate.
const SHORTEST_RUN_NS: u64 = 250_000_000;

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
        let goes_on = self.run.filter(|_| busy);
        if goes_on.is_none() {
            self.busy = self.busy_so_far();
        }
        let before = goes_on.map_or_else(Busy::default, |run| run.busy);
        let busy = goes_on.map_or(before, |run| Busy {
            nanos: before.nanos + now.0.saturating_sub(run.last_left.0),
            bits: before.bits + 8 * bytes,
            asked_bits: before.asked_bits.saturating_add(shaper.bits_between(run.last_left, now)),
        });
        self.run = Some(Run { last_left: now, busy });
    }

    /// A packet that was to arrive at `due` arrived at `now`.
    pub fn arrived(&mut self, due: Instant, now: Instant) {
        self.lateness.record(now.0.saturating_sub(due.0));
    }

    /// Everything, for the direction of `link` that leaves `node` and has this loss model now.
    pub fn reading(&self, link: LinkId, node: NodeId, loss: Option<&Loss>) -> LinkFidelity {
        let (expected_lost, variance) = self.expectation(loss);
        let busy = self.busy_so_far();
        LinkFidelity {
            link,
            node,
            lateness: self.lateness.quantiles(),
            busy_ns: busy.nanos,
            busy_bits: busy.bits,
            asked_bits: busy.asked_bits,
            tried: self.tried,
            lost: self.lost,
            expected_lost,
            variance,
        }
    }

    /// With the run that goes on, if it is long enough.
    fn busy_so_far(&self) -> Busy {
        let Some(Run { busy, .. }) = self.run.filter(|run| run.busy.nanos >= SHORTEST_RUN_NS) else {
            return self.busy;
        };
        Busy {
            nanos: self.busy.nanos + busy.nanos,
            bits: self.busy.bits + busy.bits,
            asked_bits: self.busy.asked_bits.saturating_add(busy.asked_bits),
        }
    }

    fn expectation(&self, loss: Option<&Loss>) -> (f64, f64) {
        let Some(loss) = loss else { return (self.expected_lost, self.variance) };
        let expected = self.tried_now as f64 * loss.probability();
        (self.expected_lost + expected, self.variance + loss.variance(self.tried_now))
    }
}
