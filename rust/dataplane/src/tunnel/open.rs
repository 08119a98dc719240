//! How a tunnel begins: at the node of its client, and at that of its server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nextmini_wire::chain::{Opening, Refusal};
use nextmini_wire::id::RouteId;
use nextmini_wire::packet::Content;
use nextmini_wire::tunnel::{Record, Side, StreamId};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::carry::{CarryError, carry};
use super::end::{End, EndError};
use super::registry::{Name, News};
use crate::event::Events;
use crate::max::chain::{Chains, refusal};
use crate::max::enter::Trip;
use crate::max::tasks::Tasks;
use crate::node::{Arrived, Node};
use crate::routes::RouteKind;
use crate::timers::Timers;

/// There is an answer by then.
const OPEN_DEADLINE: Duration = Duration::from_secs(10);

/// The first record of the other end. What follows stays there: it is its turn to be silent then.
async fn first(end: &mut End) -> Result<Record, EndError> {
    loop {
        if let Some(first) = end.take_first() {
            return Ok(first);
        }
        end.turn(None).await?;
    }
}

/// The tunnels of a process.
#[derive(Debug)]
pub struct Tunnels {
    chains: Arc<Chains>,
    timers: Timers,
    tasks: Tasks,
}

impl Tunnels {
    /// None yet; `chains` connect to programs, and panics are reported as `events`.
    pub fn new(chains: Arc<Chains>, timers: Timers, events: Events) -> Arc<Self> {
        Arc::new(Self { chains, timers, tasks: Tasks::new(events) })
    }

