//! Deadlines to the precision of the kernel's timers. Tokio's own round up to the next millisecond, in which
//! a link of 1 Gbit/s carries eighty packets.
//!
//! The process has one timer file for all of its deadlines, and one task that waits for it and wakes up
//! everybody who is due in one go. An alarm is set anew without allocating anything, and costs a system call
//! only if it has become the earliest of all.

mod alarm;
mod schedule;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use nextmini_policy::time::Instant;
use nextmini_sys::timer::AsyncTimer;
use nextmini_wire::control::Timing;
use tokio::task::AbortHandle;

use crate::clock;
pub use crate::timers::alarm::{Alarm, SleepUntil};
use crate::timers::schedule::{Schedule, Slot};

/// How long before a deadline [`Timing::Precise`] stops relying on being woken up: a virtual machine's timer
/// interrupt and the scheduler take 50 to 100 us, and seldom more than this.
const STRETCH: Duration = Duration::from_micros(200);

/// The timer of a deadline that is further away than this is set a little early, since nobody ever wakes up at once;
/// who has been woken up early after all waits for the rest. Nearer deadlines are many, and not worth two wakings.
const SPARSE: Duration = Duration::from_micros(200);
/// So much: less than a processor takes to wake up wherever that takes long enough to matter.
const EARLY: Duration = Duration::from_micros(20);

/// The process's deadlines. Their task ends with the last of its handles and alarms.
///
/// With [`Timing::Precise`] that task stays ready for the last 200 us before each deadline and reads the clock
/// again and again; other tasks of its worker still have their turns in between. A deadline costs up to
/// 200 us of one core, and deadlines that follow each other more closely than that cost that core as a whole.
#[derive(Clone, Debug)]
pub struct Timers {
    driver: Arc<Driver>,
}

/// Ends the task that waits.
#[derive(Debug)]
struct Driver {
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
struct Shared {
    timer: AsyncTimer,
    /// How long before a deadline the timer is to expire.
    stretch: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    schedule: Schedule,
    /// When the timer expires, unless it has.
    armed: Option<Instant>,
    /// The task is about to look at the schedule again anyway: the timer need not be armed.
    spinning: bool,
}

/// What the task does until it looks at the schedule again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    /// Waits for the timer.
    Wait,
    /// Lets others have their turn.
    Yield,
}

impl Timers {
    /// Starts the task that waits, in the runtime that this is called from.
    ///
    /// # Errors
    /// Too many files are open.
    pub fn start(timing: Timing) -> io::Result<Self> {
        let timer = AsyncTimer::new()?;
        let stretch = match timing {
            Timing::Normal => Duration::ZERO,
            Timing::Precise => STRETCH,
        };
        let shared = Arc::new(Shared { timer, stretch, state: Mutex::default() });
        let task = tokio::spawn(drive(Arc::clone(&shared))).abort_handle();
        Ok(Self { driver: Arc::new(Driver { shared, task }) })
    }

    /// An alarm that is not set.
    pub fn alarm(&self) -> Alarm {
        Alarm::new(Arc::clone(&self.driver))
    }

