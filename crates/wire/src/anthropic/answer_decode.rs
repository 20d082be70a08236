//! Messages answers, whole or streamed, to events.

use serde_json::value::RawValue;
use steersman_core::{Event, FinishReason};

use super::usage::WireUsage;
use super::{NAME, finish_reason};
use crate::answer::{AnswerDecoder, WHOLE_PART};
use crate::aside;
use crate::error::DecodeError;
use crate::fields::{Fields, Path};
use crate::json::elements;

/// Reads an answer that was not streamed.
///
/// # Errors
/// [`DecodeError`], with the member at fault.
pub fn decode_answer(body: &[u8]) -> Result<Vec<Event>, DecodeError> {
    let mut decoder = MessagesAnswerDecoder::default();
    let mut events = Vec::new();
    let mut message = Fields::document(body)?;
    if let Some(error) = message.take("error") {
        return Ok(vec![aside::error(error, "type")]);
    }
    message.take("type");
    let root = message.path;
    let content = message.take("content");
    let stop = (message.take("stop_reason"), message.take("stop_sequence"));
    decoder.start(&mut message, &mut events)?;
    let list = root.member("content");
    for (i, raw) in content.into_iter().flat_map(elements).enumerate() {
        decoder.open(i, raw, list.element(i), &mut events)?;
        decoder.close(i, &mut events);
    }
    for (name, value) in message.rest().filter(|(_, value)| value.get() != "null") {
        events.push(foreign(name, value));
    }
    finish(stop.0, stop.1, &mut events);
    events.push(Event::Done);
    Ok(events)
}

/// Reads a streamed answer, event by event.
#[derive(Debug, Default)]
pub struct MessagesAnswerDecoder {
    usage: WireUsage,
    /// The block that is open: blocks never overlap.
    open: Option<(usize, Block)>,
    calls: u32,
    told: Vec<(String, String)>,
}

#[derive(Debug)]
enum Block {
    Text,
    Thinking { signature: String },
    Tool { index: u32, empty: bool },
    Other,
}

impl AnswerDecoder for MessagesAnswerDecoder {
    fn frame(&mut self, event: Option<&[u8]>, data: &[u8]) -> Result<Vec<Event>, DecodeError> {
        let mut events = Vec::new();
        let mut fields = Fields::document(data)?;
        let root = fields.path;
        let kind = fields.string("type")?;
        let kind = kind.or_else(|| event.map(|name| String::from_utf8_lossy(name).into_owned())).unwrap_or_default();
        let block = |fields: &mut Fields<'_, '_>| {
            fields.unsigned("index").map(|index| index.and_then(|index| usize::try_from(index).ok()).unwrap_or(0))
        };
        match kind.as_str() {
            "message_start" => {
                let mut message = Fields::of(fields.required("message")?, root.member("message"))?;
                for known in ["type", "content", "stop_reason", "stop_sequence"] {
                    message.take(known);
                }
                self.start(&mut message, &mut events)?;
                events.extend(
                    message.rest().filter(|(_, v)| v.get() != "null").map(|(name, value)| foreign(name, value)),
                );
            }
            "content_block_start" => {
                let index = block(&mut fields)?;
                let raw = fields.required("content_block")?;
                self.open(index, raw, root.member("content_block"), &mut events)?;
            }
            "content_block_delta" => self.delta(fields.required("delta")?, root.member("delta"), &mut events)?,
            "content_block_stop" => self.close(block(&mut fields)?, &mut events),
            "message_delta" => self.message_delta(&mut fields, &mut events)?,
            "message_stop" => events.push(Event::Done),
            "error" => events.push(aside::error(fields.required("error")?, "type")),
            "ping" => {}
            other => return Err(root.member("type").wrong_value("an event of the Messages API", other)),
        }
        Ok(events)
    }
}

impl MessagesAnswerDecoder {
    fn start(&mut self, message: &mut Fields<'_, '_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let (id, model) = (message.string("id")?, message.string("model")?);
        events.push(Event::Start { id: id.unwrap_or_default(), model: model.unwrap_or_default() });
        message.take("role");
        self.report(message, events)
    }

