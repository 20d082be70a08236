//! A task's rules: `[tasks.NAME.rules.ID]`, or the same tables in a file of their own.
//!
//! What never happens here: a rule that is found out to be none by a request. It is an error with its place.

use std::ops::Range;

use steersman_core::nearest;
use steersman_structured::{Rule, RuleError, Rules};
use toml::de::{DeTable, DeValue};

use super::document::Document;
use super::error::ConfigError;
use super::typed::Reader;

const MEMBERS: [&str; 4] = ["check", "each", "at", "message"];

/// Reads a task's rules.
pub(super) fn read(read: &Reader<'_>, task: &str) -> Result<Rules, ConfigError> {
    let ids = read.document.names_below(&["tasks", task, "rules"]);
    let mut rules = Vec::new();
    for id in ids {
        let text = |member| read.text(&["tasks", task, "rules", id, member]);
        let needed = || ConfigError::new(format!("`tasks.{task}.rules.{id}` needs a `check`")).hint(HINT);
        let check = text("check").ok_or_else(needed)?;
        rules.push((id.to_owned(), Rule { check, each: text("each"), at: text("at"), message: text("message") }));
    }
    Rules::new(rules).map_err(|error| {
        let place = read.place(&["tasks", task, "rules", &error.rule, error.member]);
        located(read.document, place, &error)
    })
}

const HINT: &str =
    "`check` is a condition in CEL on `value`, `it` and `source`: `check = \"value.end >= value.start\"`";

/// Reads a file of rules: one table a rule, by its id.
pub(crate) fn read_file(file: &str, source: &str) -> Result<Rules, ConfigError> {
    let document = Document::bare(file, source);
    let table = DeTable::parse(source)
        .map_err(|error| document.error(error.message().to_owned(), &error.span().unwrap_or(0..0)))?;
    let mut rules: Vec<(Range<usize>, String, Rule)> = Vec::new();
    let mut checks: Vec<(String, &'static str, Range<usize>)> = Vec::new();
    for (id, value) in table.get_ref() {
        let span = id.span();
        let id = id.get_ref().to_string();
        let DeValue::Table(members) = value.get_ref() else {
            let message = format!("`{id}` is no rule; write it as a table: `[{id}]`");
            return Err(document.error(message, &span).hint(HINT));
        };
        let mut rule = Rule { check: String::new(), each: None, at: None, message: None };
        for (name, value) in members {
            let Some(member) = MEMBERS.into_iter().find(|member| member == name.get_ref()) else {
                let close = nearest(name.get_ref(), MEMBERS.iter().copied());
                let hint = close.first().map_or_else(String::new, |close| format!("did you mean `{close}`? "));
                let message = format!("unknown key `{}` in the rule `{id}`", name.get_ref());
                return Err(document
                    .error(message, &name.span())
                    .hint(format!("{hint}allowed: {}", MEMBERS.join(", "))));
            };
            let Some(text) = value.get_ref().as_str() else {
                return Err(document.error(format!("`{id}.{member}` must be a string"), &value.span()));
            };
            checks.push((id.clone(), member, value.span()));
            match member {
                "check" => text.clone_into(&mut rule.check),
                "each" => rule.each = Some(text.to_owned()),
                "at" => rule.at = Some(text.to_owned()),
                _ => rule.message = Some(text.to_owned()),
            }
        }
        if rule.check.is_empty() {
            return Err(document.error(format!("the rule `{id}` needs a `check`"), &span).hint(HINT));
        }
        rules.push((span, id, rule));
    }
    rules.sort_by_key(|(span, ..)| span.start);
    Rules::new(rules.into_iter().map(|(_, id, rule)| (id, rule))).map_err(|error| {
        let place = checks.iter().find(|(id, member, _)| *id == error.rule && *member == error.member);
        located(&document, place.map(|(.., span)| span.clone()), &error)
    })
}

/// The error with the caret under the character at fault, where the rule stands in the file as it is.
fn located(document: &Document, place: Option<Range<usize>>, error: &RuleError) -> ConfigError {
    let Some(place) = place else { return ConfigError::new(error.to_string()) };
    let column = error.column.filter(|_| document.is_plain(&place));
    let place = match column {
        Some(column) => {
            let at = (place.start + 1 + column).min(place.end.saturating_sub(1));
            at..place.end.saturating_sub(1).max(at)
        }
        None => place,
    };
    document.error(error.to_string(), &place).hint("docs/structured.md lists what rules can ask")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn verdict(source: &str) -> String {
        let read =
            Document::parse("steersman.toml", source).and_then(|document| Config::from_document(&document, &|_| None));
        read.map_or_else(|error| error.to_string(), |_| "fine".to_owned())
    }

    #[test]
    fn a_rule_that_is_none_is_an_error_with_its_place() {
        insta::assert_snapshot!(verdict("[tasks.bill]\nmodel = \"m\"\n[tasks.bill.rules.total]\ncheck = \"value.total > 0 && valu.x == 1\"\n"), @r#"
        the rule `total` names the variable `valu`, which there is not; did you mean `value`?
         --> steersman.toml:4:29
          |
        4 | check = "value.total > 0 && valu.x == 1"
          |                             ^^^^^^^^^^^
        "#);
        assert_eq!(
            verdict(
                "[tasks.bill]\nmodel = \"m\"\n[tasks.bill.rules.total]\ncheck = \"value.total > 0\"\nat = \"/total\"\n"
            ),
            "fine"
        );
        assert!(
            verdict("[tasks.bill]\nmodel = \"m\"\n[tasks.bill.rules.total]\nat = \"/a\"\n").contains("needs a `check`")
        );
    }

    #[test]
    fn a_file_of_rules_has_the_same_tables() {
        let read =
            |text: &str| read_file("rules.toml", text).map_or_else(|error| error.to_string(), |_| "fine".to_owned());
        assert_eq!(read("[share]\neach = \"/*/share\"\ncheck = \"it <= 1\"\n"), "fine");
        assert!(read("[share]\nchek = \"it <= 1\"\n").starts_with("unknown key `chek` in the rule `share`"));
        assert!(read("share = 1\n").contains("is no rule"));
        assert!(read("[share]\ncheck = \"it <= 1\"\n").contains("only a rule with `each`"));
    }
}
