//! Words that are not said here: names that mean nothing, notes to oneself, paths of one machine, sleeping tests.

use super::sources::Source;
use super::{Findings, Repository};
use crate::Failure;

/// The one file that has to spell them out.
const HERE: &str = "xtask/src/tidy/words.rs";
/// How a type's name must not end.
const EMPTY_ENDINGS: &[&str] = &["Manager", "Helper", "Helpers", "Util", "Utils", "Common", "Processor"];
/// How a file must not be called.
const EMPTY_FILES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];
/// Notes that belong into an issue. A `FIXME` may stand in a test that asserts a known wrong behaviour.
const NOTES: &[&str] = &["TODO", "XXX", "HACK"];
const FIX: &str = "FIXME";
/// Names of the wire that stay on the wire: in the dialects, the simulated provider, and clients of the wire.
const WIRE_NAMES: &[&str] = &["prompt_tokens", "completion_tokens"];
const WIRE_PLACES: &[&str] = &["crates/wire/", "crates/sim/", "xtask/", "tests/"];
/// Paths that exist on one machine only.
const MACHINE_PATHS: &[&str] = &["/root/", "/work/", "/home/", "/Users/"];

/// Names and notes.
pub(super) fn vocabulary(repository: &Repository) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for source in elsewhere(repository).filter(|source| source.is_rust()) {
        let stem = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        if EMPTY_FILES.contains(&stem) {
            findings.complaints.push(format!("{}: name the file by its main noun", source.path));
        }
        for (number, line) in (1..).zip(source.text.lines()) {
            let mut say = |what: String| findings.complaints.push(format!("{}:{number}: {what}", source.path));
            for word in words(line) {
                if !is_comment(line)
                    && word.starts_with(char::is_uppercase)
                    && EMPTY_ENDINGS.iter().any(|ending| word.ends_with(ending))
                {
                    say(format!("`{word}` says nothing: name what it is"));
                }
                if NOTES.contains(&word) {
                    say(format!("`{word}`: do it, or open an issue"));
                }
            }
        }
        for (number, line) in source.code() {
            let mut say = |what: String| findings.complaints.push(format!("{}:{number}: {what}", source.path));
            if words(line).any(|word| word == FIX) {
                say(format!("`{FIX}` may stand only in a test that asserts the known wrong behaviour"));
            }
            let spoken = WIRE_PLACES.iter().any(|place| source.path.starts_with(place)) || is_comment(line);
            if let Some(word) = words(line).find(|word| WIRE_NAMES.contains(word) && !spoken) {
                say(format!("`{word}` is a name of the wire; inside it is `input_tokens` or `output_tokens`"));
            }
        }
    }
    Ok(findings)
}

/// Paths of one machine.
pub(super) fn places(repository: &Repository) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for source in elsewhere(repository) {
        for (number, line) in (1..).zip(source.text.lines()) {
            if let Some(path) = MACHINE_PATHS.iter().find(|path| line.contains(*path)) {
                findings.complaints.push(format!("{}:{number}: `{path}` exists on one machine only", source.path));
            }
        }
    }
    Ok(findings)
}

/// A test that sleeps is slow when it passes and wrong when the machine is busy. Sleeping in paused time is fine.
pub(super) fn sleeps(repository: &Repository) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for source in elsewhere(repository).filter(|source| source.is_rust()) {
        let paused = source.text.contains("start_paused") || source.text.contains("time::pause(");
        for (number, line) in source.tests() {
            let real = line.contains("thread::sleep(");
            if !is_comment(line) && (real || (line.contains("sleep(") && !paused)) {
                findings
                    .complaints
                    .push(format!("{}:{number}: a test waits for an event or in paused time", source.path));
            }
            if line.trim() == "#[ignore]" || line.trim().starts_with("#[ignore =") {
                findings
                    .complaints
                    .push(format!("{}:{number}: no test is left out; put long runs behind a command", source.path));
            }
        }
    }
    Ok(findings)
}

fn elsewhere(repository: &Repository) -> impl Iterator<Item = &Source> {
    repository.sources.iter().filter(|source| source.path != HERE)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::super::graph::Graph;
    use super::*;

    fn complaints(path: &str, text: &str, rule: fn(&Repository) -> Result<Findings, Failure>) -> usize {
        let sources = vec![Source { path: path.to_owned(), text: text.to_owned() }];
        rule(&Repository { sources, graph: Graph::default() }).unwrap().complaints.len()
    }

    #[test]
    fn empty_names_and_notes_are_found_and_their_likes_are_not() {
        let check = |text: &str| complaints("crates/x/src/lib.rs", text, vocabulary);
        assert_eq!(check(&format!("struct Pool{};", EMPTY_ENDINGS[0])), 1);
        assert_eq!(check(&format!("// {} later", NOTES[0])), 1);
        assert_eq!(check(&format!("let a = {};", WIRE_NAMES[0])), 1);
        assert_eq!(check(&format!("// the wire says {}", WIRE_NAMES[0])), 0);
        assert_eq!(check("struct Utility; fn helper() {} const METHOD: u8 = 0;"), 0);
        assert_eq!(check(&format!("#[cfg(test)]\n// {FIX}: wrong today")), 0);
    }

    #[test]
    fn a_test_may_sleep_in_paused_time_only() {
        let asleep = format!("time::{}(SECOND).await;", "sleep");
        assert_eq!(complaints("crates/x/tests/a.rs", &asleep, sleeps), 1);
        assert_eq!(complaints("crates/x/tests/a.rs", &format!("// start_paused\n{asleep}"), sleeps), 0);
        assert_eq!(complaints("crates/x/src/a.rs", &asleep, sleeps), 0);
    }
}
