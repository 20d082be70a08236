//! Responses, whole or streamed, to events.

use serde_json::value::RawValue;
use steersman_core::Event;

use super::facts::finish_reason;
use super::usage::WireUsage;
use super::{NAME, decode, error, seal};
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
    let mut decoder = ResponsesAnswerDecoder::default();
    let mut response = Fields::document(body)?;
    let root = response.path;
    let mut events = Vec::new();
    decoder.start(&mut response, &mut events)?;
    let list = root.member("output");
    for (i, raw) in response.take("output").into_iter().flat_map(elements).enumerate() {
        decoder.item(raw, list.element(i), &mut events)?;
    }
    decoder.end(&mut response, &mut events)?;
    Ok(events)
}

/// Reads a streamed answer, event by event.
#[derive(Debug, Default)]
pub struct ResponsesAnswerDecoder {
    started: bool,
    refused: bool,
    /// The calls so far: their place in the output, and whether their arguments came in pieces.
    calls: Vec<(u64, bool)>,
    /// Places of the output whose text came in pieces.
    spoken: Vec<u64>,
    failed: bool,
}

impl AnswerDecoder for ResponsesAnswerDecoder {
    fn frame(&mut self, event: Option<&[u8]>, data: &[u8]) -> Result<Vec<Event>, DecodeError> {
        let mut events = Vec::new();
        if data.trim_ascii() == b"[DONE]" {
            return Ok(events);
        }
        let mut fields = Fields::document(data)?;
        let kind = fields.string("type")?;
        let kind = kind.or_else(|| event.map(|name| String::from_utf8_lossy(name).into_owned())).unwrap_or_default();
        let place = fields.unsigned("output_index")?.unwrap_or(0);
        match kind.as_str() {
            "response.created" => {
                let root = fields.path;
                let mut response = Fields::of(fields.required("response")?, root.member("response"))?;
                self.start(&mut response, &mut events)?;
            }
            "response.output_item.added" => self.added(&mut fields, place, &mut events)?,
            "response.output_item.done" => self.ended(&mut fields, place, &mut events)?,
            "response.output_text.delta" => {
                self.spoke(place);
                events.extend(fields.string("delta")?.map(|text| Event::Text { choice: 0, text }));
            }
            "response.refusal.delta" => {
                self.refused = true;
                self.spoke(place);
                events.extend(fields.string("delta")?.map(|text| Event::Refusal { choice: 0, text }));
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.spoke(place);
                events.extend(fields.string("delta")?.map(|text| Event::Reasoning { choice: 0, text }));
            }
            "response.reasoning_summary_part.added" if fields.unsigned("summary_index")?.is_some_and(|at| at > 0) => {
                events.push(Event::Reasoning { choice: 0, text: "\n\n".to_owned() });
            }
            "response.function_call_arguments.delta" => self.arguments(&mut fields, place, &mut events)?,
            "response.output_text.annotation.added" => {
                events.extend(fields.take("annotation").map(|value| foreign("annotation", value)));
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                let root = fields.path;
                let mut response = Fields::of(fields.required("response")?, root.member("response"))?;
                self.end(&mut response, &mut events)?;
            }
            "error" => events.push(self.failure(data)),
            // Everything else repeats what was told, or tells of a tool of the provider's own whose item comes whole.
            _ => {}
        }
        Ok(events)
    }
}

