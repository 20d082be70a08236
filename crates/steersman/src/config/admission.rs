//! The keys that bound what requests may use: `[limits]`, budgets of teams and tasks.

use steersman_core::Usd;
use steersman_engine::AdmitSettings;

use super::document::Value;
use super::error::ConfigError;
use super::typed::Reader;

/// Reads them.
pub(super) fn read(read: &Reader<'_>) -> Result<AdmitSettings, ConfigError> {
    let each = |section: &'static str| {
        let names = read.document.names(section).into_iter();
        let budget = |name: &str| Ok(usd(read, &[section, name, "usd_per_day"])?.map(|usd| (name.to_owned(), usd)));
        names.filter_map(|name| budget(name).transpose()).collect::<Result<Vec<_>, ConfigError>>()
    };
    Ok(AdmitSettings {
        all: usd(read, &["limits", "usd_per_day"])?,
        tasks: each("tasks")?,
        teams: each("teams")?,
        reserve_output_tokens: read.positive(&["limits", "reserve_output_tokens"])?,
    })
}

fn usd(read: &Reader<'_>, path: &[&str]) -> Result<Option<Usd>, ConfigError> {
    match read.document.find(path) {
        Some((Value::Number(usd), _)) => Usd::from_decimal(*usd)
            .map(Some)
            .ok_or_else(|| read.wrong(path, &format!("`{}` is no amount of dollars", path.join(".")))),
        _ => Ok(None),
    }
}
