//! How late this machine is at best: a thread that does nothing but wake up, again and again.
//!
//! What it measures is what no emulation on this machine can do better than. A link that is later than this has
//! itself to blame; one that is not, has the machine.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nextmini_policy::histogram::Histogram;
use nextmini_policy::time::Instant;
use nextmini_sys::pressure::cpu_stalled;
use nextmini_sys::timer::Timer;
use nextmini_wire::control::Quantiles;

use crate::clock;

/// The shortest period; a shorter one would do nothing but disturb.
const SHORTEST: Duration = Duration::from_micros(100);

/// The thread; dropping it waits for its end, which is at once.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    timer: Timer,
    ended: AtomicBool,
    measured: Mutex<Measured>,
}

#[derive(Debug)]
struct Measured {
    lateness: Histogram,
    since: Instant,
    /// Of the machine, at `since`.
    stalled: Option<Duration>,
}

impl Measured {
    fn begin() -> Self {
        Self { lateness: Histogram::default(), since: clock::now(), stalled: cpu_stalled() }
    }

    /// Records each tick that has come by `now`, and returns the next one. A thread that slept through many
    /// of them was late for all of them, and for the first one most.
    fn record(&mut self, mut tick: Instant, period: Duration, now: Instant) -> Instant {
        while tick <= now {
            self.lateness.record(now.since(tick).as_nanos() as u64);
            tick = tick + period;
        }
        tick
    }

    /// Share of the time in which something had to wait for a processor.
    fn pressure(&self, now: Instant, stalled: Option<Duration>) -> Option<f64> {
        let waited = stalled?.saturating_sub(self.stalled?);
        let elapsed = now.since(self.since);
        // The kernel brings its total up to date now and then, and for all that was since.
        (elapsed > Duration::ZERO).then(|| (waited.as_secs_f64() / elapsed.as_secs_f64()).min(1.0))
    }
}

impl Watch {
    /// Starts the thread, which wakes up every `period`.
    ///
    /// # Errors
    /// The system has no more threads or files to give.
    pub fn start(period: Duration) -> io::Result<Self> {
        let measured = Mutex::new(Measured::begin());
        let shared = Arc::new(Shared { timer: Timer::new()?, ended: AtomicBool::new(false), measured });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || theirs.run(period.max(SHORTEST)))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// How late the thread woke up since this was last reset, and the share of that time, from 0 to 1, in
    /// which something on the machine had to wait for a processor; `None` where the kernel does not tell.
    pub fn reading(&self) -> (Quantiles, Option<f64>) {
        let (now, stalled) = (clock::now(), cpu_stalled());
        let measured = self.shared.measured();
        (measured.lateness.quantiles(), measured.pressure(now, stalled))
    }

    /// Forgets what was measured.
    pub fn reset(&self) {
        let begun = Measured::begin();
        *self.shared.measured() = begun;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // In this order: a thread that arms its timer after this one has, sees that it is to end.
        self.shared.ended.store(true, Ordering::SeqCst);
        let woken = self.shared.timer.set(0);
        if let (Ok(()), Some(thread)) = (woken, self.thread.take()) {
            // A panic of it has been reported by the panic hook, and nobody depends on it.
            let _ended = thread.join();
        }
    }
}

impl Shared {
    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, period: Duration) {
        let mut tick = clock::now() + period;
        while let Ok(true) = self.wait(tick) {
            let now = clock::now();
            tick = self.measured().record(tick, period, now);
        }
    }

    /// Waits for a tick; whether there is to be another one.
    fn wait(&self, tick: Instant) -> io::Result<bool> {
        self.timer.set(tick.0)?;
        if self.ended.load(Ordering::SeqCst) {
            return Ok(false);
        }
        self.timer.expired()?;
        Ok(!self.ended.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(stalled: Option<Duration>) -> Measured {
        Measured { lateness: Histogram::default(), since: Instant(0), stalled }
    }

    #[test]
    fn it_counts_ticks_until_it_is_dropped() {
        let watch = Watch::start(Duration::from_millis(1)).unwrap();
        while watch.reading().0.count < 5 {
            thread::yield_now();
        }
        watch.reset();
        while watch.reading().0.count < 2 {
            thread::yield_now();
        }
        let shared = Arc::downgrade(&watch.shared);
        drop(watch);
        assert!(shared.upgrade().is_none(), "the thread has ended");
    }

    #[test]
    fn it_ends_at_once_however_long_its_period() {
        for _ in 0..100 {
            drop(Watch::start(Duration::from_secs(1_000_000)).unwrap());
        }
    }

    #[test]
    fn a_tick_that_was_slept_through_was_late_too() {
        let (mut measured, period) = (measured(None), Duration::from_nanos(100));
        assert_eq!(measured.record(Instant(100), period, Instant(99)), Instant(100));
        assert_eq!(measured.lateness.quantiles().count, 0);
        assert_eq!(measured.record(Instant(100), period, Instant(450)), Instant(500));
        let lateness = measured.lateness.quantiles();
        assert_eq!((lateness.count, lateness.max_ns), (4, 350));
    }

    #[test]
    fn pressure_is_a_share_of_the_time_since_the_beginning() {
        let second = Duration::from_secs(1);
        let now = Instant(4_000_000_000);
        assert_eq!(measured(Some(second)).pressure(now, Some(2 * second)), Some(0.25));
        assert_eq!(measured(Some(second)).pressure(now, Some(9 * second)), Some(1.0));
        assert_eq!(measured(Some(second)).pressure(Instant(0), Some(second)), None);
        assert_eq!(measured(Some(second)).pressure(now, None), None);
        assert_eq!(measured(None).pressure(now, Some(second)), None);
    }
}
