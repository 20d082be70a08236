//! From a model's text to an outcome: the one door of this crate.
//!
//! A text that is JSON is not touched. Otherwise the documents in it are located, one is chosen by a fixed rule, its
//! repairs are applied, and the result is parsed strictly. With a schema the value must satisfy it, as it stands or
//! after an alignment that is clearly ahead of any other; the last word has the validator.
//!
//! Which of several documents is the answer is decided in `choose.rs`, what a text is that is no JSON in `rewrite.rs`.
//!
//! What never happens here: no clock, no I/O, no value that the validator has not seen.

use crate::announce;
use crate::choose;
use crate::code::Code;
use crate::document::{Document, Kind};
use crate::locate::{Found, documents};
use crate::outcome::{Accepted, Layer, Reading, Rejected, Truncated, Violation};
use crate::record::{Edit, Pass, Risk, apply};
use crate::refusal;
use crate::repair::{Ambiguity, COMMA_IN_NUMBER, Cut, Draft, MEMBERS_LEFT_OUT, Readings};
use crate::schema::CompiledSchema;
use crate::template;

/// How far a repair may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Lossless changes of spelling only: no parsed value can change.
    Strict,
    /// Also the reading that is clearly ahead of the runner-up.
    #[default]
    Safe,
    /// Also the last of several documents.
    Lenient,
}

/// How the provider says that the output ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Finish {
    /// Nothing is known.
    #[default]
    Unknown,
    /// The model came to its end.
    Stop,
    /// A token limit or a broken connection cut it.
    Length,
    /// A safety stop cut it.
    Filtered,
}

impl Finish {
    /// Reads a provider's word (OpenAI, Anthropic, Gemini); an unknown one is [`Finish::Unknown`].
    #[must_use]
    pub fn from_reason(reason: &str) -> Self {
        match reason.to_ascii_lowercase().as_str() {
            "stop" | "end_turn" | "stop_sequence" | "tool_calls" | "tool_use" | "function_call" => Self::Stop,
            "length" | "max_tokens" | "max_output_tokens" | "incomplete" | "model_context_window_exceeded" => {
                Self::Length
            }
            "content_filter" | "safety" | "refusal" | "recitation" | "prohibited_content" | "blocklist" | "spii" => {
                Self::Filtered
            }
            _ => Self::Unknown,
        }
    }
}

/// What is known about the text besides the text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conditions {
    /// How far a repair may go.
    pub mode: Mode,
    /// How the output ended.
    pub finish: Finish,
}

/// Reads a model's output. Linear in the text; recursion nowhere depends on it.
pub fn read(text: &str, schema: Option<&CompiledSchema>, conditions: Conditions) -> Reading {
    if conditions.finish == Finish::Filtered {
        return Reading::Refused(text.to_owned());
    }
    match Document::parse(text) {
        Ok(document) => {
            let scalar = !matches!(document.root().kind(), Kind::Object | Kind::Array);
            if scalar && conditions.finish == Finish::Length && document.root().kind() == Kind::Number {
                return Reading::Truncated(Truncated { prefix: None });
            }
            Reader { text, schema, conditions }.judge(document, Vec::new())
        }
        Err(_) => Reader { text, schema, conditions }.damaged(),
    }
}

/// The document that a text inside another one holds, if it is the only one and a container.
pub(crate) fn sole_document(text: &str) -> Option<Document> {
    match read(text, None, Conditions::default()) {
        Reading::Accepted(accepted) => Some(accepted.document).filter(|d| d.depth() > 0),
        _ => None,
    }
}

pub(crate) struct Reader<'a> {
    pub(crate) text: &'a str,
    pub(crate) schema: Option<&'a CompiledSchema>,
    pub(crate) conditions: Conditions,
}

