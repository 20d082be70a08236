//! YAML as models write it: block mappings and sequences, plain and quoted scalars, literal blocks.
//!
//! What never happens here: no anchors, tags, merge keys or typed words but `true`, `false` and `null`: `no` is a word.

use super::{name, scalar};
use crate::document::encode;

/// Blocks nested deeper than this are no answer.
const DEPTH_MAX: usize = 24;

#[derive(Debug, Clone, Copy)]
struct Line<'t> {
    indent: usize,
    text: &'t str,
}

/// What the text says read as YAML, and read as a list of members with bullets.
pub(super) fn forms(text: &str) -> Vec<String> {
    let mut lines: Vec<Line<'_>> = text.lines().filter_map(line).collect();
    if lines.first().is_some_and(|first| first.text.starts_with('[') && first.text.ends_with(']')) {
        // The name of the only section of a file of settings.
        lines.remove(0);
    }
    let starts = lines.first().is_some_and(|first| member(first.text.trim_start_matches("- ")).is_some());
    // Members with commas behind them are JSON without its braces.
    let is_json = lines.iter().any(|line| line.text.starts_with('"') && line.text.ends_with(','));
    if !starts || is_json || text.starts_with(['{', '<', '|']) {
        return Vec::new();
    }
    let mut said: Vec<String> = block(&lines).into_iter().collect();
    if let Some(members) = bullets(&lines).filter(|members| !said.contains(members)) {
        said.push(members);
    }
    said
}

fn block(lines: &[Line<'_>]) -> Option<String> {
    let mut reader = Reader { lines: lines.to_vec(), at: 0 };
    let json = reader.block(0)?;
    (reader.at == reader.lines.len() && json.starts_with(['{', '['])).then_some(json)
}

fn line(text: &str) -> Option<Line<'_>> {
    let bare = text.trim_end();
    let body = bare.trim_start();
    let skipped = body.is_empty() || body == "---" || body == "..." || body.starts_with("# ");
    (!skipped).then(|| Line { indent: bare.len() - body.len(), text: body })
}

/// `- **name:** Ada` on each line: members, not items.
fn bullets(lines: &[Line<'_>]) -> Option<String> {
    let mut members = Vec::with_capacity(lines.len());
    for line in lines {
        let text = ["- ", "* ", "• ", "– "].iter().find_map(|mark| line.text.strip_prefix(mark)).unwrap_or(line.text);
        let (key, value) = member(text).filter(|(_, value)| !value.is_empty())?;
        members.push(format!("{}:{}", encode(key), quoted(value).unwrap_or_else(|| scalar(value))));
    }
    (members.len() > 1 && lines.iter().all(|line| line.indent == 0)).then(|| format!("{{{}}}", members.join(",")))
}

/// `key: value` or `key:`, with or without marks of emphasis.
fn member(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text
        .find(": ")
        .map(|at| (text.get(..at), text.get(at + 2..)))
        .or_else(|| text.find(" = ").map(|at| (text.get(..at), text.get(at + 3..))))
        .or_else(|| text.find(":** ").map(|at| (text.get(..at), text.get(at + 4..))))
        .or_else(|| text.strip_suffix(':').map(|key| (Some(key), Some(""))))?;
    // `**name:** Ada`: the mark of emphasis closes behind the colon.
    let value = value?.trim().trim_start_matches("** ").trim_start_matches("**");
    Some((name(key?)?, value.trim()))
}

/// A quoted scalar as a JSON string; a double-quoted one is one already.
fn quoted(text: &str) -> Option<String> {
    if text.len() >= 2 && text.starts_with('"') && text.ends_with('"') {
        return Some(text.to_owned());
    }
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(encode(&inner.replace("''", "'")))
}

struct Reader<'t> {
    lines: Vec<Line<'t>>,
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<Line<'t>> {
        self.lines.get(self.at).copied()
    }

    /// The block whose first line is the one at hand.
    fn block(&mut self, depth: usize) -> Option<String> {
        let first = self.peek().filter(|_| depth < DEPTH_MAX)?;
        if is_item(first.text) { self.sequence(first.indent, depth) } else { self.mapping(first.indent, depth) }
    }

    fn sequence(&mut self, indent: usize, depth: usize) -> Option<String> {
        let mut items = Vec::new();
        while let Some(line) = self.peek().filter(|line| line.indent == indent && is_item(line.text)) {
            let body = line.text.get(1..).unwrap_or("").trim_start();
            if member(body).is_some() && !body.starts_with(['"', '\'', '{', '[']) {
                // The members of the item stand as deep as its first.
                let deeper = indent + (line.text.len() - body.len());
                if let Some(slot) = self.lines.get_mut(self.at) {
                    *slot = Line { indent: deeper, text: body };
                }
                items.push(self.mapping(deeper, depth + 1)?);
            } else {
                self.at += 1;
                items.push(self.value(body, indent, depth)?);
            }
        }
        Some(format!("[{}]", items.join(",")))
    }

    fn mapping(&mut self, indent: usize, depth: usize) -> Option<String> {
        let mut members = Vec::new();
        while let Some(line) = self.peek().filter(|line| line.indent == indent && !is_item(line.text)) {
            let (key, value) = member(line.text)?;
            self.at += 1;
            members.push(format!("{}:{}", encode(key), self.value(value, indent, depth)?));
        }
        if self.peek().is_some_and(|line| line.indent > indent) {
            return None;
        }
        (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
    }

    /// What stands behind a colon or a dash, on the line or below it.
    fn value(&mut self, text: &str, indent: usize, depth: usize) -> Option<String> {
        let text = text.find(" #").map_or(text, |at| text.get(..at).unwrap_or(text)).trim();
        match text {
            "" => match self.peek() {
                Some(next) if next.indent > indent || (next.indent == indent && is_item(next.text)) => {
                    self.block(depth + 1)
                }
                _ => Some("null".to_owned()),
            },
            "|" | "|-" | ">" | ">-" => Some(self.literal(indent, text)),
            _ if text.starts_with(['{', '[']) => Some(text.to_owned()),
            _ => Some(quoted(text).unwrap_or_else(|| scalar(text))),
        }
    }

    fn literal(&mut self, indent: usize, mark: &str) -> String {
        let mut lines: Vec<Line<'_>> = Vec::new();
        while let Some(line) = self.peek().filter(|line| line.indent > indent) {
            lines.push(line);
            self.at += 1;
        }
        let least = lines.iter().map(|line| line.indent).min().unwrap_or(0);
        let texts: Vec<String> =
            lines.iter().map(|line| format!("{}{}", " ".repeat(line.indent - least), line.text)).collect();
        let joined = texts.join(if mark.starts_with('>') { " " } else { "\n" });
        encode(&if mark.ends_with('-') { joined } else { joined + "\n" })
    }
}

fn is_item(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}
