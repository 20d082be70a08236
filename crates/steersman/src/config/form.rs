//! What a task wants of answers that have a form to keep: how far repairs may go, and its rules.

use std::sync::Arc;

use steersman_engine::{BulkSettings, Phases, Policy, TaskForm};

use super::error::ConfigError;
use super::settings::Reader;
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
    if !read.flag(&place) {
        let alone = || {
            let place = ["tasks", task, "extract_with"];
            read.wrong(&place, "there is nothing to extract from").hint("set `reason_first = true` too")
        };
        return extract_with.map_or(Ok(None), |_| Err(alone()));
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

/// Reads `[structured]`.
pub(super) fn aliases(read: &Reader<'_>) -> Result<AliasSettings, ConfigError> {
    Ok(AliasSettings {
        on: read.flag(&["structured", "aliases"]),
        support: read.positive(&["structured", "alias_support"])?,
        days: read.positive(&["structured", "alias_days"])?,
    })
}
