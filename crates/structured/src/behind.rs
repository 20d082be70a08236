//! Whether what stands behind a document belongs to it: members behind a bracket that was closed too early.
//!
//! `{"id":1}` with `"total": 5}` behind it has lost a member if the words are taken for prose. A key that the document
//! does not have and a bracket that nothing opened are no prose, whatever else stands there.
//!
//! What never happens here: no repair. Where one edit makes the brackets nest, the parser has found it before.

use crate::repair::key_at;

/// Members or brackets of the document go on in the words behind it. `is_absent` says of a quoted key whether the
/// document could have it and has not, `is_missing` the same of a name that stands without quotes.
pub(crate) fn goes_on(behind: &str, is_absent: &dyn Fn(&str) -> bool, is_missing: &dyn Fn(&str) -> bool) -> bool {
    let rest = behind.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '}' | ']'));
    let first = key_at(rest).is_some_and(|(key, quoted)| if quoted { is_absent(key) } else { is_missing(key) });
    let member = |line: &str| key_at(line.trim_start()).is_some_and(|(key, quoted)| quoted && is_missing(key));
    first || rest.lines().any(member) || closes_what_it_did_not_open(rest)
}

fn closes_what_it_did_not_open(words: &str) -> bool {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    let mut before = ' ';
    for c in words.chars() {
        match c {
            '{' => braces += 1,
            // `(0, 1]` is an interval.
            '[' | '(' => brackets += 1,
            ')' => brackets = brackets.saturating_sub(1),
            // A smiley closes nothing.
            '}' | ']' if matches!(before, ':' | ';' | '-') => {}
            '}' if braces == 0 => return true,
            ']' if brackets == 0 => return true,
            '}' => braces -= 1,
            ']' => brackets -= 1,
            _ => {}
        }
        before = c;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_missing_and_a_bracket_that_nothing_opened_are_no_prose() {
        let absent = |key: &str| key != "id";
        let missing = |key: &str| ["note", "total"].contains(&key);
        for more in [
            r#", "total": 5"#,
            "\n\"note\": \"x\",\n\"total\": 5\n}",
            r#"note": "x", "total": 5}"#,
            r#", note: "x", total: 5}"#,
            r#"],"total":5}"#,
            r#""sku":"b"}]}"#,
            "\ntotal: 5",
            "\nThe rest:\n  \"total\": 5",
            " and so on }",
        ] {
            assert!(goes_on(more, &absent, &missing), "{more}");
        }
        for prose in [
            "\n\nNote: the total is left open.",
            "\n\"id\": the number of the ticket",
            "}\n```\nI hope this helps! :-}",
            "\nSee [1] and {a}; scores lie in (0, 1].",
            "\n- \"colour\": what it looks like",
            "\nurl: https://example.org",
        ] {
            assert!(!goes_on(prose, &absent, &missing), "{prose}");
        }
    }
}
