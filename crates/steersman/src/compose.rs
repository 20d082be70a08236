//! Where the rooms are put together: a checked configuration becomes a catalogue, an engine and a surface.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use steersman_core::{Rates, Recorder, Secret};
use steersman_engine::{Admit, Backoff, Catalog, Engine, FormSettings, GuardSettings, Provider, Settings};
use steersman_net::{Client, Limits};
use steersman_providers::{HttpUpstream, Place, PriceTable};
use steersman_store::{Retention, Store, StoreConfig, StoreError, now_us};

use crate::answers::day;
use crate::cli::Failure;
use crate::cloud::Account;
use crate::config::{Config, ConfigError, ModelConfig, ProviderConfig, SecretSource, SourceConfig};
use crate::local::{self, LocalModels};
use crate::served;
use crate::tools::ToolHouse;

/// What models of this machine have as their provider: each a process of its own, which a name leads to.
pub(crate) const LOCAL: &str = "local";

/// A catalogue and the secrets that went into it, for the redactor.
pub(crate) struct Providers {
    /// All models and who serves them.
    pub(crate) catalog: Catalog,
    /// Every key of a provider that this process holds.
    pub(crate) secrets: Vec<Secret>,
}

/// Why the configured providers cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    /// A provider's client cannot be built.
    #[error("the provider `{name}` cannot be set up")]
    Provider {
        /// The provider.
        name: String,
        /// Why.
        #[source]
        cause: steersman_providers::SetUpError,
    },
    /// A service account that cannot be used.
    #[error("the account of the provider `{name}` cannot be used")]
    Account {
        /// The provider.
        name: String,
        /// Why.
        #[source]
        cause: steersman_providers::AccountError,
    },
    /// The configuration names what is not there.
    #[error(transparent)]
    Named(#[from] ConfigError),
}

/// The client that all providers share.
pub(crate) fn client(config: &Config) -> Client {
    Client::new(Limits { connect: config.connect_timeout, ..Limits::default() })
}

/// Builds the catalogue of all configured providers and the local models.
pub(crate) fn providers(config: &Config, client: &Client, local: &LocalModels) -> Result<Providers, ComposeError> {
    let prices = PriceTable::builtin();
    let mut catalog = Catalog::default();
    let mut secrets = Vec::new();
    for provider in &config.providers {
        let key = provider.api_key.as_ref().and_then(|source| source.fetch(environment).ok());
        secrets.extend(key.clone());
        let listed = || prices.models(provider.vendor).map(str::to_owned).collect();
        let models: Vec<String> = provider.models.clone().unwrap_or_else(listed);
        let account = match &key {
            Some(_) => Account::None,
            None => Account::of(provider, &mut secrets)
                .map_err(|cause| ComposeError::Account { name: provider.name.clone(), cause })?,
        };
        let serves = |model: &str| models.iter().any(|one| one == model) && catalog.candidate(model).is_err();
        let own = own_rates(config, &provider.name, serves);
        let provider = build(provider, key.as_ref(), account, (&prices, own), client)?;
        catalog.add_provider(provider, models);
    }
    let own = own_rates(config, LOCAL, |model| catalog.candidate(model).is_err());
    local.add_to(&mut catalog, &own);
    add_models(config, &mut catalog)?;
    for task in &config.tasks {
        catalog.add_task(&task.name, task.models.clone());
    }
    served::check(config, &catalog)?;
    Ok(Providers { catalog, secrets })
}

/// Every key and password that this process holds, for the redactor: those of providers, and the gateway's own, those
/// of tool servers and of the database.
pub(crate) fn secrets(config: &Config, data: &Path, of_providers: &[Secret]) -> Result<Vec<Secret>, Failure> {
    let own = config.api_key.iter().chain(&config.admin_key);
    let of_tools = config.tool_servers.iter().flat_map(SourceConfig::secrets);
    let mut secrets = of_providers.to_vec();
    // What cannot be fetched is told where it is used.
    secrets.extend(own.chain(of_tools).filter_map(|source| source.fetch(environment).ok()));
    secrets.extend(store_engine(config, data)?.secrets());
    Ok(secrets)
}

