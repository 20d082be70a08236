//! String literals of JSON, read and written.
//!
//! What never happens here: no judgement. A literal is taken to follow the grammar.

use std::borrow::Cow;

/// Decodes a string literal with its quotes. Borrowed when nothing is escaped.
pub(crate) fn decode(literal: &str) -> Cow<'_, str> {
    let inner = literal.get(1..literal.len().saturating_sub(1)).unwrap_or("");
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(rest.get(..at).unwrap_or(""));
        let tail = rest.get(at + 1..).unwrap_or("");
        let used = decode_escape(tail, &mut out);
        rest = tail.get(used..).unwrap_or("");
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn decode_escape(tail: &str, out: &mut String) -> usize {
    let simple = match tail.as_bytes().first() {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return decode_unicode(tail, out),
        Some(_) => tail.chars().next().unwrap_or('\\'),
        None => return 0,
    };
    out.push(simple);
    1
}

fn decode_unicode(tail: &str, out: &mut String) -> usize {
    let unit = |from: usize| tail.get(from..from + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(high) = unit(1) else { return 1 };
    if (0xD800..0xDC00).contains(&high)
        && tail.get(5..7) == Some("\\u")
        && let Some(low) = unit(7)
        && (0xDC00..0xE000).contains(&low)
    {
        let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        out.push(char::from_u32(code).unwrap_or('\u{FFFD}'));
        return 11;
    }
    out.push(char::from_u32(high).unwrap_or('\u{FFFD}'));
    5
}

/// Writes a string as a JSON literal.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => out.push_str(control_escape(c as u8)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The shortest escape of a control character.
pub(crate) fn control_escape(byte: u8) -> &'static str {
    const NAMES: [&str; 32] = [
        "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007", "\\b", "\\t", "\\n",
        "\\u000b", "\\f", "\\r", "\\u000e", "\\u000f", "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014",
        "\\u0015", "\\u0016", "\\u0017", "\\u0018", "\\u0019", "\\u001a", "\\u001b", "\\u001c", "\\u001d", "\\u001e",
        "\\u001f",
    ];
    NAMES.get(byte as usize).copied().unwrap_or("\\u0000")
}
