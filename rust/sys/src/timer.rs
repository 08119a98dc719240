//! The kernel's timers as files (timerfd_create(2)), on the clock of [`crate::clock`].
//!
//! They are precise to what the hardware has, and not subject to the slack that the kernel grants itself
//! where a thread sleeps (PR_SET_TIMERSLACK). Any thread may arm a timer, also while another one waits for it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;

use crate::watched::Watched;

const NANOS: u64 = 1_000_000_000;

/// A timer that a thread waits for.
#[derive(Debug)]
pub struct Timer {
    file: OwnedFd,
}

impl Timer {
    /// A timer that is not armed.
    ///
    /// # Errors
    /// The kernel's answer: too many files are open.
    pub fn new() -> io::Result<Self> {
        Ok(Self { file: create(TimerfdFlags::empty())? })
    }

    /// Arms it to expire once, at `nanos` of [`crate::clock::monotonic_nanos`]; at once if that is past.
    ///
    /// # Errors
    /// The kernel's answer; there is no reason for one.
    pub fn set(&self, nanos: u64) -> io::Result<()> {
        arm(&self.file, nanos)
    }

    /// Waits until it has expired.
    ///
    /// # Errors
    /// The kernel's answer; there is no reason for one.
    pub fn expired(&self) -> io::Result<()> {
        while !read(&self.file)? {}
        Ok(())
    }
}

/// A timer that a task waits for.
#[derive(Debug)]
pub struct AsyncTimer {
    file: Watched,
}

impl AsyncTimer {
    /// A timer that is not armed, in the current runtime.
    ///
    /// # Errors
    /// The kernel's answer: too many files are open.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self { file: Watched::new(create(TimerfdFlags::NONBLOCK)?, Interest::READABLE)? })
    }

    /// Arms it to expire once, at `nanos` of [`crate::clock::monotonic_nanos`]; at once if that is past.
    ///
    /// # Errors
    /// The kernel's answer; there is no reason for one.
    pub fn set(&self, nanos: u64) -> io::Result<()> {
        arm(&self.file, nanos)
    }

    /// Waits until it has expired. It may have been armed anew since, so the time is to be looked at.
    ///
    /// # Errors
    /// The runtime has ended.
    pub async fn expired(&self) -> io::Result<()> {
        let mut ready = self.file.readable().await?;
        read(&self.file)?;
        // If it expires again from here on, the runtime hears of that, and this does not make it forget it.
        ready.clear_ready();
        Ok(())
    }
}

fn create(flags: TimerfdFlags) -> io::Result<OwnedFd> {
    Ok(timerfd_create(TimerfdClockId::Monotonic, flags | TimerfdFlags::CLOEXEC)?)
}

fn arm(file: impl AsFd, nanos: u64) -> io::Result<()> {
    // A time of 0 would disarm it. The cast cuts nothing: u64::MAX nanoseconds are less than 2^35 seconds.
    let nanos = nanos.max(1);
    let it_value = Timespec { tv_sec: (nanos / NANOS) as i64, tv_nsec: (nanos % NANOS) as _ };
    let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
    timerfd_settime(file, TimerfdTimerFlags::ABSTIME, &Itimerspec { it_interval, it_value })?;
    Ok(())
}

/// Whether it has expired since it was last read or armed. Where the file blocks, waits until it has, or
/// until a signal comes.
fn read(file: impl AsFd) -> io::Result<bool> {
    match rustix::io::read(file, &mut [0_u8; 8]) {
        Ok(_) => Ok(true),
        Err(Errno::AGAIN | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic_nanos;

    #[test]
    fn it_does_not_expire_before_its_time() {
        let timer = Timer::new().unwrap();
        let deadline = monotonic_nanos() + 2_000_000;
        timer.set(deadline).unwrap();
        timer.expired().unwrap();
        assert!(monotonic_nanos() >= deadline);
    }

    #[test]
    fn what_is_past_expires_at_once() {
        let timer = Timer::new().unwrap();
        for nanos in [0, 1, monotonic_nanos()] {
            timer.set(nanos).unwrap();
            timer.expired().unwrap();
        }
    }

    #[test]
    fn it_expires_once() {
        let file = create(TimerfdFlags::NONBLOCK).unwrap();
        assert!(!read(&file).unwrap());
        arm(&file, 0).unwrap();
        assert!(read(&file).unwrap());
        assert!(!read(&file).unwrap());
        arm(&file, u64::MAX).unwrap();
        assert!(!read(&file).unwrap());
    }

    #[test]
    fn who_waits_is_woken_by_an_earlier_time() {
        let timer = Timer::new().unwrap();
        timer.set(u64::MAX).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| timer.expired());
            timer.set(0).unwrap();
            waiter.join().unwrap().unwrap();
        });
    }

    #[tokio::test]
    async fn a_task_waits_for_it_again_and_again() {
        let timer = AsyncTimer::new().unwrap();
        for _ in 0..20 {
            let deadline = monotonic_nanos() + 100_000;
            timer.set(deadline).unwrap();
            timer.expired().await.unwrap();
            assert!(monotonic_nanos() >= deadline);
        }
    }
}
