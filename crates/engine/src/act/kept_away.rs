//! What the client of a run with a reader sends and somebody else wrote: results of its own tools, segments that it
//! marks, files. The run's model sees of them what it sees of the gateway's own results: values and handles.
//!
//! The client comes back with its whole conversation in every turn. What the model saw of a result in the first turn is
//! kept under the conversation before it, for as long as answers are, so that a handle stands for the same text in all
//! of them and nothing is read twice.
//!
//! What never happens here: a text of somebody else's in what is shown, or a name that is given twice.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use serde_json::Value;
use steersman_core::{ChatRequest, ContentHash, Contract, Message, Part, Role, ToolCall, ToolResult};

use super::RunsDown;
use super::log::{Step, down};
use super::run::{Running, said};
use crate::reader::{Handles, Heard, Read, ReadNote, Reader};
use crate::recording::Recording;
use crate::refusal::Refusal;

/// What the model sees in place of parts of messages, by the message and the part.
#[derive(Default)]
pub(super) struct KeptAway(BTreeMap<(usize, usize), Read>);

/// One part that the model must not see.
struct Wanted<'a> {
    place: (usize, usize),
    text: String,
    /// The tool whose result it is, and whether it failed and was told more than the model has seen; `None`: it is
    /// marked.
    result: Option<(&'a Contract, bool, bool)>,
    /// Where what is shown of it is kept.
    name: String,
}

/// What was known before a message came.
pub(super) struct Before<'a> {
    pub(super) request: &'a ChatRequest,
    pub(super) chain: &'a [ContentHash],
    pub(super) hidden: &'a [Option<Vec<Step>>],
}

/// The calls of one message by id; none where two bear the same.
type Calls<'r> = BTreeMap<&'r str, Option<(&'r str, bool)>>;

impl Running<'_> {
    /// Reads what the client sends of others, or finds what was read before.
    pub(super) async fn keep_away(
        &self,
        before: &Before<'_>,
        reader: &Reader<'_>,
        recording: &mut Recording,
    ) -> Result<(KeptAway, Vec<ReadNote>), Refusal> {
        let calls = self.calls(before)?;
        let contracts: BTreeMap<&str, Contract> = calls
            .iter()
            .flat_map(BTreeMap::values)
            .flatten()
            .map(|(name, _)| (*name, self.engine.guard.contract(name)))
            .collect();
        let wanted = self.wanted(before, &calls, &contracts)?;
        let mut handles = Handles::default();
        for step in before.hidden.iter().flatten().flatten() {
            let reads = step.results.iter().flatten().filter_map(|kept| kept.read.as_ref());
            reads.for_each(|read| handles.restore(&read.values));
        }
        let known = try_join_all(wanted.iter().map(|wanted| self.known(&wanted.name))).await?;
        known.iter().flatten().for_each(|read| handles.restore(&read.values));
        let (mut kept, mut notes) = (KeptAway::default(), Vec::new());
        for (wanted, known) in wanted.into_iter().zip(known) {
            let read = match known {
                Some(read) => read,
                None => {
                    let (read, note) = match wanted.result {
                        Some((contract, failed, told_more)) => {
                            let heard = Heard { text: &wanted.text, failed: failed.then_some("failed"), told_more };
                            reader.read(contract, heard, &mut handles, recording).await
                        }
                        None => Reader::put_away("(marked as quoted)", &wanted.text, &mut handles),
                    };
                    notes.push(note);
                    self.remember(&wanted.name, read, &mut handles).await?
                }
            };
            kept.0.insert(wanted.place, read);
        }
        Ok((kept, notes))
    }

    /// The calls of each message by id, each with its tool and whether it was told what the model has not seen. An id
    /// that stands twice in one message names none of the two.
    fn calls<'r>(&self, before: &Before<'r>) -> Result<Vec<Calls<'r>>, Refusal> {
        let mut calls = Vec::with_capacity(before.request.messages.len());
        for (message, hidden) in before.request.messages.iter().zip(before.hidden) {
            let shown = match hidden.as_ref().and_then(|steps| steps.last()) {
                Some(step) => said(self.inbound.dialect, step.answer.clone().into(), None, None)?.calls,
                None => Vec::new(),
            };
            let mut own = Calls::new();
            for call in message.parts.iter().filter_map(call_of) {
                let same = |shown: &ToolCall| shown.id == call.id && value(&shown.arguments) == value(&call.arguments);
                let one = (call.name.as_str(), !shown.iter().any(same));
                own.entry(call.id.as_str()).and_modify(|known| *known = None).or_insert(Some(one));
            }
            calls.push(own);
        }
        Ok(calls)
    }

    fn wanted<'c>(
        &self,
        before: &Before<'_>,
        calls: &[Calls<'_>],
        contracts: &'c BTreeMap<&str, Contract>,
    ) -> Result<Vec<Wanted<'c>>, Refusal> {
        let quoted = crate::guard::quoted(self.inbound)?;
        let mut wanted = Vec::new();
        for (at, (message, link)) in before.request.messages.iter().zip(before.chain).enumerate() {
            for (part_at, part) in message.parts.iter().enumerate() {
                let (text, result) = match part {
                    Part::Text(text) if message.role != Role::Assistant && quoted.contains_key(text) => {
                        (text.clone(), None)
                    }
                    Part::ToolResult(result) => {
                        // Some models number their calls anew in each answer.
                        let before = calls.get(..at).unwrap_or_default().iter().rev();
                        let call =
                            before.filter_map(|calls| calls.get(result.call_id.as_str())).next().copied().flatten();
                        let contract = call.and_then(|(name, _)| contracts.get(name));
                        let told_more = call.is_none_or(|(_, told_more)| told_more);
                        match contract {
                            Some(contract) if contract.untrusted || told_more => {
                                (text_of(result), Some((contract, result.is_error, told_more)))
                            }
                            Some(_) => continue,
                            // A result of no call: nobody says what it is.
                            None => (text_of(result), None),
                        }
                    }
                    _ => continue,
                };
                let name = ContentHash::of(format!("{link}\0{part_at}\0{text}").as_bytes());
                wanted.push(Wanted { place: (at, part_at), text, result, name: format!("read_{name}") });
            }
        }
        Ok(wanted)
    }

    async fn known(&self, name: &str) -> Result<Option<Read>, Refusal> {
        let kept = self.room.runs.load(name).await.map_err(|error| down(&error))?;
        let read = |(_, text): (u64, String)| serde_json::from_str(&text);
        kept.map(read).transpose().map_err(|error| down(&RunsDown(error.to_string())))
    }

    /// Keeps what is shown of a text. Whoever was faster with the same conversation has named it.
    async fn remember(&self, name: &str, read: Read, handles: &mut Handles) -> Result<Read, Refusal> {
        let text = serde_json::to_string(&read).unwrap_or_default();
        let saved = self.room.runs.save(name, None, text).await.map_err(|error| down(&error))?;
        if saved.is_some() {
            return Ok(read);
        }
        let theirs = self.known(name).await?.unwrap_or(read);
        handles.restore(&theirs.values);
        Ok(theirs)
    }
}

