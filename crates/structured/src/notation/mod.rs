//! Answers in another notation than JSON: YAML, tags, a call, a table.
//!
//! Each reader turns the text, or the one part of it that is in its notation, into JSON text, with the values as they
//! were written. The forms are candidates: they are read like any answer, and the schema takes one only if no other
//! form satisfies it with another value. Without a schema that requires something there are none, since prose is YAML
//! too.
//!
//! What never happens here: no value is made up, and none is converted; types are the business of alignment.

mod call;
mod table;
mod tags;
mod yaml;

use std::ops::Range;

use crate::document::{Document, encode, number_len};

/// A part of the text and what it says, as JSON text that may need repair.
pub(crate) struct Form {
    pub(crate) span: Range<usize>,
    pub(crate) json: String,
}

/// Texts longer than this are no answers in a few lines.
const TEXT_MAX: usize = 256 * 1024;

/// All that the text may say in another notation.
pub(crate) fn forms(text: &str) -> Vec<Form> {
    if text.len() > TEXT_MAX {
        return Vec::new();
    }
    let mut found = Vec::new();
    for span in parts(text) {
        let Some(part) = text.get(span.clone()) else { continue };
        let said = [yaml::forms(part), tags::forms(part), call::forms(part), table::forms(part), braceless(part)];
        found.extend(said.into_iter().flatten().map(|json| Form { span: span.clone(), json }));
    }
    found
}

/// Where an answer may stand: in the only fence, in the text as a whole, in the only paragraph of more than one line.
fn parts(text: &str) -> Vec<Range<usize>> {
    let fences: Vec<usize> = text.match_indices("```").map(|(at, _)| at).collect();
    if let [open, close] = fences.as_slice() {
        let body = text.get(*open..*close).and_then(|body| body.find('\n')).map_or(*open + 3, |n| open + n + 1);
        return vec![trimmed(text, body..*close)];
    }
    let whole = trimmed(text, 0..text.len());
    let mut paragraphs: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for part in text.split("\n\n") {
        let span = trimmed(text, at..at + part.len());
        at += part.len() + 2;
        if text.get(span.clone()).is_some_and(|part| part.contains('\n') || part.ends_with([')', '>'])) {
            paragraphs.push(span);
        }
    }
    match paragraphs.as_slice() {
        [only] if *only != whole => vec![whole, only.clone()],
        _ => vec![whole],
    }
}

/// `"name": "Ada", "age": 36`: members whose braces were both left out.
fn braceless(text: &str) -> Vec<String> {
    let first = text.split([':', '\n']).next().unwrap_or("");
    let spelled = text.starts_with('"') || (!text.contains('\n') && text.contains(", ") && name(first).is_some());
    let members = spelled && text.contains(':') && !text.starts_with("\"\"");
    let whole = members.then(|| format!("{{{text}}}"));
    // Braces inside are those of members, where nothing else is wrong.
    let sound = |whole: &String| !text.contains(['{', '}']) || Document::parse(whole.as_str()).is_ok();
    whole.filter(sound).into_iter().collect()
}

fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let part = text.get(span.clone()).unwrap_or("");
    let start = span.start + (part.len() - part.trim_start().len());
    start..(start + part.trim().len())
}

/// A plain scalar: literals and numbers stay what they are, all else is text.
fn scalar(text: &str) -> String {
    match text.trim() {
        "" | "~" | "null" => "null".to_owned(),
        word @ ("true" | "false") => word.to_owned(),
        word if number_len(word.as_bytes()) == Some(word.len()) => word.to_owned(),
        word => encode(word),
    }
}

/// A name as models write it, without marks of emphasis; `None` if it is no name but a sentence.
fn name(text: &str) -> Option<&str> {
    const WORDS_MAX: usize = 4;
    let name = text.trim().trim_matches(|c: char| matches!(c, '*' | '_' | '`' | '"' | '\'') || c.is_whitespace());
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.' | '$' | '/');
    (!name.is_empty() && name.chars().all(fits) && name.split_whitespace().count() <= WORDS_MAX).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let said: Vec<String> = forms(text).into_iter().map(|form| form.json).collect();
        assert_eq!(said, expected, "{text}");
    }

    #[test]
    fn each_notation_says_what_stands_in_it() {
        check("name: Ada Lovelace\nage: 36\n", &[r#"{"name":"Ada Lovelace","age":36}"#]);
        check(
            "n: 77\nanswers:\n  - id: 1\n    ok: true\n  - id: 2\n    ok: no\nnotes: |\n  a\n  b\n",
            &[r#"{"n":77,"answers":[{"id":1,"ok":true},{"id":2,"ok":"no"}],"notes":"a\nb\n"}"#],
        );
        check("- **Name:** Ada\n- **Age:** 36", &[r#"[{"Name":"Ada"},{"Age":36}]"#, r#"{"Name":"Ada","Age":36}"#]);
        check(
            "get(city=\"Oslo\", days=3)",
            &[r#"{city="Oslo", days=3}"#, r#"{"name":"get","arguments":{city="Oslo", days=3}}"#],
        );
        check("<r><a>1</a><b>x &amp; y</b></r>", &[r#"{"a":"1","b":"x & y"}"#, r#"{"r":{"a":"1","b":"x & y"}}"#]);
        check("| a | b |\n|---|---|\n| 1 | x |", &[r#"[{"a":1,"b":"x"}]"#, r#"{"a":"b","1":"x"}"#]);
        check("id,label\n1,spam\n2,ham", &[r#"[{"id":1,"label":"spam"},{"id":2,"label":"ham"}]"#]);
        assert_eq!(braceless(r#""a": {"b": 1}, "c": 2"#), [r#"{"a": {"b": 1}, "c": 2}"#]);
        assert!(braceless(r#""a": {"b": 1, "c": 2"#).is_empty());
        check("Let me think about this.", &[]);
    }
}
