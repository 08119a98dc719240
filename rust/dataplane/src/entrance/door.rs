//! A listener, and a task for each of its connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nextmini_sys::socket::{Ending, set_ending};
use nextmini_wire::id::NodeId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::event::Events;
use crate::task::reported;

/// After a failure to accept, which is a lack of descriptors, connections that end make room.
const PAUSE: Duration = Duration::from_millis(50);

/// Whose connections they are, and how many there may be at the same time.
#[derive(Clone, Debug)]
pub struct Door {
    /// The node.
    pub node: NodeId,
    /// Where panics are reported.
    pub events: Events,
    /// Connections at the same time; others are reset as they come.
    pub most: usize,
}

impl Door {
    /// Serves all that come, for ever. Dropping it ends them.
    pub async fn keep<F>(self, listener: TcpListener, serve: impl Fn(TcpStream, SocketAddr) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let room = Arc::new(Semaphore::new(self.most.min(Semaphore::MAX_PERMITS)));
        let (mut connections, mut full) = (JoinSet::new(), false);
        loop {
            let accepted = listener.accept().await;
            while connections.try_join_next().is_some() {}
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, node = %self.node, "cannot accept a program's connection");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                if !full {
                    tracing::warn!(node = %self.node, most = self.most, "no more connections at this entrance");
                }
                full = true;
                refuse(stream);
                continue;
            };
            full = false;
            let serving = serve(stream, peer);
            connections.spawn(reported(self.node, "entrance", self.events.clone(), async move {
                serving.await;
                drop(permit);
            }));
        }
    }
}

/// Has the client hear at once that there is no connection.
pub fn refuse(stream: TcpStream) {
    if let Err(error) = set_ending(&stream, Ending::Reset) {
        tracing::debug!(%error, "a connection that is refused has gone already");
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn whoever_comes_after_the_last_place_is_reset_and_later_ones_are_served() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let door = Door { node: NodeId(1), events: mpsc::unbounded_channel().0, most: 2 };
        let keeping = tokio::spawn(door.keep(listener, |mut stream: TcpStream, _| async move {
            stream.write_all(b"!").await.unwrap();
            let _ended = stream.read(&mut [0]).await;
        }));
        let mut inside = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'!');
            inside.push(stream);
        }
        let mut late = TcpStream::connect(address).await.unwrap();
        assert_eq!(late.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        drop(inside.pop());
        loop {
            // The place is free when its task has seen the end.
            let mut next = TcpStream::connect(address).await.unwrap();
            if next.read_u8().await.is_ok() {
                break;
            }
        }
        keeping.abort();
        assert!(keeping.await.unwrap_err().is_cancelled());
        assert_eq!(inside[0].read(&mut [0]).await.unwrap(), 0);
    }
}
