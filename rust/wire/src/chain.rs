//! What the ends of a connection of a flow in max mode say to each other before its bytes: which flow it is of and
//! where it is to go, and back, whether it got there.
//!
//! Each message is its length (2 bytes) and so many bytes, all numbers big-endian:
//!
//! ```text
//! opening: route (4), position (2), label (4), class (2), client (address), destination
//! answer:  0, address that the destination sees | a refusal (1)
//!
//! address:     0 | 4, IPv4 (4), port (2) | 6, IPv6 (16), port (2)
//! destination: 1, flow (4) | 2, address | 3, port (2), name (the rest)
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use crate::id::{FlowId, RouteId};

/// Bytes of the length in front.
pub const LENGTH_BYTES: usize = 2;
/// The longest message, in bytes, without its length.
pub const LONGEST: usize = 512;
/// The longest name, in bytes (RFC 1928 allows no longer ones).
pub const LONGEST_NAME: usize = 255;

/// Where a connection is to go, from the last node of its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To the sink of a declared flow.
    Flow(FlowId),
    /// To a program that listens there.
    Address(SocketAddr),
    /// To a program that listens at that port of the host of that name.
    Name(String, u16),
}

/// The first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The flow's route.
    pub route: RouteId,
    /// The place on it of the node that reads this.
    pub position: u16,
    /// See [`crate::key::FlowKey::label`].
    pub label: u32,
    /// Of what goes there and back.
    pub class: u16,
    /// Who connects, where that is known.
    pub client: Option<SocketAddr>,
    /// To whom.
    pub destination: Destination,
}

/// Why there is no connection; the numbers are SOCKS's (RFC 1928, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[repr(u8)]
pub enum Refusal {
    /// Something is wrong here.
    #[error("general failure")]
    General = 1,
    /// It is not allowed to go there.
    #[error("not allowed")]
    NotAllowed = 2,
    /// There is no route, or a link of it cannot be crossed.
    #[error("network unreachable")]
    NetworkUnreachable = 3,
    /// There is no such host, or it is down.
    #[error("host unreachable")]
    HostUnreachable = 4,
    /// Nobody listens there.
    #[error("connection refused")]
    ConnectionRefused = 5,
    /// Nobody answered in time.
    #[error("timed out")]
    TimedOut = 6,
}

impl Refusal {
    const ALL: [Self; 6] = [
        Self::General,
        Self::NotAllowed,
        Self::NetworkUnreachable,
        Self::HostUnreachable,
        Self::ConnectionRefused,
        Self::TimedOut,
    ];
}

/// The answer: the address that the destination sees, where there is one, or why there is no connection.
pub type Answer = Result<Option<SocketAddr>, Refusal>;

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChainError {
    /// Longer than any message.
    #[error("a message of {0} bytes")]
    Length(usize),
    /// It ends too early, or too late.
    #[error("a message of another length than its content has")]
    Content,
    /// A number that stands for nothing.
    #[error("a message with {0} where there is no such thing")]
    Kind(u8),
    /// A name that is none.
    #[error("a name that is empty, longer than {LONGEST_NAME} bytes or not UTF-8")]
    Name,
}

impl Opening {
    /// The message, with its length.
    ///
    /// # Errors
    /// [`ChainError::Name`].
    pub fn encode(&self) -> Result<Vec<u8>, ChainError> {
        let mut bytes = vec![0; LENGTH_BYTES];
        bytes.extend_from_slice(&self.route.0.to_be_bytes());
        bytes.extend_from_slice(&self.position.to_be_bytes());
        bytes.extend_from_slice(&self.label.to_be_bytes());
        bytes.extend_from_slice(&self.class.to_be_bytes());
        encode_address(self.client, &mut bytes);
        match &self.destination {
            Destination::Flow(flow) => {
                bytes.push(1);
                bytes.extend_from_slice(&flow.0.to_be_bytes());
            }
            Destination::Address(address) => {
                bytes.push(2);
                encode_address(Some(*address), &mut bytes);
            }
            Destination::Name(name, port) => {
                check_name(name)?;
                bytes.push(3);
                bytes.extend_from_slice(&port.to_be_bytes());
                bytes.extend_from_slice(name.as_bytes());
            }
        }
        Ok(with_length(bytes))
    }

