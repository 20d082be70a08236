//! What tells one conversation from another: a chain of hashes over its messages, as the client sends them.
//!
//! The same messages later, with more behind them, have the same chain up to there. Ids of calls and sealed thoughts
//! are left out, since a client may make the ones anew and drop the others.

use serde_json::{Value, json};
use steersman_core::{ChatRequest, ContentHash, Part};

use crate::reply::Inbound;

/// The hash before each message, and behind the last one: n + 1 for n messages. Different tasks and keys never meet.
pub(crate) fn chain(request: &ChatRequest, task: &str, inbound: &Inbound) -> Vec<ContentHash> {
    links(request, task, inbound.credential)
}

pub(crate) fn links(request: &ChatRequest, task: &str, credential: Option<ContentHash>) -> Vec<ContentHash> {
    let key = credential.map_or(String::new(), |key| key.to_string());
    let mut chain = vec![ContentHash::of(format!("{task}\0{key}").as_bytes())];
    let mut so_far = chain.first().map_or(String::new(), ContentHash::to_string);
    for message in &request.messages {
        let parts: Vec<Value> = message.parts.iter().filter_map(shown).collect();
        let link = ContentHash::of(json!([so_far, message.role, parts]).to_string().as_bytes());
        so_far = link.to_string();
        chain.push(link);
    }
    chain
}

fn shown(part: &Part) -> Option<Value> {
    Some(match part {
        Part::Text(text) if text.is_empty() => return None,
        Part::Text(text) => json!(["text", text]),
        Part::ToolCall(call) => json!(["call", call.name, call.arguments]),
        Part::ToolResult(result) => json!(["result", result.parts.iter().filter_map(shown).collect::<Vec<_>>()]),
        Part::Foreign { json, .. } => json!(["file", json.get()]),
        Part::Image(_) => json!(["image"]),
        Part::Reasoning(_) | Part::Refusal(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use steersman_core::{Message, Role, ToolCall};

    use super::*;

    fn message(role: Role, part: Part) -> Message {
        Message { role, parts: vec![part] }
    }

    #[test]
    fn a_conversation_is_known_again_when_it_goes_on_and_not_when_it_is_another() {
        let call = |id: &str| Part::ToolCall(ToolCall { id: id.into(), name: "read".into(), arguments: "{}".into() });
        let text = |text: &str| Part::Text(text.into());
        let of = |messages: &[Message], task: &str, key: Option<&str>| {
            let request = ChatRequest { messages: messages.to_vec(), ..ChatRequest::default() };
            links(&request, task, key.map(|key| ContentHash::of(key.as_bytes())))
        };
        let begin = vec![message(Role::User, text("mail ann")), message(Role::Assistant, call("a"))];
        let mut on = begin.clone();
        on.push(message(Role::User, text("I said yes")));
        let first = of(&begin, "t", None);
        assert_eq!(of(&on, "t", None)[..3], first[..]);
        let renamed = [begin[0].clone(), message(Role::Assistant, call("b"))];
        assert_eq!(of(&renamed, "t", None), first, "ids of calls may be made anew");
        let others = [of(&begin, "other", None), of(&begin, "t", Some("key")), of(&on[2..], "t", None)];
        assert!(others.iter().all(|other| other[1] != first[1]), "{others:?}");
    }
}
