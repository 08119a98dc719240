//! The accepting ends of a process's QUIC links.

use std::sync::Arc;
use std::time::Duration;

use nextmini_wire::id::{LinkId, NodeId};
use quinn::{Connection, ConnectionError, Endpoint, Incoming, ReadExactError, VarInt, WriteError};
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::carry::carry;
use super::dial::YES;
use crate::link::listen::{Claim, Expected, NotThatNode};
use crate::link::status::Status;
use crate::link::stream::End;

/// Connections that may be in their handshake at once; others are refused.
const HANDSHAKES: usize = 512;
/// A peer that has not said which link it is by then is cut off.
const DEADLINE: Duration = Duration::from_secs(5);
const NO: u8 = 0;

#[derive(Debug, Error)]
enum AcceptError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Read(#[from] ReadExactError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("it said nothing for {DEADLINE:?}")]
    Silent,
    #[error(transparent)]
    Claim(#[from] NotThatNode),
    #[error("there are {HANDSHAKES} in their handshake already")]
    Crowd,
}

/// Accepts connections of links, for ever.
pub async fn accept(socket: Endpoint, expected: Expected<Connection>) {
    let room = Arc::new(Semaphore::new(HANDSHAKES));
    let mut handshakes = JoinSet::new();
    while let Some(incoming) = socket.accept().await {
        while handshakes.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            expected.refusals().add(incoming.remote_address(), &AcceptError::Crowd);
            incoming.refuse();
            continue;
        };
        let expected = expected.clone();
        let peer = incoming.remote_address();
        handshakes.spawn(async move {
            let admitted = timeout(DEADLINE, admit(incoming, &expected)).await;
            if let Err(error) = admitted.unwrap_or(Err(AcceptError::Silent)) {
                expected.refusals().add(peer, &error);
            }
            drop(permit);
        });
    }
}

async fn admit(incoming: Incoming, expected: &Expected<Connection>) -> Result<(), AcceptError> {
    let connection = incoming.await?;
    let (mut answer, mut asking) = connection.accept_bi().await?;
    let mut said = [0; 8];
    asking.read_exact(&mut said).await?;
    let number = u64::from_be_bytes(said);
    let (link, node) = (LinkId((number >> 32) as u32), NodeId(number as u32));
    let claim = expected.find(link, node);
    answer.write_all(&[if matches!(claim, Claim::Right(_)) { YES } else { NO }]).await?;
    let verdict = match claim {
        Claim::Right(connections) => {
            if connections.send(connection).await.is_err() {
                tracing::debug!(%link, "the link ended during its handshake");
            }
            return Ok(());
        }
        Claim::Wrong(claim) => Err(claim.into()),
        // It may be on its way from the controller: the dialler tries again.
        Claim::Unknown => Ok(()),
    };
    // The answer is to arrive before the end.
    let _ended = answer.finish();
    let _heard = answer.stopped().await;
    connection.close(VarInt::from_u32(0), b"no such link");
    verdict
}

/// Carries a link over the connections that arrive for it, for ever. A newer one replaces an older.
pub async fn keep(end: End, mut connections: mpsc::Receiver<Connection>, status: Arc<Status>) {
    let mut next = connections.recv().await;
    while let Some(connection) = next {
        let reason;
        (reason, next) = tokio::select! {
            error = carry(&end, connection, &status) => (error.to_string(), None),
            newer = connections.recv() => ("the peer connected anew".to_owned(), newer),
        };
        tracing::info!(link = %end.outgoing.link(), %reason, "link broke");
        status.down(reason);
        if next.is_none() {
            next = connections.recv().await;
        }
    }
}
