//! The UDP sockets of a process's QUIC links: one that listens, beside the TCP listener, and one for each link that dials.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use nextmini_sys::udp;
use quinn::{Endpoint, ServerConfig, TokioRuntime};

use super::identity::Identity;
use super::settings;

/// Bytes of each of the kernel's two buffers.
const BUFFER: usize = 4 << 20;

/// A socket that listens at `address`.
///
/// # Errors
/// The kernel's answer: the port is another process's.
pub fn listening(address: SocketAddr, identity: &Identity) -> io::Result<Endpoint> {
    let mut config = ServerConfig::with_crypto(Arc::clone(&identity.server) as Arc<_>);
    config.transport_config(Arc::new(settings::transport(Some(address.ip()), "cubic")));
    Endpoint::new(settings::endpoint(), Some(config), bind(address)?, Arc::new(TokioRuntime))
}

/// A socket to reach `peer` from.
///
/// # Errors
/// The kernel's answer.
pub fn dialling(peer: SocketAddr) -> io::Result<Endpoint> {
    let any: IpAddr =
        if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    Endpoint::new(settings::endpoint(), None, bind(SocketAddr::new(any, 0))?, Arc::new(TokioRuntime))
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    udp::set_buffers(&socket, BUFFER)?;
    Ok(socket)
}
