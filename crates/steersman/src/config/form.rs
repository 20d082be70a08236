//! What a task wants of answers that have a form to keep: how far repairs may go, and its rules.

use std::sync::Arc;
use std::time::Duration;

use steersman_core::Usd;
use steersman_engine::{BulkSettings, Phases, Policy, TaskForm};

use super::error::ConfigError;
use super::typed::Reader;
use crate::canaries::{self, Input};
use crate::drift::AliasSettings;

/// Reads it off `[tasks.NAME]`.
pub(super) fn read(read: &Reader<'_>, task: &str) -> Result<TaskForm, ConfigError> {
    Ok(TaskForm {
        policy: read.word(&["tasks", task, "structured"], Policy::WORDS)?,
        rules: Arc::new(super::rules::read(read, task)?),
        bulk: bulk(read, task)?,
        phases: phases(read, task)?,
    })
}

fn phases(read: &Reader<'_>, task: &str) -> Result<Option<Phases>, ConfigError> {
    let place = ["tasks", task, "reason_first"];
    let extract_with = read.text(&["tasks", task, "extract_with"]);
    let said = read.document.find(&place).map(|_| read.flag(&place));
    if !said.unwrap_or(extract_with.is_some()) {
        return Ok(None);
    }
    let tools = read.document.find(&["tasks", task, "tools"]).map(|_| "tools that the gateway runs");
    let objective = || read.document.find(&["tasks", task, "objective", "reference"]).map(|_| "an objective");
    match tools.or_else(objective) {
        Some(other) => Err(read
            .wrong(&place, &format!("a task with {other} has one phase"))
            .hint("make it a task of its own, or take one of the two out")),
        None => Ok(Some(Phases { extract_with })),
    }
}

fn bulk(read: &Reader<'_>, task: &str) -> Result<Option<BulkSettings>, ConfigError> {
    let place = ["tasks", task, "bulk_items"];
    let Some(items) = read.text(&place) else { return Ok(None) };
    if !items.starts_with('/') {
        return Err(read.wrong(&place, &format!("`{items}` is no JSON pointer")).hint("write it like `/labels`"));
    }
    let id = read.text(&["tasks", task, "bulk_id"]).unwrap_or_default();
    Ok(Some(BulkSettings { items, id }))
}

/// Reads the fixed inputs of a task.
pub(super) fn canaries(read: &Reader<'_>, task: &str) -> Result<Vec<Input>, ConfigError> {
    let place = ["tasks", task, "canaries"];
    let Some(file) = read.text(&place) else { return Ok(Vec::new()) };
    let (text, _) = read.file(&place, "file of fixed inputs", &file)?;
    canaries::inputs(&text).map_err(|error| {
        read.wrong(&place, &format!("`{file}` is no file of canaries: {error}"))
            .hint("write a line an input: `id`, `messages` and perhaps `response_format`, as in a chat request")
    })
}

/// Reads `[canaries]`: hours between replays, and what they may cost in a day.
pub(super) fn canary_limits(read: &Reader<'_>) -> Result<(Duration, Usd), ConfigError> {
    let hours = read.positive(&["canaries", "every_hours"])?;
    let place = ["canaries", "usd_per_day"];
    let usd = Usd::from_decimal(read.number(&place).unwrap_or(0.5)).filter(|usd| *usd >= Usd::ZERO);
    let usd = usd.ok_or_else(|| read.wrong(&place, "`canaries.usd_per_day` is no amount of dollars"))?;
    Ok((Duration::from_secs(hours.saturating_mul(3_600)), usd))
}

/// Reads `[structured]`.
pub(super) fn aliases(read: &Reader<'_>) -> Result<AliasSettings, ConfigError> {
    Ok(AliasSettings {
        on: read.flag(&["structured", "aliases"]),
        support: read.positive(&["structured", "alias_support"])?,
        days: read.positive(&["structured", "alias_days"])?,
    })
}