/// Opens the store for writing.
pub(crate) async fn store(config: &Config, data: &Path, secrets: Vec<Secret>) -> Result<Store, Failure> {
    std::fs::create_dir_all(data)
        .map_err(|error| Failure::new(format!("the data folder `{}` cannot be made: {error}", data.display())))?;
    let engine = store_engine(config, data)?;
    let retention = Retention {
        max_bytes: Some(config.retention_bytes.max(Retention::MIN_BYTES)),
        max_days: Some(u32::try_from(config.retention_days).unwrap_or(u32::MAX)),
    };
    let settings =
        StoreConfig { retention, secrets, queue_records: config.store_queue, ..StoreConfig::new(engine.clone()) };
    Store::open(settings).await.map_err(|error| unusable(&engine, error))
}

/// A database that cannot be used: which one, why, and what to do about it.
pub(crate) fn unusable(engine: &steersman_store::Engine, error: StoreError) -> Failure {
    use steersman_store::Engine;
    let hint = match engine {
        Engine::Sqlite { .. } => "move the file away, or name another folder with `--data FOLDER` or `store.path`",
        Engine::Postgres { .. } => "is the server up, and is `store.database_url` the address of its database?",
    };
    // These say what to do themselves.
    let knows =
        matches!(error, StoreError::NewerSchema { .. } | StoreError::OlderSchema { .. } | StoreError::InUse { .. });
    let failure = Failure::new(format!("the database `{}`: {}", engine.place(), Failure::from(error).message()));
    if knows { failure } else { failure.hint(hint) }
}

/// Where records are kept: PostgreSQL where an address is set, else SQLite in the data folder.
pub(crate) fn store_engine(config: &Config, data: &Path) -> Result<steersman_store::Engine, Failure> {
    let url = config.database_url.as_ref().map(|source| source.fetch(environment)).transpose();
    let url =
        url.map_err(|error| Failure::new(format!("`store.database_url`: {error}")).hint("set it and start again"))?;
    Ok(match url {
        Some(url) => steersman_store::Engine::Postgres { url, mark: Some(data.join("records.mark")) },
        None => steersman_store::Engine::Sqlite { path: data.join("steersman.db") },
    })
}

/// The engine with these models. What is known of places is taken over from the engine before.
pub(crate) fn engine(
    config: &Config,
    catalog: Catalog,
    recorder: Arc<dyn Recorder>,
    tools: Option<&ToolHouse>,
    admit: Arc<Admit>,
    before: Option<&Engine>,
) -> Engine {
    let settings = Settings {
        first_token: config.first_token_timeout,
        idle: config.idle_timeout,
        total: config.total_timeout,
        attempts: config.attempts,
        backoff: Backoff { base: config.retry_base, max: config.retry_max },
    };
    let engine = Engine::new(catalog, settings, recorder)
        .with_guard(guard(config))
        .with_readers(config.readers.clone())
        .with_forms(forms(config), before)
        .resilient(config.resilience, before)
        .admitting(admit, config.admission.clone())
        .within(crate::regions::of(config))
        .caching(config.cache_settings())
        .with_agents(crate::tools::agents(config));
    match tools {
        Some(house) => engine.with_tools(house.room()),
        None => engine,
    }
}

/// What is done with answers that have a form to keep, for each task as configured.
fn forms(config: &Config) -> FormSettings {
    FormSettings { tasks: config.tasks.iter().map(|task| (task.name.clone(), task.form.clone())).collect() }
}

/// The guard, for each task as configured.
fn guard(config: &Config) -> GuardSettings {
    let own = |task: &crate::config::TaskConfig| Some((task.name.clone(), task.guard?));
    GuardSettings {
        mode: config.guard.mode,
        tasks: config.tasks.iter().filter_map(own).collect(),
        on_deny: config.guard.on_deny,
        history: config.guard.history,
        policy: Arc::clone(&config.guard.policy),
    }
}

