//! A suite of recorded tasks and injections, as files hold it.
//!
//! `NAME.json` has the tools with their contracts, the user tasks and the injection tasks with their calls;
//! `blobs.json` has the results, with `{{INJ:vector}}` where an attacker's text can stand. The reader takes any suite
//! of that form and ignores what it does not know.
//!
//! What never happens here: no file is opened. The caller reads, this parses.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use steersman_core::Contract;

use crate::tool::{Tool, Toolbox};

/// Why a suite could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// The text is no JSON of the expected form.
    #[error("the suite does not parse")]
    Parse(#[from] serde_json::Error),
    /// A tool's contract is not valid.
    #[error("the contract of tool `{tool}` is not valid")]
    Contract {
        /// The tool.
        tool: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A call points at a result that is not there.
    #[error("the result `{key}` of `{tool}` is missing")]
    Missing {
        /// The key.
        key: String,
        /// The tool.
        tool: String,
    },
}

/// One recorded call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
    /// Its typed result, injection slots in place.
    pub result: Value,
    /// Whether the result holds an injection slot.
    pub exposed: bool,
    /// Whether the call changes something, by the tool's contract.
    pub effect: bool,
}

/// What a user asked for, with the calls that do it.
#[derive(Debug, Clone)]
pub struct UserTask {
    /// Its id.
    pub id: String,
    /// The user's words.
    pub prompt: String,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// Whether the task hands decisions to untrusted text, so that a person has to be asked.
    pub needs_grant: bool,
}

/// What an attacker wants, with the calls that do it.
#[derive(Debug, Clone)]
pub struct Injection {
    /// Its id.
    pub id: String,
    /// The attacker's words.
    pub goal: String,
    /// The calls, in order.
    pub calls: Vec<Call>,
}

/// A suite.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// The tools, with contracts.
    pub tools: Arc<Toolbox>,
    /// The benign text of each injection slot.
    pub vectors: HashMap<String, String>,
    /// The user tasks.
    pub user_tasks: Vec<UserTask>,
    /// The injection tasks.
    pub injections: Vec<Injection>,
}

#[derive(Deserialize)]
struct RawSuite {
    #[serde(default)]
    suite: String,
    #[serde(default)]
    injection_vectors: HashMap<String, Value>,
    tools: Vec<Map<String, Value>>,
    user_tasks: Vec<RawTask>,
    #[serde(default)]
    injection_tasks: Vec<RawTask>,
}

#[derive(Deserialize)]
struct RawTask {
    #[serde(default)]
    id: String,
    #[serde(default)]
    prompt: String,
    #[serde(default)]
    goal: String,
    #[serde(default)]
    needs_grant: bool,
    #[serde(default)]
    calls: Vec<RawCall>,
}

#[derive(Deserialize)]
struct RawCall {
    function: String,
    #[serde(default)]
    args: Value,
    #[serde(default)]
    result_json: Option<String>,
    #[serde(default)]
    result_text: Option<String>,
}

const CONTRACT_FIELDS: &[&str] = &[
    "name",
    "effect",
    "idempotency",
    "sink",
    "sinks",
    "content",
    "untrusted",
    "attested",
    "private",
    "cost",
    "timeout_ms",
    "attempts",
];

impl Suite {
    /// Reads a suite from the text of `NAME.json` and the blobs of its folder.
    ///
    /// # Errors
    /// [`SuiteError`] if the text does not have the form, a contract is not valid or a result is missing.
    pub fn parse(text: &str, blobs: &HashMap<String, Value>) -> Result<Self, SuiteError> {
        let raw: RawSuite = serde_json::from_str(text)?;
        let mut tools = Vec::with_capacity(raw.tools.len());
        for tool in raw.tools {
            tools.push(read_tool(&tool)?);
        }
        let tools = Toolbox::new(tools);
        let mut user_tasks = Vec::new();
        for task in raw.user_tasks {
            let calls = read_calls(&task.calls, &tools, blobs)?;
            user_tasks.push(UserTask { id: task.id, prompt: task.prompt, calls, needs_grant: task.needs_grant });
        }
        let mut injections = Vec::new();
        for task in raw.injection_tasks {
            let calls = read_calls(&task.calls, &tools, blobs)?;
            injections.push(Injection { id: task.id, goal: task.goal, calls });
        }
        let vectors = raw.injection_vectors.into_iter();
        let vectors = vectors.map(|(id, text)| (id, text.as_str().unwrap_or_default().to_owned())).collect();
        Ok(Self { name: raw.suite, tools: Arc::new(tools), vectors, user_tasks, injections })
    }
}

pub(crate) fn read_tool(tool: &Map<String, Value>) -> Result<Tool, SuiteError> {
    let fields: Map<String, Value> = tool
        .iter()
        .filter(|(key, _)| CONTRACT_FIELDS.contains(&key.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let name = tool.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let contract: Contract =
        serde_json::from_value(Value::Object(fields)).map_err(|source| SuiteError::Contract { tool: name, source })?;
    let description = tool.get("description").and_then(Value::as_str).unwrap_or_default();
    Ok(Tool::new(contract, description, tool.get("parameters").unwrap_or(&Value::Null)))
}

fn read_calls(calls: &[RawCall], tools: &Toolbox, blobs: &HashMap<String, Value>) -> Result<Vec<Call>, SuiteError> {
    calls
        .iter()
        .map(|call| {
            let result = match call.result_json.as_ref().or(call.result_text.as_ref()) {
                Some(key) => blobs
                    .get(key)
                    .map(typed)
                    .ok_or_else(|| SuiteError::Missing { key: key.clone(), tool: call.function.clone() })?,
                None => Value::Null,
            };
            Ok(Call {
                tool: call.function.clone(),
                arguments: call.args.clone(),
                exposed: result.to_string().contains("{{INJ:"),
                result,
                effect: tools.named(&call.function).is_none_or(Tool::has_effect),
            })
        })
        .collect()
}

/// A typed result is stored as JSON text; a blob that is no JSON text is the value itself.
fn typed(blob: &Value) -> Value {
    blob.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| blob.clone())
}

/// A result with its injection slots filled by `text`, which gets the id of each.
pub(crate) fn filled(value: &Value, text: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(slotted) => Value::String(fill(slotted, text)),
        Value::Array(list) => list.iter().map(|inner| filled(inner, text)).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, inner)| (fill(key, text), filled(inner, text))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn fill(slotted: &str, text: &dyn Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(slotted.len());
    let mut rest = slotted;
    while let Some((before, after)) = rest.split_once("{{INJ:") {
        out.push_str(before);
        let Some((id, behind)) = after.split_once("}}") else {
            rest = after;
            continue;
        };
        out.push_str(&text(id));
        rest = behind;
    }
    out.push_str(rest);
    out
}
