//! The question asked again: only for the places that were wrong, with what was wrong in the model's own terms.
//!
//! A whole answer that is written anew breaks what was right before. So the best attempt is kept, the model is asked
//! for an object of the failing places alone, under their schemas, and what it says is written into the best attempt.
//! The merged value passes every layer as a whole. Where the failing places cannot be named, the whole is asked for.
//!
//! Pressure makes models write placeholders that fit a schema. A required free text that came back as one is a
//! violation, unless the source itself says so.
//!
//! What never happens here: a second re-ask, a value that was merged and not judged.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use steersman_core::{ChatRequest, Layer, ResponseFormat, Role, Violation, pointer_token};
use steersman_structured::{
    Alias, Asking, CompiledSchema, Conditions, Document, Kind, Level, Node, Reading, Source, evidence, examples, find,
    is_free_text, is_placeholder, is_required, lower_for, merge, read, subschema,
};
use steersman_wire::Dialect;
use steersman_wire::json::RawObject;

use crate::bulk::Reconciled;
use crate::checks::Held;
use crate::forced;
use crate::prepare::Target;

/// More failing places than this are better asked for as a whole.
const MAX_PLACES: usize = 20;
/// Keys that every provider takes as names of members.
const MAX_KEY_BYTES: usize = 60;
/// A wrong answer is quoted back up to here.
const MAX_RAW_BYTES: usize = 256 << 10;

/// What was asked for again, and what it is merged into.
#[derive(Debug)]
pub(crate) struct Reask {
    /// The best attempt so far.
    pub(crate) best: Option<Document>,
    /// The failing places: the key that the model was asked for, and the pointer. Empty: the whole was asked for.
    pub(crate) places: Vec<(String, String)>,
    /// What was wrong with the first answer.
    pub(crate) violations: Vec<Violation>,
    /// The items that are asked for, where only some were wrong.
    pub(crate) items: Option<Reconciled>,
}

/// An answer that was read after a re-ask.
pub(crate) struct Reread {
    pub(crate) reading: Reading,
    /// The text that was read, where it is not the model's own.
    pub(crate) merged: Option<String>,
}

impl Reask {
    /// What to ask for after this answer.
    pub(crate) fn after(held: &Held, schema: Option<&Value>) -> Self {
        let rejection = held.rejection.as_ref();
        let best = rejection.and_then(|rejection| Document::parse(rejection.best_attempt.as_deref()?).ok());
        // An empty object holds nothing to keep.
        let best = best.filter(|best| !best.root().is_empty());
        let violations = rejection.map(|rejection| rejection.violations.clone()).unwrap_or_default();
        let places = match (&best, schema) {
            (Some(best), Some(schema)) if held.items.is_none() => places(best, schema, &violations).unwrap_or_default(),
            _ => Vec::new(),
        };
        Self { best, places, violations, items: held.items.clone() }
    }

    /// The request again, in its own dialect: with the wrong answer, what was wrong with it, and the form of what is
    /// asked for now.
    pub(crate) fn body(&self, target: &Target, held: &Held, schema: Option<&Value>) -> Option<Bytes> {
        let dialect = target.dialect;
        let object = RawObject::parse(&target.body).ok()?;
        let wanted = schema.map(|schema| self.wanted(schema));
        let what = dialect.turn(Role::User, &self.complaint(held, wanted.as_ref()));
        let wrong = held.raw.trim();
        let wrong = (!wrong.is_empty() && wrong.len() <= MAX_RAW_BYTES).then(|| dialect.turn(Role::Assistant, wrong));
        let said: Vec<&str> = wrong.iter().map(String::as_str).chain([what.as_str()]).collect();
        let turns = object.get(dialect.conversation())?.get();
        let longer = match serde_json::from_str::<String>(turns) {
            Ok(text) => format!("[{},{}]", dialect.turn(Role::User, &text), said.join(",")),
            Err(_) => format!("{},{}]", turns.trim_ascii_end().strip_suffix(']')?, said.join(",")),
        };
        let mut splice = object.splice().set_raw(dialect.conversation(), RawValue::from_string(longer).ok()?);
        if let Some(wanted) = wanted.filter(|_| !self.places.is_empty()) {
            for (name, value) in form_members(dialect, target, &wanted).unwrap_or_default() {
                let value = over(object.get(&name), value);
                splice = splice.set_raw(&name, value);
            }
        }
        Some(Bytes::from(splice.finish()))
    }

    /// The schema of an object that holds the failing places.
    fn wanted(&self, schema: &Value) -> Value {
        let member = |(key, pointer): &(String, String)| {
            (key.clone(), subschema(schema, pointer).cloned().unwrap_or_else(|| json!({})))
        };
        let mut wanted = json!({
            "type": "object",
            "properties": self.places.iter().map(member).collect::<Map<_, _>>(),
            "required": self.places.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(),
            "additionalProperties": false,
        });
        for defined in ["$defs", "definitions"] {
            if let (Some(definitions), Some(wanted)) = (schema.get(defined), wanted.as_object_mut()) {
                wanted.insert(defined.to_owned(), definitions.clone());
            }
        }
        wanted
    }

