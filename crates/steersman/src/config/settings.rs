//! The validated configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use steersman_core::{Contract, Rates, nearest};
use steersman_engine::{AdmitSettings, GuardMode, Resilience};
use steersman_net::BaseUrl;
use steersman_providers::{VENDORS, Vendor};
use steersman_structured::{SUBSETS, Subset};

use super::cloud::CloudConfig;
use super::document::Document;
use super::error::ConfigError;
use super::guard::GuardConfig;
use super::secret::SecretSource;
use super::servers::SourceConfig;
use super::typed::Reader;

/// Everything that an operator can set, checked.
#[derive(Debug)]
pub(crate) struct Config {
    /// What it was read from, so that whoever finds a fault later can show its place.
    pub(crate) document: Document,
    pub(crate) listen: SocketAddr,
    pub(crate) api_key: Option<SecretSource>,
    pub(crate) max_body_bytes: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) pass_unknown_paths: bool,
    pub(crate) shutdown_grace: Duration,
    pub(crate) data: Option<PathBuf>,
    pub(crate) database_url: Option<SecretSource>,
    pub(crate) retention_days: u64,
    pub(crate) retention_bytes: u64,
    pub(crate) store_queue: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) first_token_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) total_timeout: Duration,
    pub(crate) attempts: u32,
    pub(crate) retry_base: Duration,
    pub(crate) retry_max: Duration,
    pub(crate) resilience: Resilience,
    pub(crate) admission: AdmitSettings,
    pub(crate) admin_key: Option<SecretSource>,
    pub(crate) surface: super::surface::SurfaceConfig,
    pub(crate) answers: super::answers::AnswersConfig,
    pub(crate) providers: Vec<ProviderConfig>,
    pub(crate) models: Vec<ModelConfig>,
    pub(crate) tasks: Vec<TaskConfig>,
    /// What the operator says of tools, from `[tools.NAME]` and the policy file; each name once.
    pub(crate) contracts: Vec<Contract>,
    pub(crate) guard: GuardConfig,
    /// Who reads what others wrote, and what may be learnt from it.
    pub(crate) readers: steersman_engine::ReaderSettings,
    /// Between two replays of fixed inputs, and what those may cost in a day.
    pub(crate) canary_limits: (Duration, steersman_core::Usd),
    /// When other names of members are in force.
    pub(crate) aliases: crate::drift::AliasSettings,
    pub(crate) tool_servers: Vec<SourceConfig>,
    pub(crate) local_models: Option<Vec<String>>,
    pub(crate) local_binary: Option<PathBuf>,
    pub(crate) local_threads: Option<usize>,
}

/// One provider.
#[derive(Debug, Clone)]
pub(crate) struct ProviderConfig {
    pub(crate) name: String,
    pub(crate) vendor: &'static Vendor,
    pub(crate) base_url: BaseUrl,
    pub(crate) api_key: Option<SecretSource>,
    pub(crate) cloud: CloudConfig,
    pub(crate) models: Option<Vec<String>>,
    /// How the forms of answers are asked for, where that is not the vendor's own way.
    pub(crate) schemas: Option<&'static Subset>,
    /// Where it processes requests; empty: unknown.
    pub(crate) regions: Vec<String>,
}

/// A named use of a model.
#[derive(Debug, Clone)]
pub(crate) struct TaskConfig {
    pub(crate) name: String,
    /// The models that serve it, in the order of trying; at least one.
    pub(crate) models: Vec<String>,
    pub(crate) guard: Option<steersman_engine::GuardMode>,
    /// What is done with answers that have a form to keep, and what they must satisfy.
    pub(crate) form: steersman_engine::TaskForm,
    /// Its fixed inputs.
    pub(crate) canaries: Vec<crate::canaries::Input>,
    /// Its quality floor, if it has one.
    pub(crate) objective: Option<super::ObjectiveConfig>,
    /// Where its requests may be processed; empty: anywhere.
    pub(crate) regions: Vec<String>,
    /// Tools that the gateway runs for it.
    pub(crate) tools: Vec<String>,
    pub(crate) max_steps: u32,
    pub(crate) max_calls: u64,
    /// Whether all its calls are planned before any is made.
    pub(crate) plan: bool,
}

