//! Every model that a configuration names is served by somebody, where its task may be processed, at a price that is
//! known if a limit hangs on it.
//!
//! `up`, a reload and `check` all ask here. What never happens here: a call of a provider.

use steersman_engine::{Candidate, Catalog};

use crate::config::{Config, ConfigError, ObjectiveConfig, TaskConfig};
use crate::regions;

/// The model that the value at `path` names.
pub(crate) fn candidate(
    config: &Config,
    catalog: &Catalog,
    path: &[&str],
    model: &str,
) -> Result<Candidate, ConfigError> {
    catalog.candidate(model).map_err(|unknown| {
        let message = format!("no provider serves the model `{model}`, which `{}` names", path.join("."));
        let hint = match (unknown.nearest.first(), catalog.models().next()) {
            (Some(close), _) => format!("did you mean `{close}`?"),
            (None, None) => "no model can be reached at all: set a provider's key (OPENAI_API_KEY, ...), write \
                             `[providers.NAME]`, or fetch a model with `steersman models pull`"
                .to_owned(),
            (None, Some(_)) => {
                format!(
                    "list it in `providers.NAME.models`, write `[models.\"{model}\"]`, or name it `PROVIDER/{model}`"
                )
            }
        };
        config.document.wrong(path, &message).hint(hint)
    })
}

/// Checks all of them.
pub(crate) fn check(config: &Config, catalog: &Catalog) -> Result<(), ConfigError> {
    for task in &config.tasks {
        for (path, model) in named_by(config, task) {
            let candidate = candidate(config, catalog, &path, model)?;
            regions::check(config, task, &candidate, &path, model)?;
        }
        if let Some(objective) = &task.objective {
            check_prices(config, catalog, &task.name, objective)?;
        }
    }
    match &config.readers.model {
        Some(model) => candidate(config, catalog, &["guard", "reader"], model).map(drop),
        None => Ok(()),
    }
}

/// The models that a task names, each with the key that names it.
fn named_by<'c>(config: &'c Config, task: &'c TaskConfig) -> Vec<(Vec<&'c str>, &'c str)> {
    let mut named: Vec<(Vec<&str>, &str)> = Vec::new();
    let mut add = |key: &[&'static str], model: &'c String| {
        let path = ["tasks", &task.name].into_iter().chain(key.iter().copied()).collect();
        named.push((path, model.as_str()));
    };
    if let Some(objective) = &task.objective {
        add(&["objective", "reference"], &objective.plan.reference);
        objective.plan.candidates.iter().for_each(|model| add(&["objective", "candidates"], model));
        objective.judge.iter().for_each(|(model, _)| add(&["objective", "judge"], model));
    }
    let keys = std::iter::once("model").chain(std::iter::repeat("escalate_to"));
    task.models.iter().zip(keys).for_each(|(model, key)| add(&[key], model));
    let extracts = task.form.phases.as_ref().and_then(|phases| phases.extract_with.as_ref());
    extracts.into_iter().for_each(|model| add(&["extract_with"], model));
    config.readers.tasks.get(&task.name).into_iter().for_each(|model| add(&["reader"], model));
    named
}

/// What keeps an objective from showing a saving: an arm whose calls, or some of them, cost nobody knows what.
pub(crate) fn unpriced(config: &Config, catalog: &Catalog) -> Vec<String> {
    let mut missing = Vec::new();
    for task in &config.tasks {
        let Some(objective) = &task.objective else { continue };
        for model in objective.plan.candidates.iter().chain([&objective.plan.reference]) {
            let Ok(one) = catalog.candidate(model) else { continue };
            let lacks = match one.rates() {
                None => "its price is unknown, so nothing shows what it saves",
                Some(rates) if rates.cache_read.is_none() => {
                    "it has no `cache_read_usd_per_million`, so calls with cached tokens have no known cost"
                }
                Some(_) => continue,
            };
            missing.push(format!("`tasks.{}.objective` asks `{model}`: {lacks}", task.name));
        }
    }
    missing
}

/// A limit on what shadow calls cost holds only where every one of them has a price.
fn check_prices(
    config: &Config,
    catalog: &Catalog,
    task: &str,
    objective: &ObjectiveConfig,
) -> Result<(), ConfigError> {
    if objective.shadow_usd_per_day.is_none() {
        return Ok(());
    }
    let judge = objective.judge.iter().map(|(judge, _)| judge);
    let asked = objective.plan.candidates.iter().chain([&objective.plan.reference]).chain(judge);
    for one in asked.filter_map(|model| catalog.candidate(model).ok()) {
        if one.rates().is_none() {
            let place = ["tasks", task, "objective", "shadow_usd_per_day"];
            let message = format!("`{}` cannot hold: the price of `{}` is unknown", place.join("."), one.model);
            return Err(config.document.wrong(&place, &message).hint(
                "set `input_usd_per_million` and `output_usd_per_million` of the model, or leave the limit out",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::compose;
    use crate::config::{Config, Document};
    use crate::local::LocalModels;

    fn verdict(more: &str) -> String {
        let provider = "[providers.here]\nkind = \"openai-compatible\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
                        models = [\"large\", \"small\"]\n";
        let document = Document::parse("steersman.toml", &format!("{provider}{more}")).unwrap();
        let config = Config::from_document(&document, &|_| None).unwrap();
        let (client, data) = (compose::client(&config), tempfile::tempdir().unwrap());
        let local = LocalModels::unstarted(&config, data.path(), &client);
        match compose::providers(&config, &client, &local) {
            Ok(_) => "fine".to_owned(),
            Err(compose::ComposeError::Named(error)) => {
                format!("{error}\nhint: {}", error.hint.as_deref().unwrap_or("-"))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_model_that_nobody_serves_is_refused_wherever_it_is_named() {
        insta::assert_snapshot!(verdict("[tasks.a]\nmodel = \"smal\"\n"), @r#"
        no provider serves the model `smal`, which `tasks.a.model` names
         --> steersman.toml:6:9
          |
        6 | model = "smal"
          |         ^^^^^^
        hint: did you mean `small`?
        "#);
        let objective = "[tasks.a.objective]\nreference = \"large\"\ncandidates = [\"small\"]\nevaluator = \"truth\"\n";
        assert_eq!(verdict(objective), "fine");
        for (place, text) in [
            ("tasks.a.escalate_to", "[tasks.a]\nmodel = \"small\"\nescalate_to = [\"x9\"]\n".to_owned()),
            ("tasks.a.extract_with", "[tasks.a]\nmodel = \"small\"\nextract_with = \"x9\"\n".to_owned()),
            ("tasks.a.reader", "[tasks.a]\nmodel = \"small\"\nreader = \"x9\"\n".to_owned()),
            ("guard.reader", "[guard]\nreader = \"x9\"\n".to_owned()),
            ("tasks.a.objective.reference", objective.replace("large", "x9")),
            ("tasks.a.objective.candidates", objective.replace("small", "x9")),
            ("tasks.a.objective.judge", format!("{objective}judge = \"x9\"\n")),
        ] {
            let refused = verdict(&text);
            assert!(refused.contains("`x9`") && refused.contains(&format!("`{place}` names")), "{refused}");
            assert!(refused.contains("--> steersman.toml:"), "{refused}");
        }
        let limited = verdict(&format!("{objective}shadow_usd_per_day = 5\n"));
        assert!(limited.contains("the price of `small` is unknown"), "{limited}");
    }
}