/// A variable of the process's environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn build(
    provider: &ProviderConfig,
    key: Option<&Secret>,
    account: Account,
    (prices, own): (&PriceTable, BTreeMap<String, Rates>),
    client: &Client,
) -> Result<Provider, ComposeError> {
    let vendor = provider.vendor;
    let source = provider.api_key.as_ref().or_else(|| provider.cloud.source()).map(SecretSource::to_string);
    let wanted = source.or_else(|| vendor.needs_account().then(|| format!("providers.{}.credentials", provider.name)));
    let upstream = HttpUpstream::new(vendor, &provider.base_url, key, wanted, client.clone())
        .map_err(|cause| ComposeError::Provider { name: provider.name.clone(), cause })?;
    let upstream = account.equip(upstream);
    let mut rates = prices.card(vendor, place(provider), &day(now_us()));
    own.into_iter().for_each(|(model, own)| rates.insert(model, own));
    Ok(Provider {
        name: provider.name.as_str().into(),
        address: provider.base_url.to_string(),
        dialect: vendor.dialect,
        also: vendor.also,
        subset: provider.schemas.unwrap_or(vendor.subset),
        max_completion_tokens: vendor.max_completion_tokens,
        stream_usage: vendor.stream_usage,
        rates,
        upstream: Arc::new(upstream),
    })
}

/// What whoever asks a provider for one of its own models pays, by the names that it knows them by: what is configured
/// for them, and where several configured models are one of these at different prices, the one of the same name.
/// `serves` says which names without a provider lead to it.
fn own_rates(config: &Config, provider: &str, serves: impl Fn(&str) -> bool) -> BTreeMap<String, Rates> {
    let mut found: BTreeMap<&str, Vec<(&str, Rates)>> = BTreeMap::new();
    for (model, rates) in config.models.iter().filter_map(|model| Some((model, model.rates?))) {
        let targets = model.targets.iter().filter_map(|(target, _)| target.split_once('/'));
        let there = targets.filter(|(name, _)| *name == provider).map(|(_, upstream)| upstream);
        let upstream = model.upstream.as_deref().unwrap_or(&model.name);
        let here = match &model.provider {
            Some(name) => name == provider,
            None => model.targets.is_empty() && serves(upstream),
        };
        for upstream in there.chain(here.then_some(upstream)) {
            found.entry(upstream).or_default().push((&model.name, rates));
        }
    }
    let one = |(upstream, priced): (&str, Vec<(&str, Rates)>)| {
        let (_, first) = priced.first()?;
        let agreed = priced.iter().all(|(_, rates)| rates == first).then_some(*first);
        let same = || priced.iter().find(|(name, _)| *name == upstream).map(|(_, rates)| *rates);
        Some((upstream.to_owned(), agreed.or_else(same)?))
    };
    found.into_iter().filter_map(one).collect()
}

/// Where a cloud answers: at its address for all places, or in a region. A vendor without regions has one price list.
fn place(provider: &ProviderConfig) -> Place {
    let in_address = provider.base_url.to_string().contains("/locations/global");
    let is_global = in_address || provider.cloud.region.as_deref() == Some("global");
    if is_global { Place::Global } else { Place::Region }
}

