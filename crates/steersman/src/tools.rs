//! The tools of this process: sources as configured, the effect ledger in the state, and the room that runs them.
//!
//! Effects and runs are kept in the state, beside keys and approvals, shared with every gateway on the same database.
//! Both are there only where a tool server is configured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use steersman_core::{BoxFuture, Idempotency, RequestId, Secret};
use steersman_engine::{AgentTask, Offered, ToolRoom, Tools, ToolsAway};
use steersman_net::{BaseUrl, Client};
use steersman_scope::{AllowAll, Child, EffectRecord, Ledger, Limiter, Limits, Means, Root, Runner, Scope, State};
use steersman_store::Store;
use steersman_store::state::effects::{EffectLedger, LedgerOptions};
use steersman_tools::{LOCK_FILE, Lock, Offer, OpenApi, ServerSpec, Source, Standing, Toolbox, Way, shown_name};
use tokio_util::sync::CancellationToken;

use crate::cli::Failure;
use crate::compose::environment;
use crate::config::{Config, SourceConfig, SourceKind};
use crate::tool_runs::{DAY, RunDocuments, forget_often};

/// What calls in flight get when their run is cancelled.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked whether a gateway has died and left something open.
const RECOVERY: Duration = Duration::from_secs(15);

/// Everything about tools that lives as long as the process.
pub(crate) struct ToolHouse {
    /// Every source.
    pub(crate) toolbox: Arc<Toolbox>,
    /// What runs calls; its own tools are none, since each request brings those of its task.
    pub(crate) runner: Runner,
    /// Where the operator's own actions run.
    pub(crate) root: Root,
    room: Arc<ToolRoom>,
    ledger: Arc<EffectLedger>,
    store: Arc<Store>,
    /// Known to this process alone.
    secret: [u8; 32],
}

impl ToolHouse {
    /// Opens the ledger and everything over it; `None` where neither a tool server nor a reader is configured.
    pub(crate) async fn open(
        config: &Config,
        file: Option<&Path>,
        data: &Path,
        store: &Arc<Store>,
        client: &Client,
    ) -> Result<Option<Self>, Failure> {
        // A reader keeps what it read beside the runs, also where every tool is the client's.
        if config.tool_servers.is_empty() && !config.readers.are_some() {
            return Ok(None);
        }
        let toolbox = Arc::new(toolbox(config, file, client)?);
        let owner = crate::instance::name(data)?;
        let ledger = Arc::new(EffectLedger::open(store.state(), LedgerOptions::of(&owner)).await?);
        let runner = Runner::over(Arc::clone(&ledger) as _).build();
        let tools = Arc::new(Offers(Arc::clone(&toolbox)));
        let runs = Arc::new(RunDocuments::new(Arc::clone(store), config.answers.runs_bytes));
        let room = Arc::new(ToolRoom::new(tools, runner.clone(), runs, GRACE));
        let random = format!("{}{}", RequestId::new(0), RequestId::new(1));
        let secret = blake3::derive_key("steersman console forms 1", random.as_bytes());
        Ok(Some(Self {
            toolbox,
            runner,
            root: Root::unlimited("operator"),
            room,
            ledger,
            store: Arc::clone(store),
            secret,
        }))
    }

    /// The word that a form about this effect carries.
    pub(crate) fn token(&self, key: &str) -> String {
        blake3::keyed_hash(&self.secret, key.as_bytes()).to_hex().to_string()
    }

    /// The room, for the engine.
    pub(crate) fn room(&self) -> Arc<ToolRoom> {
        Arc::clone(&self.room)
    }

    /// The runner with every usable tool: for what is not a request's.
    pub(crate) async fn whole_runner(&self) -> Runner {
        let offers = self.toolbox.listings().await.into_iter().flat_map(|listing| listing.tools);
        let usable = offers.filter(|offer| offer.standing.is_usable());
        self.runner.with(usable.map(|offer| (offer.tool, offer.limiter)), Arc::new(AllowAll))
    }

    /// Until the gateway drains: forgets what is old, and resolves what a gateway that is gone left open (this one's
    /// last life or another one), as far as that goes without a person.
    pub(crate) async fn recover(&self, draining: CancellationToken) {
        let resolving = self.resolve_often(draining.clone());
        tokio::join!(forget_often(&self.store, &*self.ledger, DAY, draining), resolving);
    }

    async fn resolve_often(&self, draining: CancellationToken) {
        loop {
            self.resolve_orphans().await;
            tokio::select! {
                () = draining.cancelled() => return,
                () = tokio::time::sleep(RECOVERY) => {}
            }
        }
    }

