//! Who may use a SOCKS entrance: what is kept of names and passwords (RFC 1929) is of no use to whoever finds it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

use crate::hex::from_hex;
use crate::socks::{Login, Method};

/// What is kept of a login: HMAC-SHA-256 (RFC 2104) of the password, with the name as its key.
#[derive(Clone, Copy)]
pub struct Credential([u8; 32]);

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credential(..)")
    }
}

/// Why a credential's text is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a credential is 64 hexadecimal digits")]
pub struct CredentialError;

/// Those who may connect.
#[derive(Clone, Debug, Default)]
pub struct Users(Vec<Credential>);

impl Users {
    /// Those of these credentials, as hexadecimal digits; anybody, if there are none.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn new(credentials: &[String]) -> Result<Self, CredentialError> {
        let read = |text: &String| from_hex(text).map(Credential).ok_or(CredentialError);
        credentials.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// How clients are to prove who they are.
    pub fn method(&self) -> Method {
        if self.0.is_empty() { Method::None } else { Method::Login }
    }

    /// Whether one of them says this. How long that takes does not depend on what is said.
    pub fn admit(&self, login: &Login) -> bool {
        // HMAC takes keys of any length.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(&login.name) else { return false };
        let mac = mac.chain_update(&login.password);
        let same = |Credential(known): &Credential| mac.clone().verify_slice(known).is_ok();
        // All of them are looked at, whichever it is.
        self.0.iter().map(same).fold(false, |any, one| any | one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(name: &str, password: &str) -> Login {
        Login { name: name.into(), password: password.into() }
    }

    /// As Python's hmac has it: `hmac.new(b"alice", b"wonder", "sha256").hexdigest()`.
    const ALICE: &str = "1044e56e5466acdde6fa3045b0a14756275e755c72c64d947ae2e7291c84538a";

    #[test]
    fn only_those_who_are_known_with_their_own_passwords_are_admitted() {
        let other = "00".repeat(32);
        let users = Users::new(&[other, ALICE.to_owned()]).unwrap();
        assert_eq!(users.method(), Method::Login);
        assert!(users.admit(&login("alice", "wonder")));
        for (name, password) in [("alice", "wonde"), ("alic", "ewonder"), ("wonder", "alice"), ("", "")] {
            assert!(!users.admit(&login(name, password)), "{name}");
        }
    }

    #[test]
    fn where_there_are_none_nobody_is_asked() {
        assert_eq!(Users::new(&[]).unwrap().method(), Method::None);
        assert!(!Users::default().admit(&login("alice", "wonder")));
    }

    #[test]
    fn what_is_no_credential_is_refused() {
        for text in ["", "0f", &"0g".repeat(32), &"é".repeat(32)] {
            assert_eq!(Users::new(&[text.to_owned()]).unwrap_err(), CredentialError);
        }
    }
}
