//! What is outside of the network: connections leave for there from where the process was started.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use nextmini_policy::aim::is_outside;
use nextmini_sys::namespace::{enter, within};
use nextmini_sys::tcp::connecting;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// Names that are looked up at the same time, each on a thread of its own.
const LOOKUPS: usize = 32;
/// One of several addresses of a name has so long to answer.
const EACH: Duration = Duration::from_secs(3);

/// The network of the machine.
#[derive(Debug)]
pub struct Outside {
    /// Where it is seen from, if not from where the process is.
    namespace: Option<PathBuf>,
    lookups: Semaphore,
}

impl Outside {
    /// As it is seen from this namespace; if there is none, from where the process is.
    pub fn new(namespace: Option<PathBuf>) -> Self {
        Self { namespace, lookups: Semaphore::new(LOOKUPS) }
    }

    /// Connects to an address.
    ///
    /// # Errors
    /// The kernel's answer, or that the address is the machine's own.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        if !is_outside(to.ip().to_canonical()) {
            let own = format!("{to} is this machine itself, or many");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, own));
        }
        let socket = match &self.namespace {
            Some(path) => within(path, || connecting(to))??,
            None => connecting(to)?,
        };
        TcpSocket::from_std_stream(socket).connect(to).await
    }

    /// Connects to the first of a name's addresses that answers.
    ///
    /// # Errors
    /// As [`Self::connect`] says of the last of them, or that there is no such name.
    pub async fn connect_to_name(&self, name: &str, port: u16) -> io::Result<TcpStream> {
        let mut last = unknown(name);
        for address in self.look_up(name, port).await? {
            match timeout(EACH, self.connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    }

    async fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let gone = || io::Error::other("the thread that looks names up has ended");
        let _room = self.lookups.acquire().await.map_err(|_| gone())?;
        let (answer, answered) = oneshot::channel();
        let (asked, namespace) = ((name.to_owned(), port), self.namespace.clone());
        std::thread::Builder::new().name("look up".to_owned()).spawn(move || {
            let found = namespace.map_or(Ok(()), |path| enter(&path)).map(|()| asked.to_socket_addrs());
            // Whoever asked may have given up.
            let _heard = answer.send(found);
        })?;
        let found = answered.await.map_err(|_| gone())??;
        Ok(found.map_err(|_| unknown(name))?.collect())
    }
}

fn unknown(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::HostUnreachable, format!("there is no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_machine_itself_is_not_outside() {
        let outside = Outside::new(None);
        for own in ["127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            let error = outside.connect(own.parse().unwrap()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
        let error = outside.connect_to_name("localhost", 80).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[tokio::test]
    async fn a_name_of_nobody_is_said_to_be_unknown() {
        // A name that cannot be one asks no server.
        let error = Outside::new(None).connect_to_name("..", 80).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::HostUnreachable);
    }
}
