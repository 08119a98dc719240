//! SOCKS version 5 (RFC 1928), with the logins of RFC 1929: what a client says, and what it is answered.
//!
//! Each reader takes the bytes that have come so far and returns what they say and how many of them that took; `None`
//! while there are too few. What follows belongs to whatever is next: clients need not wait for answers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use crate::chain::Refusal;

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// What a client of another protocol, or none, has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SocksError {
    /// It speaks another version, or something else.
    #[error("version {0} of SOCKS, and this is version 5")]
    Version(u8),
    /// A login of another kind.
    #[error("version {0} of a login, and this is version 1")]
    Login(u8),
    /// It wants something that is not done here.
    #[error("command {0}, and CONNECT is the only one")]
    Command(u8),
    /// It names its destination in a way that there is not.
    #[error("an address of type {0}")]
    AddressType(u8),
    /// A name that is none.
    #[error("a name that is empty or not UTF-8")]
    Name,
}

impl SocksError {
    /// What the client is answered, if it is one of SOCKS 5.
    pub fn reply(self) -> Option<Reply> {
        match self {
            Self::Version(_) | Self::Login(_) => None,
            Self::Command(_) => Some(Reply::CommandNotSupported),
            Self::AddressType(_) => Some(Reply::AddressTypeNotSupported),
            Self::Name => Some(Reply::Refused(Refusal::HostUnreachable)),
        }
    }
}

/// What was read, and how many bytes it took; nothing while there are too few.
pub type Read<T> = Result<Option<(T, usize)>, SocksError>;

/// How clients may prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Method {
    /// They need not.
    None = 0,
    /// With a name and a password.
    Login = 2,
}

/// A client's first message: what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    methods: Vec<u8>,
}

impl Greeting {
    /// Reads one.
    ///
    /// # Errors
    /// [`SocksError::Version`].
    pub fn read(bytes: &[u8]) -> Read<Self> {
        let Some(&version) = bytes.first() else { return Ok(None) };
        if version != VERSION {
            return Err(SocksError::Version(version));
        }
        let Some((methods, _)) = counted(&bytes[1..]) else { return Ok(None) };
        Ok(Some((Self { methods: methods.to_vec() }, 2 + methods.len())))
    }

    /// Whether the client can do this.
    pub fn offers(&self, method: Method) -> bool {
        self.methods.contains(&(method as u8))
    }
}

/// The answer to a greeting: how the client is to prove who it is, or that nothing it can do will do.
pub fn encode_method(method: Option<Method>) -> [u8; 2] {
    [VERSION, method.map_or(0xff, |method| method as u8)]
}

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Of the user; any bytes.
    pub name: Vec<u8>,
    /// Of the user; any bytes.
    pub password: Vec<u8>,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Login({})", self.name.escape_ascii())
    }
}

impl Login {
    /// Reads one.
    ///
    /// # Errors
    /// [`SocksError::Login`].
    pub fn read(bytes: &[u8]) -> Read<Self> {
        let Some(&version) = bytes.first() else { return Ok(None) };
        if version != LOGIN_VERSION {
            return Err(SocksError::Login(version));
        }
        let Some((name, rest)) = counted(&bytes[1..]) else { return Ok(None) };
        let Some((password, _)) = counted(rest) else { return Ok(None) };
        let length = 3 + name.len() + password.len();
        Ok(Some((Self { name: name.to_vec(), password: password.to_vec() }, length)))
    }
}

/// The answer to a login.
pub fn encode_login_answer(welcome: bool) -> [u8; 2] {
    [LOGIN_VERSION, u8::from(!welcome)]
}

/// Where a client wants to be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address.
    Address(SocketAddr),
    /// A port of the host of that name, which has 1 to 255 bytes.
    Name(String, u16),
}

