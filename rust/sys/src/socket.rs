//! Options of the TCP sockets that carry links (tcp(7), socket(7)).

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::time::Duration;

use rustix::net::{SendFlags, Shutdown, sockopt};
use thiserror::Error;

use crate::tcp::set_lasting;

/// How a link's socket is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSocket<'a> {
    /// Congestion control, by the kernel's name for it.
    pub congestion: &'a str,
    /// Bytes in each of the kernel's two buffers. What they hold should stay in the processor's cache
    /// where the path has no delay, and cover the bandwidth-delay product where it has; nothing leaves them to the kernel,
    /// which sizes them by what the path has under way.
    pub buffer: Option<usize>,
    /// A peer that acknowledges nothing for so long is given up (TCP_USER_TIMEOUT).
    pub patience: Duration,
}

/// Why a socket cannot be set so.
#[derive(Debug, Error)]
pub enum SocketError {
    /// The kernel has no such congestion control, or does not let this user choose it.
    #[error(
        "congestion control \"{name}\" is not available here ({source}); see net.ipv4.tcp_allowed_congestion_control"
    )]
    Congestion {
        /// What was asked for.
        name: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// Another option was refused.
    #[error("cannot set {option} ({source})")]
    Option {
        /// Its name.
        option: &'static str,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

impl LinkSocket<'_> {
    /// Sets the options.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub fn apply(&self, socket: impl AsFd) -> Result<(), SocketError> {
        let socket = socket.as_fd();
        let option = |option: &'static str, result: rustix::io::Result<()>| {
            result.map_err(|source| SocketError::Option { option, source: source.into() })
        };
        let patience_ms = u32::try_from(self.patience.as_millis()).unwrap_or(u32::MAX);
        option("TCP_NODELAY", sockopt::set_tcp_nodelay(socket, true))?;
        if let Some(buffer) = self.buffer {
            option("SO_SNDBUF", sockopt::set_socket_send_buffer_size(socket, buffer))?;
            option("SO_RCVBUF", sockopt::set_socket_recv_buffer_size(socket, buffer))?;
        }
        option("TCP_USER_TIMEOUT", sockopt::set_tcp_user_timeout(socket, patience_ms))?;
        option("SO_KEEPALIVE", sockopt::set_socket_keepalive(socket, true))?;
        option("TCP_KEEPIDLE", sockopt::set_tcp_keepidle(socket, self.patience / 2))?;
        set_congestion(socket, self.congestion)
    }
}

/// How the socket of a connection in max mode is set. Its buffers are the kernel's to size, which it does by what the
/// path has under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSocket<'a> {
    /// Congestion control, by the kernel's name for it.
    pub congestion: &'a str,
}

impl ChainSocket<'_> {
    /// Sets the options.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub fn apply(&self, socket: impl AsFd) -> Result<(), SocketError> {
        let socket = socket.as_fd();
        set_lasting(socket).map_err(|source| SocketError::Option { option: "SO_KEEPALIVE", source })?;
        set_congestion(socket, self.congestion)
    }
}

fn set_congestion(socket: BorrowedFd<'_>, name: &str) -> Result<(), SocketError> {
    sockopt::set_tcp_congestion(socket, name)
        .map_err(|source| SocketError::Congestion { name: name.to_owned(), source: source.into() })
}

/// What becomes of a connection when its socket is closed, by the end of its process too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// What was sent is delivered, and then its end.
    Orderly,
    /// The peer hears of an error (SO_LINGER of 0).
    Reset,
}

/// Sets what becomes of a connection when its socket is closed.
///
/// # Errors
/// The kernel's answer.
pub fn set_ending(socket: impl AsFd, ending: Ending) -> std::io::Result<()> {
    let linger = match ending {
        Ending::Orderly => None,
        Ending::Reset => Some(Duration::ZERO),
    };
    Ok(sockopt::set_socket_linger(socket, linger)?)
}

/// How long a round trip of a TCP connection takes, smoothed by the kernel (tcp(7), TCP_INFO).
///
/// # Errors
/// The kernel's answer.
pub fn round_trip(socket: impl AsFd) -> std::io::Result<Duration> {
    // SAFETY: all of it are numbers, for which zeros are values as any.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `info`, which is that long and outlives the call.
    let answer = unsafe {
        let (level, option) = (libc::IPPROTO_TCP, libc::TCP_INFO);
        libc::getsockopt(socket.as_fd().as_raw_fd(), level, option, (&raw mut info).cast(), &raw mut length)
    };
    if answer == 0 {
        Ok(Duration::from_micros(u64::from(info.tcpi_rtt)))
    } else {
        Err(std::io::Error::last_os_error())
    }
}

/// Takes what has come, up to the length of `into`, and returns how many bytes; none after the end.
///
/// # Errors
/// The kernel's answer.
pub fn receive(socket: impl AsFd, into: &mut [u8]) -> std::io::Result<usize> {
    Ok(rustix::io::read(socket, into)?)
}

/// Gives the kernel what it takes of `data`, and returns how many bytes. A connection that has gone is an error, and no
/// signal.
///
/// # Errors
/// The kernel's answer.
pub fn send(socket: impl AsFd, data: &[u8]) -> std::io::Result<usize> {
    Ok(rustix::net::send(socket, data, SendFlags::NOSIGNAL)?)
}

/// Tells the peer that nothing more will come; what comes from there may still be read.
///
/// # Errors
/// The kernel's answer: there is no connection any more.
pub fn end_sending(socket: impl AsFd) -> std::io::Result<()> {
    Ok(rustix::net::shutdown(socket, Shutdown::Write)?)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn socket() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap()
    }

    #[test]
    fn the_kernel_has_what_was_set() {
        let socket = socket();
        let options =
            LinkSocket { congestion: "reno", buffer: Some(100_000), patience: Duration::from_secs(7) };
        options.apply(&socket).unwrap();
        assert_eq!(sockopt::tcp_congestion(&socket).unwrap(), "reno");
        assert!(sockopt::tcp_nodelay(&socket).unwrap());
        assert_eq!(sockopt::tcp_user_timeout(&socket).unwrap(), 7_000);
        // The kernel doubles what is asked for, to have room for its own book-keeping.
        assert_eq!(sockopt::socket_send_buffer_size(&socket).unwrap(), 200_000);
    }

    #[test]
    fn buffers_may_be_the_kernels_to_size() {
        let socket = socket();
        let before = sockopt::socket_send_buffer_size(&socket).unwrap();
        LinkSocket { congestion: "reno", buffer: None, patience: Duration::from_secs(7) }
            .apply(&socket)
            .unwrap();
        assert_eq!(sockopt::socket_send_buffer_size(&socket).unwrap(), before);
    }

    #[test]
    fn a_connection_knows_its_round_trip() {
        // Of the handshake at least, and within a machine it takes no minute.
        let found = round_trip(socket()).unwrap();
        assert!(!found.is_zero() && found < Duration::from_secs(60), "{found:?}");
        let no_tcp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(round_trip(no_tcp).is_err());
    }

    #[test]
    fn an_unknown_congestion_control_is_named() {
        let options = LinkSocket {
            congestion: "carrier-pigeon",
            buffer: Some(100_000),
            patience: Duration::from_secs(7),
        };
        let error = options.apply(socket()).unwrap_err().to_string();
        assert!(error.contains("carrier-pigeon"), "{error}");
    }
}
