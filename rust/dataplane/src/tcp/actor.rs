//! The ends of TCP flows at a node: one task drives all of them, when something has arrived or a time has come.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use nextmini_policy::class::Subject;
use nextmini_policy::lossless::Pattern;
use nextmini_policy::time::Instant;
use nextmini_wire::control::{Congestion, Flow};
use nextmini_wire::id::{FlowId, NodeId, RouteId};
use nextmini_wire::ip::{Ip, protocol};
use nextmini_wire::key::FlowKey;
use nextmini_wire::packet::{Content, Packet};
use nextmini_wire::tcp_flow::{SERVER_PORT, ports};
use rustc_hash::FxHashMap;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::wire::{HardwareAddress, IpCidr};
use tokio::sync::{mpsc, oneshot};

use super::client::{Client, ClientError};
use super::device::Device;
use super::endpoint::{Endpoint, Partial, Shape};
use super::server::{Phase, Server};
use crate::clock;
use crate::event::{Event, report};
use crate::flow::source::{Losses, Stats, sleep_until};
use crate::link::onward;
use crate::node::Node;
use crate::routes::Outbound;
use crate::timers::{Alarm, Timers};

/// Packets that wait for the task at most; others are dropped, as by a host that does not keep up.
pub const INBOX: usize = 32_768;
/// Messages that are taken at once.
const BATCH: usize = 256;
/// Times that an end has the device filled before others have their turn.
const ROUNDS: usize = 4;
/// Bytes that may be on their way in a connection.
const WINDOW: usize = 1 << 20;
/// Bytes of the buffer that carries next to nothing.
const LITTLE: usize = 4_096;
/// Ports of clients.
const CLIENT_PORTS: std::ops::Range<u16> = 1_024..61_000;

/// What the task is told.
pub enum Message {
    /// A packet of such a flow has arrived.
    Packet(Bytes),
    /// A flow begins.
    Open(Box<Open>),
    /// A flow is to stop.
    Stop(FlowId),
}

/// A flow that begins.
pub struct Open {
    /// The flow.
    pub flow: Flow,
    /// Its ends' addresses.
    pub addresses: (IpAddr, IpAddr),
    /// What others may know of it.
    pub stats: Arc<Stats>,
    /// Who is told that it has a connection.
    pub connected: oneshot::Sender<()>,
    /// Who is told what became of it.
    pub done: oneshot::Sender<Done>,
}

/// What became of a flow.
#[derive(Debug)]
pub struct Done {
    /// Whether it arrived; nothing if it was stopped.
    pub outcome: Option<Result<(), ClientError>>,
    /// Bytes that were acknowledged.
    pub bytes: u64,
    /// Segments that were sent again.
    pub retransmitted: u64,
    /// How often the retransmission timer ran out.
    pub timeouts: u64,
    /// Of everything, if it arrived.
    pub checksum: Option<String>,
    /// The route that it took last.
    pub route: Option<RouteId>,
}

/// A connection, as this node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Name {
    peer: SocketAddr,
    port: u16,
}

enum End {
    Client(Box<ClientEnd>),
    Server(Box<Server>),
}

struct ClientEnd {
    client: Client,
    flow: FlowId,
    stats: Arc<Stats>,
    /// Until it was told.
    connected: Option<oneshot::Sender<()>>,
    done: oneshot::Sender<Done>,
}

struct Entry {
    end: End,
    way: Way,
    /// When it is in the schedule for.
    due: Option<Instant>,
    ready: bool,
}

/// Where the packets of an end go: all of them the same way.
struct Way {
    key: FlowKey,
    label: u32,
    /// The node at the other end; nothing if nobody has its address.
    to: Option<NodeId>,
    class: u16,
}

impl Way {
    fn new(node: &Node, (own, port): (IpAddr, u16), peer: SocketAddr) -> Self {
        let key = FlowKey {
            protocol: protocol::TCP,
            source: own,
            destination: peer.ip(),
            source_port: port,
            destination_port: peer.port(),
        };
        let to = node.routes().addresses().node(peer.ip());
        let ports = Some((port, peer.port()));
        let class = to.map_or(0, |destination| {
            let subject = Subject { source: node.id(), destination, protocol: protocol::TCP, ports };
            node.routes().classes().number_of(&subject)
        });
        Self { key, label: key.label(), to, class }
    }

