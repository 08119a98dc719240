//! Where the programs of a node are: TCP connections are made to them and accepted from them there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nextmini_sys::namespace::{allow_foreign, within};
use nextmini_sys::tcp::{connecting_as, connecting_here, listen};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Of any port, the kernel chooses one that may just have been used for the same destination: so many are tried.
const PORTS: u32 = 8;

/// A node's network namespace, or the host's loopback if it has none.
#[derive(Debug, Default)]
pub struct Room {
    namespace: Option<PathBuf>,
    /// Set once connections from other addresses are possible there.
    allows_foreign: OnceLock<()>,
}

impl Room {
    /// In this namespace; on the host, if there is none.
    pub fn new(namespace: Option<PathBuf>) -> Self {
        Self { namespace, allows_foreign: OnceLock::new() }
    }

    /// Accepts connections of programs there.
    ///
    /// # Errors
    /// The kernel's answer: the address is in use, or not one of that place.
    pub fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let listener = match &self.namespace {
            Some(path) => within(path, || listen(address))??,
            None => listen(address)?,
        };
        TcpListener::from_std(listener)
    }

    /// Connects to a program there. In a namespace, it is told that `client` connects, where that is known; a port of 0
    /// is any port.
    ///
    /// # Errors
    /// The kernel's answer: nobody listens there, or the namespace is gone.
    pub async fn connect(&self, to: SocketAddr, client: Option<SocketAddr>) -> io::Result<TcpStream> {
        match &self.namespace {
            Some(path) => self.connect_inside(path, to, client).await,
            None => {
                let to = SocketAddr::new(loopback_like(to.ip()), to.port());
                TcpSocket::from_std_stream(connecting_here(to)?).connect(to).await
            }
        }
    }

    async fn connect_inside(
        &self,
        path: &Path,
        to: SocketAddr,
        client: Option<SocketAddr>,
    ) -> io::Result<TcpStream> {
        let tries = if client.is_some_and(|client| client.port() == 0) { PORTS } else { 1 };
        let mut outcome = Err(io::ErrorKind::AddrNotAvailable.into());
        for _ in 0..tries {
            let socket = self.socket_inside(path, to, client)?;
            outcome = TcpSocket::from_std_stream(socket).connect(to).await;
            if !matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable) {
                break;
            }
        }
        outcome
    }

    fn socket_inside(
        &self,
        path: &Path,
        to: SocketAddr,
        client: Option<SocketAddr>,
    ) -> io::Result<std::net::TcpStream> {
        let Some(client) = client.filter(|client| client.is_ipv4() == to.is_ipv4()) else {
            return within(path, || connecting_here(to))?;
        };
        if self.allows_foreign.get().is_none() {
            allow_foreign(path)?;
            // Whoever else has done so meanwhile has done the same.
            let _first = self.allows_foreign.set(());
        }
        within(path, || connecting_as(to, client))?
    }
}

fn loopback_like(ip: IpAddr) -> IpAddr {
    if ip.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_node_without_a_namespace_is_the_hosts_loopback() {
        let room = Room::default();
        let server = room.listen(([127, 0, 0, 1], 0).into()).unwrap();
        let port = server.local_addr().unwrap().port();
        let client = Some(([10, 0, 0, 1], 0).into());
        let stream = room.connect(([10, 0, 0, 7], port).into(), client).await.unwrap();
        assert_eq!(server.accept().await.unwrap().1, stream.local_addr().unwrap());
        drop(server);
        let error = room.connect(([10, 0, 0, 7], port).into(), None).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn a_namespace_that_is_gone_is_said_to_be() {
        let room = Room::new(Some("/run/netns/of nobody".into()));
        let error = room.listen(([127, 0, 0, 1], 0).into()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let error = room.connect(([10, 0, 0, 7], 80).into(), None).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