/// What is said of one model.
#[derive(Debug, Clone)]
pub(crate) struct ModelConfig {
    pub(crate) name: String,
    pub(crate) provider: Option<String>,
    pub(crate) upstream: Option<String>,
    pub(crate) rates: Option<Rates>,
    pub(crate) thought: steersman_engine::Thought,
    /// What it can take, for tasks that choose between models.
    pub(crate) limits: steersman_engine::Limits,
    /// Places that serve it, with their weights, in place of `provider` and `upstream`.
    pub(crate) targets: Vec<(String, u32)>,
    pub(crate) fallbacks: Vec<String>,
}

impl Config {
    /// Checks a document. `environment` tells whether a variable is set: providers are picked up from it.
    pub(crate) fn from_document(
        document: &Document,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let read = Reader { document };
        let providers = providers(&read, environment)?;
        let (contracts, guard) = super::guard::read(&read)?;
        let config = Self {
            document: document.clone(),
            listen: read.parsed(&["server", "listen"], "an address and port such as `127.0.0.1:4180`")?,
            api_key: read.secret(&["server", "api_key"])?,
            max_body_bytes: read.size(&["server", "max_body_bytes"])?,
            pass_unknown_paths: read
                .given_flag(&["server", "pass_unknown_paths"])
                .unwrap_or(guard.mode == GuardMode::Off),
            request_timeout: read.millis(&["server", "request_timeout_ms"])?,
            shutdown_grace: read.millis(&["server", "shutdown_grace_ms"])?,
            data: read.text(&["store", "path"]).map(PathBuf::from),
            database_url: read.secret(&["store", "database_url"])?,
            retention_days: read.integer(&["store", "retention_days"])?,
            retention_bytes: read.integer(&["store", "retention_mb"])?.saturating_mul(1 << 20),
            store_queue: queue(&read)?,
            connect_timeout: read.millis(&["timeouts", "connect_ms"])?,
            first_token_timeout: read.millis(&["timeouts", "first_token_ms"])?,
            idle_timeout: read.millis(&["timeouts", "idle_ms"])?,
            total_timeout: read.millis(&["timeouts", "total_ms"])?,
            attempts: u32::try_from(read.positive(&["retry", "attempts"])?).unwrap_or(u32::MAX),
            retry_base: read.millis(&["retry", "base_ms"])?,
            retry_max: read.millis(&["retry", "max_ms"])?,
            resilience: super::resilience::read(&read)?,
            admission: super::admission::read(&read)?,
            admin_key: read.secret(&["admin", "api_key"])?,
            surface: super::surface::read(&read)?,
            answers: super::answers::read(&read)?,
            models: models(&read, &providers)?,
            tasks: tasks(&read)?,
            providers,
            readers: super::reader::read(&read)?,
            contracts,
            guard,
            canary_limits: super::form::canary_limits(&read)?,
            aliases: super::form::aliases(&read)?,
            tool_servers: super::servers::read(&read)?,
            local_models: read.texts(&["local", "models"]),
            local_binary: read.text(&["local", "binary"]).map(PathBuf::from),
            local_threads: read.optional_size(&["local", "threads"])?,
        };
        super::effort::check(&read, &config)?;
        config.check_exposure(document)?;
        Ok(config)
    }

    /// Listens elsewhere, as the command line wants it.
    pub(crate) fn move_to(&mut self, listen: SocketAddr) -> Result<(), ConfigError> {
        self.listen = listen;
        self.check_exposure(&Document::default())
    }

    fn check_exposure(&self, document: &Document) -> Result<(), ConfigError> {
        if self.listen.ip().is_loopback() || self.api_key.is_some() {
            return self.surface.check(self.listen, (self.api_key.as_ref(), self.admin_key.as_ref()), document);
        }
        let message = format!("`{}` is reachable from other machines, and no key is set", self.listen);
        let error = match document.find(&["server", "listen"]) {
            Some((_, span)) => document.error(message, span),
            None => ConfigError::new(message),
        };
        Err(error.hint("set `server.api_key = \"env:STEERSMAN_API_KEY\"`, or listen on 127.0.0.1"))
    }
}

