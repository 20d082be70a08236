//! Text of others before a person's eyes: what would steer a terminal, or show another text than it is, is spelled out.
//!
//! A tool's description, its arguments and its results are written by whoever runs its server or wrote what it read.
//! Escape sequences move the cursor and recolour what stands there; bidirectional and invisible characters make two
//! texts look alike. They are written as JSON writes them, so that JSON stays the same value.
//!
//! What never happens here: a character that a person can see is changed.

use serde_json::Value;

/// The text on one line, with everything spelled out that is no visible character.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_hidden(c) => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            }
            c => out.push(c),
        }
    }
    out
}

/// A value as JSON for people: the same value, in characters that can be seen.
pub(super) fn shown_json(value: &Value) -> String {
    format!("{value:#}").lines().map(shown).collect::<Vec<_>>().join("\n")
}

/// Whether a character shows nothing of itself, or turns the text around it. Variation selectors are left: emoji have
/// them.
const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_steer_a_terminal_or_hide_in_a_text_is_spelled_out() {
        assert_eq!(shown("a\u{1b}[2Jb\r\nc"), "a\\u001b[2Jb\\u000d\\nc");
        assert_eq!(shown("pay \u{202e}eve\u{200b}"), "pay \\u202eeve\\u200b");
        assert_eq!(shown("tag \u{e0041}"), "tag \\udb40\\udc41");
        assert_eq!(shown("Grüße, 日本 🙂"), "Grüße, 日本 🙂");
    }

    #[test]
    fn json_is_the_same_value_after_it() {
        let value = json!({ "a": ["x\u{202e}\u{9b}\u{e0041}\n", 1], "b\u{200b}": "Grüße" });
        let text = shown_json(&value);
        assert!(text.lines().count() > 3 && !text.contains(['\u{202e}', '\u{9b}', '\u{e0041}', '\u{200b}']), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
