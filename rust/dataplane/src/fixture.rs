//! What tests of several modules begin with.

use std::sync::Arc;

use nextmini_policy::addresses::{AddressBook, Addresses, Entry};
use nextmini_policy::link::{LinkQueue, LinkSeed};
use nextmini_policy::route::{Route, RouteTable};
use nextmini_wire::control::Timing;
use nextmini_wire::id::{LinkId, NodeId, RouteId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::event::Event;
use crate::ingress::Ingress;
use crate::link::onward::Exit;
use crate::link::{Outgoing, memory};
use crate::local::{Local, Stack};
use crate::node::{Arrived, Node};
use crate::routes::Routes;
use crate::timers::Timers;

/// Nodes 1, 2 and so on in a line, with links in memory and the route 1 from the first to the last. Whoever has
/// packets may carry them over any link; where packets wait, nobody carries them before [`Self::run`].
pub(crate) struct Line {
    pub(crate) nodes: Vec<Arc<Node>>,
    pub(crate) routes: Arc<Routes>,
    /// From each node to the next.
    pub(crate) there: Vec<Arc<Outgoing>>,
    /// From each node's successor to it.
    pub(crate) back: Vec<Arc<Outgoing>>,
    pub(crate) arrived: Vec<mpsc::UnboundedReceiver<Vec<Arrived>>>,
    pub(crate) heard: mpsc::UnboundedReceiver<Event>,
}

impl Line {
    /// A line of nodes with these ends of IP.
    pub(crate) fn of(stacks: impl IntoIterator<Item = Stack>) -> Self {
        let (events, heard) = mpsc::unbounded_channel();
        let routes = Arc::new(Routes::new(events.clone()));
        let node = |(stack, id): (Stack, u32)| {
            let local = Local::new(addresses(id), stack);
            Node::new((NodeId(id), 99), local, Arc::clone(&routes), events.clone())
        };
        let (nodes, arrived): (Vec<_>, Vec<_>) = stacks.into_iter().zip(1..).map(node).unzip();
        let ids: Vec<_> = nodes.iter().map(|node: &Arc<Node>| node.id()).collect();
        routes.set_addresses(AddressBook::default().changed(ids.iter().map(|&id| (id, Some(entry(id.0))))));
        let pairs = || ids.windows(2).map(|pair| (pair[0], pair[1]));
        let there: Vec<_> = pairs().map(|(near, far)| link(near, far)).collect();
        let back: Vec<_> = pairs().map(|(near, far)| link(far, near)).collect();
        for (at, node) in nodes.iter().enumerate() {
            let behind = at.checked_sub(1).and_then(|before| back.get(before));
            let links = there.get(at).into_iter().chain(behind);
            node.set_neighbours(links.map(|link| (link.to(), Arc::clone(link))).collect());
        }
        let line = Self { nodes, routes, there, back, arrived, heard };
        for at in 0..line.there.len() {
            line.there[at].set_exit(Some(line.exit(&line.there[at], &line.back[at])));
            line.back[at].set_exit(Some(line.exit(&line.back[at], &line.there[at])));
        }
        if ids.len() > 1 {
            let route = Route::new(RouteId(1), ids, 1, 65_536).unwrap();
            line.routes.replace(RouteTable::default().changed(&[], [route]));
        }
        line
    }

    /// A line of so many nodes that have no programs.
    pub(crate) fn new(nodes: usize) -> Self {
        Self::of((0..nodes).map(|_| Stack::Echo))
    }

    fn exit(&self, link: &Arc<Outgoing>, arrives_at: &Arc<Outgoing>) -> Arc<Exit> {
        let node = Arc::clone(&self.nodes[link.to().0 as usize - 1]);
        Arc::new(Exit { link: Arc::clone(link), node, arrives_at: Arc::clone(arrives_at) })
    }

    /// Starts what carries packets that wait, until what it returns is dropped.
    pub(crate) fn run(&self) -> JoinSet<()> {
        let timers = Timers::start(Timing::Normal).unwrap();
        let mut tasks = JoinSet::new();
        for (link, other) in self.there.iter().zip(&self.back).flat_map(|(a, b)| [(a, b), (b, a)]) {
            let ingress = Ingress::Inline(Arc::clone(&self.nodes[link.to().0 as usize - 1]));
            tasks.spawn(memory::carry(Arc::clone(link), ingress, Arc::clone(other), timers.alarm()));
        }
        tasks
    }
}

fn addresses(id: u32) -> Addresses {
    Addresses { v4: [10, 0, 0, id as u8].into(), v6: None }
}

fn entry(id: u32) -> Entry {
    Entry { name: format!("n{id}"), addresses: addresses(id) }
}

fn link(from: NodeId, to: NodeId) -> Arc<Outgoing> {
    let queue = LinkQueue::new(1_500, LinkSeed::default());
    Arc::new(Outgoing::new(LinkId(from.0.min(to.0)), from, to, queue))
}
