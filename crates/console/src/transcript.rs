//! A conversation as a person reads it, decoded from the bytes that were kept.
//!
//! What never happens here: a page that is as long as what was sent.

use bytes::Bytes;
use maud::{Markup, html};
use steersman_core::{ChatRequest, Event, Image, Message, Part, Role};
use steersman_wire::sse::SseDecoder;
use steersman_wire::{Answer, Dialect, dialect};

use crate::indent::{Shown, readable};
use crate::{format, visible};

/// The largest frame of a kept answer.
const MAX_FRAME_BYTES: usize = 64 << 20;
/// What is shown of one part, and of a request's messages together. A page of a few hundred kilobytes is read at once,
/// and few conversations are longer.
const MAX_PART_BYTES: usize = 64 << 10;
const MAX_MESSAGES_BYTES: usize = 4 * MAX_PART_BYTES;

/// The request's messages, the newest of them where they are long; `None` if the bytes cannot be read as their
/// protocol.
pub(crate) fn request(protocol: &str, body: &[u8]) -> Option<Markup> {
    let request: ChatRequest = dialect(protocol)?.decode_request(body).ok()?;
    let mut room = MAX_MESSAGES_BYTES;
    let newest = request.messages.iter().rev().take_while(|message| {
        let began_with_room = room > 0;
        room = room.saturating_sub(message.parts.iter().map(length).sum());
        began_with_room
    });
    let earlier = request.messages.len() - newest.count();
    Some(html! {
        @if earlier > 0 {
            p.notice { "Earlier messages that are not shown: " (earlier) ". The bytes below have them." }
        }
        @for message in request.messages.iter().skip(earlier) { (one(message)) }
        @if !request.tools.is_empty() {
            p { small { "Tools offered: " @for tool in &request.tools { code { (visible(&tool.name)) } " " } } }
        }
    })
}

/// How many bytes of a page a part takes.
fn length(part: &Part) -> usize {
    let long = match part {
        Part::Text(text) | Part::Refusal(text) => text.len(),
        Part::Image(Image::Base64 { data, .. }) => data.len(),
        Part::Image(Image::Url(url)) => url.len(),
        Part::ToolCall(call) => call.arguments.len(),
        Part::ToolResult(result) => return result.parts.iter().map(length).sum(),
        Part::Reasoning(thought) => thought.text.len(),
        Part::Foreign { json, .. } => json.get().len(),
    };
    // The frame around it.
    long + 100
}

/// The beginning of a text, with what nobody would see of it written out.
pub(crate) fn words(text: &str) -> Markup {
    let cut = text.get(..text.floor_char_boundary(MAX_PART_BYTES)).unwrap_or_default();
    html! { (visible(cut)) @if cut.len() < text.len() { (left_out(text.len() - cut.len())) } }
}

fn left_out(bytes: usize) -> Markup {
    html! { em { " … " (format::bytes(bytes as u64)) " more; the bytes below have them." } }
}

/// JSON with line breaks, or the text as it is; the beginning of it where it is long.
pub(crate) fn laid_out(text: &str) -> Markup {
    let Shown { text: shown, is_whole } = readable(text.as_bytes(), MAX_PART_BYTES);
    html! { pre { (visible(&shown)) @if !is_whole { (left_out(text.len() - MAX_PART_BYTES.min(text.len()))) } } }
}

/// The answer's messages; `None` if the bytes cannot be read as their protocol.
pub(crate) fn answer(protocol: &str, streamed: bool, body: &Bytes) -> Option<Markup> {
    let dialect = dialect(protocol)?;
    let events = if streamed { streamed_events(dialect, body)? } else { dialect.decode_answer(body).ok()? };
    let answer = Answer::collect(&events);
    Some(html! {
        @for (index, choice) in answer.choices.iter().enumerate() {
            div.message.assistant {
                h3 { "assistant" @if answer.choices.len() > 1 { " (answer " (index + 1) ")" } }
                @for part in &choice.parts { (show(part)) }
            }
        }
        @if let Some((kind, message)) = &answer.error { p.bad { (visible(kind)) ": " (words(message)) } }
    })
}

pub(crate) fn streamed_events(dialect: &dyn Dialect, body: &Bytes) -> Option<Vec<Event>> {
    let mut frames = SseDecoder::new(MAX_FRAME_BYTES);
    let mut decoder = dialect.answer_decoder();
    let mut events = Vec::new();
    frames.push(body.clone());
    while let Some(frame) = frames.next_frame().ok()? {
        if let Some(data) = frame.data() {
            events.extend(decoder.frame(frame.event(), data).ok()?);
        }
    }
    Some(events)
}

fn one(message: &Message) -> Markup {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    html! {
        div class=(format!("message {role}")) {
            h3 { (role) }
            @for part in &message.parts { (show(part)) }
        }
    }
}

fn show(part: &Part) -> Markup {
    html! {
        @match part {
            Part::Text(text) => { p { (words(text)) } }
            Part::Refusal(text) => { p.bad { (words(text)) } }
            Part::Image(Image::Base64 { media_type, data })
                if media_type.starts_with("image/") && data.len() <= MAX_MESSAGES_BYTES =>
            {
                img alt="image of the request" src=(format!("data:{media_type};base64,{data}"));
            }
            // A remote image is not fetched: showing a record must not call anyone.
            Part::Image(Image::Url(url)) => { p { "Image: " code { (words(url)) } } }
            Part::Image(Image::Base64 { media_type, data }) => {
                p { "A file of type " code { (visible(media_type)) } ", " (format::bytes(data.len() as u64 / 4 * 3)) }
            }
            Part::ToolCall(call) => {
                p { "Calls " code { (visible(&call.name)) } " " small { (visible(&call.id)) } }
                (laid_out(&call.arguments))
            }
            Part::ToolResult(result) => {
                p {
                    "Result of " small { (visible(&result.call_id)) }
                    @if result.is_error { " " span.bad { "failed" } }
                }
                @for part in &result.parts { (show(part)) }
            }
            Part::Reasoning(thought) => {
                details { summary { "Trace of thought" } p { (words(&thought.text)) } }
            }
            Part::Foreign { dialect, json } => {
                details { summary { "A part that only " (dialect) " has" } (laid_out(json.get())) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(messages: &[serde_json::Value]) -> String {
        let body = serde_json::json!({ "model": "m", "messages": messages }).to_string();
        request("openai.chat", body.as_bytes()).unwrap().into_string()
    }

    #[test]
    fn a_conversation_of_any_length_is_a_page_of_some_and_its_end_is_on_it() {
        let long = "x".repeat(100_000);
        let said = |text: &str| serde_json::json!({ "role": "user", "content": text });
        let shown = of(&[said(&long), said(&long), said(&long), said(&long), said("the last word")]);
        assert!(shown.len() < 450_000, "{}", shown.len());
        assert!(shown.contains("not shown: 1.") && shown.contains("the last word"));
        assert!(shown.contains("33 KiB more"), "a part of it is cut");
    }

    #[test]
    fn what_others_wrote_is_shown_with_what_a_screen_would_hide() {
        let call = serde_json::json!({ "role": "assistant", "tool_calls": [{ "id": "c", "type": "function",
            "function": { "name": "pay", "arguments": "{\"to\":\"a\u{202e}b\",\"usd\":0.10}" } }] });
        let shown = of(&[serde_json::json!({ "role": "user", "content": "a\u{200b}b" }), call]);
        assert!(shown.contains("a\\u200bb") && shown.contains("a\\u202eb") && shown.contains("0.10"), "{shown}");
    }
}
