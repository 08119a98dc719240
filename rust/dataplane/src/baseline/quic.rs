//! QUIC by itself: one stream of one connection over loopback.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nextmini_wire::handshake::LinkKey;
use quinn::{ClientConfig, Connection, Endpoint};
use tokio::time::Instant;

use super::BaselineError;
use crate::quic::identity::{Identity, SERVER_NAME};
use crate::quic::{settings, sockets};

/// Bytes that are written at a time.
const PIECE: usize = 64 * 1024;

/// Gbit/s for so many seconds, with the settings that links have.
///
/// # Errors
/// See [`BaselineError`].
pub fn quic_loopback(seconds: f64) -> Result<f64, BaselineError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(transfer(Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

async fn transfer(length: Duration) -> Result<f64, BaselineError> {
    let failed = |error: &dyn std::fmt::Display| BaselineError::Quic(error.to_string());
    // Both ends are this process's: any key will do.
    let key = LinkKey::from_hex(&"0f".repeat(32)).map_err(|error| failed(&error))?;
    let identity = Identity::new(&key).map_err(|error| failed(&error))?;
    let server = sockets::listening(UdpSocket::bind("127.0.0.1:0")?, &identity)?;
    let to = server.local_addr()?;
    let client = sockets::dialling(to)?;
    let mut config = ClientConfig::new(identity.client);
    config.transport_config(Arc::new(settings::transport(Some(to.ip()), "cubic")));
    let connecting = client.connect_with(config, to, SERVER_NAME).map_err(|error| failed(&error))?;
    let receiving = tokio::spawn(async move { receive(&server).await });
    let connection = connecting.await.map_err(|error| failed(&error))?;
    let began = Instant::now();
    send(&connection, began + length).await.map_err(|error| failed(&error))?;
    let bytes = receiving.await.map_err(|_| BaselineError::Panic)?.map_err(|error| failed(&error))?;
    Ok(bytes as f64 * 8.0 / began.elapsed().as_secs_f64() / 1e9)
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn send(connection: &Connection, ends_at: Instant) -> Result<(), Failure> {
    let (mut stream, data) = (connection.open_uni().await?, Bytes::from(vec![7; PIECE]));
    while Instant::now() < ends_at {
        stream.write_chunk(data.clone()).await?;
    }
    stream.finish()?;
    // Until the other end has everything.
    stream.stopped().await?;
    Ok(())
}

async fn receive(server: &Endpoint) -> Result<u64, Failure> {
    let incoming = server.accept().await.ok_or("the socket is closed")?;
    let mut stream = incoming.await?.accept_uni().await?;
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
    fn bytes_get_from_one_end_to_the_other() {
        assert!(quic_loopback(0.2).unwrap() > 0.0);
    }
}
