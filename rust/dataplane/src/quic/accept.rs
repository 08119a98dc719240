//! The accepting ends of a process's QUIC links.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nextmini_wire::id::{LinkId, NodeId};
use quinn::{
    Connecting, Connection, ConnectionError, Endpoint, Incoming, ReadExactError, VarInt, WriteError,
};
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::carry::carry;
use super::datagrams;
use super::dial::YES;
use super::identity::QuicIdentity;
use super::{hint, sockets};
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
    #[error("the socket has no address ({0})")]
    Address(#[from] io::Error),
    #[error(transparent)]
    Claim(#[from] NotThatNode),
    #[error("there are {HANDSHAKES} in their handshake already")]
    Crowd,
}

/// Accepts connections of links, for ever.
pub async fn accept(socket: Endpoint, identity: QuicIdentity, expected: Expected<Connection>) {
    let room = Arc::new(Semaphore::new(HANDSHAKES));
    let mut handshakes = JoinSet::new();
    while let Some(incoming) = socket.accept().await {
        while handshakes.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            expected.refusals().add(incoming.remote_address(), &AcceptError::Crowd);
            incoming.refuse();
            continue;
        };
        let (socket, identity, expected) = (socket.clone(), identity.clone(), expected.clone());
        let peer = incoming.remote_address();
        handshakes.spawn(async move {
            let admitting = async {
                let connection = connect(incoming, &socket, &identity, &expected)?.await?;
                admit(connection, &expected).await
            };
            if let Err(error) = timeout(DEADLINE, admitting).await.unwrap_or(Err(AcceptError::Silent)) {
                expected.refusals().add(peer, &error);
            }
            drop(permit);
        });
    }
}

/// Begins the handshake, set as the link asks that the connection seems to be for.
fn connect(
    incoming: Incoming,
    socket: &Endpoint,
    identity: &QuicIdentity,
    expected: &Expected<Connection>,
) -> Result<Connecting, AcceptError> {
    let link = hint::read(&incoming.orig_dst_cid());
    let Some(carriage) = link.and_then(|(link, node)| expected.carriage(link, node)) else {
        return Ok(incoming.accept()?);
    };
    let config = sockets::serving(socket.local_addr()?, identity, &carriage);
    Ok(incoming.accept_with(Arc::new(config))?)
}

async fn admit(connection: Connection, expected: &Expected<Connection>) -> Result<(), AcceptError> {
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
        if let Err(error) = datagrams::agreed(&end, &connection) {
            status.failing(error.to_string());
            connection.close(VarInt::from_u32(0), b"no datagrams");
            next = connections.recv().await;
            continue;
        }
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

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use nextmini_wire::handshake::LinkKey;
    use quinn::ClientConfig;
    use quinn::congestion::{Bbr, Cubic, NewReno};

    use super::*;
    use crate::link::carriage::Carriage;
    use crate::quic::settings;
    use crate::tls::identity::{Identity, SERVER_NAME};

    #[tokio::test]
    async fn what_comes_back_has_the_links_congestion_control_too() {
        let shown = Identity::new(LinkKey::from_hex(&"0f".repeat(32)).unwrap()).unwrap();
        let identity = QuicIdentity::new(&shown).unwrap();
        let socket = sockets::listening(UdpSocket::bind("127.0.0.1:0").unwrap(), &identity).unwrap();
        let (to, expected) = (socket.local_addr().unwrap(), Expected::default());
        let accepting = tokio::spawn(accept(socket, identity.clone(), expected.clone()));
        let client = sockets::dialling(to).unwrap();
        for (link, congestion) in [(1, "bbr"), (2, "reno"), (3, "cubic")] {
            let (link, node) = (LinkId(link), NodeId(5));
            let carriage = Carriage { congestion: congestion.into(), ..Carriage::default() };
            let mut connections = expected.expect(link, node, carriage.clone());
            let mut config = ClientConfig::new(Arc::clone(&identity.client) as Arc<_>);
            config.transport_config(Arc::new(settings::transport(None, &carriage)));
            let destination = hint::destination(link, node).unwrap();
            config.initial_dst_cid_provider(Arc::new(move || destination));
            let here = client.connect_with(config, to, SERVER_NAME).unwrap().await.unwrap();
            let (mut asking, _answer) = here.open_bi().await.unwrap();
            asking.write_all(&[link.0.to_be_bytes(), node.0.to_be_bytes()].concat()).await.unwrap();
            let there = connections.recv().await.unwrap();
            for end in [here, there] {
                let control = end.congestion_state().into_any();
                let found = (control.is::<Bbr>(), control.is::<NewReno>(), control.is::<Cubic>());
                assert_eq!(found, (congestion == "bbr", congestion == "reno", congestion == "cubic"));
            }
        }
        accepting.abort();
    }
}
