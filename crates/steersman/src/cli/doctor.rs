//! `steersman doctor`: what is there, what is missing, and one hint for each line.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use steersman_store::{Engine, Reader, StoreError};

use super::config_file::{data_folder, load};
use super::records::Where;
use super::{Command, Failure, parse};
use crate::compose::{environment, store_engine, unusable};
use crate::config::Config;
use crate::local::{binary, models_folder};

pub(crate) static COMMAND: Command = Command {
    name: "doctor",
    about: "Tell what is there, what is missing, and what to do about it",
    examples: &["steersman doctor --config prod.toml"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    #[command(flatten)]
    place: Where,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One finding.
struct Finding {
    what: String,
    fine: bool,
    hint: Option<String>,
}

impl Finding {
    fn fine(what: String) -> Self {
        Self { what, fine: true, hint: None }
    }

    fn missing(what: String, hint: &str) -> Self {
        Self { what, fine: false, hint: Some(hint.to_owned()) }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let loaded = load(arguments.place.config.as_deref())?;
    let data = data_folder(&loaded.config, arguments.place.data.as_deref())?;
    let mut findings = vec![match &loaded.file {
        Some(file) => Finding::fine(format!("configuration {}", file.display())),
        None => Finding::fine("no configuration file; the defaults hold".to_owned()),
    }];
    findings.push(data_finding(&data));
    findings.push(database_finding(&loaded.config, &data)?);
    findings.push(listen_finding(loaded.config.listen, "`--listen` or `server.listen`"));
    let apart = loaded.config.surface.admin_apart(loaded.config.listen);
    findings.extend(apart.map(|at| listen_finding(at, "`admin.listen`")));
    findings.push(Finding::fine(loaded.config.describe_admin()));
    findings.extend(tls_finding(&loaded.config));
    findings.extend(provider_findings(&loaded.config));
    findings.extend(local_findings(&loaded.config, &data));
    let healthy = findings.iter().all(|finding| finding.fine);
    if arguments.json {
        let rows = findings
            .iter()
            .map(|finding| serde_json::json!({ "what": finding.what, "fine": finding.fine, "hint": finding.hint }));
        anstream::println!("{}", serde_json::json!({ "healthy": healthy, "findings": rows.collect::<Vec<_>>() }));
    } else {
        for finding in &findings {
            anstream::println!("{} {}", if finding.fine { "ok     " } else { "missing" }, finding.what);
            if let Some(hint) = &finding.hint {
                anstream::println!("        hint: {hint}");
            }
        }
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn data_finding(data: &Path) -> Finding {
    let probe = data.join(".doctor");
    let written = std::fs::create_dir_all(data)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe));
    match written {
        Ok(()) => Finding::fine(format!("data folder {}", data.display())),
        Err(error) => Finding::missing(
            format!("data folder {}: {error}", data.display()),
            "make it writable, or name another with `--data FOLDER` or `store.path`",
        ),
    }
}

/// Whether the records can be read where they are kept. Looks, and makes nothing.
fn database_finding(config: &Config, data: &Path) -> Result<Finding, Failure> {
    let failed = |failure: &Failure| {
        Finding::missing(failure.message().to_owned(), failure.what_to_do().unwrap_or("start again once it is mended"))
    };
    let engine = match store_engine(config, data) {
        Ok(engine) => engine,
        Err(failure) => return Ok(failed(&failure)),
    };
    if let Engine::Sqlite { path } = &engine
        && !path.exists()
    {
        return Ok(Finding::fine(format!("database {}, which the first start makes", path.display())));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(match runtime.block_on(Reader::open(&engine)) {
        Ok(_) => Finding::fine(format!("database {}", engine.place())),
        // The next start makes or mends its tables.
        Err(StoreError::OlderSchema { .. }) => {
            Finding::fine(format!("database {}, of an older version", engine.place()))
        }
        Err(error) => failed(&unusable(&engine, error)),
    })
}

fn listen_finding(at: SocketAddr, key: &str) -> Finding {
    match TcpListener::bind(at) {
        Ok(_) => Finding::fine(format!("{at} is free to listen on")),
        Err(error) => Finding::missing(
            format!("{at} cannot be listened on: {error}"),
            &format!("a gateway may be running already; else choose another with {key}"),
        ),
    }
}

/// The certificate, or that keys and prompts would cross a network in the clear.
fn tls_finding(config: &Config) -> Option<Finding> {
    let Some(files) = &config.surface.tls else {
        return (!config.listen.ip().is_loopback()).then(|| Finding {
            hint: Some("set `[tls]` unless a proxy before the gateway speaks TLS".to_owned()),
            ..Finding::fine(format!("{} speaks plain HTTP", config.listen))
        });
    };
    Some(match files.load() {
        Ok(_) => Finding::fine(format!("TLS with {}", files.certificate.display())),
        Err(error) => Finding::missing(error.to_string(), "name the PEM files of one certificate in `[tls]`"),
    })
}

fn provider_findings(config: &Config) -> Vec<Finding> {
    let one = |provider: &crate::config::ProviderConfig| match provider.api_key.as_ref().or(provider.cloud.source()) {
        None => {
            let keys = provider
                .cloud
                .aws
                .words()
                .map_or_else(|| "no key needed".to_owned(), |from| format!("keys from {from}"));
            Finding::fine(format!("provider {} at {} ({keys})", provider.name, provider.base_url))
        }
        Some(source) => match source.fetch(environment) {
            Ok(_) => Finding::fine(format!("provider {} at {} (key from {source})", provider.name, provider.base_url)),
            Err(error) => Finding::missing(format!("provider {}: {error}", provider.name), "set it and start again"),
        },
    };
    if config.providers.is_empty() {
        let hint = "set a key (OPENAI_API_KEY, ANTHROPIC_API_KEY, ...) or fetch a local model: steersman models pull smollm2-135m";
        return vec![Finding {
            what: "no remote provider is configured".to_owned(),
            fine: true,
            hint: Some(hint.to_owned()),
        }];
    }
    config.providers.iter().map(one).collect()
}

fn local_findings(config: &Config, data: &Path) -> Vec<Finding> {
    let folder = models_folder(data);
    let installed = folder.list().unwrap_or_default();
    let names: Vec<_> = installed.iter().map(|model| model.name.as_str()).collect();
    let models = if names.is_empty() {
        Finding {
            what: format!("no local model in {}", folder.root().display()),
            fine: !config.providers.is_empty(),
            hint: Some("steersman models pull smollm2-135m (98 MB)".to_owned()),
        }
    } else {
        Finding::fine(format!("local models: {}", names.join(", ")))
    };
    let server = match binary(config) {
        Some(path) => Finding::fine(format!("local model server {}", path.display())),
        None => Finding {
            what: "no `steersman-local` beside `steersman` or on the PATH".to_owned(),
            fine: names.is_empty(),
            hint: Some("cargo build --release -p steersman-local --features llama".to_owned()),
        },
    };
    vec![models, server]
}
