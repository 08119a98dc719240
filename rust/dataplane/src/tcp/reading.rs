//! How acknowledgements are read to a smoltcp 0.14 socket, whose TCP is that of RFC 5681 and no later one.
//!
//! Segments that arrive together are acknowledged together, and smoltcp's windows grow by acknowledgements, where those
//! of today's systems grow by what is acknowledged. It heeds no SACK, forgets with the first acknowledgement that it was
//! recovering, and waits for its timer when too little is under way for three duplicates. So instead of an
//! acknowledgement it hears:
//!
//! - one for each segment, while its window grows by them (appropriate byte counting, RFC 3465)
//! - for each segment that has arrived beyond a gap, a duplicate, and none that tells of nothing (RFC 6675)
//! - while losses are repaired, for each segment that has arrived, a duplicate of what it knows: so it goes on recovering,
//!   and sends as much that is new as has arrived, until all that was under way has
//! - with the last duplicate that can come, those that cannot (early retransmit, RFC 5827)
//! - a duplicate with the window of the one before, unless that is what it waits for: the receiver has the same room as
//!   soon as it has read, and one that says otherwise counts as none

use smoltcp::time::Instant;

use super::recovery::{DUPLICATES, Recovery};
use super::scoreboard::News;
use super::segment::Segment;

/// What is heard instead of an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Numbers that are acknowledged before it: this one, and then one of every so many.
    pub before: Option<Before>,
    /// What is heard of itself.
    pub itself: Itself,
    /// Duplicates after it.
    pub again: usize,
    /// All of them say that there is so much room, as in its header.
    pub window: Option<u16>,
}

/// What is heard of an acknowledgement itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Itself {
    /// What it says.
    Heard,
    /// Nothing, as it tells of nothing.
    Ignored,
    /// Nothing yet; its duplicates are of this number.
    Held(u32),
}

/// Acknowledgements before the one that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// The first of their numbers.
    pub first: u32,
    /// Bytes between them, more than none.
    pub each: u32,
}

impl Reading {
    const AS_IT_IS: Self = Self { before: None, itself: Itself::Heard, again: 0, window: None };
    const NOTHING: Self = Self { itself: Itself::Ignored, ..Self::AS_IT_IS };

    /// How this segment is read at that time to a socket that stands so, with what it tells that was not known.
    pub fn of(segment: &Segment, recovery: &Recovery, news: News, now: Instant) -> Self {
        // Upon duplicates the socket stops the timer of a FIN, and never sends it again.
        if segment.length() > 0 || recovery.only_fin_is_left(segment.acknowledges) {
            return Self::AS_IT_IS;
        }
        if recovery.repairs_beyond(segment) {
            return Self::in_repair(segment, recovery, news, now);
        }
        if recovery.is_repeated(segment) {
            if news.beyond == 0 {
                return if recovery.waits_for_room(segment) { Self::AS_IT_IS } else { Self::NOTHING };
            }
            let come = news.beyond.saturating_add(recovery.duplicates().into());
            let again = news.beyond - 1 + missing(segment, recovery, come);
            return Self { again, window: recovery.window_to_repeat(), ..Self::AS_IT_IS };
        }
        let each = recovery.largest();
        let before = (recovery.grows() && recovery.is_new(segment))
            .then(|| Before { first: recovery.acknowledged().wrapping_add(each), each });
        let come = news.all_beyond.min(DUPLICATES.into());
        let again = if come > 0 { come + missing(segment, recovery, come) } else { 0 };
        Self { before, again, ..Self::AS_IT_IS }
    }

    fn in_repair(segment: &Segment, recovery: &Recovery, news: News, now: Instant) -> Self {
        let number = recovery.acknowledged();
        if recovery.holds_until().is_some_and(|until| now < until) {
            let again = news.acknowledged + news.beyond;
            let window = if recovery.waits_for_room(segment) { None } else { recovery.told() };
            return Self { itself: Itself::Held(number), again, window, before: None };
        }
        if segment.acknowledges == number && !recovery.waits_for_room(segment) {
            return Self::NOTHING;
        }
        Self::AS_IT_IS
    }
}

/// Duplicates that cannot come any more when so many have.
fn missing(segment: &Segment, recovery: &Recovery, come: usize) -> usize {
    // The one that is lost brings none.
    let all = recovery.few_under_way(segment.acknowledges).map(|under_way| under_way.saturating_sub(1));
    let none_come = all.is_some_and(|all| (1..=come).contains(&all.into()));
    if none_come { usize::from(DUPLICATES).saturating_sub(come) } else { 0 }
}