    fn route(&self, node: &Node, now: Instant) -> Option<RouteId> {
        node.route_of(&self.key, self.to?, now)
    }
}

/// Whether an end has more to do than others are to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Waits,
    HasMore,
    Over,
}

/// The task.
pub struct Actor {
    node: Arc<Node>,
    pattern: Pattern,
    seed: u64,
    alarm: Alarm,
    crashes: u64,
    ends: FxHashMap<Name, Entry>,
    schedule: BTreeSet<(Instant, Name)>,
    ready: VecDeque<Name>,
    next_port: u16,
    outbound: Vec<Outbound>,
    packets: Vec<Packet>,
}

impl Actor {
    /// The task of `node`.
    pub fn new(node: Arc<Node>, pattern: Pattern, seed: u64, timers: &Timers) -> Self {
        Self {
            crashes: node.crashes(),
            node,
            pattern,
            seed,
            alarm: timers.alarm(),
            ends: FxHashMap::default(),
            schedule: BTreeSet::new(),
            ready: VecDeque::new(),
            next_port: CLIENT_PORTS.start,
            outbound: Vec::new(),
            packets: Vec::new(),
        }
    }

    /// Drives the ends until nobody can tell it anything any more, or it is dropped.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(BATCH);
        loop {
            let due = self.schedule.first().map(|&(at, _)| at);
            tokio::select! {
                biased;
                taken = inbox.recv_many(&mut messages, BATCH) => if taken == 0 { return },
                () = tokio::task::yield_now(), if !self.ready.is_empty() => {}
                () = sleep_until(&mut self.alarm, due), if self.ready.is_empty() => {}
            }
            self.forget_after_a_crash();
            let now = clock::now();
            messages.drain(..).for_each(|message| self.hear(message, now));
            self.wake(now);
            for _ in 0..self.ready.len() {
                if let Some(name) = self.ready.pop_front() {
                    self.turn(name);
                }
            }
        }
    }

    fn forget_after_a_crash(&mut self) {
        let crashes = self.node.crashes();
        if std::mem::replace(&mut self.crashes, crashes) == crashes {
            return;
        }
        self.schedule.clear();
        self.ready.clear();
        self.next_port = CLIENT_PORTS.start;
        for (_, entry) in self.ends.drain() {
            if let End::Client(end) = entry.end {
                end.finish(None, Some(Err(ClientError::Down)));
            }
        }
    }

    fn hear(&mut self, message: Message, now: Instant) {
        match message {
            Message::Packet(packet) => self.take(packet, now),
            Message::Open(open) => self.open(*open),
            Message::Stop(flow) => {
                let stopped = |entry: &Entry| matches!(&entry.end, End::Client(end) if end.flow == flow);
                let found = self.ends.iter().find(|(_, entry)| stopped(entry)).map(|(&name, _)| name);
                if let Some(name) = found {
                    self.stop(name);
                }
            }
        }
    }

    fn shape(&self, receive: usize, send: usize, congestion: Congestion) -> Shape {
        // Numbers of a connection that are like those of the one before would be taken for its own.
        let seed = self.seed ^ (u64::from(self.node.id().0) << 32) ^ clock::now().0;
        Shape { mtu: usize::from(self.node.mtu()), receive, send, congestion, partial: Partial::AtOnce, seed }
    }

    fn open(&mut self, open: Open) {
        let now = clock::now();
        let Open { flow, addresses: (own, to), stats, connected, done } = open;
        let peer = SocketAddr::new(to, SERVER_PORT);
        let taken = |port: u16| self.ends.contains_key(&Name { peer, port });
        let ports = (self.next_port..CLIENT_PORTS.end).chain(CLIENT_PORTS.start..self.next_port);
        let Some(port) = ports.into_iter().find(|&port| !taken(port)) else {
            return refuse(done);
        };
        self.next_port = if port + 1 < CLIENT_PORTS.end { port + 1 } else { CLIENT_PORTS.start };
        let congestion = flow.congestion.unwrap_or_default();
        // A flow with a rate sends what it has when its rate allows it; others always have more. A window of a few packets,
        // as Reno's after losses, has to be used to its last byte: what is lost is known soon only if three follow it.
        let partial = match (flow.rate, congestion) {
            (Some(_), _) | (None, Congestion::Reno) => Partial::AtOnce,
            (None, Congestion::None | Congestion::Cubic) => Partial::WhenAlone,
        };
        let shape = Shape { partial, ..self.shape(LITTLE, WINDOW, congestion) };
        let id = flow.id;
        let ends = (SocketAddr::new(own, port), peer);
        let Ok(client) = Client::new(flow, ends, &shape, self.pattern.clone(), now) else {
            return refuse(done);
        };
        let end = ClientEnd { client, flow: id, stats, connected: Some(connected), done };
        self.insert(own, Name { peer, port }, End::Client(Box::new(end)));
    }

    fn insert(&mut self, own: IpAddr, name: Name, end: End) {
        let way = Way::new(&self.node, (own, name.port), name.peer);
        self.ends.insert(name, Entry { end, way, due: None, ready: true });
        self.ready.push_back(name);
    }

    fn take(&mut self, packet: Bytes, now: Instant) {
        let Ok(ip) = Ip::parse(&packet) else { return };
        let Some((theirs, port)) = ports(&packet) else { return };
        let (own, name) = (ip.destination(), Name { peer: SocketAddr::new(ip.source(), theirs), port });
        if port == SERVER_PORT
            && let Some(number) = number_of_syn(ip.transport())
        {
            self.accept(own, name, number, now);
        }
        match self.ends.get_mut(&name) {
            Some(entry) => {
                entry.endpoint().take(packet, now);
                if !std::mem::replace(&mut entry.ready, true) {
                    self.ready.push_back(name);
                }
            }
            None => self.reject(own, packet, now),
        }
    }

    /// Has a server for a connection that begins with this number. One that began with another number is of a peer that
    /// has lost everything since, and that smoltcp 0.14 would leave without an answer (RFC 9293, section 3.5.1).
    fn accept(&mut self, own: IpAddr, name: Name, number: u32, now: Instant) {
        match self.ends.get(&name) {
            Some(Entry { end: End::Server(server), .. }) if server.began_with() != number => {
                self.forget(name)
            }
            Some(_) => return,
            None => {}
        }
        let shape = self.shape(WINDOW, LITTLE, Congestion::None);
        if let Ok(server) = Server::new((SocketAddr::new(own, name.port), number), &shape, now) {
            self.insert(own, name, End::Server(Box::new(server)));
        }
    }

    fn forget(&mut self, name: Name) {
        if let Some(due) = self.ends.remove(&name).and_then(|entry| entry.due) {
            self.schedule.remove(&(due, name));
        }
    }

    /// Tells whoever sent it that there is no such connection.
    fn reject(&mut self, own: IpAddr, packet: Bytes, now: Instant) {
        let mut device = Device::new(usize::from(self.node.mtu()), 1);
        device.take(packet);
        let now = smoltcp::time::Instant::from_micros((now.0 / 1_000) as i64);
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, now);
        interface.update_ip_addrs(|addresses| {
            // There is room for one.
            let _room = addresses.push(IpCidr::new(own.into(), 0));
        });
        let _nothing_waits = interface.poll(now, &mut device, &mut SocketSet::new(Vec::new()));
        self.outbound.append(&mut device.leaving);
        onward::depart(&mut self.outbound, &mut self.packets, &self.node);
    }

    /// Those whose time has come are ready.
    fn wake(&mut self, now: Instant) {
        while let Some(&(at, name)) = self.schedule.first()
            && at <= now
        {
            self.schedule.pop_first();
            if let Some(entry) = self.ends.get_mut(&name) {
                entry.due = None;
                if !std::mem::replace(&mut entry.ready, true) {
                    self.ready.push_back(name);
                }
            }
        }
    }

    fn turn(&mut self, name: Name) {
        let Some(entry) = self.ends.get_mut(&name) else { return };
        entry.ready = false;
        let now = clock::now();
        let turn = entry.turn(&self.node, &mut self.outbound, now);
        let next = if turn == Turn::Waits { entry.next(now) } else { None };
        if let Some(before) = entry.due.take() {
            self.schedule.remove(&(before, name));
        }
        depart(&mut self.outbound, &mut self.packets, &entry.way, &self.node, now);
        match turn {
            Turn::Waits => {
                entry.due = next;
                self.schedule.extend(next.map(|at| (at, name)));
            }
            Turn::HasMore => {
                entry.ready = true;
                self.ready.push_back(name);
            }
            Turn::Over => self.remove(name, now),
        }
    }

    fn remove(&mut self, name: Name, now: Instant) {
        if let Some(Entry { end: End::Client(mut end), way, .. }) = self.ends.remove(&name) {
            end.publish();
            let verdict = end.client.verdict();
            end.finish(way.route(&self.node, now), verdict);
        }
    }

    fn stop(&mut self, name: Name) {
        let Some(mut entry) = self.ends.remove(&name) else { return };
        if let Some(due) = entry.due {
            self.schedule.remove(&(due, name));
        }
        let now = clock::now();
        let endpoint = entry.endpoint();
        endpoint.socket().abort();
        endpoint.poll(now);
        endpoint.fetch(&mut self.outbound, now);
        depart(&mut self.outbound, &mut self.packets, &entry.way, &self.node, now);
        if let End::Client(end) = entry.end {
            end.finish(entry.way.route(&self.node, now), None);
        }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let now = clock::now();
        for entry in self.ends.values() {
            if let End::Server(server) = &entry.end
                && server.phase() == Phase::Open
                && let Some(change) = server.report(now)
            {
                report(self.node.events(), Event::Flow(change));
            }
        }
    }
}

