//! The kernel's timers as files (timerfd_create(2)), on the clock of [`crate::clock`].

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

const NANOS: u64 = 1_000_000_000;

/// A timer that is readable once its time has come. High-resolution, and without the slack that the
/// kernel grants itself where a thread sleeps (PR_SET_TIMERSLACK).
#[derive(Debug)]
pub struct Timer {
    file: OwnedFd,
}

impl Timer {
    /// A disarmed timer that [`Self::expired`] waits for.
    ///
    /// # Errors
    /// The kernel's answer: too many files are open.
    pub fn blocking() -> io::Result<Self> {
        Self::create(TimerfdFlags::CLOEXEC)
    }

    /// A disarmed timer that [`Self::expired`] does not wait for.
    ///
    /// # Errors
    /// The kernel's answer: too many files are open.
    pub fn non_blocking() -> io::Result<Self> {
        Self::create(TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)
    }

    fn create(flags: TimerfdFlags) -> io::Result<Self> {
        Ok(Self { file: timerfd_create(TimerfdClockId::Monotonic, flags)? })
    }

    /// Arms it to expire once, at `nanos` of [`crate::clock::monotonic_nanos`]; at once if that is past.
    /// Any thread may do so, also while another one waits.
    ///
    /// # Errors
    /// The kernel's answer; there is no reason for one.
    pub fn set(&self, nanos: u64) -> io::Result<()> {
        // A time of 0 would disarm it.
        self.program(nanos.max(1))
    }

    /// Disarms it, and forgets what was not read.
    ///
    /// # Errors
    /// The kernel's answer; there is no reason for one.
    pub fn clear(&self) -> io::Result<()> {
        self.program(0)
    }

    fn program(&self, nanos: u64) -> io::Result<()> {
        // Neither cast cuts: u64::MAX nanoseconds are 2^34 seconds.
        let it_value = Timespec { tv_sec: (nanos / NANOS) as i64, tv_nsec: (nanos % NANOS) as _ };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.file, TimerfdTimerFlags::ABSTIME, &Itimerspec { it_interval, it_value })?;
        Ok(())
    }

    /// Whether it has expired since this was last asked or it was last armed; a blocking timer waits until
    /// it has.
    ///
    /// # Errors
    /// The kernel's answer; there is no reason for one.
    pub fn expired(&self) -> io::Result<bool> {
        let mut count = [0_u8; 8];
        loop {
            match rustix::io::read(&self.file, &mut count) {
                Ok(_) => return Ok(true),
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic_nanos;

    #[test]
    fn it_expires_once_and_not_before_its_time() {
        let timer = Timer::blocking().unwrap();
        let deadline = monotonic_nanos() + 2_000_000;
        timer.set(deadline).unwrap();
        assert!(timer.expired().unwrap());
        assert!(monotonic_nanos() >= deadline);
    }

    #[test]
    fn what_is_past_expires_at_once() {
        for nanos in [0, 1, monotonic_nanos()] {
            let timer = Timer::blocking().unwrap();
            timer.set(nanos).unwrap();
            assert!(timer.expired().unwrap());
        }
    }

    #[test]
    fn a_timer_that_is_not_due_can_be_asked_and_disarmed() {
        let timer = Timer::non_blocking().unwrap();
        assert!(!timer.expired().unwrap());
        for nanos in [u64::MAX, monotonic_nanos() + 3_600 * NANOS] {
            timer.set(nanos).unwrap();
            assert!(!timer.expired().unwrap());
        }
        timer.set(0).unwrap();
        timer.clear().unwrap();
        assert!(!timer.expired().unwrap());
    }

    #[test]
    fn who_waits_is_woken_by_an_earlier_time() {
        let timer = Timer::blocking().unwrap();
        timer.set(u64::MAX).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| timer.expired());
            timer.set(0).unwrap();
            assert!(waiter.join().unwrap().unwrap());
        });
    }
}
