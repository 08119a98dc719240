//! The connecting end of a QUIC link: connects, says which link it is, carries, and begins again when it breaks.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nextmini_policy::backoff::Backoff;
use quinn::{ClientConfig, ConnectError, Connection, ConnectionError, Endpoint, ReadExactError, WriteError};
use thiserror::Error;
use tokio::time::timeout;

use super::carry::carry;
use super::datagrams::{self, NotAgreed};
use super::identity::QuicIdentity;
use super::{hint, settings, sockets};
use crate::link::status::Status;
use crate::link::stream::End;
use crate::tls::identity::SERVER_NAME;

const FIRST_RETRY: Duration = Duration::from_millis(20);
const LAST_RETRY: Duration = Duration::from_secs(2);
const DEADLINE: Duration = Duration::from_secs(5);
/// The accepting end's answer, if it has such a link.
pub(super) const YES: u8 = 1;

#[derive(Debug, Error)]
enum DialError {
    #[error("no socket for {peer} ({source})")]
    Socket { peer: SocketAddr, source: io::Error },
    #[error("cannot connect to {peer} ({source})")]
    Connect { peer: SocketAddr, source: ConnectError },
    #[error("cannot connect to {peer} ({source})")]
    Connection { peer: SocketAddr, source: ConnectionError },
    #[error("{peer} broke off ({source})")]
    Write { peer: SocketAddr, source: WriteError },
    #[error("{peer} broke off ({source})")]
    Read { peer: SocketAddr, source: ReadExactError },
    #[error("no random numbers ({0})")]
    Random(#[from] getrandom::Error),
    #[error(transparent)]
    NotAgreed(#[from] NotAgreed),
    #[error("{0} has no such link")]
    Refused(SocketAddr),
    #[error("{0} did not answer within {DEADLINE:?}")]
    Silent(SocketAddr),
}

/// Keeps a link connected to `peer`, for ever.
pub async fn keep(end: End, peer: SocketAddr, identity: QuicIdentity, status: Arc<Status>) {
    let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
    loop {
        match connect(&end, peer, &identity).await {
            Ok((connection, _socket)) => {
                backoff.reset();
                let error = carry(&end, connection, &status).await;
                tracing::info!(link = %end.outgoing.link(), %peer, %error, "link broke");
                status.down(error.to_string());
            }
            Err(error) => {
                tracing::debug!(link = %end.outgoing.link(), %error, "not connected");
                status.failing(error.to_string());
            }
        }
        let random = getrandom::u64().unwrap_or(u64::MAX);
        tokio::time::sleep(backoff.delay(random)).await;
    }
}

/// A connection, and the socket that it is by.
async fn connect(
    end: &End,
    peer: SocketAddr,
    identity: &QuicIdentity,
) -> Result<(Connection, Endpoint), DialError> {
    let socket = sockets::dialling(peer).map_err(|source| DialError::Socket { peer, source })?;
    let mut config = ClientConfig::new(Arc::clone(&identity.client) as Arc<_>);
    config.transport_config(Arc::new(settings::transport(Some(peer.ip()), &end.carriage)));
    let destination = hint::destination(end.outgoing.link(), end.outgoing.from())?;
    config.initial_dst_cid_provider(Arc::new(move || destination));
    let connecting = socket
        .connect_with(config, peer, SERVER_NAME)
        .map_err(|source| DialError::Connect { peer, source })?;
    let greeting = async {
        let connection = connecting.await.map_err(|source| DialError::Connection { peer, source })?;
        greet(&connection, end, peer).await?;
        datagrams::agreed(end, &connection)?;
        Ok(connection)
    };
    let connection = timeout(DEADLINE, greeting).await.unwrap_or(Err(DialError::Silent(peer)))?;
    Ok((connection, socket))
}

async fn greet(connection: &Connection, end: &End, peer: SocketAddr) -> Result<(), DialError> {
    let opened = connection.open_bi().await;
    let (mut asking, mut answer) = opened.map_err(|source| DialError::Connection { peer, source })?;
    let (link, node) = (end.outgoing.link().0.to_be_bytes(), end.outgoing.from().0.to_be_bytes());
    let said = asking.write_all(&[link, node].concat()).await;
    said.map_err(|source| DialError::Write { peer, source })?;
    let mut verdict = [0];
    answer.read_exact(&mut verdict).await.map_err(|source| DialError::Read { peer, source })?;
    if verdict == [YES] { Ok(()) } else { Err(DialError::Refused(peer)) }
}
