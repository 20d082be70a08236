//! Canaries: fixed inputs of a task, replayed when their time has come or a model serves under a version that they have
//! not seen, and the outlines of the answers compared with the confirmed ones.
//!
//! A replay is a request like any other: routed, retried, judged, priced and recorded, under the task `canary/NAME`,
//! with a note of what was found. What is compared is what the model said first, before any repair: a renamed key is
//! seen on the day it comes, not when its repairs have become many. Off until a task names a file; bounded by an amount
//! a day.
//!
//! What never happens here: a confirmed outline that nobody confirmed, but for the first answer that its schema
//! accepts; a replay that the day's amount does not cover.

mod replay;
mod rounds;
mod stored;

use serde_json::{Map, Value};
use steersman_core::Usd;

use crate::config::Config;

pub(crate) use rounds::Rounds;
pub(crate) use stored::{CanaryError, StoredCanary, ask, asked, canaries, confirm};

/// When canaries are replayed, and what that may cost.
#[derive(Debug, Clone, Default)]
pub(crate) struct CanarySettings {
    /// Between two replays of a task's inputs.
    pub(crate) every: std::time::Duration,
    /// For the replays of all tasks in a day (UTC).
    pub(crate) usd_per_day: Usd,
    /// Tasks with inputs.
    pub(crate) tasks: Vec<(String, Vec<Input>)>,
}

impl CanarySettings {
    /// Those of a configuration.
    pub(crate) fn of(config: &Config) -> Self {
        let with_inputs = config.tasks.iter().filter(|task| !task.canaries.is_empty());
        let tasks = with_inputs.map(|task| (task.name.clone(), task.canaries.clone())).collect();
        let (every, usd_per_day) = config.canary_limits;
        Self { every, usd_per_day, tasks }
    }
}

/// One fixed input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    /// Its name within the task.
    pub(crate) id: String,
    /// A chat request without its model.
    pub(crate) body: Map<String, Value>,
}

/// Reads a file of inputs: a line each, with `id` and `messages`, perhaps `response_format` and other members of a chat
/// request.
pub(crate) fn inputs(text: &str) -> Result<Vec<Input>, String> {
    let mut inputs: Vec<Input> = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |what: &str| format!("line {}: {what}", number + 1);
        let mut body: Map<String, Value> = serde_json::from_str(line).map_err(|error| wrong(&error.to_string()))?;
        let id = body.remove("id").and_then(|id| id.as_str().map(str::to_owned));
        let id = id.filter(|id| !id.is_empty() && id.len() <= 100).ok_or_else(|| wrong("`id` is missing"))?;
        if !body.get("messages").is_some_and(Value::is_array) {
            return Err(wrong("`messages` is missing"));
        }
        if inputs.iter().any(|known| known.id == id) {
            return Err(wrong(&format!("the id `{id}` stands twice")));
        }
        for member in ["model", "stream", "stream_options"] {
            body.remove(member);
        }
        inputs.push(Input { id, body });
    }
    if inputs.is_empty() {
        return Err("there is no input in it".to_owned());
    }
    Ok(inputs)
}
