//! What a sender knows of each of its segments (RFC 6675), and which of them it sends again beside its stack.
//!
//! A segment is lost if three that left after it have arrived: by the order of leaving, so that what was sent again and
//! lost again is known as well (RFC 8985). What is left out of that RFC are its timers.

use std::collections::VecDeque;
use std::time::Duration;

use nextmini_policy::time::Instant;

use super::recovery::DUPLICATES;
use super::segment::{Segment, is_behind};

/// So few segments under way may bring too few duplicates.
const FEW: usize = DUPLICATES as usize + 1;

/// The segments under way of one sending end, each with its packet.
#[derive(Debug)]
pub struct Scoreboard<P> {
    sent: VecDeque<Sent<P>>,
    /// How many have left.
    left: u64,
    /// The latest of those that have arrived, by their place among those that have left; the latest first.
    latest: [u64; DUPLICATES as usize],
    /// The shortest round trip so far.
    shortest: Option<Duration>,
    /// Bytes that are taken for being under way.
    pipe: u64,
    /// How many have arrived beyond a gap, and how many are lost.
    arrived: usize,
    lost: usize,
}

#[derive(Debug)]
struct Sent<P> {
    begin: u32,
    end: u32,
    packet: P,
    /// Its place among all that have left, and when that was.
    place: u64,
    at: Instant,
    again: bool,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    UnderWay,
    Arrived,
    Lost,
}

impl<P> Sent<P> {
    fn bytes(&self) -> u64 {
        u64::from(self.end.wrapping_sub(self.begin))
    }
}

/// What an acknowledgement tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Segments that it acknowledges, and that were not known to have arrived.
    pub acknowledged: usize,
    /// Segments that have arrived beyond a gap, and were not known to have.
    pub beyond: usize,
    /// Segments that have arrived beyond a gap, all of them.
    pub all_beyond: usize,
}

/// Whether what a stack sends is of any use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It is.
    Needed,
    /// All of it has arrived.
    Known,
}

impl<P> Default for Scoreboard<P> {
    fn default() -> Self {
        Self {
            sent: VecDeque::new(),
            left: 0,
            latest: [0; DUPLICATES as usize],
            shortest: None,
            pipe: 0,
            arrived: 0,
            lost: 0,
        }
    }
}

impl<P: Clone> Scoreboard<P> {
    /// The stack sends a segment that takes up numbers.
    pub fn sends(&mut self, segment: &Segment, packet: &P, now: Instant) -> Use {
        let (begin, end) = (segment.sequence, segment.end());
        self.left += 1;
        let place = self.left;
        if self.sent.back().is_none_or(|last| !is_behind(last.end, begin)) {
            let (packet, fate) = (packet.clone(), Fate::UnderWay);
            let sent = Sent { begin, end, packet, place, at: now, again: false, fate };
            self.pipe += sent.bytes();
            self.sent.push_back(sent);
            return Use::Needed;
        }
        let mut needed = Use::Known;
        let from = self.sent.partition_point(|sent| !is_behind(sent.end, begin));
        // The stack may cut it otherwise than before.
        for sent in self.sent.range_mut(from..).take_while(|sent| is_behind(end, sent.begin)) {
            if sent.fate == Fate::Arrived {
                continue;
            }
            needed = Use::Needed;
            if sent.fate == Fate::Lost {
                self.lost -= 1;
                self.pipe += sent.bytes();
            }
            (sent.place, sent.at, sent.again, sent.fate) = (place, now, true, Fate::UnderWay);
        }
        match self.sent.back() {
            // It goes on beyond what was sent.
            Some(last) if is_behind(end, last.end) => {
                let begin = last.end;
                let (packet, fate) = (packet.clone(), Fate::UnderWay);
                let sent = Sent { begin, end, packet, place, at: now, again: true, fate };
                self.pipe += sent.bytes();
                self.sent.push_back(sent);
                Use::Needed
            }
            _ => needed,
        }
    }

    /// The peer's segment arrives. One of an earlier connection, which may say anything, tells nothing.
    pub fn hears(&mut self, segment: &Segment, now: Instant) -> News {
        let (Some(first), Some(last)) = (self.sent.front(), self.sent.back()) else { return News::default() };
        let number = segment.acknowledges;
        if is_behind(number, last.end) || is_behind(first.begin, number) {
            return News { all_beyond: self.arrived, ..News::default() };
        }
        let end = last.end;
        let mut news = News::default();
        let mut known = 0;
        while let Some(sent) = self.sent.get(known).filter(|sent| !is_behind(sent.end, number)) {
            known += 1;
            match sent.fate {
                Fate::UnderWay => self.pipe -= sent.bytes(),
                Fate::Arrived => {
                    self.arrived -= 1;
                    continue;
                }
                Fate::Lost => self.lost -= 1,
            }
            news.acknowledged += 1;
            let (place, since, again) = (sent.place, sent.at, sent.again);
            self.has_arrived(place, since, again, now);
        }
        self.sent.drain(..known);
        if let Some((left, right)) = segment.options.beyond
            && is_behind(left, number)
            && is_behind(right, left)
            && !is_behind(right, end)
        {
            news.beyond = self.hears_of(left, right, now);
        }
        if self.arrived > 0 {
            self.judge();
        }
        News { all_beyond: self.arrived, ..news }
    }