impl Target {
    /// Reads a request for a connection.
    ///
    /// # Errors
    /// See [`SocksError`].
    pub fn read(bytes: &[u8]) -> Read<Self> {
        let Some(&version) = bytes.first() else { return Ok(None) };
        if version != VERSION {
            return Err(SocksError::Version(version));
        }
        let Some(([_, command, _, kind], rest)) = bytes.split_first_chunk() else { return Ok(None) };
        if *command != CONNECT {
            return Err(SocksError::Command(*command));
        }
        match *kind {
            IPV4 => Ok(address::<4>(rest)),
            IPV6 => Ok(address::<16>(rest)),
            NAME => name(rest),
            other => Err(SocksError::AddressType(other)),
        }
    }
}

/// Bytes in front of an address in a request.
const HEADER: usize = 4;

fn address<const N: usize>(bytes: &[u8]) -> Option<(Target, usize)>
where
    IpAddr: From<[u8; N]>,
{
    let (ip, rest) = bytes.split_first_chunk::<N>()?;
    let (port, _) = rest.split_first_chunk()?;
    let address = SocketAddr::new((*ip).into(), u16::from_be_bytes(*port));
    Some((Target::Address(address), HEADER + N + 2))
}

fn name(bytes: &[u8]) -> Read<Target> {
    let Some((name, rest)) = counted(bytes) else { return Ok(None) };
    let Some((port, _)) = rest.split_first_chunk() else { return Ok(None) };
    let text = std::str::from_utf8(name).ok().filter(|name| !name.is_empty()).ok_or(SocksError::Name)?;
    let target = Target::Name(text.to_owned(), u16::from_be_bytes(*port));
    Ok(Some((target, HEADER + 1 + name.len() + 2)))
}

/// As many bytes as the first one says, and the rest.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}

/// What became of a request (RFC 1928, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// There is a connection, from this address.
    Succeeded(SocketAddr),
    /// There is none.
    Refused(Refusal),
    /// There never is for such a command.
    CommandNotSupported,
    /// Nor for such an address.
    AddressTypeNotSupported,
}

