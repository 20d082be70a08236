//! The peers: how each is installed and started, and what it keeps of a request. One entry of [`PEERS`] each.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Process, free_port};
use crate::{Failure, setup};

/// Where peers run.
pub(super) struct Ground {
    /// Host and port of the simulated provider.
    pub(super) upstream: String,
    /// For configurations, data and logs.
    pub(super) folder: PathBuf,
    /// The gateway of this repository.
    pub(super) steersman: PathBuf,
}

/// One gateway.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    /// How it is started, for the reader.
    pub(super) settings: &'static str,
    /// What it keeps of each request while it is measured.
    pub(super) records: &'static str,
    pub(super) start: fn(&Ground) -> Result<Running, Failure>,
}

/// A gateway that answers.
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) address: String,
    pub(super) path: &'static str,
    pub(super) model: &'static str,
}

pub(super) static PEERS: &[Peer] = &[
    Peer {
        name: "steersman",
        version: env!("CARGO_PKG_VERSION"),
        settings: "defaults, one provider with prices",
        records: "everything: request, attempts, tokens, cost, both bodies, in SQLite",
        start: steersman,
    },
    Peer {
        name: "litellm",
        version: "1.102.4",
        settings: "litellm --num_workers <cores> --timeout_worker_healthcheck 120, LITELLM_MODE=PRODUCTION, LITELLM_LOG=ERROR",
        records: "nothing: its spend log needs a PostgreSQL of its own",
        start: litellm,
    },
    Peer {
        name: "tensorzero",
        version: "2026.6.0",
        settings: "the embedded gateway of its Python package over HTTP, RUST_LOG=warn",
        records: "nothing: its observability needs ClickHouse or PostgreSQL with three extensions",
        start: tensorzero,
    },
];

fn steersman(ground: &Ground) -> Result<Running, Failure> {
    let (config, data) = (ground.folder.join("steersman.toml"), ground.folder.join("steersman-data"));
    std::fs::write(
        &config,
        format!(
            "[providers.canned]\nkind = \"openai-compatible\"\nbase_url = \"http://{}/v1\"\nmodels = [\"canned\"]\n\n\
             [models.canned]\nprovider = \"canned\"\ninput_usd_per_million = 0.15\noutput_usd_per_million = 0.60\n",
            ground.upstream
        ),
    )?;
    fresh(&data)?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut command = Command::new(&ground.steersman);
    command.args(["up", "--listen", &address, "--config"]).arg(&config).arg("--data").arg(&data);
    let mut process = Process::start(&mut command, &ground.folder.join("steersman.log"))?;
    process.until_ready(&address, "/readyz")?;
    Ok(Running { process, address, path: "/v1/chat/completions", model: "canned" })
}

fn litellm(ground: &Ground) -> Result<Running, Failure> {
    let environment = setup::environment("litellm", &["litellm[proxy]==1.102.4"])?;
    let config = ground.folder.join("litellm.yaml");
    std::fs::write(
        &config,
        format!(
            "model_list:\n  - model_name: canned\n    litellm_params:\n      model: openai/canned\n      api_base: http://{}/v1\n      \
             api_key: none\n      input_cost_per_token: 0.00000015\n      output_cost_per_token: 0.0000006\n\
             litellm_settings:\n  set_verbose: false\n  request_timeout: 600\n",
            ground.upstream
        ),
    )?;
    let port = free_port()?.to_string();
    let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut command = Command::new(environment.join("bin/litellm"));
    command.args([
        "--host",
        "127.0.0.1",
        "--port",
        &port,
        "--num_workers",
        &cores,
        "--timeout_worker_healthcheck",
        "120",
        "--telemetry",
        "False",
        "--config",
    ]);
    command.arg(&config).env("LITELLM_MODE", "PRODUCTION").env("LITELLM_LOG", "ERROR");
    command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True").env("NO_PROXY", "127.0.0.1");
    let mut process = Process::start(&mut command, &ground.folder.join("litellm.log"))?;
    let address = format!("127.0.0.1:{port}");
    process.until_ready(&address, "/health/liveliness")?;
    Ok(Running { process, address, path: "/v1/chat/completions", model: "canned" })
}

/// Starts the embedded gateway and prints where it listens.
const TENSORZERO: &str = "import sys, time
from tensorzero import _start_http_gateway
gateway = _start_http_gateway(config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False)
print('listening on', gateway.base_url, flush=True)
while True:
    time.sleep(3600)
";

fn tensorzero(ground: &Ground) -> Result<Running, Failure> {
    let environment = setup::environment("tensorzero", &["tensorzero==2026.6.0"])?;
    let config = ground.folder.join("tensorzero.toml");
    std::fs::write(
        &config,
        format!(
            "[gateway]\nobservability.enabled = false\ndisable_pseudonymous_usage_analytics = true\n\n[models.canned]\nrouting = [\"sim\"]\n\n\
             [models.canned.providers.sim]\ntype = \"openai\"\nmodel_name = \"canned\"\napi_base = \"http://{}/v1/\"\n\
             api_key_location = \"none\"\n",
            ground.upstream
        ),
    )?;
    let mut command = Command::new(environment.join("bin/python"));
    command.args(["-c", TENSORZERO]).arg(&config).env("RUST_LOG", "warn").env("NO_PROXY", "127.0.0.1");
    let mut process = Process::start(&mut command, &ground.folder.join("tensorzero.log"))?;
    let line = process.until_line("listening on ")?;
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default().to_owned();
    let path = "/openai/v1/chat/completions";
    Ok(Running { process, address, path, model: "tensorzero::model_name::canned" })
}

fn fresh(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::PEERS;

    #[test]
    fn every_peer_says_what_it_records_and_how_it_is_started() {
        for peer in PEERS {
            assert!(!peer.records.is_empty() && !peer.settings.is_empty() && !peer.version.is_empty(), "{}", peer.name);
        }
    }
}
