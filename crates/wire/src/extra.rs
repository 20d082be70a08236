//! What the canonical form does not model, kept beside it by name or pointer.
//!
//! A member of the request goes by its name; one deeper down by its RFC 6901 pointer into the canonical form
//! (`/messages/0/parts/1/cache_control`, counting canonical messages, parts and tools); a tool that is no function by
//! `/tools/2`, its place among all tools. The dialect that wrote them takes them back where they stood. Any other
//! names each as a loss if it was advice, and refuses the request if it asked for something.
//!
//! What never happens here: an entry disappears without one of the two.

use serde_json::value::RawValue;
use steersman_core::{ChatRequest, ToolSpec};

use crate::error::{DecodeError, EncodeError, Loss};
use crate::fields::{Fields, pointer_token};
use crate::write::Object;

/// Members that spell a modelled value in one of two ways; the value itself is in the canonical form.
const SPELLINGS: &[&str] = &["role", "max_tokens", "instructions"];

/// A provider's own book-keeping of items it once sent; no other provider could read it.
const BOOKKEEPING: &[&str] = &["id", "status"];

/// Members that advise, label or price a call. Without them the answer to the same question may come slower, dearer
/// or less well sorted, but it answers the same question.
const ADVICE: &[&str] = &[
    "annotations",
    "cache_control",
    "citations",
    "context_management",
    "description",
    "detail",
    "encrypted_content",
    "frequencyPenalty",
    "frequency_penalty",
    "generate_summary",
    "include",
    "includeThoughts",
    "include_obfuscation",
    "inference_geo",
    "labels",
    "max_tool_calls",
    "mediaResolution",
    "metadata",
    "mimeType",
    "name",
    "phase",
    "prediction",
    "presencePenalty",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safetySettings",
    "safety_identifier",
    "service_tier",
    "speed",
    "store",
    "summary",
    "thinking",
    "thinkingBudget",
    "topK",
    "top_k",
    "truncation",
    "verbosity",
];

/// Whether an entry spells a value that the canonical form has.
pub(crate) fn is_spelling(name: &str) -> bool {
    SPELLINGS.contains(&name.rsplit('/').next().unwrap_or(name))
}

/// What is kept of one request, by name or pointer.
pub(crate) type Extra = Vec<(String, Box<RawValue>)>;

/// Reads the member `tools` in order. `read` gives the function that a tool is, with its pointer in hand; a tool that is
/// none is kept whole by its place.
pub(crate) fn decode_tools(
    fields: &mut Fields<'_, '_>,
    tools: &mut Vec<ToolSpec>,
    extra: &mut Extra,
    read: impl Fn(&mut Fields<'_, '_>, &str, &mut Extra) -> Result<Option<ToolSpec>, DecodeError>,
) -> Result<(), DecodeError> {
    let root = fields.path;
    let list = root.member("tools");
    for (i, raw) in fields.array("tools")?.into_iter().flatten().enumerate() {
        let mut tool = Fields::of(raw, list.element(i))?;
        let pointer = format!("/tools/{}", tools.len());
        match read(&mut tool, &pointer, extra)? {
            Some(spec) => tools.push(spec),
            None => extra.push((format!("/tools/{i}"), raw.to_owned())),
        }
    }
    Ok(())
}

/// Keeps everything that nobody took from an object, under a pointer prefix (empty for the request itself).
pub(crate) fn keep(extra: &mut Extra, prefix: &str, fields: &Fields<'_, '_>) {
    for (key, value) in fields.rest() {
        let key = pointer_token(key);
        let name = if prefix.is_empty() { key.into_owned() } else { format!("{prefix}/{key}") };
        extra.push((name, value.to_owned()));
    }
}

/// The extra members of one request, as an encoder of `dialect` may use them.
#[derive(Debug)]
pub(crate) struct Extras<'r> {
    entries: &'r [(String, Box<RawValue>)],
}

impl<'r> Extras<'r> {
    /// Opens the entries for their own dialect. For any other, names what is lost.
    ///
    /// # Errors
    /// [`EncodeError`] for the first entry of another dialect that is more than advice.
    pub(crate) fn open(
        request: &'r ChatRequest,
        dialect: &'static str,
        losses: &mut Vec<Loss>,
    ) -> Result<Self, EncodeError> {
        if request.dialect.is_none_or(|origin| origin == dialect) {
            return Ok(Self { entries: &request.extra });
        }
        for (name, value) in &request.extra {
            let member = name.rsplit('/').next().unwrap_or(name);
            let whole_tool = member.bytes().all(|b| b.is_ascii_digit());
            if is_spelling(name) || name.starts_with('/') && BOOKKEEPING.contains(&member) {
                continue;
            }
            // Whatever a provider is told, the gateway keeps the responses that it hands out.
            if name == "store" && request.dialect == Some(crate::openai_responses::NAME) {
                continue;
            }
            let inert = matches!(value.get(), "null" | "false");
            if whole_tool || !(inert || ADVICE.contains(&member)) {
                let what = if whole_tool { "this kind of tool" } else { "this member" };
                return Err(EncodeError::Unsupported { param: param_of(name), dialect, what });
            }
            losses.push(Loss { param: param_of(name), what: "left out: the dialect has no such member" });
        }
        Ok(Self { entries: &[] })
    }

    /// The entry with exactly this name.
    pub(crate) fn get(&self, name: &str) -> Option<&'r RawValue> {
        self.entries.iter().find(|(entry, _)| entry == name).map(|(_, value)| value.as_ref())
    }

    /// All tools in the order they were offered: canonical ones with their index, others as they came.
    pub(crate) fn tool_slots(&self, request: &'r ChatRequest) -> Vec<Result<(usize, &'r ToolSpec), &'r RawValue>> {
        let mut slots = Vec::new();
        let mut tools = request.tools.iter().enumerate();
        loop {
            if let Some(foreign) = self.get(&format!("/tools/{}", slots.len())) {
                slots.push(Err(foreign));
            } else if let Some(tool) = tools.next() {
                slots.push(Ok(tool));
            } else {
                return slots;
            }
        }
    }

    /// Whether there is nothing to write back.
    pub(crate) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the members of the request itself.
    pub(crate) fn write_top(&self, out: &mut Object<'_>) {
        for (name, value) in self.entries {
            if !name.starts_with('/') && !SPELLINGS.contains(&name.as_str()) {
                out.raw(&unescape(name), value);
            }
        }
    }

    /// Writes the members that stood directly in the object at `pointer`.
    pub(crate) fn write_at(&self, pointer: &str, out: &mut Object<'_>) {
        for (name, value) in self.entries {
            let member = name.strip_prefix(pointer).and_then(|rest| rest.strip_prefix('/'));
            if let Some(member) = member.filter(|member| !member.contains('/') && !SPELLINGS.contains(member)) {
                out.raw(&unescape(member), value);
            }
        }
    }

    /// Whether the object at `pointer` had members of its own.
    pub(crate) fn any_at(&self, pointer: &str) -> bool {
        self.entries.iter().any(|(name, _)| name.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/')))
    }
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// The name of an entry as `param` spells it: `messages[0].parts[1].cache_control`.
fn param_of(name: &str) -> String {
    let mut param = String::with_capacity(name.len());
    for token in name.trim_start_matches('/').split('/') {
        if !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit()) {
            param.extend(["[", token, "]"]);
        } else {
            if !param.is_empty() {
                param.push('.');
            }
            param.push_str(&unescape(token));
        }
    }
    param
}
