//! The text that a model was given, made ready for the question whether something occurs in it.
//!
//! White space counts as one space, typographic quotes and dashes as plain ones: that is how copies differ from their
//! originals without being other words. Letters stay as they are.
//!
//! What never happens here: no fuzzy match. What is not there word for word is not there.

/// A source and its normal form.
#[derive(Debug, Clone, Default)]
pub struct Source(String);

impl Source {
    /// The source that is made of these texts.
    #[must_use]
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut normal = String::new();
        for text in texts {
            normalise(text, &mut normal);
            normal.push('\n');
        }
        Self(normal)
    }

    /// Its length in bytes: what one question costs.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.trim_ascii().is_empty()
    }

    /// The normal form.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether a passage occurs: word for word but for white space and the shape of quotes. Quotes and dots around it
    /// are the writer's own. An empty one does not occur.
    #[must_use]
    pub fn quotes(&self, passage: &str) -> bool {
        let mut normal = String::with_capacity(passage.len());
        normalise(passage, &mut normal);
        let normal = normal.trim_matches(['"', '\'', ' ']).trim_start_matches("...").trim_end_matches("...").trim();
        !normal.is_empty() && memchr::memmem::find(self.0.as_bytes(), normal.as_bytes()).is_some()
    }

    /// Whether an id occurs as a whole: what stands before and after it is no part of a word or number.
    #[must_use]
    pub fn mentions(&self, id: &str) -> bool {
        let mut normal = String::with_capacity(id.len());
        normalise(id, &mut normal);
        let id = normal.trim();
        if id.is_empty() {
            return false;
        }
        memchr::memmem::find_iter(self.0.as_bytes(), id.as_bytes()).any(|start| {
            let (head, tail) =
                (self.0.get(..start).unwrap_or_default(), self.0.get(start + id.len()..).unwrap_or_default());
            !(goes_on(id, head.chars().rev(), Side::Before) || goes_on(id, tail.chars(), Side::Behind))
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    Behind,
}

/// Whether the letters beside an id, the nearest first, belong to a longer one: `12` is no part of `12.5`, `0.12` and
/// `-12`, `012` none of `1,012`, `a/b` none of `a/b/c`, and each may end a sentence.
fn goes_on(id: &str, mut beside: impl Iterator<Item = char>, side: Side) -> bool {
    let (next, beyond) = (beside.next(), beside.next());
    let Some(mark) = next else { return false };
    let number = id.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b','));
    let digit = beyond.is_some_and(|c| c.is_ascii_digit());
    let word = beyond.is_some_and(|c| c.is_alphanumeric() || c == '_');
    match mark {
        c if c.is_alphanumeric() || c == '_' => true,
        '.' if number => digit,
        // Three digits behind a comma are a group of a larger number.
        ',' if number && digit && side == Side::Before => id.bytes().take_while(u8::is_ascii_digit).count() == 3,
        ',' if number && digit => {
            let more = beside.take_while(char::is_ascii_digit).take(3).count();
            more == 2
        }
        '-' | '+' if number => side == Side::Before && !word,
        '/' | '@' | '.' | '-' if id.contains(['/', '@']) => word,
        _ => false,
    }
}

fn normalise(text: &str, out: &mut String) {
    let mut space = true;
    for c in text.chars() {
        if c.is_whitespace() {
            if !space {
                out.push(' ');
            }
            space = true;
            continue;
        }
        space = false;
        match c {
            '“' | '”' | '„' | '«' | '»' | '″' => out.push('"'),
            '‘' | '’' | '‚' | '‹' | '›' | '′' => out.push('\''),
            '–' | '—' | '‐' | '‑' | '−' => out.push('-'),
            '…' => out.push_str("..."),
            '\u{feff}' | '\u{200b}' | '\u{ad}' => {}
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn an_id_inside_a_longer_one_is_not_mentioned() {
        for (text, id) in [
            ("at 5.25 each", "25"),
            ("1,234 items", "234"),
            ("1,234 items", "1"),
            ("down by -5 today", "5"),
            ("12.5", "12"),
            ("see a/b/c", "a/b"),
            ("bob@x.org", "bob@x"),
            ("A-12", "A-1"),
        ] {
            assert!(!Source::of([text]).mentions(id), "{id} in {text}");
        }
        for (text, id) in [
            ("the 25.", "25"),
            ("1,2,3", "2"),
            ("item-5", "5"),
            ("(5)", "5"),
            ("see a/b.", "a/b"),
            ("mail bob@x.org, soon", "bob@x.org"),
            ("5.25 EUR", "5.25"),
            ("-5", "-5"),
        ] {
            assert!(Source::of([text]).mentions(id), "{id} in {text}");
        }
    }
}
