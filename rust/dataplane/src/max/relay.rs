//! Both directions of a flow within a process.

use std::sync::atomic::AtomicU64;

use nextmini_sys::socket::{Ending, set_ending};
use nextmini_sys::watched::Watched;

use super::gate::Way;
use super::lane::{Lane, LaneError};
use super::pipes::Pipes;

/// Bytes that were passed on so far.
#[derive(Debug, Default)]
pub struct Carried {
    /// From where the flow begins to where it ends.
    pub forward: AtomicU64,
    /// Back.
    pub backward: AtomicU64,
}

/// The ways of both directions, where there are links to cross.
#[derive(Debug, Default)]
pub struct Ways {
    /// From where the flow begins to where it ends.
    pub forward: Option<Way>,
    /// Back.
    pub backward: Option<Way>,
}

/// Joins two connections until both sides of both have ended. If either breaks, or their route does, both are reset:
/// at its other end nobody is to take what came for all there was. `near` is the one towards the flow's beginning.
///
/// A process that dies resets them too.
///
/// # Errors
/// See [`LaneError`].
///
/// # Cancel safety
/// If it is dropped, both are reset.
pub async fn relay(
    [near, far]: [Watched; 2],
    ways: Ways,
    pipes: &Pipes,
    carried: &Carried,
) -> Result<(), LaneError> {
    set_ending(&near, Ending::Reset).map_err(LaneError::Source)?;
    set_ending(&far, Ending::Reset).map_err(LaneError::Sink)?;
    let forward = Lane::new((&near, &far), ways.forward, pipes, &carried.forward);
    let backward = Lane::new((&far, &near), ways.backward, pipes, &carried.backward);
    tokio::try_join!(forward.run(), backward.run())?;
    set_ending(&near, Ending::Orderly).map_err(LaneError::Source)?;
    set_ending(&far, Ending::Orderly).map_err(LaneError::Sink)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use nextmini_policy::link::settings::Checked;
    use nextmini_policy::link::{LinkUp, Wanted};
    use nextmini_wire::control::Direction;
    use nextmini_wire::id::RouteId;
    use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, Interest};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::clock;
    use crate::fixture::Line;
    use crate::max::gate::Start;

    struct Relayed {
        client: TcpStream,
        server: TcpStream,
        carried: Arc<Carried>,
        pipes: Arc<Pipes>,
        relay: JoinHandle<Result<(), LaneError>>,
    }

    impl Relayed {
        async fn new(ways: Ways) -> Self {
            let ((client, near), (server, far)) = (connected().await, connected().await);
            let (carried, pipes) = (Arc::new(Carried::default()), Arc::new(Pipes::new(512 * 1024)));
            let (counts, spares) = (Arc::clone(&carried), Arc::clone(&pipes));
            let relay = tokio::spawn(async move { relay([near, far], ways, &spares, &counts).await });
            Self { client, server, carried, pipes, relay }
        }
    }

    /// A program's end of a connection, and ours.
    async fn connected() -> (TcpStream, Watched) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let ours = listener.accept().await.unwrap().0.into_std().unwrap();
        (theirs, Watched::new(ours.into(), Interest::READABLE | Interest::WRITABLE).unwrap())
    }

    /// Over all links of a line, both ways.
    fn over(line: &Line, chunk: u32) -> Ways {
        let way = |node: usize, route| {
            let node = Arc::clone(&line.nodes[node]);
            Some(Way::new(Start { node, route, position: 0, label: 0, class: 0, chunk }))
        };
        let route = RouteId(1);
        Ways { forward: way(0, route), backward: way(line.nodes.len() - 1, route.back()) }
    }

    fn data(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| (at * 31 % 251) as u8).collect()
    }

    async fn send(mut to: impl AsyncWrite + Unpin, data: &[u8]) {
        to.write_all(data).await.unwrap();
        to.shutdown().await.unwrap();
    }

    async fn receive(mut from: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        from.read_to_end(&mut data).await.map(|_| data)
    }

    /// Both programs send so many bytes, and receive what the other one sent.
    async fn exchange(ways: Ways, there: usize, back: usize) -> (Arc<Carried>, Arc<Pipes>) {
        let Relayed { client, server, carried, pipes, relay } = Relayed::new(ways).await;
        let ((from_server, to_server), (from_client, to_client)) = (client.into_split(), server.into_split());
        let (question, answer) = (data(there), data(back));
        let sent = async { tokio::join!(send(to_server, &question), send(to_client, &answer)) };
        let received = async { tokio::join!(receive(from_client), receive(from_server)) };
        let (_, (asked, answered)) = tokio::join!(sent, received);
        assert!(asked.unwrap() == question && answered.unwrap() == answer);
        relay.await.unwrap().unwrap();
        let load = |bytes: &AtomicU64| bytes.load(Ordering::Relaxed) as usize;
        assert_eq!((load(&carried.forward), load(&carried.backward)), (there, back));
        (carried, pipes)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn both_sides_get_all_that_the_other_sent() {
        let (_, pipes) = exchange(Ways::default(), 9_000_000, 3_000_000).await;
        // Both pipes have been given back, empty.
        assert_eq!([(); 2].map(|()| pipes.take().unwrap().held()), [0, 0]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_link_on_the_way_counts_what_passes() {
        let line = Line::new(5);
        exchange(over(&line, 65_536), 9_000_000, 1_000).await;
        for link in &line.there {
            let (counters, waiting) = link.counters();
            assert!(counters.bytes > 9_000_000 && counters.bytes < 9_900_000, "{counters:?}");
            assert_eq!((counters.entered, waiting), (counters.packets, 0));
        }
        assert!(line.back.iter().all(|link| link.counters().0.bytes == 1_040));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn links_with_a_rate_let_no_more_pass() {
        let line = Line::new(3);
        let _running = line.run();
        let limited = Direction { rate: Some(80_000_000), ..Direction::default() };
        line.there[1].set(1_500, Checked::new(&limited, None).unwrap());
        let began = clock::now();
        exchange(over(&line, 1_460), 1_460_000, 100).await;
        // 1,000 packets of 1,500 bytes at 10 MB a second; whoever sends them has a few in hand.
        let took = clock::now().since(began);
        assert!(took.as_secs_f64() > 0.14, "{took:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_side_may_end_before_the_other_begins() {
        let Relayed { mut client, mut server, relay, .. } = Relayed::new(Ways::default()).await;
        send(&mut client, b"question").await;
        assert_eq!(receive(&mut server).await.unwrap(), b"question");
        assert!(!relay.is_finished());
        send(server, b"answer").await;
        assert_eq!(receive(client).await.unwrap(), b"answer");
        relay.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_link_that_is_down_stops_bytes_until_it_is_up() {
        let line = Line::new(3);
        let _running = line.run();
        line.there[1].set_wanted(Wanted::Down);
        let Relayed { mut client, mut server, carried, .. } = Relayed::new(over(&line, 65_536)).await;
        client.write_all(b"question").await.unwrap();
        while line.there[1].counters().1 == 0 {
            tokio::task::yield_now().await;
        }
        // The other direction is up.
        server.write_all(b"news").await.unwrap();
        let mut buffer = [0; 8];
        client.read_exact(&mut buffer[..4]).await.unwrap();
        assert_eq!((&buffer[..4], carried.forward.load(Ordering::Relaxed)), (&b"news"[..], 0));
        line.there[1].set_wanted(Wanted::Up);
        server.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"question");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn when_one_connection_breaks_the_other_is_reset() {
        let Relayed { client, server, relay, .. } = Relayed::new(Ways::default()).await;
        set_ending(&server, Ending::Reset).unwrap();
        drop(server);
        assert_eq!(receive(client).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert!(matches!(relay.await.unwrap(), Err(LaneError::Source(_))));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn when_a_link_ends_under_way_both_sides_are_reset() {
        let line = Line::new(3);
        let Relayed { mut client, server, relay, .. } = Relayed::new(over(&line, 65_536)).await;
        line.there[1].set_up(LinkUp::Ended);
        client.write_all(b"question").await.unwrap();
        assert!(matches!(relay.await.unwrap(), Err(LaneError::Lost(_))));
        for end in [client, server] {
            assert_eq!(receive(end).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
    }
}
