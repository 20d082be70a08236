//! How many passed and how many failed, read from what the test programs print.

use std::io::{BufRead, BufReader};
use std::ops::AddAssign;
use std::process::{Command, Stdio};

use super::Stopped;
use crate::{Failure, house};

/// Tests that ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
}

/// A check that is one thing and holds.
pub(super) const ONE: Counts = Counts { passed: 1, failed: 0 };

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs a test program, passes its lines on and adds up its summaries.
pub(super) fn counted(command: &mut Command) -> Result<Counts, Stopped> {
    let line = house::shown(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::new(format!("could not start `{line}`: {error}")))?;
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        for said in BufReader::new(stdout).lines() {
            let said = said?;
            if let Some(of_one) = summary(&said) {
                counts += of_one;
            }
            eprintln!("{said}");
        }
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(counts);
    }
    counts.failed = counts.failed.max(1);
    Err(Stopped { counts, failure: Failure::new(format!("`{line}` failed with {status}")) })
}

/// Reads `test result: ok. 7 passed; 0 failed; ...` and `7 passed, 0 failed`.
fn summary(line: &str) -> Option<Counts> {
    let line = line.strip_prefix("test result: ").map_or(line, |rest| rest.split_once(". ").map_or(rest, |(_, it)| it));
    let before = |word: &str| line.split_once(word)?.0.rsplit([' ', ';', ',']).next()?.parse().ok();
    line.starts_with(|c: char| c.is_ascii_digit()).then_some(())?;
    Some(Counts { passed: before(" passed")?, failed: before(" failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_read_and_other_lines_are_not() {
        let check = |line: &str, wanted: Option<(usize, usize)>| {
            let wanted = wanted.map(|(passed, failed)| Counts { passed, failed });
            assert_eq!(summary(line), wanted, "{line}");
        };
        check(
            "test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            Some((7, 0)),
        );
        check("test result: FAILED. 12 passed; 3 failed; 0 ignored", Some((12, 3)));
        check("19 passed, 1 failed", Some((19, 1)));
        check("test all_19 passed, 1 failed ... ok", None);
        check("running 7 tests", None);
    }
}
