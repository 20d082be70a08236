//! A conversation as a person reads it, decoded from the bytes that were kept.

use bytes::Bytes;
use maud::{Markup, html};
use steersman_core::{ChatRequest, Event, Image, Message, Part, Role};
use steersman_wire::sse::SseDecoder;
use steersman_wire::{Answer, Dialect, dialect};

/// The largest frame of a kept answer.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// The request's messages; `None` if the bytes cannot be read as their protocol.
pub(crate) fn request(protocol: &str, body: &[u8]) -> Option<Markup> {
    let request: ChatRequest = dialect(protocol)?.decode_request(body).ok()?;
    Some(html! {
        @for message in &request.messages { (one(message)) }
        @if !request.tools.is_empty() {
            p { small { "Tools offered: " @for tool in &request.tools { code { (tool.name) } " " } } }
        }
    })
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
        @if let Some((kind, message)) = &answer.error { p.bad { (kind) ": " (message) } }
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
            Part::Text(text) => { p { (text) } }
            Part::Refusal(text) => { p.bad { (text) } }
            Part::Image(Image::Base64 { media_type, data }) if media_type.starts_with("image/") => {
                img alt="image of the request" src=(format!("data:{media_type};base64,{data}"));
            }
            // A remote image is not fetched: showing a record must not call anyone.
            Part::Image(Image::Url(url)) => { p { "Image: " code { (url) } } }
            Part::Image(Image::Base64 { media_type, .. }) => { p { "A file of type " code { (media_type) } } }
            Part::ToolCall(call) => {
                p { "Calls " code { (call.name) } " " small { (call.id) } }
                pre { (pretty(&call.arguments)) }
            }
            Part::ToolResult(result) => {
                p { "Result of " small { (result.call_id) } @if result.is_error { " " span.bad { "failed" } } }
                @for part in &result.parts { (show(part)) }
            }
            Part::Reasoning(thought) => {
                details { summary { "Trace of thought" } p { (thought.text) } }
            }
            Part::Foreign { dialect, json } => {
                details { summary { "A part that only " (dialect) " has" } pre { (pretty(json.get())) } }
            }
        }
    }
}

/// JSON with line breaks, or the text as it is.
pub(crate) fn pretty(text: &str) -> String {
    let value: Result<serde_json::Value, _> = serde_json::from_str(text);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| text.to_owned())
}
