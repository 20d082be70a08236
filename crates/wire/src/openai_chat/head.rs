//! The head of a chat completion request: one shallow scan, and the leading system messages.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::DecodeError;
use crate::fields::as_text;
use crate::head::{RequestHead, list_of, member_of, model_of, opened, present, typed};
use crate::json::Key;

/// Reads the head of a request body.
///
/// # Errors
/// [`DecodeError`] for what is no JSON object, has no `model` or `messages`, or a wrong type in a member named here.
pub fn request_head(body: &[u8]) -> Result<RequestHead<'_>, DecodeError> {
    let object = opened(body)?;
    let present = |key| present(&object, key);
    let (model, messages) = (model_of(&object)?, list_of(&object, "messages")?);
    let limit = match typed(present("max_completion_tokens"), "max_completion_tokens", "a non-negative integer")? {
        None => typed(present("max_tokens"), "max_tokens", "a non-negative integer")?,
        limit => limit,
    };
    Ok(RequestHead {
        model,
        stream: typed(present("stream"), "stream", "a boolean")?.unwrap_or(false),
        include_usage: member_of(present("stream_options"), "include_usage").is_some_and(|raw| raw.get() == "true"),
        task: member_of(present("metadata"), "task").and_then(as_text),
        max_output_tokens: limit,
        choices: typed(present("n"), "n", "a non-negative integer")?.unwrap_or(1),
        messages,
        system: leading_system(messages),
        tools: present("tools"),
        response_format: present("response_format"),
        object,
    })
}

/// The contents of the system and developer messages that open the conversation. Reading stops at the role of the first
/// other message: a long conversation is not looked through again.
fn leading_system(messages: &RawValue) -> Vec<&RawValue> {
    let mut found = Vec::new();
    // Stopping early is an error to serde; what was found by then is what was wanted.
    drop(Opening(&mut found).deserialize(&mut serde_json::Deserializer::from_str(messages.get())));
    found
}

/// Reads the opening messages of a conversation into a list of their contents.
struct Opening<'s, 'a>(&'s mut Vec<&'a RawValue>);

impl<'a> DeserializeSeed<'a> for Opening<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Opening<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("messages")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut messages: A) -> Result<(), A::Error> {
        while let Some(OperatorContent(content)) = messages.next_element()? {
            self.0.extend(content);
        }
        Ok(())
    }
}

/// The content of a system or developer message; any other message is an error as soon as its role is read.
struct OperatorContent<'a>(Option<&'a RawValue>);

impl<'a> Deserialize<'a> for OperatorContent<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct MessageVisitor;
        impl<'a> Visitor<'a> for MessageVisitor {
            type Value = OperatorContent<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message of the operator")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut message: A) -> Result<Self::Value, A::Error> {
                let (mut content, mut by_operator) = (None, false);
                while let Some(Key(key)) = message.next_key()? {
                    match &*key {
                        "role" => {
                            let Key(role) = message.next_value()?;
                            by_operator = matches!(&*role, "system" | "developer");
                            if !by_operator {
                                return Err(A::Error::custom("another role"));
                            }
                        }
                        "content" => content = message.next_value()?,
                        _ => drop(message.next_value::<IgnoredAny>()?),
                    }
                }
                if by_operator { Ok(OperatorContent(content)) } else { Err(A::Error::missing_field("role")) }
            }
        }
        deserializer.deserialize_map(MessageVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(messages: &str) -> Vec<String> {
        let body = format!(r#"{{"model":"m","messages":{messages}}}"#);
        let head = request_head(body.as_bytes()).expect("a request");
        head.system.iter().map(|raw| raw.get().to_owned()).collect()
    }

    #[test]
    fn the_operators_text_is_what_comes_before_the_first_other_message() {
        for (messages, expected) in [
            (
                r#"[{"role":"system","content":"a"},{"role":"user","content":"b"},{"role":"system","content":"c"}]"#,
                "\"a\"",
            ),
            (r#"[{"content":"a","x":[1],"role":"system"},{"content":"b","role":"developer"}]"#, "\"a\" \"b\""),
            (
                r#"[{"role":"system","content":null},{"role":"developer","content":[{"type":"text"}]}]"#,
                "[{\"type\":\"text\"}]",
            ),
            (r#"[{"content":"a"},{"role":"system","content":"b"}]"#, ""),
            (r#"[7,{"role":"system","content":"b"}]"#, ""),
            ("[]", ""),
        ] {
            assert_eq!(system(messages).join(" "), expected, "{messages}");
        }
    }
}
