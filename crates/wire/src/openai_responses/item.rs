//! The items of a response that is being written, and the response object around them.

use steersman_core::{FinishReason, Usage};

use super::encode::write_summary;
use super::usage;
use crate::answer::AnswerOptions;
use crate::json::RawObject;
use crate::write::{self, Object};

/// Members of a request that its response repeats, and what it says where the request is silent.
const REPEATED: &[(&str, &str)] = &[
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("store", "true"),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "null"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];

/// One item of the output.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Message(Vec<Content>),
    Reasoning {
        id: Option<String>,
        text: String,
        encrypted: Option<String>,
    },
    /// A function call: its index in the canonical answer, and its members.
    Call {
        index: u32,
        id: String,
        name: String,
        arguments: String,
    },
    /// An item that this house does not model, as it came.
    Foreign(String),
}

/// One part of a message item.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Text, and its annotations as JSON.
    Text(String, Vec<String>),
    Refusal(String),
}

impl Content {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write::object(out, |out| match self {
            Self::Text(text, annotations) => {
                out.string("type", "output_text");
                out.array("annotations", annotations, |out, json| out.extend_from_slice(json.as_bytes()));
                out.json("logprobs", "[]");
                out.string("text", text);
            }
            Self::Refusal(text) => {
                out.string("type", "refusal");
                out.string("refusal", text);
            }
        });
    }
}

/// Everything of a response but its output.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    pub(super) id: String,
    pub(super) model: String,
    created_unix_s: u64,
    repeated: Vec<(&'static str, String)>,
}

impl Envelope {
    pub(super) fn new(options: &AnswerOptions) -> Self {
        let request = RawObject::parse(&options.request).ok();
        let given = |key: &str| {
            let value = request.as_ref().and_then(|request| request.get(key));
            value.filter(|value| value.get() != "null").map(|value| value.get().to_owned())
        };
        let known = |key: &str| {
            let previous = options.previous_response_id.as_ref().filter(|_| key == "previous_response_id")?;
            Some(serde_json::Value::from(previous.as_str()).to_string())
        };
        let silent = |(key, silent): &(&'static str, &str)| {
            (*key, given(key).or_else(|| known(key)).unwrap_or_else(|| (*silent).to_owned()))
        };
        let repeated = REPEATED.iter().map(silent);
        let id = options.answer_id.clone().unwrap_or_default();
        Self { id, model: String::new(), created_unix_s: options.created_unix_s, repeated: repeated.collect() }
    }

    /// Takes the provider's names of the answer. Ours goes before: it must be unique among all providers.
    pub(super) fn start(&mut self, id: &str, model: &str) {
        if self.id.is_empty() {
            id.clone_into(&mut self.id);
        }
        model.clone_into(&mut self.model);
    }

    /// The id of an item that none came with.
    pub(super) fn item_id(&self, kind: &str, position: usize) -> String {
        let own = self.id.strip_prefix("resp_").unwrap_or(&self.id);
        format!("{kind}_{own}_{position}")
    }

    pub(super) fn write(&self, state: &State<'_>, items: &[Item], out: &mut Object<'_>) {
        out.string("id", &self.id);
        out.string("object", "response");
        out.value("created_at", self.created_unix_s);
        out.string("status", state.status());
        out.string("model", &self.model);
        match state {
            State::Failed { kind, message } => out.object("error", |out| {
                out.string("code", kind);
                out.string("message", message);
            }),
            _ => out.json("error", "null"),
        }
        match state.incomplete() {
            Some(reason) => out.object("incomplete_details", |out| out.string("reason", reason)),
            None => out.json("incomplete_details", "null"),
        }
        out.array("output", items.iter().enumerate(), |out, (position, item)| {
            self.write_item(item, position, "completed", out);
        });
        match state {
            State::Ended { usage: Some(report), .. } => out.object("usage", |out| usage::write(report, out)),
            _ => out.json("usage", "null"),
        }
        for (name, json) in &self.repeated {
            out.json(name, json);
        }
    }

    pub(super) fn write_item(&self, item: &Item, position: usize, status: &str, out: &mut Vec<u8>) {
        match item {
            Item::Foreign(json) => out.extend_from_slice(json.as_bytes()),
            Item::Message(parts) => write::object(out, |out| {
                out.string("id", &self.id_of(item, position));
                out.string("type", "message");
                out.string("status", status);
                out.string("role", "assistant");
                out.array("content", parts, |out, part| part.write(out));
            }),
            Item::Reasoning { text, encrypted, .. } => write::object(out, |out| {
                out.string("id", &self.id_of(item, position));
                out.string("type", "reasoning");
                write_summary(text, out);
                out.optional("encrypted_content", encrypted.as_deref());
            }),
            Item::Call { id, name, arguments, .. } => write::object(out, |out| {
                out.string("id", &self.id_of(item, position));
                out.string("type", "function_call");
                out.string("status", status);
                out.string("call_id", id);
                out.string("name", name);
                out.string("arguments", arguments);
            }),
        }
    }

    pub(super) fn id_of(&self, item: &Item, position: usize) -> String {
        match item {
            Item::Message(_) => self.item_id("msg", position),
            Item::Reasoning { id: Some(id), .. } => id.clone(),
            Item::Reasoning { .. } => self.item_id("rs", position),
            Item::Call { .. } => self.item_id("fc", position),
            Item::Foreign(_) => self.item_id("item", position),
        }
    }
}

/// Where a response stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum State<'s> {
    Under,
    Ended { finish: Option<FinishReason>, refused: bool, usage: Option<Usage> },
    Failed { kind: &'s str, message: &'s str },
}

impl State<'_> {
    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::Under => "in_progress",
            Self::Failed { .. } => "failed",
            Self::Ended { .. } if self.incomplete().is_some() => "incomplete",
            Self::Ended { .. } => "completed",
        }
    }

    fn incomplete(&self) -> Option<&'static str> {
        match self {
            Self::Ended { finish: Some(FinishReason::Length), .. } => Some("max_output_tokens"),
            Self::Ended { finish: Some(FinishReason::ContentFilter), .. }
            | Self::Ended { finish: Some(FinishReason::Refusal), refused: false, .. } => Some("content_filter"),
            _ => None,
        }
    }
}
