//! The connecting end of a link: connects, proves itself, carries, and begins again when it breaks.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nextmini_policy::backoff::Backoff;
use nextmini_sys::socket::SocketError;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::authenticate::{self, AuthenticateError};
use super::carrier::Carrier;
use super::status::Status;
use super::stream::End;
use crate::tls::identity::Identity;

const FIRST_RETRY: Duration = Duration::from_millis(20);
const LAST_RETRY: Duration = Duration::from_secs(2);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug, Error)]
enum DialError {
    #[error("cannot connect to {peer} ({source})")]
    Connect { peer: SocketAddr, source: io::Error },
    #[error("{peer} is not this link's other end: {source}")]
    Authenticate { peer: SocketAddr, source: AuthenticateError },
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// Keeps a link connected to `peer` by a `C`, for ever.
pub async fn keep<C: Carrier>(end: End, peer: SocketAddr, identity: Identity, status: Arc<Status>) {
    let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
    loop {
        match connect::<C>(&end, peer, &identity).await {
            Ok(stream) => {
                backoff.reset();
                let error = end.carry(stream, &status).await;
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

async fn connect<C: Carrier>(end: &End, peer: SocketAddr, identity: &Identity) -> Result<C, DialError> {
    let connecting = timeout(CONNECT_DEADLINE, TcpStream::connect(peer)).await;
    let stream = connecting
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| DialError::Connect { peer, source })?;
    end.tune(&stream)?;
    let outgoing = &end.outgoing;
    let meeting = async {
        let mut stream = authenticate::in_time(async { Ok(C::dial(stream, identity).await?) }).await?;
        authenticate::dial(&mut stream, &identity.key, outgoing.link(), outgoing.from()).await?;
        Ok(stream)
    };
    meeting.await.map_err(|source| DialError::Authenticate { peer, source })
}