    /// Reads a message, without its length.
    ///
    /// # Errors
    /// See [`ChainError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ChainError> {
        let mut rest = Rest(bytes);
        let opening = Self {
            route: RouteId(u32::from_be_bytes(rest.take()?)),
            position: u16::from_be_bytes(rest.take()?),
            label: u32::from_be_bytes(rest.take()?),
            class: u16::from_be_bytes(rest.take()?),
            client: rest.address()?,
            destination: rest.destination()?,
        };
        rest.end()?;
        Ok(opening)
    }
}

/// The message, with its length.
pub fn encode_answer(answer: Answer) -> Vec<u8> {
    let mut bytes = vec![0; LENGTH_BYTES];
    match answer {
        Ok(bound) => {
            bytes.push(0);
            encode_address(bound, &mut bytes);
        }
        Err(refusal) => bytes.push(refusal as u8),
    }
    with_length(bytes)
}

/// Reads a message, without its length.
///
/// # Errors
/// See [`ChainError`].
pub fn decode_answer(bytes: &[u8]) -> Result<Answer, ChainError> {
    let mut rest = Rest(bytes);
    let [kind] = rest.take()?;
    let answer = match kind {
        0 => Ok(rest.address()?),
        kind => {
            let refusal = Refusal::ALL.into_iter().find(|&refusal| refusal as u8 == kind);
            Err(refusal.ok_or(ChainError::Kind(kind))?)
        }
    };
    rest.end()?;
    Ok(answer)
}

/// The length of the message that follows.
///
/// # Errors
/// [`ChainError::Length`].
pub fn length(bytes: [u8; LENGTH_BYTES]) -> Result<usize, ChainError> {
    let length = usize::from(u16::from_be_bytes(bytes));
    if (1..=LONGEST).contains(&length) { Ok(length) } else { Err(ChainError::Length(length)) }
}

fn check_name(name: &str) -> Result<(), ChainError> {
    if (1..=LONGEST_NAME).contains(&name.len()) { Ok(()) } else { Err(ChainError::Name) }
}

