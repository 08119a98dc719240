//! `nextmini-guard`: how many instructions the parts take that packets pass, compared with what is recorded.
//!
//! - [`cases`]: what is counted, each in a process of its own
//! - [`callgrind`]: Valgrind's Callgrind runs one, and its output is read
//! - [`record`]: counts in a file, and [`comparison`] of two

mod callgrind;
mod cases;
mod command;
mod comparison;
mod counting;
mod record;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match command::run(&arguments) {
        Ok(outcome) => outcome,
        Err(error) => {
            command::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
