//! Whom a process takes for its controller: who shows a certificate with the fingerprint that was given, or one that an
//! authority vouches for. There are no others: no list of public authorities is asked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, Error, RootCertStore, version};
use sha2::{Digest as _, Sha256};
use thiserror::Error as ThisError;

use crate::tls::verifier::{Mark, Verifier};

/// Bytes of a fingerprint.
const BYTES: usize = 32;

/// The SHA-256 of a certificate, as the controller prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; BYTES]);

/// How a controller proves who it is.
#[derive(Clone, Debug)]
pub enum Trust {
    /// It shows the certificate with this fingerprint.
    Fingerprint(Fingerprint),
    /// It shows a certificate for its address that one in this PEM file has signed.
    Authority(PathBuf),
}

/// Why nobody can be trusted.
#[derive(Debug, ThisError)]
pub enum TrustError {
    /// The fingerprint is none.
    #[error(
        "{0:?} is no SHA-256 fingerprint; write 64 hex digits, as the controller prints them (colons are allowed)"
    )]
    Fingerprint(String),
    /// Two ways, of which one may say no.
    #[error("a fingerprint and a file of authorities are given; give one of them")]
    Both,
    /// The file cannot be read.
    #[error("the file of authorities {} cannot be read ({reason}); give certificates in PEM", path.display())]
    File {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The library refuses.
    #[error("TLS cannot be used ({0})")]
    Tls(#[from] Error),
}

impl FromStr for Fingerprint {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        let wrong = || TrustError::Fingerprint(text.to_owned());
        let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b':').collect();
        let mut bytes = [0; BYTES];
        if digits.len() != 2 * BYTES || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(wrong());
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl Fingerprint {
    /// That of this certificate.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl Trust {
    /// What options say; nothing if they say nothing.
    ///
    /// # Errors
    /// See [`TrustError`].
    pub fn from_options(
        fingerprint: Option<&str>,
        authority: Option<PathBuf>,
    ) -> Result<Option<Self>, TrustError> {
        match (fingerprint, authority) {
            (Some(_), Some(_)) => Err(TrustError::Both),
            (Some(text), None) => Ok(Some(Self::Fingerprint(text.parse()?))),
            (None, authority) => Ok(authority.map(Self::Authority)),
        }
    }

    /// How TLS is spoken with who is trusted.
    ///
    /// # Errors
    /// See [`TrustError`].
    pub fn client(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self {
            // Whatever its name and dates: whoever gave the fingerprint meant exactly this one.
            Self::Fingerprint(expected) => Arc::new(Verifier {
                expected: Mark::Certificate(*expected),
                algorithms: provider.signature_verification_algorithms,
            }),
            Self::Authority(path) => {
                let roots = Arc::new(authorities(path)?);
                let builder = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
                builder.build().map_err(|error| unreadable(path, &error))?
            }
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

fn authorities(path: &Path) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, &error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(path, &error))?;
        roots.add(certificate).map_err(|error| unreadable(path, &error))?;
    }
    if roots.is_empty() { Err(unreadable(path, &"there is no certificate in it")) } else { Ok(roots) }
}

fn unreadable(path: &Path, reason: &dyn fmt::Display) -> TrustError {
    TrustError::File { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_64_hex_digits_with_or_without_colons() {
        let plain: Fingerprint = "0aF1".repeat(16).parse().unwrap();
        let coloned: Fingerprint = ["0a:f1"; 16].join(":").parse().unwrap();
        assert_eq!(plain, coloned);
        assert_eq!(plain.to_string(), "0af1".repeat(16));
    }

    #[test]
    fn what_is_no_fingerprint_is_named() {
        let long = "0".repeat(65);
        for text in ["", "abc", &"+1".repeat(32), &"zz".repeat(32), &"é".repeat(32), &long] {
            let error = text.parse::<Fingerprint>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is no SHA-256 fingerprint")), "{error}");
        }
    }

    #[test]
    fn two_ways_to_trust_are_one_too_many() {
        let digits = "00".repeat(32);
        let both = Trust::from_options(Some(&digits), Some("ca.pem".into()));
        assert!(matches!(both, Err(TrustError::Both)));
        assert!(matches!(Trust::from_options(None, None), Ok(None)));
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        for path in ["/no/such/file", "/dev/null", "Cargo.toml"] {
            let error = Trust::Authority(path.into()).client().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("the file of authorities {path} cannot be read (")),
                "{error}"
            );
        }
    }
}
