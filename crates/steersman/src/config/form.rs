//! What a task wants of answers that have a form to keep: how far repairs may go, and its rules.

use std::sync::Arc;

use steersman_engine::{BulkSettings, Policy, TaskForm};

use super::error::ConfigError;
use super::settings::Reader;
use crate::drift::AliasSettings;

/// Reads it off `[tasks.NAME]`.
pub(super) fn read(read: &Reader<'_>, task: &str) -> Result<TaskForm, ConfigError> {
    Ok(TaskForm {
        policy: read.word(&["tasks", task, "structured"], Policy::WORDS)?,
        rules: Arc::new(super::rules::read(read, task)?),
        bulk: bulk(read, task)?,
    })
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
