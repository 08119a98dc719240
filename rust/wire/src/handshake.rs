//! How the two ends of a stream link prove to each other that the controller gave them the same key,
//! before either accepts a packet.
//!
//! ```text
//! dialler                                             listener
//!    | hello:     magic, version, link, node, nonce      |
//!    | ------------------------------------------------> |
//!    |            challenge: nonce, proof of the listener |
//!    | <------------------------------------------------ |
//!    | answer:    proof of the dialler                    |
//!    | ------------------------------------------------> |
//!    |                                   verdict: 1 byte  |
//!    | <------------------------------------------------ |
//! ```
//!
//! A proof is HMAC-SHA-256 (RFC 2104) over the role, the link, the dialling node and both nonces: it
//! is of no use on another link, in the other direction, or a second time.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

use crate::hex::from_hex;
use crate::id::{LinkId, NodeId};

/// Version of frames and handshake; both ends must have the same.
pub const VERSION: u16 = 1;
/// Bytes of a hello.
pub const HELLO_BYTES: usize = 4 + 2 + 4 + 4 + NONCE_BYTES;
/// Bytes of a challenge.
pub const CHALLENGE_BYTES: usize = NONCE_BYTES + PROOF_BYTES;
/// Bytes of a proof.
pub const PROOF_BYTES: usize = 32;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 32;

const MAGIC: [u8; 4] = *b"NMLK";

/// The experiment's key, which the controller hands to its dataplane processes.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkKey([u8; 32]);

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey(..)")
    }
}

/// Why a key's text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a link key is 64 hexadecimal digits")]
pub struct KeyError;

impl LinkKey {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// The text is anything else.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        from_hex(text).map(Self).ok_or(KeyError)
    }

    /// Another key, for that purpose: HMAC-SHA-256 of it under this one.
    pub fn derived(&self, purpose: &[u8]) -> [u8; 32] {
        self.mac().chain_update(purpose).finalize().into_bytes().into()
    }

    fn mac(&self) -> Hmac<Sha256> {
        // HMAC takes keys of any length and hashes those longer than a block: 32 bytes always fit.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("HMAC-SHA-256 takes a 32-byte key")
        };
        mac
    }
}

/// Why a peer is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HandshakeError {
    /// The first bytes are not Nextmini's.
    #[error("it is not a Nextmini link")]
    Magic,
    /// Another version of frames.
    #[error("it speaks version {0} of the link protocol and this process version {VERSION}")]
    Version(u16),
    /// The proof is wrong: another experiment, or an intruder.
    #[error("it does not have this experiment's key")]
    Proof,
    /// The listener's last word was no.
    #[error("it refused this link")]
    Refused,
}

/// What the dialler says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The link that this connection is to carry.
    pub link: LinkId,
    /// The node at the dialler's end.
    pub node: NodeId,
    /// Random bytes of the dialler.
    pub nonce: [u8; NONCE_BYTES],
}

impl Hello {
    /// Its bytes.
    pub fn encode(&self) -> [u8; HELLO_BYTES] {
        let mut bytes = [0; HELLO_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&VERSION.to_be_bytes());
        bytes[6..10].copy_from_slice(&self.link.0.to_be_bytes());
        bytes[10..14].copy_from_slice(&self.node.0.to_be_bytes());
        bytes[14..].copy_from_slice(&self.nonce);
        bytes
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`HandshakeError::Magic`], [`HandshakeError::Version`].
    pub fn decode(bytes: &[u8; HELLO_BYTES]) -> Result<Self, HandshakeError> {
        if bytes[..4] != MAGIC {
            return Err(HandshakeError::Magic);
        }
        let version = u16::from_be_bytes([bytes[4], bytes[5]]);
        if version != VERSION {
            return Err(HandshakeError::Version(version));
        }
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&bytes[14..]);
        Ok(Self {
            link: LinkId(u32::from_be_bytes([bytes[6], bytes[7], bytes[8], bytes[9]])),
            node: NodeId(u32::from_be_bytes([bytes[10], bytes[11], bytes[12], bytes[13]])),
            nonce,
        })
    }
}

