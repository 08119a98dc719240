//! What the ends of QUIC links are known by, in the terms of QUIC: the same keys as inside TLS.

use std::fmt;
use std::sync::Arc;

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};

use crate::tls::identity::Identity;

/// What a process proves, and wants to see proved.
#[derive(Clone)]
pub struct QuicIdentity {
    /// Of who connects.
    pub client: Arc<QuicClientConfig>,
    /// Of who is connected to.
    pub server: Arc<QuicServerConfig>,
}

impl fmt::Debug for QuicIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("QuicIdentity(..)")
    }
}

impl QuicIdentity {
    /// That of a process with this identity.
    ///
    /// # Errors
    /// The library lacks an algorithm that QUIC demands.
    pub fn new(identity: &Identity) -> Result<Self, NoInitialCipherSuite> {
        Ok(Self {
            client: Arc::new(Arc::clone(&identity.client).try_into()?),
            server: Arc::new(Arc::clone(&identity.server).try_into()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use nextmini_wire::handshake::LinkKey;
    use quinn::{ClientConfig, Connection, ConnectionError};

    use super::*;
    use crate::quic::sockets;
    use crate::tls::identity::SERVER_NAME;

    async fn meet(
        ours: &str,
        theirs: &str,
    ) -> (Result<Connection, ConnectionError>, Result<Connection, ConnectionError>) {
        let identity = |byte: &str| {
            let key = LinkKey::from_hex(&byte.repeat(32)).unwrap();
            QuicIdentity::new(&Identity::new(key).unwrap()).unwrap()
        };
        let server = sockets::listening(UdpSocket::bind("127.0.0.1:0").unwrap(), &identity(theirs)).unwrap();
        let to = server.local_addr().unwrap();
        let client = sockets::dialling(to).unwrap();
        let config = ClientConfig::new(identity(ours).client);
        let connecting = client.connect_with(config, to, SERVER_NAME).unwrap();
        let accepting = async { server.accept().await.unwrap().await };
        tokio::join!(connecting, accepting)
    }

    #[tokio::test]
    async fn who_has_the_same_key_is_the_peer() {
        let (client, server) = meet("0f", "0f").await;
        assert_eq!((client.err(), server.err()), (None, None));
    }

    #[tokio::test]
    async fn who_has_another_key_is_nobody() {
        let (client, server) = meet("0f", "f0").await;
        assert!(client.is_err() && server.is_err());
    }
}
