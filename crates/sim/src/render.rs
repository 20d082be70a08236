//! A composed answer in the bytes of a dialect.

use bytes::Bytes;
use steersman_wire::{Answer, AnswerOptions, Dialect};

use crate::bill::Charge;
use crate::compose::Composed;

/// Bytes that leave together, and the visible tokens in them.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    pub(crate) tokens: u64,
}

/// An answer that is ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    pub(crate) frames: Vec<Frame>,
    pub(crate) charge: Charge,
    pub(crate) streamed: bool,
}

/// Writes a streamed answer, one frame for each step that says something.
pub(crate) fn streamed(dialect: &dyn Dialect, composed: &Composed, options: AnswerOptions) -> Rendered {
    let mut encoder = dialect.answer_encoder(options);
    let mut frames = Vec::with_capacity(composed.steps.len());
    for step in &composed.steps {
        let mut bytes = Vec::new();
        step.events.iter().for_each(|event| encoder.event(event, &mut bytes));
        if !bytes.is_empty() {
            frames.push(Frame { bytes: bytes.into(), tokens: step.tokens });
        }
    }
    Rendered { frames, charge: composed.charge, streamed: true }
}

/// Writes a whole answer as one frame.
pub(crate) fn whole(dialect: &dyn Dialect, composed: &Composed, options: &AnswerOptions) -> Rendered {
    let events = composed.steps.iter().flat_map(|step| &step.events);
    let body = dialect.encode_answer(&Answer::collect(events), options).body;
    let frames = vec![Frame { bytes: body.into(), tokens: composed.charge.visible }];
    Rendered { frames, charge: composed.charge, streamed: false }
}

/// The same with what every token's log-probability is told to be, in OpenAI's chat format.
pub(crate) fn telling(rendered: &mut Rendered, likelihood: f64) {
    for frame in &mut rendered.frames {
        let Ok(mut body) = serde_json::from_slice::<serde_json::Value>(&frame.bytes) else { continue };
        let token = serde_json::json!({ "token": "t", "logprob": likelihood, "bytes": null, "top_logprobs": [] });
        let told = serde_json::json!({ "content": vec![token; usize::try_from(frame.tokens.max(1)).unwrap_or(1)] });
        for choice in body.get_mut("choices").and_then(serde_json::Value::as_array_mut).into_iter().flatten() {
            if let Some(choice) = choice.as_object_mut() {
                choice.insert("logprobs".to_owned(), told.clone());
            }
        }
        frame.bytes = body.to_string().into();
    }
}
