//! The connections of a flow from process to process: who opens them, and who accepts.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use nextmini_policy::route::Route;
use nextmini_sys::socket::ChainSocket;
use nextmini_sys::tcp::set_lasting;
use nextmini_sys::watched::Watched;
use nextmini_wire::chain::{self, Answer, Destination, LENGTH_BYTES, Opening, Refusal};
use nextmini_wire::control::SinkCounters;
use nextmini_wire::handshake::LinkKey;
use nextmini_wire::id::{FlowId, LinkId, NodeId, RouteId};
use rustc_hash::FxHashMap;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::gate::{Start, Way};
use super::ground::{Ground, Seat, Segment};
use super::lane::LaneError;
use super::pipes::Pipes;
use super::push::BUFFER;
use super::relay::{Carried, Ways, relay};
use super::sink::Sink;
use super::stretch::{Broken, Stretch};
use super::target::Target;
use super::tasks::Tasks;
use crate::event::Events;
use crate::link::authenticate;
use crate::node::Node;
use crate::outside::Outside;
use crate::routes::Routes;

/// What stands for the link in the handshake of a connection that is a flow's: links are numbered from 1.
pub const NO_LINK: LinkId = LinkId(0);

/// A connection to the next process is there by then.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// All connections of a flow are there by then.
const OPEN_DEADLINE: Duration = Duration::from_secs(10);
/// A route that another process knows already is known here by then.
const ROUTE_DEADLINE: Duration = Duration::from_secs(2);

/// The flows in max mode of a process.
#[derive(Debug)]
pub struct Chains {
    ground: ArcSwap<Ground>,
    routes: Arc<Routes>,
    outside: Outside,
    key: LinkKey,
    pipes: Pipes,
    /// What declared flows carry, all the same.
    data: Bytes,
    /// Rings when a node goes down or is removed.
    lost: watch::Sender<()>,
    /// How many changes of nodes and links are being put in force.
    changing: watch::Sender<usize>,
    /// Bytes that have arrived of declared flows.
    arrived: Mutex<FxHashMap<FlowId, Arc<AtomicU64>>>,
    /// Whether all flows are being stopped.
    ending: watch::Sender<bool>,
    tasks: Tasks,
}