    fn complaint(&self, held: &Held, wanted: Option<&Value>) -> String {
        let mut text = String::from("That answer could not be used:\n");
        if self.violations.is_empty() {
            text.push_str(&format!("- {}\n", held.refusal.message));
        }
        let listed = if self.items.is_some() { 0 } else { MAX_PLACES };
        for violation in self.violations.iter().take(listed) {
            let place = if violation.pointer.is_empty() { "/" } else { &violation.pointer };
            text.push_str(&format!("- at `{place}` ({}): {}\n", violation.rule, violation.message));
        }
        if let Some(items) = &self.items {
            let ids = items.wanted().join("`, `");
            text.push_str(&format!(
                "All other items are kept. Answer again in the same form with only these items, each once: `{ids}`."
            ));
            return text;
        }
        match wanted.filter(|_| !self.places.is_empty()) {
            None => text.push_str("Answer again with the corrected JSON only."),
            Some(wanted) => {
                text.push_str("All the rest is kept. Answer with one JSON object that holds only the corrected values, each under the name given here, and with nothing else:\n");
                for (key, pointer) in &self.places {
                    text.push_str(&format!("- `{key}`: the value for `{pointer}`\n"));
                }
                text.push_str(&format!("Its JSON Schema: {wanted}\n"));
            }
        }
        text.push_str(" Do not invent values: use only what the conversation says.");
        text
    }

    /// Reads the answer: the corrected places, merged into the best attempt, or, where the model wrote the whole again,
    /// the whole.
    pub(crate) fn read(&self, text: &str, schema: Option<&CompiledSchema>, conditions: Conditions) -> Reread {
        if let (Some(best), Reading::Accepted(patch)) = (&self.best, read(text, None, conditions))
            && let Some(values) = self.values(patch.document())
            && let Some(merged) = merge(best, &values)
        {
            let merged = merged.into_text();
            let same = |a: &str, b: &str| {
                serde_json::from_str::<Value>(a).is_ok_and(|a| serde_json::from_str(b).is_ok_and(|b: Value| a == b))
            };
            if same(text, &merged) {
                return Reread { reading: read(text, schema, conditions), merged: None };
            }
            return Reread { reading: read(&merged, schema, conditions), merged: Some(merged) };
        }
        Reread { reading: read(text, schema, conditions), merged: None }
    }

    /// The places that a patch has values for; `None` if it is none.
    fn values<'d>(&self, patch: &'d Document) -> Option<Vec<(&str, &'d str)>> {
        let members = patch.root().members();
        let place = |(key, value): (Node<'d>, Node<'d>)| {
            let key = key.as_str()?;
            let known = self.places.iter().find(|(known, pointer)| *known == key || *pointer == key);
            known.map(|(_, pointer)| (pointer.as_str(), value.raw()))
        };
        let values: Vec<_> = members.map(place).collect::<Option<_>>()?;
        (!values.is_empty()).then_some(values)
    }

    /// What a strictly right answer says about the names in the first one.
    pub(crate) fn learned(&self, answer: &Document, schema: &Value) -> Vec<Alias> {
        let asked: Vec<&str> = self.places.iter().map(|(_, pointer)| pointer.as_str()).collect();
        self.best.as_ref().map(|best| evidence(best, answer, &asked, schema)).unwrap_or_default()
    }

    /// Required free texts that came back as placeholders, among what this answer changed.
    pub(crate) fn placeholders(&self, document: &Document, schema: &Value, source: &Source) -> Vec<Violation> {
        let mut found = Vec::new();
        if self.items.is_some() {
            return found;
        }
        let mut left = vec![(String::new(), document.root())];
        while let Some((pointer, node)) = left.pop() {
            let kept = self.best.as_ref().and_then(|best| find(best, &pointer)).map(Node::raw) == Some(node.raw());
            if kept && !self.places.iter().any(|(_, asked)| *asked == pointer) {
                continue;
            }
            match node.kind() {
                Kind::Object => left.extend(node.members().map(|(key, value)| {
                    (format!("{pointer}/{}", pointer_token(&key.as_str().unwrap_or_default())), value)
                })),
                Kind::Array => {
                    left.extend(node.items().enumerate().map(|(index, item)| (format!("{pointer}/{index}"), item)));
                }
                Kind::String => found.extend(placeholder(&pointer, node, schema, source)),
                _ => {}
            }
        }
        found
    }
}

fn placeholder(pointer: &str, node: Node<'_>, schema: &Value, source: &Source) -> Option<Violation> {
    let own = subschema(schema, pointer)?;
    let text = node.as_str()?;
    if !is_free_text(own) || !is_required(schema, pointer) || !is_placeholder(&text, &examples(own), source) {
        return None;
    }
    let message = format!("`{text}` stands for a value that the conversation does not give");
    Some(Violation {
        layer: Layer::Rules,
        pointer: pointer.to_owned(),
        rule: "placeholder".to_owned(),
        message,
        suggestion: None,
    })
}

