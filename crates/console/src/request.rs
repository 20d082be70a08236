//! One request as a story: what was asked, where it went, what came back, what it cost.

use maud::{Markup, html};
use serde_json::Value;
use steersman_store::rows::{AttemptRow, BodyRow, RequestRow, RequestStory};

use crate::told::told;
use crate::transcript::{self, pretty};
use crate::{format, layout, repairs, requests};

/// The page. `address` is where clients reach the gateway, for the curl command.
#[must_use]
pub fn page(story: &RequestStory, address: &str) -> Markup {
    let row = &story.request;
    let body = html! {
        p { a href="/console/requests" { "Requests" } " / " span.id { (row.id) } }
        div.heading { h1 { (row.model.as_deref().unwrap_or(&row.requested_model)) } div { (requests::outcome(row)) } }
        (facts(row))
        (waterfall(story))
        (notes(story))
        @if let Some(repairs) = repairs::marked(story) { (repairs) }
        (conversation(story))
        (raw(story, address))
    };
    layout::page(&format!("Request {}", row.id), "/console/requests", &body)
}

fn facts(row: &RequestRow) -> Markup {
    let (usage, count) = (&row.usage, format::maybe_count);
    let held = if row.timing.hold_us == 0 { "not at all".to_owned() } else { format::duration(row.timing.hold_us) };
    html! {
        dl.facts {
            (fact("When (UTC)", &format::moment(row.started_at_us)))
            (fact("Task", &row.task))
            (fact("Asked for", &row.requested_model))
            (fact("Provider", row.provider.as_deref().unwrap_or("–")))
            (fact("Protocol", &format!("{}{}", row.protocol, if row.streamed { ", streamed" } else { "" })))
            (fact("Status", &row.status.to_string()))
            (fact("Cost", &format::cost(row.cost)))
            (fact("Tokens in", &format!("{}{}", count(usage.input_tokens), of_them(usage.cache_read_tokens, "cached"))))
            (fact("Tokens out", &format!("{}{}", count(usage.output_tokens), of_them(usage.reasoning_tokens, "reasoning"))))
            (fact("First token", &format::maybe_duration(row.timing.first_token_us)))
            (fact("Held by the gate", &held))
            (fact("Total", &format::duration(row.timing.total_us)))
            (fact("Fingerprint", row.fingerprint.get(..12).unwrap_or_default()))
        }
    }
}