    async fn resolve_orphans(&self) {
        // Of the others only a person can say what became of them.
        let resolvable = |effect: &EffectRecord| {
            effect.state != State::Unknown || (effect.means != Means::Opaque && !effect.contested)
        };
        if !self.ledger.orphans().await.is_ok_and(|orphans| orphans.iter().any(resolvable)) {
            return;
        }
        let runner = self.whole_runner().await;
        let child = Child::<usize, String>::graceful("recover", move |scope: Scope| async move {
            runner.recover(&scope).await.map(|left| left.len()).map_err(|error| error.to_string())
        });
        match self.root.scope("recover").run(child).await {
            Ok(0) => tracing::info!("every effect that was left open is accounted for"),
            Ok(left) => tracing::warn!(left, "effects wait for a person: see /console/effects"),
            Err(failures) => tracing::warn!(%failures, "effects that were left open could not be looked into"),
        }
    }

    /// Cancels what runs and waits for its end, child processes included.
    pub(crate) async fn shutdown(&self) {
        self.room.shutdown().await;
        self.root.shutdown().await;
        self.toolbox.shutdown().await;
        if let Err(error) = self.ledger.close().await {
            tracing::warn!(%error, "the effect ledger was not closed; other gateways wait for its lease to run out");
        }
    }
}

/// What each task may do with tools, as configured.
pub(crate) fn agents(config: &Config) -> BTreeMap<String, AgentTask> {
    let agent = |task: &crate::config::TaskConfig| {
        let agent = AgentTask {
            tools: task.tools.clone(),
            max_steps: task.max_steps,
            max_calls: task.max_calls,
            plan: task.plan,
        };
        (task.name.clone(), agent)
    };
    config.tasks.iter().filter(|task| !task.tools.is_empty()).map(agent).collect()
}

/// The toolbox of a configuration. Reads documents and the lock; connects to nothing.
pub(crate) fn toolbox(config: &Config, file: Option<&Path>, client: &Client) -> Result<Toolbox, Failure> {
    let lock = Lock::read(&lock_path(file))?;
    let sources = config.tool_servers.iter().map(|source| read_source(source, client)).collect::<Result<_, _>>()?;
    Ok(Toolbox::new(sources, config.contracts.clone(), lock, client))
}

/// What can be known of the configured tools without asking a server.
pub(crate) struct KnownTools {
    /// The operations of every document that is here, judged.
    pub(crate) documented: Vec<Offer>,
    /// Every name that a document, a contract or a pin gives, as models see it.
    names: BTreeSet<String>,
    /// Whether a server may list more.
    is_open: bool,
}

impl KnownTools {
    /// Reads the documents and the pins.
    ///
    /// # Errors
    /// Those that would keep a gateway from starting.
    pub(crate) fn read(config: &Config, file: Option<&Path>, client: &Client) -> Result<Self, Failure> {
        let lock = Lock::read(&lock_path(file))?;
        let mut names: BTreeSet<String> = config.contracts.iter().map(|contract| contract.name.clone()).collect();
        let mut documented = Vec::new();
        for source in &config.tool_servers {
            names.extend(lock.tools(&source.name).map(|remote| shown_name(&source.prefix, remote)));
            if let SourceKind::OpenApi { document, url, .. } = &source.kind
                && document.is_file()
            {
                let api = read_api(source, document, url, None, client)?;
                let limits = Limits { in_flight: 1, window: DAY, requests: 0, tokens: 0 };
                documented.extend(api.offers(&config.contracts, &lock, &Limiter::new(limits)).iter().cloned());
            }
        }
        names.extend(documented.iter().map(|offer| offer.spec.name.clone()));
        let may_list_more = |source: &SourceConfig| match &source.kind {
            SourceKind::OpenApi { document, .. } => !document.is_file(),
            SourceKind::Command { .. } | SourceKind::Http { .. } => true,
        };
        Ok(Self { documented, names, is_open: config.tool_servers.iter().any(may_list_more) })
    }

