//! Frames of a stream that differ in one text alone: what was read of one holds for the others, so they are not read
//! again.
//!
//! A stream is hundreds of frames with the same members around a few letters of text. One such frame is kept as what
//! stands before its text and after it; a frame that has both, and between them a text without a quote or an escape,
//! says the same of everything but that text.
//!
//! What never happens here: a frame of another form passes for a known one.

use memchr::memmem;

/// The frame that was kept, cut at its text.
#[derive(Debug, Default)]
pub(crate) struct Usual {
    /// Up to and with the quote that opens the text.
    before: Vec<u8>,
    /// From the quote that closes it; empty where nothing is kept.
    after: Vec<u8>,
}

impl Usual {
    /// Whether a frame is the one that was kept, but for its text, which says something.
    pub(crate) fn is_like(&self, data: &[u8]) -> bool {
        let rest = if self.after.is_empty() { None } else { data.strip_prefix(&*self.before) };
        let text = rest.and_then(|rest| rest.strip_suffix(&*self.after));
        text.is_some_and(|text| !text.is_empty() && memchr::memchr2(b'"', b'\\', text).is_none())
    }

    /// Keeps a frame whose one content is the text of a member with one of these names, if it has such a text.
    pub(crate) fn keep(&mut self, data: &[u8], names: &[&str]) {
        self.after.clear();
        let Some(text) = names.iter().find_map(|name| text_of(data, name)) else { return };
        let end = data.get(text..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)).unwrap_or(0);
        if let (Some(before), Some(after @ [b'"', ..])) = (data.get(..text), data.get(text + end..))
            && end > 0
        {
            before.clone_into(&mut self.before);
            after.clone_into(&mut self.after);
        }
    }
}

/// Where the text of the first member with this name begins. Inside of a string each quote has a backslash before it,
/// so what looks like a member is one.
fn text_of(data: &[u8], name: &str) -> Option<usize> {
    let quoted = format!("\"{name}\"");
    memmem::find_iter(data, quoted.as_bytes()).find_map(|at| {
        let after = data.get(at + quoted.len()..)?.trim_ascii_start().strip_prefix(b":")?;
        let text = after.trim_ascii_start().strip_prefix(b"\"")?;
        Some(data.len() - text.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_frame_that_differs_in_its_text_is_like_another() {
        let mut usual = Usual::default();
        assert!(!usual.is_like(b""), "nothing is kept");
        usual.keep(br#"{"a":{"type":"text","text": "one"},"i":0}"#, &["text"]);
        for (frame, like) in [
            (r#"{"a":{"type":"text","text": "two words"},"i":0}"#, true),
            (r#"{"a":{"type":"text","text": "one"},"i":0}"#, true),
            (r#"{"a":{"type":"text","text": ""},"i":0}"#, false),
            (r#"{"a":{"type":"text","text": "a\"b"},"i":0}"#, false),
            (r#"{"a":{"type":"text","text": "a","b":"c"},"i":0}"#, false),
            (r#"{"a":{"type":"text","text": "one"},"i":1}"#, false),
            (r#"{"a":{"type":"text","text":"one"},"i":0}"#, false),
            (r#"{"a":{"type":"text","text": "},"i":0}"#, false),
        ] {
            assert_eq!(usual.is_like(frame.as_bytes()), like, "{frame}");
        }
        for odd in
            [r#"{"text":""}"#, r#"{"text":null}"#, r#"{"x":"\"text\":\"y"}"#, r#"{"text":"a\n"}"#, r#"{"text":"a"#]
        {
            usual.keep(odd.as_bytes(), &["text"]);
            assert!(!usual.is_like(odd.as_bytes()), "{odd}");
        }
    }
}
