//! Which of several documents in one text is the answer.
//!
//! Documents in a row are the list that the schema asks for. Otherwise examples and templates are put aside, and the
//! rule is: the only one that satisfies the schema; else the only one of substance; else the one that the words behind
//! choose by its label; else the last, if the words before announce it as final; else none.
//!
//! What never happens here: no choice by size or order alone.

use std::borrow::Cow;

use crate::announce::{self, Fact, Said};
use crate::behind;
use crate::code::Code;
use crate::document::{Document, Kind, Node};
use crate::outcome::{Layer, Reading, Rejected, Truncated};
use crate::read::{Finish, Mode, Reader};
use crate::record::Edit;
use crate::repair::{COMMA_IN_NUMBER, Draft, Readings, is_elision};
use crate::schema::{CompiledSchema, Property};
use crate::template;

/// More documents than this are a list or as good as none.
const CHOICES_MAX: usize = 12;

// Rules that the words around a document break.
const DENIED: &str = "denied";
const TAKEN_BACK: &str = "taken_back";
const EXAMPLE: &str = "example";
const GOES_ON: &str = "goes_on";

/// Whether it was the words around a document that made it no answer.
pub(crate) fn is_disowned(rejected: &Rejected) -> bool {
    rejected
        .violations
        .iter()
        .any(|violation| matches!(violation.rule.as_str(), DENIED | TAKEN_BACK | EXAMPLE | GOES_ON))
}

