//! What a label is made of, and how it is kept: one line in the format of recorded traffic.
//!
//! So a task's labels are a recording: `steersman route fit` reads what the gateway has gathered.
//!
//! What never happens here: a secret that is kept with the text.

use serde::{Deserialize, Serialize};
use steersman_core::{ModelName, Usage, Usd};
use steersman_engine::Candidate;
use steersman_routing::{Answered, Labelled, answer_key};

use crate::measured::Measured;

/// A call as its price is reckoned: prices change, and what is the cheapest model changes with them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Call {
    /// Who was asked.
    pub(crate) provider: String,
    /// For which model.
    pub(crate) model: ModelName,
    /// The model that the provider says it served.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) served: Option<ModelName>,
    /// Tokens as billed.
    pub(crate) usage: Usage,
}

impl Call {
    /// What it would cost today at one of the candidate's places; `None` where that is not known.
    fn cost(&self, candidate: &Candidate) -> Option<Usd> {
        let places = candidate.deployments.iter().map(|place| &place.provider).chain([&candidate.provider]);
        let provider = places.into_iter().find(|provider| provider.name.as_str() == self.provider)?;
        let served = self.served.as_ref().unwrap_or(&self.model).as_str();
        provider.rates.of_call(self.model.as_str(), candidate.rates.as_ref(), served)?.cost(&self.usage)
    }
}

/// What one arm did, as it is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Cell {
    /// Graded quality; `None` until somebody says what is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quality: Option<f32>,
    /// What the call cost then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost_usd: Option<f64>,
    /// The call, where its tokens are known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) call: Option<Call>,
    /// The short answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<String>,
    /// Whether validators accepted it.
    pub(crate) valid: bool,
    /// Time to the whole answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_ms: Option<f32>,
    /// Tokens of thought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_tokens: Option<u32>,
    /// Mean log-probability of its tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) likelihood: Option<f32>,
    /// Whether the judge finds it as good as the reference's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) judged: Option<f32>,
}

impl Cell {
    /// What the call costs at today's prices; where its tokens are unknown, what it cost then.
    fn cost(&self, candidate: Option<&Candidate>) -> Option<Usd> {
        match (&self.call, candidate) {
            (Some(call), Some(candidate)) => call.cost(candidate),
            _ => self.cost_usd.and_then(Usd::from_decimal),
        }
    }
}

/// A request with what every arm did, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The request's id.
    pub(crate) id: String,
    /// The task.
    pub(crate) task: String,
    /// What a router may see.
    pub(crate) text: String,
    /// What each arm did, the reference last.
    pub(crate) arms: Vec<(String, Cell)>,
    /// Of whom it tells, and by which measure.
    pub(crate) measured: Measured,
    /// The propensity with which the request was sampled.
    pub(crate) propensity: f64,
}

impl Row {
    /// Grades every arm by what is right.
    pub(crate) fn grade(&mut self, right: &str) {
        let right = answer_key(right);
        for (_, cell) in &mut self.arms {
            let given = cell.answer.as_deref().and_then(answer_key);
            let good = cell.valid && right.is_some() && given == right;
            cell.quality = Some(f32::from(u8::from(good)));
        }
    }

    /// As the objective takes it, at today's prices of its models.
    pub(crate) fn labelled(&self, models: &[(String, Candidate)]) -> Labelled {
        let answered = |name: &str, cell: &Cell| Answered {
            quality: cell.quality,
            cost: cell.cost(named(models, name)),
            answer: cell.answer.as_deref().and_then(answer_key),
            valid: Some(cell.valid),
            latency_ms: cell.latency_ms,
            reasoning_tokens: cell.reasoning_tokens,
            likelihood: cell.likelihood,
            judged: cell.judged,
        };
        Labelled {
            text: self.text.clone(),
            arms: self.arms.iter().map(|(name, cell)| (name.clone(), answered(name, cell))).collect(),
        }
    }

    /// One line of recorded traffic, at today's prices. `split` is drawn from the id, as recordings do.
    pub(crate) fn recorded(&self, models: &[(String, Candidate)]) -> serde_json::Value {
        let line = |(name, cell): &(String, Cell)| {
            let cost_usd = cell.cost(named(models, name)).map(Usd::as_f64);
            (name.clone(), serde_json::json!(Cell { cost_usd, call: None, ..cell.clone() }))
        };
        let arms: serde_json::Map<String, serde_json::Value> = self.arms.iter().map(line).collect();
        let [first, ..] = *steersman_core::ContentHash::of(self.id.as_bytes()).as_bytes();
        let split = match first {
            0..=153 => "train",
            154..=204 => "calib",
            _ => "test",
        };
        serde_json::json!({
            "id": self.id, "text": self.text, "group": "", "split": split, "arms": arms, "propensity": self.propensity,
        })
    }
}

fn named<'m>(models: &'m [(String, Candidate)], name: &str) -> Option<&'m Candidate> {
    models.iter().find(|(known, _)| known == name).map(|(_, candidate)| candidate)
}