    /// Takes the `usage` member; what it says beyond counts is told once.
    fn report(&mut self, fields: &mut Fields<'_, '_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let Some(raw) = fields.take("usage") else { return Ok(()) };
        let path = fields.path;
        let path = path.member("usage");
        let usage: WireUsage = serde_json::from_str(raw.get()).map_err(|_| path.wrong_type("a usage object", raw))?;
        self.usage.update(&usage);
        events.push(Event::Usage(self.usage.canonical()));
        let mut rest = Fields::of(raw, path)?;
        let counts = [
            "input_tokens",
            "output_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "output_tokens_details",
        ];
        for count in counts {
            rest.take(count);
        }
        for (name, value) in rest.rest().filter(|(_, value)| value.get() != "null") {
            let (name, json) = (format!("usage.{name}"), value.get().to_owned());
            if !self.told.iter().any(|told| *told == (name.clone(), json.clone())) {
                self.told.push((name.clone(), json));
                events.push(foreign(&name, value));
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        index: usize,
        raw: &RawValue,
        path: Path<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        let mut block = Fields::of(raw, path)?;
        let opened = match block.required_string("type")?.as_str() {
            "text" => {
                push_text(block.string("text")?, |text| Event::Text { choice: 0, text }, events);
                if let Some(citations) = block.take("citations").filter(|raw| raw.get() != "[]") {
                    events.push(foreign("citations", citations));
                }
                Block::Text
            }
            "thinking" => {
                push_text(block.string("thinking")?, |text| Event::Reasoning { choice: 0, text }, events);
                Block::Thinking { signature: block.string("signature")?.unwrap_or_default() }
            }
            "redacted_thinking" => {
                let redacted = Some(block.required_string("data")?);
                events.push(Event::ReasoningSeal { choice: 0, signature: None, redacted });
                Block::Other
            }
            "tool_use" => {
                let index = self.calls;
                self.calls += 1;
                let (id, name) = (block.required_string("id")?, block.required_string("name")?);
                events.push(Event::ToolCall { choice: 0, index, id, name });
                // A stream opens with an empty input and then writes it; some vendors give it whole at once.
                let input = block.take("input").map(RawValue::get).filter(|input| !is_empty_object(input));
                let empty = input.is_none();
                push_text(input.map(str::to_owned), |text| Event::ToolArguments { choice: 0, index, text }, events);
                Block::Tool { index, empty }
            }
            _ => {
                events.push(foreign(WHOLE_PART, raw));
                Block::Other
            }
        };
        self.open = Some((index, opened));
        Ok(())
    }

    fn delta(&mut self, raw: &RawValue, path: Path<'_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let mut delta = Fields::of(raw, path)?;
        match (delta.required_string("type")?.as_str(), self.open.as_mut().map(|(_, block)| block)) {
            ("text_delta", _) => push_text(delta.string("text")?, |text| Event::Text { choice: 0, text }, events),
            ("thinking_delta", _) => {
                push_text(delta.string("thinking")?, |text| Event::Reasoning { choice: 0, text }, events);
            }
            ("signature_delta", Some(Block::Thinking { signature })) => {
                signature.push_str(&delta.string("signature")?.unwrap_or_default());
            }
            ("input_json_delta", Some(Block::Tool { index, empty })) => {
                let (index, json) = (*index, delta.string("partial_json")?);
                *empty &= json.as_ref().is_none_or(String::is_empty);
                push_text(json, |text| Event::ToolArguments { choice: 0, index, text }, events);
            }
            _ => events.push(foreign("content_block_delta", raw)),
        }
        Ok(())
    }

    fn close(&mut self, index: usize, events: &mut Vec<Event>) {
        match self.open.take_if(|(open, _)| *open == index) {
            Some((_, Block::Thinking { signature })) if !signature.is_empty() => {
                events.push(Event::ReasoningSeal { choice: 0, signature: Some(signature), redacted: None });
            }
            Some((_, Block::Tool { index, empty: true })) => {
                events.push(Event::ToolArguments { choice: 0, index, text: "{}".to_owned() });
            }
            _ => {}
        }
    }

    fn message_delta(&mut self, fields: &mut Fields<'_, '_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let root = fields.path;
        self.report(fields, events)?;
        if let Some(raw) = fields.take("delta") {
            let mut delta = Fields::of(raw, root.member("delta"))?;
            let stop = (delta.take("stop_reason"), delta.take("stop_sequence"));
            events.extend(
                delta.rest().filter(|(_, value)| value.get() != "null").map(|(name, value)| foreign(name, value)),
            );
            finish(stop.0, stop.1, events);
        }
        events
            .extend(fields.rest().filter(|(_, value)| value.get() != "null").map(|(name, value)| foreign(name, value)));
        Ok(())
    }
}

/// The end of the answer. Words that the canonical form folds into one are told beside it.
fn finish(reason: Option<&RawValue>, sequence: Option<&RawValue>, events: &mut Vec<Event>) {
    if let Some(sequence) = sequence {
        events.push(foreign("stop_sequence", sequence));
    }
    let Some(raw) = reason else { return };
    let word = crate::fields::as_text(raw).unwrap_or_default();
    let reason = finish_reason(&word);
    if reason == FinishReason::Other || word == "model_context_window_exceeded" {
        events.push(foreign("stop_reason", raw));
    }
    events.push(Event::Finish { choice: 0, reason });
}

fn push_text(text: Option<String>, event: impl FnOnce(String) -> Event, events: &mut Vec<Event>) {
    events.extend(text.filter(|text| !text.is_empty()).map(event));
}

fn is_empty_object(json: &str) -> bool {
    json.chars().filter(|c| !c.is_ascii_whitespace()).eq("{}".chars())
}

fn foreign(name: &str, value: &RawValue) -> Event {
    aside::foreign(NAME, Some(0), name, value)
}
