//! One case in Valgrind's Callgrind, and what it says afterwards.
//!
//! What counts is done by this program's own instructions, with the libraries that are linked into it: those of the C
//! library differ from machine to machine, which has several of a function and chooses by the processor. How often it
//! is called does not, so that is counted too: it allocates, copies and asks the kernel.
//!
//! Programs in Valgrind see a processor of Valgrind's own, so the libraries that choose by the processor choose alike.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use crate::record::Count;

/// The argument in front of the name of a case that is to be run.
pub(crate) const RUN: &str = "run";
/// Of the function whose work counts, however its name is mangled.
const COUNTED: &str = "*counted_work*";

/// Why there is no count.
#[derive(Debug, Error)]
pub(crate) enum CallgrindError {
    #[error("valgrind is missing, which counts instructions; install it: apt install valgrind")]
    Missing,
    #[error("{what}: {error}")]
    Io { what: &'static str, error: io::Error },
    #[error("{name} failed in valgrind: {said}")]
    Failed { name: String, said: String },
    #[error("what callgrind says of {name} makes no sense: {why}")]
    Output { name: String, why: OutputError },
}

/// What is wrong with Callgrind's output.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum OutputError {
    #[error("line {0}")]
    Line(usize),
    #[error("nothing was counted")]
    Nothing,
}

/// Counts one case.
///
/// # Errors
/// See [`CallgrindError`].
pub(crate) fn count(name: &str) -> Result<Count, CallgrindError> {
    let io_error = |what| move |error| CallgrindError::Io { what, error };
    let program = std::env::current_exe().map_err(io_error("cannot tell what this program is"))?;
    let folder = Folder::new(name).map_err(io_error("cannot make a folder"))?;
    let out = folder.0.join("out");
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(&program)
        .args([RUN, name])
        // The size of the environment moves the stack.
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output();
    let output = match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(CallgrindError::Missing),
        output => output.map_err(io_error("cannot start valgrind"))?,
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(CallgrindError::Failed { name: name.to_owned(), said });
    }
    let text = std::fs::read_to_string(&out).map_err(io_error("cannot read what callgrind wrote"))?;
    read(&text, &program).map_err(|why| CallgrindError::Output { name: name.to_owned(), why })
}

/// A folder that ends with this.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> io::Result<Self> {
        let name = format!("nextmini-guard-{}-{}", std::process::id(), name.replace('/', "-"));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A count is not worse for what lies about.
        let _removed = std::fs::remove_dir_all(&self.0);
    }
}

/// Reads Callgrind's format (version 1): instructions of `program`'s own, and calls that leave it.
fn read(text: &str, program: &Path) -> Result<Count, OutputError> {
    let mut reading = Reading { program, objects: HashMap::new(), count: Count::default(), here: false };
    let mut callee = None;
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let number =
            |text: Option<&str>| text.and_then(|text| text.parse().ok()).ok_or(OutputError::Line(at + 1));
        if let Some(name) = line.strip_prefix("ob=") {
            reading.here = reading.is_ours(name);
        } else if let Some(name) = line.strip_prefix("cob=") {
            callee = Some(reading.is_ours(name));
        } else if let Some(call) = line.strip_prefix("calls=") {
            let calls: u64 = number(call.split(' ').next())?;
            if reading.here && callee == Some(false) {
                reading.count.calls += calls;
            }
            callee = None;
            // What was spent there.
            lines.next();
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
            && reading.here
        {
            reading.count.instructions += number(line.split(' ').nth(1))?;
        }
    }
    if reading.count.instructions == 0 { Err(OutputError::Nothing) } else { Ok(reading.count) }
}

struct Reading<'a> {
    program: &'a Path,
    /// A name is written once, with a number that stands for it from then on.
    objects: HashMap<String, bool>,
    count: Count,
    here: bool,
}

impl Reading<'_> {
    fn is_ours(&mut self, text: &str) -> bool {
        match text.split_once(' ') {
            Some((number, name)) => {
                let ours = Path::new(name) == self.program;
                self.objects.insert(number.to_owned(), ours);
                ours
            }
            None => self.objects.get(text).copied().unwrap_or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "# callgrind format
version: 1
events: Ir

ob=(1) /lib/libc.so.6
fl=(1) ???
fn=(1) malloc
0 500
cfn=(2) other
calls=3 0
0 90

ob=(2) /bin/guard
fl=(1)
fn=(3) counted_work
0 40
+3 2
cob=(1)
cfi=(1)
cfn=(1)
calls=7 0
0 500
cfn=(4) helper
calls=5 0
0 30

fn=(4)
0 30
cob=(3) /lib/libm.so.6
cfn=(5) sin
calls=2 0
0 10

totals: 672
";

    #[test]
    fn what_is_ours_is_counted_and_how_often_it_is_left() {
        let count = read(OUTPUT, Path::new("/bin/guard"));
        assert_eq!(count, Ok(Count { instructions: 72, calls: 9 }));
    }

    #[test]
    fn nothing_is_no_count() {
        assert_eq!(read(OUTPUT, Path::new("/bin/other")), Err(OutputError::Nothing));
        assert_eq!(read("ob=(1) /a\n0 many\n", Path::new("/a")), Err(OutputError::Line(2)));
    }
}
