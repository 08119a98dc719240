//! Taking hold of the TUN devices of nodes that come, many at once.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nextmini_sys::namespace::tx_dropped;
use nextmini_sys::tun::{AttachError, Attachment, Offload, attach_many};
use nextmini_wire::control;
use nextmini_wire::id::NodeId;
use thiserror::Error;

use crate::tun::Device;

/// Threads that enter the nodes' namespaces, one after the other.
const THREADS: usize = 2;

/// A node's device, if it is to have one.
pub type Attached = Result<Option<Device>, DeviceError>;

/// Why a node cannot have its device.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// It cannot be opened.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// No thread can wait for its packets.
    #[error("cannot wait for packets of its TUN device ({0})")]
    Watch(#[from] io::Error),
}

/// These nodes, each with its device; those that are `known` have theirs already.
pub fn attach(nodes: Vec<control::Node>, known: impl Fn(NodeId) -> bool) -> Vec<(control::Node, Attached)> {
    let wants = |node: &control::Node| !known(node.id) && node.device.is_some();
    let wanted: Vec<_> = nodes.iter().filter(|node| wants(node)).filter_map(attachment).collect();
    let mut opened = open_all(wanted).into_iter();
    let mut take = |node: &control::Node| match wants(node).then(|| opened.next()).flatten() {
        Some(files) => files.map(Device::new).map(Some).map_err(DeviceError::from),
        None => Ok(None),
    };
    nodes
        .into_iter()
        .map(|node| {
            let device = take(&node);
            (node, device)
        })
        .collect()
}

/// The files of each, in this order.
fn open_all(wanted: Vec<Attachment>) -> Vec<Result<Vec<OwnedFd>, AttachError>> {
    match attach_many(&wanted, THREADS) {
        Ok(all) => all.into_iter().map(Ok).collect(),
        // One by one, to find out whose fault it is.
        Err(_) => wanted
            .into_iter()
            .map(|one| Ok(attach_many(&[one], 1)?.into_iter().flatten().collect()))
            .collect(),
    }
}

/// How many packets of programs these nodes' devices have dropped because this process did not read them in time.
pub fn overruns<'a>(nodes: impl Iterator<Item = &'a control::Node>) -> u64 {
    let dropped = |device: &control::Device| {
        tx_dropped(Path::new(&device.namespace), &device.name).unwrap_or_else(|error| {
            tracing::warn!(%error, namespace = device.namespace, "cannot see what a TUN device has dropped");
            0
        })
    };
    nodes.filter_map(|node| node.device.as_ref()).map(dropped).sum()
}

fn attachment(node: &control::Node) -> Option<Attachment> {
    let device = node.device.as_ref()?;
    Some(Attachment {
        namespace: device.namespace.clone().into(),
        device: device.name.clone(),
        queues: device.queues.max(1),
        offload: if device.offload { Offload::On } else { Offload::Off },
    })
}
