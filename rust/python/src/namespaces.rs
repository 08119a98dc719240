//! Network namespaces of nodes, for Python.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use nextmini_sys::namespace::{self, CreateError, Device, NodeNamespace};
use pyo3::exceptions::{PyFileExistsError, PyFileNotFoundError, PyOSError, PyPermissionError, PyValueError};
use pyo3::prelude::*;

/// Packets that wait for a node's device to be read, before they are dropped.
const TX_QUEUE: u32 = 1_000;

/// One namespace: its name, its device's name, IPv4 address, IPv6 address, the lengths of their prefixes, MTU, queues.
type Wanted = (String, String, String, Option<String>, (u8, u8), u32, u16);

/// Makes network namespaces, each with a TUN device.
#[pyfunction]
pub(crate) fn create_namespaces(py: Python<'_>, wanted: Vec<Wanted>, threads: usize) -> PyResult<()> {
    let all = wanted.into_iter().map(to_namespace).collect::<PyResult<Vec<_>>>()?;
    py.detach(|| namespace::create(&all, threads)).map_err(to_python)
}

/// Makes a network namespace without any devices but the loopback device.
#[pyfunction]
pub(crate) fn create_bare_namespace(py: Python<'_>, name: String) -> PyResult<()> {
    let bare = NodeNamespace { name, device: None };
    py.detach(|| namespace::create(&[bare], 1)).map_err(to_python)
}

/// Removes network namespaces; those that are not there are skipped.
#[pyfunction]
pub(crate) fn remove_namespaces(py: Python<'_>, names: Vec<String>) -> PyResult<()> {
    py.detach(|| namespace::remove(&names)).map_err(|error| PyOSError::new_err(error.to_string()))
}

/// Moves the calling thread to where a command of a node runs.
#[pyfunction]
pub(crate) fn enter_namespace(namespace: PathBuf, files: Vec<(PathBuf, PathBuf)>) -> PyResult<()> {
    namespace::enter_for_command(&namespace, &files).map_err(|error| PyOSError::new_err(error.to_string()))
}

/// Moves the calling thread into a network namespace, and nowhere else.
#[pyfunction]
pub(crate) fn enter_network(namespace: PathBuf) -> PyResult<()> {
    Ok(namespace::enter(&namespace)?)
}

fn to_namespace((name, device, v4, v6, prefixes, mtu, queues): Wanted) -> PyResult<NodeNamespace> {
    let bad = |text: &str| PyValueError::new_err(format!("\"{text}\" is not an address"));
    let address: Ipv4Addr = v4.parse().map_err(|_| bad(&v4))?;
    let address6 = match v6 {
        Some(text) => Some((text.parse::<Ipv6Addr>().map_err(|_| bad(&text))?, prefixes.1)),
        None => None,
    };
    let device =
        Device { name: device, v4: (address, prefixes.0), v6: address6, mtu, queues, tx_queue: TX_QUEUE };
    Ok(NodeNamespace { name, device: Some(device) })
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn to_python(error: CreateError) -> PyErr {
    let text = error.to_string();
    match error {
        CreateError::Taken(_) => PyFileExistsError::new_err(text),
        CreateError::NoTun { .. } => PyFileNotFoundError::new_err(text),
        CreateError::Forbidden { .. } => PyPermissionError::new_err(text),
        CreateError::Step { .. } => PyOSError::new_err(text),
    }
}
