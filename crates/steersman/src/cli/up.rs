//! `steersman up`: the gateway, its records and its console on one port.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use clap::Args;
use steersman_core::Secret;
use steersman_engine::{Admit, Cut, FairQueue};
use steersman_net::Client;
use steersman_store::{Store, now_us};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::care::{Care, Look, look};
use super::config_file::{Loaded, data_folder, load};
use super::listeners::Listeners;
use super::records::Where;
use super::{Command, Failure, parse, talk};
use crate::approvals::ApprovalBook;
use crate::canaries::{CanarySettings, Rounds};
use crate::config::{AtStart, Config, SecretSource};
use crate::http::{Book, Notices, Stale, Surface, Tls, TurnedAway};
use crate::local::LocalModels;
use crate::tools::ToolHouse;
use crate::{compose, keys};

pub(crate) static COMMAND: Command = Command {
    name: "up",
    about: "Start the gateway and its console",
    examples: &["steersman up", "steersman up --config prod.toml --listen 127.0.0.1:8080 --data /var/lib/steersman"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    #[command(flatten)]
    place: Where,
    /// Address and port, in place of `server.listen`
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Print the ready line as JSON on stdout.
    #[arg(long)]
    json: bool,
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    talk::init();
    let Loaded { mut config, file } = load(arguments.place.config.as_deref())?;
    let at_start = AtStart::of(&config);
    if let Some(listen) = arguments.listen {
        config.move_to(listen)?;
    }
    let data = data_folder(&config, arguments.place.data.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let seen = look(file.as_deref());
    let up = Up { seen, at_start, config, file, data, json: arguments.json, started };
    let drained = runtime.block_on(up.serve())?;
    // A blocking call that hangs (a database on a dead disk) must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(if drained { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Up {
    at_start: AtStart,
    config: Config,
    file: Option<PathBuf>,
    data: PathBuf,
    json: bool,
    started: Instant,
    seen: Look,
}

impl Up {
    /// Serves until a signal comes. True if every request under way could end.
    async fn serve(self) -> Result<bool, Failure> {
        let config = &self.config;
        let client = compose::client(config);
        let local = LocalModels::start(config, &self.data, &client);
        let providers = compose::providers(config, &client, &local)?;
        let secrets = compose::secrets(config, &self.data, &providers.secrets)?;
        let store = Arc::new(compose::store(config, &self.data, secrets.clone()).await?);
        let objected = crate::objectives::compose(config, &providers.catalog, &store, &secrets).await?;
        let admit = admission(&store).await?;
        let cache = crate::answers::open(config, &store).await;
        let tools = ToolHouse::open(config, self.file.as_deref(), &self.data, &store, &client).await?.map(Arc::new);
        let approvals = Arc::new(ApprovalBook::new(store.state()));
        let engine =
            compose::engine(config, providers.catalog, objected.recorder, tools.as_deref(), Arc::clone(&admit), None)
                .with_routes(objected.routes)
                .with_responses(Arc::new(Book { state: store.state().clone(), days: config.answers.responses_days }))
                .with_cache(Arc::clone(&cache))
                .with_approvals(Arc::clone(&approvals) as _);
        let listeners = Listeners::bind(config).await?;
        let draining = CancellationToken::new();
        let surface = Arc::new(Surface {
            objectives: Arc::clone(&objected.objectives),
            tools: tools.clone(),
            approvals: Arc::clone(&approvals),
            engine: RwLock::new(Arc::new(engine)),
            store: Arc::clone(&store),
            hosts: config.surface.hosts.clone(),
            address: listeners.address.clone(),
            api_key: fetched("server.api_key", config.api_key.as_ref())?,
            admin_key: fetched("admin.api_key", config.admin_key.as_ref())?,
            stale: Stale::default(),
            notices: Notices::default(),
            turned_away: TurnedAway::default(),
            queue: FairQueue::new(config.surface.load),
            max_body_bytes: config.max_body_bytes,
            pass_unknown: config.pass_unknown_paths,
            body_timeout: config.request_timeout,
            draining: draining.clone(),
            cut: Cut::default(),
        });
        let gathering = tokio::spawn(objected.objectives.run(objected.finished, draining.clone()));
        let stop = stop_on_signal(draining.clone())?;
        let (canaries, settings) = watch::channel(CanarySettings::of(config));
        let rounds = Rounds { surface: Arc::clone(&surface), settings }.until(draining.clone());
        let tls = listeners.tls.clone();
        let care = self.care(&surface, client, &local, secrets, tls, canaries).until(draining.clone());
        self.say_ready(&listeners, surface.engine().catalog().models().count());
        let serving = served(listeners, &surface, draining.clone());
        let recovering = recover(tools.as_deref(), &approvals, draining.clone());
        let (drained, (), (), cared) = tokio::join!(serving, recovering, rounds, care);
        cared?;
        close(tools.as_deref()).await;
        tokio::join!(admit.close(), cache.flush(now_us()), approvals.close());
        stop.abort();
        gathering.await.unwrap_or_else(|error| tracing::warn!(%error, "the objectives ended early"));
        drop(local);
        farewell(&store, drained).await;
        Ok(drained)
    }

    fn care<'a>(
        &'a self,
        surface: &Arc<Surface>,
        client: Client,
        local: &'a LocalModels,
        secrets: Vec<Secret>,
        tls: Option<Arc<Tls>>,
        canaries: watch::Sender<CanarySettings>,
    ) -> Care<'a> {
        let (surface, file, aliases) = (Arc::clone(surface), self.file.clone(), self.config.aliases);
        let (seen, at_start) = (self.seen, &self.at_start);
        let missing = self.config.missing_keys(compose::environment);
        Care { surface, file, seen, at_start, client, local, secrets, missing, aliases, canaries, tls }
    }

    fn say_ready(&self, listeners: &Listeners, models: usize) {
        let (address, admin) = (&listeners.address, &listeners.admin_address);
        let ready_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if self.json {
            let line = serde_json::json!({
                "address": address, "console": format!("{admin}/console"), "base_url": format!("{address}/v1"),
                "models": models, "data": self.data, "config": self.file, "ready_ms": ready_ms,
            });
            talk::print(line);
        }
        talk::say(format!("steersman is up at {address} (console: {admin}/console) after {ready_ms} ms"));
        if models == 0 {
            talk::say(
                "hint: no model can be reached yet; set a provider's key (OPENAI_API_KEY, ANTHROPIC_API_KEY, ...)",
            );
            talk::say("      or fetch a small local model: steersman models pull smollm2-135m");
        }
    }
}

