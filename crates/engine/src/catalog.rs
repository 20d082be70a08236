//! Which models there are, who serves them and what they cost.
//!
//! A name is looked up in this order: a model of the catalogue, `provider/model` for any model of a provider, and
//! `task/name` for a named task. Anything else is unknown, and the refusal names the nearest.

use std::collections::BTreeMap;
use std::sync::Arc;

use steersman_core::{ModelName, ProviderName, RateCard, Rates, TaskName, Upstream, Usage, Usd, nearest};
use steersman_structured::{AS_SENT, Subset};
use steersman_wire::Dialect;

use crate::balance::Deployment;
use crate::thought::Thought;

/// A provider as the engine needs it.
pub struct Provider {
    /// Its configured name.
    pub name: ProviderName,
    /// Its configured address; empty where it has none. What was measured of one server says nothing of another.
    pub address: String,
    /// The dialect that it speaks.
    pub dialect: &'static dyn Dialect,
    /// Further dialects that it speaks: a client of one of these is passed through as it came.
    pub also: &'static [&'static dyn Dialect],
    /// Whether it takes `max_completion_tokens` (else `max_tokens`).
    pub max_completion_tokens: bool,
    /// Whether a stream's usage must be asked for (and may be).
    pub stream_usage: bool,
    /// What it takes of JSON Schema.
    pub subset: &'static Subset,
    /// What its models cost, by upstream name.
    pub rates: RateCard,
    /// How it is reached.
    pub upstream: Arc<dyn Upstream>,
}

impl Provider {
    /// A provider that takes all that its dialect has, schemas as they are sent, and whose prices are unknown.
    #[must_use]
    pub fn new(name: &str, dialect: &'static dyn Dialect, upstream: Arc<dyn Upstream>) -> Self {
        Self {
            name: name.into(),
            address: String::new(),
            dialect,
            also: &[],
            max_completion_tokens: true,
            stream_usage: true,
            subset: &AS_SENT,
            rates: RateCard::default(),
            upstream,
        }
    }

    /// The dialect in which a client's request goes on: its own where the provider speaks it.
    #[must_use]
    pub fn dialect_for(&self, client: &dyn Dialect) -> &'static dyn Dialect {
        let spoken = self.also.iter().copied().find(|dialect| dialect.name() == client.name());
        spoken.unwrap_or(self.dialect)
    }
}

/// One model of one provider: what a request is sent to.
#[derive(Clone)]
pub struct Candidate {
    /// Who serves it.
    pub provider: Arc<Provider>,
    /// The name that the provider knows it by.
    pub model: ModelName,
    /// All places that serve it, where there are several; empty: this one alone.
    pub deployments: Arc<[Deployment]>,
    /// How hard it is to think, and how much it may write.
    pub thought: Thought,
    /// What the operator says that it costs, whatever its provider lists. Two models of the catalogue may be one model
    /// of a provider, at two prices.
    pub rates: Option<Rates>,
}

impl Candidate {
    fn new(provider: &Arc<Provider>, model: &str) -> Self {
        let (deployments, thought, rates) = (Arc::default(), Thought::default(), None);
        Self { provider: Arc::clone(provider), model: model.into(), deployments, thought, rates }
    }

    /// What it costs; `None`: unknown.
    #[must_use]
    pub fn rates(&self) -> Option<&Rates> {
        self.rates.as_ref().or_else(|| self.provider.rates.get(self.model.as_str()))
    }

    /// The cost of a usage: by the model that was served where that is known, else by the one that was asked for.
    /// `None` for an unknown price.
    #[must_use]
    pub fn cost(&self, served: Option<&ModelName>, usage: &Usage) -> Option<Usd> {
        let served = served.unwrap_or(&self.model).as_str();
        self.provider.rates.of_call(self.model.as_str(), self.rates.as_ref(), served)?.cost(usage)
    }
}

/// What a client's `model` means.
#[derive(Clone)]
pub struct Resolved {
    /// Where the request may go, in the order of trying; at least one.
    pub candidates: Vec<Candidate>,
    /// The task, where the name says one.
    pub task: Option<TaskName>,
}

/// No provider serves the model.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownModel {
    /// What was asked for, cut to a printable length.
    pub asked: String,
    /// The nearest names there are.
    pub nearest: Vec<String>,
}

/// All models, providers and tasks.
#[derive(Default)]
pub struct Catalog {
    providers: BTreeMap<String, Arc<Provider>>,
    models: BTreeMap<String, Candidate>,
    tasks: BTreeMap<String, Vec<String>>,
    fallbacks: BTreeMap<String, Vec<String>>,
}

impl Catalog {
    /// Adds a provider and the models that it lists.
    pub fn add_provider(&mut self, provider: Provider, models: impl IntoIterator<Item = String>) {
        let provider = Arc::new(provider);
        for model in models {
            let candidate = Candidate::new(&provider, &model);
            self.models.entry(model).or_insert(candidate);
        }
        self.providers.insert(provider.name.as_str().to_owned(), provider);
    }

