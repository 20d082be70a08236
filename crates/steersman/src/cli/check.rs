//! `steersman check`: what `steersman up` would say of a configuration, without network and without touching the data
//! folder.
//!
//! Whether a model is served is decided where `up` decides it. A secret, a certificate or a program that is not
//! here may be where the gateway runs, so that is a warning.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use steersman_store::Retention;

use super::{Command, Failure, config_file, parse};
use crate::config::{Agent, of_nothing};
use crate::local::LocalModels;
use crate::tools::KnownTools;
use crate::{compose, served};

pub(crate) static COMMAND: Command = Command {
    name: "check",
    about: "Say of a configuration what `up` would say, without network",
    examples: &["steersman check prod.toml", "steersman check --json"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// The configuration [default: steersman.toml, if there is one]
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The same, as the other commands take it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let loaded = config_file::load(arguments.file.as_deref().or(arguments.config.as_deref()))?;
    let data = config_file::data_folder(&loaded.config, None)?;
    let client = compose::client(&loaded.config);
    let local = LocalModels::unstarted(&loaded.config, &data, &client);
    let providers = compose::providers(&loaded.config, &client, &local)?;
    let mut missing = loaded.config.missing_secrets(compose::environment);
    let tls = loaded.config.surface.tls.as_ref().and_then(|files| files.load().err());
    missing.extend(tls.map(|error| format!("`[tls]`: {error}")));
    let path = std::env::var_os("PATH");
    missing.extend(loaded.config.tool_servers.iter().filter_map(|server| server.absent(path.as_deref())));
    missing.extend(of_nothing(&loaded.config.admission));
    missing.extend(served::unpriced(&loaded.config, &providers.catalog));
    missing.extend((loaded.config.retention_bytes < Retention::MIN_BYTES).then(|| {
        let least = Retention::MIN_BYTES >> 20;
        format!("`store.retention_mb` is less than {least}, the least that records need: {least} is in force")
    }));
    let acting = loaded.config.tasks.iter().filter(|task| !task.tools.is_empty());
    missing.extend(acting.filter(|_| loaded.config.tool_servers.is_empty()).map(|task| {
        format!("`tasks.{}.tools`: there is no `[tool_servers.NAME]`, so none of them is offered", task.name)
    }));
    missing.extend(KnownTools::read(&loaded.config, loaded.file.as_deref(), &client)?.doubts(&loaded.config));
    let providers: Vec<_> = loaded.config.providers.iter().map(|provider| provider.name.as_str()).collect();
    if arguments.json {
        let report = serde_json::json!({
            "ok": true,
            "file": loaded.file,
            "listen": loaded.config.listen,
            "admin_listen": loaded.config.surface.admin_apart(loaded.config.listen).unwrap_or(loaded.config.listen),
            "providers": providers,
            "models": loaded.config.models.iter().map(|model| &model.name).collect::<Vec<_>>(),
            "tools": loaded.config.contracts.iter().map(|contract| &contract.name).collect::<Vec<_>>(),
            "guard": {
                "mode": loaded.config.guard.mode.name(),
                "agents": loaded.config.guard.agents,
                "warnings": loaded.config.guard.warnings,
            },
            "tasks": loaded.config.tasks.iter().map(|task| &task.name).collect::<Vec<_>>(),
            "missing": missing,
        });
        anstream::println!("{report}");
        return Ok(ExitCode::SUCCESS);
    }
    let file =
        loaded.file.as_ref().map_or_else(|| "no file, defaults only".to_owned(), |file| file.display().to_string());
    anstream::println!("fine: {file}");
    anstream::println!("listens on {}", loaded.config.listen);
    anstream::println!("{}", loaded.config.describe_admin());
    let list = if providers.is_empty() { "none; a local model can be served".to_owned() } else { providers.join(", ") };
    anstream::println!("providers: {list}");
    let guard = &loaded.config.guard;
    anstream::println!("guard: {}, with contracts for {} tools", guard.mode.name(), loaded.config.contracts.len());
    guard.agents.iter().for_each(tell_agent);
    guard.warnings.iter().for_each(|lint| anstream::eprintln!("warning: {lint}"));
    missing.iter().for_each(|what| anstream::eprintln!("warning: {what}"));
    Ok(ExitCode::SUCCESS)
}

fn tell_agent(agent: &Agent) {
    let listed = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let edges = &agent.edges;
    let (private, untrusted, exits) = (listed(&edges.private), listed(&edges.untrusted), listed(&edges.exits));
    anstream::println!("  {}: private data: {private}; untrusted text: {untrusted}; exits: {exits}", agent.name());
    if !edges.closed.is_empty() {
        anstream::println!(
            "    exits that wait for a person once untrusted text was read: {}",
            edges.closed.join(", ")
        );
    }
}
