//! Two TUN devices with nothing between them: what one is read, the other is written, as it is.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use nextmini_sys::tun::{self, Offload};
use nextmini_wire::vnet::VNET_BYTES;

use super::BaselineError;

/// The largest packet, with its header.
const LARGEST: usize = VNET_BYTES + 65_536;

/// A relay between two devices: a thread for each direction, which ends with the process.
#[derive(Debug)]
pub struct TunRelay {
    failures: Receiver<io::Error>,
}

impl TunRelay {
    /// Opens both devices, each given by its namespace and its name, and begins to relay.
    ///
    /// # Errors
    /// See [`BaselineError`].
    pub fn start(ends: [(PathBuf, String); 2], offload: Offload) -> Result<Self, BaselineError> {
        let [first, second] = ends.map(|(namespace, device)| open(namespace, &device, offload));
        let (first, second) = (first?, second?);
        let (report, failures) = mpsc::channel();
        let back = (second.try_clone()?, first.try_clone()?);
        for (name, (from, to)) in [("forward", (first, second)), ("backward", back)] {
            let report = report.clone();
            thread::Builder::new().name(name.to_owned()).spawn(move || {
                if let Err(error) = copy(from, to) {
                    // Nobody is left to hear of it if the other direction has failed before.
                    let _ = report.send(error);
                }
            })?;
        }
        Ok(Self { failures })
    }

    /// Waits until it fails.
    pub fn wait(self) -> BaselineError {
        self.failures.recv().map_or(BaselineError::Panic, BaselineError::Io)
    }
}

fn open(namespace: PathBuf, device: &str, offload: Offload) -> Result<File, BaselineError> {
    let mut files = tun::attach(&namespace, device, 1, offload)?;
    let file: OwnedFd = files.pop().ok_or(io::ErrorKind::NotFound).map_err(io::Error::from)?;
    tun::block(&file)?;
    Ok(file.into())
}

fn copy(mut from: File, mut to: File) -> io::Result<()> {
    let mut buffer = vec![0; LARGEST];
    loop {
        let length = from.read(&mut buffer)?;
        to.write_all(&buffer[..length])?;
    }
}
