//! A request's messages into the guard: who said what, and which text was written by somebody else.
//!
//! System and developer messages are the operator's, user messages the user's unless a segment is marked as quoted,
//! tool results what their contract says. Images, files and audio are untrusted wherever they stand: nobody read them.
//!
//! What never happens here: no label is chosen by what a text says.

use std::collections::BTreeMap;

use serde_json::Value;
use steersman_core::{ChatRequest, Code, ContentHash, Message, Part, Role, ToolResult};
use steersman_flow::Guard;

use super::History;
use super::report::REFUSED;
use crate::refusal::Refusal;
use crate::reply::Inbound;

/// Texts that somebody else wrote, and the corpus or origin that the client names for each.
pub(crate) type Quoted = BTreeMap<String, String>;

/// The origin of a segment whose mark names none.
const UNNAMED: &str = "quoted";

/// Folds a whole conversation.
pub(super) fn fold(guard: &mut Guard, request: &ChatRequest, quoted: &Quoted, history: History) {
    for message in &request.messages {
        for part in &message.parts {
            fold_part(guard, message, part, quoted, history);
        }
        if message.role == Role::Assistant {
            guard.push_assistant("");
        }
    }
}

fn fold_part(guard: &mut Guard, message: &Message, part: &Part, quoted: &Quoted, history: History) {
    match part {
        Part::Text(text) => fold_text(guard, message.role, text, quoted),
        Part::ToolCall(call) => guard.push_tool_call(&call.id, &call.name, &arguments(&call.arguments)),
        Part::ToolResult(result) => fold_result(guard, result, history),
        Part::Image(_) => guard.push_quoted("image", ""),
        Part::Foreign { json, .. } => guard.push_quoted("file", json.get()),
        Part::Reasoning(_) | Part::Refusal(_) => {}
    }
}

fn fold_text(guard: &mut Guard, role: Role, text: &str, quoted: &Quoted) {
    match (role, quoted.get(text)) {
        (Role::Assistant, _) => {
            if text.contains(REFUSED) {
                guard.strike();
            }
        }
        (_, Some(origin)) => guard.push_passage(origin, text),
        (Role::System, None) => guard.push_system(text),
        (Role::User, None) => guard.push_user(text),
        (Role::Tool, None) => guard.push_quoted("tool", text),
    }
}

fn fold_result(guard: &mut Guard, result: &ToolResult, history: History) {
    let mut text = String::new();
    for part in &result.parts {
        match part {
            Part::Text(more) | Part::Refusal(more) => text.push_str(more),
            Part::Foreign { json, .. } => text.push_str(json.get()),
            _ => guard.push_quoted("image", ""),
        }
    }
    if history == History::EndUsers {
        return guard.push_quoted("tool result", &text);
    }
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    guard.push_tool_result(&result.call_id, &value);
}

/// A model's arguments as a value. What is no JSON is one sink: its text.
pub(crate) fn arguments(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Object(serde_json::Map::new());
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// The texts that the client marks as written by somebody else: `POINTER [ORIGIN]`, separated by commas, each an RFC
/// 6901 pointer into the body to a text, a content part or a whole message.
///
/// # Errors
/// A pointer to nothing: a mark that misses would leave untrusted text trusted.
pub(crate) fn quoted(inbound: &Inbound) -> Result<Quoted, Refusal> {
    let Some(marks) = inbound.quoted.as_deref().filter(|marks| !marks.trim().is_empty()) else {
        return Ok(Quoted::new());
    };
    let body: Value = serde_json::from_slice(&inbound.body)
        .map_err(|error| Refusal::new(Code::INVALID_JSON, format!("the body is not valid JSON: {error}")))?;
    let mut quoted = Quoted::new();
    for mark in marks.split(',').map(str::trim).filter(|mark| !mark.is_empty()) {
        let (pointer, origin) = mark.split_once(' ').unwrap_or((mark, UNNAMED));
        let mut texts = Vec::new();
        body.pointer(pointer).into_iter().for_each(|value| texts_of(value, &mut texts));
        if texts.is_empty() {
            let shown: String = pointer.chars().take(80).collect();
            return Err(Refusal::new(
                Code::INVALID_REQUEST,
                format!("`x-steersman-quoted` points at `{shown}`, and there is no text in the body"),
            ));
        }
        quoted.extend(texts.into_iter().map(|text| (text.to_owned(), origin.trim().to_owned())));
    }
    Ok(quoted)
}

fn texts_of<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(parts) => parts.iter().for_each(|part| texts_of(part, into)),
        Value::Object(part) => {
            for key in ["text", "content"] {
                part.get(key).into_iter().for_each(|inner| texts_of(inner, into));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Hashes of calls that the application says a person approved.
///
/// # Errors
/// A word that is no hash.
pub(super) fn approvals(inbound: &Inbound) -> Result<Vec<ContentHash>, Refusal> {
    let words = inbound.approved.as_deref().unwrap_or_default();
    let words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
    let hash = |word: &str| {
        ContentHash::parse(word).ok_or_else(|| {
            let message =
                "`x-steersman-approved` holds hashes of calls, 64 hexadecimal digits each, separated by commas";
            Refusal::new(Code::INVALID_REQUEST, message)
        })
    };
    words.map(hash).collect()
}
