//! `nextmini._native`: the dataplane for Python. Bindings only.

use std::path::PathBuf;

use nextmini_dataplane::control::trust::Trust;
use nextmini_dataplane::link::Batching;
use nextmini_dataplane::process::{self, Options, Part, ProcessError};
use pyo3::prelude::*;

mod benchmarks;
mod errors;
mod logging;
mod messages;
mod namespaces;
mod trees;

#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::benchmarks::{
        bench_between, bench_quic_chain, bench_relay_chain, bench_relay_tuns, bench_stack_loopback,
    };
    #[pymodule_export]
    use super::errors::DataplaneError;
    #[pymodule_export]
    use super::messages::{message_names, roundtrip};
    #[pymodule_export]
    use super::namespaces::{
        create_bare_namespace, create_namespaces, enter_namespace, enter_network, remove_namespaces,
    };
    #[pymodule_export]
    use super::trees::Trees;
    #[pymodule_export]
    use super::{run_dataplane, version};
}

/// The version of this module.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Which process of an experiment: its index, or the name of its site.
#[derive(FromPyObject)]
enum Which {
    Index(u32),
    Site(String),
}

/// Runs a dataplane process to its end.
#[pyfunction]
#[pyo3(signature = (controller, token, process, listen, workers, captures, exit_with_parent, namespace=None, tls_fingerprint=None, tls_ca=None, ports=None, public=None, batching=true))]
#[expect(clippy::too_many_arguments, reason = "they are one program's options, passed by keyword")]
fn run_dataplane(
    py: Python<'_>,
    controller: String,
    token: String,
    process: Which,
    listen: Option<String>,
    workers: usize,
    captures: Option<PathBuf>,
    exit_with_parent: bool,
    namespace: Option<PathBuf>,
    tls_fingerprint: Option<String>,
    tls_ca: Option<PathBuf>,
    ports: Option<(u16, u16)>,
    public: Option<String>,
    batching: bool,
) -> PyResult<()> {
    logging::start();
    let trust = Trust::from_options(tls_fingerprint.as_deref(), tls_ca)
        .map_err(|error| errors::to_python(ProcessError::from(error)))?;
    let part = match process {
        Which::Index(index) => Part::Index(index),
        Which::Site(name) => Part::Site { name, ports: ports.map(|(first, last)| first..=last), public },
    };
    let options = Options {
        controller,
        trust,
        token,
        part,
        listen,
        workers,
        captures,
        exit_with_parent,
        namespace,
        batching: if batching { Batching::On } else { Batching::Off },
    };
    py.detach(|| process::run(&options)).map_err(errors::to_python)
}