/// More records than its bytes can hold: the queue has a place for each from the start.
const LONGEST_QUEUE: usize = 1_000_000;

fn queue(read: &Reader<'_>) -> Result<usize, ConfigError> {
    let place = ["store", "queue"];
    let records = read.size(&place)?;
    if records > LONGEST_QUEUE {
        return Err(read.wrong(&place, &format!("`store.queue` must be at most {LONGEST_QUEUE}")));
    }
    Ok(records)
}

fn providers(
    read: &Reader<'_>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<ProviderConfig>, ConfigError> {
    let mut providers = Vec::new();
    for name in read.document.names("providers") {
        providers.push(provider(read, name, environment)?);
    }
    for vendor in VENDORS {
        let taken = providers.iter().any(|provider: &ProviderConfig| provider.name == vendor.name);
        let (Some(variable), false) = (vendor.key_env, taken) else { continue };
        if environment(variable).is_some_and(|value| !value.trim().is_empty())
            && let Ok(base_url) = BaseUrl::parse(vendor.base_url)
        {
            let api_key = Some(SecretSource::Environment(variable.to_owned()));
            let (name, cloud) = (vendor.name.to_owned(), CloudConfig::default());
            let (models, schemas, regions) = (None, None, Vec::new());
            providers.push(ProviderConfig { name, vendor, base_url, api_key, cloud, models, schemas, regions });
        }
    }
    Ok(providers)
}

/// What a vendor's example may end with and no `base_url` does.
const ENDPOINTS: &[&str] = &["/chat/completions", "/completions", "/responses", "/messages", "/embeddings"];

