//! What the canonical form does not model, kept beside it by name or pointer.
//!
//! A member of the request goes by its name; one deeper down by its RFC 6901 pointer into the canonical form
//! (`/messages/0/parts/1/cache_control`, counting canonical messages, parts and tools); a tool that is no function by
//! `/tools/2`, its place among all tools. The dialect that wrote them takes them back where they stood. Any other
//! names each as a loss if it was advice, and refuses the request if it asked for something.
//!
//! What never happens here: an entry disappears without one of the two.

use serde_json::value::RawValue;
use steersman_core::{ChatRequest, ToolSpec, pointer_key, pointer_token};

use crate::effort;
use crate::error::{DecodeError, EncodeError, Loss};
use crate::fields::Fields;
use crate::write::Object;

/// Members that spell a modelled value in one of two ways; the value itself is in the canonical form.
const SPELLINGS: &[&str] = &["max_tokens", "instructions"];

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
    SPELLINGS.contains(&name) || name.ends_with("/role")
}

/// Whether an entry tells what a function gives back. No other dialect has a word for it, and the results themselves
/// say it.
fn tells_of_results(name: &str, member: &str) -> bool {
    name.starts_with("/tools/") && matches!(member, "response" | "responseJsonSchema")
}

/// What is kept of one request, by name or pointer.
pub(crate) type Extra = Vec<(String, Box<RawValue>)>;

/// Reads the member `tools` in order. `read` gives the function that a tool is, with its pointer in hand; a tool that
/// is none is kept whole by its place.
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
    /// Places of the entries in order of their names: what belongs to one object is found without a look at all others.
    by_name: Vec<usize>,
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
            let entries = &*request.extra;
            let mut by_name: Vec<usize> = (0..entries.len()).collect();
            by_name.sort_by_key(|place| entries.get(*place).map(|(name, _)| name.as_str()));
            return Ok(Self { entries, by_name });
        }
        for (name, value) in &request.extra {
            let member = name.rsplit('/').next().unwrap_or(name);
            let whole_tool = member.bytes().all(|b| b.is_ascii_digit());
            if is_spelling(name) || name.starts_with('/') && BOOKKEEPING.contains(&member) {
                continue;
            }
            if effort::is_spelling(request, name) {
                let what = "left out: the dialect has no such member";
                losses.extend(effort::remainder(name, value).into_iter().map(|param| Loss { param, what }));
                continue;
            }
            // Whatever a provider is told, the gateway keeps the responses that it hands out.
            if name == "store" && request.dialect == Some(crate::openai_responses::NAME) {
                continue;
            }
            let inert = matches!(value.get(), "null" | "false");
            if whole_tool || !(inert || ADVICE.contains(&member) || tells_of_results(name, member)) {
                let what = if whole_tool { "this kind of tool" } else { "this member" };
                return Err(EncodeError::Unsupported { param: param_of(name), dialect, what });
            }
            losses.push(Loss { param: param_of(name), what: "left out: the dialect has no such member" });
        }
        Ok(Self { entries: &[], by_name: Vec::new() })
    }

    /// The places of all entries whose names begin so, in order of the names.
    fn beginning_with<'p>(&'p self, prefix: &'p str) -> impl Iterator<Item = usize> + 'p {
        let name = move |place: usize| self.entries.get(place).map_or("", |(name, _)| name.as_str());
        let first = self.by_name.partition_point(|place| name(*place) < prefix);
        let from_there = self.by_name.get(first..).unwrap_or_default().iter().copied();
        from_there.take_while(move |place| name(*place).starts_with(prefix))
    }

    /// The entry with exactly this name.
    pub(crate) fn get(&self, name: &str) -> Option<&'r RawValue> {
        let place = self.beginning_with(name).next()?;
        self.entries.get(place).filter(|(entry, _)| entry == name).map(|(_, value)| value.as_ref())
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
                out.raw(&pointer_key(name), value);
            }
        }
    }

    /// Writes the members that stood directly in the object at `pointer`, in the order in which they stood.
    pub(crate) fn write_at(&self, pointer: &str, out: &mut Object<'_>) {
        if self.is_empty() {
            return;
        }
        let mut places: Vec<usize> = self.beginning_with(&format!("{pointer}/")).collect();
        places.sort_unstable();
        for (name, value) in places.into_iter().filter_map(|place| self.entries.get(place)) {
            let member = name.strip_prefix(pointer).and_then(|rest| rest.strip_prefix('/'));
            if let Some(member) = member.filter(|member| !member.contains('/') && *member != "role") {
                out.raw(&pointer_key(member), value);
            }
        }
    }

    /// Whether the object at `pointer` had members of its own.
    pub(crate) fn any_at(&self, pointer: &str) -> bool {
        !self.is_empty() && self.beginning_with(&format!("{pointer}/")).next().is_some()
    }
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
            param.push_str(&pointer_key(token));
        }
    }
    param
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_gets_its_own_members_back_in_their_order() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let names = ["/messages/1/z", "/messages/10/b", "/messages/1/parts/0/c", "/messages/1/a", "top"];
        let extra = names.iter().zip(1..).map(|(name, n)| ((*name).to_owned(), raw(&n.to_string()))).collect();
        let request = ChatRequest { extra, ..ChatRequest::default() };
        let extras = Extras::open(&request, "openai", &mut Vec::new()).unwrap();
        let at = |pointer: &str| {
            let mut out = Vec::new();
            crate::write::object(&mut out, |object| extras.write_at(pointer, object));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(at("/messages/1"), r#"{"z":1,"a":4}"#);
        assert_eq!(at("/messages/1/parts/0"), r#"{"c":3}"#);
        assert_eq!(at("/messages/2"), "{}");
        assert_eq!((extras.any_at("/messages/10"), extras.any_at("/messages/2")), (true, false));
        assert_eq!(extras.get("top").map(RawValue::get), Some("5"));
    }
}
