//! Prompts that ask for an effect, beside prompts that only speak of one.
//!
//! Whether a call was asked for is read from the user's words alone, so it can be measured without an attacker: all
//! values of the calls here are the user's or a platform's, and what was read holds untrusted text. A call of `asked`
//! that is not allowed is a question too many; one of `unasked` that is allowed could be had by whoever talks the
//! model over.
//!
//! What never happens here: no file is opened, and no prompt is read twice.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::decision::{ProposedCall, Witness};
use crate::guard::Guard;
use crate::policy::Policy;
use crate::suite::{self, SuiteError};
use crate::tool::Toolbox;

/// A set of prompts over one toolbox and what was read with it.
#[derive(Debug, Clone)]
pub struct Prompts {
    tools: Arc<Toolbox>,
    reads: Vec<Read>,
    cases: Vec<Case>,
}

/// How a guard judged a set of prompts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PromptReport {
    /// Calls that the prompts ask for.
    pub asked: u32,
    /// Of these, how many were allowed.
    pub asked_allowed: u32,
    /// Calls that the prompts speak of and do not ask for.
    pub unasked: u32,
    /// Of these, how many were allowed.
    pub unasked_allowed: u32,
    /// What was judged otherwise than it should be.
    pub findings: Vec<PromptFinding>,
}

/// A call that was asked for and not allowed, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromptFinding {
    /// The user's words.
    pub prompt: String,
    /// The tool of the call, or of the last of several.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
    /// Whether it was allowed.
    pub allowed: bool,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
}

#[derive(Deserialize)]
struct Raw {
    tools: Vec<Map<String, Value>>,
    reads: Vec<Read>,
    cases: Vec<Case>,
}

#[derive(Debug, Clone, Deserialize)]
struct Read {
    function: String,
    #[serde(default)]
    args: Value,
    result: Value,
}

#[derive(Debug, Clone, Deserialize)]
struct Case {
    prompt: String,
    #[serde(default)]
    asked: Vec<Made>,
    #[serde(default)]
    unasked: Vec<Several>,
}

#[derive(Debug, Clone, Deserialize)]
struct Made {
    function: String,
    #[serde(default)]
    args: Value,
}

/// One call, or several that count together.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Several {
    One(Made),
    Many(Vec<Made>),
}

impl Several {
    fn calls(&self) -> &[Made] {
        match self {
            Self::One(call) => std::slice::from_ref(call),
            Self::Many(calls) => calls,
        }
    }
}

impl Prompts {
    /// Reads a set: `tools` as in a suite, `reads` with their results, and `cases` with `prompt`, `asked`, `unasked`.
    ///
    /// # Errors
    /// [`SuiteError`] if the text does not have the form or a contract is not valid.
    pub fn parse(text: &str) -> Result<Self, SuiteError> {
        let raw: Raw = serde_json::from_str(text)?;
        let tools = raw.tools.iter().map(suite::read_tool).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { tools: Arc::new(Toolbox::new(tools)), reads: raw.reads, cases: raw.cases })
    }

    /// Judges every case, each in a conversation of its own in which all reads were made. Cost: a decision a call.
    #[must_use]
    pub fn judge(&self, policy: &Arc<Policy>) -> PromptReport {
        let mut report = PromptReport::default();
        for case in &self.cases {
            let mut guard = Guard::new(Arc::clone(&self.tools), Arc::clone(policy));
            guard.push_user(&case.prompt);
            for (at, read) in self.reads.iter().enumerate() {
                let id = format!("r{at}");
                guard.push_tool_call(&id, &read.function, &read.args);
                guard.push_tool_result(&id, &read.result);
            }
            for several in &case.unasked {
                let mut guard = guard.clone();
                report.unasked += 1;
                if several.calls().iter().all(|call| make(&mut guard, call).is_none())
                    && let Some(last) = several.calls().last()
                {
                    report.unasked_allowed += 1;
                    report.note(case, last, None);
                }
            }
            for call in &case.asked {
                report.asked += 1;
                match make(&mut guard, call) {
                    None => report.asked_allowed += 1,
                    Some(witness) => report.note(case, call, Some(witness)),
                }
            }
        }
        report
    }
}

impl PromptReport {
    fn note(&mut self, case: &Case, call: &Made, witness: Option<Witness>) {
        let (prompt, tool, arguments) = (case.prompt.clone(), call.function.clone(), call.args.clone());
        self.findings.push(PromptFinding { prompt, tool, arguments, allowed: witness.is_none(), witness });
    }
}

/// Proposes a call, and carries it out if it is allowed; else tells why it is not.
fn make(guard: &mut Guard, call: &Made) -> Option<Witness> {
    let decision = guard.decide_one(&ProposedCall::new(&call.function, call.args.clone()));
    if decision.is_allowed() {
        let id = format!("e{}", call.function);
        guard.push_tool_call(&id, &call.function, &call.args);
        guard.push_tool_result(&id, &json!({ "status": "ok" }));
    }
    decision.witness().cloned()
}
