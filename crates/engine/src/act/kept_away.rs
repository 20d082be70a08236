//! What the client of a run with a reader sends and somebody else wrote: results of its own tools, segments that it
//! marks, files. The run's model sees of them what it sees of the gateway's own results: values and handles.
//!
//! The client comes back with its whole conversation in every turn. What the model saw of a result in the first turn is
//! kept under the conversation before it, for seven days, so that a handle stands for the same text in all
//! of them and nothing is read twice. It is kept under the handles before it too: two runs of one conversation that
//! were told different things do not find what the other one named, so no order of them gives a name a second text.
//!
//! What never happens here: a text of somebody else's in what is shown, or a name that is given twice.

use std::collections::{BTreeMap, VecDeque};

use futures_util::future::try_join_all;
use serde_json::Value;
use steersman_core::{ChatRequest, Code, ContentHash, Contract, Message, Part, Role, ToolCall, ToolResult};

use super::log::{Step, down};
use super::run::Running;
use super::step::said;
use super::{RunWrite, RunsDown, hidden};
use crate::reader::{Handles, Heard, Read, ReadNote, Reader};
use crate::recording::Recording;
use crate::refusal::Refusal;

/// What the model sees in place of parts of messages, by the message and the part.
#[derive(Default)]
pub(super) struct KeptAway(BTreeMap<(usize, usize), Read>);

/// A conversation of a run with a reader, as far as it is known.
pub(super) struct Past {
    /// The steps that stand hidden behind each message.
    pub(super) hidden: Vec<Option<Vec<Step>>>,
    pub(super) kept_away: KeptAway,
    /// What was read now.
    pub(super) notes: Vec<ReadNote>,
    /// Under what is kept what comes next.
    pub(super) link: Option<ContentHash>,
}

/// How many messages are looked up at once.
const MOST_AHEAD: usize = 64;

/// What stands hidden behind the messages that come next, as long as the handles are these.
#[derive(Default)]
struct Ahead {
    under: Option<ContentHash>,
    found: VecDeque<Option<Vec<Step>>>,
    asked: usize,
}

/// One part that the model must not see.
struct Wanted {
    text: String,
    /// The tool whose result it is, and whether it failed and was told more than the model has seen; `None`: it is
    /// marked.
    result: Option<(Contract, bool, bool)>,
}

