//! Chat completion answers, whole or streamed, to events.
//!
//! Vendors stray from the letter of the API in known ways, and all of these are read: tool calls without an index, ids
//! repeated in each chunk, thinking as `reasoning_content` or `reasoning`, choices missing beside an error.

use serde_json::value::RawValue;
use steersman_core::Event;

use super::NAME;
use super::facts::finish_reason;
use super::usage::WireUsage;
use crate::answer::AnswerDecoder;
use crate::aside::{self, Told, says_something};
use crate::error::DecodeError;
use crate::fields::{Fields, as_text};
use crate::json::{elements, kind_of};

/// Members of a chunk that say nothing of the answer.
const ENVELOPE: &[&str] = &["object", "created", "obfuscation"];

/// Reads an answer that was not streamed.
///
/// # Errors
/// [`DecodeError`], with the member at fault.
pub fn decode_answer(body: &[u8]) -> Result<Vec<Event>, DecodeError> {
    let mut events = ChatAnswerDecoder::default().chunk(body)?;
    events.push(Event::Done);
    Ok(events)
}

/// Reads a streamed answer, chunk by chunk.
#[derive(Debug, Default)]
pub struct ChatAnswerDecoder {
    started: bool,
    choices: Vec<ChoiceState>,
    told: Told,
}

#[derive(Debug, Default)]
struct ChoiceState {
    refused: bool,
    /// Thinking has been told whose block is not sealed yet.
    open_thought: bool,
    /// The calls so far: the index the provider gave, and the id.
    calls: Vec<(Option<u64>, String)>,
}

impl AnswerDecoder for ChatAnswerDecoder {
    fn frame(&mut self, _event: Option<&[u8]>, data: &[u8]) -> Result<Vec<Event>, DecodeError> {
        if data.trim_ascii() == b"[DONE]" { Ok(vec![Event::Done]) } else { self.chunk(data) }
    }
}

impl ChatAnswerDecoder {
    fn chunk(&mut self, data: &[u8]) -> Result<Vec<Event>, DecodeError> {
        let mut events = Vec::new();
        let mut chunk = Fields::document(data)?;
        let root = chunk.path;
        if let Some(error) = chunk.take("error") {
            let error = super::error::read(error);
            events.push(Event::Error { kind: error.kind, message: error.message });
            return Ok(events);
        }
        let (id, model) = (chunk.string("id")?, chunk.string("model")?);
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start { id: id.unwrap_or_default(), model: model.unwrap_or_default() });
        }
        let list = root.member("choices");
        let (choices, usage) = (chunk.array("choices")?, chunk.take("usage"));
        self.envelope(&chunk, &mut events);
        for (i, raw) in choices.into_iter().flatten().enumerate() {
            self.choice(Fields::of(raw, list.element(i))?, i, &mut events)?;
        }
        if let Some(raw) = usage {
            let usage: WireUsage =
                serde_json::from_str(raw.get()).map_err(|_| root.member("usage").wrong_type("a usage object", raw))?;
            events.push(Event::Usage(usage.into_canonical()));
        }
        Ok(events)
    }

    /// Members of the chunk itself that nobody else took; each value is told once.
    fn envelope(&mut self, chunk: &Fields<'_, '_>, events: &mut Vec<Event>) {
        for (name, value) in chunk.rest().filter(|(name, _)| !ENVELOPE.contains(name)) {
            if self.told.is_new(None, name, value) {
                events.push(foreign(None, name, value));
            }
        }
    }

    fn choice(
        &mut self,
        mut fields: Fields<'_, '_>,
        position: usize,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        let index = fields.unsigned("index")?.and_then(|index| usize::try_from(index).ok()).unwrap_or(position);
        let slot = aside::slot(&mut self.choices, index);
        let Some(state) = self.choices.get_mut(slot) else { return Ok(()) };
        let choice = u32::try_from(index).unwrap_or(u32::MAX);
        let path = fields.path;
        for key in ["delta", "message"] {
            if let Some(raw) = fields.take(key) {
                state.said(Fields::of(raw, path.member(key))?, choice, events)?;
            }
        }
        let finish = fields.string("finish_reason")?;
        for (name, value) in fields.rest().filter(|(_, value)| says_something(value)) {
            events.push(foreign(Some(choice), name, value));
        }
        if let Some(word) = finish {
            events.push(Event::Finish { choice, reason: finish_reason(&word, state.refused) });
        }
        Ok(())
    }
}

impl ChoiceState {
    /// What a `delta` or a `message` says.
    fn said(&mut self, mut said: Fields<'_, '_>, choice: u32, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        said.take("role");
        self.thought(&mut said, choice, events)?;
        if let Some(content) = said.take("content") {
            self.content(content, choice, events);
        }
        if let Some(text) = said.string("refusal")?.filter(|text| !text.is_empty()) {
            self.refused = true;
            events.push(Event::Refusal { choice, text });
        }
        let path = said.path;
        let list = path.member("tool_calls");
        for (i, raw) in said.array("tool_calls")?.into_iter().flatten().enumerate() {
            self.tool_call(Fields::of(raw, list.element(i))?, choice, events)?;
        }
        for (name, value) in said.rest().filter(|(_, value)| says_something(value)) {
            events.push(foreign(Some(choice), format!("delta.{name}"), value));
        }
        Ok(())
    }