impl Entry {
    fn endpoint(&mut self) -> &mut Endpoint {
        match &mut self.end {
            End::Client(end) => end.client.endpoint(),
            End::Server(server) => server.endpoint(),
        }
    }

    fn turn(&mut self, node: &Node, outbound: &mut Vec<Outbound>, now: Instant) -> Turn {
        for _ in 0..ROUNDS {
            self.endpoint().poll(now);
            let served = self.serve(node, now);
            let before = outbound.len();
            self.endpoint().fetch(outbound, now);
            if self.is_over() {
                return Turn::Over;
            }
            if !served && outbound.len() == before {
                return Turn::Waits;
            }
        }
        Turn::HasMore
    }

    fn serve(&mut self, node: &Node, now: Instant) -> bool {
        match &mut self.end {
            End::Client(end) => {
                let served = end.client.serve(now);
                if end.client.is_connected()
                    && let Some(connected) = end.connected.take()
                {
                    // Whoever does not listen any more is about to stop the flow.
                    let _heard = connected.send(());
                }
                end.publish();
                served
            }
            End::Server(server) => {
                let before = server.phase();
                let served = server.serve();
                if before == Phase::Open
                    && server.phase() != Phase::Open
                    && let Some(change) = server.report(now)
                {
                    report(node.events(), Event::Flow(change));
                }
                served
            }
        }
    }

