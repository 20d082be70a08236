//! Answers that are nearly what was asked for, each broken in one named way, as models break them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is wrong with the text of an answer. All but the last three are wrong in form; those are wrong in content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Malformed {
    /// Wrapped in a Markdown code fence.
    Fenced,
    /// With a sentence before it and one after.
    Prose,
    /// A comma after the last member.
    TrailingComma,
    /// Quotes are single.
    SingleQuotes,
    /// Keys have no quotes.
    UnquotedKeys,
    /// `True`, `False` and `None` for the JSON words.
    PythonLiterals,
    /// A comment inside.
    Comment,
    /// A line break inside of a string, unescaped.
    RawNewline,
    /// The end is missing, and the finish reason does not say so.
    Truncated,
    /// The document twice, one after the other.
    Doubled,
    /// The first member is missing.
    MissingField,
    /// The first member goes by another name.
    RenamedField,
    /// The first number or boolean is written as a string.
    WrongType,
}

impl Malformed {
    /// Every way, in the order of the documentation.
    pub const ALL: &[Self] = &[
        Self::Fenced,
        Self::Prose,
        Self::TrailingComma,
        Self::SingleQuotes,
        Self::UnquotedKeys,
        Self::PythonLiterals,
        Self::Comment,
        Self::RawNewline,
        Self::Truncated,
        Self::Doubled,
        Self::MissingField,
        Self::RenamedField,
        Self::WrongType,
    ];

    /// The text, broken this way. A text that is no JSON is broken as far as that goes.
    #[must_use]
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::Fenced => format!("```json\n{text}\n```"),
            Self::Prose => {
                format!("Here is the result you asked for:\n\n{text}\n\nLet me know if you need anything else.")
            }
            Self::TrailingComma => match text.rfind(['}', ']']) {
                Some(at) => format!("{},{}", text.get(..at).unwrap_or_default(), text.get(at..).unwrap_or_default()),
                None => format!("{text},"),
            },
            Self::SingleQuotes => rewrite(text, |token| token.single_quoted()),
            Self::UnquotedKeys => rewrite(text, |token| token.without_key_quotes()),
            Self::PythonLiterals => rewrite(text, |token| token.in_python()),
            Self::Comment => text.replacen('{', "{ // as requested\n", 1),
            Self::RawNewline => text.find(' ').map_or_else(
                || format!("{text}\n"),
                |at| format!("{}\n{}", text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
            ),
            Self::Truncated => text.chars().take(text.chars().count() * 2 / 3).collect(),
            Self::Doubled => format!("{text}\n{text}"),
            Self::MissingField | Self::RenamedField | Self::WrongType => self.apply_to_value(text),
        }
    }

    fn apply_to_value(self, text: &str) -> String {
        let Ok(Value::Object(mut object)) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
        let Some(first) = object.keys().next().cloned() else { return text.to_owned() };
        match self {
            Self::MissingField => {
                object.shift_remove(&first);
            }
            Self::RenamedField => {
                let members = std::mem::take(&mut object).into_iter();
                object =
                    members.map(|(key, v)| if key == first { (format!("{key}_name"), v) } else { (key, v) }).collect();
            }
            _ => {
                let scalar = object.values_mut().find(|value| value.is_number() || value.is_boolean());
                if let Some(value) = scalar {
                    *value = Value::String(value.to_string());
                }
            }
        }
        Value::Object(object).to_string()
    }
}

/// A piece of JSON text.
enum Token<'t> {
    /// A string with its quotes; whether it is a key.
    Text(&'t str, bool),
    /// Anything else, up to the next string.
    Other(&'t str),
}

impl Token<'_> {
    fn single_quoted(&self) -> String {
        match self {
            Token::Text(text, _) => {
                let inner = text.trim_matches('"').replace('\'', "\\'");
                format!("'{inner}'")
            }
            Token::Other(text) => (*text).to_owned(),
        }
    }

    fn without_key_quotes(&self) -> String {
        match self {
            Token::Text(text, true) => text.trim_matches('"').to_owned(),
            Token::Text(text, false) | Token::Other(text) => (*text).to_owned(),
        }
    }

    fn in_python(&self) -> String {
        match self {
            Token::Text(text, _) => (*text).to_owned(),
            Token::Other(text) => text.replace("true", "True").replace("false", "False").replace("null", "None"),
        }
    }
}

/// Rewrites a JSON text token by token.
fn rewrite(text: &str, each: impl Fn(&Token<'_>) -> String) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(open) = rest.find('"') {
        let (before, from) = rest.split_at(open);
        out.push_str(&each(&Token::Other(before)));
        let mut escaped = false;
        let close = from.char_indices().skip(1).find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        });
        let (token, after) = from.split_at(close.map_or(from.len(), |(at, _)| at + 1));
        out.push_str(&each(&Token::Text(token, after.trim_start().starts_with(':'))));
        rest = after;
    }
    out + &each(&Token::Other(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"{"label":"a \"b\" c","n":1,"ok":true,"none":null}"#;

    #[test]
    fn each_way_breaks_a_document_as_it_says() {
        let expected = [
            (Malformed::Fenced, "```json\n{\"label\":\"a \\\"b\\\" c\",\"n\":1,\"ok\":true,\"none\":null}\n```"),
            (Malformed::TrailingComma, r#"{"label":"a \"b\" c","n":1,"ok":true,"none":null,}"#),
            (Malformed::SingleQuotes, r#"{'label':'a \"b\" c','n':1,'ok':true,'none':null}"#),
            (Malformed::UnquotedKeys, r#"{label:"a \"b\" c",n:1,ok:true,none:null}"#),
            (Malformed::PythonLiterals, r#"{"label":"a \"b\" c","n":1,"ok":True,"none":None}"#),
            (Malformed::Comment, "{ // as requested\n\"label\":\"a \\\"b\\\" c\",\"n\":1,\"ok\":true,\"none\":null}"),
            (Malformed::RawNewline, "{\"label\":\"a\n\\\"b\\\" c\",\"n\":1,\"ok\":true,\"none\":null}"),
            (Malformed::Truncated, r#"{"label":"a \"b\" c","n":1,"ok":"#),
            (Malformed::MissingField, r#"{"n":1,"ok":true,"none":null}"#),
            (Malformed::RenamedField, r#"{"label_name":"a \"b\" c","n":1,"ok":true,"none":null}"#),
            (Malformed::WrongType, r#"{"label":"a \"b\" c","n":"1","ok":true,"none":null}"#),
        ];
        for (way, text) in expected {
            assert_eq!(way.apply(SOUND), text, "{way:?}");
        }
    }

    #[test]
    fn wrong_form_is_no_json_and_wrong_content_is() {
        for way in Malformed::ALL {
            let content = matches!(way, Malformed::MissingField | Malformed::RenamedField | Malformed::WrongType);
            let broken = way.apply(SOUND);
            assert_ne!(broken, SOUND, "{way:?}");
            assert_eq!(serde_json::from_str::<Value>(&broken).is_ok(), content, "{way:?}: {broken}");
        }
    }
}
