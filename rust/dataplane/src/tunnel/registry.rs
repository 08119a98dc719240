//! The tunnels of a node: who hears of what arrives for them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nextmini_wire::control::BrokenLink;
use nextmini_wire::id::NodeId;
use nextmini_wire::packet::Ack;
use nextmini_wire::tunnel::{Side, StreamId};
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;

use crate::node::Arrived;

/// The number of a tunnel is so long.
const NUMBERS: u32 = 1 << 30;

/// What an end of a tunnel is told.
#[derive(Clone, Debug)]
pub enum News {
    /// A piece of the peer's stream.
    Arrived(Arc<Arrived>),
    /// The peer has something of ours.
    Ack {
        /// What.
        ack: Ack,
        /// When it was to arrive, as [`nextmini_wire::packet::Packet::due`] has it.
        due: u64,
    },
    /// These links broke.
    Broken(Arc<[BrokenLink]>),
}

/// A tunnel at one of its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The node at its other end.
    pub peer: NodeId,
    /// As the opener numbered it.
    pub number: u32,
    /// Which end this is.
    pub side: Side,
}

impl Name {
    /// The stream that this end sends.
    pub fn ours(self) -> StreamId {
        StreamId { number: self.number, sender: self.side }
    }

    /// The stream that it receives.
    pub fn theirs(self) -> StreamId {
        StreamId { number: self.number, sender: self.side.other() }
    }
}

#[derive(Debug, Default)]
struct Ends {
    /// Each with its place in the order in which they came: after the node was down, another may have the name.
    named: FxHashMap<Name, (u64, mpsc::UnboundedSender<News>)>,
    came: u64,
}

/// Tunnels of which a node is an end.
#[derive(Debug, Default)]
pub struct Registry {
    ends: Mutex<Ends>,
}

/// An end that hears of what arrives, until this is dropped.
#[derive(Debug)]
pub struct Registered {
    /// Its name.
    pub name: Name,
    /// Ends when the node has gone down: nothing is known of the tunnel any more.
    pub news: mpsc::UnboundedReceiver<News>,
    came: u64,
    registry: Arc<Registry>,
}

impl Registry {
    /// A tunnel of this side of a node; nothing if there is one of that name.
    pub fn register(self: &Arc<Self>, name: Name) -> Option<Registered> {
        let mut ends = self.lock();
        if ends.named.contains_key(&name) {
            return None;
        }
        let (sender, news) = mpsc::unbounded_channel();
        ends.came += 1;
        let came = ends.came;
        ends.named.insert(name, (came, sender));
        Some(Registered { name, news, came, registry: Arc::clone(self) })
    }

    /// A new tunnel to `peer`, whose number is free from `start` on.
    pub fn open(self: &Arc<Self>, peer: NodeId, start: u32) -> Option<Registered> {
        let numbers = (start..start.saturating_add(NUMBERS)).map(|number| number % NUMBERS);
        let mut names = numbers.map(|number| Name { peer, number, side: Side::Opener });
        names.find_map(|name| self.register(name))
    }

    /// Tells an end; whether there is one.
    pub fn tell(&self, name: Name, news: News) -> bool {
        self.lock().named.get(&name).is_some_and(|(_, end)| end.send(news).is_ok())
    }

    /// Tells all of them.
    pub fn tell_all(&self, news: &News) {
        for (_, end) in self.lock().named.values() {
            // One that has just ended needs no news.
            let _heard = end.send(news.clone());
        }
    }

    /// The node knows nothing of them any more.
    pub fn forget(&self) {
        self.lock().named.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Ends> {
        // The table is valid after every single operation.
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut ends = self.registry.lock();
        if ends.named.get(&self.name).is_some_and(|(came, _)| *came == self.came) {
            ends.named.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId(9);

    #[test]
    fn numbers_are_free_when_their_tunnels_are_gone() {
        let registry = Arc::new(Registry::default());
        let first = registry.open(PEER, 5).unwrap();
        let second = registry.open(PEER, 5).unwrap();
        assert_eq!((first.name.number, second.name.number), (5, 6));
        drop(first);
        assert_eq!(registry.open(PEER, 5).unwrap().name.number, 5);
        assert_eq!(registry.open(PEER, NUMBERS - 1).unwrap().name.number, NUMBERS - 1);
        assert!(registry.register(second.name).is_none());
    }

    #[test]
    fn an_end_hears_what_is_for_it_until_the_node_goes_down() {
        let registry = Arc::new(Registry::default());
        let mut end = registry.open(PEER, 0).unwrap();
        let broken = News::Broken(Arc::new([]));
        assert!(registry.tell(end.name, broken.clone()));
        assert!(!registry.tell(Name { side: Side::Accepter, ..end.name }, broken.clone()));
        registry.tell_all(&broken);
        assert!(end.news.try_recv().is_ok() && end.news.try_recv().is_ok());
        registry.forget();
        assert_eq!(end.news.try_recv().unwrap_err(), mpsc::error::TryRecvError::Disconnected);
        // The next one of that name is not the old one's to remove.
        let next = registry.register(end.name).unwrap();
        drop(end);
        assert!(registry.tell(next.name, broken));
    }
}
