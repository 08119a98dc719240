//! TCP sockets that are made in one place and used in another: a socket stays in the network namespace in which it was
//! made.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// The mark (SO_MARK) of packets of [`connecting_as`]: nobody is to redirect them.
pub const MARK: u32 = 0x6e6d;

/// Connections that have not been accepted yet, at most.
const BACKLOG: i32 = 1_024;
/// A connection on which nothing was said for so long is asked whether it is still there.
const IDLE: Duration = Duration::from_secs(60);

/// A socket that listens at `address`, for use without blocking.
///
/// # Errors
/// The kernel's answer: the address is in use, or not one of this namespace.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A socket that is to be connected to `to`, for use without blocking.
///
/// # Errors
/// The kernel's answer.
pub fn connecting(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(to)?;
    set_lasting(&socket)?;
    Ok(socket.into())
}

/// The same on this machine.
///
/// # Errors
/// The kernel's answer.
pub fn connecting_here(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(to)?;
    set_local(&socket)?;
    Ok(socket.into())
}

/// The same as [`connecting_here`], from an address that may be another machine's; of port 0, any port.
///
/// # Errors
/// The kernel's answer: the address is in use, of another family, or this user may not.
pub fn connecting_as(to: SocketAddr, from: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(to)?;
    set_local(&socket)?;
    socket.set_mark(MARK)?;
    // Of sockets of both families, in spite of its name.
    socket.set_ip_transparent_v4(true)?;
    // Another connection may have the port, as long as it goes somewhere else.
    socket.set_reuse_address(true)?;
    socket.bind(&from.into())?;
    Ok(socket.into())
}

/// Where the client of a redirected connection wanted to go; its own address, if it was not redirected.
///
/// # Errors
/// The kernel's answer: it does not know the connection.
pub fn original_destination(socket: impl AsFd) -> io::Result<SocketAddr> {
    let socket = socket.as_fd();
    match rustix::net::getsockname(socket)?.try_into()? {
        SocketAddr::V4(_) => Ok(sockopt::ip_original_dst(socket)?.into()),
        SocketAddr::V6(_) => Ok(sockopt::ipv6_original_dst(socket)?.into()),
    }
}

/// Has the kernel find out when a peer is gone without a word, and send what there is at once.
///
/// # Errors
/// The kernel's answer.
pub fn set_lasting(socket: impl AsFd) -> io::Result<()> {
    let socket = socket2::SockRef::from(&socket);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(IDLE))
}

/// The same for a connection that does not leave the machine. Some congestion control paces what it sends (BBR), which
/// costs a timer for each burst, and a machine by itself has no congestion: where there is Cubic, it is chosen.
///
/// # Errors
/// The kernel's answer.
pub fn set_local(socket: impl AsFd) -> io::Result<()> {
    set_lasting(&socket)?;
    // Where there is none, what the system has will do.
    let _chosen = sockopt::set_tcp_congestion(socket, "cubic");
    Ok(())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_once() {
        let first = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let error = listen(first.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        // One of IPv6 is another one.
        let port = first.local_addr().unwrap().port();
        listen((std::net::Ipv6Addr::LOCALHOST, port).into()).unwrap();
    }

    #[test]
    fn who_was_not_redirected_is_not_known() {
        let server = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        // Whether the kernel keeps such records at all depends on its rules elsewhere.
        match original_destination(&client) {
            Ok(address) => assert_eq!(address, server.local_addr().unwrap()),
            Err(error) => assert!(error.raw_os_error().is_some(), "{error}"),
        }
    }
}