/// The calls of one message by id; none where two bear the same.
type Calls<'r> = BTreeMap<&'r str, Option<(&'r str, bool)>>;

impl Running<'_> {
    /// Goes through a conversation as it came, with `chain` of its messages: finds what was read before, and reads what
    /// is new.
    pub(super) async fn keep_away(
        &self,
        request: &ChatRequest,
        chain: &[ContentHash],
        answers: bool,
        reader: &Reader<'_>,
        recording: &mut Recording,
    ) -> Result<Past, Refusal> {
        if let Some(state) =
            steersman_wire::unseen(self.inbound.dialect.name(), &self.inbound.body).state.first().copied()
        {
            let message =
                format!("`{state}` brings in what a reader cannot keep from the model; send its messages instead");
            return Err(Refusal::new(Code::INVALID_REQUEST, message).param(state));
        }
        let (quoted, owner) = (crate::guard::quoted(self.inbound)?, self.owner());
        let (mut handles, mut calls) = (Handles::default(), Vec::new());
        let mut past = Past { hidden: Vec::new(), kept_away: KeptAway::default(), notes: Vec::new(), link: None };
        let mut ahead = Ahead::default();
        for (at, (message, link)) in request.messages.iter().zip(chain).enumerate() {
            let rest = request.messages.iter().zip(chain).skip(at);
            let hidden = self.find_ahead(&mut ahead, rest, &handles, (&owner, answers)).await?;
            let results = hidden.iter().flatten().flat_map(|step| step.results.iter().flatten());
            results.filter_map(|kept| kept.read.as_ref()).for_each(|read| handles.restore(&read.values));
            for (part_at, part) in message.parts.iter().enumerate() {
                // Nothing of an assistant's message is shown but what it is known to have said.
                if message.role == Role::Assistant {
                    break;
                }
                let is_quoted = |text: &str| quoted.contains_key(text);
                let Some(wanted) = self.wanted(part, &calls, is_quoted) else { continue };
                let name = format!("{}\0{part_at}\0{}", handles.bound_to(*link), wanted.text);
                let name = format!("read_{}", ContentHash::of(name.as_bytes()));
                let read = match self.known(&name).await? {
                    Some(read) => {
                        handles.restore(&read.values);
                        read
                    }
                    None => {
                        let before = handles.len();
                        let (read, note) = match wanted.result {
                            Some((contract, failed, told_more)) => {
                                let heard = Heard { text: &wanted.text, failed: failed.then_some("failed"), told_more };
                                reader.read(&contract, heard, &mut handles, recording).await
                            }
                            None => Reader::put_away("(marked as quoted)", &wanted.text, &mut handles),
                        };
                        past.notes.push(note);
                        handles.back_to(before);
                        self.remember(&owner, &name, read, &mut handles).await?
                    }
                };
                past.kept_away.0.insert((at, part_at), read);
            }
            calls.push(self.calls(message, hidden.as_deref())?);
            past.hidden.push(hidden);
        }
        past.link = chain.last().map(|link| handles.bound_to(*link));
        Ok(past)
    }

    /// The steps that stand hidden behind the first of these messages. Those behind the next ones are asked for with
    /// it: twice as many each time, as long as no message brings handles, under which later ones stand elsewhere.
    async fn find_ahead<'r>(
        &self,
        ahead: &mut Ahead,
        rest: impl Iterator<Item = (&'r Message, &'r ContentHash)>,
        handles: &Handles,
        (owner, answers): (&str, bool),
    ) -> Result<Option<Vec<Step>>, Refusal> {
        let under = handles.bound_to(ContentHash::of(b"ahead"));
        if ahead.under != Some(under) {
            *ahead = Ahead { under: Some(under), found: VecDeque::new(), asked: 0 };
        }
        if ahead.found.is_empty() {
            ahead.asked = (ahead.asked * 2).clamp(1, MOST_AHEAD);
            let find = |(message, link): (&'r Message, &'r ContentHash)| {
                hidden::find(self.room, owner, self.inbound.dialect, message, handles.bound_to(*link), answers)
            };
            // An answer whose steps are lost is not shown.
            let found = try_join_all(rest.take(ahead.asked).map(find)).await?;
            ahead.found = found.into_iter().map(|found| found.steps).collect();
        }
        Ok(ahead.found.pop_front().flatten())
    }

    /// The calls of a message by id, each with its tool and whether it was told what the model has not seen. An id that
    /// stands twice in one message names none of the two.
    fn calls<'r>(&self, message: &'r Message, hidden: Option<&[Step]>) -> Result<Calls<'r>, Refusal> {
        let shown = match hidden.and_then(<[Step]>::last) {
            Some(step) => said(self.inbound.dialect, step.answer.clone().into(), None, None)?.calls,
            None => Vec::new(),
        };
        Ok(calls_of(message, &shown))
    }

    /// Whether the model must not see a part, after these calls.
    fn wanted(&self, part: &Part, calls: &[Calls<'_>], is_quoted: impl Fn(&str) -> bool) -> Option<Wanted> {
        match part {
            Part::Text(text) => is_quoted(text).then(|| Wanted { text: text.clone(), result: None }),
            Part::ToolResult(result) => {
                let text = text_of(result);
                // A result of no call: nobody says what it is.
                let Some((tool, told_more)) = call_before(calls, &result.call_id) else {
                    return Some(Wanted { text, result: None });
                };
                let contract = self.engine.guard.contract(tool);
                let is_marked = result.parts.iter().any(|part| matches!(part, Part::Text(text) if is_quoted(text)));
                let told_more = told_more || is_marked;
                let is_kept_away = contract.untrusted || told_more;
                is_kept_away.then_some(Wanted { text, result: Some((contract, result.is_error, told_more)) })
            }
            _ => None,
        }
    }

    async fn known(&self, name: &str) -> Result<Option<Read>, Refusal> {
        let kept = self.room.runs.load(name).await.map_err(|error| down(&error))?;
        let read = |(_, text): (u64, String)| serde_json::from_str(&text);
        kept.map(read).transpose().map_err(|error| down(&RunsDown(error.to_string())))
    }

    /// Keeps what is shown of a text, and takes its names. Whoever was faster with the same conversation has named it.
    async fn remember(&self, owner: &str, name: &str, read: Read, handles: &mut Handles) -> Result<Read, Refusal> {
        let text = serde_json::to_string(&read).unwrap_or_default();
        let saved = self.room.runs.save(owner, name, RunWrite::New, text).await.map_err(|error| down(&error))?;
        let read = match saved {
            Some(_) => read,
            None => self.known(name).await?.unwrap_or(read),
        };
        handles.restore(&read.values);
        Ok(read)
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

/// The calls of a message, of which the model is known to have made these.
fn calls_of<'r>(message: &'r Message, shown: &[ToolCall]) -> Calls<'r> {
    let mut calls = Calls::new();
    for call in message.parts.iter().filter_map(call_of) {
        let same = |shown: &ToolCall| shown.id == call.id && value(&shown.arguments) == value(&call.arguments);
        let one = (call.name.as_str(), !shown.iter().any(same));
        calls.entry(call.id.as_str()).and_modify(|known| *known = None).or_insert(Some(one));
    }
    calls
}

/// The call that a result belongs to: the nearest one of its id, since some models number their calls anew in each
/// answer.
fn call_before<'r>(calls: &[Calls<'r>], id: &str) -> Option<(&'r str, bool)> {
    calls.iter().rev().find_map(|calls| calls.get(id)).copied().flatten()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
    }

    fn turn(calls: &[ToolCall]) -> Message {
        Message { role: Role::Assistant, parts: calls.iter().cloned().map(Part::ToolCall).collect() }
    }

    #[test]
    fn an_id_that_stands_twice_in_a_message_names_neither_call() {
        let both = [call("c", "clock", "{}"), call("c", "read_mail", "{}"), call("d", "clock", "{}")];
        let message = turn(&both);
        let calls = [calls_of(&message, &both)];
        assert_eq!(call_before(&calls, "c"), None, "the result may be that of either");
        assert_eq!(call_before(&calls, "d"), Some(("clock", false)));
        assert_eq!(call_before(&calls, "e"), None);
    }

    #[test]
    fn an_id_that_is_given_anew_names_the_nearest_call_and_only_as_the_model_made_it() {
        let (first, second) = (turn(&[call("c", "clock", "{}")]), turn(&[call("c", "read_mail", r#"{"id": 7}"#)]));
        let known = [call("c", "read_mail", r#"{"id":7}"#)];
        let calls = [calls_of(&first, &known), calls_of(&second, &known)];
        assert_eq!(call_before(&calls, "c"), Some(("read_mail", false)));
        assert_eq!(call_before(&calls[..1], "c"), Some(("clock", true)), "other arguments may hold what a text says");
        let twice = turn(&[call("c", "a", "{}"), call("c", "b", "{}")]);
        let calls = [calls_of(&first, &known), calls_of(&twice, &known)];
        assert_eq!(call_before(&calls, "c"), None, "an earlier call of the id is not taken in its place");
    }
}