/// Why a flow ended before its time.
#[derive(Debug, Error)]
pub enum ChainError {
    /// A connection broke.
    #[error("its connection broke ({0})")]
    Io(#[from] io::Error),
    /// A direction broke.
    #[error(transparent)]
    Lane(#[from] LaneError),
    /// The other end said something that makes no sense.
    #[error("its other end sent {0}")]
    Message(#[from] chain::ChainError),
    /// It said nothing.
    #[error("its other end said nothing for {OPEN_DEADLINE:?}")]
    Silent,
    /// Its way is no way any more.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// A way that is open.
#[derive(Debug)]
pub struct Opened {
    /// Where bytes go that have crossed the links in this process.
    pub far: Watched,
    /// The address that the destination sees.
    pub bound: Option<SocketAddr>,
    /// The links in between.
    pub ways: Ways,
    /// Where it leads through this process.
    pub stretch: Stretch,
}

impl Chains {
    /// None yet; pipes are to have `pipe` bytes.
    pub fn new(
        key: LinkKey,
        routes: Arc<Routes>,
        events: Events,
        outside: Outside,
        pipe: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            ground: ArcSwap::default(),
            routes,
            outside,
            key,
            pipes: Pipes::new(pipe),
            data: (0..BUFFER).map(|at| (at % 251) as u8).collect(),
            tasks: Tasks::new(events),
            lost: watch::Sender::new(()),
            changing: watch::Sender::new(0),
            arrived: Mutex::default(),
            ending: watch::Sender::new(false),
        })
    }

    /// Nodes and links are being changed, which may lose credits before it is known here why, until what is returned
    /// is dropped.
    pub fn changing(self: &Arc<Self>) -> Changing {
        self.changing.send_modify(|changes| *changes += 1);
        Changing(Arc::clone(self))
    }

    /// Puts other nodes and links in force.
    pub fn set_ground(&self, ground: Ground) {
        self.ground.store(Arc::new(ground));
        self.look();
    }

    /// What declared flows carry.
    pub fn data(&self) -> Bytes {
        self.data.clone()
    }

    /// What has arrived of the declared flows that end here.
    pub fn counters(&self) -> Vec<SinkCounters> {
        let load = |(&flow, bytes): (&FlowId, &Arc<AtomicU64>)| SinkCounters {
            flow,
            bytes: bytes.load(Ordering::Relaxed),
            packets: 0,
        };
        self.arrived().iter().map(load).collect()
    }

    fn arrived(&self) -> MutexGuard<'_, FxHashMap<FlowId, Arc<AtomicU64>>> {
        // The map is valid after every single operation.
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All flows are being stopped: from now on what breaks has not failed.
    pub fn ending(&self) {
        self.ending.send_replace(true);
    }

    /// Waits until all flows have ended. Dropping it ends them: their other ends hear that they broke.
    pub async fn ended(&self) {
        self.tasks.ended().await;
    }

    /// What its nodes look up.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// What is in force.
    pub fn ground(&self) -> Arc<Ground> {
        self.ground.load_full()
    }

    /// Has flows look whether their nodes are still up.
    pub fn look(&self) {
        self.lost.send_replace(());
    }

    /// Opens the way of a flow from the node at `opening.position` of its route on.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn open(self: &Arc<Self>, opening: Opening) -> Result<Opened, Refusal> {
        timeout(OPEN_DEADLINE, self.open_all(opening)).await.unwrap_or(Err(Refusal::TimedOut))
    }

    async fn open_all(self: &Arc<Self>, opening: Opening) -> Result<Opened, Refusal> {
        let (route, segment) = self.segment(&opening).await?;
        self.open_along(&opening, &route, &segment).await
    }

    async fn open_along(
        self: &Arc<Self>,
        opening: &Opening,
        route: &Route,
        segment: &Segment,
    ) -> Result<Opened, Refusal> {
        let (far, bound) = match &segment.onward {
            Some((peer, congestion)) => {
                let position = segment.last + 1;
                let from = segment.end().id();
                let onward = Opening { position, ..opening.clone() };
                connect(*peer, congestion, &self.key, from, onward).await?
            }
            None => self.reach(opening, segment).await?,
        };
        let ways = ways(opening, route, segment);
        Ok(Opened { far, bound, ways, stretch: Stretch::new(segment) })
    }

    async fn segment(&self, opening: &Opening) -> Result<(Arc<Route>, Segment), Refusal> {
        let route = timeout(ROUTE_DEADLINE, self.route(opening.route)).await;
        let route = route.map_err(|_| Refusal::NetworkUnreachable)?;
        let segment = self.ground.load().segment(&route, opening.position)?;
        Ok((route, segment))
    }

    async fn route(&self, id: RouteId) -> Arc<Route> {
        let mut changes = self.routes.changes();
        loop {
            if let Some(route) = self.routes.load().get(id) {
                return Arc::clone(route);
            }
            if changes.changed().await.is_err() {
                // No table will ever come: the process is ending, and with it this task.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Connects to what is at the last node.
    async fn reach(
        self: &Arc<Self>,
        opening: &Opening,
        segment: &Segment,
    ) -> Result<(Watched, Option<SocketAddr>), Refusal> {
        if let Destination::Flow(flow) = opening.destination {
            let (ours, theirs) = pair().map_err(refusal)?;
            // Whoever writes into the other socket has asked the links.
            let sink = Sink::new(flow, opening.route, Arc::clone(segment.end()), None);
            self.sink(sink, segment, theirs);
            return Ok((ours, None));
        }
        let seat = Seat { node: Arc::clone(segment.end()), room: Arc::clone(&segment.room) };
        let stream = self.connect(&seat, &opening.destination, opening.client).await?;
        reached(stream).map_err(refusal)
    }

    /// Connects to a program, or to the outside, at the end of a way.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(
        &self,
        seat: &Seat,
        destination: &Destination,
        client: Option<SocketAddr>,
    ) -> Result<TcpStream, Refusal> {
        let book = Arc::clone(&self.routes.addresses());
        let target = Target { seat, book: &book, outside: &self.outside };
        target.connect(destination, client).await
    }

    fn sink(self: &Arc<Self>, sink: Sink, segment: &Segment, from: Watched) {
        let (flow, arrived) = sink.arrived();
        self.arrived().insert(flow, arrived);
        let (chains, stretch, ending) = (Arc::clone(self), Stretch::new(segment), self.ending.subscribe());
        self.tasks.spawn(segment.end().id(), "sink of a max flow", async move {
            sink.run(from, (&chains, &stretch), ending).await;
        });
    }

    /// Takes a connection whose other end has proved itself, and does what it asks for.
    pub fn accept(self: &Arc<Self>, stream: TcpStream, from: NodeId) {
        let chains = Arc::clone(self);
        self.tasks.spawn(from, "max flow", async move {
            match chains.serve(stream).await {
                Ok(()) => {}
                Err(error) => tracing::debug!(%error, %from, "a max flow broke"),
            }
        });
    }

    async fn serve(self: &Arc<Self>, mut stream: TcpStream) -> Result<(), ChainError> {
        set_lasting(&stream)?;
        let opening = Opening::decode(&read_message(&mut stream).await?)?;
        let (route, segment) = match self.segment(&opening).await {
            Ok(found) => found,
            Err(refusal) => return answer(&mut stream, Err(refusal)).await,
        };
        if let Some(congestion) = self.ground().congestion_back(&route, opening.position)
            && set(&stream, &congestion).is_err()
        {
            return answer(&mut stream, Err(Refusal::General)).await;
        }
        if let (Destination::Flow(flow), None) = (&opening.destination, &segment.onward) {
            // It takes its bytes from the connection itself.
            answer(&mut stream, Ok(None)).await?;
            let way = ways(&opening, &route, &segment).forward;
            let sink = Sink::new(*flow, opening.route, Arc::clone(segment.end()), way);
            self.sink(sink, &segment, watched(stream)?);
            return Ok(());
        }
        let opening = timeout(OPEN_DEADLINE, self.open_along(&opening, &route, &segment)).await;
        match opening.unwrap_or(Err(Refusal::TimedOut)) {
            Ok(opened) => {
                answer(&mut stream, Ok(opened.bound)).await?;
                self.join(watched(stream)?, opened, &Carried::default()).await
            }
            Err(refusal) => answer(&mut stream, Err(refusal)).await,
        }
    }

    /// Joins a connection to a way that is open, until both have ended.
    ///
    /// # Errors
    /// See [`ChainError`].
    pub async fn join(&self, near: Watched, opened: Opened, carried: &Carried) -> Result<(), ChainError> {
        let Opened { far, ways, stretch, .. } = opened;
        tokio::select! {
            ended = relay([near, far], ways, &self.pipes, carried) => match ended {
                Err(LaneError::Lost(_)) => Err(self.what_broke(&stretch).await.into()),
                ended => Ok(ended?),
            },
            broken = self.until_broken(&stretch) => Err(broken.into()),
        }
    }

    /// Why a credit was lost there. What is being changed is waited for: a crash, say, empties queues before anybody is
    /// told.
    pub async fn what_broke(&self, stretch: &Stretch) -> Broken {
        // Its sender is this struct's.
        drop(self.changing.subscribe().wait_for(|&changes| changes == 0).await);
        stretch.look(&self.ground.load()).err().unwrap_or(Broken::Route)
    }

    /// Waits until a node of it goes down, a link is gone, or more is asked of one.
    pub async fn until_broken(&self, stretch: &Stretch) -> Broken {
        let mut bell = self.lost.subscribe();
        loop {
            if let Err(broken) = stretch.look(&self.ground.load()) {
                return broken;
            }
            if bell.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Nodes and links are being changed for as long as it is there.
#[derive(Debug)]
#[must_use]
pub struct Changing(Arc<Chains>);

impl Drop for Changing {
    fn drop(&mut self) {
        self.0.changing.send_modify(|changes| *changes -= 1);
    }
}

/// Where credits begin, there and back.
fn ways(opening: &Opening, route: &Route, segment: &Segment) -> Ways {
    let start = |node: &Arc<Node>, route: RouteId, position: u16, chunk: u32| {
        let node = Arc::clone(node);
        Way::new(Start { node, route, position, label: opening.label, class: opening.class, chunk })
    };
    let (Segment { first, last, length, .. }, chunk) = (segment, route.chunk());
    let back = length - 1 - last;
    Ways {
        forward: (first + 1 < *length).then(|| start(segment.begin(), route.id(), *first, chunk)),
        backward: (*last > 0).then(|| start(segment.end(), route.id().back(), back, chunk)),
    }
}

/// Connects to the process at the next node, and hears whether the rest of the way is open.
async fn connect(
    peer: SocketAddr,
    congestion: &str,
    key: &LinkKey,
    from: NodeId,
    opening: Opening,
) -> Result<(Watched, Option<SocketAddr>), Refusal> {
    let connecting = timeout(CONNECT_DEADLINE, TcpStream::connect(peer)).await;
    let mut stream = connecting.map_err(|_| Refusal::TimedOut)?.map_err(refusal)?;
    set(&stream, congestion)?;
    if let Err(error) = authenticate::dial(&mut stream, key, NO_LINK, from).await {
        tracing::warn!(%error, %peer, "refused a max flow");
        return Err(Refusal::NetworkUnreachable);
    }
    let bytes = opening.encode().map_err(|_| Refusal::General)?;
    stream.write_all(&bytes).await.map_err(refusal)?;
    let answer = read_message(&mut stream).await.map_err(|error| {
        tracing::debug!(%error, %peer, "no answer for a max flow");
        Refusal::NetworkUnreachable
    })?;
    let bound = chain::decode_answer(&answer).map_err(|_| Refusal::General)??;
    Ok((watched(stream).map_err(refusal)?, bound))
}

/// Each end of a connection has a congestion control of its own, for what it sends.
fn set(stream: &TcpStream, congestion: &str) -> Result<(), Refusal> {
    ChainSocket { congestion }.apply(stream).map_err(|error| {
        tracing::warn!(%error, "cannot set a max flow's connection");
        Refusal::General
    })
}

async fn read_message(stream: &mut TcpStream) -> Result<Vec<u8>, ChainError> {
    let reading = async {
        let mut length = [0; LENGTH_BYTES];
        stream.read_exact(&mut length).await?;
        let mut bytes = vec![0; chain::length(length)?];
        stream.read_exact(&mut bytes).await?;
        Ok(bytes)
    };
    timeout(OPEN_DEADLINE, reading).await.unwrap_or(Err(ChainError::Silent))
}

async fn answer(stream: &mut TcpStream, answer: Answer) -> Result<(), ChainError> {
    Ok(stream.write_all(&chain::encode_answer(answer)).await?)
}

/// What SOCKS would say of a failure to connect.
pub fn refusal(error: io::Error) -> Refusal {
    match error.kind() {
        // A server may take its welcome back.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Refusal::ConnectionRefused,
        io::ErrorKind::HostUnreachable => Refusal::HostUnreachable,
        io::ErrorKind::NetworkUnreachable => Refusal::NetworkUnreachable,
        io::ErrorKind::TimedOut => Refusal::TimedOut,
        io::ErrorKind::PermissionDenied => Refusal::NotAllowed,
        _ => Refusal::General,
    }
}

/// A connection to a destination, and the address that the destination sees.
pub(super) fn reached(stream: TcpStream) -> io::Result<(Watched, Option<SocketAddr>)> {
    let bound = stream.local_addr()?;
    Ok((watched(stream)?, Some(bound)))
}

/// A connection whose bytes the kernel is to move.
pub fn watched(stream: TcpStream) -> io::Result<Watched> {
    Watched::new(stream.into_std()?.into(), Interest::READABLE | Interest::WRITABLE)
}

/// Two sockets, of which each has what the other is written.
fn pair() -> io::Result<(Watched, Watched)> {
    let (one, other) = UnixStream::pair()?;
    let watch = |socket: UnixStream| {
        socket.set_nonblocking(true)?;
        Watched::new(socket.into(), Interest::READABLE | Interest::WRITABLE)
    };
    Ok((watch(one)?, watch(other)?))
}

#[cfg(test)]
mod tests {
    use nextmini_sys::socket::{end_sending, receive, send};
    use nextmini_wire::control::{FlowChange, FlowStatus};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;
    use crate::event::Event;
    use crate::fixture::Line;
    use crate::link::listen::{self, Arrivals};
    use crate::max::ground::{Asked, Crossing, Exit, Seat};
    use crate::tls::identity::Identity;
    use nextmini_policy::link::LinkUp;

    /// Five nodes in a line, of which the first two are in one process and the others in another.
    struct Split {
        line: Line,
        chains: [Arc<Chains>; 2],
    }

    fn key(byte: &str) -> LinkKey {
        LinkKey::from_hex(&byte.repeat(32)).unwrap()
    }

    impl Split {
        async fn new(keys: [LinkKey; 2]) -> Self {
            let line = Line::new(5);
            let (events, _) = mpsc::unbounded_channel();
            let chains = keys.clone().map(|key| {
                let outside = Outside::new(None);
                Chains::new(key, Arc::clone(&line.routes), events.clone(), outside, 512 * 1024)
            });
            let mut peers = Vec::new();
            for (chains, key) in chains.iter().zip(keys) {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                peers.push(listener.local_addr().unwrap());
                let identity = Identity::new(key).unwrap();
                tokio::spawn(listen::accept(listener, identity, Arrivals::default(), Arc::clone(chains)));
            }
            let split = Self { line, chains };
            split.set_ground(0, 1..=2, (2, 3, peers[1]));
            split.set_ground(1, 3..=5, (3, 2, peers[0]));
            split
        }

        fn set_ground(
            &self,
            process: usize,
            ids: std::ops::RangeInclusive<u32>,
            out: (u32, u32, SocketAddr),
        ) {
            let seat = |id: u32| {
                let node = Arc::clone(&self.line.nodes[id as usize - 1]);
                (NodeId(id), Seat { node, room: Arc::default() })
            };
            let exit = |crossing| Exit { crossing, asked: Asked::Rate };
            let memory = |id: u32| ((NodeId(id), NodeId(id + 1)), exit(Crossing::Memory));
            let (from, to, peer) = out;
            let tcp = exit(Crossing::Tcp { peer, congestion: "cubic".into() });
            let exits = (*ids.start()..*ids.end()).map(memory).chain([((NodeId(from), NodeId(to)), tcp)]);
            let ground = Ground { seats: ids.map(seat).collect(), exits: exits.collect() };
            self.chains[process].set_ground(ground);
        }

        async fn open(&self) -> Result<Opened, Refusal> {
            self.chains[0].open(opening()).await
        }

        async fn ended(&mut self) -> FlowChange {
            loop {
                if let Some(Event::Flow(change)) = self.line.heard.recv().await {
                    return change;
                }
            }
        }
    }

    fn opening() -> Opening {
        let destination = Destination::Flow(FlowId(7));
        Opening { route: RouteId(1), position: 0, label: 0, class: 0, client: None, destination }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn bytes_get_from_the_first_process_to_the_sink_in_the_last() {
        let mut split = Split::new([key("0f"), key("0f")]).await;
        let opened = split.open().await.unwrap();
        let mut way = opened.ways.forward.unwrap();
        way.ask(5);
        // The link between the two is the test's, and carries in memory what links between processes redeem.
        way.news().await;
        assert_eq!(way.take(), Ok(5));
        opened.far.ready(Interest::WRITABLE).await.map(drop).unwrap();
        send(&opened.far, b"bytes").unwrap();
        end_sending(&opened.far).unwrap();
        let sink = split.ended().await;
        assert_eq!((sink.flow, sink.status, sink.bytes), (FlowId(7), FlowStatus::Completed, 5));
        assert_eq!(split.chains[1].counters(), [SinkCounters { flow: FlowId(7), bytes: 5, packets: 0 }]);
        // And it says so by closing its side.
        opened.far.ready(Interest::READABLE).await.map(drop).unwrap();
        assert_eq!(receive(&opened.far, &mut [0; 9]).unwrap(), 0);
        // All links behind the connection were asked again, by the process that has them.
        assert_eq!(split.line.there[3].counters().0.entered, 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_accepting_end_has_the_congestion_control_of_its_link_too() {
        let split = Split::new([key("0f"), key("0f")]).await;
        for (congestion, refusal) in [("reno", None), ("nonesuch", Some(Refusal::General))] {
            let peer = ([127, 0, 0, 1], 7).into();
            let back =
                Exit { crossing: Crossing::Tcp { peer, congestion: congestion.into() }, asked: Asked::Rate };
            let mut ground = split.chains[1].ground().as_ref().clone();
            ground.exits.insert((NodeId(3), NodeId(2)), back);
            split.chains[1].set_ground(ground);
            assert_eq!(split.open().await.err(), refusal);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_first_process_hears_why_the_last_one_refuses() {
        let split = Split::new([key("0f"), key("0f")]).await;
        split.line.nodes[4].crash();
        assert_eq!(split.open().await.unwrap_err(), Refusal::HostUnreachable);
        split.line.nodes[3].crash();
        assert_eq!(split.open().await.unwrap_err(), Refusal::NetworkUnreachable);
        split.line.nodes[3..].iter().for_each(|node| node.restart());
        // The way ends at another node than the address is of, and nobody listens at the port.
        let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        for (last, refusal) in [(4, Refusal::General), (5, Refusal::ConnectionRefused)] {
            let destination = Destination::Address(([10, 0, 0, last], unused).into());
            let opening = Opening { destination, ..opening() };
            assert_eq!(split.chains[0].open(opening).await.unwrap_err(), refusal);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_program_at_the_last_node_is_connected_to_the_first() {
        let split = Split::new([key("0f"), key("0f")]).await;
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let destination = Destination::Address(([10, 0, 0, 5], port).into());
        let opened = split.chains[0].open(Opening { destination, ..opening() }).await.unwrap();
        let (mut program, peer) = server.accept().await.unwrap();
        assert_eq!(opened.bound, Some(peer));
        program.write_all(b"welcome").await.unwrap();
        opened.far.ready(Interest::READABLE).await.map(drop).unwrap();
        assert_eq!(receive(&opened.far, &mut [0; 9]).unwrap(), 7);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn processes_of_different_experiments_refuse_each_other() {
        let split = Split::new([key("0f"), key("f0")]).await;
        assert_eq!(split.open().await.unwrap_err(), Refusal::NetworkUnreachable);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_crash_behind_the_connection_is_a_reset_before_it() {
        let mut split = Split::new([key("0f"), key("0f")]).await;
        let opened = split.open().await.unwrap();
        split.line.nodes[4].crash();
        split.chains[1].look();
        let sink = split.ended().await;
        assert_eq!(
            (sink.status, sink.reason.unwrap()),
            (FlowStatus::Failed, "node 5 of its route went down".into())
        );
        opened.far.ready(Interest::READABLE).await.map(drop).unwrap();
        let error = receive(&opened.far, &mut [0; 9]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn bytes_that_are_no_opening_end_the_connection() {
        let split = Split::new([key("0f"), key("0f")]).await;
        let Some(Crossing::Tcp { peer, .. }) =
            split.chains[0].ground().exits.get(&(NodeId(2), NodeId(3))).map(|exit| exit.crossing.clone())
        else {
            panic!()
        };
        for wrong in [&[0, 0][..], &[2, 1], &[0, 1, 9]] {
            let mut stream = TcpStream::connect(peer).await.unwrap();
            authenticate::dial(&mut stream, &key("0f"), NO_LINK, NodeId(2)).await.unwrap();
            stream.write_all(wrong).await.unwrap();
            // Whether it is an end or a reset depends on what was left unread.
            let ended = stream.read(&mut [0; 9]).await;
            assert!(matches!(ended, Ok(0)) || ended.is_err());
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_is_in_use_hears_what_became_of_its_way() {
        let split = Split::new([key("0f"), key("0f")]).await;
        let opened = split.open().await.unwrap();
        let mut ground = (*split.chains[0].ground()).clone();
        ground.exits.get_mut(&(NodeId(1), NodeId(2))).unwrap().asked = Asked::More;
        split.chains[0].set_ground(ground.clone());
        let broken = split.chains[0].until_broken(&opened.stretch).await;
        assert_eq!(broken, Broken::Asked(NodeId(1), NodeId(2)));
        ground.exits.remove(&(NodeId(1), NodeId(2)));
        split.chains[0].set_ground(ground);
        let broken = split.chains[0].until_broken(&opened.stretch).await;
        assert_eq!(broken, Broken::Link(NodeId(1), NodeId(2)));
    }
    /// Has a flow's first process ask its links for bytes, and says what it ends with.
    async fn join(split: &Split) -> tokio::task::JoinHandle<ChainError> {
        let opened = split.open().await.unwrap();
        let (near, program) = pair().unwrap();
        program.ready(Interest::WRITABLE).await.map(drop).unwrap();
        send(&program, b"bytes").unwrap();
        let chains = Arc::clone(&split.chains[0]);
        tokio::spawn(async move {
            let error = chains.join(near, opened, &Carried::default()).await.unwrap_err();
            drop(program);
            error
        })
    }

    #[tokio::test]
    async fn a_credit_that_is_lost_says_which_node_went_down() {
        let split = Split::new([key("0f"), key("0f")]).await;
        let flow = join(&split).await;
        // Nobody tells the flow to look.
        split.line.nodes[1].crash();
        let error = flow.await.unwrap();
        assert!(matches!(error, ChainError::Broken(Broken::Node(NodeId(2)))), "{error}");
    }

    #[tokio::test]
    async fn a_credit_that_a_change_loses_waits_for_what_has_changed() {
        let split = Split::new([key("0f"), key("0f")]).await;
        let changing = split.chains[0].changing();
        split.line.there[0].set_up(LinkUp::Ended);
        let mut flow = join(&split).await;
        let early = futures_util::poll!(&mut flow);
        assert!(early.is_pending());
        while split.chains[0].changing.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        let mut ground = (*split.chains[0].ground()).clone();
        ground.exits.remove(&(NodeId(1), NodeId(2)));
        // As it was for whoever looked before.
        split.chains[0].ground.store(Arc::new(ground));
        drop(changing);
        let error = flow.await.unwrap();
        assert!(matches!(error, ChainError::Broken(Broken::Link(NodeId(1), NodeId(2)))), "{error}");
    }

    #[tokio::test]
    async fn a_credit_that_is_lost_for_no_reason_leaves_no_route() {
        let split = Split::new([key("0f"), key("0f")]).await;
        split.line.there[0].set_up(LinkUp::Ended);
        let error = join(&split).await.await.unwrap();
        assert!(matches!(error, ChainError::Broken(Broken::Route)), "{error}");
    }
}
