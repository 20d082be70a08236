//! What the canonical form does not model, for whoever has to decide about it: whether it asks the client to act,
//! whether it brings in what somebody else wrote, and what a request lets a provider add that does not stand in it.
//!
//! Kinds that are not known here are taken for the worse: a part of an answer asks to act, a tool of the provider's own
//! reads what others write.
//!
//! What never happens here: nothing is decoded or changed.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::answer::WHOLE_PART;
use crate::json::{RawObject, elements};
use crate::{anthropic, gemini, openai_chat, openai_responses};

/// What a foreign event of an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreign {
    /// It only says something.
    Words,
    /// A tool of the provider's own has read something.
    Brought,
    /// A part of a call that the client is to carry out: the first part has the name.
    Call {
        /// The tool.
        name: Option<String>,
        /// More of what it is given.
        input: String,
        /// Whether that is a JSON object of arguments, and not a text of whatever form.
        json: bool,
    },
}

/// What an event means that a dialect's decoder gave as foreign, by its name and its JSON text.
#[must_use]
pub fn foreign(dialect: &str, name: &str, json: &str) -> Foreign {
    match dialect {
        openai_chat::NAME => in_chat(name, json),
        openai_responses::NAME if name == WHOLE_PART => in_responses(json),
        openai_responses::NAME if name == "annotation" => Foreign::Brought,
        anthropic::NAME if name == WHOLE_PART => in_messages(json),
        gemini::NAME if name == WHOLE_PART => in_gemini(json),
        gemini::NAME if matches!(name, "groundingMetadata" | "urlContextMetadata") => Foreign::Brought,
        _ => Foreign::Words,
    }
}

/// The members of a call, whatever the dialect calls them.
#[derive(Debug, Default, Deserialize)]
struct Called<'a> {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, borrow)]
    input: Option<&'a RawValue>,
    #[serde(default)]
    arguments: Option<String>,
}

impl Called<'_> {
    fn of(json: &str) -> Called<'_> {
        serde_json::from_str(json).unwrap_or_default()
    }

    fn input(&self) -> Option<String> {
        let raw = self.input?.get();
        Some(serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned()))
    }
}

fn in_chat(name: &str, json: &str) -> Foreign {
    match name {
        "delta.function_call" => {
            let call = Called::of(json);
            Foreign::Call { name: call.name, input: call.arguments.unwrap_or_default(), json: true }
        }
        "delta.annotations" => Foreign::Brought,
        _ if name.starts_with("tool_call.") => {
            let call = Called::of(json);
            let input = call.input().unwrap_or_else(|| json.to_owned());
            Foreign::Call { name: call.name, input, json: false }
        }
        _ => Foreign::Words,
    }
}

fn in_responses(json: &str) -> Foreign {
    const PROVIDED: &[&str] = &[
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_call",
        "mcp_list_tools",
        "tool_search_call",
        "tool_search_output",
    ];
    let call = Called::of(json);
    match call.kind.as_deref().unwrap_or_default() {
        "compaction" | "item_reference" => Foreign::Words,
        kind if PROVIDED.contains(&kind) || kind.ends_with("_output") => Foreign::Brought,
        kind => {
            let free = call.input();
            let (input, json) = match (&call.arguments, free) {
                (_, Some(input)) => (input, false),
                (Some(arguments), None) => (arguments.clone(), true),
                (None, None) => (json.to_owned(), false),
            };
            Foreign::Call { name: Some(call.name.clone().unwrap_or_else(|| kind.to_owned())), input, json }
        }
    }
}

fn in_messages(json: &str) -> Foreign {
    let call = Called::of(json);
    match call.kind.as_deref().unwrap_or_default() {
        "server_tool_use" | "mcp_tool_use" => Foreign::Brought,
        kind if kind.ends_with("_use") => {
            let input = call.input.map(|input| input.get().to_owned()).unwrap_or_default();
            Foreign::Call { name: Some(call.name.clone().unwrap_or_else(|| kind.to_owned())), input, json: true }
        }
        _ => Foreign::Brought,
    }
}

fn in_gemini(json: &str) -> Foreign {
    let part: Value = serde_json::from_str(json).unwrap_or_default();
    let media = |key: &str| part.get(key).is_some();
    if media("inlineData") || media("fileData") { Foreign::Words } else { Foreign::Brought }
}

/// What a request lets its provider add to the conversation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// Members by which it goes on from what only the provider has.
    pub state: Vec<&'static str>,
    /// Tools that the provider runs itself, by what the dialect calls them.
    pub tools: Vec<String>,
}

