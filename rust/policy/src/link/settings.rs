//! What a direction of a link is asked to do, looked at before it is put in force.

use std::sync::Arc;
use std::time::Duration;

use nextmini_wire::control::Direction;
use nextmini_wire::control::direction::{self, Discipline, DropPolicy};
use thiserror::Error;

use super::line::Impairments;
use super::shaper::Rate;
use crate::drop::DropError;
use crate::drop::codel::Codel;
use crate::drop::red::Red;
use crate::impair::ImpairError;
use crate::rate::Trace;

const DEFAULT_PACKETS: usize = 1_000;
const DEFAULT_BYTES: u64 = 4 << 20;

/// Why a direction cannot be put in force.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// An impairment makes no sense.
    #[error(transparent)]
    Impair(#[from] ImpairError),
    /// A drop policy makes no sense.
    #[error(transparent)]
    Drop(#[from] DropError),
    /// Its trace is not here.
    #[error("trace {0} is not known")]
    NoTrace(u32),
    /// A rate of nothing.
    #[error("a rate of 0 bit/s; take the link down instead")]
    NoRate,
}

/// The rate below which a super-packet of 64 KiB takes longer than 1 ms.
const SLOW: u64 = 64 * 1024 * 8 * 1_000;

/// Whether a direction treats packets one by one, so that super-packets have to be cut first.
pub fn works_per_packet(direction: &Direction) -> bool {
    direction.loss.is_some()
        || direction.duplicate.is_some()
        || direction.reorder.is_some()
        || direction.corrupt.is_some()
        || direction.jitter.is_some()
        || direction.drop != DropPolicy::default()
        || direction.discipline != Discipline::Fifo
        || direction.limits.packets.is_some()
        || direction.trace.is_some()
        || direction.rate.is_some_and(|rate| rate < SLOW)
}

/// Whether a direction is asked for nothing but a rate, and an order: all else is done to single packets, or to the
/// time that they take, and there is nothing of it for bytes that nobody sees.
pub fn keeps_to_a_rate(direction: &Direction) -> bool {
    direction.delay_ns == 0
        && direction.jitter.is_none()
        && direction.loss.is_none()
        && direction.duplicate.is_none()
        && direction.reorder.is_none()
        && direction.corrupt.is_none()
        && direction.drop == DropPolicy::default()
}

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Packets.
    pub packets: usize,
    /// Bytes on the emulated wire.
    pub bytes: u64,
    /// At the link's rate.
    pub time: Option<Duration>,
}

impl Limits {
    /// These limits; where nothing is said, 1,000 packets or 4 MiB.
    pub fn new(asked: &direction::Limits) -> Self {
        let time = asked.time_ns.map(Duration::from_nanos);
        if asked.packets.is_none() && asked.bytes.is_none() && time.is_none() {
            return Self { packets: DEFAULT_PACKETS, bytes: DEFAULT_BYTES, time };
        }
        let packets =
            asked.packets.map_or(usize::MAX, |packets| usize::try_from(packets).unwrap_or(usize::MAX));
        Self { packets, bytes: asked.bytes.unwrap_or(u64::MAX), time }
    }
}

/// Settings that can be put in force.
#[derive(Debug)]
pub struct Checked {
    /// As they were asked for.
    pub direction: Direction,
    pub(super) rate: Rate,
    pub(super) impairments: Impairments,
    pub(super) red: Option<Red>,
    pub(super) codel: Option<Codel>,
}

impl Checked {
    /// Looks at `direction`, whose trace is `trace`.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn new(direction: &Direction, trace: Option<Arc<Trace>>) -> Result<Self, SettingsError> {
        let rate = match (direction.trace, direction.rate) {
            (Some(id), _) => Rate::Trace(trace.ok_or(SettingsError::NoTrace(id))?),
            (None, Some(0)) => return Err(SettingsError::NoRate),
            (None, Some(bits_per_second)) => {
                Rate::Constant { bits_per_second, burst: direction.burst.unwrap_or(0) }
            }
            (None, None) => Rate::Unlimited,
        };
        let (mut red, mut codel) = (None, None);
        match &direction.drop {
            DropPolicy::Tail {} => {}
            DropPolicy::Red(asked) => red = Some(Red::new(asked)?),
            DropPolicy::Codel(asked) => codel = Some(Codel::new(asked)?),
        }
        let impairments = Impairments::new(direction)?;
        Ok(Self { direction: direction.clone(), rate, impairments, red, codel })
    }

    /// Whether these settings need to know the time, or treat packets one by one.
    pub fn needs_clock(&self) -> bool {
        let waiting_only = Direction {
            limits: self.direction.limits,
            discipline: self.direction.discipline,
            ..Direction::default()
        };
        self.direction != waiting_only
    }
}

#[cfg(test)]
mod tests {
    use nextmini_wire::control::direction::{Chance, Limits, Loss};

    use super::*;

    #[test]
    fn a_rate_and_an_order_are_all_that_bytes_can_have() {
        let plain = Direction::default();
        let limits = Limits { packets: Some(9), ..Limits::default() };
        let rate = Direction { rate: Some(1_000), discipline: Discipline::Drr, limits, ..plain.clone() };
        assert!(keeps_to_a_rate(&plain) && keeps_to_a_rate(&rate));
        let chance = Some(Chance { probability: 0.1, correlation: 0.0 });
        let more = [
            Direction { delay_ns: 1, ..plain.clone() },
            Direction { loss: Some(Loss::Pattern { pattern: "1".to_owned() }), ..plain.clone() },
            Direction { duplicate: chance, ..plain.clone() },
            Direction { corrupt: chance, ..plain },
        ];
        for direction in more {
            assert!(!keeps_to_a_rate(&direction), "{direction:?}");
        }
    }
}