    /// Opens a tunnel for a connection, and returns this end of it and the address that its destination sees.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn open(self: &Arc<Self>, trip: Trip) -> Result<(End, Option<SocketAddr>), Refusal> {
        // Any number will do, as long as it is not that of a tunnel that the node had before it went down.
        let start = getrandom::u32().map_err(|_| Refusal::General)?;
        let node = Arc::clone(trip.from());
        let registered = node.tunnels().open(trip.to, start).ok_or(Refusal::General)?;
        let mut end = End::new(Arc::clone(&node), registered, &self.timers);
        node.find_route(end.key(), trip.to, RouteKind::Any).await.ok_or(Refusal::NetworkUnreachable)?;
        let Trip { client, destination, .. } = trip;
        // Its packets find their own way.
        let opening = Opening { route: RouteId(0), position: 0, label: 0, class: 0, client, destination };
        end.say(&Record::Opening(opening)).map_err(|_| Refusal::HostUnreachable)?;
        let answered = timeout(OPEN_DEADLINE, first(&mut end)).await;
        let record = answered.map_err(|_| Refusal::TimedOut)?.map_err(|error| {
            tracing::debug!(%error, node = %node.id(), "a tunnel was not opened");
            Refusal::General
        })?;
        match record {
            Record::Answer(Ok(bound)) => Ok((end, bound)),
            Record::Answer(Err(refusal)) => {
                self.finish(end);
                Err(refusal)
            }
            _ => Err(Refusal::General),
        }
    }

    /// Has the other end of a tunnel hear that it is over, for as long as that takes.
    pub fn finish(&self, mut end: End) {
        self.tasks.spawn(end.node().id(), "tunnel", async move {
            if let Err(error) = end.linger().await {
                tracing::debug!(%error, "the end of a tunnel was not heard");
            }
        });
    }
    /// Takes a piece of a stream of a tunnel, which begins one if nothing is known of it. Whether it is of use.
    pub fn take(self: &Arc<Self>, node: &Arc<Node>, stream: StreamId, piece: Arrived) -> bool {
        let Some(peer) = node.routes().load().origin(piece.route, piece.source) else {
            return false;
        };
        let name = Name { peer, number: stream.number, side: stream.sender.other() };
        let begins = matches!(piece.content, Content::Chunk(chunk) if chunk.offset == 0);
        let news = News::Arrived(Arc::new(piece));
        if node.tunnels().tell(name, news.clone()) {
            return true;
        }
        if stream.sender != Side::Opener || !begins {
            return false;
        }
        let Some(registered) = node.tunnels().register(name) else { return false };
        let heard = node.tunnels().tell(name, news);
        let (tunnels, end) = (Arc::clone(self), End::new(Arc::clone(node), registered, &self.timers));
        self.tasks.spawn(node.id(), "tunnel", async move {
            if let Err(error) = tunnels.serve(end).await {
                tracing::debug!(%error, ?name, "a tunnel broke");
            }
        });
        heard
    }

    async fn serve(&self, mut end: End) -> Result<(), CarryError> {
        let asked = timeout(OPEN_DEADLINE, first(&mut end)).await;
        let Record::Opening(opening) = asked.map_err(|_| EndError::Silent)?? else {
            return Err(CarryError::Order);
        };
        let outcome = match self.connect(&end, &opening).await {
            Ok((stream, bound)) => {
                end.say(&Record::Answer(Ok(bound)))?;
                carry(stream, &mut end).await
            }
            Err(refusal) => Ok(end.say(&Record::Answer(Err(refusal)))?),
        };
        if !matches!(outcome, Err(CarryError::End(_))) {
            end.linger().await?;
        }
        outcome
    }

    async fn connect(
        &self,
        end: &End,
        opening: &Opening,
    ) -> Result<(TcpStream, Option<SocketAddr>), Refusal> {
        let seat = self.chains.ground().seats.get(&end.node().id()).cloned().ok_or(Refusal::General)?;
        let stream = self.chains.connect(&seat, &opening.destination, opening.client).await?;
        let bound = stream.local_addr().map_err(refusal)?;
        Ok((stream, Some(bound)))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use nextmini_policy::link::settings::Checked;
    use nextmini_policy::lossless::Pattern;
    use nextmini_policy::route::{Route, RouteTable};
    use nextmini_sys::socket::{Ending, set_ending};
    use nextmini_wire::control::direction::Loss;
    use nextmini_wire::control::{Direction, Timing};
    use nextmini_wire::handshake::LinkKey;
    use nextmini_wire::id::NodeId;
    use nextmini_wire::socks::Target;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::{mpsc, watch};
    use tokio::task::JoinSet;

    use super::*;
    use crate::fixture::Line;
    use crate::flow::sink::Sink;
    use crate::max::enter::Client;
    use crate::max::ground::{Ground, Seat};
    use crate::outside::Outside;

    /// Three nodes in a line, and a program that the last one has.
    struct Net {
        line: Line,
        chains: Arc<Chains>,
        tunnels: Arc<Tunnels>,
        server: TcpListener,
        _running: JoinSet<()>,
        _owner: watch::Sender<bool>,
    }

    impl Net {
        async fn new() -> Self {
            let mut line = Line::new(3);
            let path = |ids: [u32; 3]| ids.map(NodeId).to_vec();
            let routes = [(1, path([1, 2, 3])), (2, path([3, 2, 1]))];
            let routes = routes.map(|(id, path)| Route::new(RouteId(id), path, 1, 1_460).unwrap());
            line.routes.replace(RouteTable::default().changed(&[], routes));
            let (events, _) = mpsc::unbounded_channel();
            let key = LinkKey::from_hex(&"0f".repeat(32)).unwrap();
            let outside = Outside::new(None);
            let chains = Chains::new(key, Arc::clone(&line.routes), events.clone(), outside, 65_536);
            let seat = |node: &Arc<Node>| (node.id(), Seat { node: Arc::clone(node), room: Arc::default() });
            let seats = line.nodes.iter().map(seat).collect();
            chains.set_ground(Ground { seats, exits: Default::default() });
            let timers = Timers::start(Timing::Normal).unwrap();
            let tunnels = Tunnels::new(Arc::clone(&chains), timers, events);
            let mut running = line.run();
            let owner = watch::Sender::new(false);
            for (node, arrived) in line.nodes.iter().zip(line.arrived.drain(..)) {
                let pattern = Pattern::new(1);
                let sink = Sink::new(Arc::clone(node), pattern, Arc::default(), Arc::clone(&tunnels));
                running.spawn(sink.run(arrived, owner.subscribe()));
            }
            let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
            Self { line, chains, tunnels, server, _running: running, _owner: owner }
        }

        fn trip(&self, port: u16) -> Trip {
            let client = Client::Of(([127, 0, 0, 1], 4_000).into());
            let target = Target::Address(([10, 0, 0, 3], port).into());
            self.chains.plan(NodeId(1), client, &target, None).unwrap()
        }

        /// A client's connection and the server's, and what carries them.
        async fn connected(&self) -> (TcpStream, TcpStream, JoinSet<Result<(), CarryError>>) {
            let opening = self.tunnels.open(self.trip(self.server.local_addr().unwrap().port()));
            let (opened, accepted) = tokio::join!(opening, self.server.accept());
            let (mut end, bound) = opened.unwrap();
            let (server, peer) = accepted.unwrap();
            assert_eq!(bound, Some(peer));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let (mut carrying, tunnels) = (JoinSet::new(), Arc::clone(&self.tunnels));
            carrying.spawn(async move {
                let outcome = carry(stream, &mut end).await;
                tunnels.finish(end);
                outcome
            });
            (client, server, carrying)
        }

        fn impair(&self, direction: &Direction) {
            for link in self.line.there.iter().chain(&self.line.back) {
                link.set(1_500, Checked::new(direction, None).unwrap());
            }
        }
    }

    fn data(bytes: usize, seed: usize) -> Vec<u8> {
        (0..bytes).map(|at| ((at + seed) % 251) as u8).collect()
    }

    async fn exchange(net: &Net, there: usize, back: usize) {
        let (client, server, mut carrying) = net.connected().await;
        let (question, answer) = (data(there, 1), data(back, 2));
        let talk = async |stream: TcpStream, said: &[u8]| {
            let (mut from, mut to) = stream.into_split();
            let sending = async {
                to.write_all(said).await.unwrap();
                to.shutdown().await.unwrap();
            };
            let mut heard = Vec::new();
            let ((), read) = tokio::join!(sending, from.read_to_end(&mut heard));
            read.unwrap();
            heard
        };
        let (answered, asked) = tokio::join!(talk(client, &question), talk(server, &answer));
        assert!(answered == answer && asked == question);
        carrying.join_next().await.unwrap().unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn both_sides_get_all_that_the_other_sent() {
        let net = Net::new().await;
        exchange(&net, 9_000_000, 5_000_000).await;
        let counters = net.line.there[1].counters().0;
        // With the headers that packets of 1,500 bytes have.
        assert!(counters.bytes > 9_000_000 && counters.bytes < 9_600_000, "{counters:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_lost_on_the_way_is_sent_again() {
        let net = Net::new().await;
        net.impair(&Direction {
            loss: Some(Loss::Random { probability: 0.05, correlation: 0.0 }),
            delay_ns: 1_000_000,
            ..Direction::default()
        });
        exchange(&net, 300_000, 200_000).await;
        assert!(net.line.there[0].counters().0.drops.loss > 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_program_that_does_not_read_stops_the_other_one() {
        let net = Net::new().await;
        let (client, server, _carrying) = net.connected().await;
        // More than the credit and what the kernel holds on both sides.
        let most = 64 << 20;
        let mut sent = 0;
        let piece = vec![7; 1 << 20];
        while let Ok(Ok(())) = timeout(Duration::from_millis(500), client.writable()).await {
            match client.try_write(&piece) {
                Ok(bytes) => sent += bytes,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            assert!(sent < most);
        }
        let mut server = server;
        let mut buffer = vec![0; 1 << 20];
        let mut received = 0;
        while received < sent {
            received += server.read(&mut buffer).await.unwrap();
        }
        assert_eq!(received, sent);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn why_there_is_no_connection_is_said() {
        let net = Net::new().await;
        let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let refused = net.tunnels.open(net.trip(unused)).await.err();
        assert_eq!(refused, Some(Refusal::ConnectionRefused));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn when_one_connection_breaks_the_other_is_reset() {
        let net = Net::new().await;
        for first in [true, false] {
            let (client, server, _carrying) = net.connected().await;
            let (breaks, mut hears) = if first { (client, server) } else { (server, client) };
            set_ending(&breaks, Ending::Reset).unwrap();
            drop(breaks);
            let error = hears.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_node_that_goes_down_takes_its_end_with_it() {
        let net = Net::new().await;
        let (mut client, _server, mut carrying) = net.connected().await;
        net.line.nodes[0].crash();
        assert!(matches!(carrying.join_next().await.unwrap().unwrap(), Err(CarryError::End(EndError::Down))));
        assert_eq!(client.read(&mut [0]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}
