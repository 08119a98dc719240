//! Which alarm is next: a binary heap in which every alarm has a slot, so that it moves where it stands
//! instead of leaving a stale entry behind each time it is set anew.

use std::task::Waker;

use nextmini_policy::time::Instant;

/// Number of an alarm, from its creation to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

/// Alarms by their deadlines.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// Each parent is due no later than its two children.
    heap: Vec<Entry>,
    /// By [`Slot`].
    alarms: Vec<Entered>,
    free: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    deadline: Instant,
    slot: Slot,
}

/// What is known of an alarm: where it is in the heap, and whom it wakes.
#[derive(Debug, Default)]
struct Entered {
    at: Option<u32>,
    waker: Option<Waker>,
}

impl Schedule {
    /// A new alarm, without a deadline.
    pub(super) fn open(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            self.alarms.push(Entered::default());
            Slot(self.alarms.len() as u32 - 1)
        })
    }

    /// Forgets an alarm; its number will be another's.
    pub(super) fn close(&mut self, slot: Slot) -> Option<Waker> {
        self.free.push(slot);
        self.clear(slot)
    }

    /// Sets or moves an alarm. Whom it woke until now is handed back, to be dropped where no lock is held.
    pub(super) fn set(&mut self, slot: Slot, deadline: Instant, waker: Waker) -> Option<Waker> {
        let alarm = &mut self.alarms[slot.0 as usize];
        let before = alarm.waker.replace(waker);
        let entry = Entry { deadline, slot };
        match alarm.at {
            Some(at) => self.settle(at as usize, entry),
            None => {
                self.heap.push(entry);
                self.settle(self.heap.len() - 1, entry);
            }
        }
        before
    }

    /// Takes an alarm's deadline away, if it has one, and hands back whom it would have woken.
    pub(super) fn clear(&mut self, slot: Slot) -> Option<Waker> {
        let alarm = &mut self.alarms[slot.0 as usize];
        let waker = alarm.waker.take();
        if let Some(at) = alarm.at.take()
            && let Some(last) = self.heap.pop()
            && last.slot != slot
        {
            self.settle(at as usize, last);
        }
        waker
    }

    /// The earliest deadline.
    pub(super) fn first(&self) -> Option<Instant> {
        self.heap.first().map(|entry| entry.deadline)
    }

    /// Takes the deadline of the earliest alarm away if it is past, and hands out whom it wakes.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Waker> {
        let entry = self.heap.first().copied().filter(|entry| entry.deadline <= now)?;
        self.clear(entry.slot)
    }

    /// Puts `entry` into the place `at`, or wherever it belongs from there.
    fn settle(&mut self, mut at: usize, entry: Entry) {
        while at > 0 && entry.deadline < self.heap[(at - 1) / 2].deadline {
            let parent = (at - 1) / 2;
            self.place(at, self.heap[parent]);
            at = parent;
        }
        while let Some(child) = self.earlier_child(at)
            && self.heap[child].deadline < entry.deadline
        {
            self.place(at, self.heap[child]);
            at = child;
        }
        self.place(at, entry);
    }

    fn earlier_child(&self, at: usize) -> Option<usize> {
        let left = 2 * at + 1;
        let deadline = |child: usize| self.heap.get(child).map(|entry| entry.deadline);
        let right_is_earlier = deadline(left + 1).is_some_and(|right| Some(right) < deadline(left));
        (left < self.heap.len()).then_some(left + usize::from(right_is_earlier))
    }

    fn place(&mut self, at: usize, entry: Entry) {
        self.heap[at] = entry;
        self.alarms[entry.slot.0 as usize].at = Some(at as u32);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Open,
        Set(usize, u64),
        Clear(usize),
        Close(usize),
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Open),
            (any::<usize>(), 0_u64..1000).prop_map(|(which, at)| Step::Set(which, at)),
            any::<usize>().prop_map(Step::Clear),
            any::<usize>().prop_map(Step::Close),
            (0_u64..1000).prop_map(Step::Pass),
        ]
    }

    /// The same, without any cleverness.
    #[derive(Default)]
    struct Model {
        schedule: Schedule,
        alarms: Vec<(Slot, Arc<Count>)>,
        deadlines: BTreeMap<u32, u64>,
    }

    impl Model {
        fn take(&mut self, step: Step) {
            let which = |which: usize| which % self.alarms.len().max(1);
            match step {
                Step::Open => self.alarms.push((self.schedule.open(), Arc::default())),
                Step::Set(alarm, at) => {
                    if let Some((slot, count)) = self.alarms.get(which(alarm)) {
                        self.schedule.set(*slot, Instant(at), Arc::clone(count).into());
                        self.deadlines.insert(slot.0, at);
                    }
                }
                Step::Clear(alarm) => {
                    if let Some((slot, _)) = self.alarms.get(which(alarm)) {
                        let waker = self.schedule.clear(*slot);
                        assert_eq!(waker.is_some(), self.deadlines.remove(&slot.0).is_some());
                    }
                }
                Step::Close(alarm) if !self.alarms.is_empty() => {
                    let (slot, _) = self.alarms.swap_remove(which(alarm));
                    self.schedule.close(slot);
                    self.deadlines.remove(&slot.0);
                }
                Step::Close(_) => {}
                Step::Pass(now) => self.pass(now),
            }
        }

        fn pass(&mut self, now: u64) {
            let before = self.woken();
            let mut due = 0;
            while let Some(waker) = self.schedule.pop_due(Instant(now)) {
                waker.wake();
                due += 1;
            }
            let expected: Vec<u32> =
                self.deadlines.iter().filter(|(_, at)| **at <= now).map(|(slot, _)| *slot).collect();
            assert_eq!(due, expected.len());
            let woken = self.woken();
            for (at, (slot, _)) in self.alarms.iter().enumerate() {
                assert_eq!(woken[at] - before[at], u32::from(expected.contains(&slot.0)));
            }
            expected.iter().for_each(|slot| {
                self.deadlines.remove(slot);
            });
        }

        fn woken(&self) -> Vec<u32> {
            self.alarms.iter().map(|(_, count)| count.0.load(Ordering::Relaxed)).collect()
        }

        fn check(&self, most: usize) {
            let schedule = &self.schedule;
            assert_eq!(schedule.first().map(|first| first.0), self.deadlines.values().min().copied());
            assert_eq!(schedule.heap.len(), self.deadlines.len(), "no stale entry stays");
            assert!(schedule.alarms.len() <= most, "numbers are used again");
            for (at, entry) in schedule.heap.iter().enumerate() {
                assert_eq!(schedule.alarms[entry.slot.0 as usize].at, Some(at as u32));
                assert!(at == 0 || schedule.heap[(at - 1) / 2].deadline <= entry.deadline);
            }
        }
    }

    proptest! {
        #[test]
        fn it_wakes_those_that_are_due_and_nobody_else(steps in prop::collection::vec(step(), 1..200)) {
            let (mut model, mut most) = (Model::default(), 0);
            for step in steps {
                model.take(step);
                most = most.max(model.alarms.len());
                model.check(most);
            }
        }

        #[test]
        fn they_are_due_in_the_order_of_their_deadlines(deadlines in prop::collection::vec(0_u64..100, 1..200)) {
            let mut schedule = Schedule::default();
            for &deadline in &deadlines {
                let slot = schedule.open();
                schedule.set(slot, Instant(deadline), Waker::noop().clone());
            }
            let mut order = Vec::new();
            while let Some(first) = schedule.first() {
                order.push(first.0);
                prop_assert!(schedule.pop_due(first).is_some());
            }
            let mut sorted = deadlines;
            sorted.sort_unstable();
            prop_assert_eq!(order, sorted);
        }
    }
}