    fn hears_of(&mut self, left: u32, right: u32, now: Instant) -> usize {
        let mut at = self.sent.partition_point(|sent| is_behind(left, sent.begin));
        let mut news = 0;
        while let Some(sent) = self.sent.get_mut(at).filter(|sent| !is_behind(sent.end, right)) {
            let before = std::mem::replace(&mut sent.fate, Fate::Arrived);
            let (bytes, place, since, again) = (sent.bytes(), sent.place, sent.at, sent.again);
            at += 1;
            match before {
                Fate::Arrived => continue,
                Fate::UnderWay => self.pipe -= bytes,
                Fate::Lost => self.lost -= 1,
            }
            self.arrived += 1;
            news += 1;
            self.has_arrived(place, since, again, now);
        }
        news
    }

    fn has_arrived(&mut self, place: u64, since: Instant, again: bool, now: Instant) {
        let trip = now.since(since);
        if !again {
            self.shortest = Some(self.shortest.map_or(trip, |shortest| shortest.min(trip)));
        } else if self.shortest.is_some_and(|shortest| trip < shortest) {
            // That is what was sent before, which was not lost.
            return;
        }
        let mut place = place;
        for latest in &mut self.latest {
            if place > *latest {
                std::mem::swap(latest, &mut place);
            }
        }
    }

    /// Finds out what is lost by now.
    fn judge(&mut self) {
        let [last, .., mut overtaken] = self.latest;
        let waits = |sent: &Sent<P>| sent.fate == Fate::UnderWay;
        if self.sent.len() <= FEW && !self.sent.iter().any(|sent| waits(sent) && sent.place > last) {
            // No more can come that would tell (early retransmit, RFC 5827).
            overtaken = last;
        }
        for sent in self.sent.iter_mut().filter(|sent| waits(sent) && sent.place < overtaken) {
            sent.fate = Fate::Lost;
            self.lost += 1;
            self.pipe -= sent.bytes();
        }
    }

    /// An acknowledgement of less than was under way when a loss became known: the first that it does not acknowledge is
    /// lost too (RFC 6582).
    pub fn first_is_lost(&mut self) {
        if let Some(first) =
            self.sent.front_mut().filter(|first| first.fate == Fate::UnderWay && !first.again)
        {
            first.fate = Fate::Lost;
            self.lost += 1;
            self.pipe -= first.bytes();
        }
    }

    /// The timer has run out: the stack sends all again that has not arrived.
    pub fn timed_out(&mut self) {
        for sent in self.sent.iter_mut().filter(|sent| sent.fate == Fate::UnderWay) {
            sent.fate = Fate::Lost;
            self.lost += 1;
        }
        self.pipe = 0;
    }

