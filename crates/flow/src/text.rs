//! Two normal forms of text: a strict one for matching against trusted sources, a loose one for finding tainted ones.
//!
//! The strict form (`exact`) changes nothing that changes meaning: canonical composition, letter case, runs of blanks.
//! A look-alike letter or an invisible character keeps it different from what the user wrote, so it earns no trust.
//! The loose form (`folded`) undoes disguises: compatibility forms, invisible characters, letters of other scripts that
//! look Latin. It is only ever used to find more taint, never to grant trust.
//!
//! What never happens here: no allocation for text that is already in normal form beyond the copy itself.

use unicode_normalization::UnicodeNormalization;

/// Whether a character is invisible or reorders others: it never belongs into a value that a person wrote by hand.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// The strict form: NFC, lower case, each run of blanks one space, no blanks at the ends.
pub(crate) fn exact(text: &str) -> String {
    if text.is_ascii() {
        let is_blank = |byte: u8| char::from(byte).is_whitespace();
        let is_plain = |pair: &[u8]| !matches!(pair, [a, b] if is_blank(*a) && (is_blank(*b) || *a != b' '));
        let text = text.trim();
        if text.as_bytes().windows(2).all(is_plain) {
            return text.to_ascii_lowercase();
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut push = |c: char| {
        if c.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else if c.is_ascii() {
            out.push(c.to_ascii_lowercase());
        } else {
            out.extend(c.to_lowercase());
        }
    };
    if text.is_ascii() {
        text.bytes().for_each(|byte| push(char::from(byte)));
    } else {
        text.nfc().for_each(push);
    }
    out.truncate(out.trim_end().len());
    out
}

/// The loose form: NFKC, look-alikes to Latin, nothing invisible, then as the strict form.
pub(crate) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return exact(text);
    }
    exact(&text.nfkc().filter(|c| !is_invisible(*c)).map(latin).collect::<String>())
}

/// What one character passes for: nothing for one that nobody sees, several letters for a ligature.
pub(crate) fn loose(c: char) -> String {
    let alone = [c];
    let parts = alone.into_iter().nfkc().filter(|c| !is_invisible(*c)).map(latin);
    parts.flat_map(char::to_lowercase).collect()
}

/// The Latin letter that a Greek, Cyrillic or Armenian one looks like; other characters stay.
const fn latin(c: char) -> char {
    match c {
        'а' | 'α' | 'А' | 'Α' => 'a',
        'В' | 'Β' => 'b',
        'с' | 'ϲ' | 'С' => 'c',
        'ԁ' => 'd',
        'е' | 'ε' | 'Е' | 'Ε' => 'e',
        'һ' | 'Н' | 'Η' => 'h',
        'і' | 'ι' | 'І' | 'Ι' | 'ı' => 'i',
        'ј' | 'Ј' => 'j',
        'κ' | 'к' | 'К' | 'Κ' => 'k',
        'ӏ' => 'l',
        'М' | 'Μ' => 'm',
        'ո' | 'Ν' => 'n',
        'о' | 'ο' | 'О' | 'Ο' | 'օ' => 'o',
        'р' | 'ρ' | 'Р' | 'Ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' | 'Ѕ' => 's',
        'Т' | 'Τ' | 'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' | 'Х' | 'Χ' => 'x',
        'у' | 'γ' | 'У' | 'Υ' => 'y',
        'Ζ' => 'z',
        _ => c,
    }
}

/// One run of letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// The run, as written.
    pub(crate) text: &'a str,
    /// Byte offset of its first character.
    pub(crate) start: usize,
    /// Byte offset behind its last character.
    pub(crate) end: usize,
}

/// The runs of letters and digits of a text, in order.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text.get(from..)?.find(char::is_alphanumeric)?;
        let rest = text.get(start..)?;
        let end = rest.find(|c: char| !c.is_alphanumeric()).map_or(text.len(), |length| start + length);
        from = end;
        Some(Token { text: text.get(start..end)?, start, end })
    })
}

/// The words of an identifier: split at case changes, digits and punctuation, in lower case.
pub(crate) fn identifier_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let next_is_lower = chars.peek().is_some_and(|next| next.is_lowercase());
        let starts = !previous.is_alphanumeric()
            || (c.is_uppercase() && (previous.is_lowercase() || (previous.is_uppercase() && next_is_lower)))
            || (c.is_numeric() != previous.is_numeric());
        if c.is_alphanumeric() {
            if starts {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        previous = c;
    }
    words
}

/// Whether a text ends with an abbreviation behind which a number stands: "member no. 1031".
pub(crate) fn is_numbered(before: &str) -> bool {
    const NUMBERED: &[&str] = &["no", "nr", "num", "art", "vol", "pos", "approx", "ca"];
    let Some(before) = before.trim_end().strip_suffix('.') else { return false };
    let word = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
    NUMBERED.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strict_form_keeps_disguises_apart_and_the_loose_form_undoes_them() {
        for disguised in ["pаypal", "pay\u{200b}pal", "ｐａｙｐａｌ", "payp\u{430}l"] {
            assert_ne!(exact(disguised), "paypal", "`{disguised}`");
            assert_eq!(folded(disguised), "paypal", "`{disguised}`");
        }
        assert_eq!(exact("  Jane \n DOE "), "jane doe");
        assert_eq!(exact("cafe\u{301}"), exact("café"));
    }

    #[test]
    fn identifiers_split_in_every_usual_style() {
        for (name, words) in [
            ("send_direct_message", "send direct message"),
            ("sendDirectMessage", "send direct message"),
            ("HTTPServer-restart", "http server restart"),
            ("create.issue2", "create issue 2"),
        ] {
            assert_eq!(identifier_words(name).join(" "), words);
        }
    }
}