fn provider(
    read: &Reader<'_>,
    name: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<ProviderConfig, ConfigError> {
    let at = |key| ["providers", name, key];
    let kind = read.text(&at("kind")).unwrap_or_else(|| name.to_owned());
    let vendor = Vendor::named(&kind).ok_or_else(|| {
        let known: Vec<_> = VENDORS.iter().map(|vendor| vendor.name).collect();
        let close = nearest(&kind, known.iter().copied()).first().map(|close| format!("did you mean `{close}`? "));
        read.wrong(&at("kind"), &format!("`{kind}` is not a vendor, so `providers.{name}` needs a `kind`"))
            .hint(format!("{}known: {}", close.unwrap_or_default(), known.join(", ")))
    })?;
    let cloud = CloudConfig::read(read, name, vendor.name, environment)?;
    let address = match read.text(&at("base_url")) {
        Some(address) => address,
        None => cloud.address(vendor.base_url).map_err(|missing| {
            read.wrong(&at("kind"), &format!("`providers.{name}` needs a `{missing}`"))
                .hint(format!("set `providers.{name}.{missing}`, or the whole `base_url`"))
        })?,
    };
    if address.is_empty() {
        return Err(read
            .wrong(&at("kind"), &format!("`providers.{name}` needs a `base_url`"))
            .hint("write the address up to and including the version: `https://host/v1`"));
    }
    let base_url = BaseUrl::parse(&address).map_err(|error| read.wrong(&at("base_url"), &error.to_string()))?;
    if let Some(base) = ENDPOINTS.iter().find_map(|end| address.trim_end_matches('/').strip_suffix(end)) {
        return Err(read
            .wrong(&at("base_url"), &format!("`providers.{name}.base_url` is the address of one endpoint"))
            .hint(format!("write it up to and including the version: `{base}`")));
    }
    let variable = vendor.key_env.filter(|variable| !cloud.has_account() || environment(variable).is_some());
    let api_key =
        read.secret(&at("api_key"))?.or_else(|| variable.map(|name| SecretSource::Environment(name.to_owned())));
    let ways: Vec<_> = SUBSETS.iter().map(|subset| (subset.name, *subset)).collect();
    let schemas = read.word(&at("schemas"), &ways)?;
    let (models, regions) = (read.texts(&at("models")), read.texts(&at("regions")).unwrap_or_default());
    let name = name.to_owned();
    Ok(ProviderConfig { name, vendor, base_url, api_key, cloud, models, schemas, regions })
}

fn models(read: &Reader<'_>, providers: &[ProviderConfig]) -> Result<Vec<ModelConfig>, ConfigError> {
    read.document.names("models").into_iter().map(|name| model(read, name, providers)).collect()
}

fn model(read: &Reader<'_>, name: &str, providers: &[ProviderConfig]) -> Result<ModelConfig, ConfigError> {
    let at = |key| ["models", name, key];
    let provider = read.text(&at("provider"));
    if let Some(wanted) = &provider
        && wanted != "local"
        && !providers.iter().any(|provider| &provider.name == wanted)
    {
        let known: Vec<_> = providers.iter().map(|provider| provider.name.as_str()).collect();
        return Err(read
            .wrong(&at("provider"), &format!("there is no provider `{wanted}`"))
            .hint(format!("add `[providers.{wanted}]`; configured: {}", or_none(&known))));
    }
    let input = read.price(&at("input_usd_per_million"))?;
    let output = read.price(&at("output_usd_per_million"))?;
    let (cache_read, cache_write) =
        (read.price(&at("cache_read_usd_per_million"))?, read.price(&at("cache_write_usd_per_million"))?);
    let rates = match (input, output) {
        (Some(input), Some(output)) => Some(Rates { input, output, cache_read, cache_write, long: None }),
        (None, None) if cache_read.is_none() && cache_write.is_none() => None,
        _ => {
            return Err(read
                .wrong(&at(""), &format!("`models.{name}` gives only a part of its price"))
                .hint("set both `input_usd_per_million` and `output_usd_per_million`"));
        }
    };
    let upstream = read.text(&at("upstream"));
    let targets = super::resilience::targets(read, name)?;
    let fallbacks = read.texts(&at("fallbacks")).unwrap_or_default();
    if fallbacks.iter().any(|fallback| fallback == name) {
        return Err(read
            .wrong(&at("fallbacks"), &format!("`models.{name}` falls back to itself"))
            .hint("name other models; `retry.attempts` says how often the same one is tried"));
    }
    let thought = super::thought::read(read, name)?;
    let limits = super::objective::limits(read, name)?;
    Ok(ModelConfig { name: name.to_owned(), provider, upstream, rates, thought, limits, targets, fallbacks })
}

fn tasks(read: &Reader<'_>) -> Result<Vec<TaskConfig>, ConfigError> {
    let task = |name: &str| {
        let objective = super::objective::read(read, name)?;
        let reference = || objective.as_ref().map(|objective| objective.plan.reference.clone());
        let model = read.text(&["tasks", name, "model"]).filter(|model| !model.is_empty()).or_else(reference);
        let model = model.ok_or_else(|| {
            read.wrong(&["tasks", name, "model"], &format!("`tasks.{name}` needs a `model`"))
                .hint("name the model that serves it, or give it an objective with a `reference`")
        })?;
        let escalation = read.texts(&["tasks", name, "escalate_to"]).unwrap_or_default();
        let models = std::iter::once(model).chain(escalation).collect();
        let guard = read.word(&["tasks", name, "guard"], super::guard::MODES)?;
        let form = super::form::read(read, name)?;
        let tools = super::tools::of_task(read, name)?;
        if objective.is_some() {
            super::objective::stands_alone(read, name, !tools.is_empty())?;
        }
        Ok(TaskConfig {
            name: name.to_owned(),
            models,
            guard,
            form,
            canaries: super::form::canaries(read, name)?,
            objective,
            regions: read.texts(&["tasks", name, "regions"]).unwrap_or_default(),
            tools,
            max_steps: u32::try_from(read.positive(&["tasks", name, "max_steps"])?).unwrap_or(u32::MAX),
            max_calls: read.positive(&["tasks", name, "max_calls"])?,
            plan: read.flag(&["tasks", name, "plan"]),
        })
    };
    read.document.names("tasks").into_iter().map(task).collect()
}

fn or_none(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(source: &str) -> String {
        let parsed = Document::parse("steersman.toml", source).and_then(|document| {
            Config::from_document(&document, &|name| (name == "GROQ_API_KEY").then(|| "k".into()))
        });
        match parsed {
            Ok(_) => "fine".to_owned(),
            Err(error) => format!("{error}\nhint: {}", error.hint.as_deref().unwrap_or("-")),
        }
    }

    #[test]
    fn an_empty_file_is_a_configuration_and_keys_in_the_environment_are_picked_up() {
        let config = Config::from_document(&Document::default(), &|name| (name == "GROQ_API_KEY").then(|| "k".into()));
        let providers = config.unwrap().providers;
        assert_eq!(providers.iter().map(|provider| provider.name.as_str()).collect::<Vec<_>>(), ["groq"]);
    }

    #[test]
    fn an_unknown_key_shows_its_place_and_the_nearest_spelling() {
        insta::assert_snapshot!(verdict("[server]\nlsiten = \"127.0.0.1:1\"\n"), @r#"
        unknown key `lsiten` in `[server]`
         --> steersman.toml:2:1
          |
        2 | lsiten = ...
          | ^^^^^^
        hint: did you mean `listen`? allowed here: `listen`, `api_key`, `hosts`, `max_body_bytes`, `pass_unknown_paths`, `request_timeout_ms`, `max_in_flight`, `max_held_mb`, `max_waiting`, `max_wait_ms`, `shutdown_grace_ms`
        "#);
    }

    #[test]
    fn a_wrong_value_shows_its_place() {
        insta::assert_snapshot!(verdict("[server]\nlisten = \"here\"\n"), @r#"
        `here` is not an address and port such as `127.0.0.1:4180`
         --> steersman.toml:2:10
          |
        2 | listen = "here"
          |          ^^^^^^
        hint: write it like `listen = "127.0.0.1:4180"`
        "#);
        insta::assert_snapshot!(verdict("[retry]\nattempts = \"three\"\n"), @r#"
        `retry.attempts` must be a whole number
         --> steersman.toml:2:12
          |
        2 | attempts = "three"
          |            ^^^^^^^
        hint: write it like `attempts = 3`
        "#);
    }

    #[test]
    fn a_key_written_into_the_file_is_refused_and_not_repeated() {
        let verdict = verdict("[providers.openai]\napi_key = \"sk-planted-secret\"\n");
        assert!(verdict.contains("env:NAME") && !verdict.contains("planted"), "{verdict}");
    }

    #[test]
    fn a_section_without_a_value_is_there() {
        let model = "[models.a]\nprovider = \"openai\"\n";
        assert!(verdict(model).contains("there is no provider `openai`"));
        assert_eq!(verdict(&format!("[providers.openai]\n{model}")), "fine");
        assert!(verdict("[providers.nobody]\n").contains("`providers.nobody` needs a `kind`"));
    }

    #[test]
    fn an_address_that_others_can_reach_needs_a_key() {
        assert!(verdict("[server]\nlisten = \"0.0.0.0:4180\"\n").contains("no key is set"));
        assert_eq!(verdict("[server]\nlisten = \"0.0.0.0:4180\"\napi_key = \"env:K\"\n"), "fine");
    }

    #[test]
    fn a_task_with_tools_or_a_reader_has_no_objective() {
        let objective = "[tasks.a.objective]\nreference = \"m\"\ncandidates = [\"n\"]\nevaluator = \"truth\"\n";
        assert_eq!(verdict(objective), "fine");
        let both = verdict(&format!("[tasks.a]\ntools = [\"x\"]\n{objective}"));
        assert!(both.contains("cannot be graded") && both.contains("tools = [\"x\"]"), "{both}");
        let read = verdict(&format!("[tasks.a]\nreader = \"r\"\n{objective}"));
        assert!(read.contains("which nobody grades") && read.contains("reader = \"r\""), "{read}");
        assert_eq!(verdict(&format!("[guard]\nreader = \"r\"\n{objective}")), "fine", "a request asks for it");
    }

    #[test]
    fn a_model_of_an_unknown_provider_or_with_half_a_price_is_refused() {
        assert!(verdict("[models.a]\nprovider = \"nobody\"\n").contains("there is no provider `nobody`"));
        assert!(verdict("[models.a]\nprovider = \"groq\"\ninput_usd_per_million = 1\n").contains("part of its price"));
    }
}
