//! What the other arms would have answered: the request is read back from its record and put to each of them.
//!
//! What never happens here: tools that run, a byte for a client, a grade.

use std::time::Duration;

use steersman_core::{ChatRequest, RequestRecord, Usd};
use steersman_engine::{Aside, ask_aside, is_usable, last_question, short_answer};
use steersman_wire::{Answer, dialect, sse::SseDecoder};

use crate::labels::{Cell, Row};
use crate::objectives::ObjectiveSettings;

/// The largest frame of a recorded stream.
const MAX_FRAME_BYTES: usize = 4 << 20;
/// The longest text that is kept with a label: as much as a router reads.
const MAX_TEXT_BYTES: usize = 4_096;

/// A finished request, as far as a label needs it.
pub(crate) struct Served {
    /// What a router may see.
    pub(crate) text: String,
    request: ChatRequest,
    /// The arm whose answer the client got, where the route's note says it.
    arm: Option<String>,
    cell: Cell,
}

impl Served {
    /// Whether a candidate's answer was good enough to be released; `None` where none was asked.
    pub(crate) fn candidate_valid(&self, reference: &str) -> Option<bool> {
        self.arm.as_ref().filter(|arm| *arm != reference).map(|_| self.cell.valid)
    }
}

/// Reads a record. `None` if it is not of a dialect that this build knows.
pub(crate) fn served(record: &RequestRecord, pointer: Option<&str>) -> Option<Served> {
    let dialect = dialect(record.protocol)?;
    let request = dialect.decode_request(&record.request_body).ok()?;
    let answer = read_answer(dialect, record)?;
    let mut text = last_question(&request.messages).to_owned();
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    let attempt = record.attempts.last();
    let cell = Cell {
        quality: None,
        cost_usd: attempt.and_then(|attempt| attempt.cost).map(Usd::as_f64),
        answer: short_answer(&answer, pointer),
        valid: is_usable(&answer),
        latency_ms: attempt.map(|attempt| attempt.timing.total_us as f32 / 1e3),
        reasoning_tokens: attempt
            .and_then(|attempt| attempt.usage.reasoning_tokens)
            .and_then(|n| u32::try_from(n).ok()),
    };
    Some(Served { text, request, arm: answered_by(record), cell })
}

/// The arm that the route's note names.
fn answered_by(record: &RequestRecord) -> Option<String> {
    let note = record.notes.iter().find(|note| note.room == "route")?;
    let content: serde_json::Value = serde_json::from_str(&note.content).ok()?;
    content.get("answered")?.as_str().map(str::to_owned)
}

fn read_answer(dialect: &'static dyn steersman_wire::Dialect, record: &RequestRecord) -> Option<Answer> {
    if !record.streamed {
        return Some(Answer::collect(&dialect.decode_answer(&record.response_body).ok()?));
    }
    let (mut frames, mut decoder, mut answer) =
        (SseDecoder::new(MAX_FRAME_BYTES), dialect.answer_decoder(), Answer::default());
    frames.push(record.response_body.clone());
    while let Some(frame) = frames.next_frame().ok()? {
        if let Some(data) = frame.data() {
            decoder.frame(frame.event(), data).ok()?.iter().for_each(|event| answer.push(event));
        }
    }
    Some(answer)
}

/// What the shadow calls gave.
pub(crate) struct Gathered {
    /// The ungraded label; `None` if an arm gave no answer at all.
    pub(crate) row: Option<Row>,
    /// What the calls cost, as far as it is known.
    pub(crate) spent: Usd,
}

/// Asks every arm but the one that answered. The reference is asked last: without the others it would be wasted.
pub(crate) async fn gather(
    record: &RequestRecord,
    served: Served,
    settings: &ObjectiveSettings,
    limit: Duration,
) -> Gathered {
    let mut gathered = Gathered { row: None, spent: Usd::ZERO };
    let mut arms = Vec::with_capacity(settings.arms.len());
    for (name, candidate) in &settings.arms {
        let cell = if served.arm.as_ref() == Some(name) {
            served.cell.clone()
        } else {
            match ask_aside(candidate, &served.request, limit).await {
                Ok(aside) => {
                    gathered.spent = [Some(gathered.spent), aside.cost].into_iter().flatten().sum();
                    cell(&aside, settings.answer.as_deref())
                }
                Err(error) => {
                    tracing::debug!(%error, arm = %name, request = %record.id, "a shadow call gave no answer");
                    return gathered;
                }
            }
        };
        arms.push((name.clone(), cell));
    }
    gathered.row = Some(Row {
        id: record.id.to_string(),
        task: record.task.to_string(),
        text: served.text,
        arms,
        propensity: settings.shadow_share,
    });
    gathered
}

fn cell(aside: &Aside, pointer: Option<&str>) -> Cell {
    let thought = aside.answer.usage.and_then(|usage| usage.reasoning_tokens);
    Cell {
        quality: None,
        cost_usd: aside.cost.map(Usd::as_f64),
        answer: short_answer(&aside.answer, pointer),
        valid: is_usable(&aside.answer),
        latency_ms: Some(aside.took.as_secs_f32() * 1e3),
        reasoning_tokens: thought.and_then(|n| u32::try_from(n).ok()),
    }
}