impl KeptAway {
    /// The message as the model sees it, and what the handles in it stand for.
    pub(super) fn shown(&self, at: usize, message: Message, handles: &mut Handles) -> Message {
        let Message { role, parts } = message;
        let parts = match role {
            Role::Assistant => forgotten(parts),
            _ => {
                let mut shown = Vec::with_capacity(parts.len());
                for (part_at, part) in parts.into_iter().enumerate() {
                    let read = self.0.get(&(at, part_at));
                    read.iter().for_each(|read| handles.restore(&read.values));
                    shown.push(in_place_of(part, read));
                }
                shown
            }
        };
        Message { role, parts }
    }
}

fn in_place_of(part: Part, read: Option<&Read>) -> Part {
    match (part, read) {
        (Part::ToolResult(result), Some(read)) => {
            Part::ToolResult(ToolResult { parts: vec![Part::Text(read.shown.clone())], ..result })
        }
        (_, Some(read)) => Part::Text(read.shown.clone()),
        (Part::Image(_) | Part::Foreign { .. }, None) => Part::Text(FILE.to_owned()),
        (part, None) => part,
    }
}

/// What stands in place of an answer that cannot be put back.
const FORGOTTEN: &str = "(an earlier answer, which is not shown: it may quote what a reader keeps away)";
/// What stands in place of an image or a file.
const FILE: &str = "(an image or a file, which is not shown)";

/// An earlier turn of the model that is not known any more: that it made calls, and nothing of what it said.
fn forgotten(parts: Vec<Part>) -> Vec<Part> {
    let mut shown = Vec::new();
    if parts.iter().any(|part| !matches!(part, Part::ToolCall(_))) {
        shown.push(Part::Text(FORGOTTEN.to_owned()));
    }
    shown.extend(parts.into_iter().filter_map(|part| match part {
        Part::ToolCall(call) => Some(Part::ToolCall(ToolCall { arguments: "{}".to_owned(), ..call })),
        _ => None,
    }));
    shown
}

fn call_of(part: &Part) -> Option<&ToolCall> {
    if let Part::ToolCall(call) = part { Some(call) } else { None }
}

fn value(arguments: &str) -> Option<Value> {
    serde_json::from_str(arguments).ok()
}

/// The texts of a result; other parts of it are not shown.
fn text_of(result: &ToolResult) -> String {
    let mut text = String::new();
    for part in &result.parts {
        match part {
            Part::Text(more) | Part::Refusal(more) => text.push_str(more),
            _ => {}
        }
    }
    text
}
