//! Gemini answers, whole or streamed, to events.

use serde_json::value::RawValue;
use steersman_core::{Event, FinishReason};

use super::usage::{COUNTS, WireUsage};
use super::{NAME, OWN_ID, finish_reason, finish_word, is_failure, seal};
use crate::answer::{AnswerDecoder, WHOLE_PART};
use crate::aside::{self, Told};
use crate::error::DecodeError;
use crate::fields::{Fields, Path, as_text};

/// Reads an answer that was not streamed.
///
/// # Errors
/// [`DecodeError`], with the member at fault.
pub fn decode_answer(body: &[u8]) -> Result<Vec<Event>, DecodeError> {
    let mut decoder = GeminiAnswerDecoder::default();
    let mut events = decoder.frame(None, body)?;
    if !matches!(events.last(), Some(Event::Done | Event::Error { .. })) {
        events.push(Event::Done);
    }
    Ok(events)
}

/// Reads a streamed answer, chunk by chunk.
#[derive(Debug, Default)]
pub struct GeminiAnswerDecoder {
    id: String,
    started: bool,
    done: bool,
    candidates: Vec<Candidate>,
    told: Told,
}

#[derive(Debug, Default)]
struct Candidate {
    calls: u32,
    ended: bool,
}

impl AnswerDecoder for GeminiAnswerDecoder {
    fn frame(&mut self, _event: Option<&[u8]>, data: &[u8]) -> Result<Vec<Event>, DecodeError> {
        let mut events = Vec::new();
        let mut chunk = Fields::document(data)?;
        let root = chunk.path;
        if let Some(raw) = chunk.take("error") {
            events.push(aside::error(raw, "status"));
            return Ok(events);
        }
        let (id, model) = (chunk.string("responseId")?, chunk.string("modelVersion")?);
        if !std::mem::replace(&mut self.started, true) {
            self.id = id.unwrap_or_default();
            events.push(Event::Start { id: self.id.clone(), model: model.unwrap_or_default() });
        }
        let list = root.member("candidates");
        for (i, raw) in chunk.array("candidates")?.into_iter().flatten().enumerate() {
            self.candidate(Fields::of(raw, list.element(i))?, i, &mut events)?;
        }
        self.feedback(&mut chunk, &mut events)?;
        if let Some(raw) = chunk.take("usageMetadata") {
            self.usage(raw, root.member("usageMetadata"), &mut events)?;
        }
        for (name, value) in chunk.rest() {
            self.tell(None, name, value, &mut events);
        }
        if !self.done && !self.candidates.is_empty() && self.candidates.iter().all(|candidate| candidate.ended) {
            self.done = true;
            events.push(Event::Done);
        }
        Ok(events)
    }
}

impl GeminiAnswerDecoder {
    /// A prompt that was refused has no candidates, and its reason stands in the feedback.
    fn feedback(&mut self, chunk: &mut Fields<'_, '_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let root = chunk.path;
        let Some(raw) = chunk.take("promptFeedback") else { return Ok(()) };
        let mut feedback = Fields::of(raw, root.member("promptFeedback"))?;
        self.tell(None, "promptFeedback", raw, events);
        if feedback.string("blockReason")?.is_some() && self.candidates.is_empty() {
            self.candidates.push(Candidate { calls: 0, ended: true });
            events.push(Event::Finish { choice: 0, reason: FinishReason::ContentFilter });
        }
        Ok(())
    }

    /// Counts, and what is said beyond them.
    fn usage(&mut self, raw: &RawValue, path: Path<'_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let usage: WireUsage = serde_json::from_str(raw.get()).map_err(|_| path.wrong_type("a usage object", raw))?;
        events.push(Event::Usage(usage.canonical()));
        let mut rest = Fields::of(raw, path)?;
        for count in COUNTS {
            rest.take(count);
        }
        for (name, value) in rest.rest() {
            self.tell(None, &format!("usageMetadata.{name}"), value, events);
        }
        Ok(())
    }

