//! Where captures are asked for: a socket in a folder that only its owner may enter.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use nextmini_wire::capture::{MAX_REQUEST, Request};
use nextmini_wire::control::{self, DecodeError};
use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Whoever connects says within this time what it wants.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// After a failure to accept, which is a lack of descriptors, connections that end make room.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Somebody who wants to see packets.
#[derive(Debug)]
pub struct Asked {
    /// Which.
    pub request: Request,
    /// Where to.
    pub stream: UnixStream,
}

#[derive(Debug, Error)]
enum RequestError {
    #[error("the connection broke ({0})")]
    Io(#[from] io::Error),
    #[error("it said nothing within {REQUEST_DEADLINE:?}")]
    Silent,
    #[error("a request of {0} bytes (at most {MAX_REQUEST})")]
    TooLarge(usize),
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Makes the socket at `path`, where nothing may be, for its owner alone.
///
/// # Errors
/// The system's own.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // The name of a socket has 107 bytes at most, which the folder alone may take.
    let folder = File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
    let listener = UnixListener::bind(&short)?;
    fs::set_permissions(&short, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Accepts connections and hands on what they ask for, until nobody takes it.
pub async fn accept(listener: UnixListener, asked: mpsc::Sender<Asked>) {
    let mut reading = JoinSet::new();
    loop {
        while reading.try_join_next().is_some() {}
        let mut stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for a capture");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let asked = asked.clone();
        reading.spawn(async move {
            match timeout(REQUEST_DEADLINE, read(&mut stream)).await.unwrap_or(Err(RequestError::Silent)) {
                Ok(request) => {
                    if asked.send(Asked { request, stream }).await.is_err() {
                        tracing::debug!("a capture was asked for at the end of the process");
                    }
                }
                Err(error) => tracing::warn!(%error, "refused a capture"),
            }
        });
    }
}

async fn read(stream: &mut UnixStream) -> Result<Request, RequestError> {
    let length = stream.read_u32().await? as usize;
    if length > MAX_REQUEST {
        return Err(RequestError::TooLarge(length));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(control::decode(&bytes)?)
}

#[cfg(test)]
mod tests {
    use nextmini_wire::capture::WantedLink;
    use nextmini_wire::id::{LinkId, NodeId};
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_asked_for_arrives_and_nonsense_does_not() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        let link = WantedLink {
            link: LinkId(7),
            from: NodeId(1),
            name: "a-b".into(),
            description: "from a to b".into(),
        };
        let request = Request { epoch_ns: u64::MAX, kept: 96, links: vec![link] };
        let bytes = control::encode(&request).unwrap();
        here.write_u32(bytes.len() as u32).await.unwrap();
        here.write_all(&bytes).await.unwrap();
        assert_eq!(read(&mut there).await.unwrap(), request);
        here.write_u32(MAX_REQUEST as u32 + 1).await.unwrap();
        assert!(matches!(read(&mut there).await, Err(RequestError::TooLarge(_))));
        here.write_all(&[0, 0, 0, 1, 0xc1]).await.unwrap();
        assert!(matches!(read(&mut there).await, Err(RequestError::Decode(_))));
        here.write_all(&[0, 0, 0, 1]).await.unwrap();
        drop(here);
        assert!(matches!(read(&mut there).await, Err(RequestError::Io(_))));
    }
}