impl Reader<'_> {
    /// The only document, unless the words say that it is an example and no answer.
    pub(crate) fn unless_example(&self, draft: &Draft) -> Reading {
        let before = self.text.get(..draft.start).unwrap_or("");
        let behind = self.text.get(draft.end..).unwrap_or("");
        let reading = self.one(draft);
        let fence = |words: &str| words.trim().strip_prefix("```").is_some_and(|name| !name.contains([' ', '\n']));
        let says_nothing = |words: &str| !words.contains(|c: char| c.is_alphanumeric() || c == '?') || fence(words);
        let struck_out = announce::is_struck_out(before, behind);
        if says_nothing(before) && says_nothing(behind) && !struck_out {
            return reading;
        }
        let (before, after) = (&*announce::ends_of(before), &*announce::ends_of(behind));
        if matches!(reading, Reading::Accepted(_)) && announce::lone_example(before, after) {
            let message = "the only document is called an example, and no answer follows".to_owned();
            return Reading::Rejected(Rejected::one(Layer::Syntax, EXAMPLE, String::new(), message));
        }
        let Reading::Accepted(accepted) = &reading else { return reading };
        let message = if struck_out || announce::is_denied(before, after) {
            Some("the words around the only document deny it or ask about it")
        } else if announce::is_supposed(before, after) {
            Some("the words around the only document suppose it")
        } else if announce::has_no_source(before, after) && self.leaves_nothing_open(accepted.document()) {
            Some("the words around the only document say that there was nothing to take its values from")
        } else if announce::is_thought_up(before, &spoken_of(accepted.document())) {
            Some("the words before the only document say that its values were thought up")
        } else if announce::contradicts(before, after, &self.facts(accepted.document())) {
            Some("the words around the only document say another value of one of its members")
        } else {
            None
        };
        if let Some(message) = message {
            return Reading::Rejected(Rejected::one(Layer::Syntax, DENIED, String::new(), message.to_owned()));
        }
        self.unless_taken_back(reading, behind)
    }

    /// An answer, unless it goes on behind its last bracket, or the words there take it back without another one.
    fn unless_taken_back(&self, reading: Reading, behind: &str) -> Reading {
        let Reading::Accepted(accepted) = &reading else { return reading };
        if !behind.contains(char::is_alphanumeric) {
            return reading;
        }
        let root = accepted.document().root();
        let is_absent = |key: &str| root.get(key).is_none();
        let is_missing = |key: &str| is_absent(key) && self.declared().any(|property| property.name == key);
        if behind::goes_on(behind, &is_absent, &is_missing) {
            let message = "members or brackets of the document stand behind its last bracket".to_owned();
            return Reading::Rejected(Rejected::one(Layer::Syntax, GOES_ON, String::new(), message));
        }
        let answer = spoken_of(accepted.document());
        // `[1] Offsets omitted.` is a note.
        let note = |line: &str| {
            let rest = line.strip_prefix('[').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
            rest.is_some_and(|rest| rest.starts_with(']'))
        };
        let left_out = |line: &str| line.starts_with(['(', '[', '.', '…', '+']) && !note(line) && is_elision(line);
        let goes_on = behind.lines().any(|line| left_out(line.trim()) && line.contains(char::is_alphabetic));
        if !goes_on && !announce::retracts(&announce::ends_of(behind), &answer) {
            return reading;
        }
        let message = "the words behind the document take it back or say that some of it is missing".to_owned();
        let best = Some(accepted.document().text().to_owned());
        Reading::Rejected(Rejected { best, ..Rejected::one(Layer::Syntax, TAKEN_BACK, String::new(), message) })
    }

    /// Every member that the schema declares at the root is there, and none is null or empty; or a value is nothing but
    /// an ellipsis.
    fn leaves_nothing_open(&self, document: &Document) -> bool {
        let root = document.root();
        let empty = |(value, _): &(Node<'_>, Option<Node<'_>>)| matches!(value.raw(), "null" | "\"\"");
        let blank = |(value, _): &(Node<'_>, Option<Node<'_>>)| value.is_text("...") || value.is_text("…");
        let absent = self.declared().any(|property| root.get(&property.name).is_none());
        let leaves = template::leaves(document).unwrap_or_default();
        leaves.iter().any(blank) || !(absent || leaves.iter().any(empty))
    }

    /// The members that the schema declares at the root.
    fn declared(&self) -> impl Iterator<Item = &Property> {
        let root = self.schema.and_then(|schema| schema.shapes().shape(0));
        root.into_iter().flat_map(|shape| &shape.properties)
    }

    /// What a sentence can say otherwise: numbers, booleans and listed words at the root.
    fn facts(&self, document: &Document) -> Vec<Fact> {
        let shapes = self.schema.map(CompiledSchema::shapes);
        let fact = |property: &Property| {
            let value = document.root().get(&property.name)?;
            let said = match value.kind() {
                Kind::Number => Said::Number(value.raw().parse().ok()?),
                Kind::Bool => Said::Bool(value.raw() == "true"),
                Kind::String => {
                    let listed = shapes?.shape(property.shape)?.listed.as_ref()?;
                    let words = listed.iter().filter_map(serde_json::Value::as_str);
                    let own = value.as_str()?;
                    Said::Word(
                        announce::spaced(&own),
                        words.filter(|word| *word != own).map(announce::spaced).collect(),
                    )
                }
                _ => return None,
            };
            Some(Fact { name: announce::spaced(&property.name).trim().to_owned(), said })
        };
        self.declared().filter_map(fact).collect()
    }

    /// Several documents: see the rule at the top.
    pub(crate) fn choose(&self, drafts: &[&Draft]) -> Reading {
        if let Some(list) = self.in_a_row(drafts) {
            return self.unless_taken_back(list, self.behind(drafts));
        }
        // A bracket too many behind one of them says that another was closed too early.
        let surplus = drafts.iter().any(|draft| draft.has_bracket_to_spare());
        if drafts.len() > CHOICES_MAX || surplus {
            return self.undecided(drafts);
        }
        let outcomes: Vec<Reading> = drafts.iter().map(|d| self.one(d)).collect();
        let aside = |words: &str| announce::example(words) || announce::is_disowned(words);
        let is_example = |i: &usize| aside(self.before(drafts, *i));
        let fitting = (0..outcomes.len()).filter(|&i| matches!(outcomes.get(i), Some(Reading::Accepted(_))));
        let fitting: Vec<usize> = fitting.collect();
        let answers: Vec<usize> = fitting.iter().copied().filter(|i| !is_example(i)).collect();
        if let ([_, ..], []) = (fitting.as_slice(), answers.as_slice()) {
            return self.undecided(drafts);
        }
        let filled: Vec<usize> = answers.iter().copied().filter(|i| !self.is_template(drafts, *i)).collect();
        let accepted = if filled.is_empty() { answers } else { filled };
        let aside = accepted.len() < fitting.len();
        let text = |i: usize| match outcomes.get(i) {
            Some(Reading::Accepted(a)) => a.document().text(),
            _ => "",
        };
        let substance: Vec<usize> =
            accepted.iter().copied().filter(|&i| drafts.get(i).is_some_and(|d| self.substantial(d))).collect();
        let pick = match (accepted.as_slice(), substance.as_slice()) {
            ([only], _) if self.schema.is_some() || aside => Some(*only),
            (_, [only]) => Some(*only),
            ([first, rest @ ..], _) if rest.iter().all(|&i| text(i).trim() == text(*first).trim()) => Some(*first),
            _ => self.chosen(drafts, &accepted).or_else(|| self.announced(drafts, &accepted)),
        };
        // What no document behind it answers, its words may take back.
        let last = pick.filter(|pick| fitting.iter().all(|other| other <= pick));
        let last = last.filter(|_| self.chosen(drafts, &accepted).is_none());
        let behind = last.and_then(|pick| drafts.get(pick)).and_then(|draft| self.text.get(draft.end..));
        let pick = pick.filter(|pick| !self.has_other_members(*pick, &outcomes));
        match pick.and_then(|i| outcomes.into_iter().nth(i)) {
            Some(reading) => match behind {
                Some(behind) => self.unless_taken_back(reading, behind),
                None => reading,
            },
            None => self.undecided(drafts),
        }
    }

    /// Another document has nothing but members that the schema declares and the chosen one leaves out: they are parts
    /// of one answer.
    fn has_other_members(&self, pick: usize, outcomes: &[Reading]) -> bool {
        let Some(Reading::Accepted(accepted)) = outcomes.get(pick) else { return false };
        let own = accepted.document().root();
        let left_out = |key: &str| own.get(key).is_none() && self.declared().any(|property| property.name == key);
        outcomes.iter().any(|other| {
            let Reading::Rejected(Rejected { best: Some(text), .. }) = other else { return false };
            let part = Document::parse(text.as_str());
            part.is_ok_and(|part| {
                let mut keys = part.root().members().filter_map(|(key, _)| key.as_str()).peekable();
                keys.peek().is_some() && keys.all(|key| left_out(&key))
            })
        })
    }

    fn undecided(&self, drafts: &[&Draft]) -> Reading {
        let message = format!("{} documents are equally good answers", drafts.len());
        let mut rejected = Rejected::one(Layer::Syntax, "several_documents", String::new(), message);
        rejected.readings =
            drafts.iter().take(2).filter_map(|d| self.text.get(d.start..d.end)).map(str::to_owned).collect();
        Reading::Rejected(rejected)
    }

    /// Documents with nothing but the marks of a list between them, as the list that the schema asks for.
    fn in_a_row(&self, drafts: &[&Draft]) -> Option<Reading> {
        let (first, last) = (drafts.first()?, drafts.last()?);
        self.schema?;
        let gap = |pair: &[&Draft]| match pair {
            [a, b] => self.text.get(a.end..b.start).is_some_and(is_list_mark),
            _ => false,
        };
        let certain = |d: &Draft| d.ambiguous.iter().all(|doubt| doubt.what == COMMA_IN_NUMBER);
        let sound = drafts.iter().all(|d| certain(d) && d.cut.is_none());
        if self.conditions.mode == Mode::Strict || !sound || !drafts.windows(2).all(gap) {
            return None;
        }
        let each: Option<Vec<Vec<Edit>>> = drafts.iter().map(|d| d.only(self.text)).collect();
        let mut edits: Vec<Edit> = each?.into_iter().flatten().collect();
        edits.push(Edit::new(first.start, first.start, "[", Code::Joined));
        edits.push(Edit::new(last.end, last.end, "]", Code::Joined));
        for pair in drafts.windows(2) {
            if let [a, b] = pair {
                edits.push(Edit::new(a.end, b.start, ",", Code::Joined));
            }
        }
        self.wrap(first.start, last.end, &mut edits);
        edits.sort_by_key(|edit| (edit.start, edit.end));
        match self.finish(edits)? {
            // Each document is whole, but the list may have gone on.
            Reading::Accepted(_) if self.conditions.finish == Finish::Length => {
                Some(Reading::Truncated(Truncated { prefix: None }))
            }
            accepted @ Reading::Accepted(_) => Some(accepted),
            _ => None,
        }
    }

    /// More than a brace in prose: it quotes something and says more than one thing, or it needed no repair.
    fn substantial(&self, draft: &Draft) -> bool {
        let quoted = self.text.get(draft.start..draft.end).is_some_and(|s| s.contains(['"', '\'', '“']));
        let spelled = matches!(&draft.readings, Readings::One(edits) if edits.is_empty());
        draft.tokens > 3 && (quoted || (spelled && draft.tokens > 6))
    }

    /// A value that stands for any other: the document shows a form.
    fn is_template(&self, drafts: &[&Draft], i: usize) -> bool {
        let text = drafts.get(i).and_then(|d| self.text.get(d.start..d.end)).unwrap_or("");
        ["\"...\"", "\"…\"", "\"<", "\"string\""].iter().any(|mark| text.contains(mark))
    }

    /// The document whose label (`option 2`) the words behind the last one choose.
    fn chosen(&self, drafts: &[&Draft], accepted: &[usize]) -> Option<usize> {
        let labels: Vec<(usize, String)> =
            accepted.iter().filter_map(|&i| Some((i, announce::label(self.before(drafts, i))?))).collect();
        let names: Vec<&str> = labels.iter().map(|(_, label)| label.as_str()).collect();
        let chosen = announce::chosen(self.behind(drafts), &names)?;
        labels.iter().find(|(_, label)| label == chosen).map(|(i, _)| *i)
    }

    /// The last document, if the words before it say that it is the answer, or the caller takes the last in any case.
    fn announced(&self, drafts: &[&Draft], accepted: &[usize]) -> Option<usize> {
        let last = *accepted.last()?;
        let announced = announce::answer(self.before(drafts, last)) && !announce::takes_back(self.behind(drafts));
        (announced || self.conditions.mode == Mode::Lenient).then_some(last)
    }

    /// The words between a document and the one before it.
    fn before(&self, drafts: &[&Draft], i: usize) -> &str {
        let end = i.checked_sub(1).and_then(|p| drafts.get(p)).map_or(0, |d| d.end);
        let start = drafts.get(i).map_or(end, |d| d.start);
        self.text.get(end..start).unwrap_or("")
    }

    /// The words behind the last document.
    fn behind(&self, drafts: &[&Draft]) -> &str {
        drafts.last().and_then(|d| self.text.get(d.end..)).unwrap_or("")
    }
}

