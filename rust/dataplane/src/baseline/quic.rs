//! The same bytes over bare QUIC: a chain of tasks that copy from a stream of one connection to one of the next.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nextmini_wire::handshake::LinkKey;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::BaselineError;
use crate::link::carriage::Carriage;
use crate::process::keep_freed_memory;
use crate::quic::identity::QuicIdentity;
use crate::quic::{settings, sockets};
use crate::tls::identity::{Identity, SERVER_NAME};

/// Bytes that are written at a time.
const PIECE: usize = 64 * 1024;
/// Pieces that a relay passes on at once.
const PIECES: usize = 64;

/// Gbit/s for so many seconds through `relays` that pass on what one connection brings to the next, with the settings that
/// links have, and all in one process as they are; 0 relays are one connection.
///
/// # Errors
/// See [`BaselineError`].
pub fn quic_chain(relays: usize, seconds: f64) -> Result<f64, BaselineError> {
    keep_freed_memory();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let length = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    // On a worker, as all that links do is.
    runtime.block_on(async move {
        let measuring = tokio::spawn(async move { transfer(relays, length).await });
        let rate = measuring.await.map_err(|_| BaselineError::Panic)?;
        rate.map_err(|error| BaselineError::Quic(error.to_string()))
    })
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn transfer(relays: usize, length: Duration) -> Result<f64, Failure> {
    // All ends are this process's: any key will do.
    let identity = QuicIdentity::new(&Identity::new(LinkKey::from_hex(&"0f".repeat(32))?)?)?;
    let server = sockets::listening(UdpSocket::bind("127.0.0.1:0")?, &identity)?;
    let (first, mut end, mut ends) = join(&server, &identity).await?;
    // Both ends of a connection are there until all have ended.
    let (mut tasks, mut hops) = (JoinSet::new(), Vec::new());
    for _ in 0..relays {
        let (next, next_end, next_ends) = join(&server, &identity).await?;
        let (next, from) = (next.open_uni().await?, std::mem::replace(&mut end, next_end));
        hops.push(std::mem::replace(&mut ends, next_ends));
        tasks.spawn(async move { relay(from.accept_uni().await?, next).await });
    }
    let began = Instant::now();
    let source = first.open_uni().await?;
    tasks.spawn(send(source, began + length));
    let bytes = receive(end.accept_uni().await?).await?;
    let rate = bytes as f64 * 8.0 / began.elapsed().as_secs_f64() / 1e9;
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    drop((ends, hops));
    Ok(rate)
}

/// One more connection: its two ends, and the socket of the first.
async fn join(
    server: &Endpoint,
    identity: &QuicIdentity,
) -> Result<(Connection, Connection, Endpoint), Failure> {
    let to = server.local_addr()?;
    let client = sockets::dialling(to)?;
    let mut config = ClientConfig::new(Arc::clone(&identity.client) as Arc<_>);
    config.transport_config(Arc::new(settings::transport(Some(to.ip()), &Carriage::default())));
    let connecting = client.connect_with(config, to, SERVER_NAME)?;
    let accepting = async {
        let incoming = server.accept().await.ok_or("the socket is closed")?;
        Ok::<_, Failure>(incoming.await?)
    };
    let (here, there) = tokio::join!(connecting, accepting);
    Ok((here?, there?, client))
}

async fn send(mut stream: SendStream, ends_at: Instant) -> Result<(), Failure> {
    let data = Bytes::from(vec![7; PIECE]);
    while Instant::now() < ends_at {
        stream.write_chunk(data.clone()).await?;
    }
    end(stream).await
}

async fn relay(mut from: RecvStream, mut to: SendStream) -> Result<(), Failure> {
    let mut pieces = vec![Bytes::new(); PIECES];
    while let Some(count) = from.read_chunks(&mut pieces).await? {
        to.write_all_chunks(&mut pieces[..count]).await?;
    }
    end(to).await
}

/// Waits until the other end has everything.
async fn end(mut stream: SendStream) -> Result<(), Failure> {
    stream.finish()?;
    stream.stopped().await?;
    Ok(())
}

async fn receive(mut stream: RecvStream) -> Result<u64, Failure> {
    let mut bytes = 0;
    while let Some(chunk) = stream.read_chunk(usize::MAX, true).await? {
        bytes += chunk.bytes.len() as u64;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_through_chains_of_any_length() {
        for relays in [0, 1, 3] {
            assert!(quic_chain(relays, 0.1).unwrap() > 0.0);
        }
    }
}
