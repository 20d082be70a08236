//! What is kept of answers: `[cache]`, `tasks.NAME.cache`, and for how long stored responses are known.

use std::time::Duration;

use steersman_core::ContentHash;
use steersman_engine::CacheSettings;

use super::error::ConfigError;
use super::settings::Config;
use super::typed::Reader;

/// Who gets an answer that was kept.
const SCOPES: &[(&str, bool)] = &[("key", false), ("shared", true)];

/// What the file says of answers.
#[derive(Debug)]
pub(crate) struct AnswersConfig {
    shared: bool,
    ttl: Duration,
    tasks: Vec<(String, Duration)>,
    /// The most bytes of answers on disk.
    pub(crate) cache_bytes: u64,
    /// For how many days a stored response is known.
    pub(crate) responses_days: u64,
    /// The most bytes of runs, and of what readers read.
    pub(crate) runs_bytes: u64,
}

/// Reads it.
pub(super) fn read(read: &Reader<'_>) -> Result<AnswersConfig, ConfigError> {
    let ttl = Duration::from_secs(read.positive(&["cache", "ttl_s"])?);
    let task = |name: &str| {
        let own = ["tasks", name, "cache_ttl_s"];
        let is_on = read.flag(&["tasks", name, "cache"]) || read.document.find(&own).is_some();
        let ttl = if read.document.find(&own).is_some() { Duration::from_secs(read.positive(&own)?) } else { ttl };
        Ok(is_on.then(|| (name.to_owned(), ttl)))
    };
    let names = read.document.names("tasks").into_iter();
    Ok(AnswersConfig {
        shared: read.word(&["cache", "scope"], SCOPES)?.unwrap_or(false),
        ttl,
        tasks: names.filter_map(|name| task(name).transpose()).collect::<Result<_, ConfigError>>()?,
        cache_bytes: read.positive(&["cache", "max_mb"])?.saturating_mul(1 << 20),
        responses_days: read.positive(&["store", "responses_days"])?,
        runs_bytes: read.positive(&["store", "runs_mb"])?.saturating_mul(1 << 20),
    })
}

impl Config {
    /// The engine's settings. Whatever is said of providers, models, tasks, tools and the guard goes into one hash:
    /// after any change there, no answer from before is given.
    pub(crate) fn cache_settings(&self) -> CacheSettings {
        let Self { providers, models, tasks, contracts, guard, answers, .. } = self;
        let said = format!("{providers:?}{models:?}{tasks:?}{contracts:?}{guard:?}");
        CacheSettings {
            shared: answers.shared,
            ttl: answers.ttl,
            tasks: answers.tasks.iter().cloned().collect(),
            epoch: ContentHash::of(said.as_bytes()),
        }
    }
}