    fn content(&mut self, content: &RawValue, choice: u32, events: &mut Vec<Event>) {
        if let Some(text) = as_text(content) {
            if !text.is_empty() {
                self.open_thought = false;
                events.push(Event::Text { choice, text: text.into_owned() });
            }
            return;
        }
        let text_of = |raw| {
            let mut part = Fields::of(raw, crate::fields::Path::Root).ok()?;
            (part.string("type").ok()?? == "text").then(|| part.string("text").ok().flatten())?
        };
        for raw in elements(content) {
            events.push(match text_of(raw) {
                Some(text) => Event::Text { choice, text },
                None => foreign(Some(choice), "delta.content", raw),
            });
        }
    }

    /// Thinking: plain text as it comes; a block of `thinking_blocks` closes what was told, or tells all of it.
    fn thought(&mut self, said: &mut Fields<'_, '_>, choice: u32, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let named = said.string("reasoning_content")?;
        let text = named.or(match said.take_if("reasoning", |raw| kind_of(raw.get()) == "a string") {
            Some(raw) => as_text(raw).map(std::borrow::Cow::into_owned),
            None => None,
        });
        let path = said.path;
        let list = path.member("thinking_blocks");
        let blocks: Vec<&RawValue> = said.array("thinking_blocks")?.into_iter().flatten().collect();
        if let Some(text) = text.filter(|text| !text.is_empty() && (blocks.is_empty() || self.open_thought)) {
            self.open_thought = true;
            events.push(Event::Reasoning { choice, text });
        }
        for (i, raw) in blocks.into_iter().enumerate() {
            let mut block = Fields::of(raw, list.element(i))?;
            let text = block.string("thinking")?.filter(|text| !text.is_empty() && !self.open_thought);
            let signature = block.string("signature")?.filter(|signature| !signature.is_empty());
            let redacted = block.string("data")?;
            if let Some(text) = text {
                self.open_thought = true;
                events.push(Event::Reasoning { choice, text });
            }
            if signature.is_some() || redacted.is_some() {
                self.open_thought = false;
                events.push(Event::ReasoningSeal { choice, signature, redacted });
            }
        }
        Ok(())
    }

    fn tool_call(&mut self, mut call: Fields<'_, '_>, choice: u32, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let wire_index = call.unsigned("index")?;
        let id = call.string("id")?.filter(|id| !id.is_empty());
        call.take("type");
        let path = call.path;
        let Some(raw) = call.take("function") else {
            let rest = call.rest().filter(|(_, value)| says_something(value));
            events.extend(rest.map(|(name, value)| foreign(Some(choice), format!("tool_call.{name}"), value)));
            return Ok(());
        };
        let mut function = Fields::of(raw, path.member("function"))?;
        let name = function.string("name")?.filter(|name| !name.is_empty());
        let arguments = function.string("arguments")?.unwrap_or_default();
        let known = match (wire_index, &id) {
            // Some vendors give every call the index 0: another id under another beginning is another call.
            (Some(index), Some(id)) if name.is_some() => {
                let same =
                    |(at, known): &(Option<u64>, String)| *at == Some(index) && (known.is_empty() || known == id);
                self.calls.iter().rposition(same)
            }
            (Some(index), _) => self.calls.iter().rposition(|(known, _)| *known == Some(index)),
            (None, Some(id)) => self.calls.iter().position(|(_, known)| known == id),
            (None, None) if name.is_none() => self.calls.len().checked_sub(1),
            (None, None) => None,
        };
        let position = known.unwrap_or(self.calls.len());
        let index = u32::try_from(position).unwrap_or(u32::MAX);
        if known.is_none() {
            let id = id.unwrap_or_default();
            self.calls.push((wire_index, id.clone()));
            events.push(Event::ToolCall { choice, index, id, name: name.unwrap_or_default() });
        }
        if !arguments.is_empty() {
            events.push(Event::ToolArguments { choice, index, text: arguments });
        }
        let rest = call.rest().filter(|(_, value)| says_something(value));
        events.extend(rest.map(|(name, value)| foreign(Some(choice), format!("tool_calls[{index}].{name}"), value)));
        Ok(())
    }
}

fn foreign(choice: Option<u32>, name: impl Into<String>, value: &RawValue) -> Event {
    aside::foreign(NAME, choice, name, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(chunks: &[&str]) -> Vec<(String, String)> {
        let mut decoder = ChatAnswerDecoder::default();
        let events = chunks.iter().flat_map(|call| {
            let chunk = format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{call}]}}}}]}}"#);
            decoder.frame(None, chunk.as_bytes()).expect("a chunk")
        });
        let answer = crate::Answer::collect(&events.collect::<Vec<_>>());
        let parts = answer.choices.into_iter().flat_map(|choice| choice.parts);
        let call =
            |part| if let steersman_core::Part::ToolCall(call) = part { Some((call.id, call.arguments)) } else { None };
        parts.filter_map(call).collect()
    }

    #[test]
    fn calls_that_share_an_index_are_told_apart_by_their_ids() {
        let two = [
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":""}}"#,
            r#"{"index":0,"function":{"arguments":"{\"x\":1}"}}"#,
            r#"{"index":0,"id":"b","function":{"name":"f","arguments":"{\"x\""}}"#,
            r#"{"index":0,"function":{"arguments":":2}"}}"#,
        ];
        let told = |id: &str, arguments: &str| (id.to_owned(), arguments.to_owned());
        assert_eq!(calls(&two), [told("a", r#"{"x":1}"#), told("b", r#"{"x":2}"#)]);
        let one = [
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}"#,
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"}"}}"#,
            r#"{"index":0,"id":"z","function":{"arguments":" "}}"#,
        ];
        assert_eq!(calls(&one), [told("a", "{} ")], "an id that is repeated, or that changes with each piece");
    }
}