    fn is_over(&mut self) -> bool {
        match &mut self.end {
            End::Client(end) => end.client.verdict().is_some(),
            End::Server(server) => server.phase() == Phase::Over,
        }
    }

    fn next(&mut self, now: Instant) -> Option<Instant> {
        let wakes = match &mut self.end {
            End::Client(end) => end.client.wakes_at(now),
            End::Server(_) => None,
        };
        self.endpoint().next(now).into_iter().chain(wakes).min()
    }
}

/// Sends packets of one end on their way: as any, if it is not known yet.
fn depart(
    outbound: &mut Vec<Outbound>,
    packets: &mut Vec<Packet>,
    way: &Way,
    node: &Arc<Node>,
    now: Instant,
) {
    if outbound.is_empty() {
        return;
    }
    let Some(route) = way.route(node, now) else {
        return onward::depart(outbound, packets, node);
    };
    packets.extend(outbound.drain(..).map(|Outbound { header, payload }| {
        let packet = Packet::new(route, node.hop_limit(), way.label, Content::Ip(header), payload);
        Packet { class: way.class, ..packet }
    }));
    onward::start(packets, node);
}

/// The sequence number of a segment that asks for a connection.
fn number_of_syn(transport: &[u8]) -> Option<u32> {
    const SYN_OF_SYN_AND_ACK: (u8, u8) = (0x02, 0x12);
    transport.get(13).filter(|&flags| flags & SYN_OF_SYN_AND_ACK.1 == SYN_OF_SYN_AND_ACK.0)?;
    transport.get(4..8)?.try_into().ok().map(u32::from_be_bytes)
}

