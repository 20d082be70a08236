//! The form that a request asks its answer in, told by its head in the words of any dialect.
//!
//! Whoever checks an answer and whoever writes the form for a provider read it here, so that both mean the same schema.
//!
//! What never happens here: a schema is changed beyond its spelling.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::fields::as_text;
use crate::json::RawObject;

/// What an answer must be.
#[derive(Debug, Clone)]
pub enum Form<'a> {
    /// Any JSON object.
    Json,
    /// JSON of a schema.
    Schema(SchemaForm<'a>),
}

/// A schema and what stands beside it.
#[derive(Debug, Clone)]
pub struct SchemaForm<'a> {
    /// The schema, as JSON Schema.
    pub schema: Cow<'a, RawValue>,
    /// Whether the provider is to enforce it.
    pub strict: bool,
    /// Its name.
    pub name: Option<Cow<'a, str>>,
    /// What it is for.
    pub description: Option<Cow<'a, str>>,
}

impl<'a> Form<'a> {
    /// The form that says its kind as `type`; the schema stands below `json_schema` or beside the kind. `None` for free
    /// text.
    pub(crate) fn of(format: &'a RawValue) -> Option<Self> {
        let format = RawObject::of(format).ok()?;
        let nested = format.get("json_schema").and_then(|inner| RawObject::of(inner).ok());
        let member = |name: &str| nested.as_ref().and_then(|inner| inner.get(name)).or_else(|| format.get(name));
        if format.get("type").and_then(as_text).is_some_and(|kind| kind == "json_object") {
            return Some(Self::Json);
        }
        Some(Self::Schema(SchemaForm {
            schema: Cow::Borrowed(member("schema")?),
            strict: member("strict").is_some_and(|strict| strict.get() == "true"),
            name: member("name").and_then(as_text),
            description: member("description").and_then(as_text),
        }))
    }

    /// The same of a dialect whose providers enforce every schema: its requests have no word for it.
    pub(crate) fn strictly(self) -> Self {
        match self {
            Self::Json => Self::Json,
            Self::Schema(asked) => Self::Schema(SchemaForm { strict: true, ..asked }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect;

    fn asked(name: &str, body: &str) -> String {
        let dialect = dialect(name).expect("a dialect");
        let head = dialect.request_head(body.as_bytes()).expect("a request");
        match head.response_format.and_then(|format| dialect.form(format)) {
            None => "text".to_owned(),
            Some(Form::Json) => "json".to_owned(),
            Some(Form::Schema(form)) => format!("{} {}", if form.strict { "strict" } else { "loose" }, form.schema),
        }
    }

    #[test]
    fn a_form_is_the_same_in_every_spelling_and_strict_where_the_dialect_knows_nothing_else() {
        for (name, member, expected) in [
            ("openai.chat", r#""response_format":{"type":"text"}"#, "text"),
            ("openai.chat", r#""response_format":{"type":"json_object"}"#, "json"),
            ("openai.chat", r#""response_format":{"json_schema":{"schema":{"a":1}}}"#, r#"loose {"a":1}"#),
            ("openai.chat", r#""response_format":{"json_schema":{"schema":{},"strict":true}}"#, "strict {}"),
            ("openai.responses", r#""text":{"format":{"type":"json_schema","schema":{}}}"#, "loose {}"),
            ("anthropic.messages", r#""output_config":{"format":{"type":"json_schema","schema":{}}}"#, "strict {}"),
            ("google.gemini", r#""generationConfig":{"responseJsonSchema":{"type":"x"}}"#, r#"strict {"type":"x"}"#),
            ("google.gemini", r#""generation_config":{"response_json_schema":{}}"#, "strict {}"),
            (
                "google.gemini",
                r#""generationConfig":{"response_schema":{"type":"STRING","property_ordering":[]}}"#,
                r#"strict {"type":"string"}"#,
            ),
            ("google.gemini", r#""generationConfig":{"responseSchema":null,"topP":1}"#, "text"),
        ] {
            let turns = r#""model":"m","messages":[],"input":"","contents":[]"#;
            assert_eq!(asked(name, &format!("{{{turns},{member}}}")), expected, "{name}: {member}");
        }
    }
}
