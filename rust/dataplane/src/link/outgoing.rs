//! One direction of a link, at the node that sends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nextmini_policy::class::Classes;
use nextmini_policy::drops::DropCause;
use nextmini_policy::link::settings::Checked;
use nextmini_policy::link::{Counters, LinkQueue, LinkUp, Observed, Refused, Wanted};
use nextmini_policy::time::Instant;
use nextmini_wire::control::{LinkFidelity, LinkMark};
use nextmini_wire::id::{LinkId, NodeId};
use nextmini_wire::packet::Packet;
use tokio::sync::Notify;

use super::batch_bytes;
use super::onward::{Claim, Exit};
use crate::capture::Tap;
use crate::clock;
use crate::timers::Alarm;

/// One direction of a link, with a bell for the task that empties it.
///
/// It is a state machine behind a lock that is held for a batch at a time and never across an
/// `await`: drop policies must see exactly what waits, and the processor that fills it must not wait.
#[derive(Debug)]
pub struct Outgoing {
    link: LinkId,
    from: NodeId,
    to: NodeId,
    state: Mutex<State>,
    /// Rings when there is something to do sooner than was known.
    filled: Notify,
    /// Who watches what passes. Locked before the queue, never while it is.
    taps: Mutex<Vec<Tap>>,
    /// Packets that left in datagrams of a connection, and those that were too large for one.
    datagrams: AtomicU64,
    oversized: AtomicU64,
    /// Of its connection, if it is watched: the shortest in nanoseconds, or `UNKNOWN`.
    round_trip: AtomicU64,
}

const UNKNOWN: u64 = u64::MAX;

#[derive(Debug)]
struct State {
    queue: LinkQueue,
    /// Where packets come out, if whoever fills the queue may carry them there.
    exit: Option<Arc<Exit>>,
    /// Whether somebody is carrying packets there: others would overtake them.
    carried: bool,
}

impl Outgoing {
    /// The direction of `link` that leaves `from` for `to`.
    pub fn new(link: LinkId, from: NodeId, to: NodeId, queue: LinkQueue) -> Self {
        let state = Mutex::new(State { queue, exit: None, carried: false });
        let (filled, taps) = (Notify::new(), Mutex::default());
        Self {
            link,
            from,
            to,
            state,
            filled,
            taps,
            datagrams: AtomicU64::new(0),
            oversized: AtomicU64::new(0),
            round_trip: AtomicU64::new(UNKNOWN),
        }
    }

    /// A connection carries it from now on of which no round trip is known.
    pub fn forget_round_trip(&self) {
        self.round_trip.store(UNKNOWN, Ordering::Relaxed);
    }

    /// A round trip of its connection took so long.
    pub fn saw_round_trip(&self, rtt: Duration) {
        let nanoseconds = u64::try_from(rtt.as_nanos()).unwrap_or(UNKNOWN);
        self.round_trip.fetch_min(nanoseconds, Ordering::Relaxed);
    }

    /// The shortest round trip of its connection.
    pub fn round_trip(&self) -> Option<Duration> {
        let nanoseconds = self.round_trip.load(Ordering::Relaxed);
        (nanoseconds != UNKNOWN).then(|| Duration::from_nanos(nanoseconds))
    }

    /// The link.
    pub fn link(&self) -> LinkId {
        self.link
    }

    /// The node that sends.
    pub fn from(&self) -> NodeId {
        self.from
    }

    /// The node that receives.
    pub fn to(&self) -> NodeId {
        self.to
    }

