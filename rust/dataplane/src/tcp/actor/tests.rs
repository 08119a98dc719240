//! Flows over a line of nodes whose ends are driven.

use nextmini_policy::link::settings::Checked;
use nextmini_policy::route::{Route, RouteTable};
use nextmini_wire::control::direction::Loss;
use nextmini_wire::control::{Direction, FlowChange, FlowEnd, FlowKind, FlowStatus, Timing};
use nextmini_wire::id::{NodeId, RouteId};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::*;
use crate::fixture::Line;
use crate::tcp::source::TcpSource;

/// Three nodes in a line, with what drives their ends.
struct Net {
    line: Line,
    inboxes: Vec<mpsc::Sender<Message>>,
    timers: Timers,
    running: JoinSet<()>,
    owner: watch::Sender<bool>,
}

impl Net {
    fn new(direction: &Direction) -> Self {
        let line = Line::new(3);
        let path = |ids: [u32; 3]| ids.map(NodeId).to_vec();
        let routes = [(1, path([1, 2, 3])), (2, path([3, 2, 1]))];
        let routes = routes.map(|(id, path)| Route::new(RouteId(id), path, 1, 1_460).unwrap());
        line.routes.replace(RouteTable::default().changed(&[], routes));
        for link in line.there.iter().chain(&line.back) {
            link.set(1_500, Checked::new(direction, None).unwrap());
        }
        let timers = Timers::start(Timing::Normal).unwrap();
        let (mut running, mut inboxes) = (line.run(), Vec::new());
        for node in &line.nodes {
            let (inbox, messages) = mpsc::channel(INBOX);
            let actor = Actor::new(Arc::clone(node), Pattern::new(1), 7, &timers);
            running.spawn(actor.run(messages));
            inboxes.push(inbox);
        }
        Self { line, inboxes, timers, running, owner: watch::Sender::new(false) }
    }

    fn start(&mut self, id: u32, size: Option<u64>, congestion: Congestion) {
        let flow = Flow {
            id: FlowId(id),
            source: NodeId(1),
            destination: NodeId(3),
            kind: FlowKind::Tcp,
            size,
            duration: None,
            rate: None,
            weight: 1,
            start: 0.0,
            packet_size: None,
            arrival: Default::default(),
            ecn: false,
            congestion: Some(congestion),
            v6: false,
            route: None,
        };
        let (node, actor) = (Arc::clone(&self.line.nodes[0]), self.inboxes[0].clone());
        let source = TcpSource::new(
            (flow.clone(), Terms::new(&flow)),
            node,
            actor,
            Arc::default(),
            self.timers.clone(),
        );
        self.running.spawn(source.run(self.owner.subscribe()));
    }

    async fn hears(&mut self, end: FlowEnd) -> FlowChange {
        loop {
            match self.line.heard.recv().await {
                Some(Event::Flow(change)) if change.end == end && change.status != FlowStatus::Running => {
                    return change;
                }
                Some(_) => {}
                None => panic!("nobody reports anything any more"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_arrives_and_both_ends_know_it() {
    let mut net = Net::new(&Direction::default());
    for (id, size) in [(1, 0), (2, 1), (3, 20_000_000)] {
        net.start(id, Some(size), Congestion::None);
        let sink = net.hears(FlowEnd::Sink).await;
        let source = net.hears(FlowEnd::Source).await;
        assert_eq!((source.flow, source.status, source.bytes), (FlowId(id), FlowStatus::Completed, size));
        assert_eq!((sink.flow, sink.status, sink.bytes), (FlowId(id), FlowStatus::Completed, size));
        assert!(source.checksum.is_some() && source.checksum == sink.checksum);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_is_sent_again() {
    let mut net = Net::new(&Direction { delay_ns: 1_000_000, ..Direction::default() });
    // One of two hundred, so that what follows it brings its sender to send it again before it is late.
    let loss = Some(Loss::Pattern { pattern: format!("{}1{}", "0".repeat(100), "0".repeat(99)) });
    let direction = Direction { loss, delay_ns: 1_000_000, ..Direction::default() };
    net.line.there[0].set(1_500, Checked::new(&direction, None).unwrap());
    for (id, congestion) in [(1, Congestion::Reno), (2, Congestion::Cubic)] {
        net.start(id, Some(1_000_000), congestion);
        let source = net.hears(FlowEnd::Source).await;
        assert_eq!((source.status, source.bytes), (FlowStatus::Completed, 1_000_000), "{source:?}");
        assert!(source.retransmitted > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_flows_share_a_task() {
    let mut net = Net::new(&Direction { rate: Some(1_000_000_000), ..Direction::default() });
    for id in 0..300 {
        net.start(id, Some(100_000), Congestion::Cubic);
    }
    for _ in 0..300 {
        assert_eq!(net.hears(FlowEnd::Source).await.status, FlowStatus::Completed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_is_stopped_says_how_far_it_came() {
    let mut net = Net::new(&Direction { rate: Some(100_000_000), ..Direction::default() });
    net.start(1, None, Congestion::Cubic);
    while net.line.there[1].counters().0.bytes < 100_000 {
        tokio::task::yield_now().await;
    }
    net.owner.send_replace(true);
    let source = net.hears(FlowEnd::Source).await;
    assert_eq!(source.status, FlowStatus::Stopped);
    assert!(source.bytes > 0);
    assert_eq!(net.hears(FlowEnd::Sink).await.status, FlowStatus::Stopped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_lost_everything_resets_its_clients() {
    let mut net = Net::new(&Direction { rate: Some(100_000_000), ..Direction::default() });
    net.start(1, None, Congestion::Cubic);
    while net.line.there[1].counters().0.bytes < 100_000 {
        tokio::task::yield_now().await;
    }
    net.line.nodes[2].crash();
    net.line.nodes[2].restart();
    let source = net.hears(FlowEnd::Source).await;
    assert_eq!(source.status, FlowStatus::Failed);
    assert!(source.reason.unwrap().contains("was reset"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_down_fails() {
    let mut net = Net::new(&Direction { delay_ns: 5_000_000, ..Direction::default() });
    net.start(1, None, Congestion::Cubic);
    while net.line.there[1].counters().0.bytes == 0 {
        tokio::task::yield_now().await;
    }
    net.line.nodes[0].crash();
    net.line.nodes[0].restart();
    // Something has to arrive for it to look.
    net.inboxes[0].send(Message::Stop(FlowId(99))).await.unwrap();
    let source = net.hears(FlowEnd::Source).await;
    assert_eq!((source.status, source.reason.unwrap()), (FlowStatus::Failed, "its node went down".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_goes_with_a_client_that_has_lost_everything() {
    let mut net = Net::new(&Direction { rate: Some(100_000_000), ..Direction::default() });
    net.start(1, None, Congestion::Cubic);
    while net.line.there[1].counters().0.bytes < 100_000 {
        tokio::task::yield_now().await;
    }
    net.line.nodes[0].crash();
    net.line.nodes[0].restart();
    // From the same port, as it does not know that it was in use.
    net.start(2, Some(100_000), Congestion::Cubic);
    assert_eq!(net.hears(FlowEnd::Source).await.status, FlowStatus::Failed);
    let sink = net.hears(FlowEnd::Sink).await;
    assert_eq!((sink.flow, sink.status, sink.bytes), (FlowId(2), FlowStatus::Completed, 100_000));
    let source = net.hears(FlowEnd::Source).await;
    assert_eq!((source.flow, source.status), (FlowId(2), FlowStatus::Completed));
}
