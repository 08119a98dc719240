//! What was counted, against what is recorded.

use std::fmt::{self, Display, Formatter};

use crate::record::{Count, Record};

/// A count may rise by so many percent: code that has not changed is compiled a little differently when its neighbours
/// have.
const MOST_RISE: u64 = 5;

/// What differs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// How many there are.
    cases: usize,
    /// Above what is allowed.
    rises: Vec<Change>,
    /// Below by as much: that is to be kept.
    falls: Vec<Change>,
    /// Recorded, and not counted.
    missing: Vec<String>,
    /// Counted, and not recorded.
    extra: Vec<String>,
    /// What counts depend on, and how it was and is.
    surroundings: Vec<(&'static str, String, String)>,
}

/// A count that has changed.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    name: String,
    what: &'static str,
    before: u64,
    now: u64,
}

impl Change {
    /// In tenths of a percent; nothing if there was none before.
    fn permille(&self) -> Option<i128> {
        let (before, now) = (i128::from(self.before), i128::from(self.now));
        ((now - before) * 1_000).checked_div(before)
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, what, before, now } = self;
        write!(f, "  {name}: {before} {what} before, {now} now")?;
        match self.permille() {
            Some(permille) => write!(f, " ({:+.1} %)", permille as f64 / 10.0),
            None => Ok(()),
        }
    }
}

/// Compares counts with those that are recorded.
pub(crate) fn compare(recorded: &Record, counted: &Record) -> Comparison {
    let mut comparison = Comparison { cases: counted.counts.len(), ..Comparison::default() };
    for (name, now) in &counted.counts {
        match recorded.counts.get(name) {
            Some(before) => comparison.add(name, *before, *now),
            None => comparison.extra.push(name.clone()),
        }
    }
    let missing = recorded.counts.keys().filter(|name| !counted.counts.contains_key(*name));
    comparison.missing.extend(missing.cloned());
    let surroundings =
        [("rustc", &recorded.rustc, &counted.rustc), ("processor", &recorded.processor, &counted.processor)];
    let others = surroundings.into_iter().filter(|(_, before, now)| before != now);
    comparison.surroundings.extend(others.map(|(what, before, now)| (what, before.clone(), now.clone())));
    comparison
}

impl Comparison {
    fn add(&mut self, name: &str, before: Count, now: Count) {
        let both =
            [("instructions", before.instructions, now.instructions), ("calls", before.calls, now.calls)];
        for (what, before, now) in both {
            let change = Change { name: name.to_owned(), what, before, now };
            let (before, now) = (u128::from(before) * 100, u128::from(now) * 100);
            let allowed = |least: u128| least / 100 * u128::from(MOST_RISE);
            if now > before + allowed(before) {
                self.rises.push(change);
            } else if before > now + allowed(before) {
                self.falls.push(change);
            }
        }
    }

    /// Whether nothing rose too far, and all that is recorded was counted and the other way round.
    pub(crate) fn passes(&self) -> bool {
        self.rises.is_empty() && self.missing.is_empty() && self.extra.is_empty()
    }

    /// Lines under a heading, if there are any.
    fn list<T: Display>(
        f: &mut Formatter<'_>,
        heading: &str,
        lines: impl IntoIterator<Item = T>,
    ) -> fmt::Result {
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_some() {
            writeln!(f, "{heading}")?;
        }
        lines.try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = |names: &[String]| names.iter().map(|name| format!("  {name}")).collect::<Vec<_>>();
        Self::list(f, &format!("error: these counts rose by more than {MOST_RISE} %:"), &self.rises)?;
        Self::list(
            f,
            "error: these cases are recorded, and there are none of that name:",
            names(&self.missing),
        )?;
        Self::list(f, "error: these cases are not recorded:", names(&self.extra))?;
        Self::list(
            f,
            &format!("These counts fell by more than {MOST_RISE} %; `make accept-counts` keeps it:"),
            &self.falls,
        )?;
        for (what, before, now) in &self.surroundings {
            writeln!(
                f,
                "Counts depend on {what}: they are recorded for \"{before}\", and this is \"{now}\"."
            )?;
        }
        if self.passes() {
            write!(f, "{} counts compared: none rose by more than {MOST_RISE} %", self.cases)
        } else {
            write!(
                f,
                "If that is meant, `make accept-counts` records the counts as they are now; say why in the commit."
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(counts: &[(&str, u64, u64)]) -> Record {
        let count = |&(name, instructions, calls): &(&str, u64, u64)| {
            (name.to_owned(), Count { instructions, calls })
        };
        Record { rustc: "1".into(), processor: "p".into(), counts: counts.iter().map(count).collect() }
    }

    fn compared(before: (u64, u64), now: (u64, u64)) -> Comparison {
        compare(&record(&[("a", before.0, before.1)]), &record(&[("a", now.0, now.1)]))
    }

    #[test]
    fn a_rise_of_more_than_five_percent_fails_and_no_other() {
        for (before, now, passes) in [
            (1_000, 1_000, true),
            (1_000, 1_050, true),
            (1_000, 1_051, false),
            (1_000, 900, true),
            (10, 10, true),
            (10, 11, false),
            (0, 0, true),
            (0, 1, false),
            (u64::MAX, u64::MAX, true),
            (u64::MAX / 2, u64::MAX, false),
        ] {
            assert_eq!(compared((before, 5), (now, 5)).passes(), passes, "{before} instructions to {now}");
            assert_eq!(compared((5, before), (5, now)).passes(), passes, "{before} calls to {now}");
        }
    }

    #[test]
    fn what_rose_is_told_with_its_numbers_and_how_to_accept_it() {
        let text = compared((2_000, 10), (2_500, 10)).to_string();
        assert!(text.contains("a: 2000 instructions before, 2500 now (+25.0 %)"), "{text}");
        assert!(text.contains("make accept-counts") && !text.contains("calls before"), "{text}");
        let text = compared((2_000, 0), (2_000, 3)).to_string();
        assert!(text.contains("a: 0 calls before, 3 now\n"), "{text}");
    }

    #[test]
    fn what_fell_is_told_and_passes() {
        let comparison = compared((2_000, 10), (1_899, 10));
        assert!(comparison.passes());
        assert!(comparison.to_string().contains("a: 2000 instructions before, 1899 now (-5.0 %)"));
        assert!(!compared((2_000, 10), (1_900, 10)).to_string().contains("before"));
    }

    #[test]
    fn names_on_one_side_alone_fail() {
        let (one, both) = (record(&[("a", 1, 1)]), record(&[("a", 1, 1), ("b", 1, 1)]));
        for (before, now, says) in
            [(&one, &both, "are not recorded:\n  b\n"), (&both, &one, "none of that name:\n  b\n")]
        {
            let comparison = compare(before, now);
            assert!(!comparison.passes());
            let text = comparison.to_string();
            assert!(text.contains(says) && text.contains("make accept-counts"), "{text}");
        }
    }

    #[test]
    fn another_compiler_is_told_and_allows_no_more() {
        let before = Record { rustc: "rustc 1.91".into(), ..record(&[("a", 100, 1)]) };
        for (now, passes) in [(100, true), (106, false)] {
            let now = Record { rustc: "rustc 1.99".into(), ..record(&[("a", now, 1)]) };
            let comparison = compare(&before, &now);
            assert_eq!(comparison.passes(), passes);
            let text = comparison.to_string();
            assert!(text.contains("recorded for \"rustc 1.91\", and this is \"rustc 1.99\""), "{text}");
        }
    }
}
