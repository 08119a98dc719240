//! The ends of TCP flows at a node: one task drives all of them, when something has arrived or a time has come.

mod entry;
mod origin;
mod way;

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use nextmini_policy::lossless::Pattern;
use nextmini_policy::time::Instant;
use nextmini_wire::control::{Congestion, Flow};
use nextmini_wire::id::FlowId;
use nextmini_wire::packet::Packet;
use nextmini_wire::tcp_flow::SERVER_PORT;
use rustc_hash::FxHashMap;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::wire::{HardwareAddress, IpCidr};
use tokio::sync::{mpsc, oneshot};

pub use self::entry::Done;
use self::entry::{ClientEnd, End, Entry, Turn, refuse};
use self::origin::{Name, Origin};
use self::way::{Way, depart};
use super::client::{Client, ClientError};
use super::device::Device;
use super::endpoint::{Partial, Shape};
use super::server::{Phase, Server};
use crate::clock;
use crate::event::{Event, report};
use crate::flow::source::{Stats, sleep_until};
use crate::flow::terms::Terms;
use crate::link::onward;
use crate::node::Node;
use crate::routes::Outbound;
use crate::timers::{Alarm, Timers};

/// Messages that wait for the task; whoever has more waits with them.
pub const INBOX: usize = 1_024;
/// Messages that are taken at once.
const BATCH: usize = 64;
/// Bytes that may be on their way in a connection.
const WINDOW: usize = 1 << 20;
/// Bytes of the buffer that carries next to nothing.
const LITTLE: usize = 4_096;
/// Ports of clients.
const CLIENT_PORTS: std::ops::Range<u16> = 1_024..61_000;

/// What the task is told.
pub enum Message {
    /// A flow begins.
    Open(Box<Open>),
    /// A flow's terms are others.
    Changed(FlowId),
    /// A flow is to stop.
    Stop(FlowId),
}

/// A flow that begins.
pub struct Open {
    /// The flow.
    pub flow: Flow,
    /// What may change of it.
    pub terms: Arc<Terms>,
    /// Its ends' addresses.
    pub addresses: (IpAddr, IpAddr),
    /// What others may know of it.
    pub stats: Arc<Stats>,
    /// Who is told that it has a connection.
    pub connected: oneshot::Sender<()>,
    /// Who is told what became of it.
    pub done: oneshot::Sender<Done>,
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
    run: Vec<Bytes>,
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
            run: Vec::new(),
        }
    }

    /// Drives the ends until nobody can tell it anything any more, or it is dropped.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let node = Arc::clone(&self.node);
        let (mut messages, mut arrived) = (Vec::new(), Vec::new());
        loop {
            let due = self.schedule.first().map(|&(at, _)| at);
            tokio::select! {
                biased;
                taken = inbox.recv_many(&mut messages, BATCH) => if taken == 0 { return },
                () = node.segments().filled() => tokio::task::consume_budget().await,
                () = tokio::task::yield_now(), if !self.ready.is_empty() => {}
                () = sleep_until(&mut self.alarm, due), if self.ready.is_empty() => {}
            }
            self.forget_after_a_crash();
            let now = clock::now();
            messages.drain(..).for_each(|message| self.hear(message));
            node.segments().take(&mut arrived);
            self.take(&mut arrived, now);
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

    fn hear(&mut self, message: Message) {
        match message {
            Message::Open(open) => self.open(*open),
            Message::Stop(flow) => {
                if let Some(name) = self.client_of(flow) {
                    self.stop(name);
                }
            }
            Message::Changed(flow) => {
                if let Some(name) = self.client_of(flow) {
                    self.make_ready(name);
                }
            }
        }
    }

    fn client_of(&self, flow: FlowId) -> Option<Name> {
        let is_it = |entry: &Entry| matches!(&entry.end, End::Client(end) if end.flow == flow);
        self.ends.iter().find(|(_, entry)| is_it(entry)).map(|(&name, _)| name)
    }

    fn make_ready(&mut self, name: Name) {
        if let Some(entry) = self.ends.get_mut(&name)
            && !std::mem::replace(&mut entry.ready, true)
        {
            self.ready.push_back(name);
        }
    }

    fn shape(&self, receive: usize, send: usize, congestion: Congestion) -> Shape {
        // Numbers of a connection that are like those of the one before would be taken for its own.
        let seed = self.seed ^ (u64::from(self.node.id().0) << 32) ^ clock::now().0;
        Shape { mtu: usize::from(self.node.mtu()), receive, send, congestion, partial: Partial::AtOnce, seed }
    }

    fn open(&mut self, open: Open) {
        let now = clock::now();
        let Open { flow, terms, addresses: (own, to), stats, connected, done } = open;
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
        let Ok(client) = Client::new((flow, Arc::clone(&terms)), ends, &shape, self.pattern.clone(), now)
        else {
            return refuse(done);
        };
        let way = Way::new(&self.node, (own, port), peer).on(terms, Arc::clone(&stats));
        let end = ClientEnd { client, flow: id, stats, connected: Some(connected), done };
        self.insert(Name { peer, port }, End::Client(Box::new(end)), way);
    }

    fn insert(&mut self, name: Name, end: End, way: Way) {
        self.ends.insert(name, Entry { end, way, due: None, ready: true });
        self.ready.push_back(name);
    }

    /// Hands packets to the ends that they are for, all that come of one connection in a row at once.
    fn take(&mut self, packets: &mut Vec<Bytes>, now: Instant) {
        let (mut run, mut of) = (std::mem::take(&mut self.run), None);
        for packet in packets.drain(..) {
            let Some(origin) = Origin::of(&packet) else { continue };
            if let Some(before) = of.replace(origin).filter(|&before| before != origin) {
                self.take_run(before, &mut run, now);
            }
            run.push(packet);
        }
        if let Some(origin) = of {
            self.take_run(origin, &mut run, now);
        }
        self.run = run;
    }

    fn take_run(&mut self, Origin { own, name, begins }: Origin, run: &mut Vec<Bytes>, now: Instant) {
        if let Some(number) = begins.filter(|_| name.port == SERVER_PORT) {
            self.accept(own, name, number, now);
        }
        match self.ends.get_mut(&name) {
            Some(entry) => {
                let endpoint = entry.endpoint();
                run.drain(..).for_each(|packet| endpoint.take(packet, now));
                if !std::mem::replace(&mut entry.ready, true) {
                    self.ready.push_back(name);
                }
            }
            None => run.drain(..).for_each(|packet| self.reject(own, packet, now)),
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
            let way = Way::new(&self.node, (own, name.port), name.peer);
            self.insert(name, End::Server(Box::new(server)), way);
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
        endpoint.fetch(&mut self.outbound);
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

#[cfg(test)]
mod tests;
