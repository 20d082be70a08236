//! The conversation of a run twice over: as its model sees it, and as it is.
//!
//! What an earlier answer was made from is put back for the guard alone: the model has the answer. With a reader the
//! model sees values and handles where somebody else's text stands, and the guard folds the results as they came and
//! the calls with their true arguments. Earlier answers of such a run are put back as the model wrote them; one that is
//! not known any more is not shown, since nobody can tell what it quotes.
//!
//! What never happens here: a text that only a handle may stand for in what the model sees.

use serde_json::Value;
use steersman_core::{ChatRequest, Message, Part, Role, ToolCall};
use steersman_wire::Dialect;

use super::kept_away::KeptAway;
use super::log::{Kept, Step};
use super::step::said;
use crate::reader::Handles;
use crate::refusal::Refusal;

/// The conversation so far.
pub(super) struct Views {
    /// What the model sees, with the tools it is offered.
    pub(super) shown: ChatRequest,
    /// What stands there; `None` where that is what the model sees.
    truth: Option<Vec<Message>>,
    /// What of the client's messages a reader stands before.
    kept_away: Option<KeptAway>,
    /// What the handles stand for.
    pub(super) handles: Handles,
    /// Whether an earlier answer was made from what is not known any more.
    pub(super) has_lost: bool,
}

impl Views {
    /// A conversation as the client sent it, with what it has not seen put back.
    pub(super) fn open(
        mut request: ChatRequest,
        hidden: Vec<Option<Vec<Step>>>,
        kept_away: Option<KeptAway>,
        dialect: &dyn Dialect,
    ) -> Result<Self, Refusal> {
        let messages = std::mem::take(&mut request.messages);
        let reads = kept_away.is_some();
        let is_answer = |message: &Message| !message.parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        let apart =
            reads || messages.iter().zip(&hidden).any(|(message, hidden)| hidden.is_some() && is_answer(message));
        let truth = apart.then(Vec::new);
        let mut views = Self { shown: request, truth, kept_away, handles: Handles::default(), has_lost: false };
        for (at, (message, hidden)) in messages.into_iter().zip(hidden).enumerate() {
            let seen = (!reads && is_answer(&message)).then(|| (views.shown.messages.len(), message.clone()));
            match hidden {
                Some(steps) => {
                    for step in steps {
                        let parts = said(dialect, step.answer.into(), None, None)?.parts;
                        views.said(parts);
                        views.told(step.results.as_deref().unwrap_or_default());
                    }
                    if let Some((before, message)) = seen {
                        views.shown.messages.truncate(before);
                        views.shown.messages.push(message);
                    }
                }
                None => views.push(at, message),
            }
        }
        Ok(views)
    }

    fn push(&mut self, at: usize, message: Message) {
        if let Some(truth) = &mut self.truth {
            truth.push(message.clone());
        }
        let shown = match &self.kept_away {
            Some(kept_away) => kept_away.shown(at, message, &mut self.handles),
            None => message,
        };
        self.shown.messages.push(shown);
    }

    /// The model's turn.
    pub(super) fn said(&mut self, parts: Vec<Part>) {
        if let Some(truth) = &mut self.truth {
            let mut parts = parts.clone();
            for part in &mut parts {
                if let Part::ToolCall(call) = part {
                    self.handles.fill_arguments(&mut call.arguments);
                }
            }
            truth.push(Message { role: Role::Assistant, parts });
        }
        self.shown.messages.push(Message { role: Role::Assistant, parts });
    }

    /// What its calls gave.
    pub(super) fn told(&mut self, results: &[Kept]) {
        let message = |result| Message { role: Role::Tool, parts: vec![Part::ToolResult(result)] };
        for kept in results {
            if let Some(truth) = &mut self.truth {
                truth.push(message(kept.to_result()));
            }
            self.handles.restore(kept.read.as_ref().map_or(&[], |read| &read.values));
            self.shown.messages.push(message(kept.to_shown()));
        }
    }

    /// The conversation as it is, for the guard; `None` where the model sees it.
    pub(super) fn truth(&self) -> Option<ChatRequest> {
        let messages = self.truth.clone()?;
        Some(ChatRequest { messages, ..self.shown.clone() })
    }

    /// An answer's text as the client gets it; `None` if there is no handle in it. A document stays one.
    pub(super) fn filled_answer(&self, text: &str) -> Option<String> {
        match serde_json::from_str::<Value>(text) {
            Ok(mut value @ (Value::Object(_) | Value::Array(_))) => {
                self.handles.fill_value(&mut value).then(|| value.to_string())
            }
            _ => self.handles.fill(text),
        }
    }

    /// The calls as they are made.
    pub(super) fn filled(&self, mut calls: Vec<ToolCall>) -> Vec<ToolCall> {
        calls.iter_mut().for_each(|call| self.handles.fill_arguments(&mut call.arguments));
        calls
    }
}
