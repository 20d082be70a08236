//! Answers that are to be forgotten before their time, at an operator's word.
//!
//! A purge covers what was asked before it, wherever that answer is kept or still under way: each gateway heeds the
//! last purges whenever it looks for an answer, so that one that comes back from a disk or a late write is not given
//! either.
//!
//! What never happens here: an answer that was asked after a purge is forgotten by it.

use serde::{Deserialize, Serialize};

use super::KeptAnswer;

/// All answers, those of a task, those of a model, or those of a task by a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// When it was said, in microseconds since the Unix epoch.
    pub at_us: i64,
    /// The task; `None`: any.
    pub task: Option<String>,
    /// The model, as `provider/model` or by the provider's name of it alone; `None`: any.
    pub model: Option<String>,
}

impl Purge {
    /// Whether it covers this answer.
    #[must_use]
    pub fn covers(&self, answer: &KeptAnswer) -> bool {
        let is_task = self.task.as_ref().is_none_or(|task| *task == answer.task);
        let is_model = self.model.as_ref().is_none_or(|model| {
            *model == answer.model || answer.model.split_once('/').is_some_and(|(_, name)| name == model)
        });
        answer.asked_at_us <= self.at_us && is_task && is_model
    }
}
