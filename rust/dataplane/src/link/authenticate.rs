//! The handshake on a fresh connection, with a deadline.

use std::io;
use std::time::Duration;

use nextmini_wire::handshake::{
    CHALLENGE_BYTES, Exchange, HELLO_BYTES, HandshakeError, Hello, LinkKey, NONCE_BYTES, PROOF_BYTES, Role,
};
use nextmini_wire::id::{LinkId, NodeId};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

/// A peer that has not proved itself by then is cut off.
pub const DEADLINE: Duration = Duration::from_secs(5);

const YES: u8 = 1;
const NO: u8 = 0;

/// Why a connection does not become a link.
#[derive(Debug, Error)]
pub enum AuthenticateError {
    /// The peer did something wrong.
    #[error(transparent)]
    Peer(#[from] HandshakeError),
    /// The connection broke.
    #[error("the connection broke during the handshake ({0})")]
    Io(#[from] io::Error),
    /// The peer was too slow.
    #[error("it said nothing for {DEADLINE:?}")]
    Silent,
    /// The system has no randomness to give.
    #[error("no random numbers ({0})")]
    Random(#[from] getrandom::Error),
}

/// The connecting end: proves itself for `link`, and checks the listener.
///
/// # Errors
/// See [`AuthenticateError`].
pub async fn dial(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    key: &LinkKey,
    link: LinkId,
    node: NodeId,
) -> Result<(), AuthenticateError> {
    let hello = Hello { link, node, nonce: nonce()? };
    in_time(async {
        stream.write_all(&hello.encode()).await?;
        stream.flush().await?;
        let mut challenge = [0; CHALLENGE_BYTES];
        stream.read_exact(&mut challenge).await?;
        let (nonce, proof) = challenge.split_at(NONCE_BYTES);
        let exchange = Exchange { hello, nonce: nonce.try_into().map_err(|_| HandshakeError::Proof)? };
        exchange.verify(key, Role::Listener, proof)?;
        stream.write_all(&exchange.proof(key, Role::Dialler)).await?;
        stream.flush().await?;
        match stream.read_u8().await? {
            YES => Ok(()),
            _ => Err(HandshakeError::Refused.into()),
        }
    })
    .await
}

/// The accepting end: checks the dialler and proves itself. [`answer`] is still to be given.
///
/// # Errors
/// See [`AuthenticateError`].
pub async fn accept(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    key: &LinkKey,
) -> Result<Hello, AuthenticateError> {
    in_time(async {
        let mut bytes = [0; HELLO_BYTES];
        stream.read_exact(&mut bytes).await?;
        let exchange = Exchange { hello: Hello::decode(&bytes)?, nonce: nonce()? };
        let mut challenge = [0; CHALLENGE_BYTES];
        challenge[..NONCE_BYTES].copy_from_slice(&exchange.nonce);
        challenge[NONCE_BYTES..].copy_from_slice(&exchange.proof(key, Role::Listener));
        stream.write_all(&challenge).await?;
        stream.flush().await?;
        let mut proof = [0; PROOF_BYTES];
        stream.read_exact(&mut proof).await?;
        exchange.verify(key, Role::Dialler, &proof)?;
        Ok(exchange.hello)
    })
    .await
}

/// The accepting end's last word: whether it has such a link.
///
/// # Errors
/// The connection broke.
pub async fn answer(stream: &mut (impl AsyncWrite + Unpin), welcome: bool) -> io::Result<()> {
    stream.write_all(&[if welcome { YES } else { NO }]).await?;
    stream.flush().await
}

/// What comes of `exchange`, if that is known by the [`DEADLINE`].
pub(super) async fn in_time<T>(
    exchange: impl Future<Output = Result<T, AuthenticateError>>,
) -> Result<T, AuthenticateError> {
    timeout(DEADLINE, exchange).await.unwrap_or(Err(AuthenticateError::Silent))
}

fn nonce() -> Result<[u8; NONCE_BYTES], getrandom::Error> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce)?;
    Ok(nonce)
}