/// Resolves what gateways that are gone left open, and learns what the others ask, until this one drains.
async fn recover(tools: Option<&ToolHouse>, approvals: &ApprovalBook, draining: CancellationToken) {
    let tools = async {
        if let Some(tools) = tools {
            tools.recover(draining.clone()).await;
        }
    };
    tokio::join!(tools, approvals.keep_fresh(draining.clone()));
}

fn fetched(key: &str, source: Option<&SecretSource>) -> Result<Option<Secret>, Failure> {
    let fetched = source.map(|source| source.fetch(compose::environment)).transpose();
    fetched.map_err(|error| Failure::new(format!("`{key}`: {error}")).hint("set it and start again"))
}

/// Turns SIGTERM and SIGINT into the token; a second signal ends the process at once.
fn stop_on_signal(draining: CancellationToken) -> Result<tokio::task::JoinHandle<()>, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::spawn(async move {
        let mut first = true;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if !first {
                std::process::exit(130);
            }
            first = false;
            talk::say("shutting down; requests under way may end (a second signal ends at once)");
            draining.cancel();
        }
    }))
}

/// Keys and budgets as they stand.
async fn admission(store: &Store) -> Result<Arc<Admit>, Failure> {
    let admit = Arc::new(Admit::new(Arc::new(store.state().clone())));
    admit.replace_keys(keys::ring(store.state()).await.map_err(|error| Failure::new(error.to_string()))?);
    Ok(admit)
}

/// Serves until the last request has ended. From then on nobody waits long for a database that is down.
async fn served(listeners: Listeners, surface: &Arc<Surface>, draining: CancellationToken) -> bool {
    let drained = listeners.serve(surface, draining).await;
    surface.store.state().end_is_near();
    drained
}

async fn close(tools: Option<&ToolHouse>) {
    if let Some(tools) = tools {
        tools.shutdown().await;
    }
}

async fn farewell(store: &Store, drained: bool) {
    let stats = store.close().await;
    if !drained {
        talk::say("the grace ended before every request did; the rest was cancelled");
    }
    let lost = stats.dropped + stats.failed;
    if lost > 0 {
        talk::say(format!("{lost} records were lost of {}", stats.accepted + stats.dropped));
    }
}