    fn candidate(
        &mut self,
        mut fields: Fields<'_, '_>,
        position: usize,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        let index = fields.unsigned("index")?.and_then(|index| usize::try_from(index).ok()).unwrap_or(position);
        let slot = aside::slot(&mut self.candidates, index);
        let (path, choice) = (fields.path, u32::try_from(index).unwrap_or(u32::MAX));
        if let Some(raw) = fields.take("content") {
            let content_path = path.member("content");
            let mut content = Fields::of(raw, content_path)?;
            content.take("role");
            let list = content_path.member("parts");
            for (i, raw) in content.array("parts")?.into_iter().flatten().enumerate() {
                self.part(raw, list.element(i), slot, choice, events)?;
            }
        }
        let finish = fields.take("finishReason");
        if let Some(word) = finish.and_then(as_text).filter(|word| is_failure(word)) {
            let message = fields.string("finishMessage")?.unwrap_or_else(|| word.clone().into_owned());
            events.push(Event::Error { kind: word.into_owned(), message });
            self.candidates.get_mut(slot).into_iter().for_each(|candidate| candidate.ended = true);
            return Ok(());
        }
        for (name, value) in fields.rest() {
            self.tell(Some(choice), name, value, events);
        }
        if let (Some(raw), Some(candidate)) = (finish, self.candidates.get_mut(slot)) {
            let word = as_text(raw).unwrap_or_default();
            let reason = finish_reason(&word, candidate.calls > 0);
            candidate.ended = true;
            if finish_word(reason) != word {
                events.push(foreign(Some(choice), "finishReason", raw));
            }
            events.push(Event::Finish { choice, reason });
        }
        Ok(())
    }

    fn part(
        &mut self,
        raw: &RawValue,
        path: Path<'_>,
        slot: usize,
        choice: u32,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        let mut part = Fields::of(raw, path)?;
        let signature = part.string("thoughtSignature")?.filter(|signature| !signature.is_empty());
        if part.boolean("thought")?.unwrap_or(false) {
            let text = part.string("text")?.unwrap_or_default();
            if !text.is_empty() {
                events.push(Event::Reasoning { choice, text });
            }
            if signature.is_some() {
                let thought = seal::open_thought(String::new(), signature);
                let (signature, redacted) = (thought.signature, thought.redacted);
                events.push(Event::ReasoningSeal { choice, signature, redacted });
            }
            return Ok(());
        }
        if let Some(signature) = signature {
            let signature = Some(seal::open_next(&signature));
            events.push(Event::ReasoningSeal { choice, signature, redacted: None });
        }
        if let Some(raw) = part.take("functionCall") {
            let mut call = Fields::of(raw, path.member("functionCall"))?;
            let index = self.candidates.get_mut(slot).map_or(0, |candidate| {
                candidate.calls += 1;
                candidate.calls - 1
            });
            let given = call.string("id")?.filter(|id| !id.is_empty());
            let id = given.unwrap_or_else(|| format!("{OWN_ID}{index}_{}", self.id));
            events.push(Event::ToolCall { choice, index, id, name: call.required_string("name")? });
            let text = call.take("args").map_or_else(|| "{}".to_owned(), |args| args.get().to_owned());
            events.push(Event::ToolArguments { choice, index, text });
        } else if let Some(text) = part.string("text")? {
            if !text.is_empty() {
                events.push(Event::Text { choice, text });
            }
        } else if part.rest().next().is_some() {
            events.push(foreign(Some(choice), WHOLE_PART, raw));
        }
        Ok(())
    }

    /// Tells a member that is not modelled, once for each value.
    fn tell(&mut self, choice: Option<u32>, name: &str, value: &RawValue, events: &mut Vec<Event>) {
        if self.told.is_new(choice, name, value) {
            events.push(foreign(choice, name, value));
        }
    }
}

fn foreign(choice: Option<u32>, name: &str, value: &RawValue) -> Event {
    aside::foreign(NAME, choice, name, value)
}
