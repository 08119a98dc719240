//! Where the controller is, and how it is spoken to there.

use std::io;
use std::net::IpAddr;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, Error, InvalidMessage};
use thiserror::Error as ThisError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;

use super::trust::{Trust, TrustError};

/// Of a WebSocket whose address names none (RFC 6455, section 3).
const WS_PORT: u16 = 80;
const WSS_PORT: u16 = 443;

/// Why an address cannot be used as it was given.
#[derive(Debug, ThisError)]
pub enum AddressError {
    /// The address is not one.
    #[error("{url} is not a controller's address ({reason}); it looks like ws://127.0.0.1:4000/dataplane")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS with somebody unknown.
    #[error(
        "{0} cannot be trusted unseen; give the fingerprint that the controller prints with --tls-fingerprint, or the \
         authority that signed its certificate with --tls-ca"
    )]
    NoTrust(String),
    /// Trust, but no TLS.
    #[error("{0} does not begin with wss://, so there is no certificate that could be checked; write wss://")]
    NoCertificate(String),
    /// Nobody can be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Why what was connected to is not the controller.
#[derive(Debug, ThisError)]
pub enum TlsError {
    /// The token would be read by others.
    #[error(
        "the controller's address is not on this machine, and ws:// would show the token to others; write wss://"
    )]
    Exposed,
    /// It speaks something else.
    #[error("the controller does not speak TLS at this port; write ws:// if it printed that")]
    Plain,
    /// It shows another certificate than was asked for.
    #[error(
        "the controller's certificate does not have the fingerprint that was given; take the one that it prints, or \
         somebody else answers there"
    )]
    Fingerprint,
    /// It shows a certificate that nobody vouches for, or that is not for it.
    #[error("the controller's certificate is refused ({0})")]
    Certificate(String),
    /// The two find no common words.
    #[error("the controller and this process do not agree on TLS ({0})")]
    Disagreement(String),
    /// The connection is gone.
    #[error("the connection broke while TLS began ({0})")]
    Broken(io::Error),
}

/// A stream of bytes to the controller, encrypted or not.
pub trait Carrier: AsyncRead + AsyncWrite + Send + Unpin + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + std::fmt::Debug> Carrier for T {}

/// A controller's address.
#[derive(Clone)]
pub struct Address {
    /// What is asked for, without the token.
    pub request: Request,
    /// Host and port.
    pub target: String,
    manner: Manner,
}

#[derive(Clone)]
enum Manner {
    Plain,
    Tls { connector: TlsConnector, name: ServerName<'static> },
}

impl std::fmt::Debug for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Address({})", self.target)
    }
}

impl Address {
    /// Reads `url`; `trust` is needed for `wss://`, and wrong for `ws://`.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn new(url: &str, trust: Option<&Trust>) -> Result<Self, AddressError> {
        let wrong = |reason: String| AddressError::Url { url: url.to_owned(), reason };
        let request = url.into_client_request().map_err(|error| wrong(error.to_string()))?;
        let uri = request.uri();
        let (Some(scheme @ ("ws" | "wss")), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(wrong("it does not begin with ws:// or wss:// and a host".to_owned()));
        };
        let (manner, port) = match (scheme, trust) {
            ("ws", None) => (Manner::Plain, WS_PORT),
            ("ws", Some(_)) => return Err(AddressError::NoCertificate(url.to_owned())),
            (_, None) => return Err(AddressError::NoTrust(url.to_owned())),
            (_, Some(trust)) => {
                let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(bare).map_err(|error| wrong(error.to_string()))?;
                (Manner::Tls { connector: TlsConnector::from(trust.client()?), name }, WSS_PORT)
            }
        };
        let target = format!("{host}:{}", uri.port_u16().unwrap_or(port));
        Ok(Self { request, target, manner })
    }

    /// Makes what carries messages out of a fresh connection.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub async fn begin(&self, stream: TcpStream) -> Result<Box<dyn Carrier>, TlsError> {
        match &self.manner {
            Manner::Plain => {
                let peer = stream.peer_addr().map_err(TlsError::Broken)?;
                if stays_here(peer.ip()) { Ok(Box::new(stream)) } else { Err(TlsError::Exposed) }
            }
            Manner::Tls { connector, name } => {
                let secured = connector.connect(name.clone(), stream).await.map_err(TlsError::from_io)?;
                Ok(Box::new(secured))
            }
        }
    }
}

/// Whether what is sent to an address does not leave the machine.
fn stays_here(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}

impl TlsError {
    fn from_io(error: io::Error) -> Self {
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match cause {
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Self::Plain,
            Some(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => {
                Self::Fingerprint
            }
            Some(Error::InvalidCertificate(reason)) => Self::Certificate(reason.to_string()),
            Some(other) => Self::Disagreement(other.to_string()),
            None => Self::Broken(error),
        }
    }

    /// Whether trying again may help.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin() -> Trust {
        Trust::Fingerprint("00".repeat(32).parse().unwrap())
    }

    fn complaint(url: &str, trust: Option<&Trust>) -> String {
        Address::new(url, trust).unwrap_err().to_string()
    }

    #[test]
    fn hosts_and_ports_are_taken_from_the_address() {
        for (url, trust, target) in [
            ("ws://127.0.0.1:4000/dataplane", None, "127.0.0.1:4000"),
            ("ws://[::1]/dataplane", None, "[::1]:80"),
            ("wss://lab.example/dataplane", Some(&pin()), "lab.example:443"),
            ("wss://[2001:db8::1]:7700/dataplane", Some(&pin()), "[2001:db8::1]:7700"),
        ] {
            assert_eq!(Address::new(url, trust).unwrap().target, target);
        }
    }

    #[test]
    fn trust_and_tls_come_together_or_not_at_all() {
        let unseen = complaint("wss://127.0.0.1:1/dataplane", None);
        assert!(unseen.contains("cannot be trusted unseen"), "{unseen}");
        let plain = complaint("ws://127.0.0.1:1/dataplane", Some(&pin()));
        assert!(plain.contains("no certificate that could be checked; write wss://"), "{plain}");
    }

    #[test]
    fn nothing_plain_leaves_the_machine() {
        for (address, stays) in [
            ("127.8.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("fd00::1", false),
            ("::ffff:192.0.2.1", false),
        ] {
            assert_eq!(stays_here(address.parse().unwrap()), stays, "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_named() {
        for url in ["nonsense", "http://127.0.0.1/", "ws://", "wss://:1/"] {
            let error = complaint(url, Some(&pin()));
            assert!(error.starts_with(&format!("{url} is not a controller's address (")), "{error}");
        }
    }
}