    /// The next packet to send again, which has left then: a lost one from before `next`, while no more than `most` bytes
    /// are under way.
    pub fn resend(&mut self, next: u32, most: u64, now: Instant) -> Option<P> {
        if self.lost == 0 {
            return None;
        }
        let lost = self.sent.iter_mut().find(|sent| sent.fate == Fate::Lost)?;
        let bytes = lost.bytes();
        if is_behind(lost.end, next) || (self.pipe > 0 && self.pipe + bytes > most) {
            return None;
        }
        self.left += 1;
        (lost.place, lost.at, lost.again, lost.fate) = (self.left, now, true, Fate::UnderWay);
        self.lost -= 1;
        self.pipe += bytes;
        Some(lost.packet.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::segment::Options;

    const FIRST: u32 = u32::MAX - 3_000;

    fn number(segment: u32) -> u32 {
        FIRST.wrapping_add(segment * 1_000)
    }

    fn at(milliseconds: u64) -> Instant {
        Instant(1 + milliseconds * 1_000_000)
    }

    fn segment(index: u32) -> Segment {
        let sequence = number(index);
        Segment {
            sequence,
            acknowledges: 0,
            data: 1_000,
            flags: 16,
            window: 1_000,
            at: 20,
            options: Options::default(),
        }
    }

    /// All before the first has arrived, and those from `beyond.0` to `beyond.1`.
    fn answer(first: u32, beyond: Option<(u32, u32)>) -> Segment {
        let beyond = beyond.map(|(left, right)| (number(left), number(right)));
        let options = Options { beyond, ..Options::default() };
        Segment { acknowledges: number(first), data: 0, options, ..segment(0) }
    }

    fn sending(segments: u32) -> Scoreboard<u32> {
        let mut board = Scoreboard::default();
        for index in 0..segments {
            assert_eq!(board.sends(&segment(index), &index, at(0)), Use::Needed);
        }
        board
    }

    fn resent(board: &mut Scoreboard<u32>, most: u64, now: Instant) -> Vec<u32> {
        std::iter::from_fn(|| board.resend(number(100), most, now)).collect()
    }

    #[test]
    fn all_that_three_later_ones_have_overtaken_is_sent_again_at_once() {
        let mut board = sending(10);
        assert_eq!(
            board.hears(&answer(1, Some((2, 3))), at(20)),
            News { acknowledged: 1, beyond: 1, all_beyond: 1 }
        );
        board.hears(&answer(1, Some((4, 5))), at(21));
        assert_eq!(resent(&mut board, u64::MAX, at(21)), []);
        let news = board.hears(&answer(1, Some((6, 8))), at(22));
        assert_eq!(news, News { acknowledged: 0, beyond: 2, all_beyond: 4 });
        // The fifth has two behind it that arrived.
        assert_eq!(resent(&mut board, u64::MAX, at(22)), [1, 3]);
        board.hears(&answer(1, Some((6, 10))), at(23));
        assert_eq!(resent(&mut board, u64::MAX, at(23)), [5]);
        let news = board.hears(&answer(10, None), at(43));
        assert_eq!(
            (news, board.pipe, board.lost, board.arrived),
            (News { acknowledged: 3, beyond: 0, all_beyond: 0 }, 0, 0, 0)
        );
    }

    #[test]
    fn no_more_is_under_way_than_may_be() {
        let mut board = sending(12);
        board.hears(&answer(0, Some((6, 12))), at(20));
        assert_eq!(resent(&mut board, 2_500, at(20)), [0, 1]);
        board.hears(&answer(1, Some((6, 12))), at(40));
        assert_eq!(resent(&mut board, 2_500, at(40)), [2]);
    }

    #[test]
    fn what_was_sent_again_and_lost_again_is_known_by_what_left_after_it() {
        let mut board = sending(6);
        board.hears(&answer(0, Some((1, 4))), at(20));
        assert_eq!(resent(&mut board, u64::MAX, at(20)), [0]);
        // These left before.
        board.hears(&answer(0, Some((1, 6))), at(21));
        assert_eq!(resent(&mut board, u64::MAX, at(21)), []);
        for index in 6..9 {
            board.sends(&segment(index), &index, at(22));
        }
        board.hears(&answer(0, Some((1, 8))), at(42));
        assert_eq!(resent(&mut board, u64::MAX, at(42)), []);
        board.hears(&answer(0, Some((1, 9))), at(43));
        assert_eq!(resent(&mut board, u64::MAX, at(43)), [0]);
    }

    #[test]
    fn what_arrives_before_it_can_was_sent_before() {
        let mut board = sending(12);
        board.hears(&answer(0, Some((3, 6))), at(20));
        assert_eq!(resent(&mut board, u64::MAX, at(20)), [0, 1, 2]);
        // They were late only: what else is under way is not lost for that.
        board.hears(&answer(3, Some((3, 6))), at(21));
        board.hears(&answer(6, Some((7, 8))), at(22));
        assert_eq!(resent(&mut board, u64::MAX, at(22)), []);
    }

    #[test]
    fn where_no_more_can_come_two_are_enough() {
        let mut board = sending(5);
        board.hears(&answer(2, Some((3, 4))), at(20));
        assert_eq!(resent(&mut board, u64::MAX, at(20)), []);
        board.hears(&answer(2, Some((3, 5))), at(20));
        assert_eq!(resent(&mut board, u64::MAX, at(20)), [2]);
    }

    #[test]
    fn after_a_timeout_the_stack_sends_again_and_what_has_arrived_is_known() {
        let mut board = sending(4);
        board.hears(&answer(0, Some((2, 3))), at(20));
        board.timed_out();
        assert_eq!(board.pipe, 0);
        // Nothing is sent ahead of the stack.
        assert_eq!(board.resend(number(0), u64::MAX, at(900)), None);
        let uses = [0, 1, 2, 3].map(|index| board.sends(&segment(index), &index, at(900)));
        assert_eq!(uses, [Use::Needed, Use::Needed, Use::Known, Use::Needed]);
        assert_eq!((board.pipe, board.lost), (3_000, 0));
    }

    #[test]
    fn answers_that_make_no_sense_tell_nothing() {
        let mut board = sending(4);
        for (first, beyond) in [(5, None), (0, Some((3, 9))), (2, Some((1, 3))), (0, Some((3, 2)))] {
            assert_eq!(board.hears(&answer(first, beyond), at(20)).beyond, 0);
        }
    }
}
