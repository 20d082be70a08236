//! How results are laid out: which objects are tables, and what the lines of a bare text are.
//!
//! What never happens here: no trust. Whether a part is attested is decided by the contract.

use serde_json::Value;

use crate::hashed::HashSet;
use crate::moment;
use crate::naming::Naming;
use crate::number::Micro;
use crate::text;

/// Whether an object is a table: records, each under a key of its own, or three and more that have the same fields.
pub(crate) fn is_table(map: &serde_json::Map<String, Value>) -> bool {
    let keys = |inner: &Value| inner.as_object().map(|inner| inner.keys().cloned().collect::<Vec<_>>());
    let first = map.values().next().and_then(keys);
    let even = || map.len() > 2 && map.values().all(|inner| keys(inner) == first);
    !map.is_empty() && map.values().all(Value::is_object) && (map.keys().all(|key| looks_like_data(key)) || even())
}

/// Whether an object is a table of plain values: each key is what the call asked about, or some are no names of fields
/// and the values are of one kind.
pub(crate) fn is_flat_table(map: &serde_json::Map<String, Value>, given: &HashSet<&str>) -> bool {
    let asked = || map.keys().all(|key| given.contains(&*text::exact(key)));
    let data = || map.keys().any(|key| key.contains(|c: char| !c.is_alphabetic() && c != '_'));
    !map.is_empty()
        && map.keys().all(|key| looks_like_data(key))
        && (asked() || map.len() > 1 && data() && is_column(map))
}

/// Whether the values of an object are those of one column: lists, figures of nothing that a key would be called, or
/// texts that begin with the same label.
fn is_column(map: &serde_json::Map<String, Value>) -> bool {
    let label = |value: &Value| value.as_str().and_then(labelled).map(|(label, _)| label.to_owned());
    let first = map.values().next().and_then(label);
    let mut shapes = map.values().map(|value| value.as_str().and_then(shape));
    let alike =
        map.len() > 2 && shapes.next().flatten().is_some_and(|first| shapes.all(|own| own.as_ref() == Some(&first)));
    map.values().all(Value::is_array)
        || alike
        || map.iter().all(|(key, value)| value.is_number() && !Naming::of(key).is_quantity())
        || first.is_some() && map.values().all(|value| label(value) == first)
}

/// A part of a text without the mark that makes it an item.
pub(crate) fn tidy(part: &str) -> &str {
    part.trim().trim_start_matches(['-', '*', '•', ' '])
}

/// The names of the columns of a text whose lines all have as many parts as the first, which has words alone.
pub(crate) fn header<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let Some((first, rest)) = lines.split_first().filter(|(_, rest)| !rest.is_empty()) else { return Vec::new() };
    let names: Vec<&str> = first.split(',').map(str::trim).collect();
    let is_name = |name: &&str| {
        name.starts_with(char::is_lowercase) && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    let even = rest.iter().all(|line| line.split(',').count() == names.len());
    if names.len() > 1 && even && names.iter().all(is_name) { names } else { Vec::new() }
}

/// Whether lines put each label to a value of one kind, so that they name several things: "Ann: a@x.io", "Eve: e@x.io".
/// A line that says there is none has no value.
pub(crate) fn are_alike(lines: &[&str]) -> bool {
    const NONE: &[&str] = &["none", "n/a", "unknown", "unlisted", "nil"];
    let values = lines.iter().filter_map(|line| labelled(line)).map(|(_, value)| value);
    let says = |value: &&str| {
        let plain = value.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        !plain.is_empty() && !NONE.contains(&plain.as_str())
    };
    let mut shapes = values.filter(says).map(shape);
    let first = shapes.next().flatten();
    first.is_some() && shapes.all(|shape| shape == first)
}

/// What kind of address, figure or code a text is: "@", "0", and for a code its runs of letters and digits.
fn shape(text: &str) -> Option<String> {
    if text.contains('@') {
        return Some("@".to_owned());
    }
    if Micro::parse(text).is_some() {
        return Some("0".to_owned());
    }
    let marks = text.chars().filter(|c| c.is_alphanumeric() || *c == '+');
    let mut runs: Vec<char> = marks
        .map(|c| {
            if c.is_ascii_digit() {
                '0'
            } else if c == '+' {
                '+'
            } else {
                'a'
            }
        })
        .collect();
    runs.dedup();
    (runs.contains(&'0') && text.len() > 4 && moment::parse(text).is_none()).then(|| runs.into_iter().collect())
}

/// Whether the parts of a text are things of a kind, and not what is said of one: several lines, or a line under a
/// label or of more than two parts, of which none is a day or time.
pub(crate) fn is_list(lines: &[&str]) -> bool {
    let [line] = lines else { return lines.len() > 1 };
    let mut parts = line.split([',', ';']);
    parts.clone().count() > if labelled(line).is_some() { 1 } else { 2 }
        && !parts.any(|part| moment::parse(part.trim()).is_some())
}

/// The label of a text and what it is put to: "Price range: 20 - 40".
pub(crate) fn labelled(text: &str) -> Option<(&str, &str)> {
    const LONGEST: usize = 40;
    let (label, value) = text.split_once(": ")?;
    (label.len() <= LONGEST).then_some((label.trim(), value.trim()))
}

/// The word before a figure or a time, and that ("dep 07:52", "EUR 41").
pub(crate) fn unit(text: &str) -> Option<(&str, &str)> {
    let (unit, value) = text.split_once(' ')?;
    let figure = value.starts_with(|c: char| c.is_ascii_digit())
        && value.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | ',' | '-'));
    (figure && unit.len() > 2 && unit.chars().all(char::is_alphabetic)).then_some((unit, value))
}

/// Whether an object key is data (an address, a name with blanks) and not the name of a field. Attested like a value.
pub(crate) fn looks_like_data(key: &str) -> bool {
    !key.is_empty()
        && (key.contains(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '$'))
            || key.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_put_names_to_values_of_one_kind_are_several_things() {
        for alike in [
            &["Ann: ann@x.example", "Eve: eve@x.example"][..],
            &["Ann: DE02120300000000202051", "Eve: DE89370400440532013000"],
            &["Ann: +49 30 1234", "Bob: (none)", "Eve: +49 30 9876"],
            &["pump: 3", "valve: 12"],
        ] {
            assert!(are_alike(alike), "{alike:?}");
        }
        for record in [&["Name: Ann", "Phone: +49 30 1234"][..], &["IBAN: DE021203", "Street: Elm Road"]] {
            assert!(!are_alike(record), "{record:?}");
        }
    }
}
