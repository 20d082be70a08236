//! Models of this machine: one `steersman-local` process for each, kept alive while the gateway runs.
//!
//! Such a process is just another provider. It loads its weights while the gateway already serves; a request that comes
//! meanwhile waits for it. Its crash is a failed attempt, never ours.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use steersman_core::{BoxFuture, Price, Rates, Upstream, UpstreamAnswer, UpstreamCall, UpstreamError};
use steersman_engine::{Catalog, Provider};
use steersman_models::{LocalProcess, LocalSpec, ModelFolder, NotReady, Ready, Status};
use steersman_net::{BaseUrl, Client};
use steersman_providers::{HttpUpstream, Vendor};
use tokio::sync::watch;

use crate::config::Config;

/// How long a request waits for weights that are still being loaded.
const LOADING: Duration = Duration::from_secs(60);

/// The binary's name.
const BINARY: &str = "steersman-local";

/// The processes, by the names of their models.
pub(crate) struct LocalModels {
    models: Vec<(String, Arc<LocalUpstream>)>,
}

impl LocalModels {
    /// Starts a process for each model that is there. Returns at once: loading goes on beside. What cannot be started
    /// is said on stderr; the gateway serves the rest.
    pub(crate) fn start(config: &Config, data: &Path, client: &Client) -> Self {
        let weights = weights(config, data);
        let Some(binary) = binary(config) else {
            if !weights.is_empty() {
                tracing::warn!("there are local models but no `{BINARY}` to serve them; `steersman doctor` says how");
            }
            return Self { models: Vec::new() };
        };
        let models = weights.into_iter().filter_map(|(name, path)| {
            let threads = config.local_threads.and_then(|threads| u32::try_from(threads).ok());
            let spec = LocalSpec { threads, ..LocalSpec::new(&binary, path, &name) };
            match LocalProcess::spawn(spec, |line| tracing::debug!("{BINARY}: {line}")) {
                Ok(process) => Some((name, Arc::new(LocalUpstream::new(process, client.clone())))),
                Err(error) => {
                    tracing::warn!(%error, model = name, "a local model does not start");
                    None
                }
            }
        });
        Self { models: models.collect() }
    }

    /// The same models without a process, for whoever asks only what would be served.
    pub(crate) fn unstarted(config: &Config, data: &Path, client: &Client) -> Self {
        let weights = binary(config).map(|_| weights(config, data)).unwrap_or_default();
        let upstream = || Arc::new(LocalUpstream::unstarted(client.clone()));
        Self { models: weights.into_iter().map(|(name, _)| (name, upstream())).collect() }
    }

    /// Adds the models to the catalogue, as `NAME` and `local/NAME`. They are free unless `own` has a price for them:
    /// whoever reckons his hardware is believed.
    pub(crate) fn add_to(&self, catalog: &mut Catalog, own: &BTreeMap<String, Rates>) {
        let Some(vendor) = Vendor::named("local") else { return };
        for (name, upstream) in &self.models {
            let own = own.get(name).or_else(|| own.get(&format!("local/{name}"))).copied();
            let rates = own.map_or(FREE, priced);
            let provider = Provider {
                name: vendor.name.into(),
                address: String::new(),
                dialect: vendor.dialect,
                also: vendor.also,
                subset: vendor.subset,
                max_completion_tokens: vendor.max_completion_tokens,
                stream_usage: vendor.stream_usage,
                rates: [(name.clone(), rates)].into(),
                upstream: Arc::clone(upstream) as _,
            };
            catalog.add_provider(provider, [name.clone()]);
            catalog.add_alias(&format!("local/{name}"), name);
        }
    }
}

const FREE: Rates = {
    let free = Price::from_picos(0);
    Rates { input: free, output: free, cache_read: Some(free), cache_write: Some(free), long: None }
};

/// Where nothing is said of its cache, a token that is kept from before costs nothing, and keeping one nothing more.
pub(crate) fn priced(own: Rates) -> Rates {
    Rates { cache_read: own.cache_read.or(FREE.cache_read), cache_write: own.cache_write.or(Some(own.input)), ..own }
}

/// The models to serve: as configured, else all that were pulled.
fn weights(config: &Config, data: &Path) -> Vec<(String, PathBuf)> {
    let folder = models_folder(data);
    let installed = folder.list().unwrap_or_default();
    let Some(wanted) = &config.local_models else {
        return installed.iter().map(|model| (model.name.clone(), folder.path_of(model))).collect();
    };
    let find = |word: &String| {
        if let Some(model) = installed.iter().find(|model| &model.name == word) {
            return Some((model.name.clone(), folder.path_of(model)));
        }
        let path = PathBuf::from(word);
        if !path.is_file() {
            tracing::warn!("the local model `{word}` is not there; `steersman models pull {word}` fetches it");
            return None;
        }
        let name = path.file_stem()?.to_string_lossy().into_owned();
        Some((name, path))
    };
    wanted.iter().filter_map(find).collect()
}

/// Where weights are kept: in the data folder, unless `STEERSMAN_MODELS` names another.
pub(crate) fn models_folder(data: &Path) -> ModelFolder {
    ModelFolder::at(env::var_os("STEERSMAN_MODELS").map_or_else(|| data.join("models"), PathBuf::from))
}

/// The binary: as configured, else beside this one, else on the PATH.
pub(crate) fn binary(config: &Config) -> Option<PathBuf> {
    if let Some(binary) = &config.local_binary {
        return Some(binary.clone());
    }
    let beside = env::current_exe().ok().and_then(|own| Some(own.parent()?.join(BINARY)));
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join(BINARY)).collect::<Vec<_>>();
    beside.into_iter().chain(on_path).find(|candidate| candidate.is_file())
}

