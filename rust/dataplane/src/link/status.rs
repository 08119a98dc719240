//! Whether a link is up, from what its local ends say.

use std::sync::{Mutex, PoisonError};

use nextmini_wire::control::{LinkChange, LinkStatus};
use nextmini_wire::id::LinkId;

use crate::event::{Event, Events, report};

/// One link's state: up when it is wanted to be, and every end that is in this process is up.
#[derive(Debug)]
pub struct Status {
    link: LinkId,
    events: Events,
    book: Mutex<Book>,
}

/// Why a link is down that nothing is wrong with.
const TAKEN_DOWN: &str = "it was taken down";

#[derive(Debug)]
struct Book {
    ends: u32,
    up: u32,
    wanted: bool,
    /// Said last, so that a peer that stays away is reported once and not with every attempt.
    said: Option<(LinkStatus, Option<String>)>,
}

impl Status {
    /// A link of which `ends` ends are in this process, all of them down.
    pub fn new(link: LinkId, ends: u32, events: Events) -> Self {
        Self { link, events, book: Mutex::new(Book { ends, up: 0, wanted: true, said: None }) }
    }

    /// An end came up.
    pub fn up(&self) {
        self.change(|book| {
            book.up += 1;
            book.news_if_up()
        });
    }

    /// Whether the link is wanted to be up.
    pub fn set_wanted(&self, wanted: bool) {
        self.change(|book| {
            if std::mem::replace(&mut book.wanted, wanted) == wanted {
                return None;
            }
            if wanted { book.news_if_up() } else { Some((LinkStatus::Down, Some(TAKEN_DOWN.to_owned()))) }
        });
    }

    /// An end that was up went down.
    pub fn down(&self, reason: String) {
        self.change(|book| {
            book.up = book.up.saturating_sub(1);
            Some((LinkStatus::Down, Some(reason)))
        });
    }

    /// An end that is down cannot come up.
    pub fn failing(&self, reason: String) {
        self.change(|_| Some((LinkStatus::Down, Some(reason))));
    }

    fn change(&self, change: impl FnOnce(&mut Book) -> Option<(LinkStatus, Option<String>)>) {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(news) = change(&mut book) else { return };
        if book.said.as_ref() == Some(&news) {
            return;
        }
        book.said = Some(news.clone());
        // Sent under the lock, or two ends' news could overtake each other.
        let (state, reason) = news;
        report(&self.events, Event::Link(LinkChange { link: self.link, state, reason }));
    }
}

impl Book {
    fn news_if_up(&self) -> Option<(LinkStatus, Option<String>)> {
        (self.wanted && self.up == self.ends).then_some((LinkStatus::Up, None))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn a_link_is_up_when_all_its_ends_are_and_says_so_once() {
        let (events, mut heard) = mpsc::unbounded_channel();
        let status = Status::new(LinkId(4), 2, events);
        let mut news = || match heard.try_recv() {
            Ok(Event::Link(change)) => Some((change.state, change.reason)),
            _ => None,
        };
        status.up();
        assert_eq!(news(), None);
        status.failing("refused".into());
        status.failing("refused".into());
        assert_eq!(news(), Some((LinkStatus::Down, Some("refused".into()))));
        assert_eq!(news(), None);
        status.up();
        assert_eq!(news(), Some((LinkStatus::Up, None)));
        status.down("reset".into());
        status.down("reset".into());
        assert_eq!(news(), Some((LinkStatus::Down, Some("reset".into()))));
        assert_eq!(news(), None);
    }
    #[test]
    fn a_link_that_was_taken_down_is_up_again_when_it_is_wanted_and_its_ends_are() {
        let (events, mut heard) = mpsc::unbounded_channel();
        let status = Status::new(LinkId(4), 1, events);
        let mut news = || match heard.try_recv() {
            Ok(Event::Link(change)) => Some(change.state),
            _ => None,
        };
        status.up();
        status.set_wanted(false);
        status.set_wanted(false);
        assert_eq!((news(), news(), news()), (Some(LinkStatus::Up), Some(LinkStatus::Down), None));
        status.down("reset".into());
        status.set_wanted(true);
        assert_eq!((news(), news()), (Some(LinkStatus::Down), None));
        status.up();
        assert_eq!(news(), Some(LinkStatus::Up));
    }
}
