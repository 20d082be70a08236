//! The script: what the provider does, by default and where rules say otherwise.
//!
//! Every rule whose conditions hold lays what it names over what came before it; the last word wins. So a rule that
//! makes one request in ten slow and a rule that switches the model at request 500 combine without knowing each other.

use serde::{Deserialize, Serialize};
use steersman_wire::DIALECTS;

use crate::chance::Chance;
use crate::latency::Latency;
use crate::malformed::Malformed;

/// A whole script, as TOML or JSON has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// All chance comes from it.
    pub seed: u64,
    /// What `GET /v1/models` lists. Any other model is served as well.
    pub models: Vec<String>,
    /// The key a client must send; without one, none is asked for.
    pub api_key: Option<String>,
    /// More requests than this at a time are refused with 429.
    pub max_in_flight: Option<usize>,
    /// What happens to a request that no rule says more of.
    pub default: Behaviour,
    /// What happens to others, each over the one before.
    pub rules: Vec<Rule>,
}

/// Conditions, and what happens where all of them hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// The conditions; without any, the rule always holds.
    pub when: When,
    /// What happens. Written in TOML as `then = { ... }`.
    pub then: Behaviour,
}

/// Conditions on a request. All that are named must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// From this request on, counted from 0 in order of arrival.
    pub from: Option<u64>,
    /// Before this request.
    pub before: Option<u64>,
    /// At each multiple of this number.
    pub every: Option<u64>,
    /// The model asked for; a `*` at the end stands for anything.
    pub model: Option<String>,
    /// The dialect's name (`openai.chat`).
    pub dialect: Option<String>,
    /// Whether a stream was asked for.
    pub stream: Option<bool>,
    /// A text that the conversation contains, as it stands in the request's JSON.
    pub contains: Option<String>,
    /// With this probability, drawn for each rule and request from the seed.
    pub probability: Option<f64>,
}

/// What happens to a request. What is not named stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// Time until the first byte. Default: none.
    pub latency: Option<Latency>,
    /// How fast tokens come after it, hidden ones included. Default: as fast as the socket takes them.
    pub tokens_per_second: Option<f64>,
    /// What is said. Default: `auto`.
    pub answer: Option<Answer>,
    /// A visible trace of thought before the answer; signed in the dialect that signs.
    pub thinking: Option<String>,
    /// Reasoning tokens that are billed and not shown, as a multiple of the visible output.
    pub hidden_reasoning: Option<f64>,
    /// The log-probability that every token of a whole answer is told to have, where the request asks for `logprobs`;
    /// in OpenAI's chat format alone. At most 0.
    pub likelihood: Option<f64>,
    /// The share of the prompt that is billed as read from a cache, from 0 to 1.
    pub cache_read: Option<f64>,
    /// The answer is cut after this many tokens, and says `length`.
    pub truncate_after_tokens: Option<u64>,
    /// The model declines, in these words.
    pub refusal: Option<String>,
    /// What is wrong with the text of the answer.
    pub malformed: Option<Malformed>,
    /// The model that the answer names. Default: the one asked for.
    pub served_model: Option<String>,
    /// What goes wrong on the way.
    pub fault: Option<Fault>,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A value of the request's schema if it has one, else a call of its tools if it offers any and none has reported
    /// yet, else a sentence.
    Auto,
    /// This text.
    Text(String),
    /// The last user message.
    Echo,
    /// A value of the request's schema. Its content depends on the prompt alone: the same question, the same answer.
    Json,
    /// Calls of this many of the tools offered, with arguments of their schemas.
    ToolCall(u32),
    /// Whatever was read since its own last turn commands, whoever wrote it: `[[TOOL {arguments}]]` is called,
    /// `[[say TEXT]]` is said. The worst case for whoever guards a model.
    Obey,
    /// A fluent answer of the right form with wrong content: another value at each leaf of the schema, another
    /// sentence.
    Wrong,
}

/// What goes wrong on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing; undoes the fault of an earlier rule.
    None,
    /// An error answer.
    Error {
        /// The HTTP status, 400 to 599.
        status: u16,
        /// The `retry-after` header, in seconds.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// The request is taken and never answered.
    HangBeforeHeaders,
    /// The answer begins only once so many requests have arrived in all, whoever sent them.
    HoldUntilRequest(u64),
    /// The answer stops after so many tokens and the connection stays open.
    HangAfterTokens(u64),
    /// The connection is closed after so many bytes of the body.
    CutAfterBytes(u64),
    /// The body, or the first event of a stream, is not JSON.
    Garbage,
}

