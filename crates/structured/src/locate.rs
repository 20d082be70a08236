//! Where the documents are in a text: behind prose, fences, tags and drafts.
//!
//! Drafts inside reasoning tags are skipped. Each bracket that opens a document is tried from left to right; a
//! document that is begun and cannot be read ends the search, so that no part of a broken whole is taken for the
//! answer.
//!
//! What never happens here: no choice between documents. The reader chooses, with the schema in hand.

use crate::repair::{Cut, Draft, Junk, Reach, draft, headless_draft};

/// All documents of a text, in order, and what stopped the search.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) junk: Option<Junk>,
}

/// What is read behind a document, in case it was closed too early, comes to so many times the text. Then each document
/// ends where its brackets do.
const LOOKS_BEHIND: usize = 32;
/// Words a bracket in prose may hold (`{name}`, `[1]`) before it counts as a document.
const PROSE_TOKENS: usize = 2;

/// Tokens of chat formats are short.
const TOKEN_BYTES_MAX: usize = 32;

const TAGS: [&str; 6] = ["think", "thinking", "reasoning", "thought", "scratchpad", "analysis"];

pub(crate) fn documents(text: &str) -> Found {
    let mut found = Found::default();
    let mut at = body_start(text);
    if let Some(start) = headless(text, at) {
        match headless_draft(text, start) {
            Ok(draft) => found.drafts.push(draft),
            Err(junk) => found.junk = Some(junk),
        }
        return found;
    }
    let mut behind = 0;
    while let Some(start) = next_opening(text, at) {
        let reach = if behind < text.len() * LOOKS_BEHIND { Reach::Behind } else { Reach::Brackets };
        match draft(text, start, reach) {
            Ok(draft) => {
                at = draft.end.max(start + 1);
                behind += draft.seen - draft.end;
                let prose = draft.is_broken() && (draft.tokens <= PROSE_TOKENS + 1 || is_aside(text, &found, &draft));
                // What is cut reaches to the end: a bracket inside it opens no document of its own.
                let broken = draft.is_broken();
                let cut = draft.cut == Some(Cut::Inside);
                if !prose || cut {
                    found.drafts.push(draft);
                }
                if cut || (broken && !prose) {
                    break;
                }
            }
            Err(junk) if junk.tokens <= PROSE_TOKENS && !opens_member(text, start) => at = junk.at.max(start + 1),
            Err(junk) => {
                found.junk = Some(junk);
                break;
            }
        }
    }
    found
}

/// `[in: 512, out: 40]` behind a document: words in brackets on one line, without a quote.
fn is_aside(text: &str, found: &Found, draft: &Draft) -> bool {
    let behind = found.drafts.iter().any(|draft| !draft.is_broken() && draft.cut.is_none());
    let words = text.get(draft.start..draft.end).unwrap_or("");
    behind && draft.cut.is_none() && !words.contains(['"', '\'', '\n', '{'])
}

/// A quoted key right behind the bracket: this was meant as a document.
fn opens_member(text: &str, start: usize) -> bool {
    let rest = text.get(start + 1..).unwrap_or("").trim_start();
    rest.starts_with(['"', '“']) && crate::repair::bare_key_at(rest, 0)
}

/// Behind the last closing reasoning tag that has no opening one.
fn body_start(text: &str) -> usize {
    if !text.contains("</") {
        return 0;
    }
    TAGS.iter()
        .filter_map(|tag| {
            let close = format!("</{tag}>");
            let end = text.find(&close)?;
            let opened = text.get(..end).is_some_and(|head| head.contains(&format!("<{tag}")));
            (!opened).then(|| text.rfind(&close).map_or(end, |last| last) + close.len())
        })
        .max()
        .unwrap_or(0)
}

/// The text begins with a key: the first bracket is missing.
fn headless(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let start = at + (rest.len() - rest.trim_start().len());
    (rest.trim_start().starts_with('"') && crate::repair::bare_key_at(text, start)).then_some(start)
}

fn next_opening(text: &str, mut at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    loop {
        let rest = bytes.get(at..)?;
        let n = at + rest.iter().position(|&b| matches!(b, b'{' | b'[' | b'<' | 0xEF))?;
        match bytes.get(n) {
            Some(b'<') => at = reasoning_end(text, n).or_else(|| channel_end(text, n)).unwrap_or(n + 1),
            Some(b'[') if let Some(end) = token_end(text, n) => at = end,
            Some(0xEF) if !text.get(n..).is_some_and(|rest| rest.starts_with(['｛', '［'])) => at = n + 1,
            _ => return Some(n),
        }
    }
}

/// `[TOOL_CALLS]`, `[/INST]`: the end of a token of a model's chat format, which is no list; `[THINK]` reaches to its
/// end.
fn token_end(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at + 1..)?;
    let name = rest.get(..rest.bytes().take(TOKEN_BYTES_MAX).position(|b| b == b']')?)?;
    let bare = name.strip_prefix('/').unwrap_or(name);
    let token = bare.len() > 2 && bare.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let end = at + name.len() + 2;
    if !token || !text.get(end..)?.contains(['{', '[']) {
        return None;
    }
    let thought = name == bare && TAGS.contains(&name.to_ascii_lowercase().as_str());
    let close = format!("[/{name}]");
    Some(if thought { text.get(end..)?.find(&close).map_or(text.len(), |n| end + n + close.len()) } else { end })
}

/// `<|channel|>analysis<|message|>...<|end|>`: the end of what a model says to itself in the harmony format.
fn channel_end(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let body = rest.strip_prefix("<|channel|>")?;
    let analysis = body.starts_with("analysis") || body.starts_with("commentary<|message|>");
    let end = ["<|end|>", "<|start|>", "<|channel|>final"].iter().filter_map(|mark| body.find(mark)).min();
    analysis.then(|| end.map_or(text.len(), |n| at + "<|channel|>".len() + n))
}

/// The end of the reasoning that starts at `at`; an open one reaches to the end of the text.
fn reasoning_end(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at + 1..)?;
    let tag = TAGS.iter().find(|tag| rest.strip_prefix(**tag).is_some_and(|tail| tail.starts_with(['>', ' '])))?;
    let close = format!("</{tag}>");
    Some(rest.find(&close).map_or(text.len(), |n| at + 1 + n + close.len()))
}
