//! What the program is asked to do.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use thiserror::Error;

use crate::callgrind::{self, CallgrindError};
use crate::comparison::compare;
use crate::counting::{self, CaseError};
use crate::record::{Record, RecordError};

const USAGE: &str = "usage: nextmini-guard check|accept FILE";

/// Why it cannot be done.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error("{USAGE}")]
    Usage,
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error(transparent)]
    Callgrind(#[from] CallgrindError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Does what the arguments say.
///
/// # Errors
/// See [`CommandError`]. Counts that rose are none: they are told.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode, CommandError> {
    match *arguments {
        [callgrind::RUN, name] => {
            counting::run(name)?;
            Ok(ExitCode::SUCCESS)
        }
        ["check", file] => check(Path::new(file)),
        ["accept", file] => accept(Path::new(file)),
        _ => Err(CommandError::Usage),
    }
}

fn check(file: &Path) -> Result<ExitCode, CommandError> {
    let recorded = Record::read(file)?;
    let measured = counting::count_all()?;
    let comparison = compare(&recorded, &measured);
    say(&comparison.to_string());
    Ok(if comparison.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn accept(file: &Path) -> Result<ExitCode, CommandError> {
    let recorded = file.exists().then(|| Record::read(file)).transpose()?;
    let counted = counting::count_all()?;
    let counted = match &recorded {
        Some(recorded) => counted.keeping(recorded),
        None => counted,
    };
    counted.write(file)?;
    say(&format!("{} holds {} counts as they are now", file.display(), counted.counts.len()));
    Ok(ExitCode::SUCCESS)
}

/// Writes a line to the standard error output.
pub(crate) fn say(text: &str) {
    // Nobody is there to hear that nobody hears.
    let _written = writeln!(io::stderr().lock(), "{text}");
}
