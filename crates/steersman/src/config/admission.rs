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

/// Budgets of nothing, which are rarely meant.
pub(crate) fn of_nothing(settings: &AdmitSettings) -> Vec<String> {
    let named = |section: &'static str, budgets: &[(String, Usd)]| -> Vec<(String, Usd)> {
        budgets.iter().map(|(name, usd)| (format!("{section}.{name}"), *usd)).collect()
    };
    let mut all: Vec<(String, Usd)> = settings.all.iter().map(|usd| ("limits".to_owned(), *usd)).collect();
    all.extend(named("tasks", &settings.tasks));
    all.extend(named("teams", &settings.teams));
    all.retain(|(_, usd)| *usd == Usd::ZERO);
    let told = |(place, _): (String, Usd)| format!("`{place}.usd_per_day` is 0: whatever has a price is refused");
    all.into_iter().map(told).collect()
}

fn usd(read: &Reader<'_>, path: &[&str]) -> Result<Option<Usd>, ConfigError> {
    match read.document.find(path) {
        Some((Value::Number(usd), _)) => Usd::from_decimal(*usd)
            .map(Some)
            .ok_or_else(|| read.wrong(path, &format!("`{}` is no amount of dollars", path.join(".")))),
        _ => Ok(None),
    }
}
