//! Texts that are rewritten as a whole and then read again: escaped, with doubled braces, in another notation.
//!
//! What never happens here: no value is looked at. The rewriting is a pass of edits like any other, and on record.

use crate::announce;
use crate::code::Code;
use crate::document::Document;
use crate::notation;
use crate::outcome::Reading;
use crate::read::{Finish, Mode, Reader, read};
use crate::record::{Edit, Pass, apply};

impl Reader<'_> {
    /// What the text says after these edits, with them as its first pass.
    fn again(&self, start: usize, end: usize, mut edits: Vec<Edit>) -> Reading {
        self.wrap(start, end, &mut edits);
        edits.sort_by_key(|edit| (edit.start, edit.end));
        let inner = apply(self.text, &edits);
        let mut reading = read(&inner, self.schema, self.conditions);
        if let Reading::Accepted(accepted) = &mut reading {
            accepted.passes.insert(0, Pass { text: self.text.to_owned(), edits });
        }
        reading
    }

    /// A document whose quotes were all escaped, as if it stood in a string.
    pub(crate) fn escaped(&self) -> Option<Reading> {
        let start = self.text.find(['{', '['])?;
        let inside = self.text.get(start + 1..)?;
        let tail = inside.trim_start().trim_start_matches("\\n").trim_start();
        if !tail.starts_with("\\\"") || self.conditions.mode == Mode::Strict {
            return None;
        }
        let end = self.text.rfind(['}', ']']).map_or(self.text.len(), |n| n + 1);
        let body = self.text.get(start..end)?;
        let literal = format!("\"{body}\"");
        Document::parse(literal.as_str()).ok()?;
        let decoded = crate::document::decode(&literal).into_owned();
        Some(self.again(start, end, vec![Edit::new(start, end, decoded, Code::Decoded)]))
    }

    /// A document whose quotes are entities, as in a web page.
    pub(crate) fn in_entities(&self) -> Option<Reading> {
        let text = self.text;
        if text.contains('"') || !text.contains("&quot;") || self.conditions.mode == Mode::Strict {
            return None;
        }
        const ENTITIES: [(&str, &str); 5] =
            [("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
        let mut edits: Vec<Edit> = Vec::new();
        for (at, _) in text.match_indices('&') {
            let rest = text.get(at..).unwrap_or("");
            let found = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity));
            edits.extend(found.map(|(entity, plain)| Edit::new(at, at + entity.len(), *plain, Code::Decoded)));
        }
        Some(self.again(0, text.len(), edits))
    }

    /// `{{"a": 1}}`, as templates escape braces: each brace is doubled, or the outermost pair is.
    pub(crate) fn doubly_braced(&self) -> Option<Reading> {
        let start = self.text.find('{')?;
        let opening = self.text.get(start..)?;
        let body = opening.strip_prefix("{{")?.trim_start();
        let end = self.text.rfind("}}").map(|n| n + 2).filter(|end| *end > start + 2)?;
        if !(crate::repair::bare_key_at(body, 0)) || self.conditions.mode == Mode::Strict {
            return None;
        }
        let runs = brace_runs(self.text.get(start..end)?);
        let drop = |at: usize| Edit::new(start + at, start + at + 1, "", Code::ExtraBracket);
        let edits = if runs.iter().all(|(_, len)| len % 2 == 0) {
            runs.iter().flat_map(|(at, len)| (0..len / 2).map(|i| drop(at + i)).collect::<Vec<_>>()).collect()
        } else {
            vec![drop(0), drop(end - start - 1)]
        };
        Some(self.again(start, end, edits))
    }

    /// `{""a"": ""x""}`, as tables in text files (CSV) write quotes: all of them are doubled.
    pub(crate) fn doubly_quoted(&self) -> Option<Reading> {
        let start = self.text.find(['{', '['])?;
        let end = self.text.rfind(['}', ']']).map(|n| n + 1)?;
        let body = self.text.get(start..end)?;
        let opens = body.get(1..)?.trim_start_matches([' ', '\n', '\r', '\t', '{', '[']).starts_with("\"\"");
        if !opens || self.conditions.mode == Mode::Strict {
            return None;
        }
        let mut edits = Vec::new();
        let mut at = 0;
        while let Some(n) = memchr::memchr(b'"', body.as_bytes().get(at..)?) {
            at += n;
            let run = body.as_bytes().get(at..)?.iter().take_while(|&&byte| byte == b'"').count();
            if run % 2 == 1 {
                return None;
            }
            edits.extend((0..run / 2).map(|i| Edit::new(start + at + i, start + at + i + 1, "", Code::Quotes)));
            at += run;
        }
        let reading = self.again(start, end, edits);
        matches!(reading, Reading::Accepted(_)).then_some(reading)
    }

    /// The one value that the text says in another notation and the schema accepts.
    pub(crate) fn in_another_notation(&self) -> Option<Reading> {
        self.schema.filter(|schema| schema.is_demanding())?;
        let is_cut = self.conditions.finish == Finish::Length;
        if self.conditions.mode == Mode::Strict || is_cut || announce::leads_to_example(self.text) {
            return None;
        }
        let mut taken: Option<(serde_json::Value, Reading)> = None;
        for form in notation::forms(self.text) {
            let edits = vec![Edit::new(form.span.start, form.span.end, form.json, Code::Notation)];
            let reading = self.again(form.span.start, form.span.end, edits);
            let Reading::Accepted(accepted) = &reading else { continue };
            let value = accepted.document().root().to_serde();
            match &taken {
                Some((known, _)) if *known != value => return None,
                Some(_) => {}
                None => taken = Some((value, reading)),
            }
        }
        taken.map(|(_, reading)| reading)
    }
}

/// Where braces stand in a row outside strings, and how many.
fn brace_runs(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let (mut at, mut quoted) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'{' | b'}' if !quoted => match runs.last_mut() {
                Some((from, len)) if *from + *len == at && bytes.get(*from) == Some(&byte) => *len += 1,
                _ => runs.push((at, 1)),
            },
            _ => {}
        }
        at += 1;
    }
    runs
}
