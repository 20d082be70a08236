//! JSON with line breaks, laid out by its brackets and commas alone: what stands between them stays as it was written.
//!
//! What never happens here: a number, a string or a name that is read and written anew. `0.10`, a number of forty
//! digits and a name that stands there twice are shown as they came.

use serde_json::value::RawValue;

/// What is shown of a text in one piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The beginning.
    pub(crate) text: String,
    /// Whether that is all of it.
    pub(crate) is_whole: bool,
}

/// The first `limit` bytes or so of a text: with line breaks if the whole is JSON, else as they are.
pub(crate) fn readable(content: &[u8], limit: usize) -> Shown {
    let beginning = String::from_utf8_lossy(content.get(..limit).unwrap_or(content));
    if serde_json::from_slice::<&RawValue>(content).is_ok() {
        let mut layout = Layout::default();
        let fits = beginning.chars().all(|c| {
            layout.push(c);
            layout.out.len() < 2 * limit
        });
        return Shown { text: layout.out, is_whole: fits && content.len() <= limit };
    }
    Shown { text: beginning.into_owned(), is_whole: content.len() <= limit }
}

#[derive(Default)]
struct Layout {
    out: String,
    depth: usize,
    /// Inside of a string, and whether a backslash stands before.
    string: Option<bool>,
    /// After a bracket that opens: an empty pair stays on its line.
    opened: bool,
}

impl Layout {
    fn push(&mut self, c: char) {
        match (self.string, c) {
            (Some(true), _) => self.string = Some(false),
            (Some(false), '\\') => self.string = Some(true),
            (Some(false), '"') => self.string = None,
            (Some(false), _) => {}
            (None, ' ' | '\t' | '\r' | '\n') => return,
            (None, '}' | ']') => return self.close(c),
            (None, _) => {
                if std::mem::take(&mut self.opened) {
                    self.line();
                }
                if c == '"' {
                    self.string = Some(false);
                }
                return self.outside(c);
            }
        }
        self.out.push(c);
    }

    fn close(&mut self, c: char) {
        self.depth = self.depth.saturating_sub(1);
        if !std::mem::take(&mut self.opened) {
            self.line();
        }
        self.out.push(c);
    }

    fn outside(&mut self, c: char) {
        self.out.push(c);
        match c {
            '{' | '[' => {
                self.depth += 1;
                self.opened = true;
            }
            ',' => self.line(),
            ':' => self.out.push(' '),
            _ => {}
        }
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        readable(text.as_bytes(), 1_000).text
    }

    #[test]
    fn what_was_written_stays_and_only_lines_are_broken() {
        let sent = concat!(
            r#"{"a":0.10,"a": 1e400 ,"n":12345678901234567890123456789,"e":{},"l":[ ],"#,
            r#""s":"{\"x\": [1,2]}\\","t":[true]}"#
        );
        let wanted = concat!(
            "{\n  \"a\": 0.10,\n  \"a\": 1e400,\n  \"n\": 12345678901234567890123456789,\n  \"e\": {},\n  \"l\": [],\n",
            "  \"s\": \"{\\\"x\\\": [1,2]}\\\\\",\n  \"t\": [\n    true\n  ]\n}"
        );
        assert_eq!(shown(sent), wanted);
    }

    #[test]
    fn what_is_no_json_is_shown_as_it_is() {
        for text in ["data: {\"a\":1}\n\n", "{\"a\":", "", &"[".repeat(500)] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn a_long_text_is_cut_however_much_room_its_layout_takes() {
        let Shown { text, is_whole } = readable(format!("[\"{}\"]", "x".repeat(5_000)).as_bytes(), 1_000);
        assert!(!is_whole && (900..2_100).contains(&text.len()), "{}", text.len());
        let deep = "[".repeat(100) + &"1,".repeat(450) + "1" + &"]".repeat(100);
        let Shown { text, is_whole } = readable(deep.as_bytes(), deep.len());
        assert!(!is_whole && text.len() < 2 * deep.len() + 300, "{}", text.len());
        assert!(readable(b"[1]", 64).is_whole);
    }
}