impl Reply {
    /// The message.
    pub fn encode(self) -> Vec<u8> {
        let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        let (code, bound) = match self {
            Self::Succeeded(bound) => (0, bound),
            Self::Refused(refusal) => (refusal as u8, nowhere),
            Self::CommandNotSupported => (7, nowhere),
            Self::AddressTypeNotSupported => (8, nowhere),
        };
        let mut bytes = vec![VERSION, code, 0];
        match bound.ip() {
            IpAddr::V4(ip) => {
                bytes.push(IPV4);
                bytes.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                bytes.push(IPV6);
                bytes.extend_from_slice(&Ipv6Addr::octets(&ip));
            }
        }
        bytes.extend_from_slice(&bound.port().to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message as clients write it.
    fn request(kind: u8, address: &[u8], port: u16) -> Vec<u8> {
        [&[5, 1, 0, kind], address, &port.to_be_bytes()].concat()
    }

    fn named(name: &[u8]) -> Vec<u8> {
        [&[name.len() as u8], name].concat()
    }

    /// Reads a message that comes byte by byte, with more behind it.
    fn read<T: PartialEq + fmt::Debug>(read: impl Fn(&[u8]) -> Read<T>, message: &[u8]) -> T {
        for end in 0..message.len() {
            assert_eq!(read(&message[..end]), Ok(None), "{end}");
        }
        let (read, length) = read(&[message, b"more"].concat()).unwrap().unwrap();
        assert_eq!(length, message.len());
        read
    }

    #[test]
    fn a_greeting_says_what_a_client_can_do() {
        let greeting = read(Greeting::read, &[5, 2, 0, 2]);
        assert!(greeting.offers(Method::None) && greeting.offers(Method::Login));
        let greeting = read(Greeting::read, &[5, 1, 1]);
        assert!(!greeting.offers(Method::None) && !greeting.offers(Method::Login));
        assert!(!read(Greeting::read, &[5, 0]).offers(Method::None));
        assert_eq!(encode_method(Some(Method::Login)), [5, 2]);
        assert_eq!(encode_method(None), [5, 255]);
    }

    #[test]
    fn a_login_is_any_bytes_up_to_255_and_its_password_is_not_shown() {
        let long = [7; 255];
        let message = [&[1][..], &named(&long), &named(b"secret")].concat();
        let login = read(Login::read, &message);
        assert_eq!((&login.name[..], &login.password[..]), (&long[..], &b"secret"[..]));
        assert!(!format!("{login:?}").contains("secret"));
        assert_eq!(read(Login::read, &[1, 0, 0]), Login { name: vec![], password: vec![] });
        assert_eq!((encode_login_answer(true), encode_login_answer(false)), ([1, 0], [1, 1]));
    }

    #[test]
    fn a_request_names_its_target_in_three_ways() {
        let v4 = read(Target::read, &request(1, &[10, 0, 0, 7], 80));
        assert_eq!(v4, Target::Address("10.0.0.7:80".parse().unwrap()));
        let v6 = read(Target::read, &request(4, &[[0xfd, 0], [0, 1]].concat().repeat(4), 443));
        assert_eq!(v6, Target::Address("[fd00:1:fd00:1:fd00:1:fd00:1]:443".parse().unwrap()));
        for name in ["server", &"n".repeat(255)] {
            let target = read(Target::read, &request(3, &named(name.as_bytes()), 8080));
            assert_eq!(target, Target::Name(name.to_owned(), 8080));
        }
    }

    #[test]
    fn what_is_no_request_is_said_to_be_none() {
        assert_eq!(Greeting::read(b"GET / HTTP/1.1"), Err(SocksError::Version(b'G')));
        assert_eq!(Greeting::read(&[4, 1]), Err(SocksError::Version(4)));
        assert_eq!(Login::read(&[5]), Err(SocksError::Login(5)));
        assert_eq!(Target::read(&[4]), Err(SocksError::Version(4)));
        let bind = Target::read(&[5, 2, 0, 1]).unwrap_err();
        assert_eq!((bind, bind.reply()), (SocksError::Command(2), Some(Reply::CommandNotSupported)));
        let other = Target::read(&[5, 1, 0, 9]).unwrap_err();
        assert_eq!(other.reply(), Some(Reply::AddressTypeNotSupported));
        for name in [&b""[..], &[0xff]] {
            let error = Target::read(&request(3, &named(name), 80)).unwrap_err();
            assert_eq!(error.reply().unwrap().encode()[1], 4);
        }
        assert_eq!(SocksError::Version(4).reply(), None);
    }

    #[test]
    fn replies_are_those_of_the_standard() {
        let bound = "10.0.0.7:4000".parse().unwrap();
        assert_eq!(Reply::Succeeded(bound).encode(), [5, 0, 0, 1, 10, 0, 0, 7, 0x0f, 0xa0]);
        let bound = "[fd00::1]:80".parse().unwrap();
        assert_eq!(Reply::Succeeded(bound).encode().len(), 22);
        let codes = [
            Reply::Refused(Refusal::General),
            Reply::Refused(Refusal::NotAllowed),
            Reply::Refused(Refusal::NetworkUnreachable),
            Reply::Refused(Refusal::HostUnreachable),
            Reply::Refused(Refusal::ConnectionRefused),
            Reply::Refused(Refusal::TimedOut),
            Reply::CommandNotSupported,
            Reply::AddressTypeNotSupported,
        ];
        for (reply, code) in codes.into_iter().zip(1..) {
            assert_eq!(reply.encode(), [5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
        }
    }

    proptest! {
        #[test]
        fn no_reader_takes_more_than_there_is(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let taken = [
                Greeting::read(&bytes).map(|read| read.map(|(_, length)| length)),
                Login::read(&bytes).map(|read| read.map(|(_, length)| length)),
                Target::read(&bytes).map(|read| read.map(|(_, length)| length)),
            ];
            for length in taken.into_iter().flatten().flatten() {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