    /// Completes once `deadline` has passed. Who waits again and again keeps an [`Alarm`] instead.
    pub fn sleep_until(&self, deadline: Instant) -> SleepUntil {
        SleepUntil::new(self.alarm(), deadline)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets an alarm, and the timer if it would come too late.
    fn enter(&self, slot: Slot, deadline: Instant, waker: Waker, now: Instant) {
        let mut state = self.lock();
        let before = state.schedule.set(slot, deadline, waker);
        let at = self.expiry(deadline, now);
        if !state.spinning && state.armed.is_none_or(|armed| at < armed) {
            self.arm(&mut state, at);
        }
        drop(state);
        drop(before);
    }

    /// When the timer is to expire for a deadline.
    fn expiry(&self, deadline: Instant, now: Instant) -> Instant {
        let early = if deadline.since(now) > SPARSE { EARLY } else { Duration::ZERO };
        deadline - self.stretch.max(early)
    }

    fn arm(&self, state: &mut State, at: Instant) {
        match self.timer.set(at.0) {
            Ok(()) => state.armed = Some(at),
            Err(error) => tracing::error!(%error, "the timer cannot be set; deadlines will be missed"),
        }
    }

    /// Takes out who is due into `woken`, and sees to it that the task looks again in time: at once after those
    /// who are due have had their turn, and before the timer is set, which in a virtual machine may take longer
    /// than everything that they do.
    fn take_due(&self, now: Instant, woken: &mut Vec<Waker>) -> Pause {
        let mut state = self.lock();
        woken.extend(std::iter::from_fn(|| state.schedule.pop_due(now)));
        // A time that is past has made the timer expire, and it stays so until it is set again.
        state.armed = state.armed.filter(|armed| *armed > now);
        let next = state.schedule.first().map(|first| self.expiry(first, now));
        state.spinning = !woken.is_empty() || next.is_some_and(|at| at <= now);
        if state.spinning {
            return Pause::Yield;
        }
        if let Some(at) = next
            && state.armed.is_none_or(|armed| at < armed)
        {
            self.arm(&mut state, at);
        }
        Pause::Wait
    }
}

/// Wakes up who is due, until it is aborted.
async fn drive(shared: Arc<Shared>) {
    let mut woken = Vec::new();
    loop {
        let pause = shared.take_due(clock::now(), &mut woken);
        woken.drain(..).for_each(Waker::wake);
        match pause {
            Pause::Yield => tokio::task::yield_now().await,
            Pause::Wait => {
                if let Err(error) = shared.timer.expired().await {
                    tracing::error!(%error, "the timer cannot be read; deadlines will be missed");
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream::FuturesUnordered;
    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;

    const TIMINGS: [Timing; 2] = [Timing::Normal, Timing::Precise];
    const FAR: Duration = Duration::from_secs(3_600);

    fn after(us: u64) -> Instant {
        clock::now() + Duration::from_micros(us)
    }

    #[tokio::test]
    async fn nobody_wakes_up_before_time() {
        for timing in TIMINGS {
            let timers = Timers::start(timing).unwrap();
            for us in [0, 1, 50, 199, 201, 1_000, 3_000] {
                let deadline = after(us);
                timers.sleep_until(deadline).await;
                assert!(clock::now() >= deadline);
            }
        }
    }

    #[tokio::test]
    async fn what_is_past_rings_at_once_and_once() {
        let timers = Timers::start(Timing::Normal).unwrap();
        let mut alarm = timers.alarm();
        for past in [Instant(0), clock::now()] {
            alarm.set(past);
            assert_eq!(alarm.rings().now_or_never(), Some(()));
            assert_eq!(alarm.deadline(), None);
            assert_eq!(alarm.rings().now_or_never(), None);
        }
    }

    #[tokio::test]
    async fn they_ring_in_the_order_of_their_deadlines() {
        for timing in TIMINGS {
            let timers = Timers::start(timing).unwrap();
            let start = clock::now();
            let deadline = |ms: u64| start + Duration::from_millis(ms);
            let mut sleeps: FuturesUnordered<_> = [80, 20, 60, 40]
                .map(|ms| timers.sleep_until(deadline(ms)).map(move |()| ms))
                .into_iter()
                .collect();
            let mut rung = Vec::from_iter(sleeps.next().now_or_never().flatten());
            let all_wait = clock::now() < deadline(20);
            while let Some(ms) = sleeps.next().await {
                assert!(clock::now() >= deadline(ms));
                rung.push(ms);
            }
            // Who is due before it is waited for does not wait for its turn.
            if !all_wait {
                rung.sort_unstable();
            }
            assert_eq!(rung, [20, 40, 60, 80]);
        }
    }

    #[tokio::test]
    async fn an_alarm_moves_both_ways() {
        for timing in TIMINGS {
            let timers = Timers::start(timing).unwrap();
            let mut alarm = timers.alarm();
            alarm.set(clock::now() + FAR);
            assert_eq!(alarm.rings().now_or_never(), None);
            let earlier = after(2_000);
            alarm.set(earlier);
            assert_eq!(alarm.rings().now_or_never(), None);
            let later = after(6_000);
            alarm.set(later);
            alarm.rings().await;
            assert!(clock::now() >= later);
        }
    }

    #[tokio::test]
    async fn an_alarm_that_was_unset_is_silent() {
        let timers = Timers::start(Timing::Normal).unwrap();
        let mut alarm = timers.alarm();
        alarm.set(after(1_000));
        assert_eq!(alarm.rings().now_or_never(), None);
        alarm.clear();
        timers.sleep_until(after(3_000)).await;
        assert_eq!(alarm.rings().now_or_never(), None);
    }

    #[tokio::test]
    async fn nothing_stays_of_those_that_were_dropped_while_set() {
        let timers = Timers::start(Timing::Normal).unwrap();
        for _ in 0..1_000 {
            assert_eq!(timers.sleep_until(clock::now() + FAR).now_or_never(), None);
        }
        assert_eq!(timers.driver.shared.lock().schedule.first(), None);
        let mut alarm = timers.alarm();
        alarm.set(after(500));
        alarm.rings().await;
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_and_taken_up_again_misses_nothing() {
        for timing in TIMINGS {
            let timers = Timers::start(timing).unwrap();
            let mut alarm = timers.alarm();
            let deadline = after(3_000);
            alarm.set(deadline);
            let mut given_up = 0;
            loop {
                tokio::select! {
                    biased;
                    () = alarm.rings() => break,
                    () = tokio::task::yield_now() => given_up += 1,
                }
            }
            assert!(clock::now() >= deadline);
            assert!(given_up > 0);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn thousands_of_alarms_all_ring_again_and_again() {
        for timing in TIMINGS {
            let timers = Timers::start(timing).unwrap();
            let early = Arc::new(AtomicUsize::new(0));
            let mut tasks = Vec::new();
            for number in 0..10_000_u64 {
                let (mut alarm, early) = (timers.alarm(), Arc::clone(&early));
                tasks.push(tokio::spawn(async move {
                    for round in 0..5 {
                        let deadline = after((number * 7_919 + round * 104_729) % 20_000);
                        alarm.set(deadline);
                        alarm.rings().await;
                        early.fetch_add(usize::from(clock::now() < deadline), Ordering::Relaxed);
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(early.load(Ordering::Relaxed), 0);
        }
    }

    #[tokio::test]
    async fn the_task_ends_with_the_last_alarm() {
        let timers = Timers::start(Timing::Normal).unwrap();
        let shared = Arc::downgrade(&timers.driver.shared);
        let alarm = timers.alarm();
        drop(timers);
        tokio::task::yield_now().await;
        assert!(shared.upgrade().is_some());
        drop(alarm);
        while shared.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    }
}