impl ResponsesAnswerDecoder {
    fn start(&mut self, response: &mut Fields<'_, '_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let (id, model) = (response.string("id")?, response.string("model")?);
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start { id: id.unwrap_or_default(), model: model.unwrap_or_default() });
        }
        Ok(())
    }

    fn spoke(&mut self, place: u64) {
        if self.spoken.last() != Some(&place) {
            self.spoken.push(place);
        }
    }

    fn added(&mut self, fields: &mut Fields<'_, '_>, place: u64, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let root = fields.path;
        let mut item = Fields::of(fields.required("item")?, root.member("item"))?;
        if item.string("type")?.as_deref() == Some("function_call") {
            self.call(&mut item, place, events)?;
        }
        Ok(())
    }

    /// Opens a call. Arguments that are there already are told.
    fn call(&mut self, item: &mut Fields<'_, '_>, place: u64, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let index = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let (id, name) = (item.string("call_id")?.unwrap_or_default(), item.string("name")?.unwrap_or_default());
        events.push(Event::ToolCall { choice: 0, index, id, name });
        let text = item.string("arguments")?.unwrap_or_default();
        self.calls.push((place, !text.is_empty()));
        if !text.is_empty() {
            events.push(Event::ToolArguments { choice: 0, index, text });
        }
        Ok(())
    }

    fn arguments(
        &mut self,
        fields: &mut Fields<'_, '_>,
        place: u64,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        let found = (0u32..).zip(&mut self.calls).find(|(_, (known, _))| *known == place);
        if let (Some((index, (_, told))), Some(text)) = (found, fields.string("delta")?) {
            *told = true;
            events.push(Event::ToolArguments { choice: 0, index, text });
        }
        Ok(())
    }

    /// An item is complete: whatever of it did not come in pieces is told now.
    fn ended(&mut self, fields: &mut Fields<'_, '_>, place: u64, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let root = fields.path;
        let raw = fields.required("item")?;
        let mut item = Fields::of(raw, root.member("item"))?;
        let kind = item.string("type")?.unwrap_or_default();
        match kind.as_str() {
            "function_call" => {
                let known = self.calls.iter().position(|(known, _)| *known == place);
                match known.and_then(|index| self.calls.get_mut(index).map(|call| (index, call))) {
                    None => self.call(&mut item, place, events)?,
                    Some((_, (_, true))) => {}
                    Some((index, (_, told))) => {
                        *told = true;
                        let index = u32::try_from(index).unwrap_or(u32::MAX);
                        let text = item.string("arguments")?.filter(|text| !text.is_empty());
                        events.extend(text.map(|text| Event::ToolArguments { choice: 0, index, text }));
                    }
                }
            }
            "message" if self.spoken.contains(&place) => {}
            "reasoning" if self.spoken.contains(&place) => {
                let (id, encrypted) = (item.string("id")?, item.string("encrypted_content")?);
                seal_event(id, encrypted, events);
            }
            _ => self.item(raw, root.member("item"), events)?,
        }
        Ok(())
    }

    /// A whole item.
    fn item(&mut self, raw: &RawValue, path: Path<'_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let mut item = Fields::of(raw, path)?;
        match item.string("type")?.unwrap_or_default().as_str() {
            "message" => {
                let list = path.member("content");
                for (i, raw) in item.array("content")?.into_iter().flatten().enumerate() {
                    self.part(Fields::of(raw, list.element(i))?, events)?;
                }
            }
            "function_call" => self.call(&mut item, u64::MAX, events)?,
            "reasoning" => {
                let text = decode::thought(&mut item)?;
                if !text.is_empty() {
                    events.push(Event::Reasoning { choice: 0, text });
                }
                let (id, encrypted) = (item.string("id")?, item.string("encrypted_content")?);
                seal_event(id, encrypted, events);
            }
            _ => events.push(foreign(WHOLE_PART, raw)),
        }
        Ok(())
    }

    fn part(&mut self, mut part: Fields<'_, '_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if let Some(text) = part.string("text")?.filter(|text| !text.is_empty()) {
            events.push(Event::Text { choice: 0, text });
        }
        if let Some(text) = part.string("refusal")? {
            self.refused = true;
            events.push(Event::Refusal { choice: 0, text });
        }
        let annotations = part.take("annotations").into_iter().flat_map(elements);
        events.extend(annotations.map(|value| foreign("annotation", value)));
        Ok(())
    }

    fn end(&mut self, response: &mut Fields<'_, '_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.start(response, events)?;
        let root = response.path;
        let status = response.string("status")?.unwrap_or_default();
        let why = match response.take("incomplete_details") {
            Some(raw) => Fields::of(raw, root.member("incomplete_details"))?.string("reason")?.unwrap_or_default(),
            None => String::new(),
        };
        if let Some(raw) = response.take("error")
            && !std::mem::replace(&mut self.failed, true)
        {
            let error = error::read(raw);
            events.push(Event::Error { kind: error.kind, message: error.message });
        }
        if let Some(reason) = finish_reason(&status, &why, !self.calls.is_empty(), self.refused) {
            events.push(Event::Finish { choice: 0, reason });
        }
        if let Some(raw) = response.take("usage") {
            let usage: Result<WireUsage, _> = serde_json::from_str(raw.get());
            let usage = usage.map_err(|_| root.member("usage").wrong_type("a usage object", raw))?;
            events.push(Event::Usage(usage.into_canonical()));
        }
        events.push(Event::Done);
        Ok(())
    }

    fn failure(&mut self, data: &[u8]) -> Event {
        self.failed = true;
        let raw = std::str::from_utf8(data).ok().and_then(|text| serde_json::from_str(text).ok());
        let error = raw.map(error::read).unwrap_or_default();
        Event::Error { kind: error.kind, message: error.message }
    }
}

fn seal_event(id: Option<String>, encrypted: Option<String>, events: &mut Vec<Event>) {
    if encrypted.is_some() {
        let sealed = seal::open(id, String::new(), encrypted);
        events.push(Event::ReasoningSeal { choice: 0, signature: sealed.signature, redacted: sealed.redacted });
    }
}

fn foreign(name: &str, value: &RawValue) -> Event {
    aside::foreign(NAME, Some(0), name, value)
}
