//! The links of a process: their ends, the tasks that carry them, and what changes them.

use std::net::SocketAddr;
use std::sync::Arc;

use nextmini_policy::class::Classes;
use nextmini_policy::link::{LinkQueue, LinkSeed, LinkUp};
use nextmini_wire::control::{self, LinkMark, Transport};
use nextmini_wire::id::{LinkId, NodeId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Host, HostedNode, RowError};
use crate::ingress::Ingress;
use crate::link::carriage::Carriage;
use crate::link::carrier::Carrier;
use crate::link::listen::Expected;
use crate::link::orders::Orders;
use crate::link::status::Status;
use crate::link::stream::End;
use crate::link::{Outgoing, dial, listen, memory};
use crate::max::ground::{Asked, Crossing, Exit, Ground, Seat};
use crate::quic::{self, accept};
use crate::task::Task;

/// A link with an end in this process.
#[derive(Debug)]
pub(super) struct HostedLink {
    pub(super) row: control::Link,
    pub(super) ends: Vec<Arc<Outgoing>>,
    pub(super) tasks: Vec<Task>,
    pub(super) status: Arc<Status>,
}

/// What carries a link: its ends in this process, their tasks, and whether they are up.
type Carried = (Vec<Arc<Outgoing>>, Vec<Task>, Arc<Status>);

/// The ends of a link that are in this process.
struct Ends {
    listening: Option<End>,
    dialling: Option<End>,
    status: Arc<Status>,
    all: Vec<Arc<Outgoing>>,
}

impl Host {
    pub(super) fn set_classes(&mut self, classes: Vec<control::Class>) {
        self.classes = Arc::new(Classes::new(classes));
        self.routes.set_classes(Arc::clone(&self.classes));
        self.links.values().flat_map(|link| &link.ends).for_each(|end| end.set_classes(&self.classes));
    }

    pub(super) fn set_link(
        &mut self,
        row: control::Link,
        touched: &mut FxHashSet<NodeId>,
        marks: &mut Vec<LinkMark>,
    ) -> Result<(), RowError> {
        let orders = Orders::new(&row, &self.traces).map_err(|(from, to, source)| RowError::Direction {
            from,
            to,
            source,
        })?;
        if let Some(known) = self.links.get_mut(&row.id)
            && known.is_carried_as(&row)
        {
            if known.row != row {
                marks.extend(known.ends.iter().map(|end| end.mark()));
                orders.give(&row, &known.ends);
                known.status.set_wanted(row.up);
                if known.row.peer != row.peer || Asked::of(&known.row) != Asked::of(&row) {
                    touched.extend([row.a, row.b]);
                }
                known.row = row;
            }
            return Ok(());
        }
        self.remove_link(row.id, touched);
        let (ends, tasks, status) = match row.transport {
            Transport::Memory => self.memory_link(&row, orders)?,
            Transport::Tcp => self.stream_link(&row, orders, &self.arrivals.plain)?,
            Transport::Quic => self.quic_link(&row, orders)?,
            Transport::Tls => self.stream_link(&row, orders, &self.arrivals.tls)?,
        };
        touched.extend([row.a, row.b]);
        self.links.insert(row.id, HostedLink { row, ends, tasks, status });
        Ok(())
    }

    fn memory_link(&self, row: &control::Link, orders: Orders) -> Result<Carried, RowError> {
        let (Some(a), Some(b)) = (self.nodes.get(&row.a), self.nodes.get(&row.b)) else {
            return Err(RowError::Split);
        };
        let (to_b, to_a) = (self.outgoing(row, row.a, row.b), self.outgoing(row, row.b, row.a));
        let ends = vec![Arc::clone(&to_b), Arc::clone(&to_a)];
        orders.give(row, &ends);
        let carry = |from, there: &Arc<Outgoing>, ingress: &Ingress, back: &Arc<Outgoing>| {
            let alarm = self.experiment.timers.alarm();
            let carrying = memory::carry(Arc::clone(there), ingress.clone(), Arc::clone(back), alarm);
            Task::spawn(from, "link", self.events.clone(), carrying)
        };
        let tasks = vec![carry(row.a, &to_b, &b.ingress, &to_a), carry(row.b, &to_a, &a.ingress, &to_b)];
        let status = Status::new(row.id, 1, self.events.clone());
        status.up();
        status.set_wanted(row.up);
        Ok((ends, tasks, Arc::new(status)))
    }

    fn stream_link<C: Carrier>(
        &self,
        row: &control::Link,
        orders: Orders,
        expected: &Expected<C>,
    ) -> Result<Carried, RowError> {
        let Ends { listening, dialling, status, all } = self.ends(row, orders)?;
        let mut tasks = Vec::new();
        if let Some(end) = listening {
            let connections = expected.expect(row.id, row.a, Carriage::of(row));
            let keeping = listen::keep(end, connections, Arc::clone(&status));
            tasks.push(Task::spawn(row.b, "link", self.events.clone(), keeping));
        }
        if let Some(end) = dialling {
            let identity = self.experiment.identity.clone();
            let keeping = dial::keep::<C>(end, peer_of(row)?, identity, Arc::clone(&status));
            tasks.push(Task::spawn(row.a, "link", self.events.clone(), keeping));
        }
        Ok((all, tasks, status))
    }