    /// What will not be as the configuration says.
    pub(crate) fn doubts(&self, config: &Config) -> Vec<String> {
        let mut doubts: Vec<String> = self.documented.iter().flat_map(doubts).collect();
        for contract in &config.contracts {
            let is_documented = self.documented.iter().any(|offer| offer.spec.name == contract.name);
            let place = format!("`tools.{}.idempotency`", contract.name);
            match &contract.idempotency {
                Idempotency::Keyed { header: Some(_), .. } if !is_documented => doubts.push(format!(
                    "{place}: no OpenAPI document has this tool, and an MCP server is called without headers, so its \
                     calls are opaque"
                )),
                Idempotency::Lookup { tool } if !is_documented && !self.names.contains(tool) => {
                    doubts.push(format!("{place}: {}", self.unknown(tool)));
                }
                _ => {}
            }
        }
        for task in config.tasks.iter().filter(|_| !config.tool_servers.is_empty()) {
            let unknown = task.tools.iter().filter(|name| !name.ends_with("/*") && !self.names.contains(*name));
            doubts.extend(unknown.map(|name| format!("`tasks.{}.tools`: {}", task.name, self.unknown(name))));
        }
        doubts
    }

    fn unknown(&self, name: &str) -> String {
        let seen = shown_name("", name);
        let close = steersman_core::nearest(name, self.names.iter().map(String::as_str));
        let hint = match close.first() {
            _ if seen != name => format!("; models see it as `{seen}`"),
            Some(close) => format!("; did you mean `{close}`?"),
            None => String::new(),
        };
        match self.is_open {
            true => format!("nothing is known of a tool `{name}`: no document, no contract and no pin has it{hint}"),
            false => format!("no document has a tool `{name}`{hint}"),
        }
    }
}

/// What an operator does not expect of a tool.
pub(crate) fn doubts(offer: &Offer) -> Vec<String> {
    let name = &offer.spec.name;
    let unkept = offer
        .unkept
        .as_ref()
        .map(|why| format!("`{name}` is opaque, whatever its contract says, so a lost answer stays unknown: {why}"));
    let unusable = match &offer.standing {
        Standing::Unusable { why, .. } => Some(format!("`{name}` is not offered: {why}")),
        _ => None,
    };
    unkept.into_iter().chain(unusable).collect()
}

/// Where the pins are: beside the configuration.
pub(crate) fn lock_path(file: Option<&Path>) -> std::path::PathBuf {
    file.and_then(Path::parent).unwrap_or(Path::new("")).join(LOCK_FILE)
}

fn read_source(source: &SourceConfig, client: &Client) -> Result<Source, Failure> {
    let fetch = |key: &Option<crate::config::SecretSource>| -> Result<Option<Secret>, Failure> {
        Ok(key.as_ref().map(|key| key.fetch(environment)).transpose()?)
    };
    let spec = |way| {
        let (name, prefix) = (source.name.clone(), source.prefix.clone());
        Source::Mcp(ServerSpec { name, way, prefix, in_flight: source.in_flight })
    };
    Ok(match &source.kind {
        SourceKind::Command { command, args, env } => {
            let value = |(name, source): &(String, crate::config::SecretSource)| -> Result<(String, String), Failure> {
                Ok((name.clone(), source.fetch(environment)?.expose().to_owned()))
            };
            let env = env.iter().map(value).collect::<Result<_, _>>()?;
            spec(Way::Stdio { command: command.clone(), args: args.clone(), env })
        }
        SourceKind::Http { url, key } => spec(Way::Http { url: url.clone(), key: fetch(key)? }),
        SourceKind::OpenApi { document, url, key } => {
            Source::OpenApi(Box::new(read_api(source, document, url, fetch(key)?, client)?))
        }
    })
}

fn read_api(
    source: &SourceConfig,
    document: &Path,
    url: &BaseUrl,
    key: Option<Secret>,
    client: &Client,
) -> Result<OpenApi, Failure> {
    let unusable = |why: String| {
        Failure::new(format!("`tool_servers.{}`: `{}` cannot be used: {why}", source.name, document.display()))
    };
    let text = std::fs::read_to_string(document).map_err(|error| unusable(error.to_string()))?;
    let read = steersman_tools::read_document(&text).map_err(|error| unusable(error.to_string()))?;
    let (url, client) = (url.clone(), client.clone());
    let api = OpenApi::read(&source.name, &read, url, key, &source.prefix, source.in_flight, client);
    api.map_err(|error| unusable(error.to_string()))
}

struct Offers(Arc<Toolbox>);

impl Tools for Offers {
    fn offered<'a>(&'a self, names: &'a [String]) -> BoxFuture<'a, Result<Vec<Offered>, ToolsAway>> {
        Box::pin(async move {
            let offers = self.0.offered(names).await.map_err(|away| ToolsAway(away.to_string()))?;
            let offered = |offer: Offer| Offered { spec: offer.spec, tool: offer.tool, limiter: offer.limiter };
            Ok(offers.into_iter().map(offered).collect())
        })
    }
}
