//! A recorded rate: moments with values, which come in parts and are shared by all links that follow it.

use std::sync::Arc;

use nextmini_wire::control::Trace as Part;
use nextmini_wire::control::direction::TraceKind;
use thiserror::Error;

/// Points of a trace at most.
pub const MOST_POINTS: u32 = 5_000_000;

/// Why parts are no trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TraceError {
    /// A part is missing, or belongs to another trace.
    #[error("point {at} of a trace came where point {expected} was to come")]
    Gap {
        /// Index of the part's first point.
        at: u32,
        /// Index that it should have had.
        expected: usize,
    },
    /// Too many points, or none.
    #[error("a trace of {0} points; there may be 1 to {MOST_POINTS}")]
    Size(u32),
    /// A moment before the one that it follows.
    #[error("point {0} of a trace is before the point that it follows")]
    Falling(usize),
    /// It never lets anything pass.
    #[error("a trace that lets nothing pass")]
    Nothing,
    /// It begins again before it is over.
    #[error("a trace that is repeated every {period_ns} ns has a point at {last_ns} ns")]
    Period {
        /// Its period.
        period_ns: u64,
        /// Its last point.
        last_ns: u64,
    },
}

/// A complete trace.
#[derive(Debug)]
pub struct Trace {
    kind: TraceKind,
    period_ns: u64,
    times: Vec<u64>,
    values: Vec<u64>,
    /// What has passed by each point since the beginning: bits for rates (in bit-nanoseconds), packets for
    /// opportunities, the point's own not counted.
    passed: Vec<u128>,
}

impl Trace {
    /// What its points mean.
    pub fn kind(&self) -> TraceKind {
        self.kind
    }

    /// After so many nanoseconds it begins again; 0 if it does not.
    pub(super) fn period_ns(&self) -> u64 {
        self.period_ns
    }

    /// The moment of a point, in nanoseconds from the beginning.
    pub(super) fn time(&self, at: usize) -> u64 {
        self.times[at]
    }

    /// The value of a point.
    pub(super) fn value(&self, at: usize) -> u64 {
        self.values[at]
    }

    /// What has passed before a point.
    pub(super) fn passed(&self, at: usize) -> u128 {
        self.passed[at]
    }

    /// The last point that is not after `time`; nothing if all are.
    pub(super) fn point_at(&self, time: u64) -> Option<usize> {
        self.times.partition_point(|&at| at <= time).checked_sub(1)
    }

    /// The first point of which all before it let no more pass than `amount`.
    pub(super) fn point_after(&self, amount: u128) -> usize {
        self.passed.partition_point(|&passed| passed <= amount).saturating_sub(1)
    }
}

/// Parts of a trace that came so far.
#[derive(Debug, Default)]
pub struct TraceBuilder {
    times: Vec<u64>,
    values: Vec<u64>,
}

impl TraceBuilder {
    /// Takes the next part; the trace, once it is complete.
    ///
    /// # Errors
    /// See [`TraceError`].
    pub fn add(&mut self, part: Part) -> Result<Option<Arc<Trace>>, TraceError> {
        if part.total == 0 || part.total > MOST_POINTS {
            return Err(TraceError::Size(part.total));
        }
        if part.first as usize != self.times.len() {
            return Err(TraceError::Gap { at: part.first, expected: self.times.len() });
        }
        for (time, value) in part.points {
            if self.times.last().is_some_and(|&last| time < last) {
                return Err(TraceError::Falling(self.times.len()));
            }
            self.times.push(time);
            self.values.push(value);
        }
        if self.times.len() > part.total as usize {
            return Err(TraceError::Size(part.total));
        }
        if self.times.len() < part.total as usize {
            return Ok(None);
        }
        let (times, values) = (std::mem::take(&mut self.times), std::mem::take(&mut self.values));
        complete(part.kind, part.period_ns, times, values).map(|trace| Some(Arc::new(trace)))
    }
}

fn complete(kind: TraceKind, period_ns: u64, times: Vec<u64>, values: Vec<u64>) -> Result<Trace, TraceError> {
    let last_ns = times.last().copied().unwrap_or_default();
    // An opportunity at the very end of the period belongs to it, as in Mahimahi; a rate there would last no time.
    let late = match kind {
        TraceKind::Opportunities => last_ns > period_ns,
        TraceKind::Rates => last_ns >= period_ns,
    };
    if period_ns > 0 && late {
        return Err(TraceError::Period { period_ns, last_ns });
    }
    if values.iter().all(|&value| value == 0) {
        return Err(TraceError::Nothing);
    }
    let mut passed = Vec::with_capacity(times.len());
    let mut sum = 0_u128;
    for at in 0..times.len() {
        if kind == TraceKind::Rates && at > 0 {
            sum += u128::from(times[at] - times[at - 1]) * u128::from(values[at - 1]);
        }
        passed.push(sum);
        if kind == TraceKind::Opportunities {
            sum += u128::from(values[at]);
        }
    }
    Ok(Trace { kind, period_ns, times, values, passed })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::rate) fn trace(kind: TraceKind, period_ns: u64, points: &[(u64, u64)]) -> Arc<Trace> {
        built(kind, period_ns, points).unwrap()
    }

    fn built(kind: TraceKind, period_ns: u64, points: &[(u64, u64)]) -> Result<Arc<Trace>, TraceError> {
        let total = points.len() as u32;
        let mut builder = TraceBuilder::default();
        let mut last = Ok(None);
        for (first, point) in (0..).zip(points) {
            last = builder.add(Part { id: 1, kind, period_ns, total, first, points: vec![*point] });
            if last.is_err() {
                break;
            }
        }
        last.map(|trace| trace.unwrap())
    }

    #[test]
    fn parts_come_in_order_and_make_sense() {
        let rates = |period, points: &[(u64, u64)]| built(TraceKind::Rates, period, points).map(|_| ());
        assert_eq!(rates(0, &[(0, 1), (5, 2)]), Ok(()));
        assert_eq!(rates(0, &[(5, 1), (4, 2)]), Err(TraceError::Falling(1)));
        assert_eq!(rates(0, &[(5, 0)]), Err(TraceError::Nothing));
        assert_eq!(rates(5, &[(5, 1)]), Err(TraceError::Period { period_ns: 5, last_ns: 5 }));
        assert!(built(TraceKind::Opportunities, 5, &[(5, 1)]).is_ok());
        let part = Part { id: 1, kind: TraceKind::Rates, period_ns: 0, total: 9, first: 3, points: vec![] };
        let gap = TraceBuilder::default().add(part.clone()).map(|_| ());
        assert_eq!(gap, Err(TraceError::Gap { at: 3, expected: 0 }));
        let none = TraceBuilder::default().add(Part { total: 0, first: 0, ..part }).map(|_| ());
        assert_eq!(none, Err(TraceError::Size(0)));
    }
}
