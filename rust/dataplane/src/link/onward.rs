//! Packets that go on where they are: over links in memory that are asked for nothing and have nothing waiting,
//! from node to node in the task that has them, while they are in that core's cache and with nobody to wake.

use std::fmt;
use std::sync::Arc;

use nextmini_policy::drops::DropCause;
use nextmini_policy::route::RouteTable;
use nextmini_wire::packet::Packet;

use super::{Outgoing, batching};
use crate::node::{Node, Reach};
use crate::routes::Outbound;
use crate::task::guarded;

/// Packets times links that are carried before others have the core: a fraction of a millisecond.
const STRETCH: usize = 2_048;

/// Where the packets of a link in memory come out.
///
/// Each direction has its own. Whoever carries packets holds on to this alone: to count references to the node or to
/// its end of the link would be to write to memory that the core of the other direction reads all the time.
#[repr(align(64))]
pub struct Exit {
    /// The link.
    pub link: Arc<Outgoing>,
    /// The node that it leads to, which has a single processor.
    pub node: Arc<Node>,
    /// That node's own end of the link, which counts what it drops.
    pub arrives_at: Arc<Outgoing>,
}

impl fmt::Debug for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The node knows its links, which know where they lead.
        write!(formatter, "Exit({})", self.node.id())
    }
}

/// Packets have been taken from a link's queue and are to come out there: nobody else carries any until this is
/// dropped.
#[derive(Debug)]
pub struct Claim {
    exit: Arc<Exit>,
}

impl Claim {
    /// For who has just taken packets.
    pub fn new(exit: Arc<Exit>) -> Self {
        Self { exit }
    }

    /// Carries them there, and on; `batch` is empty afterwards.
    pub fn carry(self, batch: &mut Vec<Packet>) {
        Walk::from(&self.exit.node).follow(batch, self);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.exit.link.put_down();
    }
}

/// The work of a node's only processor, and of those of the next nodes as far as it goes on at once; `batch` is
/// empty afterwards. `arrives_at` is the node's own end of the link that the packets came over.
pub fn carry(batch: &mut Vec<Packet>, node: &Node, arrives_at: &Outgoing) {
    batching::pieces(batch, |batch| {
        let mut walk = Walk::from(node);
        if let Some(claim) = walk.visit(batch, node, Some(arrives_at)) {
            walk.follow(batch, claim);
        }
    });
}

/// The same for IP packets that start at `node`, whose own `outbound` is empty afterwards too.
pub fn depart(outbound: &mut Vec<Outbound>, batch: &mut Vec<Packet>, node: &Node) {
    node.begin_all(outbound, batch);
    if !batch.is_empty() {
        start(batch, node);
    }
}

/// The same for packets that start at `node`.
pub fn start(batch: &mut Vec<Packet>, node: &Node) {
    batching::pieces(batch, |batch| {
        let mut walk = Walk::from(node);
        if let Some(claim) = walk.visit(batch, node, None) {
            walk.follow(batch, claim);
        }
    });
}

/// One way from node to node.
struct Walk {
    /// Those of the process, as they were when it began.
    routes: arc_swap::Guard<Arc<RouteTable>>,
    /// What is left of [`STRETCH`].
    stretch: usize,
}

impl Walk {
    fn from(node: &Node) -> Self {
        Self { routes: node.routes().load(), stretch: STRETCH }
    }

    fn follow(mut self, batch: &mut Vec<Packet>, claim: Claim) {
        let mut next = Some(claim);
        while let Some(claim) = next {
            let Exit { node, arrives_at, .. } = &*claim.exit;
            next = self.visit(batch, node, Some(arrives_at));
            // They have left the link that they came over.
            drop(claim);
        }
    }

