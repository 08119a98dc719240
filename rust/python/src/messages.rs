//! Control messages through the Rust types, for the contract test.

use nextmini_wire::control::{self, COMMANDS, Command, REPORTS, Report};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Names of all message types.
#[pyfunction]
pub(crate) fn message_names() -> Vec<&'static str> {
    let mut names: Vec<_> = REPORTS.into_iter().chain(COMMANDS).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A message, read into the Rust types and written again.
#[pyfunction]
pub(crate) fn roundtrip(message: &[u8]) -> PyResult<Vec<u8>> {
    let not_a_message = |error: &dyn std::fmt::Display| PyValueError::new_err(error.to_string());
    let again = match control::decode::<Report>(message) {
        Ok(report) => control::encode(&report),
        Err(report_error) => match control::decode::<Command>(message) {
            Ok(command) => control::encode(&command),
            Err(command_error) => {
                let reasons = format!("as a report: {report_error}; as a command: {command_error}");
                return Err(PyValueError::new_err(reasons));
            }
        },
    };
    again.map_err(|error| not_a_message(&error))
}