fn add_models(config: &Config, catalog: &mut Catalog) -> Result<(), ConfigError> {
    for model in &config.models {
        let upstream = model.upstream.as_deref().unwrap_or(&model.name);
        let (added, key) = match &model.provider {
            _ if !model.targets.is_empty() => {
                (catalog.add_deployments(&model.name, &places(model, upstream)), "targets")
            }
            Some(provider) if provider == LOCAL => {
                (catalog.add_alias(&model.name, &format!("{LOCAL}/{upstream}")), "provider")
            }
            Some(provider) => (catalog.add_model(&model.name, provider, upstream), "provider"),
            None => (catalog.add_alias(&model.name, upstream), "upstream"),
        };
        if !added {
            let message = format!("no provider serves the configured model `{}`, or one of its targets", model.name);
            let error = config.document.wrong(&["models", &model.name, key], &message);
            return Err(error.hint(format!("set `models.\"{}\".provider`", model.name)));
        }
        if model.thought.is_set() {
            catalog.set_thought(&model.name, model.thought.clone());
        }
        if let Some(own) = model.rates {
            let is_local = catalog.candidate(&model.name).is_ok_and(|one| one.provider.name.as_str() == LOCAL);
            catalog.set_rates(&model.name, if is_local { local::priced(own) } else { own });
        }
    }
    for model in config.models.iter().filter(|model| !model.fallbacks.is_empty()) {
        for fallback in &model.fallbacks {
            served::candidate(config, catalog, &["models", &model.name, "fallbacks"], fallback)?;
        }
        catalog.add_fallbacks(&model.name, model.fallbacks.clone());
    }
    Ok(())
}

/// Every place of a model: its own, where it names one, and its targets.
fn places(model: &ModelConfig, upstream: &str) -> Vec<(String, u32)> {
    let own = model.provider.as_ref().map(|provider| (format!("{provider}/{upstream}"), 1));
    own.into_iter().chain(model.targets.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Document;

    #[test]
    fn the_redactor_learns_the_keys_of_tool_servers_and_the_password_of_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, secret: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, secret).unwrap();
            format!("file:{}", path.display())
        };
        let text = format!(
            "[store]\ndatabase_url = \"{}\"\n[tool_servers.a]\ncommand = \"a\"\nenv = [\"TOKEN={}\"]\n\
             [tool_servers.b]\nurl = \"http://127.0.0.1:1\"\napi_key = \"{}\"\n",
            file("database", "postgres://user:pass%2Fword-1234@127.0.0.1/records"),
            file("token", "token-of-a"),
            file("key", "key-of-b-0"),
        );
        let document = Document::parse("steersman.toml", &text).unwrap();
        let config = Config::from_document(&document, &|_| None).unwrap();
        let known = secrets(&config, folder.path(), &[Secret::new("of-a-provider")]).unwrap();
        for secret in ["of-a-provider", "token-of-a", "key-of-b-0", "pass/word-1234"] {
            assert!(known.iter().any(|known| known.expose() == secret), "`{secret}` would be kept");
        }
    }

    #[test]
    fn two_models_of_one_name_upstream_have_their_own_prices_and_no_price_goes_to_another_provider() {
        let place = |name: &str| {
            format!(
                "[providers.{name}]\nkind = \"openai-compatible\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
                 models = [\"f\", \"g\"]\n"
            )
        };
        let model = |name: &str, served: &str, usd: u32| {
            format!("[models.{name}]\n{served}\ninput_usd_per_million = {usd}\noutput_usd_per_million = {usd}\n")
        };
        let text = [
            place("here"),
            place("there"),
            model("cheap", "provider = \"here\"\nupstream = \"f\"", 1),
            model("dear", "provider = \"here\"\nupstream = \"f\"", 1_000),
            model("g", "targets = [\"there/renamed\"]", 5),
        ];
        let document = Document::parse("steersman.toml", &text.concat()).unwrap();
        let config = Config::from_document(&document, &|_| None).unwrap();
        let (client, data) = (client(&config), tempfile::tempdir().unwrap());
        let local = LocalModels::unstarted(&config, data.path(), &client);
        let catalog = providers(&config, &client, &local).unwrap().catalog;
        let price = |name: &str| {
            let rates = catalog.candidate(name).unwrap().rates()?.input;
            (1..=1_000_u32).find(|usd| steersman_core::Price::from_usd_per_million(f64::from(*usd)) == Some(rates))
        };
        assert_eq!((price("cheap"), price("dear"), price("here/f")), (Some(1), Some(1_000), None));
        assert_eq!(
            (price("g"), price("there/renamed"), price("here/g"), price("there/g")),
            (Some(5), Some(5), None, None)
        );
    }
}