/// Why a script cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The text is no script in TOML.
    #[error("the script cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// The text is no script in JSON.
    #[error("the script cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A value is out of range.
    #[error("the script's `{key}` {problem}")]
    Value {
        /// Where it stands: `rules[1].when.probability`.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Script {
    /// Reads a script in TOML.
    ///
    /// # Errors
    /// [`ScriptError`], with line and key for what TOML can tell.
    pub fn from_toml(text: &str) -> Result<Self, ScriptError> {
        toml::from_str::<Self>(text)?.checked()
    }

    /// Reads a script in JSON.
    ///
    /// # Errors
    /// [`ScriptError`].
    pub fn from_json(text: &str) -> Result<Self, ScriptError> {
        serde_json::from_str::<Self>(text)?.checked()
    }

    /// The script, if its numbers make sense.
    ///
    /// # Errors
    /// [`ScriptError::Value`] for the first that does not.
    pub fn checked(self) -> Result<Self, ScriptError> {
        self.default.check("default")?;
        for (i, rule) in self.rules.iter().enumerate() {
            rule.when.check(&format!("rules[{i}].when"))?;
            rule.then.check(&format!("rules[{i}].then"))?;
        }
        Ok(self)
    }

    /// What happens to a request: the default with every rule that holds laid over it.
    pub(crate) fn behaviour(&self, seen: &Seen<'_>) -> Behaviour {
        let mut behaviour = self.default.clone();
        for (i, rule) in (0u64..).zip(&self.rules) {
            if rule.when.holds(seen, self.seed, i) {
                behaviour.overlay(&rule.then);
            }
        }
        behaviour
    }

    /// Whether every request gets the same fixed text at once, so that answers can be prebuilt.
    pub(crate) fn is_constant(&self) -> bool {
        let plain = Behaviour {
            answer: self.default.answer.clone().filter(|answer| matches!(answer, Answer::Text(_))),
            served_model: self.default.served_model.clone(),
            hidden_reasoning: self.default.hidden_reasoning,
            cache_read: self.default.cache_read,
            ..Behaviour::default()
        };
        self.rules.is_empty() && plain.answer.is_some() && self.default == plain
    }
}

/// What the rules may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) index: u64,
    pub(crate) model: &'a str,
    pub(crate) dialect: &'static str,
    pub(crate) stream: bool,
    pub(crate) messages: &'a str,
}

impl When {
    fn holds(&self, seen: &Seen<'_>, seed: u64, rule: u64) -> bool {
        let model = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => seen.model.starts_with(prefix),
            None => seen.model == pattern,
        };
        self.from.is_none_or(|from| seen.index >= from)
            && self.before.is_none_or(|before| seen.index < before)
            && self.every.is_none_or(|every| seen.index.is_multiple_of(every.max(1)))
            && self.model.as_ref().is_none_or(model)
            && self.dialect.as_ref().is_none_or(|dialect| seen.dialect == dialect)
            && self.stream.is_none_or(|stream| seen.stream == stream)
            && self.contains.as_ref().is_none_or(|text| seen.messages.contains(text.as_str()))
            && self.probability.is_none_or(|p| Chance::of(seed, &[1, rule, seen.index]).unit() < p)
    }

    fn check(&self, key: &str) -> Result<(), ScriptError> {
        let value = |name: &str, problem| Err(ScriptError::Value { key: format!("{key}.{name}"), problem });
        if self.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return value("probability", "must be between 0 and 1");
        }
        if self.every == Some(0) {
            return value("every", "must be at least 1");
        }
        if self.dialect.as_ref().is_some_and(|name| DIALECTS.iter().all(|dialect| dialect.name() != name)) {
            return value(
                "dialect",
                "must be `openai.chat`, `openai.responses`, `anthropic.messages` or `google.gemini`",
            );
        }
        Ok(())
    }
}

impl Behaviour {
    /// Takes over everything that `other` names.
    fn overlay(&mut self, other: &Self) {
        fn take<T: Clone>(mine: &mut Option<T>, theirs: &Option<T>) {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        }
        take(&mut self.latency, &other.latency);
        take(&mut self.tokens_per_second, &other.tokens_per_second);
        take(&mut self.answer, &other.answer);
        take(&mut self.thinking, &other.thinking);
        take(&mut self.hidden_reasoning, &other.hidden_reasoning);
        take(&mut self.likelihood, &other.likelihood);
        take(&mut self.cache_read, &other.cache_read);
        take(&mut self.truncate_after_tokens, &other.truncate_after_tokens);
        take(&mut self.refusal, &other.refusal);
        take(&mut self.malformed, &other.malformed);
        take(&mut self.served_model, &other.served_model);
        take(&mut self.fault, &other.fault);
    }

    fn check(&self, key: &str) -> Result<(), ScriptError> {
        let value = |name: &str, problem| Err(ScriptError::Value { key: format!("{key}.{name}"), problem });
        if let Some(problem) = self.latency.and_then(Latency::problem) {
            return value("latency", problem);
        }
        if self.tokens_per_second.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            return value("tokens_per_second", "must be above 0");
        }
        if self.likelihood.is_some_and(|likelihood| !likelihood.is_finite() || likelihood > 0.0) {
            return value("likelihood", "must be at most 0");
        }
        if self.hidden_reasoning.is_some_and(|factor| !factor.is_finite() || factor < 0.0) {
            return value("hidden_reasoning", "must not be negative");
        }
        if self.cache_read.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return value("cache_read", "must be between 0 and 1");
        }
        match self.fault {
            Some(Fault::Error { status, .. }) if !(400..=599).contains(&status) => {
                value("fault.error.status", "must be between 400 and 599")
            }
            _ => Ok(()),
        }
    }
}
