//! Steps that the client has not seen, kept for when it comes back with the results of its own tools.
//!
//! A run may end in a reply that calls tools of the client: alone, or beside tools of the gateway. The client then sees
//! a message with its own calls. What came before that message in the run, and what the gateway's calls of it gave, is
//! kept under the conversation and the client's calls, and put back when the client sends that message again.
//!
//! Under the guard an answer is kept so too, under its text: what it was made from labels what comes after it, and the
//! client never sees that. That it was given at all is kept apart from the conversation: where something before it has
//! changed since (a clock in a system message, a window that slid on), it is known that something was read, and no more
//! what. A run with a reader also shows its model the answer as it wrote it, where the client has the
//! handles filled in.
//!
//! What never happens here: nothing is taken from the client but the name under which it is looked up.

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use steersman_core::{ChatRequest, ContentHash, Message, Part, Role};
use steersman_wire::Dialect;

use super::log::{Step, down};
use super::step::said;
use super::{RunWrite, RunsDown, ToolRoom};
use crate::refusal::Refusal;

/// The steps of a run up to the message that the client saw, that one whole and last.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    steps: Vec<Step>,
}

/// The name of what stands hidden behind a message with these calls after this conversation.
fn name(dialect: &dyn Dialect, before: ContentHash, call_ids: &[&str]) -> String {
    let text = format!("{}\0{before}\0{}", dialect.name(), call_ids.join("\0"));
    format!("hidden_{}", ContentHash::of(text.as_bytes()))
}

/// The name of the word that something stands hidden behind a message with these calls, in whatever conversation.
fn mark(owner: &str, call_ids: &[&str]) -> String {
    format!("hidden_{}", ContentHash::of(format!("mark\0{owner}\0{}", call_ids.join("\0")).as_bytes()))
}

/// What stands hidden behind a message.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The steps, where they are known.
    pub(super) steps: Option<Vec<Step>>,
    /// Whether there are some that are not known any more.
    pub(super) lost: bool,
}

/// Keeps the steps behind a message with these calls of the client. The last word of a repeated request counts.
pub(super) async fn keep(
    room: &ToolRoom,
    owner: &str,
    dialect: &dyn Dialect,
    before: ContentHash,
    call_ids: &[&str],
    steps: Vec<Step>,
) -> Result<(), Refusal> {
    // Written anew each time: it is to last as long as what it speaks of.
    put(room, owner, &mark(owner, call_ids), String::new()).await?;
    let content = serde_json::to_string(&Kept { steps }).unwrap_or_default();
    put(room, owner, &name(dialect, before, call_ids), content).await
}

/// Writes a document, in the place of one that may be there.
async fn put(room: &ToolRoom, owner: &str, name: &str, content: String) -> Result<(), Refusal> {
    let mut write = RunWrite::New;
    for _ in 0..3 {
        let saved = room.runs.save(owner, name, write, content.clone()).await.map_err(|error| down(&error))?;
        if saved.is_some() {
            return Ok(());
        }
        let known = room.runs.load(name).await.map_err(|error| down(&error))?;
        write = known.map_or(RunWrite::New, |(version, text)| RunWrite::Over { version, bytes: text.len() });
    }
    Err(down(&RunsDown("somebody else keeps steps of the same conversation".to_owned())))
}

/// Keeps the steps behind an answer, under what the client has of it: its text, or, of a stream, what was said in all
/// steps.
pub(super) async fn keep_answer(
    room: &ToolRoom,
    owner: &str,
    dialect: &'static dyn Dialect,
    before: ContentHash,
    text: &str,
    steps: Vec<Step>,
) -> Result<(), Refusal> {
    let mut all = String::new();
    for step in &steps {
        all.push_str(&text_of(&said(dialect, step.answer.clone().into(), None, None)?.parts));
    }
    let (text, all) = (normal(text), normal(&all));
    if all != text {
        keep(room, owner, dialect, before, &[ANSWER, &all], steps.clone()).await?;
    }
    keep(room, owner, dialect, before, &[ANSWER, &text], steps).await
}

/// A client may keep an answer with other blanks.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The steps that stand hidden behind each message; under the guard (`answers`) also behind answers. `chain` is that of
/// the messages as the client sent them.
pub(super) async fn find_all(
    room: &ToolRoom,
    owner: &str,
    dialect: &dyn Dialect,
    request: &ChatRequest,
    chain: &[ContentHash],
    answers: bool,
) -> Result<Vec<Found>, Refusal> {
    let messages = request.messages.iter().zip(chain);
    try_join_all(messages.map(|(message, before)| find(room, owner, dialect, message, *before, answers))).await
}

/// The steps that stand hidden behind one message.
pub(super) async fn find(
    room: &ToolRoom,
    owner: &str,
    dialect: &dyn Dialect,
    message: &Message,
    before: ContentHash,
    answers: bool,
) -> Result<Found, Refusal> {
    let mut ids = call_ids(message);
    let text = text(message).filter(|text| answers && ids.is_empty() && !text.trim().is_empty());
    let text = text.map(|text| normal(&text));
    ids.extend(text.as_deref().into_iter().flat_map(|text| [ANSWER, text]));
    if ids.is_empty() {
        return Ok(Found::default());
    }
    let kept = room.runs.load(&name(dialect, before, &ids)).await.map_err(|error| down(&error))?;
    let Some((_, content)) = kept else {
        let marked = room.runs.load(&mark(owner, &ids)).await.map_err(|error| down(&error))?;
        return Ok(Found { steps: None, lost: marked.is_some() });
    };
    let kept: Kept = serde_json::from_str(&content).map_err(|error| down(&RunsDown(error.to_string())))?;
    Ok(Found { steps: Some(kept.steps), lost: false })
}

/// Stands before an answer's text in the name of what is hidden behind it.
const ANSWER: &str = "answer";

/// What an assistant's message says; `None` for messages of others.
fn text(message: &Message) -> Option<String> {
    (message.role == Role::Assistant).then(|| text_of(&message.parts))
}

/// The texts among the parts of a message, as one.
pub(super) fn text_of(parts: &[Part]) -> String {
    parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect()
}

fn call_ids(message: &Message) -> Vec<&str> {
    if message.role != Role::Assistant {
        return Vec::new();
    }
    let mut ids = Vec::new();
    for part in &message.parts {
        if let Part::ToolCall(call) = part {
            ids.push(call.id.as_str());
        }
    }
    ids
}
