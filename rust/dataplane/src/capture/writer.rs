//! From a capture's buffer to whoever watches.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::recorder::Recorder;

/// Writes packets as they come, until whoever watches closes its side or the capture ends.
pub(super) async fn write(recorder: Arc<Recorder>, mut stream: UnixStream) {
    if let Err(error) = write_all(&recorder, &mut stream).await {
        tracing::info!(%error, "who captured is gone");
    }
    recorder.close();
}

async fn write_all(recorder: &Recorder, stream: &mut UnixStream) -> io::Result<()> {
    let (mut hears, mut says) = stream.split();
    let (mut blocks, mut nothing) = (Vec::new(), [0]);
    loop {
        let more = recorder.take(&mut blocks);
        says.write_all(&blocks).await?;
        blocks.clear();
        if !more {
            break;
        }
        tokio::select! {
            () = recorder.filled() => {}
            // Nothing is said but the end.
            heard = hears.read(&mut nothing) => {
                heard?;
                recorder.close();
            }
        }
    }
    says.write_all(&recorder.statistics()).await?;
    says.shutdown().await
}
