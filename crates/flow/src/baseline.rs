//! Reference guards: what simpler rules give in the same replay.
//!
//! They are what gateways sell or papers describe, and the measure of what provenance adds: no guard, a lock after the
//! first untrusted read, literals only, literals of sinks only, the latter with platform values, typed fields with a
//! verb match, and a tool list that knows the truth. None of them is used to decide anything outside a replay.

use std::collections::BTreeSet;

use serde_json::Value;
use steersman_core::Effect;

use crate::decision::{Decision, ProposedCall, Witness};
use crate::leaf::leaves;
use crate::moment;
use crate::replay::{Referee, unexplained};
use crate::request::Request;
use crate::suite::{Call, Suite, UserTask};
use crate::tool::{Evidence, Tool, Toolbox};

/// Which reference guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    NoGuard,
    Lockout,
    EveryArgumentInPrompt,
    SinksInPrompt,
    PlatformValues,
    TypedFieldsAndVerb,
    PerfectToolList,
}

/// The reference guards by the names under which they are reported.
pub(crate) const ALL: &[(&str, Kind)] = &[
    ("no_guard", Kind::NoGuard),
    ("lockout", Kind::Lockout),
    ("every_argument_in_prompt", Kind::EveryArgumentInPrompt),
    ("sink_arguments_in_prompt", Kind::SinksInPrompt),
    ("platform_ids_and_trusted_tools", Kind::PlatformValues),
    ("typed_fields_and_verb_match", Kind::TypedFieldsAndVerb),
    ("perfect_tool_list", Kind::PerfectToolList),
];

/// A reference guard in a replay.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    kind: Kind,
    tools: std::sync::Arc<Toolbox>,
    prompt: String,
    request: Request,
    used: BTreeSet<String>,
    tainted: bool,
    pool: BTreeSet<String>,
    attested: BTreeSet<String>,
}

impl Baseline {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            tools: std::sync::Arc::default(),
            prompt: String::new(),
            request: Request::default(),
            used: BTreeSet::new(),
            tainted: false,
            pool: BTreeSet::new(),
            attested: BTreeSet::new(),
        }
    }

    fn in_prompt(&self, value: &str) -> bool {
        self.prompt.contains(&value.to_lowercase())
    }

    fn allows(&self, call: &ProposedCall) -> bool {
        let Some(tool) = self.tools.named(&call.tool) else { return self.kind == Kind::NoGuard };
        if tool.contract.effect == Effect::Read || self.kind == Kind::NoGuard {
            return true;
        }
        let (sinks, contents) = leaves(tool, &call.arguments);
        let sinks: Vec<String> = sinks.iter().map(|leaf| leaf.text().into_owned()).collect();
        let mut contents = contents.iter().map(crate::leaf::Leaf::text);
        match self.kind {
            Kind::NoGuard => true,
            Kind::Lockout => !self.tainted,
            Kind::PerfectToolList => self.used.contains(&call.tool),
            _ if !self.tainted => true,
            Kind::EveryArgumentInPrompt => {
                sinks.iter().all(|value| self.in_prompt(value)) && contents.all(|value| self.in_prompt(&value))
            }
            Kind::SinksInPrompt => sinks.iter().all(|value| self.in_prompt(value)),
            Kind::PlatformValues => sinks.iter().all(|value| self.in_prompt(value) || self.pool.contains(value)),
            Kind::TypedFieldsAndVerb => {
                let typed = |value: &String| {
                    self.in_prompt(value)
                        || self.attested.contains(value)
                        || value.parse::<f64>().is_ok()
                        || moment::parse(value).is_some()
                };
                tool.asked_by(&self.request, &&Evidence::default(), &[]).is_some() && sinks.iter().all(typed)
            }
        }
    }

    fn collect(&mut self, tool: &Tool, value: &Value, keys: &mut Vec<String>) {
        match value {
            Value::Array(list) => list.iter().for_each(|inner| self.collect(tool, inner, keys)),
            Value::Object(map) => {
                for (key, inner) in map {
                    keys.push(key.clone());
                    self.collect(tool, inner, keys);
                    keys.pop();
                }
            }
            Value::String(_) | Value::Number(_) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let id = keys
                    .last()
                    .is_some_and(|key| key.trim_matches('_') == "id" || key.ends_with("_id") || key.ends_with("Id"));
                let names: Vec<&str> = keys.iter().map(String::as_str).collect();
                if tool.is_trusted() || id {
                    self.pool.insert(text.clone());
                }
                if tool.attests(&names) {
                    self.attested.insert(text);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

impl Referee for Baseline {
    fn begin(&mut self, suite: &Suite, task: &UserTask) {
        *self = Self::new(self.kind);
        self.tools = std::sync::Arc::clone(&suite.tools);
        self.prompt = task.prompt.to_lowercase();
        self.request.push(&task.prompt);
        self.used = task.calls.iter().map(|call| call.tool.clone()).collect();
    }

    fn decide(&self, call: &ProposedCall) -> Decision {
        if self.allows(call) { Decision::Allow } else { Decision::Ask(unexplained(call)) }
    }

    fn done(&mut self, _id: &str, call: &Call, result: &Value) {
        let tools = std::sync::Arc::clone(&self.tools);
        let Some(tool) = tools.named(&call.tool) else { return };
        self.tainted |= !tool.is_trusted();
        if self.kind == Kind::PlatformValues || self.kind == Kind::TypedFieldsAndVerb {
            self.collect(tool, result, &mut Vec::new());
        }
    }

    fn refused(&mut self, _id: &str, _call: &Call) {}

    fn approved(&mut self, _call: &ProposedCall, _witness: &Witness) {}
}
