//! Mahimahi's traces (Netravali et al., USENIX ATC 2015): moments at which a packet of up to 1,500 bytes may
//! leave. What is not used at a moment is lost, but a packet that is smaller leaves the rest of its opportunity
//! to the next one, and a larger one takes several.

use std::sync::Arc;

use super::Trace;
use crate::time::Instant;

/// Bytes of an opportunity.
const BYTES: u64 = 1_500;

/// Follows a trace of opportunities.
#[derive(Debug)]
pub struct Opportunities {
    trace: Arc<Trace>,
    origin: Instant,
    /// The next opportunity that nobody has used: how many there are before it, since the beginning.
    next: u128,
    /// Bytes left of the one before it, and its moment.
    rest: u64,
    rest_at: Instant,
}

impl Opportunities {
    /// Begins at `origin`.
    pub fn new(trace: Arc<Trace>, origin: Instant) -> Self {
        Self { trace, origin, next: 0, rest: 0, rest_at: origin }
    }

    /// Sends a packet of so many bytes that is there from `start` on; when the last of them has left, nothing if
    /// the trace is over before.
    pub fn send(&mut self, bytes: u64, start: Instant) -> Option<Instant> {
        if self.rest_at < start {
            self.rest = 0;
        }
        self.next = self.next.max(self.before(start));
        let mut missing = bytes.max(1);
        let used = missing.min(self.rest);
        (self.rest, missing) = (self.rest - used, missing - used);
        if missing > 0 {
            let taken = missing.div_ceil(BYTES);
            self.next += u128::from(taken);
            self.rest = taken * BYTES - missing;
            self.rest_at = self.moment(self.next - 1)?;
        }
        Some(self.rest_at.max(start))
    }

    /// Bits that may leave between two moments, the second one counted.
    pub fn bits_between(&self, from: Instant, to: Instant) -> u64 {
        let after = |moment: Instant| self.before(Instant(moment.0.saturating_add(1)));
        let opportunities = after(to).saturating_sub(after(from));
        u64::try_from(opportunities * u128::from(8 * BYTES)).unwrap_or(u64::MAX)
    }

    /// How many opportunities there are before `moment`.
    fn before(&self, moment: Instant) -> u128 {
        let time = moment.0.saturating_sub(self.origin.0);
        let Some(time) = time.checked_sub(1) else { return 0 };
        let period = self.trace.period_ns();
        let rounds = time.checked_div(period).unwrap_or(0);
        u128::from(rounds) * self.whole() + self.within(time - rounds * period)
    }

    /// How many there are up to `time` within the first period.
    fn within(&self, time: u64) -> u128 {
        self.trace.point_at(time).map_or(0, |at| self.trace.passed(at) + u128::from(self.trace.value(at)))
    }

    fn whole(&self) -> u128 {
        self.within(u64::MAX)
    }

    /// The moment of the opportunity that has so many before it.
    fn moment(&self, number: u128) -> Option<Instant> {
        let (whole, period) = (self.whole(), self.trace.period_ns());
        if period == 0 && number >= whole {
            return None;
        }
        let (round, within) = (number / whole, number % whole);
        let at = self.trace.point_after(within);
        let after = round.saturating_mul(u128::from(period)) + u128::from(self.trace.time(at));
        Some(Instant(self.origin.0.saturating_add(u64::try_from(after).unwrap_or(u64::MAX))))
    }
}

#[cfg(test)]
mod tests {
    use nextmini_wire::control::direction::TraceKind;
    use proptest::prelude::*;

    use super::*;
    use crate::rate::trace::tests::trace;

    const ORIGIN: Instant = Instant(1_000);
    const MS: u64 = 1_000_000;

    /// Two at 1 ms, none at 2 ms, one at 5 ms; again every 5 ms.
    fn opportunities(period: u64) -> Opportunities {
        let points = [(MS, 2), (2 * MS, 0), (5 * MS, 1)];
        Opportunities::new(trace(TraceKind::Opportunities, period, &points), ORIGIN)
    }

    fn at(ms: u64) -> Instant {
        Instant(ORIGIN.0 + ms * MS)
    }

    #[test]
    fn packets_leave_at_opportunities_and_these_come_again() {
        let mut link = opportunities(5 * MS);
        let times: Vec<_> = (0..7).map(|_| link.send(1_500, at(0)).unwrap()).collect();
        assert_eq!(times, [at(1), at(1), at(5), at(6), at(6), at(10), at(11)]);
    }

    #[test]
    fn what_is_not_used_is_lost() {
        let mut link = opportunities(5 * MS);
        assert_eq!(link.send(1_500, at(3)), Some(at(5)));
        assert_eq!(link.send(1_500, at(103)), Some(at(105)));
    }

    #[test]
    fn the_rest_of_an_opportunity_serves_its_own_moment_only() {
        let mut link = opportunities(5 * MS);
        assert_eq!(link.send(500, at(0)), Some(at(1)));
        assert_eq!(link.send(2_500, at(1)), Some(at(1)));
        assert_eq!(link.send(500, at(1)), Some(at(5)));
        assert_eq!(link.send(1_000, at(6)), Some(at(6)));
    }

    #[test]
    fn a_large_packet_takes_several() {
        assert_eq!(opportunities(5 * MS).send(4_000, at(0)), Some(at(5)));
    }

    #[test]
    fn a_trace_that_is_not_repeated_ends() {
        let mut link = opportunities(0);
        assert_eq!(link.send(4_500, at(0)), Some(at(5)));
        assert_eq!(link.send(1, at(0)), None);
    }

    #[test]
    fn an_opportunity_that_has_passed_is_gone_also_where_the_trace_begins_again() {
        let trace = trace(TraceKind::Opportunities, 5 * MS, &[(0, 1), (4 * MS, 1)]);
        let mut link = Opportunities::new(trace, ORIGIN);
        assert_eq!(link.send(1_500, Instant(at(5).0 + 1)), Some(at(9)));
        assert_eq!(link.bits_between(at(5), Instant(at(5).0 + 1)), 0);
        assert_eq!(link.bits_between(at(4), at(5)), 12_000);
    }

    proptest! {
        #[test]
        fn a_backlog_uses_every_opportunity(gaps in prop::collection::vec((0_u64..20, 0_u64..4), 1..30), count in 1_usize..300) {
            let mut time = 0;
            let mut points: Vec<_> = gaps.into_iter().map(|(gap, n)| { time += gap * MS; (time, n) }).collect();
            points.push((time + MS, 1));
            let period = time + MS;
            let trace = trace(TraceKind::Opportunities, period, &points);
            let mut link = Opportunities::new(trace, ORIGIN);
            let all = (0..).flat_map(|round| points.iter().flat_map(move |&(time, n)| {
                std::iter::repeat_n(round * period + time, n as usize)
            }));
            // One at the very beginning is there for a packet that comes then.
            for (expected, number) in all.zip(0..count) {
                let left = link.send(1_500, ORIGIN).unwrap();
                prop_assert_eq!(left.0 - ORIGIN.0, expected, "packet {}", number);
            }
        }
    }
}
