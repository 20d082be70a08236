//! The calls of a conversation: what each was given, and whose words that was.
//!
//! What never happens here: no call is judged.

use serde_json::Value;
use steersman_core::{ContentHash, canonical_json};

use crate::hashed::HashSet;
use crate::leaf::{self, Leaf};
use crate::number::Micro;
use crate::text;
use crate::tool::Tool;
use crate::transcript::{Query, Transcript};

/// The least number that is noticed when a tool repeats what it was given, in millionths: smaller ones count pages.
const ECHO_LEAST: i64 = 100 * Micro::ONE;

/// A call that was proposed before.
#[derive(Debug, Clone)]
pub(crate) struct PastCall {
    pub(crate) id: String,
    pub(crate) tool: String,
    pub(crate) hash: ContentHash,
    pub(crate) effect: bool,
    pub(crate) refused: bool,
    /// How often the user had spoken by then.
    pub(crate) turn: u32,
    /// Leaves that no trusted source vouches for, in strict form.
    pub(crate) unvouched: Vec<String>,
    /// Literals of the user's that it used.
    pub(crate) literals: Vec<String>,
    /// The sink values, in order: what it touched.
    pub(crate) touched: String,
    /// All texts that it was given, in strict form.
    pub(crate) given: Vec<String>,
    pub(crate) query: Query,
    pub(crate) bare: bool,
    /// Whether a number or a word of the schema's that nobody said narrows what it brings.
    pub(crate) narrowed: bool,
}

/// What waits for a result under one id.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Awaited {
    /// The last call of this id.
    call: u32,
    /// How many of them wait.
    open: u32,
    /// Whether more than one did.
    shared: bool,
}

impl PastCall {
    /// Whether it had this very value in this place.
    pub(crate) fn touches(&self, leaf: &Leaf<'_>) -> bool {
        let own = touch(leaf);
        self.touched.lines().any(|line| line == own)
    }
}

impl Transcript {
    /// Notes a call that was proposed. The arguments of reads decide what their results are bound to.
    pub(crate) fn push_call(&mut self, id: &str, tool: &Tool, arguments: &Value) {
        let mut past = PastCall {
            id: id.to_owned(),
            tool: tool.contract.name.clone(),
            hash: call_hash(&tool.contract.name, arguments),
            effect: tool.has_effect(),
            refused: false,
            turn: self.turns,
            unvouched: Vec::new(),
            literals: Vec::new(),
            touched: touched(tool, arguments),
            given: Vec::new(),
            query: Query::None,
            narrowed: false,
            bare: matches!(arguments, Value::Null) || arguments.as_object().is_some_and(serde_json::Map::is_empty),
        };
        let (mut listed_said, mut counted) = (false, false);
        let mut scalars = Vec::new();
        scalars_of("", arguments, &mut scalars);
        for (argument, value) in scalars {
            let Some(leaf) = value.as_str() else {
                counted = true;
                let number = value.as_f64().and_then(Micro::from_f64);
                let vouched = |n| self.user.says_number(n) || !self.attested_number(n).is_empty();
                let own = number.is_none_or(vouched);
                let found = number.map_or(Query::None, |number| self.query_of_number(number));
                // Which thing is looked up is a choice; how many things are is none.
                let chosen = if !own && tool.name_of(argument).naming.is_identifier() { Query::Other } else { found };
                past.query = past.query.max(chosen);
                past.narrowed |= !own;
                if number.is_some_and(|n| n.0.abs() >= ECHO_LEAST && !own) {
                    past.unvouched.push(value.to_string());
                }
                continue;
            };
            let listed = tool.lists(argument, leaf) || (leaf.len() < 16 && tool.describes(argument, leaf));
            listed_said |= listed && self.user.says(leaf);
            past.narrowed |= listed && !self.user.composes(leaf) && !tool.is_default(argument, value);
            if leaf.trim().is_empty() || listed {
                continue;
            }
            past.given.push(text::exact(leaf));
            let found = self.query_of(leaf);
            past.query = past.query.max(found);
            if found == Query::User {
                past.literals.push(text::exact(leaf));
            }
            if matches!(found, Query::Other | Query::Delegated) && self.attested(leaf).is_empty() {
                past.unvouched.push(text::exact(leaf));
            }
            self.use_quotes(&tool.contract.name, leaf);
        }
        // "The pending ones": a word of the schema's is the user's choice where nothing else chooses.
        if listed_said && past.given.is_empty() && !counted {
            past.query = past.query.max(Query::User);
        }
        self.await_result(&past.id);
        self.calls.push(past);
    }

