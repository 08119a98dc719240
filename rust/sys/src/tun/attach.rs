//! The files of devices that are there.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use thiserror::Error;

use super::device::{self, Offload};
use crate::namespace::enter;
use crate::netlink::Netlink;
use crate::workers::for_all;

/// A device that is to be read and written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The namespace that it is in.
    pub namespace: PathBuf,
    /// Its name.
    pub device: String,
    /// How many files there are to be. There can be several if it was made for several, and one if for one.
    pub queues: u16,
    /// What the kernel leaves to who reads.
    pub offload: Offload,
}

/// Why a device cannot be read and written.
#[derive(Debug, Error)]
pub enum AttachError {
    /// Its namespace cannot be entered.
    #[error("cannot enter the network namespace {} ({source})", .path.display())]
    Namespace {
        /// The file of the namespace.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// There is none of that name.
    #[error("there is no network device {device} in the network namespace {}", .path.display())]
    NoDevice {
        /// Its name.
        device: String,
        /// The file of the namespace.
        path: PathBuf,
    },
    /// The kernel refuses: somebody else has it, or it was not made for so many.
    #[error("cannot {step} the network device {device} in the network namespace {} ({source})", .path.display())]
    Device {
        /// What was tried.
        step: &'static str,
        /// Its name.
        device: String,
        /// The file of the namespace.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// There are too many threads.
    #[error("cannot start a thread ({0})")]
    Thread(#[from] io::Error),
}

/// Opens a device in a namespace, as many times as it has queues. The files are non-blocking, and the first packet
/// that a program sends when they are there is not lost.
///
/// # Errors
/// See [`AttachError`].
pub fn attach(
    namespace: &Path,
    device: &str,
    queues: u16,
    offload: Offload,
) -> Result<Vec<OwnedFd>, AttachError> {
    let one = Attachment { namespace: namespace.to_owned(), device: device.to_owned(), queues, offload };
    Ok(attach_many(&[one], 1)?.into_iter().flatten().collect())
}

/// The same for many devices, on `threads` threads. The files of each are where the device is in `all`.
///
/// # Errors
/// See [`AttachError`]; none is open then.
pub fn attach_many(all: &[Attachment], threads: usize) -> Result<Vec<Vec<OwnedFd>>, AttachError> {
    for_all("attach", all, threads, Attachment::files)
}

impl Attachment {
    /// Takes the calling thread into the namespace.
    fn files(&self) -> Result<Vec<OwnedFd>, AttachError> {
        enter(&self.namespace)
            .map_err(|source| AttachError::Namespace { path: self.namespace.clone(), source })?;
        let step = |step: &'static str, error: Errno| self.refused(step, error);
        let netlink = Netlink::open().map_err(|error| step("look for", error))?;
        // To ask for a device that is not there would make it.
        let index = netlink.index(&self.device).map_err(|error| match error {
            Errno::NODEV => {
                AttachError::NoDevice { device: self.device.clone(), path: self.namespace.clone() }
            }
            error => step("look for", error),
        })?;
        let files: Result<Vec<_>, _> = (0..self.queues).map(|_| self.file()).collect();
        netlink.settle(index).map_err(|error| step("wait for", error))?;
        files
    }

    fn file(&self) -> Result<OwnedFd, AttachError> {
        let tun = device::open().map_err(|error| self.refused("open", error))?;
        device::attach(&tun, &self.device, self.queues).map_err(|error| self.refused("attach to", error))?;
        device::set_header(&tun).map_err(|error| self.refused("set the header of packets of", error))?;
        device::set_offload(&tun, self.offload)
            .map_err(|error| self.refused("set what is left to do of", error))?;
        Ok(tun)
    }

    fn refused(&self, step: &'static str, error: impl Into<io::Error>) -> AttachError {
        let (device, path) = (self.device.clone(), self.namespace.clone());
        AttachError::Device { step, device, path, source: error.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespace::fixture::{Nodes, node};
    use crate::namespace::{path, within};

    #[test]
    fn a_device_has_as_many_files_as_queues() {
        let mut namespace = node(1);
        namespace.device.as_mut().unwrap().queues = 3;
        let nodes = Nodes::create(&[namespace]);
        let files = attach(&nodes.path(0), "nm0", 3, Offload::On).unwrap();
        assert_eq!(files.len(), 3);
        let error = attach(&nodes.path(0), "nm0", 1, Offload::On).unwrap_err();
        assert!(matches!(error, AttachError::Device { step: "attach to", .. }), "{error}");
    }

    #[test]
    fn a_device_has_one_reader_and_waits_for_the_next() {
        let nodes = Nodes::create(&[node(1)]);
        let files = attach(&nodes.path(0), "nm0", 1, Offload::On).unwrap();
        let error = attach(&nodes.path(0), "nm0", 1, Offload::On).unwrap_err();
        let AttachError::Device { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::ResourceBusy);
        drop(files);
        attach(&nodes.path(0), "nm0", 1, Offload::Off).unwrap();
    }

    #[test]
    fn what_is_missing_is_named_and_not_made() {
        let nodes = Nodes::create(&[node(1)]);
        let error = attach(&nodes.path(0), "nm1", 1, Offload::On).unwrap_err();
        assert!(matches!(&error, AttachError::NoDevice { device, .. } if device == "nm1"), "{error}");
        let index = within(&nodes.path(0), || Netlink::open().unwrap().index("nm1"));
        assert_eq!(index.unwrap(), Err(Errno::NODEV));
        let error = attach(&path("of nobody"), "nm0", 1, Offload::On).unwrap_err();
        assert!(matches!(error, AttachError::Namespace { .. }), "{error}");
    }

    #[test]
    fn many_are_attached_in_their_order() {
        let nodes = Nodes::create(&[node(1), node(2), node(3)]);
        let one = |position| Attachment {
            namespace: nodes.path(position),
            device: "nm0".to_owned(),
            queues: 1,
            offload: Offload::On,
        };
        let files = attach_many(&[one(0), one(1), one(2)], 2).unwrap();
        assert_eq!(files.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
        drop(files);
        let missing = Attachment { device: "nm1".to_owned(), ..one(1) };
        attach_many(&[one(0), missing], 2).unwrap_err();
        // Nothing is held after a failure.
        attach_many(&[one(0), one(1)], 1).unwrap();
    }
}