    /// Opens the queue for a run of packets.
    pub fn open(&self) -> Filling<'_> {
        let mut state = self.lock();
        let queue = &mut state.queue;
        let now = time_for(queue);
        let next_at = if queue.is_timed() { queue.next_at() } else { None };
        let was_empty = queue.is_empty();
        Filling { outgoing: self, state: Some(state), was_empty, now, next_at }
    }

    /// Has packets leave at once, if they may be carried on and nothing but that would happen to them.
    pub fn pass(&self, packets: &mut [Packet]) -> Option<Claim> {
        let mut state = self.lock();
        if state.carried {
            return None;
        }
        let exit = Arc::clone(state.exit.as_ref()?);
        if !state.queue.pass(packets) {
            return None;
        }
        state.carried = true;
        Some(Claim::new(exit))
    }

    /// Waits for packets that are to go on and moves a batch of them to `batch`, which is empty. `alarm` is the
    /// caller's own.
    ///
    /// # Cancel safety
    /// Nothing is taken unless it returns.
    pub async fn take(&self, batch: &mut Vec<Packet>, alarm: &mut Alarm) -> Pace {
        let mut pace = Pace::Hurried;
        loop {
            // Registered before looking, or a packet that comes in between would ring unheard.
            let filled = self.filled.notified();
            let Some(next_at) = self.try_take(batch) else { return pace };
            pace = Pace::Waited;
            match next_at {
                NextAt::Unknown => filled.await,
                NextAt::At(at) => {
                    alarm.set(at);
                    tokio::select! {
                        () = alarm.rings() => {}
                        () = filled => {}
                    }
                }
            }
        }
    }

    /// Moves what is to go on now to `batch`; if there is nothing, when to look again.
    fn try_take(&self, batch: &mut Vec<Packet>) -> Option<NextAt> {
        let mut state = self.lock();
        if state.carried {
            // The bell rings when it is put down.
            return Some(NextAt::Unknown);
        }
        let queue = &mut state.queue;
        queue.pop_into(batch, batch_bytes(), time_for(queue));
        let next_at = if batch.is_empty() && queue.is_timed() { queue.next_at() } else { None };
        state.carried = !batch.is_empty() && state.exit.is_some();
        self.close(state);
        if !batch.is_empty() {
            return None;
        }
        Some(next_at.map_or(NextAt::Unknown, NextAt::At))
    }

    /// Marks the connection up, down or ended.
    pub fn set_up(&self, up: LinkUp) {
        self.change(|queue| queue.set_up(up, clock::now()));
    }

    /// Takes the link down, or up again.
    pub fn set_wanted(&self, wanted: Wanted) {
        self.change(|queue| queue.set_wanted(wanted, clock::now()));
    }

    /// Puts other settings in force.
    pub fn set(&self, mtu: u16, checked: Checked) {
        self.change(|queue| queue.set(mtu, checked, clock::now()));
    }

    /// Takes other classes.
    pub fn set_classes(&self, classes: &Arc<Classes>) {
        self.change(|queue| queue.set_classes(classes, clock::now()));
    }

    /// Drops all that waits: the node that sends has lost everything.
    pub fn clear(&self) {
        self.change(|queue| queue.clear(clock::now()));
    }

    /// Counts packets that were lost at this end of the link.
    pub fn count_drop(&self, cause: DropCause, packets: u64) {
        self.lock().queue.count_drop(cause, packets);
    }

    /// Counts packets that left in datagrams, and those that were to and were too large.
    pub fn count_datagrams(&self, datagrams: u64, oversized: u64) {
        self.datagrams.fetch_add(datagrams, Ordering::Relaxed);
        self.oversized.fetch_add(oversized, Ordering::Relaxed);
    }

    /// Packets that left in datagrams, and those that were too large for one.
    pub fn datagrams(&self) -> (u64, u64) {
        (self.datagrams.load(Ordering::Relaxed), self.oversized.load(Ordering::Relaxed))
    }

    /// Bytes of the largest packet that it takes.
    pub fn mtu(&self) -> u16 {
        self.lock().queue.mtu()
    }

    /// What has passed so far, and the bytes that wait.
    pub fn counters(&self) -> (Counters, u64) {
        let state = self.lock();
        (state.queue.counters(), state.queue.waiting_bytes())
    }

    /// Where it stands now.
    pub fn mark(&self) -> LinkMark {
        LinkMark { link: self.link, node: self.from, entered: self.lock().queue.counters().entered }
    }

    /// What it achieved, where anything was asked of it.
    pub fn fidelity(&self) -> Option<LinkFidelity> {
        self.lock().queue.fidelity(self.link, self.from)
    }

    /// Shows what passes from now on.
    pub fn tap(&self, tap: Tap) {
        let mut taps = self.taps();
        taps.push(tap);
        self.lock().queue.set_watched(true);
    }

    /// Changes something that may have to be looked at now.
    fn change(&self, change: impl FnOnce(&mut LinkQueue)) {
        let mut state = self.lock();
        change(&mut state.queue);
        self.close(state);
        self.filled.notify_one();
    }

    /// Whoever fills the queue from now on may carry packets to `exit`, or else may not. For a link in memory.
    pub fn set_exit(&self, exit: Option<Arc<Exit>>) {
        self.lock().exit = exit;
    }

    /// The packets that were taken last have arrived: who comes next overtakes nobody.
    pub fn put_down(&self) {
        let mut state = self.lock();
        state.carried = false;
        // What came meanwhile may be on its way already, if the link has been asked for something.
        let more = state.queue.is_timed() || !state.queue.is_empty();
        drop(state);
        if more {
            self.filled.notify_one();
        }
    }

    /// Lets go of the queue, and shows what was seen meanwhile to whoever watches.
    fn close(&self, mut state: MutexGuard<'_, State>) {
        let observed = state.queue.take_observed();
        drop(state);
        if !observed.is_empty() {
            self.show(&observed);
        }
    }

    fn show(&self, observed: &[Observed]) {
        let mut taps = self.taps();
        taps.retain(|tap| tap.record(observed).is_continue());
        if taps.is_empty() {
            self.lock().queue.set_watched(false);
        }
    }

    fn taps(&self) -> MutexGuard<'_, Vec<Tap>> {
        self.taps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A queue's methods do not panic half way through a change, so it stays usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Now, if the queue needs to know.