    fn quic_link(&mut self, row: &control::Link, orders: Orders) -> Result<Carried, RowError> {
        let Ends { listening, dialling, status, all } = self.ends(row, orders)?;
        let mut tasks = Vec::new();
        if let Some(end) = listening {
            let connections = self.quic.expect(row)?;
            let keeping = accept::keep(end, connections, Arc::clone(&status));
            tasks.push(Task::spawn(row.b, "link", self.events.clone(), keeping));
        }
        if let Some(end) = dialling {
            let identity = self.quic.identity()?;
            let keeping = quic::dial::keep(end, peer_of(row)?, identity, Arc::clone(&status));
            tasks.push(Task::spawn(row.a, "link", self.events.clone(), keeping));
        }
        Ok((all, tasks, status))
    }

    /// The ends of a link that others carry, as far as they are in this process.
    fn ends(&self, row: &control::Link, orders: Orders) -> Result<Ends, RowError> {
        let count = u32::from(row.dial) + u32::from(row.listen_end);
        let status = Arc::new(Status::new(row.id, count, self.events.clone()));
        status.set_wanted(row.up);
        let carriage = Carriage::of(row);
        let mut all = Vec::new();
        let mut end = |from: NodeId, to: NodeId| {
            let node = self.nodes.get(&from).ok_or(RowError::NoNode(from))?;
            let outgoing = self.outgoing(row, from, to);
            outgoing.set_up(LinkUp::No);
            all.push(Arc::clone(&outgoing));
            Ok::<_, RowError>(End {
                outgoing,
                ingress: node.ingress.clone(),
                carriage: carriage.clone(),
                timers: self.experiment.timers.clone(),
            })
        };
        let listening = if row.listen_end { Some(end(row.b, row.a)?) } else { None };
        let dialling = if row.dial { Some(end(row.a, row.b)?) } else { None };
        orders.give(row, &all);
        Ok(Ends { listening, dialling, status, all })
    }

    /// What flows in max mode are to know.
    pub(super) fn ground(&self) -> Ground {
        let seat = |hosted: &HostedNode| {
            (hosted.row.id, Seat { node: Arc::clone(&hosted.node), room: Arc::clone(&hosted.room) })
        };
        let exits = self.links.values().map(|link| &link.row).flat_map(exits);
        Ground { seats: self.nodes.values().map(seat).collect(), exits: exits.collect() }
    }

    fn outgoing(&self, row: &control::Link, from: NodeId, to: NodeId) -> Arc<Outgoing> {
        let seed = LinkSeed { seed: self.experiment.seed, link: row.id.0, from: from.0 };
        let outgoing = Outgoing::new(row.id, from, to, LinkQueue::new(row.mtu, seed));
        outgoing.set_classes(&self.classes);
        self.captures.join(&outgoing);
        Arc::new(outgoing)
    }

    pub(super) fn remove_link(&mut self, id: LinkId, touched: &mut FxHashSet<NodeId>) {
        if let Some(link) = self.links.remove(&id) {
            self.arrivals.forget(id);
            self.quic.forget(id);
            touched.extend([link.row.a, link.row.b]);
            link.ends.iter().for_each(|end| end.set_up(LinkUp::Ended));
        }
    }

    /// Tells the nodes in `touched` which links leave them now.
    pub(super) fn set_neighbours(&self, touched: &FxHashSet<NodeId>) {
        let mut neighbours: FxHashMap<NodeId, FxHashMap<NodeId, Arc<Outgoing>>> =
            touched.iter().map(|&id| (id, FxHashMap::default())).collect();
        if neighbours.is_empty() {
            return;
        }
        for end in self.links.values().flat_map(|link| &link.ends) {
            if let Some(links) = neighbours.get_mut(&end.from()) {
                links.insert(end.to(), Arc::clone(end));
            }
        }
        for (id, links) in neighbours {
            if let Some(hosted) = self.nodes.get(&id) {
                hosted.node.set_neighbours(links);
            }
        }
    }
}

/// Where the process at the other end accepts connections.
fn peer(row: &control::Link) -> Option<SocketAddr> {
    row.peer.as_deref()?.parse().ok()
}

fn peer_of(row: &control::Link) -> Result<SocketAddr, RowError> {
    peer(row).ok_or_else(|| RowError::Peer(row.peer.clone().unwrap_or_default()))
}

/// How a link is crossed from its ends in this process.
fn exits(row: &control::Link) -> Vec<((NodeId, NodeId), Exit)> {
    let (asked, there, back) = (Asked::of(row), (row.a, row.b), (row.b, row.a));
    let (crossing, ends) = match (row.transport, peer(row)) {
        (Transport::Memory, _) => (Crossing::Memory, vec![there, back]),
        (Transport::Tcp | Transport::Quic | Transport::Tls, Some(peer)) => {
            let here = [(row.dial, there), (row.listen_end, back)].into_iter().filter(|(here, _)| *here);
            // What QUIC has is not the kernel's.
            let of_quic = row.transport == Transport::Quic;
            let congestion = if of_quic { "cubic" } else { row.congestion.as_str() }.into();
            (Crossing::Tcp { peer, congestion }, here.map(|(_, ends)| ends).collect())
        }
        (Transport::Tcp | Transport::Quic | Transport::Tls, None) => return Vec::new(),
    };
    ends.into_iter().map(|ends| (ends, Exit { crossing: crossing.clone(), asked })).collect()
}

impl HostedLink {
    /// Whether another row of this link needs no other connection.
    fn is_carried_as(&self, row: &control::Link) -> bool {
        let of = |row: &control::Link| {
            // Whoever does not dial has no need of the peer's address for the link itself.
            let peer = row.peer.clone().filter(|_| row.dial);
            (
                row.a,
                row.b,
                row.transport,
                row.congestion.clone(),
                row.datagrams,
                row.dial,
                row.listen_end,
                peer,
            )
        };
        of(&self.row) == of(row)
    }
}
