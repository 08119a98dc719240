//! The one place where errors become Python's.

use pyo3::exceptions::PyRuntimeError;
use pyo3::{PyErr, create_exception};

create_exception!(
    nextmini._native,
    DataplaneError,
    PyRuntimeError,
    "The dataplane could not start, or had to end; the message says why."
);

pub(crate) fn to_python(error: impl std::error::Error) -> PyErr {
    DataplaneError::new_err(error.to_string())
}
