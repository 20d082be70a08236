//! The upstream calls of a request as text: they are read with their request and never asked for by themselves, so they
//! need no rows.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use steersman_core::{AttemptRecord, FinishReason, Timing, Usage, Usd};

use crate::name::Name;
use crate::rows::{AttemptRow, BodyRow};

/// One call, as it is written. What is unknown is left out.
#[derive(Serialize, Deserialize)]
pub(crate) struct Call<'a> {
    started_us: u64,
    provider: Cow<'a, str>,
    model: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    served: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finish: Option<Cow<'a, str>>,
    /// Input, cache read, cache write, output, reasoning.
    tokens: [Option<u64>; 5],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost_nanos: Option<i64>,
    /// Connect, first token.
    reached_us: [Option<u64>; 2],
    /// Hold, total.
    took_us: [u64; 2],
    reason: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent: Option<NameText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heard: Option<NameText>,
}

/// A name in hexadecimal digits.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct NameText(String);

impl NameText {
    fn of(name: Name) -> Self {
        Self(crate::rows::hex(name.as_bytes()))
    }

    fn name(&self) -> Option<Name> {
        let digits: Option<Vec<u8>> = (0..self.0.len() / 2)
            .map(|at| self.0.get(2 * at..2 * at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()))
            .collect();
        Name::read(&digits?)
    }
}

/// The names of what was sent upstream and of what was heard from there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallNames {
    pub(crate) sent: Option<Name>,
    pub(crate) heard: Option<Name>,
}

/// The calls as a JSON list; empty where there were none.
pub(crate) fn text_of(attempts: &[AttemptRecord], names: &[CallNames]) -> Vec<u8> {
    let calls: Vec<_> = attempts.iter().zip(names).map(|(attempt, names)| Call::of(attempt, names)).collect();
    if calls.is_empty() {
        return Vec::new();
    }
    // Numbers and texts: nothing in it can fail to be written.
    serde_json::to_vec(&calls).unwrap_or_default()
}

impl<'a> Call<'a> {
    fn of(attempt: &'a AttemptRecord, names: &CallNames) -> Self {
        let AttemptRecord { usage, timing, .. } = attempt;
        Self {
            started_us: attempt.started_us,
            provider: attempt.provider.as_str().into(),
            model: attempt.requested_model.as_str().into(),
            served: attempt.served_model.as_ref().map(|model| model.as_str().into()),
            id: attempt.response_id.as_deref().map(Cow::from),
            status: attempt.status,
            code: attempt.code.map(|code| code.name.into()),
            finish: attempt.finish_reason.map(|reason| finish_word(reason).into()),
            tokens: [
                usage.input_tokens,
                usage.cache_read_tokens,
                usage.cache_write_tokens,
                usage.output_tokens,
                usage.reasoning_tokens,
            ],
            cost_nanos: attempt.cost.map(Usd::nanos),
            reached_us: [timing.connect_us, timing.first_token_us],
            took_us: [timing.hold_us, timing.total_us],
            reason: attempt.reason.into(),
            sent: names.sent.map(NameText::of),
            heard: names.heard.map(NameText::of),
        }
    }

    /// What its bodies are called.
    pub(crate) fn names(&self) -> impl Iterator<Item = Name> {
        [&self.sent, &self.heard].into_iter().flatten().filter_map(NameText::name)
    }

    /// The row, with its bodies as `body` finds them.
    pub(crate) fn row(self, body: impl Fn(&Name) -> Option<BodyRow>) -> AttemptRow {
        let found = |name: Option<NameText>| name.and_then(|name| name.name()).and_then(|name| body(&name));
        let [input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens] = self.tokens;
        let ([connect_us, first_token_us], [hold_us, total_us]) = (self.reached_us, self.took_us);
        AttemptRow {
            started_us: self.started_us,
            provider: self.provider.into_owned(),
            requested_model: self.model.into_owned(),
            served_model: self.served.map(Cow::into_owned),
            response_id: self.id.map(Cow::into_owned),
            status: self.status,
            code: self.code.map(Cow::into_owned),
            finish_reason: self.finish.map(Cow::into_owned),
            usage: Usage { input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens },
            cost: self.cost_nanos.map(Usd::from_nanos),
            timing: Timing { connect_us, first_token_us, hold_us, total_us },
            reason: self.reason.into_owned(),
            request_body: found(self.sent),
            response_body: found(self.heard),
        }
    }
}

const fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Refusal => "refusal",
        FinishReason::Pause => "pause",
        FinishReason::Other => "other",
    }
}
