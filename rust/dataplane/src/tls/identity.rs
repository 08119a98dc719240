//! Who the ends of links are: every process of an experiment has the same Ed25519 key (RFC 8410), derived from the
//! experiment's own, and takes nobody for its peer who has another. Both show it as a raw public key (RFC 7250), so there
//! are no certificates to make, to hand around, or to expire.

use std::fmt;
use std::sync::Arc;

use nextmini_wire::handshake::LinkKey;
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, Error, ServerConfig, version};
use thiserror::Error as ThisError;

use super::verifier::{Mark, Verifier};

/// In front of the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410, section 7).
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What the two ends speak (ALPN).
const PROTOCOL: &[u8] = b"nextmini-link-1";
/// Nobody looks at it.
pub const SERVER_NAME: &str = "nextmini";

/// Why there is no identity: the library refuses the key.
#[derive(Debug, ThisError)]
#[error("the links' key is of no use for TLS ({0})")]
pub struct IdentityError(#[from] Error);

/// What a process proves to those at the other ends of its links, and wants to see proved.
#[derive(Clone)]
pub struct Identity {
    /// The experiment's key itself, for the handshake of links.
    pub key: LinkKey,
    /// TLS of who connects.
    pub client: Arc<ClientConfig>,
    /// TLS of who is connected to.
    pub server: Arc<ServerConfig>,
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
    pub fn new(key: LinkKey) -> Result<Self, IdentityError> {
        let provider = Arc::new(ring::default_provider());
        let document = [&PKCS8[..], &key.derived(b"link identity")].concat();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(document));
        let signer = provider.key_provider.load_private_key(private)?;
        let public = signer.public_key().ok_or(Error::General("no public key".to_owned()))?;
        let expected = Mark::Key(SubjectPublicKeyInfoDer::from(public.to_vec()));
        let shown = CertificateDer::from(public.to_vec());
        let certified = Arc::new(CertifiedKey::new(vec![shown], signer));
        let algorithms = provider.signature_verification_algorithms;
        let peer = Arc::new(Verifier { expected, algorithms });
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&peer) as Arc<_>)
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::clone(
                &certified,
            ))));
        client.alpn_protocols = vec![PROTOCOL.to_vec()];
        // Links stay: each connection proves everything itself, and nobody keeps tickets.
        client.resumption = Resumption::disabled();
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])?
            .with_client_cert_verifier(peer)
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified)));
        server.alpn_protocols = vec![PROTOCOL.to_vec()];
        server.send_tls13_tickets = 0;
        Ok(Self { key, client: Arc::new(client), server: Arc::new(server) })
    }
}
