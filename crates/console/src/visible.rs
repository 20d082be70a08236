//! What a value holds and a screen would not show: characters that turn the direction of a text around, that have no
//! width, or that are no characters at all, written as `\u202e`.
//!
//! A person who approves a call must see the call that is made. A model, a client or a web page wrote it, and a value
//! may be made so that a browser draws another one: `\u202e` alone turns what follows it around.
//!
//! What never happens here: a change of what is stored or sent.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::RangeInclusive;

/// Unicode 16.0, `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt), which holds every `Bidi_Control`, and the
/// two separators of lines that no source shows. The selector that makes an emoji colourful is left to it.
static UNSEEN: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0e}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// The selector of colourful emoji: part of many honest messages, and nothing after a letter or digit.
const EMOJI: char = '\u{fe0f}';

/// The text with what nobody would see of it as escapes of JSON. A text that has nothing of the kind is not copied.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut units, mut before) = (String::with_capacity(text.len() + 16), [0; 2], ' ');
    for (at, c) in text.char_indices() {
        let is_end_of_line = c == '\r' && text.get(at + 1..).is_some_and(|rest| rest.starts_with('\n'));
        if is_unseen(c, before) && !is_end_of_line {
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _written = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
        before = c;
    }
    Cow::Owned(out)
}

fn is_unseen(c: char, before: char) -> bool {
    match c {
        '\n' | '\t' => false,
        EMOJI => before.is_ascii() || before.is_alphanumeric(),
        _ => c.is_control() || UNSEEN.iter().any(|range| range.contains(&c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_screen_would_not_show_is_written_out() {
        assert_eq!(visible("a\u{202e}moc.live\u{2069}"), "a\\u202emoc.live\\u2069");
        assert_eq!(visible("pay\u{200b}pal \u{feff}\u{ad}"), "pay\\u200bpal \\ufeff\\u00ad");
        assert_eq!(visible("\u{1b}[2K\u{7f}\u{85}"), "\\u001b[2K\\u007f\\u0085");
        assert_eq!(visible("\u{e0041}"), "\\udb40\\udc41", "as JSON writes it");
        assert_eq!(visible("1\u{fe0f}"), "1\\ufe0f");
    }

    #[test]
    fn what_a_screen_shows_stays_as_it_is() {
        for text in ["two\nlines\r\n\tand more", "Grüße, שלום, 你好", "\u{2764}\u{fe0f}", "{\"a\": \"\\u202e\"}"]
        {
            assert_eq!(visible(text), text);
        }
        assert!(matches!(visible("plain"), Cow::Borrowed(_)));
    }
}
