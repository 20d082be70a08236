//! Telling a value from what is written where there is none.
//!
//! A model that is asked again for a member it has no value for writes something that fits the schema: `N/A`, `string`,
//! the schema's own example. The words are listed, and the list is the documentation. What the source itself says is
//! never a placeholder.
//!
//! What never happens here: no model, no score.

use super::source::Source;

const WORDS: [&str; 44] = [
    "",
    "-",
    "--",
    "---",
    ".",
    "...",
    "?",
    "??",
    "???",
    "_",
    "n/a",
    "na",
    "n.a.",
    "n.a",
    "none",
    "null",
    "nil",
    "undefined",
    "unknown",
    "not available",
    "not applicable",
    "not specified",
    "not provided",
    "not given",
    "not mentioned",
    "not found",
    "unspecified",
    "tbd",
    "tba",
    "todo",
    "to be determined",
    "pending",
    "placeholder",
    "string",
    "text",
    "value",
    "example",
    "sample",
    "test",
    "foo",
    "bar",
    "foobar",
    "lorem ipsum",
    "dummy",
];

const STARTS: [&str; 7] = ["lorem ipsum", "placeholder", "example ", "your ", "insert ", "unknown ", "<your"];

/// Whether a text says nothing: a placeholder, or a copy of one of `examples`, that the source does not hold.
#[must_use]
pub fn is_placeholder(text: &str, examples: &[&str], source: &Source) -> bool {
    let plain = text.trim().trim_matches(['"', '\'', '`', '*']).trim();
    let bare = plain.trim_matches(['<', '>', '[', ']', '(', ')', '{', '}']).trim_end_matches(['.', '!']).trim();
    let low = bare.to_lowercase();
    let framed = bare.len() < plain.len() && bare.len() <= 40 && plain.starts_with(['<', '[', '{']);
    let repeated = low.len() >= 3 && low.chars().all(|c| c == 'x') || low == "123" || low == "abc";
    let listed = WORDS.contains(&low.as_str()) || STARTS.iter().any(|start| low.starts_with(start));
    let copied = examples.iter().any(|example| !example.trim().is_empty() && example.trim() == text.trim());
    (listed || framed || repeated || copied) && !source.mentions(plain)
}