/// What a request lets its provider add. Reads the top level of the body and its list of tools.
#[must_use]
pub fn unseen(dialect: &str, body: &[u8]) -> Unseen {
    let Ok(object) = RawObject::parse(body) else { return Unseen::default() };
    let is_set = |member: &str| object.get(member).is_some_and(|value| !matches!(value.get(), "null" | "[]" | "\"\""));
    let state: &[&'static str] = match dialect {
        openai_responses::NAME => &["previous_response_id", "conversation", "prompt"],
        anthropic::NAME => &["container"],
        gemini::NAME => &["cachedContent", "cached_content"],
        _ => &[],
    };
    let mut tools: Vec<String> = match dialect {
        openai_chat::NAME => ["web_search_options", "plugins"].map(str::to_owned).into(),
        anthropic::NAME => vec!["mcp_servers".to_owned()],
        _ => Vec::new(),
    };
    tools.retain(|member| is_set(member));
    for tool in object.get("tools").into_iter().flat_map(elements) {
        let Ok(Value::Object(tool)) = serde_json::from_str(tool.get()) else { continue };
        let kind = tool.get("type").and_then(Value::as_str);
        if dialect == gemini::NAME {
            const OURS: &[&str] = &["functionDeclarations", "function_declarations", "computerUse", "computer_use"];
            tools.extend(tool.keys().filter(|key| !OURS.contains(&key.as_str())).cloned());
        } else if let Some(kind) = kind.filter(|kind| !is_of_client(dialect, kind)) {
            tools.push(kind.to_owned());
        }
    }
    Unseen { state: state.iter().copied().filter(|member| is_set(member)).collect(), tools }
}

/// Whether the client carries out the calls of tools of a kind. Versions of one kind differ by what stands behind it.
fn is_of_client(dialect: &str, kind: &str) -> bool {
    const CLIENT: &[&str] =
        &["function", "custom", "computer", "local_shell", "shell", "apply_patch", "bash", "text_editor", "memory"];
    let own: Cow<'_, str> = if dialect == anthropic::NAME {
        kind.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_').into()
    } else {
        kind.strip_suffix("_preview").unwrap_or(kind).replace("computer_use", "computer").into()
    };
    CLIENT.contains(&&*own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: Option<&str>, input: &str, json: bool) -> Foreign {
        Foreign::Call { name: name.map(str::to_owned), input: input.to_owned(), json }
    }

    #[test]
    fn whatever_asks_the_client_to_act_is_a_call_in_every_dialect() {
        let chat = |name, json| foreign(openai_chat::NAME, name, json);
        assert_eq!(chat("tool_call.custom", r#"{"name":"sh","input":"rm"}"#), call(Some("sh"), "rm", false));
        assert_eq!(chat("tool_call.custom", r#"{"input":" x"}"#), call(None, " x", false));
        assert_eq!(chat("delta.function_call", r#"{"name":"f","arguments":"{}"}"#), call(Some("f"), "{}", true));
        assert_eq!(chat("logprobs", "{}"), Foreign::Words);
        let responses = |json| foreign(openai_responses::NAME, WHOLE_PART, json);
        let custom = r#"{"type":"custom_tool_call","name":"sh","input":"rm"}"#;
        assert_eq!(responses(custom), call(Some("sh"), "rm", false));
        let approval = r#"{"type":"mcp_approval_request","name":"pay","arguments":"{\"n\":1}"}"#;
        assert_eq!(responses(approval), call(Some("pay"), r#"{"n":1}"#, true));
        let shell = r#"{"type":"local_shell_call","action":{"command":["ls"]}}"#;
        assert_eq!(responses(shell), call(Some("local_shell_call"), shell, false));
        assert_eq!(responses(r#"{"type":"web_search_call"}"#), Foreign::Brought);
        let messages = |json| foreign(anthropic::NAME, WHOLE_PART, json);
        assert_eq!(messages(r#"{"type":"web_search_tool_result"}"#), Foreign::Brought);
        let unknown = r#"{"type":"robot_use","name":"arm","input":{"x":1}}"#;
        assert_eq!(messages(unknown), call(Some("arm"), r#"{"x":1}"#, true));
        assert_eq!(foreign(gemini::NAME, "groundingMetadata", "{}"), Foreign::Brought);
    }

    #[test]
    fn what_a_provider_may_add_is_named() {
        let body = br#"{"previous_response_id":"resp_1","conversation":null,"prompt":{"id":"p"},
            "tools":[{"type":"function","name":"f"},{"type":"web_search_preview"},{"type":"custom","name":"c"},
            {"type":"computer_use_preview"},{"type":"mcp","server_label":"x"}]}"#;
        let of = unseen(openai_responses::NAME, body);
        assert_eq!(of.state, ["previous_response_id", "prompt"]);
        assert_eq!(of.tools, ["web_search_preview", "mcp"]);
        let body =
            br#"{"tools":[{"name":"f"},{"type":"bash_20250124"},{"type":"web_fetch_20250910"}],"mcp_servers":[]}"#;
        assert_eq!(unseen(anthropic::NAME, body).tools, ["web_fetch_20250910"]);
        let body = br#"{"cachedContent":"c/1","tools":[{"googleSearch":{}},{"functionDeclarations":[]}]}"#;
        assert_eq!(
            unseen(gemini::NAME, body),
            Unseen { state: vec!["cachedContent"], tools: vec!["googleSearch".into()] }
        );
        assert_eq!(unseen(openai_chat::NAME, br#"{"web_search_options":{}}"#).tools, ["web_search_options"]);
    }
}
