//! What simulations came to, in files under `tests/golden/simulations`. A seeded simulation has one result; another one
//! is a change of behaviour, which is to be seen and meant.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// If this is set to anything, results are written instead of compared: `make accept-simulations`.
pub const ACCEPT: &str = "NEXTMINI_ACCEPT_SIMULATIONS";

/// Compares a result, in lines of text, with the file `name`.
///
/// # Panics
/// It differs, with the lines that do; or the file cannot be read, or written.
pub fn assert_same(name: &str, result: &str) {
    let path = file(name);
    if env::var_os(ACCEPT).is_some() {
        fs::write(&path, result).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        return;
    }
    let accept = "if that is meant, `make accept-simulations` writes it; say why in the commit";
    let recorded = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}; {accept}", path.display()));
    if let Some(difference) = difference(&recorded, result) {
        panic!("a simulation has another result than {} ({accept}):\n{difference}", path.display());
    }
}

fn file(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/simulations");
    PathBuf::from(folder).join(name).with_extension("txt")
}

/// The lines that are in one text alone, in order: `-` before those that are gone, `+` before those that came.
pub fn difference(before: &str, now: &str) -> Option<String> {
    if before == now {
        return None;
    }
    let (before, now): (Vec<&str>, Vec<&str>) = (before.lines().collect(), now.lines().collect());
    let common = common_lines(&before, &now);
    let (mut text, mut i, mut j) = (String::new(), 0, 0);
    while i < before.len() || j < now.len() {
        if i < before.len() && j < now.len() && before[i] == now[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < before.len() && (j == now.len() || common[i + 1][j] >= common[i][j + 1]) {
            let _fits = writeln!(text, "-{}", before[i]);
            i += 1;
        } else {
            let _fits = writeln!(text, "+{}", now[j]);
            j += 1;
        }
    }
    if text.is_empty() {
        text.push_str("(only the ends of lines differ)\n");
    }
    Some(text)
}

/// For each pair of places, the length of the longest common subsequence of what follows them.
fn common_lines(before: &[&str], now: &[&str]) -> Vec<Vec<usize>> {
    let mut common = vec![vec![0; now.len() + 1]; before.len() + 1];
    for i in (0..before.len()).rev() {
        for j in (0..now.len()).rev() {
            common[i][j] = match before[i] == now[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_are_shown_and_no_others() {
        assert_eq!(difference("a\nb\nc\n", "a\nb\nc\n"), None);
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n").as_deref(), Some("-b\n+x\n"));
        assert_eq!(difference("a\nb\nc\n", "b\nc\nd\n").as_deref(), Some("-a\n+d\n"));
        assert_eq!(difference("", "a\n").as_deref(), Some("+a\n"));
        assert_eq!(difference("a\n", "").as_deref(), Some("-a\n"));
        assert!(difference("a\n", "a").unwrap().contains("ends of lines"));
    }

    #[test]
    #[should_panic(expected = "make accept-simulations")]
    fn a_result_without_a_file_fails() {
        assert_same("no-such-simulation", "1\n");
    }
}
