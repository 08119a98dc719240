//! Whom a process takes for the other end of a connection: who shows the very certificate, or the very public key, that is
//! expected. Names, dates and authorities do not count.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme,
};

use crate::control::trust::Fingerprint;

/// What the other end is known by.
#[derive(Debug)]
pub(crate) enum Mark {
    /// The fingerprint of its certificate.
    Certificate(Fingerprint),
    /// Its raw public key (RFC 7250).
    Key(SubjectPublicKeyInfoDer<'static>),
}

/// Who has this mark, and the private key that belongs to it.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) expected: Mark,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn check(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        // What is compared is public: nothing is learnt from how long it takes.
        let right = match &self.expected {
            Mark::Certificate(fingerprint) => Fingerprint::of(shown) == *fingerprint,
            Mark::Key(key) => shown.as_ref() == key.as_ref(),
        };
        if right { Ok(()) } else { Err(CertificateError::ApplicationVerificationFailure.into()) }
    }
}

/// What rustls asks of either end's verifier in the same words.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _shown: &CertificateDer<'_>,
            _signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(PeerIncompatible::Tls12NotOffered.into())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            shown: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            match &self.expected {
                Mark::Certificate(_) => verify_tls13_signature(message, shown, signed, &self.algorithms),
                Mark::Key(key) => verify_tls13_signature_with_raw_key(message, key, signed, &self.algorithms),
            }
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }

        fn requires_raw_public_keys(&self) -> bool {
            matches!(self.expected, Mark::Key(_))
        }
    };
}

impl ServerCertVerifier for Verifier {
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

    signatures!();
}

impl ClientCertVerifier for Verifier {
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

    signatures!();
}
