//! A rate in bits per second that is constant from one moment to the next.

use std::sync::Arc;

use super::Trace;
use crate::time::Instant;

/// Reckons with a trace of rates. All arithmetic is in bit-nanoseconds, so that nothing is rounded but a moment
/// at the end, to the next nanosecond.
#[derive(Debug)]
pub struct Steps {
    trace: Arc<Trace>,
}

/// Bit-nanoseconds a bit takes at one bit per second.
const BIT: u128 = 1_000_000_000;

impl Steps {
    /// The rates of `trace`.
    pub fn new(trace: Arc<Trace>) -> Self {
        Self { trace }
    }

    /// When so many bits that begin to leave at `start` have left; nothing if they never will. The trace began at
    /// `origin`.
    pub fn finish(&self, origin: Instant, start: Instant, bits: u64) -> Option<Instant> {
        let begin = u128::from(start.0.saturating_sub(origin.0));
        let time = self.moment(self.passed_by(begin).saturating_add(u128::from(bits) * BIT))?;
        let end = u64::try_from(time.max(begin)).unwrap_or(u64::MAX);
        Some(Instant(origin.0.saturating_add(end)).max(start))
    }

    /// Bits that may leave between two moments.
    pub fn bits_between(&self, origin: Instant, from: Instant, to: Instant) -> u64 {
        let at = |moment: Instant| self.passed_by(u128::from(moment.0.saturating_sub(origin.0)));
        u64::try_from(at(to).saturating_sub(at(from)) / BIT).unwrap_or(u64::MAX)
    }

    /// Bit-nanoseconds from the beginning to `time`.
    fn passed_by(&self, time: u128) -> u128 {
        let period = u128::from(self.trace.period_ns());
        if period == 0 {
            return self.within(time);
        }
        time / period * self.within(period) + self.within(time % period)
    }

    /// The same, within the first period.
    fn within(&self, time: u128) -> u128 {
        let trace = &self.trace;
        let Some(at) = trace.point_at(u64::try_from(time).unwrap_or(u64::MAX)) else { return 0 };
        trace.passed(at) + (time - u128::from(trace.time(at))) * u128::from(trace.value(at))
    }

    /// The first moment by which so many bit-nanoseconds have passed.
    fn moment(&self, amount: u128) -> Option<u128> {
        let period = u128::from(self.trace.period_ns());
        if period == 0 {
            return self.moment_within(amount);
        }
        let whole = self.within(period);
        // What is left for the last period is not nothing, so that the moment lies within it.
        let rounds = amount.saturating_sub(1) / whole;
        Some(rounds * period + self.moment_within(amount - rounds * whole)?)
    }

    fn moment_within(&self, amount: u128) -> Option<u128> {
        let trace = &self.trace;
        if amount == 0 {
            return Some(0);
        }
        // The last point before which less had passed: from there on the rest passes, at a rate that is not 0
        // unless the trace ends with it.
        let at = trace.point_after(amount - 1);
        let rate = u128::from(trace.value(at));
        let rest = amount - trace.passed(at);
        (rate > 0).then(|| u128::from(trace.time(at)) + rest.div_ceil(rate))
    }
}

#[cfg(test)]
mod tests {
    use nextmini_wire::control::direction::TraceKind;
    use proptest::prelude::*;

    use super::*;
    use crate::rate::trace::tests::trace;

    const ORIGIN: Instant = Instant(1_000);
    const SECOND: u64 = 1_000_000_000;

    fn steps(period: u64, points: &[(u64, u64)]) -> Steps {
        Steps::new(trace(TraceKind::Rates, period, points))
    }

    fn at(nanos: u64) -> Instant {
        Instant(ORIGIN.0 + nanos)
    }

    #[test]
    fn bits_leave_at_the_rate_of_their_moment() {
        let steps = steps(0, &[(0, 1_000), (2 * SECOND, 0), (3 * SECOND, 500)]);
        assert_eq!(steps.finish(ORIGIN, at(0), 1_000), Some(at(SECOND)));
        // A thousand in the first two seconds, nothing in the third.
        assert_eq!(steps.finish(ORIGIN, at(SECOND), 1_500), Some(at(4 * SECOND)));
        assert_eq!(steps.finish(ORIGIN, at(10 * SECOND), 500), Some(at(11 * SECOND)));
        assert_eq!(steps.bits_between(ORIGIN, at(SECOND), at(4 * SECOND)), 1_500);
    }

    #[test]
    fn a_trace_that_ends_with_nothing_lets_nothing_pass_any_more() {
        let steps = steps(0, &[(0, 1_000), (SECOND, 0)]);
        assert_eq!(steps.finish(ORIGIN, at(0), 1_000), Some(at(SECOND)));
        assert_eq!(steps.finish(ORIGIN, at(0), 1_001), None);
    }

    #[test]
    fn a_trace_with_a_period_begins_again() {
        let steps = steps(2 * SECOND, &[(0, 1_000), (SECOND, 0)]);
        assert_eq!(steps.finish(ORIGIN, at(0), 1_000), Some(at(SECOND)));
        assert_eq!(steps.finish(ORIGIN, at(0), 3_500), Some(at(6 * SECOND + SECOND / 2)));
        assert_eq!(steps.finish(ORIGIN, at(1_001 * SECOND), 1), Some(at(1_002 * SECOND + SECOND / 1_000)));
    }

    #[test]
    fn before_the_first_point_nothing_passes() {
        assert_eq!(steps(0, &[(SECOND, 8)]).finish(ORIGIN, at(0), 8), Some(at(2 * SECOND)));
    }

    proptest! {
        #[test]
        fn packets_one_after_the_other_take_as_long_as_all_at_once(
            lengths in prop::collection::vec((1_u64..5_000_000, 0_u64..2_000_000_000), 1..20),
            sizes in prop::collection::vec(1_u64..20_000, 1..50),
            start in 0_u64..100_000_000,
            repeat: bool,
        ) {
            let mut time = 0;
            let mut points = Vec::new();
            for (length, rate) in lengths {
                points.push((time, rate));
                time += length;
            }
            points.push((time, 1_000_000));
            let steps = steps(if repeat { time + 1_000_000 } else { 0 }, &points);
            let total: u64 = sizes.iter().sum();
            let whole = steps.finish(ORIGIN, at(start), total).unwrap();
            let pieces = sizes.iter().fold(at(start), |now, &bits| steps.finish(ORIGIN, now, bits).unwrap());
            // Each piece is rounded up to a nanosecond, which carries at most its rate's worth on.
            prop_assert!(pieces >= whole);
            let carried = steps.bits_between(ORIGIN, whole, pieces);
            prop_assert!(carried <= sizes.len() as u64 * 3, "{carried} bits late");
            let passed = steps.bits_between(ORIGIN, at(start), whole);
            prop_assert!(passed >= total && passed <= total + 3, "{passed} of {total}");
        }
    }
}
