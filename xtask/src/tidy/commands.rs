//! Every command that the documentation names exists, with the options it names.
//!
//! Our own tasks are asked directly. For `steersman` the generated `docs/cli.md` stands in, which is kept true by a
//! check of its own, so that nothing must be built here.

use clap::error::ErrorKind;

use super::{Findings, Repository};
use crate::{Failure, definition};

/// What clap may say of a command that is named without its arguments.
const FINE: &[ErrorKind] = &[
    ErrorKind::DisplayHelp,
    ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ErrorKind::InvalidValue,
    ErrorKind::MissingRequiredArgument,
    ErrorKind::MissingSubcommand,
];

/// Checks every Markdown file.
pub(super) fn check(repository: &Repository) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    let chapters = repository.sources.iter().find(|source| source.path == "docs/cli.md");
    for source in repository.sources.iter().filter(|source| source.path.ends_with(".md")) {
        for (number, line) in commands(&source.text) {
            let mut say = |what: String| findings.complaints.push(format!("{}:{number}: {what}", source.path));
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["cargo", "xtask", rest @ ..] if !known_task(rest) => say(format!("`{line}` is no task of ours")),
                ["steersman", rest @ ..] => {
                    if let Some(wrong) = chapters.and_then(|chapters| unknown_command(rest, &chapters.text)) {
                        say(format!("`{line}`: docs/cli.md knows no `{wrong}`"));
                    }
                }
                _ => {}
            }
        }
    }
    Ok(findings)
}

/// Whether the command line takes these words; placeholders in capitals stand for any value.
fn known_task(words: &[&str]) -> bool {
    let words = words.iter().copied().filter(|word| !is_placeholder(word));
    match definition().try_get_matches_from(std::iter::once("xtask").chain(words)) {
        Ok(_) => true,
        Err(error) => FINE.contains(&error.kind()),
    }
}

/// The first word that the chapters of `docs/cli.md` do not know.
fn unknown_command(words: &[&str], chapters: &str) -> Option<String> {
    let mut path = String::from("steersman");
    for word in words.iter().take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase())) {
        let longer = format!("{path} {word}");
        if !chapters.contains(&format!("\n## `{longer}`\n")) {
            // What follows a command of its own is an argument.
            return (path == "steersman").then_some(longer);
        }
        path = longer;
    }
    let chapter = chapters.split(&format!("\n## `{path}`\n")).nth(1)?.split("\n## ").next()?;
    let options = words.iter().filter(|word| word.starts_with("--"));
    options
        .map(|option| option.split('=').next().unwrap_or(option))
        .find(|option| !chapter.contains(*option))
        .map(|option| format!("{path} {option}"))
}

fn is_placeholder(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_uppercase() || "[]|.<>_".contains(c))
}

/// The commands in code spans and fences, with their lines: what begins with one of our programs, without a prompt
/// sign, up to a comment, a pipe or the end.
fn commands(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let spans: Vec<&str> = if fenced {
            vec![line.trim().trim_start_matches("$ ")]
        } else {
            line.split('`').skip(1).step_by(2).collect()
        };
        for span in spans {
            let command = span.split(['#', '|', '&', '>', ';', '`', '(', '\\']).next().unwrap_or_default().trim();
            let ours = command.starts_with("cargo xtask ") || command.starts_with("steersman ");
            if ours && !command.contains("...") && !command.starts_with("steersman is ") {
                found.push((number, command.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLI: &str = "\n## `steersman`\n\n## `steersman up`\n\n--listen\n\n## `steersman models`\n\n## `steersman models pull`\n\n--json\n";

    #[test]
    fn a_command_that_is_not_there_is_found() {
        let check = |line: &str, wanted: Option<&str>| {
            let words: Vec<&str> = line.split_whitespace().skip(1).collect();
            assert_eq!(unknown_command(&words, CLI).as_deref(), wanted, "{line}");
        };
        check("steersman up --listen 127.0.0.1:1", None);
        check("steersman models pull smollm2-135m", None);
        check("steersman down", Some("steersman down"));
        check("steersman up --port 1", Some("steersman up --port"));
        assert!(known_task(&["tidy"]));
        assert!(known_task(&["bench", "NAME"]));
        assert!(!known_task(&["tidy", "--hard"]));
        assert!(!known_task(&["untidy"]));
    }

    #[test]
    fn commands_stand_in_spans_and_fences_only() {
        let text = "steersman is nice\n`cargo xtask test` and `other`\n```sh\n$ steersman up  # starts\nls\n```\n";
        let lines: Vec<String> = commands(text).into_iter().map(|(number, line)| format!("{number} {line}")).collect();
        assert_eq!(lines, ["2 cargo xtask test", "4 steersman up"]);
    }
}