impl Reader<'_> {
    fn damaged(&self) -> Reading {
        let reading = self.recovered();
        // What is no JSON at all, or holds some in passing, may be an answer in another notation.
        match &reading {
            Reading::Rejected(rejected) if !choose::is_disowned(rejected) => {
                self.in_another_notation().unwrap_or(reading)
            }
            _ => reading,
        }
    }

    fn recovered(&self) -> Reading {
        if let Some(reading) = self
            .escaped()
            .or_else(|| self.doubly_braced())
            .or_else(|| self.doubly_quoted())
            .or_else(|| self.in_entities())
        {
            return reading;
        }
        let found = self.with_forced_brackets(documents(self.text));
        if let Some(cut) = self.cut(&found) {
            return cut;
        }
        if let Some(junk) = found.junk {
            let message = format!("at byte {}: {}", junk.at, junk.what);
            return Reading::Rejected(Rejected::one(Layer::Syntax, "junk", String::new(), message));
        }
        let complete: Vec<&Draft> = found.drafts.iter().filter(|d| !d.is_broken()).collect();
        let broken = found.drafts.iter().find(|d| d.is_broken() && (d.tokens > 3 || d.cut.is_none()));
        match (complete.as_slice(), broken) {
            ([], None) => self.no_document(),
            (_, Some(broken)) => {
                let message = format!(
                    "the brackets of the document at byte {} do not nest, and no single change makes them",
                    broken.start
                );
                Reading::Rejected(Rejected::one(Layer::Syntax, "brackets", String::new(), message))
            }
            ([only], _) => self.unless_example(only),
            (several, _) => self.choose(several),
        }
    }

    /// A cut text is never closed up and passed as whole.
    fn cut(&self, found: &Found) -> Option<Reading> {
        let last = found.drafts.last()?;
        let whole = found.drafts.iter().any(|d| !d.is_broken() && d.cut.is_none());
        let length = self.conditions.finish == Finish::Length;
        // A cut text whose brackets or quotes had to be guessed may be cut inside what was guessed.
        let plain = |code: Code| {
            matches!(
                code,
                Code::ExtraComma
                    | Code::Comment
                    | Code::Space
                    | Code::ControlCharacter
                    | Code::Escape
                    | Code::Literal
                    | Code::Number
                    | Code::BareKey
            )
        };
        let rebuilt = |d: &Draft| match &d.readings {
            Readings::None => false,
            Readings::One(edits) => edits.iter().any(|e| !plain(e.code)),
            Readings::Several(_) => true,
        };
        let Some(cut) = last.cut else {
            return (length && (rebuilt(last) || self.words_behind(last)))
                .then(|| Reading::Truncated(Truncated { prefix: crate::prefix::lossless(self.text, last.start) }));
        };
        let cut = match cut {
            Cut::Inside => length || !(whole && last.tokens <= 2),
            Cut::Open(1) => length || (self.conditions.finish == Finish::Unknown && self.goes_on_at_its_end()),
            // With a schema, and the word that the model came to its end, the last brackets were forgotten.
            Cut::Open(_) if self.conditions.finish == Finish::Stop && self.schema.is_some() => last.is_broken(),
            Cut::Open(_) => true,
        };
        cut.then(|| Reading::Truncated(Truncated { prefix: crate::prefix::lossless(self.text, last.start) }))
    }

    /// A comma at the very end: more was on its way.
    fn goes_on_at_its_end(&self) -> bool {
        self.text.trim_end().ends_with(',')
    }

    /// The text went on behind its document: what was cut there may have taken it back.
    fn words_behind(&self, draft: &Draft) -> bool {
        let tail = self.text.get(draft.end..).unwrap_or("").trim().trim_matches('`').trim();
        let cut_tag = tail.starts_with("</") && !tail.contains([' ', '\n', '>']);
        let tags = tail.starts_with('<') && (tail.ends_with('>') || cut_tag);
        !tags && tail.contains(char::is_alphanumeric)
    }

    fn no_document(&self) -> Reading {
        if self.conditions.finish == Finish::Length {
            return Reading::Truncated(Truncated { prefix: None });
        }
        if refusal::is_refusal(self.text) {
            return Reading::Refused(self.text.to_owned());
        }
        if let Some(schema) = self.schema
            && let Some(reading) = self.bare_scalar(schema)
        {
            return reading;
        }
        let what = if self.text.trim().is_empty() { "the text is empty" } else { "the text holds no document" };
        Reading::Rejected(Rejected::one(Layer::Syntax, "no_document", String::new(), what.to_owned()))
    }

    /// `The category is: "spam"`: the one word in quotes at the end of a line that names no other listed word.
    fn last_quoted(text: &str, schema: &CompiledSchema) -> Option<(usize, usize)> {
        const LINE_BYTES_MAX: usize = 160;
        const OPEN: [&str; 7] = ["not", "never", "or", "either", "could", "might", "unlikely"];
        let end = text.trim_end_matches(['.', '*', '`', '"', '\'', ' ']).len();
        let (head, word) = text.get(..end)?.rsplit_once(['"', '`', '*', '\''])?;
        let lead = head.trim_end_matches(['"', '`', '*', '\'', ' ']);
        let leads = lead.ends_with(':') || lead.ends_with(" is") || lead.ends_with(" as");
        let said = announce::spaced(head);
        let names = |word: &str| said.contains(&announce::spaced(word));
        let single = text.len() <= LINE_BYTES_MAX && !text.contains('\n') && end < text.len() && !head.contains("n't");
        let open = OPEN.iter().any(|word| names(word)) || schema.listed_words().any(names);
        (single && leads && !word.is_empty() && !open).then_some((head.len() + 1, end))
    }

    /// A lone word under a schema of a few words or a number.
    fn bare_scalar(&self, schema: &CompiledSchema) -> Option<Reading> {
        let text = self.text.trim();
        if self.conditions.mode == Mode::Strict || !schema.wants_listed_scalar() {
            return None;
        }
        let start = self.text.find(text)?;
        let (from, to) = match Self::last_quoted(text, schema) {
            Some((from, to)) => (start + from, start + to),
            None if text.len() > 64 || text.contains('\n') => return None,
            None => (start, start + text.len()),
        };
        let mut edits = vec![Edit::new(from, to, crate::document::encode(self.text.get(from..to)?), Code::BareString)];
        if to - from < text.len() {
            self.wrap(from, to, &mut edits);
            edits.sort_by_key(|edit| (edit.start, edit.end));
        }
        self.finish(edits)
    }

    pub(crate) fn one(&self, draft: &Draft) -> Reading {
        let settled = |doubt: &&Ambiguity| match self.schema {
            Some(_) if doubt.what == "number" => false,
            _ if doubt.what == COMMA_IN_NUMBER => self.conditions.mode == Mode::Strict,
            // Without a schema, or where every member is declared, the ellipsis says nothing.
            schema if doubt.what == MEMBERS_LEFT_OUT => schema.is_some_and(CompiledSchema::has_maps),
            _ => true,
        };
        if let Some(doubt) = draft.ambiguous.iter().find(settled) {
            return Reading::Rejected(ambiguous(doubt));
        }
        match &draft.readings {
            Readings::None => self.unreadable(),
            Readings::One(edits) => self.try_reading(draft, edits),
            Readings::Several(undecided) => self.settle(draft, undecided),
        }
    }

    pub(crate) fn try_reading(&self, draft: &Draft, edits: &[Edit]) -> Reading {
        self.finish(self.whole(draft, edits)).unwrap_or_else(|| self.unreadable())
    }

    /// The edits of a reading with what stands around the document, in order.
    pub(crate) fn whole(&self, draft: &Draft, edits: &[Edit]) -> Vec<Edit> {
        let mut all = Vec::with_capacity(edits.len() + 2);
        all.extend_from_slice(edits);
        self.wrap(draft.start, draft.end, &mut all);
        all.sort_by_key(|edit| (edit.start, edit.end));
        all
    }

    fn unreadable(&self) -> Reading {
        let message = "the repaired text is no document".to_owned();
        Reading::Rejected(Rejected::one(Layer::Syntax, "unreadable", String::new(), message))
    }

    /// Drops what stands around the document.
    pub(crate) fn wrap(&self, start: usize, end: usize, edits: &mut Vec<Edit>) {
        let outside = |from: usize, to: usize| {
            self.text.get(from..to).is_some_and(|s| !s.bytes().all(|b| matches!(b, b' ' | b'\n' | b'\r' | b'\t')))
        };
        if outside(0, start) {
            edits.push(Edit::new(0, start, "", Code::Wrapper));
        }
        if outside(end, self.text.len()) {
            edits.push(Edit::new(end, self.text.len(), "", Code::Wrapper));
        }
    }

    pub(crate) fn finish(&self, edits: Vec<Edit>) -> Option<Reading> {
        let document = Document::parse(apply(self.text, &edits)).ok()?;
        if let Some(rejected) = self.beyond_strict(&edits) {
            return Some(Reading::Rejected(rejected));
        }
        Some(self.judge(document, vec![Pass { text: self.text.to_owned(), edits }]))
    }

    pub(crate) fn beyond_strict(&self, edits: &[Edit]) -> Option<Rejected> {
        let edit = edits.iter().find(|e| self.conditions.mode == Mode::Strict && e.code.risk() > Risk::Lossless)?;
        let name = serde_json::to_string(&edit.code).unwrap_or_default();
        let message = format!("a repair of kind {name} at byte {} is more than `strict` allows", edit.start);
        Some(Rejected::one(Layer::Syntax, "strict", String::new(), message))
    }

    /// The document is JSON; is it what was asked for?
    fn judge(&self, document: Document, passes: Vec<Pass>) -> Reading {
        match self.schema {
            None => Reading::Accepted(Accepted { document, passes }),
            Some(schema) => filled(schema.judge(document, passes, self.conditions.mode), schema),
        }
    }
}

/// The reading, unless it is a form that was handed back unfilled.
pub(crate) fn filled(reading: Reading, schema: &CompiledSchema) -> Reading {
    match &reading {
        Reading::Accepted(accepted) => {
            template::unfilled(&accepted.document, schema.shapes()).map_or(reading, Reading::Rejected)
        }
        _ => reading,
    }
}

fn ambiguous(doubt: &Ambiguity) -> Rejected {
    let message = format!("at byte {}: {} has two readings: {}; {}", doubt.at, doubt.what, doubt.first, doubt.second);
    let violation = Violation {
        layer: Layer::Syntax,
        pointer: String::new(),
        rule: "ambiguous".to_owned(),
        message,
        suggestion: None,
    };
    Rejected {
        layer: Layer::Syntax,
        violations: vec![violation],
        readings: vec![doubt.first.clone(), doubt.second.clone()],
        best: None,
    }
}