/// One model's process as a provider.
struct LocalUpstream {
    /// Kept alive: dropped, it ends.
    _process: Option<LocalProcess>,
    /// How the process is. Waiting for it takes no thread.
    status: watch::Receiver<Status>,
    client: Client,
    /// Set once the process has said where it listens; it is always put back on the same address.
    http: OnceLock<HttpUpstream>,
}

impl LocalUpstream {
    fn new(process: LocalProcess, client: Client) -> Self {
        let (tell, status) = watch::channel(Status::Starting);
        process.on_change(move |status| drop(tell.send_replace(status.clone())));
        Self { _process: Some(process), status, client, http: OnceLock::new() }
    }

    fn unstarted(client: Client) -> Self {
        let (_, status) = watch::channel(Status::Stopped);
        Self { _process: None, status, client, http: OnceLock::new() }
    }

    async fn http(&self) -> Result<&HttpUpstream, UpstreamError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let not_there = |cause: String| UpstreamError::Connect { host: "the local model".to_owned(), cause };
        let ready = self.ready().await.map_err(|error| not_there(error.to_string()))?;
        let vendor = Vendor::named("local").ok_or_else(|| not_there("the vendor is missing".to_owned()))?;
        let base = BaseUrl::parse(&format!("http://{}/v1", ready.address));
        let base = base.map_err(|error| not_there(error.to_string()))?;
        let http = HttpUpstream::new(vendor, &base, None, None, self.client.clone());
        let http = http.map_err(|error| not_there(error.to_string()))?;
        Ok(self.http.get_or_init(|| http))
    }

    async fn ready(&self) -> Result<Ready, NotReady> {
        let mut status = self.status.clone();
        let settled = status.wait_for(|status| !matches!(status, Status::Starting | Status::Waiting(_)));
        match tokio::time::timeout(LOADING, settled).await.map(|settled| settled.map(|status| status.clone())) {
            Ok(Ok(Status::Ready(ready))) => Ok(ready),
            Ok(Ok(Status::Failed(reason))) => Err(NotReady::Failed(reason)),
            Ok(Ok(_) | Err(_)) => Err(NotReady::Stopped),
            Err(_) => Err(NotReady::Late(LOADING)),
        }
    }
}

impl Upstream for LocalUpstream {
    fn call(&self, call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
        Box::pin(async move { self.http().await?.call(call).await })
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::{Usage, Usd};

    use super::*;
    use crate::compose;
    use crate::config::Document;

    /// The catalogue of two local models under this configuration. Their process is one that ends at once.
    fn catalog(models: &str) -> Catalog {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(format!("{name}.gguf"));
            std::fs::write(&path, name).unwrap();
            path.display().to_string()
        };
        let served = [file("small"), file("big")];
        let text = format!("[local]\nbinary = \"/bin/false\"\nmodels = {served:?}\n{models}");
        let config = Config::from_document(&Document::parse("steersman.toml", &text).unwrap(), &|_| None).unwrap();
        let client = compose::client(&config);
        let local = LocalModels::start(&config, folder.path(), &client);
        compose::providers(&config, &client, &local).unwrap().catalog
    }

    #[test]
    fn a_local_model_is_free_unless_it_is_priced_and_every_name_leads_to_its_own_process() {
        let catalog = catalog(
            "[models.priced]\nupstream = \"small\"\ninput_usd_per_million = 1\noutput_usd_per_million = 3\n\
             [models.named]\nprovider = \"local\"\nupstream = \"small\"\n",
        );
        let usage = Usage {
            input_tokens: Some(3_000),
            cache_read_tokens: Some(2_000),
            output_tokens: Some(1_000),
            ..Usage::default()
        };
        let cost = |name: &str| {
            let candidate = catalog.candidate(name).unwrap();
            candidate.cost(None, &usage)
        };
        let priced = Usd::from_decimal(0.004);
        for name in ["priced", "named", "small", "local/small"] {
            assert_eq!(cost(name), priced, "{name}");
        }
        assert_eq!(cost("big"), Some(Usd::ZERO));
    }

    #[cfg(unix)]
    #[test]
    fn whoever_waits_for_a_model_that_loads_takes_no_thread() {
        let folder = tempfile::tempdir().unwrap();
        let go = folder.path().join("go");
        let ready = r#"{"address":"127.0.0.1:9","model":"m","context_tokens":64,"load_ms":1}"#;
        let text = format!("while [ ! -e {} ]; do sleep 0.01; done\necho '{ready}'\nexec cat", go.display());
        std::fs::write(folder.path().join("child.sh"), text).unwrap();
        let mut spec = LocalSpec::new("/bin/sh", "weights.gguf", "m");
        spec.command.push(folder.path().join("child.sh").into());
        let process = LocalProcess::spawn(spec, |_| ()).unwrap();
        let client = Client::new(steersman_net::Limits::default());
        let upstream = Arc::new(LocalUpstream::new(process, client));
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async move {
            let mut waiting = tokio::task::JoinSet::new();
            for _ in 0..8 {
                let upstream = Arc::clone(&upstream);
                waiting.spawn(async move { upstream.http().await.is_ok() });
            }
            // All eight wait by now; the one thread for work that blocks is free.
            tokio::task::yield_now().await;
            tokio::task::spawn_blocking(move || std::fs::write(go, "")).await.unwrap().unwrap();
            assert!(waiting.join_all().await.into_iter().all(|there| there));
        });
    }
}
