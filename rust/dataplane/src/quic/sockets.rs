//! The UDP sockets of a process's QUIC links: one that listens, beside the TCP listener, and one for each link that dials.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use nextmini_sys::udp;
use quinn::{Endpoint, ServerConfig, TokioRuntime};

use super::identity::QuicIdentity;
use super::settings;
use crate::link::carriage::Carriage;

/// Bytes of each of the kernel's two buffers.
const BUFFER: usize = 4 << 20;

/// Has `socket` listen.
///
/// # Errors
/// The kernel's answer.
pub fn listening(socket: UdpSocket, identity: &QuicIdentity) -> io::Result<Endpoint> {
    let address = socket.local_addr()?;
    udp::set_buffers(&socket, BUFFER)?;
    let config = serving(address, identity, &Carriage::default());
    Endpoint::new(settings::endpoint(), Some(config), socket, Arc::new(TokioRuntime))
}

/// How connections are set that arrive at `address`.
pub fn serving(address: SocketAddr, identity: &QuicIdentity, carriage: &Carriage) -> ServerConfig {
    let mut config = ServerConfig::with_crypto(Arc::clone(&identity.server) as Arc<_>);
    config.transport_config(Arc::new(settings::transport(Some(address.ip()), carriage)));
    config
}

/// A socket to reach `peer` from.
///
/// # Errors
/// The kernel's answer.
pub fn dialling(peer: SocketAddr) -> io::Result<Endpoint> {
    let any: IpAddr =
        if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    udp::set_buffers(&socket, BUFFER)?;
    Endpoint::new(settings::endpoint(), None, socket, Arc::new(TokioRuntime))
}
