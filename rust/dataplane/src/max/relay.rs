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
    use std::io::{self, Read as _, Write as _};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::thread;

    use nextmini_policy::link::settings::Checked;
    use nextmini_policy::link::{LinkUp, Wanted};
    use nextmini_wire::control::Direction;
    use nextmini_wire::id::RouteId;
    use tokio::io::Interest;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::fixture::Line;
    use crate::max::gate::Start;

    /// A program's end of a connection, and ours.
    fn connected() -> (TcpStream, Watched) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        (theirs, Watched::new(ours.into(), Interest::READABLE | Interest::WRITABLE).unwrap())
    }

    struct Relayed {
        client: TcpStream,
        server: TcpStream,
        carried: Arc<Carried>,
        pipes: Arc<Pipes>,
        relay: JoinHandle<Result<(), LaneError>>,
    }

    fn relayed(ways: Ways) -> Relayed {
        let ((client, near), (server, far)) = (connected(), connected());
        let (carried, pipes) = (Arc::new(Carried::default()), Arc::new(Pipes::new(512 * 1024)));
        let (counts, spares) = (Arc::clone(&carried), Arc::clone(&pipes));
        let relay = tokio::spawn(async move { relay([near, far], ways, &spares, &counts).await });
        Relayed { client, server, carried, pipes, relay }
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

    /// Sends so many bytes on a thread, and then that there are no more.
    fn send(mut to: TcpStream, bytes: usize) -> thread::JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let data: Vec<u8> = (0..bytes).map(|at| (at * 31 % 251) as u8).collect();
            to.write_all(&data).unwrap();
            to.shutdown(Shutdown::Write).unwrap();
            data
        })
    }

    async fn receive(mut from: TcpStream) -> io::Result<Vec<u8>> {
        let reading = move || {
            let mut data = Vec::new();
            from.read_to_end(&mut data).map(|_| data)
        };
        tokio::task::spawn_blocking(reading).await.unwrap()
    }

    async fn exchange(ways: Ways, there: usize, back: usize) -> Relayed {
        let relayed = relayed(ways);
        let (client, server) = (&relayed.client, &relayed.server);
        let sent = [send(client.try_clone().unwrap(), there), send(server.try_clone().unwrap(), back)];
        let (received, answer) =
            tokio::join!(receive(server.try_clone().unwrap()), receive(client.try_clone().unwrap()));
        let [sent, sent_back] = sent.map(|sending| sending.join().unwrap());
        assert!(received.unwrap() == sent && answer.unwrap() == sent_back);
        let load = |bytes: &AtomicU64| bytes.load(Ordering::Relaxed) as usize;
        assert_eq!((load(&relayed.carried.forward), load(&relayed.carried.backward)), (there, back));
        relayed
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn both_sides_get_all_that_the_other_sent() {
        let relayed = exchange(Ways::default(), 9_000_000, 3_000_000).await;
        relayed.relay.await.unwrap().unwrap();
        // Both pipes have been given back, empty.
        assert_eq!([(); 2].map(|()| relayed.pipes.take().unwrap().held()), [0, 0]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_link_on_the_way_counts_what_passes() {
        let line = Line::new(5);
        let relayed = exchange(over(&line, 65_536), 9_000_000, 1_000).await;
        relayed.relay.await.unwrap().unwrap();
        for (link, least) in line.there.iter().map(|link| (link, 9_000_000)) {
            let (counters, waiting) = link.counters();
            assert!(counters.bytes > least && counters.bytes < least * 11 / 10, "{counters:?}");
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
        let began = std::time::Instant::now();
        let relayed = exchange(over(&line, 1_460), 1_460_000, 100).await;
        relayed.relay.await.unwrap().unwrap();
        // 1,000 packets of 1,500 bytes at 10 MB a second; whoever sends them has a few in hand.
        assert!(began.elapsed().as_secs_f64() > 0.14, "{:?}", began.elapsed());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_side_may_end_before_the_other_begins() {
        let Relayed { mut client, mut server, relay, .. } = relayed(Ways::default());
        client.write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(receive(server.try_clone().unwrap()).await.unwrap(), b"question");
        assert!(!relay.is_finished());
        server.write_all(b"answer").unwrap();
        drop(server);
        assert_eq!(receive(client).await.unwrap(), b"answer");
        relay.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_link_that_is_down_stops_bytes_until_it_is_up() {
        let line = Line::new(3);
        let _running = line.run();
        line.there[1].set_wanted(Wanted::Down);
        let Relayed { mut client, mut server, carried, relay, .. } = relayed(over(&line, 65_536));
        client.write_all(b"question").unwrap();
        server.write_all(b"first").unwrap();
        let mut answer = [0; 5];
        client.read_exact(&mut answer).unwrap();
        while line.there[1].counters().1 == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((carried.forward.load(Ordering::Relaxed), relay.is_finished()), (0, false));
        line.there[1].set_wanted(Wanted::Up);
        let mut question = [0; 8];
        server.read_exact(&mut question).unwrap();
        assert_eq!((&question, &answer), (b"question", b"first"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn when_one_connection_breaks_the_other_is_reset() {
        let Relayed { client, server, relay, .. } = relayed(Ways::default());
        set_ending(&server, Ending::Reset).unwrap();
        drop(server);
        assert_eq!(receive(client).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert!(matches!(relay.await.unwrap(), Err(LaneError::Source(_))));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn when_a_link_ends_under_way_both_sides_are_reset() {
        let line = Line::new(3);
        let Relayed { mut client, server, relay, .. } = relayed(over(&line, 65_536));
        line.there[1].set_up(LinkUp::Ended);
        client.write_all(b"question").unwrap();
        assert!(matches!(relay.await.unwrap(), Err(LaneError::Lost(_))));
        for end in [client, server] {
            assert_eq!(receive(end).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
    }
}
