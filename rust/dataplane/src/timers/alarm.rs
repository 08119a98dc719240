//! An alarm: a deadline of one owner.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use nextmini_policy::time::Instant;

use crate::clock;
use crate::timers::Driver;
use crate::timers::schedule::Slot;

/// Waits until its deadline has passed; dropping it costs nothing that stays.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct SleepUntil {
    alarm: Alarm,
}

impl SleepUntil {
    pub(super) fn new(mut alarm: Alarm, deadline: Instant) -> Self {
        alarm.set(deadline);
        Self { alarm }
    }
}

impl Future for SleepUntil {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.alarm.poll_rings(context)
    }
}

/// A deadline that can be set again and again. It rings once for each time that it is set.
#[derive(Debug)]
pub struct Alarm {
    driver: Arc<Driver>,
    slot: Slot,
    deadline: Option<Instant>,
    /// What the schedule was told last, which it may have taken out since.
    entered: Option<(Instant, Waker)>,
}

impl Alarm {
    pub(super) fn new(driver: Arc<Driver>) -> Self {
        let slot = driver.shared.lock().schedule.open();
        Self { driver, slot, deadline: None, entered: None }
    }

    /// Sets it, instead of whatever it was set to. Costs nothing until it is waited for.
    pub fn set(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// Unsets it.
    pub fn clear(&mut self) {
        self.deadline = None;
        self.leave();
    }

    /// What it is set to.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Completes once the deadline has passed, which unsets it; never while it is not set. Nothing is lost
    /// if the future is dropped before.
    pub async fn rings(&mut self) {
        poll_fn(|context| self.poll_rings(context)).await;
    }

    /// See [`Self::rings`].
    pub fn poll_rings(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        let now = clock::now();
        if deadline <= now {
            self.clear();
            return Poll::Ready(());
        }
        let waker = context.waker();
        if !self.entered.as_ref().is_some_and(|(at, woken)| *at == deadline && woken.will_wake(waker)) {
            self.driver.shared.enter(self.slot, deadline, waker.clone(), now);
            self.entered = Some((deadline, waker.clone()));
        }
        Poll::Pending
    }

    fn leave(&mut self) {
        if self.entered.take().is_some() {
            let waker = self.driver.shared.lock().schedule.clear(self.slot);
            drop(waker);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let waker = self.driver.shared.lock().schedule.close(self.slot);
        drop(waker);
    }
}
