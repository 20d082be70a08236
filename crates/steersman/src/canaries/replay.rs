//! One replay: a request through the whole pipeline, and what its record says of the model's first words.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;
use steersman_core::{Note, Part, Recorder, RequestId, RequestRecord};
use steersman_engine::{Engine, Inbound};
use steersman_structured::{Conditions, Difference, Outline, Reading, read};
use steersman_wire::{Answer, openai_chat};

use super::Input;

/// Keeps the record of one request until it was looked at.
#[derive(Default)]
struct Kept(Mutex<Option<RequestRecord>>);

impl Recorder for Kept {
    fn record(&self, record: RequestRecord) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(record);
    }
}

/// An answer to a fixed input.
pub(super) struct Replayed {
    record: RequestRecord,
    /// The version of the model that answered.
    pub(super) served: String,
    /// The outline of what it said first, or why there is none.
    pub(super) outline: Result<Outline, String>,
    /// Whether the request ended with a valid value that needed no repair.
    pub(super) is_valid: bool,
}

/// Puts an input to its task.
pub(super) async fn replay(engine: &Engine, task: &str, input: &Input, now_us: i64) -> Option<Replayed> {
    let mut body = input.body.clone();
    body.insert("model".to_owned(), format!("task/{task}").into());
    let id = RequestId::new(u64::try_from(now_us / 1_000).unwrap_or(0));
    let asked = Inbound::new(id, now_us, &openai_chat::OpenAiChat, Bytes::from(Value::Object(body).to_string()));
    // An answer that was kept says nothing of the model of today.
    let inbound = Inbound { cache: Some("off".to_owned()), ..asked };
    let kept = Arc::new(Kept::default());
    drop(engine.clone().recorded_by(Arc::clone(&kept) as _).serve(inbound).await);
    let record = kept.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    let first = record.attempts.iter().find(|attempt| attempt.status.is_some_and(|status| status < 400));
    let served = first.and_then(|first| first.served_model.as_ref()).map(ToString::to_string).unwrap_or_default();
    let schema = input.body.get("response_format").and_then(|format| format.pointer("/json_schema/schema"));
    let outline = said_first(engine, &record).and_then(|text| match read(&text, None, Conditions::default()) {
        Reading::Accepted(accepted) => Ok(Outline::of(accepted.document(), schema)),
        Reading::Rejected(rejected) => {
            Err(rejected.violations.first().map_or_else(String::new, |first| first.message.clone()))
        }
        Reading::Refused(_) => Err("the model declined".to_owned()),
        Reading::Truncated(_) => Err("the answer was cut".to_owned()),
    });
    let repaired =
        record.notes.iter().any(|note| note.room == "structured" && !note.content.contains("\"repairs\":[]"));
    let is_valid = record.code.is_none() && record.attempts.len() == 1 && !repaired;
    Some(Replayed { record, served, outline, is_valid })
}

/// The text of the first answer, before anything was done to it.
fn said_first(engine: &Engine, record: &RequestRecord) -> Result<String, String> {
    let failed = || record.code.map_or("there was no answer", |code| code.name).to_owned();
    let first = record.attempts.iter().find(|attempt| attempt.status.is_some_and(|status| status < 400));
    let first = first.ok_or_else(failed)?;
    let client: &'static dyn steersman_wire::Dialect = &openai_chat::OpenAiChat;
    // A body that was kept is the provider's; one that was not is the client's own.
    let (dialect, body) = match &first.response_body {
        Some(body) => (engine.dialect_of(&first.provider).unwrap_or(client), body),
        None => (client, &record.response_body),
    };
    let events = dialect.decode_answer(body).map_err(|error| error.to_string())?;
    let answer = Answer::collect(&events);
    let parts = answer.choices.first().map(|choice| choice.parts.as_slice()).unwrap_or_default();
    let texts = parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None });
    Ok(texts.collect())
}

impl Replayed {
    pub(super) fn request(&self) -> String {
        self.record.id.to_string()
    }

    /// What it cost, in nano-dollars, as far as that is known.
    pub(super) fn nanos(&self) -> i64 {
        self.record.cost.map_or(0, |cost| cost.nanos())
    }

    /// Records it, with what was found.
    pub(super) fn record(self, recorder: &dyn Recorder, task: &str, input: &str, cause: &str, found: &[Difference]) {
        let mut record = self.record;
        record.task = format!("canary/{task}").as_str().into();
        let note = serde_json::json!({ "input": input, "cause": cause, "served": self.served, "differences": found });
        record.notes.push(Note { room: "canary", content: note.to_string() });
        recorder.record(record);
    }
}