/// Which end a proof is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The end that connects.
    Dialler,
    /// The end that accepts.
    Listener,
}

/// What both ends prove themselves about: one hello and the listener's nonce.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// The dialler's hello.
    pub hello: Hello,
    /// Random bytes of the listener.
    pub nonce: [u8; NONCE_BYTES],
}

impl Exchange {
    /// The proof of one end.
    pub fn proof(&self, key: &LinkKey, role: Role) -> [u8; PROOF_BYTES] {
        self.mac(key, role).finalize().into_bytes().into()
    }

    /// Checks the other end's proof, in constant time.
    ///
    /// # Errors
    /// [`HandshakeError::Proof`].
    pub fn verify(&self, key: &LinkKey, role: Role, proof: &[u8]) -> Result<(), HandshakeError> {
        self.mac(key, role).verify_slice(proof).map_err(|_| HandshakeError::Proof)
    }

    fn mac(&self, key: &LinkKey, role: Role) -> Hmac<Sha256> {
        let mut mac = key.mac();
        mac.update(match role {
            Role::Dialler => b"nextmini link dialler",
            Role::Listener => b"nextmini link listener",
        });
        mac.update(&self.hello.encode());
        mac.update(&self.nonce);
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> LinkKey {
        LinkKey([byte; 32])
    }

    fn exchange() -> Exchange {
        let hello = Hello { link: LinkId(7), node: NodeId(3), nonce: [1; 32] };
        Exchange { hello, nonce: [2; 32] }
    }

    #[test]
    fn each_end_convinces_the_other() {
        let exchange = exchange();
        for role in [Role::Dialler, Role::Listener] {
            let proof = exchange.proof(&key(9), role);
            assert_eq!(exchange.verify(&key(9), role, &proof), Ok(()));
        }
    }

    #[test]
    fn a_proof_is_worth_nothing_elsewhere() {
        let proof = exchange().proof(&key(9), Role::Listener);
        let refused = Err(HandshakeError::Proof);
        assert_eq!(exchange().verify(&key(8), Role::Listener, &proof), refused);
        assert_eq!(exchange().verify(&key(9), Role::Dialler, &proof), refused);
        let mut other = exchange();
        other.hello.link = LinkId(8);
        assert_eq!(other.verify(&key(9), Role::Listener, &proof), refused);
        let mut replayed = exchange();
        replayed.nonce = [3; 32];
        assert_eq!(replayed.verify(&key(9), Role::Listener, &proof), refused);
        assert_eq!(exchange().verify(&key(9), Role::Listener, &proof[..31]), refused);
    }

    #[test]
    fn strangers_are_told_apart_from_other_versions() {
        let mut bytes = exchange().hello.encode();
        bytes[5] = 9;
        assert_eq!(Hello::decode(&bytes), Err(HandshakeError::Version(9)));
        bytes[0] = b'G';
        assert_eq!(Hello::decode(&bytes), Err(HandshakeError::Magic));
    }

    #[test]
    fn keys_are_64_hexadecimal_digits() {
        assert_eq!(LinkKey::from_hex(&"0f".repeat(32)), Ok(key(0x0f)));
        for text in ["", "0f", &"0g".repeat(32), &"é".repeat(32)] {
            assert_eq!(LinkKey::from_hex(text), Err(KeyError));
        }
        assert_eq!(format!("{:?}", key(0x0f)), "LinkKey(..)");
    }

    proptest! {
        #[test]
        fn hellos_survive_the_wire(link: u32, node: u32, nonce: [u8; 32]) {
            let hello = Hello { link: LinkId(link), node: NodeId(node), nonce };
            prop_assert_eq!(Hello::decode(&hello.encode()), Ok(hello));
        }
    }
}
