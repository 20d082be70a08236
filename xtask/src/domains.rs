//! A task with ground truth for two local models: which of ten domains does a question belong to?
//!
//! The questions are `testdata/clinc150` (CC BY 3.0). The reference has eleven times the weights of the candidate, and
//! the prices stand in that ratio, since a local model's price is the processor's time. Answers are held to the ten
//! labels.
//!
//! What never happens here: a label that a model sees, or a question asked twice.

use std::path::Path;

use serde_json::{Value, json};

use crate::{Failure, http};

/// The reference's name in the catalogue of local models; the candidate is the demo's own.
pub(crate) const REFERENCE: &str = "qwen2.5-coder-1.5b";
/// The candidate's.
pub(crate) const CANDIDATE: &str = "smollm2-135m";

/// Two models and the objective between them.
pub(crate) const CONFIG: &str = "
[models.domains-small]
upstream = \"smollm2-135m\"
input_usd_per_million = 0.0135
output_usd_per_million = 0.0135
[models.domains-big]
upstream = \"qwen2.5-coder-1.5b\"
input_usd_per_million = 0.154
output_usd_per_million = 0.154
[tasks.domains.objective]
reference = \"domains-big\"
candidates = [\"domains-small\"]
floor = 0.9
confidence = 0.9
evaluator = \"truth\"
answer = \"/domain\"
likelihood = true
shadow_share = 1.0
";

/// One question that both models are shown as an example, a domain.
const EXAMPLES: [(&str, &str); 10] = [
    ("what is my checking balance", "banking"),
    ("raise my visa limit", "credit_cards"),
    ("how long do i boil eggs", "kitchen_and_dining"),
    ("add milk to my shopping list", "home"),
    ("how far is the next gas station", "auto_and_commute"),
    ("book a flight to rome", "travel"),
    ("what time is it", "utility"),
    ("how many vacation days do i have left", "work"),
    ("tell me a joke", "small_talk"),
    ("speak slower please", "meta"),
];

/// A question and its domain.
pub(crate) struct Question {
    pub(crate) domain: String,
    pub(crate) text: String,
}

/// The sample, in its (random) order.
pub(crate) fn questions(root: &Path) -> Result<Vec<Question>, Failure> {
    let sample = std::fs::read_to_string(root.join("testdata/clinc150/domains.tsv"))?;
    let lines = sample.lines().skip(1).filter_map(|line| line.split_once('\t'));
    Ok(lines.map(|(domain, text)| Question { domain: domain.to_owned(), text: text.to_owned() }).collect())
}

/// What became of one question.
pub(crate) struct Sorted {
    /// The request's id.
    pub(crate) id: String,
    /// Whether the client got the right domain.
    pub(crate) right: bool,
    /// The raw answer.
    pub(crate) answer: http::Answer,
}

/// Asks for a question's domain under the objective, and says afterwards what was right.
pub(crate) fn sort(address: &str, question: &Question) -> Result<Sorted, Failure> {
    let answer = http::post(address, "/v1/chat/completions", &request(&question.text).to_string(), |_| true)?;
    if answer.status != 200 {
        return Err(Failure::new(format!("HTTP {}: {}", answer.status, answer.body)));
    }
    let id = answer.header("x-request-id").unwrap_or_default().to_owned();
    let said = json!({ "request_id": id, "truth": question.domain }).to_string();
    let kept = http::post(address, "/v1/feedback", &said, |_| true)?;
    if kept.status != 202 {
        return Err(Failure::new(format!("HTTP {}: {}", kept.status, kept.body)));
    }
    Ok(Sorted { id, right: domain_of(&answer.body).as_deref() == Some(question.domain.as_str()), answer })
}

fn request(question: &str) -> Value {
    let names: Vec<&str> = EXAMPLES.iter().map(|(_, domain)| *domain).collect();
    let turn = |role: &str, content: String| json!({ "role": role, "content": content });
    let mut messages = vec![turn("system", format!("Sort what the user says into one domain: {}.", names.join(", ")))];
    for (asked, domain) in EXAMPLES {
        messages.push(turn("user", asked.to_owned()));
        messages.push(turn("assistant", json!({ "domain": domain }).to_string()));
    }
    messages.push(turn("user", question.to_owned()));
    let schema = json!({
        "type": "object", "required": ["domain"], "additionalProperties": false,
        "properties": { "domain": { "type": "string", "enum": names } },
    });
    json!({
        "model": "task/domains", "messages": messages, "temperature": 0, "max_completion_tokens": 24,
        "response_format": { "type": "json_schema", "json_schema": { "name": "sorted", "strict": true, "schema": schema } },
    })
}

fn domain_of(body: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(body).ok()?;
    let content = answer.pointer("/choices/0/message/content")?.as_str()?;
    let value: Value = serde_json::from_str(content).ok()?;
    value.get("domain")?.as_str().map(str::to_owned)
}

/// Where an objective stands.
pub(crate) fn standing(address: &str, task: &str) -> Result<Value, Failure> {
    let answer = http::get(address, "/v1/objectives")?;
    let all: Value = serde_json::from_str(&answer.body)?;
    let found = all.pointer(&format!("/data/{task}")).cloned();
    found.ok_or_else(|| Failure::new(format!("no objective of `{task}`: {}", answer.body)))
}
