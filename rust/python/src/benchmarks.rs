//! Baselines of benchmarks, for Python.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use nextmini_dataplane::baseline::{self, Relaying, TunRelay};
use nextmini_sys::tun::Offload;
use nextmini_wire::control::PIPE_BYTES;
use pyo3::prelude::*;

use crate::errors::to_python;

/// Gbit/s through a chain of `relays` blocking threads that copy between loopback TCP connections, or have the kernel
/// `splice` them; 0 relays are one connection.
#[pyfunction]
pub(crate) fn bench_relay_chain(py: Python<'_>, relays: usize, seconds: f64, splice: bool) -> PyResult<f64> {
    let relaying = if splice { Relaying::Splice { pipe: PIPE_BYTES as usize } } else { Relaying::Copy };
    py.detach(|| baseline::relay_chain(relays, seconds, relaying)).map_err(to_python)
}

/// Gbit/s from the port of 127.0.0.1 that `entrance` returns to the one that it is called with.
#[pyfunction]
pub(crate) fn bench_between(py: Python<'_>, entrance: Py<PyAny>, seconds: f64) -> PyResult<f64> {
    let exit = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port: u16 = entrance.call1(py, (exit.local_addr()?.port(),))?.extract(py)?;
    let entrance = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    py.detach(|| baseline::between(entrance, &exit, seconds)).map_err(to_python)
}

/// Gbit/s between the two ends of a synthetic TCP flow with nothing in between.
#[pyfunction]
pub(crate) fn bench_stack_loopback(py: Python<'_>, mtu: u16, window: usize, seconds: f64) -> PyResult<f64> {
    py.detach(|| baseline::stack_loopback(mtu, window, seconds)).map_err(to_python)
}

/// Gbit/s through a chain of `relays` tasks that copy between loopback QUIC connections; 0 relays are one connection.
#[pyfunction]
pub(crate) fn bench_quic_chain(py: Python<'_>, relays: usize, seconds: f64) -> PyResult<f64> {
    py.detach(|| baseline::quic_chain(relays, seconds)).map_err(to_python)
}

/// Relays between two TUN devices until that fails; `ready` is called when it has begun.
#[pyfunction]
pub(crate) fn bench_relay_tuns(
    py: Python<'_>,
    first: (PathBuf, String),
    second: (PathBuf, String),
    offload: bool,
    ready: Py<PyAny>,
) -> PyResult<()> {
    let offload = if offload { Offload::On } else { Offload::Off };
    let relay = py.detach(|| TunRelay::start([first, second], offload)).map_err(to_python)?;
    ready.call0(py)?;
    Err(to_python(py.detach(|| relay.wait())))
}
