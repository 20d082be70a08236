//! Where providers process requests and where tasks demand it, from the configuration.
//!
//! What never happens here: a task that starts with a model which its own regions forbid.

use std::collections::BTreeMap;

use steersman_engine::{Candidate, Regions};

use crate::compose::LOCAL;
use crate::config::{Config, ConfigError, TaskConfig};

/// What is configured. Models of this machine are where the gateway is.
pub(crate) fn of(config: &Config) -> Regions {
    let said = config.providers.iter().map(|provider| (provider.name.clone(), provider.regions.clone()));
    let here = (LOCAL.to_owned(), vec!["local".to_owned()]);
    let tasks = config.tasks.iter().map(|task| (task.name.clone(), task.regions.clone()));
    Regions {
        providers: said.chain([here]).collect(),
        tasks: tasks.filter(|(_, regions)| !regions.is_empty()).collect::<BTreeMap<_, _>>(),
    }
}

/// Whether a model that a task names at `path` has a place in the task's regions.
pub(crate) fn check(
    config: &Config,
    task: &TaskConfig,
    candidate: &Candidate,
    path: &[&str],
    model: &str,
) -> Result<(), ConfigError> {
    let regions = of(config);
    let Some(demanded) = regions.tasks.get(&task.name).map(|list| vec![list.clone()]) else { return Ok(()) };
    if regions.keep(&demanded, candidate).is_some() {
        return Ok(());
    }
    let (name, demanded) = (&task.name, demanded.concat().join(", "));
    let message = format!(
        "the task `{name}` demands the regions {demanded}, and no place of its model `{model}` is known to lie there"
    );
    Err(config.document.wrong(path, &message).hint("`providers.NAME.regions` says where a provider processes requests"))
}

#[cfg(test)]
mod tests {
    use crate::compose;
    use crate::config::{Config, Document};
    use crate::local::LocalModels;

    fn verdict(more: &str) -> String {
        let providers = ["us", "eu"].map(|region| {
            format!(
                "[providers.{region}]\nkind = \"openai-compatible\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
                 models = [\"in-{region}\"]\nregions = [\"{region}\"]\n"
            )
        });
        let document = Document::parse("steersman.toml", &format!("{}{more}", providers.concat())).unwrap();
        let config = Config::from_document(&document, &|_| None).unwrap();
        let (client, data) = (compose::client(&config), tempfile::tempdir().unwrap());
        let local = LocalModels::unstarted(&config, data.path(), &client);
        compose::providers(&config, &client, &local).map_or_else(|error| error.to_string(), |_| "fine".to_owned())
    }

    #[test]
    fn a_task_whose_own_models_lie_elsewhere_is_refused_at_the_start() {
        assert_eq!(verdict("[tasks.a]\nmodel = \"in-eu\"\nregions = [\"eu\"]\n"), "fine");
        let refused = verdict("[tasks.a]\nmodel = \"in-us\"\nregions = [\"eu\"]\n");
        assert!(refused.contains("`a` demands the regions eu") && refused.contains("`in-us`"), "{refused}");
        let spread =
            "[models.both]\ntargets = [\"us/in-us\", \"eu/in-eu\"]\n[tasks.a]\nmodel = \"both\"\nregions = [\"eu\"]\n";
        assert_eq!(verdict(spread), "fine", "one of its places is enough");
        let objective = "[tasks.a]\nregions = [\"eu\"]\n[tasks.a.objective]\nreference = \"in-eu\"\n\
                         candidates = [\"in-us\"]\nevaluator = \"truth\"\n";
        assert!(verdict(objective).contains("`in-us`"), "a candidate that may never be asked");
        let reader = "[tasks.a]\nmodel = \"in-eu\"\nregions = [\"eu\"]\nreader = \"in-us\"\n";
        assert!(verdict(reader).contains("`in-us`"), "a reader that may never be asked: {}", verdict(reader));
    }
}
