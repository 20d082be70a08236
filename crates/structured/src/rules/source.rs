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
            let before = self.0.get(..start).and_then(|head| head.chars().next_back());
            let mut after = self.0.get(start + id.len()..).unwrap_or_default().chars();
            let (next, beyond) = (after.next(), after.next());
            let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            // `12` is no part of `12.5` or `0.12`, and ends a sentence in `12.`
            let decimal = next == Some('.') && beyond.is_some_and(|c| c.is_ascii_digit());
            !(in_word(before) || in_word(next) || decimal && id.ends_with(|c: char| c.is_ascii_digit()))
        })
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