    /// Adds a model under a name of its own. False if there is no such provider.
    pub fn add_model(&mut self, name: &str, provider: &str, upstream: &str) -> bool {
        let Some(provider) = self.providers.get(provider) else { return false };
        self.models.insert(name.to_owned(), Candidate::new(provider, upstream));
        true
    }

    /// Adds another name for a model that there is. False if there is none.
    pub fn add_alias(&mut self, name: &str, model: &str) -> bool {
        let Ok(candidate) = self.candidate(model) else { return false };
        self.models.insert(name.to_owned(), candidate);
        true
    }

    /// Gives a model an effort and an output limit of its own. False if there is no such model.
    pub fn set_thought(&mut self, name: &str, thought: Thought) -> bool {
        let Some(candidate) = self.models.get_mut(name) else { return false };
        candidate.thought = thought;
        true
    }

    /// Gives a model prices of its own. False if there is no such model.
    pub fn set_rates(&mut self, name: &str, rates: Rates) -> bool {
        let Some(candidate) = self.models.get_mut(name) else { return false };
        candidate.rates = Some(rates);
        true
    }

    /// Says which places serve a model: names of models and their weights. False if one of them is unknown.
    pub fn add_deployments(&mut self, name: &str, targets: &[(String, u32)]) -> bool {
        let deployment = |(target, weight): &(String, u32)| {
            let Candidate { provider, model, .. } = self.candidate(target).ok()?;
            Some(Deployment { provider, model, weight: *weight })
        };
        let Some(deployments) = targets.iter().map(deployment).collect::<Option<Arc<[_]>>>() else { return false };
        let Some(Deployment { provider, model, .. }) = deployments.first().cloned() else { return false };
        self.models.insert(name.to_owned(), Candidate { deployments, ..Candidate::new(&provider, model.as_str()) });
        true
    }

    /// Says which models are tried when a model's own places have failed. They are looked up when a request comes.
    pub fn add_fallbacks(&mut self, name: &str, models: Vec<String>) {
        self.fallbacks.insert(name.to_owned(), models);
    }

    /// Adds a task and the models that serve it, in the order of trying.
    pub fn add_task(&mut self, task: &str, models: Vec<String>) {
        self.tasks.insert(task.to_owned(), models);
    }

    /// What `name` means.
    ///
    /// # Errors
    /// [`UnknownModel`], with the nearest names.
    pub fn resolve(&self, name: &str) -> Result<Resolved, UnknownModel> {
        if let Some(task) = name.strip_prefix("task/")
            && let Some(models) = self.tasks.get(task)
        {
            let mut candidates = models.iter().map(|model| self.candidate(model)).collect::<Result<Vec<_>, _>>()?;
            // What a task names itself comes first; the last model's fallbacks follow.
            if let Some(last) = models.last() {
                candidates.extend(self.fallbacks_of(last)?);
            }
            return Ok(Resolved { task: Some(task.into()), candidates });
        }
        let mut candidates = vec![self.candidate(name)?];
        candidates.extend(self.fallbacks_of(name)?);
        Ok(Resolved { candidates, task: None })
    }

    fn fallbacks_of(&self, name: &str) -> Result<Vec<Candidate>, UnknownModel> {
        let models = self.fallbacks.get(name).map_or(&[][..], Vec::as_slice);
        models.iter().map(|model| self.candidate(model)).collect()
    }

    /// The names of all models with their providers, in order of name.
    pub fn models(&self) -> impl Iterator<Item = (&str, &Candidate)> {
        self.models.iter().map(|(name, candidate)| (name.as_str(), candidate))
    }

    /// The names of all tasks, in order.
    pub fn tasks(&self) -> impl Iterator<Item = &str> {
        self.tasks.keys().map(String::as_str)
    }

    /// Whether there is a task with this name.
    pub(crate) fn has_task(&self, name: &str) -> bool {
        self.tasks.contains_key(name)
    }

    /// The model with this name.
    ///
    /// # Errors
    /// [`UnknownModel`], with the nearest names.
    pub fn candidate(&self, name: &str) -> Result<Candidate, UnknownModel> {
        self.models.get(name).cloned().or_else(|| self.qualified(name)).ok_or_else(|| self.unknown(name))
    }

    fn qualified(&self, name: &str) -> Option<Candidate> {
        let (provider, model) = name.split_once('/')?;
        let provider = self.providers.get(provider)?;
        (!model.is_empty()).then(|| Candidate::new(provider, model))
    }

    fn unknown(&self, name: &str) -> UnknownModel {
        let tasks: Vec<String> = self.tasks.keys().map(|task| format!("task/{task}")).collect();
        let known = self.models.keys().chain(&tasks).map(String::as_str);
        let nearest = nearest(name, known).into_iter().map(str::to_owned).collect();
        UnknownModel { asked: name.chars().take(80).collect(), nearest }
    }
}
