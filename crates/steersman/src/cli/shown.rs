//! Text of others before a person's eyes: what would steer a terminal, or show another text than it is, is spelled out.
//!
//! A tool's description, its arguments and its results are written by whoever runs its server or wrote what it read.
//! Escape sequences move the cursor and recolour what stands there; bidirectional and invisible characters make two
//! texts look alike. They are written as JSON writes them, so that JSON stays the same value.
//!
//! What never happens here: a character that a person can see is changed.

use serde_json::Value;
use steersman_console::visible;

/// The text on one line, with everything spelled out that is no visible character.
pub(super) fn shown(text: &str) -> String {
    visible(text).replace('\r', "\\u000d").replace('\n', "\\n").replace('\t', "\\t")
}

/// A value as JSON for people: the same value, in characters that can be seen.
pub(super) fn shown_json(value: &Value) -> String {
    format!("{value:#}").lines().map(shown).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_stays_on_its_line() {
        assert_eq!(shown("a\u{1b}[2Jb\r\n\tc"), "a\\u001b[2Jb\\u000d\\n\\tc");
    }

    #[test]
    fn json_is_the_same_value_after_it() {
        let value = json!({ "a": ["x\u{202e}\u{9b}\u{e0041}\n", 1], "b\u{200b}": "Grüße" });
        let text = shown_json(&value);
        assert!(text.lines().count() > 3 && !text.contains(['\u{202e}', '\u{9b}', '\u{e0041}', '\u{200b}']), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
