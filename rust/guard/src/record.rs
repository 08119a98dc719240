//! Counts, and what they depend on, in a file that is reviewed as any other.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a case takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Count {
    /// Instructions of the program's own.
    pub(crate) instructions: u64,
    /// Calls of the C library: it allocates, copies, and asks the kernel.
    pub(crate) calls: u64,
}

/// What chance does to a count, in parts of a thousand at most: Tokio's `select!` draws which branch it looks at first.
const CHANCE: u64 = 2;

impl Count {
    /// Whether only chance tells them apart.
    fn is_about(self, other: Self) -> bool {
        let apart = u128::from(self.instructions.abs_diff(other.instructions));
        self.calls == other.calls && apart * 1_000 <= u128::from(self.instructions) * u128::from(CHANCE)
    }
}

/// Counts of cases, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// The compiler.
    pub(crate) rustc: String,
    /// What programs in Valgrind see of the processor.
    pub(crate) processor: String,
    /// Of each case.
    pub(crate) counts: BTreeMap<String, Count>,
}

/// Why counts cannot be read or written.
#[derive(Debug, Error)]
pub(crate) enum RecordError {
    #[error("cannot read {path}: {error}")]
    Read { path: PathBuf, error: io::Error },
    #[error("{path} is no record of counts: {error}")]
    Parse { path: PathBuf, error: serde_json::Error },
    #[error("cannot write {path}: {error}")]
    Write { path: PathBuf, error: io::Error },
}

impl Record {
    /// These counts, of this program on this machine.
    pub(crate) fn here(counts: BTreeMap<String, Count>) -> Self {
        Self { rustc: env!("GUARD_COMPILER").to_owned(), processor: processor().to_owned(), counts }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`RecordError::Read`], [`RecordError::Parse`].
    pub(crate) fn read(path: &Path) -> Result<Self, RecordError> {
        let path = || path.to_owned();
        let text =
            std::fs::read_to_string(path()).map_err(|error| RecordError::Read { path: path(), error })?;
        serde_json::from_str(&text).map_err(|error| RecordError::Parse { path: path(), error })
    }

    /// Writes a file, in place of what is there.
    ///
    /// # Errors
    /// [`RecordError::Write`].
    pub(crate) fn write(&self, path: &Path) -> Result<(), RecordError> {
        std::fs::write(path, self.text()).map_err(|error| RecordError::Write { path: path.to_owned(), error })
    }

    /// This, with what others had of counts that differ from theirs by chance alone.
    #[must_use]
    pub(crate) fn keeping(mut self, before: &Self) -> Self {
        for (name, count) in &mut self.counts {
            if let Some(&known) = before.counts.get(name).filter(|known| known.is_about(*count)) {
                *count = known;
            }
        }
        self
    }

    /// JSON with a line for each case, so that a change of one is a change of one line.
    fn text(&self) -> String {
        let mut text = String::from("{\n");
        let _fits = writeln!(text, "  \"rustc\": {:?},\n  \"processor\": {:?},", self.rustc, self.processor);
        text.push_str("  \"counts\": {\n");
        for (at, (name, Count { instructions, calls })) in self.counts.iter().enumerate() {
            let comma = if at + 1 < self.counts.len() { "," } else { "" };
            let _fits = writeln!(
                text,
                "    {name:?}: {{\"instructions\": {instructions}, \"calls\": {calls}}}{comma}"
            );
        }
        text.push_str("  }\n}\n");
        text
    }
}

/// The kinds of processors that Valgrind shows to programs, by what the machine's own has.
#[cfg(target_arch = "x86_64")]
fn processor() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx2") { "x86_64 with AVX2" } else { "x86_64 without AVX2" }
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> &'static str {
    std::env::consts::ARCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_differs_by_chance_stays_as_it_was() {
        let record = |instructions, calls| {
            let count = Count { instructions, calls };
            Record::here([("a".to_owned(), count)].into())
        };
        for (now, kept) in
            [((10_020, 7), true), ((9_980, 7), true), ((10_021, 7), false), ((10_000, 8), false)]
        {
            let (before, now) = (record(10_000, 7), record(now.0, now.1));
            assert_eq!(now.clone().keeping(&before), if kept { before } else { now });
        }
        assert_eq!(record(1, 1).keeping(&Record::here(BTreeMap::new())), record(1, 1));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let count = |instructions| Count { instructions, calls: 3 };
        let counts = [("b".to_owned(), count(12)), ("a/\"x\"".to_owned(), count(7))].into();
        let record = Record::here(counts);
        let text = record.text();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        assert!(text.contains("\n    \"b\": {\"instructions\": 12, \"calls\": 3}\n"), "{text}");
    }
}
