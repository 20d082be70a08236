//! The facts of responses events and bodies: typed, borrowed, everything else skipped.

use serde::Deserialize;
use steersman_core::FinishReason;

use super::usage::WireUsage;
use crate::facts::{ErrorFacts, FactsReader, FrameFacts, Text, WireError};

/// Reads the facts of one response. It remembers whether a call or a refusal was told: the end says `completed` for
/// both.
#[derive(Debug, Default)]
pub struct ResponsesFacts {
    called: bool,
    refused: bool,
}

impl FactsReader for ResponsesFacts {
    fn frame<'a>(&mut self, data: &'a [u8]) -> Option<FrameFacts<'a>> {
        let said: Said<'a> = serde_json::from_slice(data).ok()?;
        let kind = said.kind.0.unwrap_or_default();
        let mut facts = FrameFacts::default();
        match &*kind {
            "response.output_item.added" | "response.output_item.done" => {
                self.called |= said.item.is_some_and(|item| item.is_call());
                facts.has_content = self.called;
            }
            "response.refusal.delta" => {
                self.refused = true;
                (facts.has_content, facts.has_refusal) = (true, true);
            }
            "error" => {
                facts.error = Some(ErrorFacts {
                    kind: said.code.0.unwrap_or_default(),
                    message: said.message.0.unwrap_or_default(),
                });
            }
            _ => facts.has_content = kind.ends_with(".delta"),
        }
        if let Some(response) = said.response {
            self.response(response, &mut facts);
            facts.done = matches!(&*kind, "response.completed" | "response.incomplete" | "response.failed");
        }
        Some(facts)
    }

    fn body<'a>(&mut self, body: &'a [u8]) -> Option<FrameFacts<'a>> {
        let response: Response<'a> = serde_json::from_slice(body).ok()?;
        let mut facts = FrameFacts { has_content: !response.output.is_empty(), ..FrameFacts::default() };
        self.response(response, &mut facts);
        facts.has_refusal = self.refused;
        Some(facts)
    }
}

impl ResponsesFacts {
    fn response<'a>(&mut self, response: Response<'a>, facts: &mut FrameFacts<'a>) {
        for item in &response.output {
            self.called |= item.is_call();
            self.refused |= item.content.iter().flatten().any(|part| part.kind.0.as_deref() == Some("refusal"));
        }
        let status = response.status.0.unwrap_or_default();
        let why = response.incomplete_details.and_then(|details| details.reason.0).unwrap_or_default();
        if let Some(reason) = finish_reason(&status, &why, self.called, self.refused) {
            facts.finishes.push((0, reason));
        }
        (facts.id, facts.model) = (response.id.0, response.model.0);
        facts.usage = response.usage.map(WireUsage::into_canonical);
        facts.error = response.error.map(WireError::facts);
    }
}

/// The canonical reason of an ended response; `None` while it goes on, and for one that failed.
pub(super) fn finish_reason(status: &str, why: &str, called: bool, refused: bool) -> Option<FinishReason> {
    match (status, why) {
        ("completed", _) if refused => Some(FinishReason::Refusal),
        ("completed", _) if called => Some(FinishReason::ToolCalls),
        ("completed", _) => Some(FinishReason::Stop),
        ("incomplete", "max_output_tokens") => Some(FinishReason::Length),
        ("incomplete", "content_filter") => Some(FinishReason::ContentFilter),
        ("incomplete", _) => Some(FinishReason::Other),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    response: Option<Response<'a>>,
    #[serde(borrow, default)]
    item: Option<Item<'a>>,
    #[serde(borrow, default)]
    code: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    output: Vec<Item<'a>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(borrow, default)]
    incomplete_details: Option<Details<'a>>,
    #[serde(borrow, default)]
    error: Option<WireError<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    content: Option<Vec<Part<'a>>>,
}

impl Item<'_> {
    fn is_call(&self) -> bool {
        self.kind.0.as_deref() == Some("function_call")
    }
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
}

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow, default)]
    reason: Text<'a>,
}