    /// The work of one node. A panic is the failure of the node whose work it is.
    fn visit(
        &mut self,
        batch: &mut Vec<Packet>,
        node: &Node,
        arrives_at: Option<&Outgoing>,
    ) -> Option<Claim> {
        self.stretch = self.stretch.saturating_sub(batch.len());
        let reach = if self.stretch > 0 { Reach::Onward } else { Reach::Queue };
        let mut onward = None;
        let work = || onward = node.pass(batch, arrives_at, &self.routes, reach);
        if !guarded(node.id(), "processor", node.events(), work) {
            node.end();
            batch.drain(..).for_each(|_| node.charge(DropCause::Local, arrives_at));
        }
        onward
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nextmini_wire::control::Timing;
    use nextmini_wire::id::{FlowId, RouteId};
    use nextmini_wire::packet::{Content, Datagram, Ecn};

    use super::*;
    use crate::fixture::Line;
    use crate::link::Batching;
    use crate::timers::Timers;

    /// Carries packets on from the second node.
    fn carry_on(line: &Line, numbers: impl IntoIterator<Item = u64>) {
        let mut batch: Vec<_> = numbers.into_iter().map(packet).collect();
        carry(&mut batch, &line.nodes[1], &line.back[0]);
        assert_eq!(batch, []);
    }

    fn arrived(line: &mut Line) -> Vec<u64> {
        let batches = std::iter::from_fn(|| line.arrived[3].try_recv().ok());
        batches.flatten().map(|piece| number(&piece.content)).collect()
    }

    fn packet(sequence: u64) -> Packet {
        let datagram = Datagram { flow: FlowId(1), sequence, sent_at: 0, last: false, ecn: Ecn::default() };
        let content = Content::Datagram(datagram);
        Packet { position: 1, ..Packet::new(RouteId(1), 9, 0, content, Bytes::from_static(b"data")) }
    }

    fn number(content: &Content) -> u64 {
        match content {
            Content::Datagram(datagram) => datagram.sequence,
            _ => panic!("{content:?}"),
        }
    }

    #[test]
    fn packets_go_to_the_end_of_their_route_and_are_counted_on_the_way() {
        let mut line = Line::new(4);
        carry_on(&line, 0..3);
        carry_on(&line, 3..5);
        assert_eq!(arrived(&mut line), [0, 1, 2, 3, 4]);
        for link in &line.there[1..] {
            let (counters, waiting) = link.counters();
            assert_eq!((counters.entered, counters.packets, counters.bytes, waiting), (5, 5, 160, 0));
        }
    }

    #[test]
    fn nobody_overtakes_packets_that_are_being_carried() {
        let mut line = Line::new(4);
        let mut first = vec![packet(0)];
        let claim =
            line.nodes[1].pass(&mut first, None, &line.nodes[1].routes().load(), Reach::Onward).unwrap();
        carry_on(&line, 1..3);
        assert_eq!(arrived(&mut line), []);
        assert_eq!(line.there[1].counters().0.entered, 3);
        claim.carry(&mut first);
        assert_eq!(arrived(&mut line), [0]);
        // They wait for the link's own task, and others behind them.
        carry_on(&line, [3]);
        assert_eq!((arrived(&mut line), line.there[1].counters().0.packets), (vec![], 1));
    }

    #[test]
    fn others_have_the_core_after_a_while() {
        let mut line = Line::new(4);
        carry_on(&line, 0..STRETCH as u64);
        assert_eq!(arrived(&mut line), []);
        let (counters, waiting) = line.there[1].counters();
        assert_eq!((counters.packets, counters.entered), (0, STRETCH as u64));
        assert!(waiting > 0);
    }

    #[tokio::test]
    async fn without_batching_a_wake_up_moves_one_packet() {
        let line = Line::new(4);
        let mut batch: Vec<_> = (0..3).map(packet).collect();
        let routes = line.nodes[1].routes().load();
        assert!(line.nodes[1].pass(&mut batch, None, &routes, Reach::Queue).is_none());
        let mut alarm = Timers::start(Timing::Normal).unwrap().alarm();
        Batching::Off.apply();
        line.there[1].take(&mut batch, &mut alarm).await;
        Batching::On.apply();
        assert_eq!(batch.iter().map(|packet| number(&packet.content)).collect::<Vec<_>>(), [0]);
        assert_eq!(line.there[1].counters().0.packets, 1);
    }
}
