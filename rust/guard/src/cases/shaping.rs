//! Links that take their time, and what goes wrong on them.

use std::hint::black_box;

use nextmini_policy::link::settings::Checked;
use nextmini_policy::link::{LinkQueue, LinkSeed};
use nextmini_policy::rate::TraceBuilder;
use nextmini_policy::time::Instant;
use nextmini_policy::token_bucket::TokenBucket;
use nextmini_wire::control::direction::{Chance, Distribution, Jitter, Loss, TraceKind};
use nextmini_wire::control::{Direction, Trace};

use super::Work;
use super::queues::{queue, served};

const MILLISECOND: u64 = 1_000_000;

/// A rate with a burst, and a delay.
pub(super) fn rate() -> Work {
    let direction = Direction {
        rate: Some(12_000_000),
        burst: Some(15_000),
        delay_ns: 10 * MILLISECOND,
        ..Direction::default()
    };
    served(queue(&direction), MILLISECOND)
}

/// A rate that changes every 10 ms.
pub(super) fn trace() -> Work {
    let points: Vec<(u64, u64)> =
        (0..100).map(|step| (step * 10 * MILLISECOND, 10_000_000 + step % 7 * 1_000_000)).collect();
    let period_ns = 1_000 * MILLISECOND;
    let part = Trace { id: 1, kind: TraceKind::Rates, period_ns, total: 100, first: 0, points };
    let trace = TraceBuilder::default().add(part).unwrap();
    let direction = Direction { trace: Some(1), ..Direction::default() };
    let mut queue = LinkQueue::new(1_500, LinkSeed { seed: 1, link: 1, from: 1 });
    queue.set(1_500, Checked::new(&direction, trace).unwrap(), Instant(1));
    served(queue, MILLISECOND)
}

/// Everything that can go wrong.
pub(super) fn impairments() -> Work {
    let chance = |probability| Some(Chance { probability, correlation: 0.2 });
    let jitter = Jitter {
        amount_ns: 2 * MILLISECOND,
        distribution: Distribution::Normal,
        correlation: 0.3,
        reorder: true,
    };
    let direction = Direction {
        rate: Some(20_000_000),
        delay_ns: 8 * MILLISECOND,
        jitter: Some(jitter),
        loss: Some(Loss::GilbertElliott { p: 0.01, r: 0.2, h: 0.1, k: 1.0 }),
        duplicate: chance(0.02),
        reorder: chance(0.01),
        corrupt: chance(0.01),
        ..Direction::default()
    };
    served(queue(&direction), MILLISECOND)
}

pub(super) fn token_bucket() -> Work {
    let mut bucket = TokenBucket::new(12_000_000, 15_000, Instant(1));
    Box::new(move || {
        for number in 0..1_000 {
            let at = bucket.ready().max(Instant(number * MILLISECOND));
            black_box(bucket.spend(1_500, at));
        }
    })
}
