//! Who the ends of QUIC links are: every process of an experiment has the same Ed25519 key (RFC 8410), derived from the
//! experiment's own, and takes nobody for its peer who has another. Both show it as a raw public key (RFC 7250), so there
//! are no certificates to make, to hand around, or to expire.

use std::fmt;
use std::sync::Arc;

use nextmini_wire::handshake::LinkKey;
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use rustls::client::AlwaysResolvesClientRawPublicKeys;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    ServerConfig, SignatureScheme, version,
};
use thiserror::Error;

/// In front of the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410, section 7).
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What the two ends speak (ALPN).
const PROTOCOL: &[u8] = b"nextmini-link-1";
/// Nobody looks at it.
pub const SERVER_NAME: &str = "nextmini";

/// Why there is no identity.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The library refuses the key.
    #[error("the links' key is of no use for QUIC ({0})")]
    Tls(#[from] Error),
    /// The library lacks an algorithm that QUIC demands.
    #[error(transparent)]
    Suite(#[from] NoInitialCipherSuite),
}

/// What a process proves, and wants to see proved.
#[derive(Clone)]
pub struct Identity {
    /// Of who connects.
    pub client: Arc<QuicClientConfig>,
    /// Of who is connected to.
    pub server: Arc<QuicServerConfig>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identity(..)")
    }
}

impl Identity {
    /// That of the experiment with this key.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn new(key: &LinkKey) -> Result<Self, IdentityError> {
        let provider = Arc::new(ring::default_provider());
        let document = [&PKCS8[..], &key.derived(b"quic identity")].concat();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(document));
        let signer = provider.key_provider.load_private_key(private)?;
        let public = signer.public_key().ok_or(Error::General("no public key".to_owned()))?;
        let expected = SubjectPublicKeyInfoDer::from(public.to_vec());
        let shown = CertificateDer::from(public.to_vec());
        let certified = Arc::new(CertifiedKey::new(vec![shown], signer));
        let algorithms = provider.signature_verification_algorithms;
        let peer = Arc::new(Peer { expected, algorithms });
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&peer) as Arc<dyn ServerCertVerifier>)
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::clone(
                &certified,
            ))));
        client.alpn_protocols = vec![PROTOCOL.to_vec()];
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])?
            .with_client_cert_verifier(peer)
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified)));
        server.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self {
            client: Arc::new(QuicClientConfig::try_from(client)?),
            server: Arc::new(QuicServerConfig::try_from(server)?),
        })
    }
}

/// Who has the same key.
#[derive(Debug)]
struct Peer {
    expected: SubjectPublicKeyInfoDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Peer {
    fn check(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        // A public key: nothing is learnt from how long it takes to compare it.
        if shown.as_ref() == self.expected.as_ref() {
            Ok(())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify(
        &self,
        message: &[u8],
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(message, &self.expected, signed, &self.algorithms)
    }
}

fn no_tls12() -> Error {
    PeerIncompatible::Tls12NotOffered.into()
}

impl ServerCertVerifier for Peer {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(shown).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _shown: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Peer {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(shown).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _shown: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use quinn::{ClientConfig, Connection, ConnectionError};

    use super::*;
    use crate::quic::sockets;

    async fn meet(
        ours: &str,
        theirs: &str,
    ) -> (Result<Connection, ConnectionError>, Result<Connection, ConnectionError>) {
        let identity = |byte: &str| Identity::new(&LinkKey::from_hex(&byte.repeat(32)).unwrap()).unwrap();
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