impl ClientEnd {
    fn publish(&mut self) {
        let (sent, acknowledged) = (self.client.written(), self.client.acknowledged());
        let endpoint = self.client.endpoint();
        let (track, recovery) = (endpoint.track(), endpoint.recovery());
        let losses = Losses { again: track.retransmitted(), timeouts: recovery.timeouts() };
        self.stats.publish(sent, acknowledged, losses, track.under_way(), track.smoothed_rtt());
        self.stats.set_congestion_window(recovery.window());
    }

    fn finish(mut self, route: Option<RouteId>, outcome: Option<Result<(), ClientError>>) {
        let checksum = matches!(outcome, Some(Ok(()))).then(|| self.client.checksum());
        let bytes = self.client.acknowledged();
        let endpoint = self.client.endpoint();
        let (retransmitted, timeouts) = (endpoint.track().retransmitted(), endpoint.recovery().timeouts());
        // The flow may have been removed.
        let _heard = self.done.send(Done { outcome, bytes, retransmitted, timeouts, checksum, route });
    }
}

fn refuse(done: oneshot::Sender<Done>) {
    let outcome = Some(Err(ClientError::NoConnection));
    // The flow may have been removed.
    let _heard =
        done.send(Done { outcome, bytes: 0, retransmitted: 0, timeouts: 0, checksum: None, route: None });
}

#[cfg(test)]
mod tests {
    use nextmini_policy::link::settings::Checked;
    use nextmini_policy::route::{Route, RouteTable};
    use nextmini_wire::control::direction::Loss;
    use nextmini_wire::control::{Direction, FlowChange, FlowEnd, FlowKind, FlowStatus, Timing};
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
            let mut line = Line::new(3);
            let path = |ids: [u32; 3]| ids.map(NodeId).to_vec();
            let routes = [(1, path([1, 2, 3])), (2, path([3, 2, 1]))];
            let routes = routes.map(|(id, path)| Route::new(RouteId(id), path, 1, 1_460).unwrap());
            line.routes.replace(RouteTable::default().changed(&[], routes));
            for link in line.there.iter().chain(&line.back) {
                link.set(1_500, Checked::new(direction, None).unwrap());
            }
            let timers = Timers::start(Timing::Normal).unwrap();
            let (mut running, mut inboxes) = (line.run(), Vec::new());
            for (node, (inbox, messages)) in line.nodes.iter().zip(line.tcp.drain(..)) {
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
            };
            let (node, actor) = (Arc::clone(&self.line.nodes[0]), self.inboxes[0].clone());
            let source = TcpSource::new(flow, node, actor, Arc::default(), self.timers.clone());
            self.running.spawn(source.run(self.owner.subscribe()));
        }

        async fn hears(&mut self, end: FlowEnd) -> FlowChange {
            loop {
                match self.line.heard.recv().await {
                    Some(Event::Flow(change))
                        if change.end == end && change.status != FlowStatus::Running =>
                    {
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
        assert_eq!(
            (source.status, source.reason.unwrap()),
            (FlowStatus::Failed, "its node went down".into())
        );
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

    #[test]
    fn a_packet_is_a_syn_only_without_an_ack() {
        let number = |flags: u8| number_of_syn(&[0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x50, flags]);
        assert_eq!((number(0x02), number(0xc2)), (Some(0x102), Some(0x102)));
        assert_eq!((number(0x12), number(0x10), number_of_syn(&[])), (None, None, None));
    }
}
