//! The keys that say how failure is borne: `[balance]`, `[hedge]`, the retry budget, `targets` of a model.

use std::time::Duration;

use steersman_engine::{BreakerSettings, HedgeSettings, Resilience, Strategy};

use super::document::Value;
use super::error::ConfigError;
use super::typed::Reader;

/// Reads them.
pub(super) fn read(read: &Reader<'_>) -> Result<Resilience, ConfigError> {
    let word = read.text(&["balance", "strategy"]).unwrap_or_default();
    let strategy = Strategy::named(&word).ok_or_else(|| {
        let words: Vec<_> = Strategy::WORDS.iter().map(|(word, _)| *word).collect();
        read.wrong(&["balance", "strategy"], &format!("`{word}` is no strategy"))
            .hint(format!("use one of {}", words.join(", ")))
    })?;
    let percent = at_most_100(read, &["hedge", "percent"])?;
    Ok(Resilience {
        strategy,
        breaker: BreakerSettings {
            failures: u32::try_from(read.integer(&["balance", "breaker_failures"])?).unwrap_or(u32::MAX),
            open: Duration::from_millis(read.positive(&["balance", "breaker_open_ms"])?),
        },
        retry_percent: at_most_100(read, &["retry", "budget_percent"])?,
        retry_reserve: read.integer(&["retry", "budget_reserve"])?.min(1_000_000),
        hedge: (percent > 0).then_some(HedgeSettings { quantile: quantile(read)?, percent }),
    })
}

fn at_most_100(read: &Reader<'_>, path: &[&str]) -> Result<u64, ConfigError> {
    match read.integer(path)? {
        percent @ 0..=100 => Ok(percent),
        more => Err(read.wrong(path, &format!("`{}` is a share of a hundred, not {more}", path.join(".")))),
    }
}

fn quantile(read: &Reader<'_>) -> Result<f64, ConfigError> {
    match read.document.find(&["hedge", "quantile"]) {
        Some((Value::Number(share), _)) if *share > 0.0 && *share < 1.0 => Ok(*share),
        Some(_) => Err(read.wrong(&["hedge", "quantile"], "`hedge.quantile` must lie between 0 and 1")),
        None => read.parsed(&["hedge", "quantile"], "a number"),
    }
}

/// The places of a model: `provider/model`, or `provider/model; weight=3`.
pub(super) fn targets(read: &Reader<'_>, name: &str) -> Result<Vec<(String, u32)>, ConfigError> {
    let path = ["models", name, "targets"];
    let Some(texts) = read.texts(&path) else { return Ok(Vec::new()) };
    let target = |text: &String| {
        let (place, weight) = match text.split_once(';') {
            None => (text.as_str(), Some(1)),
            Some((place, rest)) => (place, rest.trim().strip_prefix("weight=").and_then(|weight| weight.parse().ok())),
        };
        weight.filter(|weight| (1..=1_000).contains(weight)).map(|weight| (place.trim().to_owned(), weight)).ok_or_else(
            || {
                read.wrong(&path, &format!("`{text}` is no place"))
                    .hint("write `provider/model` or `provider/model; weight=3`, with a weight from 1 to 1000")
            },
        )
    };
    texts.iter().map(target).collect()
}

#[cfg(test)]
mod tests {
    use super::super::document::Document;
    use super::super::settings::Config;

    fn verdict(source: &str) -> Result<Config, String> {
        let document = Document::parse("steersman.toml", source).map_err(|error| error.to_string())?;
        Config::from_document(&document, &|name| (name == "GROQ_API_KEY").then(|| "k".into()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn places_have_weights_and_nonsense_is_refused_by_name() {
        let config = verdict("[models.a]\ntargets = [\"groq/x; weight=3\", \"groq/y:free\"]\n").unwrap();
        assert_eq!(config.models[0].targets, [("groq/x".to_owned(), 3), ("groq/y:free".to_owned(), 1)]);
        for (source, said) in [
            ("[models.a]\ntargets = [\"groq/x; weight=0\"]\n", "is no place"),
            ("[balance]\nstrategy = \"random\"\n", "`random` is no strategy"),
            ("[hedge]\npercent = 101\n", "not 101"),
            ("[hedge]\npercent = 1\nquantile = 1.0\n", "between 0 and 1"),
        ] {
            let error = verdict(source).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
