//! The files of the repository, and what each must look like: it says what it is for, and it is not long.

use std::fs;
use std::path::Path;

use super::{Findings, Repository};
use crate::Failure;

/// A file this long is worth a look; one of [`TOO_LONG`] lines is two files.
const LONG: usize = 400;
const TOO_LONG: usize = 600;

/// Folders that hold nothing written by hand here.
const SKIPPED: &[&str] = &["target", "node_modules", "testdata", "runs", "__pycache__", "snapshots"];
/// What counts as text that people write.
const KINDS: &[&str] = &["rs", "md", "toml", "py", "mjs", "js", "css", "sh", "sql"];

/// One file.
pub(super) struct Source {
    /// Its path from the root, with `/`.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
}

impl Source {
    /// Whether it is a Rust file.
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is test code.
    pub(super) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs") || self.path.starts_with("tests/")
    }

    /// The lines before the inline tests, numbered from 1; none if the whole file is test code.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let take = if self.is_test() { 0 } else { self.tests_begin() };
        (1..).zip(self.text.lines().take(take))
    }

    /// The lines of test code, numbered from 1.
    pub(super) fn tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let skip = if self.is_test() { 0 } else { self.tests_begin() };
        (1..).zip(self.text.lines()).skip(skip)
    }

    fn tests_begin(&self) -> usize {
        self.text.lines().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(usize::MAX)
    }
}

/// Every file that people write, in the order of their paths.
pub(super) fn walk(root: &Path) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    descend(root, "", &mut sources)?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn descend(folder: &Path, prefix: &str, sources: &mut Vec<Source>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                descend(&entry.path(), &format!("{path}/"), sources)?;
            }
        } else if KINDS.iter().any(|kind| name.rsplit_once('.').is_some_and(|(_, end)| end == *kind)) {
            let text = fs::read_to_string(entry.path()).map_err(|error| Failure::from(error).while_doing(&path))?;
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

/// Every Rust file begins with `//!`: what it is for comes first.
pub(super) fn openings(repository: &Repository) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for source in repository.sources.iter().filter(|source| source.is_rust()) {
        if !source.text.starts_with("//! ") {
            findings.complaints.push(format!("{} does not begin with `//!` and a sentence", source.path));
        }
    }
    Ok(findings)
}

/// No Rust file is longer than [`TOO_LONG`].
pub(super) fn lengths(repository: &Repository) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for source in repository.sources.iter().filter(|source| source.is_rust()) {
        let lines = source.text.lines().count();
        if lines > TOO_LONG {
            findings.complaints.push(format!("{} has {lines} lines; {TOO_LONG} is the limit: split it", source.path));
        } else if lines > LONG {
            findings.remarks.push(format!("{} has {lines} lines", source.path));
        }
    }
    Ok(findings)
}