/// What words around a document can speak of.
fn spoken_of(document: &Document) -> announce::Answer {
    let names = document.root().members().filter_map(|(key, _)| key.as_str());
    let values = template::leaves(document).unwrap_or_default().into_iter();
    let values = values
        .map(|(value, key)| (key.and_then(Node::as_str), value.as_str().unwrap_or_else(|| Cow::Borrowed(value.raw()))));
    announce::Answer::new(names, values)
}

/// White space, a comma, a bullet or a number, as between the items of a list.
fn is_list_mark(gap: &str) -> bool {
    let mark = gap.trim().trim_start_matches([',', ';']).trim();
    let number = mark.trim_end_matches(['.', ')']);
    matches!(mark, "" | "-" | "*" | "•" | "+")
        || (number.len() < mark.len() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{CompiledSchema, Conditions, Mode, Reading, read};

    fn value(text: &str, mode: Mode) -> Option<String> {
        let schema = json!({"type": "object", "required": ["id"], "additionalProperties": false, "properties": {
            "id": {"type": "integer"}, "note": {"type": "string"}, "total": {"type": "number"},
            "items": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}}}});
        let schema = CompiledSchema::new(&schema).expect("a schema");
        match read(text, Some(&schema), Conditions { mode, ..Conditions::default() }) {
            Reading::Accepted(accepted) => Some(accepted.document().text().to_owned()),
            _ => None,
        }
    }

    #[test]
    fn members_behind_a_bracket_that_was_closed_too_early_are_not_dropped() {
        for (text, want) in [
            ("{\"id\":1\n}\n\"total\":5\n}", Some("{\"id\":1,\n\n\"total\":5\n}")),
            (r#"{"id":1} "total":5}"#, Some(r#"{"id":1, "total":5}"#)),
            (r#"{"id":1},"total":5}"#, Some(r#"{"id":1,"total":5}"#)),
            (r#"{"id":1}, "total": 5"#, None),
            (r#"{"id":1, }note": "x", "total": 5}"#, None),
            (r#"{"id":1}, note: "x", total: 5}"#, None),
            (r#"{"id":1,"items":[{"sku":"a"}]}],"total":5}"#, None),
            (r#"{"id":1,"items":[}"sku":"b"}]}"#, None),
            ("{\"id\":1}\ntotal: 5", None),
            ("{\"id\":1}\n{\"total\":5}", None),
        ] {
            assert_eq!(value(text, Mode::Safe).as_deref(), want, "{text}");
            assert_eq!(value(text, Mode::Strict), None, "{text}");
        }
        for text in
            ["{\"id\":1}\n\nNote: the total is open.", "{\"id\":1}}\n\nI hope this helps!", "{\"id\":1}\n{\"a\":[1,2]}"]
        {
            assert!(value(text, Mode::Safe).is_some(), "{text}");
        }
    }

    #[test]
    fn a_bare_number_with_one_comma_is_two_numbers_to_strict() {
        for (text, strict) in [(r#"{"id":1,234}"#, None), (r#"{"id":1,234,567}"#, Some(r#"{"id":1234567}"#))] {
            assert_eq!(value(text, Mode::Strict).as_deref(), strict, "{text}");
            assert!(value(text, Mode::Safe).is_some(), "{text}");
        }
    }

    #[test]
    fn a_list_of_documents_has_all_of_them() {
        const ROWS: usize = 5000;
        let schema = json!({"type": "array", "items": {"type": "object", "required": ["a"],
            "properties": {"a": {"type": "integer"}}, "additionalProperties": false}});
        let schema = CompiledSchema::new(&schema).expect("a schema");
        let rows: Vec<String> = (0..ROWS).map(|row| format!("{{\"a\":{row}}}")).collect();
        for mark in ["\n", ",\n"] {
            let Reading::Accepted(accepted) = read(&rows.join(mark), Some(&schema), Conditions::default()) else {
                panic!("the rows are a list");
            };
            assert_eq!((accepted.document().root().len(), accepted.repairs().len()), (ROWS, ROWS + 1));
        }
    }
}