fn time_for(queue: &LinkQueue) -> Instant {
    if queue.is_timed() || queue.is_watched() { clock::now() } else { Instant::default() }
}

/// Whether whoever takes packets has had to wait for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// There were none at first.
    Waited,
    /// They were there.
    Hurried,
}

/// When there is something to do.
enum NextAt {
    /// When the bell rings.
    Unknown,
    /// Then, or when the bell rings.
    At(Instant),
}

/// An open queue; rings when it is closed if there is something to do.
#[derive(Debug)]
pub struct Filling<'a> {
    outgoing: &'a Outgoing,
    state: Option<MutexGuard<'a, State>>,
    was_empty: bool,
    now: Instant,
    /// When whoever empties a queue with a sense of time is going to look.
    next_at: Option<Instant>,
}

impl Filling<'_> {
    /// Puts a packet in, or drops and counts it; it comes back if its source is to hear of that.
    pub fn push(&mut self, packet: Packet) -> Option<Refused> {
        self.state.as_mut()?.queue.push(packet, self.now)
    }

    /// Closes the queue. Whoever may carry on takes what is in it to `batch`, which is empty.
    pub fn carry(mut self, batch: &mut Vec<Packet>) -> Option<Claim> {
        let state = self.state.as_mut()?;
        if !self.was_empty || state.carried || state.queue.is_timed() {
            return None;
        }
        let exit = state.exit.clone()?;
        state.queue.pop_into(batch, batch_bytes(), self.now);
        if batch.is_empty() {
            return None;
        }
        state.carried = true;
        // Nobody is to be woken.
        if let Some(state) = self.state.take() {
            self.outgoing.close(state);
        }
        Some(Claim::new(exit))
    }
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        let Some(mut state) = self.state.take() else { return };
        let queue = &mut state.queue;
        let sooner = if queue.is_timed() {
            // On its way at once, if nobody is before it: its own time is then the next to be woken up for.
            queue.advance(self.now);
            queue.next_at().is_some_and(|at| self.next_at.is_none_or(|known| at < known))
        } else {
            self.was_empty && !queue.is_empty()
        };
        self.outgoing.close(state);
        if sooner {
            self.outgoing.filled.notify_one();
        }
    }
}
