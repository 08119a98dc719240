//! How acknowledgements are read to a smoltcp 0.14 socket, whose TCP is that of RFC 5681 and no later one.
//!
//! Segments that arrive together are acknowledged together, and smoltcp's windows grow by acknowledgements, where those
//! of today's systems grow by what is acknowledged. It forgets with the first one that it was recovering, and waits for
//! its timer when more of the same window was lost, or when too little is under way for three duplicates. So instead of
//! an acknowledgement it hears:
//!
//! - one for each segment, while its window grows by them (appropriate byte counting, RFC 3465)
//! - of one that tells of another loss, as many duplicates as have it sent again at once (NewReno, RFC 6582)
//! - of one that tells of new data and of some beyond a gap, since both have come together, a duplicate (RFC 6675)
//! - with the last duplicate that can come, those that cannot (early retransmit, RFC 5827)
//! - a duplicate with the window of the one before, unless that is what it waits for: the receiver has the same room as
//!   soon as it has read, and one that says otherwise counts as none

use super::recovery::{DUPLICATES, Recovery};
use super::segment::Segment;

/// What is heard instead of an acknowledgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Numbers that are acknowledged before it: this one, and then one of every so many.
    pub before: Option<Before>,
    /// It comes so many times more.
    pub again: u8,
    /// It says that there is so much room, as in its header.
    pub window: Option<u16>,
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
    /// How this segment is read to a socket that stands so.
    pub fn of(segment: &Segment, recovery: &Recovery) -> Self {
        // Upon duplicates the socket stops the timer of a FIN, and never sends it again.
        if segment.length() > 0 || recovery.only_fin_is_left(segment.acknowledges) {
            return Self::default();
        }
        if recovery.is_repeated(segment) {
            let come = recovery.duplicates().saturating_add(1);
            return Self {
                again: missing(segment, recovery, come),
                window: recovery.window_to_repeat(),
                before: None,
            };
        }
        if recovery.is_partial(segment) {
            return Self { again: DUPLICATES, ..Self::default() };
        }
        let each = recovery.largest();
        let before = (recovery.grows() && recovery.is_new(segment))
            .then(|| Before { first: recovery.acknowledged().wrapping_add(each), each });
        let again = if segment.options.gap { 1 + missing(segment, recovery, 1) } else { 0 };
        Self { before, again, window: None }
    }
}

/// Duplicates that cannot come any more when so many have.
fn missing(segment: &Segment, recovery: &Recovery, come: u8) -> u8 {
    // The one that is lost brings none.
    let all = recovery.few_under_way(segment.acknowledges).map(|under_way| under_way.saturating_sub(1));
    if all.is_some_and(|all| (1..=come).contains(&all)) { DUPLICATES.saturating_sub(come) } else { 0 }
}
