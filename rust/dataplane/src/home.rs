//! Where a process began, if its nodes and links are in another network namespace: from there the controller is
//! reached.

use std::fs::File;
use std::io;
use std::net::TcpStream as StdStream;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use tokio::net::TcpStream;
use tokio::sync::oneshot;

type Request = (String, oneshot::Sender<io::Result<StdStream>>);

/// A thread that stays in the namespace in which it was started, and connects from there.
#[derive(Clone, Debug)]
pub struct Home {
    /// Open, so that it is there for as long as this is.
    namespace: Arc<File>,
    requests: mpsc::Sender<Request>,
}

impl Home {
    /// Starts the thread. It ends when nobody can ask it any more.
    ///
    /// # Errors
    /// The system has no more threads or files to give.
    pub fn start() -> io::Result<Self> {
        let namespace = Arc::new(File::open("/proc/thread-self/ns/net")?);
        let (requests, asked) = mpsc::channel::<Request>();
        std::thread::Builder::new().name("home".to_owned()).spawn(move || {
            for (address, answer) in asked {
                // Who asked may have given up meanwhile.
                let _heard = answer.send(StdStream::connect(address));
            }
        })?;
        Ok(Self { namespace, requests })
    }

    /// The file of the namespace, for this process.
    pub fn namespace(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.namespace.as_raw_fd()).into()
    }

    /// Connects to `address`, a host and a port.
    ///
    /// # Errors
    /// As of a connection: nobody answers, or there is no such host.
    pub async fn connect(&self, address: String) -> io::Result<TcpStream> {
        let (answer, answered) = oneshot::channel();
        let gone = || io::Error::other("the thread that connects has ended");
        self.requests.send((address, answer)).map_err(|_| gone())?;
        let stream = answered.await.map_err(|_| gone())??;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        TcpStream::from_std(stream)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_is_made_or_it_says_why_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let home = Home::start().unwrap();
        let stream = home.connect(address.to_string()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        drop(listener);
        let error = home.connect(address.to_string()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
