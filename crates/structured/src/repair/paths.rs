//! Backslashes in paths and patterns: whether they escape, or are meant.
//!
//! A string that holds escapes that escape nothing was written without escaping. One that names a drive is a path, and
//! all its single backslashes are meant; in any other one, those that would escape are a doubt.
//!
//! What never happens here: no change of a string whose escapes are all valid.

use super::cursor::Quote;
use super::follow::Grade;
use super::lexer::Lexer;
use super::strings::Body;
use crate::code::Code;
use crate::record::Edit;

impl Lexer<'_> {
    /// A string that mixes escapes that escape nothing with ones that do may be a path or pattern throughout.
    ///
    /// One that names a drive (`C:\Users\nina`) is a path: all its single backslashes are meant.
    pub(super) fn check_paths(&mut self, start: usize, end: usize, quote: Quote, body: &mut Body) {
        if quote != Quote::Double || self.raw || !body.edits.iter().any(|e| e.code == Code::Escape && e.after == "\\") {
            return;
        }
        let slice = self.cursor.slice(start, end);
        let drive = drive_at(slice);
        let text = slice.as_bytes();
        let mut at = 0;
        let mut shadow = false;
        while let Some(n) = memchr::memchr(b'\\', text.get(at..).unwrap_or(&[])) {
            let next = text.get(at + n + 1).copied().unwrap_or(0);
            let place = start + at + n;
            if drive.is_some_and(|drive| drive <= at + n) {
                if matches!(next, b'b' | b'f' | b'n' | b'r' | b't' | b'u' | b'/')
                    && !body.edits.iter().any(|e| e.start == place)
                {
                    body.edits.push(Edit::new(place, place, "\\", Code::Escape));
                }
            } else {
                shadow |= matches!(next, b'b' | b'f');
            }
            at += n + 2;
        }
        body.edits.sort_by_key(|edit| edit.start);
        if shadow {
            self.doubt(start, "escape", "a control character", "a backslash and a letter");
        }
    }

    /// The backslash at `i` ends a path, and the quote behind it the string: `"D:\Data\"`.
    pub(super) fn path_ends(&self, from: usize, i: usize) -> bool {
        let c = self.cursor;
        c.at(i + 1) == b'"'
            && c.at(i.wrapping_sub(1)) != b'\\'
            && drive_at(c.slice(from, i + 1)).is_some()
            && self.follow(i + 2, true) == Grade::Strong
    }
}

/// Where a path with a drive letter begins: `C:\` and no second backslash.
fn drive_at(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memmem::find_iter(bytes, b":\\").find_map(|colon| {
        let letter = colon.checked_sub(1)?;
        let alone = letter.checked_sub(1).and_then(|p| bytes.get(p)).is_none_or(|b| !b.is_ascii_alphanumeric());
        let single = bytes.get(colon + 2) != Some(&b'\\');
        (bytes.get(letter).is_some_and(u8::is_ascii_alphabetic) && alone && single).then_some(letter)
    })
}