/// A part of a count, where it is known and there is one.
fn of_them(part: Option<u64>, what: &str) -> String {
    part.filter(|part| *part > 0).map(|part| format!(" ({} {what})", format::count(part))).unwrap_or_default()
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn waterfall(story: &RequestStory) -> Markup {
    let total = story.request.timing.total_us.max(1);
    html! {
        h2 { "Attempts" }
        @if story.attempts.is_empty() { p { "No upstream call was made." } } @else {
            div.scroll {
                table.waterfall {
                    thead { tr {
                        th { "Why" } th { "To" } th { "Status" } th { "Served" } th { "Finish" } th.number { "In" }
                        th.number { "Out" } th.number { "Cost" } th.number { "First token" } th.number { "Total" } th { "Time" }
                    } }
                    tbody { @for attempt in &story.attempts { (line(attempt, total)) } }
                }
            }
        }
    }
}

fn line(attempt: &AttemptRow, total_us: u64) -> Markup {
    let timing = &attempt.timing;
    let first = timing.first_token_us.unwrap_or(timing.total_us);
    let waited = place(attempt.started_us, first, total_us);
    let answered = place(attempt.started_us + first, timing.total_us.saturating_sub(first), total_us);
    let class = if attempt.code.is_some() { "span fail" } else { "span" };
    html! {
        tr {
            td { (attempt.reason) }
            td { (attempt.provider) "/" (attempt.requested_model) }
            td {
                @if let Some(status) = attempt.status { (status) } @else { "–" }
                @if let Some(code) = &attempt.code { " " code { (code) } }
            }
            td { (attempt.served_model.as_deref().unwrap_or("–")) }
            td { (attempt.finish_reason.as_deref().unwrap_or("–")) }
            td.number { (format::maybe_count(attempt.usage.input_tokens)) }
            td.number { (format::maybe_count(attempt.usage.output_tokens)) }
            td.number { (format::cost(attempt.cost)) }
            td.number { (format::maybe_duration(timing.first_token_us)) }
            td.number { (format::duration(timing.total_us)) }
            td { div.track {
                div class="span wait" style=(waited) title="until the first token" {}
                div class=(class) style=(answered) title="answer" {}
            } }
        }
    }
}

/// A bar's place in per mille of the whole, as the style sheet wants it.
fn place(start_us: u64, length_us: u64, total_us: u64) -> String {
    let per_mille = |us: u64| us.min(total_us).saturating_mul(1_000) / total_us;
    let (left, width) = (per_mille(start_us), per_mille(length_us));
    format!("left:{}.{}%;width:{}.{}%", left / 10, left % 10, width / 10, width % 10)
}

/// What each room decided, in sentences and as it wrote it down.
fn notes(story: &RequestStory) -> Markup {
    html! {
        @if !story.notes.is_empty() {
            h2 { "Decisions" }
            @for (room, content) in &story.notes {
                section.decision {
                    h3 { (room) }
                    ul { @for line in told(room, content) { li { (layout::sentence(&line)) } } }
                    @if room == "guard" && asks(content) {
                        p { "What waits for a person stands on " a href="/console/effects" { "Effects" } "." }
                    }
                    details { summary { "as recorded" } pre { (pretty(&content.to_string())) } }
                }
            }
        }
    }
}

/// Whether a call was held back for a person.
fn asks(note: &Value) -> bool {
    let calls = note.get("calls").and_then(Value::as_array);
    calls.into_iter().flatten().any(|call| call.get("decision").and_then(Value::as_str) == Some("ask"))
}

fn conversation(story: &RequestStory) -> Markup {
    let row = &story.request;
    let asked = story.request_body.as_ref().and_then(|body| transcript::request(&row.protocol, &body.content));
    let streamed = row.streamed && row.status == 200;
    let answered =
        story.response_body.as_ref().and_then(|body| transcript::answer(&row.protocol, streamed, &body.content));
    html! {
        h2 { "Conversation" }
        @match asked {
            Some(asked) => { (asked) }
            None => { p.notice { "The request cannot be read as a conversation; its bytes are below." } }
        }
        @if let Some(answered) = answered { (answered) }
    }
}

fn raw(story: &RequestStory, address: &str) -> Markup {
    html! {
        h2 { "Bytes" }
        @if let Some(body) = &story.request_body {
            details { summary { "As curl" } pre { (curl(address, &story.request.protocol, body)) } }
            details { summary { "Request, as the client sent it" } pre { (text(body)) } }
        }
        @if let Some(body) = &story.response_body {
            details { summary { "Answer, as the client received it" } pre { (text(body)) } }
        }
        @for (index, attempt) in story.attempts.iter().enumerate() {
            @if let Some(body) = &attempt.request_body {
                details { summary { "Attempt " (index + 1) ": as the provider received it" } pre { (text(body)) } }
            }
            @if let Some(body) = &attempt.response_body {
                details { summary { "Attempt " (index + 1) ": as the provider answered" } pre { (text(body)) } }
            }
        }
        details { summary { "Parameters" } pre { (pretty(&story.parameters)) } }
    }
}

fn text(body: &BodyRow) -> String {
    pretty(&String::from_utf8_lossy(&body.content))
}

/// The request as a command, quoted for a POSIX shell.
fn curl(address: &str, protocol: &str, body: &BodyRow) -> String {
    let path = path_of(protocol, &body.content).unwrap_or_else(|| "/v1/chat/completions".to_owned());
    let body = String::from_utf8_lossy(&body.content).replace('\'', "'\\''");
    format!("curl {address}{path} \\\n  -H 'content-type: application/json' \\\n  -d '{body}'")
}

/// Where the request came in: some dialects have the model in the path.
fn path_of(protocol: &str, body: &[u8]) -> Option<String> {
    let dialect = steersman_wire::dialect(protocol)?;
    let (model, stream) = dialect.request_head(body).map(|head| (head.model.into_owned(), head.stream)).ok()?;
    Some(format!("{}{}", dialect.root(), dialect.call_path(&model, stream)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_body_cannot_leave_the_command() {
        let body = BodyRow { hash: String::new(), content: "it's; rm".into() };
        assert!(curl("http://h", "openai.chat", &body).ends_with("-d 'it'\\''s; rm'"));
    }

    #[test]
    fn bars_stay_inside_their_track() {
        assert_eq!(place(500, 250, 1_000), "left:50.0%;width:25.0%");
        assert_eq!(place(5_000, 9_000, 1_000), "left:100.0%;width:100.0%");
    }
}
