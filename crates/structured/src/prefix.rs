//! The part of a cut text that no continuation can contradict.
//!
//! Complete members and elements stay; a string, number, literal or key that was cut goes, and so does a number at
//! the very end, since more digits could follow. Only text that was sound so far has a prefix.
//!
//! What never happens here: no repair. A damaged text that was cut is unsafe and has no prefix.

use crate::document::{number_len, string_end};

/// Closes up what is certain of the document that begins at `start`; `None` if that is nothing.
pub(crate) fn lossless(text: &str, start: usize) -> Option<String> {
    let bytes = text.as_bytes();
    let mut closers: Vec<u8> = Vec::new();
    // The last offset at which all that came before is certain, and how many brackets were open there.
    let mut sure: Option<(usize, usize)> = None;
    let mut at = start;
    let mut key = false;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            b'{' | b'[' => {
                closers.push(if byte == b'{' { b'}' } else { b']' });
                key = byte == b'{';
                at += 1;
            }
            b'}' | b']' => {
                if closers.pop() != Some(byte) {
                    return None;
                }
                at += 1;
                key = false;
                sure = Some((at, closers.len()));
                if closers.is_empty() {
                    break;
                }
            }
            b',' | b':' => {
                key = byte == b',' && closers.last() == Some(&b'}');
                at += 1;
            }
            b'"' => match string_end(bytes, at) {
                Ok(end) => {
                    at = end;
                    if !key {
                        sure = Some((at, closers.len()));
                    }
                }
                Err(_) => break,
            },
            _ => {
                let Some(end) = scalar_end(bytes, at) else { break };
                at = end;
                sure = Some((at, closers.len()));
            }
        }
    }
    // Brackets opened since then were opened after the last certain byte; none of the earlier ones was closed.
    let (end, open) = sure?;
    let mut out = text.get(start..end)?.to_owned();
    out.extend(closers.get(..open)?.iter().rev().map(|&b| b as char));
    crate::Document::parse(out.as_str()).ok().map(|_| out)
}

/// End of a number or literal that something follows.
fn scalar_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let len = ["true", "false", "null"]
        .iter()
        .find(|word| rest.starts_with(word.as_bytes()))
        .map(|word| word.len())
        .or_else(|| number_len(rest).filter(|len| rest.len() > *len))?;
    Some(at + len)
}
