//! A text as what shows it may read it: each character with the place where it stands in the source.
//!
//! Whoever shows an answer undoes the escapes of JSON, of Markdown or of HTML, and a browser takes a backslash for a
//! slash. Nobody knows which of them will, so all of them are undone here.
//!
//! What never happens here: a reading that grants anything. A text read so may only be found to hold more.

use crate::text;

/// One character as it may be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    /// The character.
    pub(crate) strict: char,
    /// What it passes for, in lower case.
    pub(crate) loose: char,
    /// The bytes of the source that say it.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Entities that are part of how an address is written, or that end it (HTML, "Named character references").
const NAMED: &[(&str, char)] = &[
    ("colon", ':'),
    ("sol", '/'),
    ("bsol", '/'),
    ("period", '.'),
    ("commat", '@'),
    ("num", '#'),
    ("quest", '?'),
    ("amp", '&'),
    ("equals", '='),
    ("lowbar", '_'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("percnt", '%'),
    ("tab", ' '),
    ("newline", ' '),
    ("nbsp", ' '),
    ("quot", '"'),
    ("apos", '\''),
    ("lt", '<'),
    ("gt", '>'),
    ("lpar", '('),
    ("rpar", ')'),
];
/// The longest entity, in bytes.
const ENTITY: usize = 16;

/// The characters of a text that begins at byte `offset`, without those that nobody sees.
pub(crate) fn shown(text: &str, offset: usize) -> impl Iterator<Item = Shown> {
    let mut at = 0;
    let next = move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let (strict, length) = read(rest);
        let start = offset + at;
        at += length;
        Some((strict, start, offset + at))
    };
    std::iter::from_fn(next).flat_map(|(strict, start, end)| {
        // A letter that stands for several passes for all of them.
        let loose: Vec<char> = if strict.is_ascii() { vec![strict.to_ascii_lowercase()] } else { loose(strict) };
        loose.into_iter().map(move |loose| Shown { strict, loose, start, end })
    })
}

fn loose(c: char) -> Vec<char> {
    text::loose(c).chars().collect()
}

/// The character with which a text begins, and how many bytes say it.
fn read(text: &str) -> (char, usize) {
    let first = text.chars().next().unwrap_or_default();
    let read = match first {
        '\\' => escape(text),
        '&' => entity(text),
        _ => None,
    };
    read.unwrap_or((first, first.len_utf8()))
}

/// What a backslash and what stands behind it say.
fn escape(text: &str) -> Option<(char, usize)> {
    let behind = text.get(1..)?;
    match behind.chars().next() {
        Some('u') => {
            let code = behind.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
            code.and_then(char::from_u32).map(|c| (c, 6))
        }
        // One may stand for itself in one reading and for two in the other: both are slashes.
        Some('\\') => Some(('/', 1)),
        Some(c @ ('n' | 'r' | 't' | 'f')) => Some((' ', 1 + c.len_utf8())),
        // Where it is no escape, what stands before it is the host, and not whoever logs in.
        Some('@') => None,
        Some(c) if c.is_ascii_punctuation() => Some((c, 2)),
        _ => None,
    }
    .or(Some(('/', 1)))
}

/// What an entity says: by its name, or by its number, with a semicolon or not.
fn entity(text: &str) -> Option<(char, usize)> {
    let behind = text.get(1..)?;
    if let Some(number) = behind.strip_prefix('#') {
        let (digits, radix, prefix) = match number.strip_prefix(['x', 'X']) {
            Some(hex) => (hex, 16, 3),
            None => (number, 10, 2),
        };
        let length = digits.chars().take(ENTITY).take_while(|c| c.is_digit(radix)).count();
        let code = u32::from_str_radix(digits.get(..length)?, radix).ok()?;
        let closed = digits.get(length..).is_some_and(|rest| rest.starts_with(';'));
        return Some((char::from_u32(code)?, prefix + length + usize::from(closed)));
    }
    let name = behind.get(..behind.bytes().take(ENTITY).position(|byte| byte == b';')?)?;
    let (_, c) = NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some((*c, name.len() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_all_three_kinds_are_undone_and_their_places_kept() {
        let read = |text: &str| shown(text, 0).map(|shown| shown.strict).collect::<String>();
        for (text, expected) in [
            (r"https:\/\/evil.io", "https://evil.io"),
            (r"https\u003a\u002f/evil.io", "https://evil.io"),
            (r"https\:\/\/evil.io", "https://evil.io"),
            ("https&colon;&sol;&#47;evil&period;io", "https://evil.io"),
            ("https&#58;&#x2f&#x2F;evil.io", "https://evil.io"),
            (r"https:\\evil.io", "https://evil.io"),
            (r"one\ntwo", "one two"),
            ("AT&T &unknown; &", "AT&T &unknown; &"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let places: Vec<_> = shown(r"a\u0062c", 10).map(|shown| (shown.strict, shown.start, shown.end)).collect();
        assert_eq!(places, [('a', 10, 11), ('b', 11, 17), ('c', 17, 18)]);
    }

    #[test]
    fn what_nobody_sees_is_not_there_and_a_look_alike_is_what_it_passes_for() {
        let loose: String = shown("h\u{200b}tt\u{440}s", 0).map(|shown| shown.loose).collect();
        assert_eq!(loose, "https");
    }
}