fn with_length(mut bytes: Vec<u8>) -> Vec<u8> {
    // No message is longer than [`LONGEST`], since names are not longer than theirs.
    let length = (bytes.len() - LENGTH_BYTES) as u16;
    bytes[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn encode_address(address: Option<SocketAddr>, bytes: &mut Vec<u8>) {
    let Some(address) = address else { return bytes.push(0) };
    match address.ip() {
        IpAddr::V4(ip) => {
            bytes.push(4);
            bytes.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            bytes.push(6);
            bytes.extend_from_slice(&ip.octets());
        }
    }
    bytes.extend_from_slice(&address.port().to_be_bytes());
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ChainError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(ChainError::Content)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn address(&mut self) -> Result<Option<SocketAddr>, ChainError> {
        let ip: IpAddr = match self.take()? {
            [0] => return Ok(None),
            [4] => Ipv4Addr::from(self.take::<4>()?).into(),
            [6] => Ipv6Addr::from(self.take::<16>()?).into(),
            [other] => return Err(ChainError::Kind(other)),
        };
        Ok(Some(SocketAddr::new(ip, u16::from_be_bytes(self.take()?))))
    }

    fn destination(&mut self) -> Result<Destination, ChainError> {
        match self.take()? {
            [1] => Ok(Destination::Flow(FlowId(u32::from_be_bytes(self.take()?)))),
            [2] => self.address()?.map(Destination::Address).ok_or(ChainError::Kind(0)),
            [3] => {
                let port = u16::from_be_bytes(self.take()?);
                let name = std::str::from_utf8(std::mem::take(&mut self.0)).map_err(|_| ChainError::Name)?;
                check_name(name)?;
                Ok(Destination::Name(name.to_owned(), port))
            }
            [other] => Err(ChainError::Kind(other)),
        }
    }

    fn end(&self) -> Result<(), ChainError> {
        if self.0.is_empty() { Ok(()) } else { Err(ChainError::Content) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address() -> impl Strategy<Value = SocketAddr> {
        let ip = prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
            any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
        ];
        (ip, any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
    }

    fn destination() -> impl Strategy<Value = Destination> {
        prop_oneof![
            any::<u32>().prop_map(|flow| Destination::Flow(FlowId(flow))),
            address().prop_map(Destination::Address),
            ("[a-zé.-]{1,120}", any::<u16>()).prop_map(|(name, port)| Destination::Name(name, port)),
        ]
    }

    prop_compose! {
        fn opening()(
            route: u32, position: u16, label: u32, class: u16,
            client in prop::option::of(address()), destination in destination(),
        ) -> Opening {
            Opening { route: RouteId(route), position, label, class, client, destination }
        }
    }

    fn answer() -> impl Strategy<Value = Answer> {
        prop_oneof![
            prop::option::of(address()).prop_map(Ok),
            prop::sample::select(Refusal::ALL.to_vec()).prop_map(Err),
        ]
    }

    /// The message behind its length.
    fn content(bytes: &[u8]) -> &[u8] {
        let (first, rest) = bytes.split_first_chunk().unwrap();
        assert_eq!(length(*first), Ok(rest.len()));
        rest
    }

    proptest! {
        #[test]
        fn messages_survive_the_wire(opening in opening(), answer in answer()) {
            let bytes = opening.encode().unwrap();
            prop_assert_eq!(Opening::decode(content(&bytes)), Ok(opening));
            prop_assert_eq!(decode_answer(content(&encode_answer(answer))), Ok(answer));
        }

        #[test]
        fn what_is_cut_or_has_more_is_no_message(opening in opening(), answer in answer(), cut in 1_usize..40) {
            // A name has whatever follows it.
            prop_assume!(!matches!(opening.destination, Destination::Name(..)));
            for bytes in [opening.encode().unwrap(), encode_answer(answer)] {
                let bytes = content(&bytes);
                let shorter = &bytes[..bytes.len().saturating_sub(cut)];
                let longer = [bytes, &[0; 40][..cut]].concat();
                for wrong in [shorter, &longer] {
                    prop_assert!(Opening::decode(wrong) != Ok(opening.clone()));
                    prop_assert!(decode_answer(wrong) != Ok(answer));
                }
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(opening) = Opening::decode(&bytes) {
                let again = opening.encode().unwrap();
                prop_assert_eq!(content(&again), &bytes[..]);
            }
            if let Ok(answer) = decode_answer(&bytes) {
                let again = encode_answer(answer);
                prop_assert_eq!(content(&again), &bytes[..]);
            }
        }
    }

    #[test]
    fn names_are_as_long_as_socks_allows() {
        let opening = |name: String| Opening {
            route: RouteId(1),
            position: 1,
            label: 0,
            class: 0,
            client: None,
            destination: Destination::Name(name, 80),
        };
        assert!(opening("n".repeat(255)).encode().is_ok());
        for name in [String::new(), "n".repeat(256)] {
            assert_eq!(opening(name).encode(), Err(ChainError::Name));
        }
        let mut bytes = opening("n".to_owned()).encode().unwrap().split_off(LENGTH_BYTES);
        bytes.pop();
        assert_eq!(Opening::decode(&bytes), Err(ChainError::Name));
        bytes.push(0xff);
        assert_eq!(Opening::decode(&bytes), Err(ChainError::Name));
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(length([0, 0]), Err(ChainError::Length(0)));
        assert_eq!(length([2, 0]), Ok(512));
        assert_eq!(length([2, 1]), Err(ChainError::Length(513)));
    }
}