    /// Notes that the next call waits for its result. A call behind a result is of another turn, and those before it
    /// wait no more.
    fn await_result(&mut self, id: &str) {
        if std::mem::take(&mut self.heard_result) {
            self.awaited.values_mut().for_each(|awaited| awaited.open = 0);
        }
        let Ok(call) = u32::try_from(self.calls.len()) else { return };
        let awaited = self.awaited.entry(id.to_owned()).or_default();
        awaited.shared = awaited.open > 0;
        (awaited.call, awaited.open) = (call, awaited.open + 1);
    }

    /// The call whose result comes next under this id. `None` also where several wait for it: it may be that of any.
    pub(crate) fn answered(&mut self, id: &str) -> Option<PastCall> {
        self.heard_result = true;
        let awaited = self.awaited.get(id).filter(|awaited| !awaited.shared)?;
        self.calls.get(awaited.call as usize).cloned()
    }

    /// Quotation marks around what a call already used are no dictation for a later one.
    fn use_quotes(&mut self, tool: &str, leaf: &str) {
        let leaf = text::exact(leaf);
        let words: HashSet<&str> = text::tokens(&leaf).map(|token| token.text).filter(|word| word.len() > 2).collect();
        for quote in &self.user.quotes {
            let own: Vec<&str> =
                text::tokens(&quote.text).map(|token| token.text).filter(|word| word.len() > 2).collect();
            let used = own.iter().filter(|word| words.contains(**word)).count();
            if used > 0 && used * 2 >= own.len() {
                self.used_quotes.entry(quote.text.clone()).or_default().insert(tool.to_owned());
            }
        }
    }

    /// Whether a call of another tool used this quotation.
    pub(crate) fn is_used_elsewhere(&self, quote: &str, tool: &str) -> bool {
        self.used_quotes.get(quote).is_some_and(|tools| tools.iter().any(|other| other != tool))
    }

    /// Notes that a proposed call was not carried out.
    pub(crate) fn refuse(&mut self, id: &str) {
        let at = self.awaited.get(id).map(|awaited| awaited.call);
        if let Some(call) = at.and_then(|at| self.calls.get_mut(at as usize)) {
            call.refused = true;
            self.struck |= call.effect;
        }
    }
}

/// The hash that stands for a call: tool and canonical arguments.
#[must_use]
pub fn call_hash(tool: &str, arguments: &Value) -> ContentHash {
    ContentHash::of(canonical_json(&Value::Array(vec![Value::String(tool.to_owned()), arguments.clone()])).as_bytes())
}

/// The texts and numbers of the arguments, each with the argument that holds it.
fn scalars_of<'a>(argument: &'a str, value: &'a Value, into: &mut Vec<(&'a str, &'a Value)>) {
    match value {
        Value::String(_) | Value::Number(_) => into.push((argument, value)),
        Value::Array(list) => list.iter().for_each(|inner| scalars_of(argument, inner, into)),
        Value::Object(map) => map
            .iter()
            .for_each(|(key, inner)| scalars_of(if argument.is_empty() { key } else { argument }, inner, into)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// The sink values of a call in one text, so that the same object touched again is noticed.
pub(crate) fn touched(tool: &Tool, arguments: &Value) -> String {
    let (sinks, _) = leaf::leaves(tool, arguments);
    sinks.iter().map(touch).collect::<Vec<_>>().join("\n")
}

/// One sink value with its place.
fn touch(leaf: &Leaf<'_>) -> String {
    format!("{}={}", leaf.pointer(), text::exact(&leaf.text()))
}