/// The failing places by key and pointer; `None` if one of them is the whole or has no place in the best attempt.
fn places(best: &Document, schema: &Value, violations: &[Violation]) -> Option<Vec<(String, String)>> {
    let mut pointers: Vec<String> = Vec::new();
    for violation in violations {
        let pointer = match violation.rule.as_str() {
            // The validator names the object and quotes the member that is missing; alignment says the same again.
            "required" => {
                let mut quoted = serde_json::Deserializer::from_str(&violation.message).into_iter::<String>();
                let Some(Ok(name)) = quoted.next() else { continue };
                format!("{}/{}", violation.pointer, pointer_token(&name))
            }
            // A member too many is no value to ask for; the merged whole will tell whether it still matters.
            "additionalProperties" | "unevaluatedProperties" => continue,
            _ => violation.pointer.clone(),
        };
        let (parent, _) = pointer.rsplit_once('/')?;
        find(best, parent).filter(|parent| matches!(parent.kind(), Kind::Object | Kind::Array))?;
        subschema(schema, &pointer)?;
        if !pointers.contains(&pointer) {
            pointers.push(pointer);
        }
    }
    let above = |pointer: &str| pointers.iter().any(|other| pointer.starts_with(&format!("{other}/")));
    let outermost: Vec<String> = pointers.iter().filter(|pointer| !above(pointer)).cloned().collect();
    if outermost.is_empty() || outermost.len() > MAX_PLACES {
        return None;
    }
    let mut places: Vec<(String, String)> = Vec::new();
    for (number, pointer) in outermost.into_iter().enumerate() {
        let plain: String = pointer
            .chars()
            .skip(1)
            .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '.' })
            .take(MAX_KEY_BYTES)
            .collect();
        let taken = places.iter().any(|(key, _)| *key == plain);
        places.push((if taken || plain.is_empty() { format!("place.{number}") } else { plain }, pointer));
    }
    Some(places)
}

/// The members of a request in which a dialect says the form of an answer, at the strongest level of the provider.
fn form_members(dialect: &dyn Dialect, target: &Target, wanted: &Value) -> Option<Vec<(String, Box<RawValue>)>> {
    let text = wanted.to_string();
    // References into the members of the whole lead nowhere here.
    let whole = text.contains("\"#/properties") || text.contains("\"#\"");
    let called = target.constraint.as_ref().is_some_and(|constraint| constraint.obtained == Level::Tool);
    if called {
        let schema = if whole { json!({"type": "object"}) } else { wanted.clone() };
        let tool = forced::tool(None, None, serde_json::value::to_raw_value(&schema).ok()?);
        let (tool_choice, tools) = (Some(forced::choice(&tool)), vec![tool]);
        return own_members(dialect, ChatRequest { tools, tool_choice, ..ChatRequest::default() });
    }
    let asking = Asking { model: target.candidate.model.as_str(), tools: true, thinking: None };
    let lowered = lower_for(wanted, target.candidate.provider.subset, &asking);
    let schema = |schema: &Value, strict| {
        serde_json::value::to_raw_value(schema).ok().map(|schema| ResponseFormat::JsonSchema {
            name: "corrected".to_owned(),
            schema,
            strict: Some(strict),
        })
    };
    let form = match lowered.level {
        _ if whole => Some(ResponseFormat::JsonObject),
        Level::Strict => schema(&lowered.schema, true),
        Level::Schema => schema(wanted, false),
        Level::JsonMode => Some(ResponseFormat::JsonObject),
        Level::Prompt | Level::Tool => None,
    };
    own_members(dialect, ChatRequest { response_format: form, ..ChatRequest::default() })
}

/// The members of a request that a dialect writes otherwise than without what `formed` says.
fn own_members(dialect: &dyn Dialect, formed: ChatRequest) -> Option<Vec<(String, Box<RawValue>)>> {
    let plain = ChatRequest { model: "m".to_owned(), ..ChatRequest::default() };
    let formed = ChatRequest { model: "m".to_owned(), ..formed };
    let (plain, formed) = (dialect.encode_request(&plain).ok()?.body, dialect.encode_request(&formed).ok()?.body);
    let (plain, formed) = (RawObject::parse(&plain).ok()?, RawObject::parse(&formed).ok()?);
    let own = |name: &str, value: &RawValue| plain.get(name).map(RawValue::get) != Some(value.get());
    let members = formed.members().iter().filter(|member| own(&member.key, member.value));
    Some(members.map(|member| (member.key.to_string(), member.value.to_owned())).collect())
}

/// A member with the new one's members in it, where both are objects.
fn over(old: Option<&RawValue>, new: Box<RawValue>) -> Box<RawValue> {
    let merged = old.and_then(|old| {
        let (old, added) = (RawObject::of(old).ok()?, RawObject::of(&new).ok()?);
        let mut splice = old.splice();
        for member in added.members() {
            splice = splice.set_raw(&member.key, member.value.to_owned());
        }
        RawValue::from_string(String::from_utf8(splice.finish()).ok()?).ok()
    });
    merged.unwrap_or(new)
}
