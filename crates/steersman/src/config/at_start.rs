//! What of a configuration is taken over at the start alone, so that a reload can say what waits for a restart.
//!
//! Each part is kept as the text of its values. Secrets are named there and never fetched.

use std::fmt::Debug;

use super::settings::Config;

/// The parts that only a start takes over, by the name that an operator knows them by.
#[derive(Debug)]
pub(crate) struct AtStart(Vec<(String, String)>);

impl AtStart {
    /// Those of a configuration, before the command line has changed it.
    pub(crate) fn of(config: &Config) -> Self {
        let mut parts = Vec::new();
        let mut part = |name: &str, values: &dyn Debug| parts.push((name.to_owned(), format!("{values:?}")));
        let Config { surface, answers, .. } = config;
        let limits = (config.max_body_bytes, config.request_timeout, config.pass_unknown_paths, config.shutdown_grace);
        part("[server]", &(config.listen, &config.api_key, limits, &surface.hosts, &surface.load));
        part("[admin]", &(&config.admin_key, surface.admin_listen));
        part("[tls]", &surface.tls.is_some());
        let kept = (config.retention_days, config.retention_bytes, config.store_queue, answers.responses_days);
        part("[store]", &(&config.data, &config.database_url, kept, answers.runs_bytes));
        part("cache.max_mb", &answers.cache_bytes);
        part("timeouts.connect_ms", &config.connect_timeout);
        part("[local]", &(&config.local_models, &config.local_binary, config.local_threads));
        part("[tool_servers]", &config.tool_servers);
        if !config.tool_servers.is_empty() {
            part("the contracts of tools that the gateway runs", &config.contracts);
        }
        let objectives = || config.tasks.iter().filter_map(|task| Some((&task.name, task.objective.as_ref()?)));
        for (task, objective) in objectives() {
            part(&objective_of(task), objective);
        }
        if objectives().next().is_some() {
            part("the models of shadow calls", &(&config.providers, &config.models));
        }
        Self(parts)
    }

    /// Whether a task's objective is the one that runs since the start.
    pub(crate) fn has_objective(&self, of: &Self, task: &str) -> bool {
        let name = objective_of(task);
        self.text(&name).is_some() && self.text(&name) == of.text(&name)
    }

    /// What is otherwise in `now`, and waits for a restart.
    pub(crate) fn waiting(&self, now: &Self) -> Vec<String> {
        let added = now.0.iter().filter(|(name, _)| self.text(name).is_none());
        let changed = self.0.iter().filter(|(name, text)| now.text(name) != Some(text.as_str()));
        changed
            .chain(added)
            .map(|(name, _)| if name.starts_with("the ") { name.clone() } else { format!("`{name}`") })
            .collect()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
}

fn objective_of(task: &str) -> String {
    format!("[tasks.{task}.objective]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Document;

    #[test]
    fn what_a_reload_leaves_as_it_was_is_named() {
        let read = |text: &str| {
            let document = Document::parse("steersman.toml", text).unwrap();
            AtStart::of(&Config::from_document(&document, &|_| None).unwrap())
        };
        let start = read("[tool_servers.shop]\ncommand = \"shop\"\n[tasks.a]\nmodel = \"m\"\ntools = [\"x\"]\n");
        let tools_alone = read("[tool_servers.shop]\ncommand = \"shop\"\n[tasks.a]\nmodel = \"m\"\ntools = []\n");
        assert!(start.waiting(&tools_alone).is_empty(), "{:?}", start.waiting(&tools_alone));
        let more = read(
            "[server]\nlisten = \"127.0.0.1:1\"\n[tool_servers.shop]\ncommand = \"other\"\n[tools.x]\neffect = \"read\"\n\
             [tasks.a.objective]\nreference = \"m\"\ncandidates = [\"n\"]\nevaluator = \"truth\"\n",
        );
        assert_eq!(
            start.waiting(&more).join(", "),
            "`[server]`, `[tool_servers]`, the contracts of tools that the gateway runs, `[tasks.a.objective]`, the models of shadow calls"
        );
        assert!(!start.has_objective(&more, "a") && more.has_objective(&more, "a"));
    }
}
