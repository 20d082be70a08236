//! An objective over two models that answer at once, for the tests of this crate.
//!
//! What never happens here: a socket.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use steersman_core::{
    BoxFuture, ContentHash, Event, FinishReason, OutcomeKind, Price, Rates, RequestId, RequestRecord, Timing, Upstream,
    UpstreamAnswer, UpstreamCall, UpstreamError, Usage,
};
use steersman_engine::{Candidate, Catalog, Provider};
use steersman_routing::{ObjectivePlan, Watched};
use steersman_store::{Engine, Redactor, State, now_us};
use steersman_wire::openai_chat::OpenAiChat;
use steersman_wire::{Answer, AnswerOptions, Dialect as _};

use crate::labels::{Call, Cell, Row};
use crate::measured::Measured;
use crate::objectives::{LABEL, Objectives};
use crate::settings::{Evaluator, ObjectiveSettings};

/// An objective without arms, for tests.
pub(crate) fn nobody() -> ObjectiveSettings {
    ObjectiveSettings {
        plan: ObjectivePlan {
            floor: 0.97,
            confidence: 0.95,
            reference: "big".to_owned(),
            candidates: vec!["small".to_owned()],
        },
        evaluator: Evaluator::Agreement,
        answer: None,
        likelihood: false,
        judge: None,
        watched: Watched::default(),
        shadow_share: 0.1,
        shadow_per_day: 1,
        shadow_usd_per_day: None,
        router: None,
        streams_apart: false,
        arms: Vec::new(),
    }
}

/// A model that says `delivery`.
struct Says;

impl Upstream for Says {
    fn call(&self, _call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
        let body = futures_util::stream::iter([Ok(Bytes::from(said("delivery")))]);
        Box::pin(async {
            Ok(UpstreamAnswer { status: 200, content_type: None, retry_after: None, body: Box::pin(body) })
        })
    }
}

fn said(text: &str) -> Vec<u8> {
    let usage = Usage { input_tokens: Some(100), output_tokens: Some(1), ..Usage::default() };
    let events = [
        Event::Start { id: "a".to_owned(), model: "m".to_owned() },
        Event::Text { choice: 0, text: text.to_owned() },
        Event::Finish { choice: 0, reason: FinishReason::Stop },
        Event::Usage(usage),
        Event::Done,
    ];
    OpenAiChat.encode_answer(&Answer::collect(&events), &AnswerOptions::default()).body
}

/// `small` and `big`, which the provider `p` knows by these names.
pub(crate) fn two_models(models: [&str; 2]) -> Vec<(String, Candidate)> {
    models_at(models, [1.0, 10.0])
}

/// The same, at these prices in dollars for a million tokens.
fn models_at(models: [&str; 2], usd: [f64; 2]) -> Vec<(String, Candidate)> {
    let mut provider = Provider::new("p", &OpenAiChat, Arc::new(Says));
    for (model, usd) in models.iter().zip(usd) {
        let price = Price::from_usd_per_million(usd).unwrap();
        provider.rates.insert((*model).to_owned(), Rates::flat(price, price));
    }
    let mut catalog = Catalog::default();
    catalog.add_provider(provider, models.map(str::to_owned));
    let named = ["small", "big"].into_iter().zip(models);
    named.map(|(name, model)| (name.to_owned(), catalog.candidate(model).ok().unwrap())).collect()
}

/// An objective over them, with a floor that is soon proved.
pub(crate) fn priced(models: [&str; 2]) -> ObjectiveSettings {
    let plan = ObjectivePlan { floor: 0.9, ..nobody().plan };
    ObjectiveSettings { plan, arms: two_models(models), ..nobody() }
}

/// The same objective once prices have changed.
pub(crate) fn repriced(settings: ObjectiveSettings, usd: [f64; 2]) -> ObjectiveSettings {
    ObjectiveSettings { arms: models_at(["a", "b"], usd), ..settings }
}

/// The label of a request: both models are right.
pub(crate) fn label(settings: &ObjectiveSettings, number: i64) -> Row {
    const WORDS: [&str; 8] = ["where", "is", "my", "parcel", "refund", "late", "order", "please"];
    let text: Vec<&str> = (0..6).map(|place| WORDS[((number * 7 + place * place + number / 3) % 8) as usize]).collect();
    let cell = |candidate: &Candidate, cost_usd| Cell {
        quality: Some(1.0),
        cost_usd: Some(cost_usd),
        call: Some(Call {
            provider: candidate.provider.name.as_str().to_owned(),
            model: candidate.model.clone(),
            served: None,
            usage: Usage { input_tokens: Some(100), output_tokens: Some(0), ..Usage::default() },
        }),
        answer: Some("delivery".to_owned()),
        valid: true,
        ..Cell::default()
    };
    let arms = settings.arms.iter().zip([0.0001, 0.001]);
    Row {
        id: format!("req_{number}"),
        task: "triage".to_owned(),
        text: text.join(" "),
        arms: arms.map(|((name, candidate), cost)| (name.clone(), cell(candidate, cost))).collect(),
        measured: Measured::of(settings),
        propensity: 1.0,
    }
}

/// Puts these labels into the state, as a gateway before this one did.
pub(crate) async fn keep_labels(state: &State, settings: &ObjectiveSettings, numbers: Range<i64>) {
    for number in numbers {
        let row = serde_json::json!(label(settings, number)).to_string();
        state.put_document(LABEL, &format!("triage/{number}"), None, &row, number).await.unwrap();
    }
}

/// A finished request of the task.
pub(crate) fn record(asked: &str, answered: &str) -> RequestRecord {
    let body = serde_json::json!({ "model": "task/triage", "messages": [{ "role": "user", "content": asked }] });
    RequestRecord {
        id: RequestId::from_parts(1, [7; 10]),
        started_at_us: now_us(),
        task: "triage".into(),
        protocol: "openai.chat",
        streamed: false,
        requested_model: "task/triage".into(),
        status: 200,
        outcome: OutcomeKind::Accepted,
        code: None,
        usage: Usage::default(),
        cost: None,
        timing: Timing::default(),
        fingerprint: ContentHash::of(b"system"),
        parameters: "{}".to_owned(),
        request_body: Bytes::from(body.to_string()),
        response_body: Bytes::from(said(answered)),
        attempts: Vec::new(),
        notes: Vec::new(),
    }
}

/// A state of its own.
pub(crate) async fn state(folder: &Path) -> State {
    State::open(&Engine::Sqlite { path: folder.join("steersman.db") }).await.unwrap()
}

/// Objectives of the task `triage` alone.
pub(crate) async fn opened(state: &State, settings: ObjectiveSettings) -> Objectives {
    let settings = BTreeMap::from([("triage".to_owned(), settings)]);
    Objectives::open(settings, state.clone(), Redactor::new(&[])).await.unwrap()
}
