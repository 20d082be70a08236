//! One request as a story: what was asked, where it went, what came back, what it cost.

use maud::{Markup, html};
use serde_json::Value;
use steersman_core::{Usd, percent_encoded};
use steersman_store::rows::{AttemptRow, BodyRow, RequestStory};

use crate::indent::{Shown, readable};
use crate::told::told;
use crate::transcript::{self, laid_out};
use crate::{format, layout, repairs, requests, visible};

/// The page. `address` is where clients reach the gateway, for the curl command.
#[must_use]
pub fn page(story: &RequestStory, address: &str) -> Markup {
    let row = &story.request;
    let body = html! {
        p { a href="/console/requests" { "Requests" } " / " span.id { (row.id) } }
        div.heading {
            h1 { (visible(row.model.as_deref().unwrap_or(&row.requested_model))) }
            div { (requests::outcome(row)) }
        }
        (facts(story))
        (waterfall(story))
        (notes(story))
        @if let Some(repairs) = repairs::marked(story) { (repairs) }
        (conversation(story))
        (raw(story, address))
    };
    layout::page(&format!("Request {}", row.id), "/console/requests", &body)
}

fn facts(story: &RequestStory) -> Markup {
    let row = &story.request;
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
            (fact("Cost", &total(story)))
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
    html! { div { dt { (name) } dd { (visible(value)) } } }
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
            td { (layout::name(&format!("{}/{}", attempt.provider, attempt.requested_model))) }
            td {
                @if let Some(status) = attempt.status { (status) } @else { "–" }
                @if let Some(code) = &attempt.code { " " code { (code) } }
            }
            td { (layout::name(attempt.served_model.as_deref().unwrap_or("–"))) }
            td { (attempt.finish_reason.as_deref().unwrap_or("–")) }
            td.number { (format::maybe_count(attempt.usage.input_tokens)) }
            td.number { (format::maybe_count(attempt.usage.output_tokens)) }
            td.number { (format::cost(cost(attempt))) }
            td.number { (format::maybe_duration(timing.first_token_us)) }
            td.number { (format::duration(timing.total_us)) }
            td { div.track {
                div class="span wait" style=(waited) title="until the first token" {}
                div class=(class) style=(answered) title="answer" {}
            } }
        }
    }
}

/// Codes of attempts that ended before a provider had the request.
const UNSENT: &[&str] = &["upstream_unreachable", "missing_key", "upstream_auth", "invalid_request"];

/// What an attempt cost. One that a provider refused, or that reached none, cost nothing; of one that was sent and to
/// which no answer came nobody knows.
fn cost(attempt: &AttemptRow) -> Option<Usd> {
    let code = attempt.code.as_deref().unwrap_or_default();
    let is_free = attempt.status.map_or_else(|| UNSENT.contains(&code), |status| status >= 400);
    if is_free { Some(Usd::ZERO) } else { attempt.cost }
}

/// The cost of all attempts; that of some may be missing from it.
fn total(story: &RequestStory) -> String {
    let is_open = |attempt: &AttemptRow| attempt.status.is_none() && cost(attempt).is_none();
    let open = story.request.cost.is_some() && story.attempts.iter().any(is_open);
    format!("{}{}", if open { "at least " } else { "" }, format::cost(story.request.cost))
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
                    details { summary { "as recorded" } (laid_out(&content.to_string())) }
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

/// What is shown of a body; all of it is a download.
const MAX_SHOWN_BYTES: usize = 64 << 10;

/// A body under its name in an address: `request`, `answer`, and of the first attempt `1-sent`, `1-heard`.
#[must_use]
pub fn body<'s>(story: &'s RequestStory, name: &str) -> Option<&'s BodyRow> {
    let attempt = |number: &str| story.attempts.get(number.parse::<usize>().ok()?.checked_sub(1)?);
    match name.split_once('-') {
        None if name == "request" => story.request_body.as_ref(),
        None if name == "answer" => story.response_body.as_ref(),
        Some((number, "sent")) => attempt(number)?.request_body.as_ref(),
        Some((number, "heard")) => attempt(number)?.response_body.as_ref(),
        _ => None,
    }
}

fn raw(story: &RequestStory, address: &str) -> Markup {
    html! {
        h2 { "Bytes" }
        @if story.request_body.is_some() {
            details { summary { "As curl" } pre { (curl(address, story)) } }
            (bytes(story, "request", "Request, as the client sent it"))
        }
        (bytes(story, "answer", "Answer, as the client received it"))
        @for number in 1..=story.attempts.len() {
            (bytes(story, &format!("{number}-sent"), &format!("Attempt {number}: as the provider received it")))
            (bytes(story, &format!("{number}-heard"), &format!("Attempt {number}: as the provider answered")))
        }
        details { summary { "Parameters" } (laid_out(&story.parameters)) }
    }
}

/// A body that was kept, with line breaks that it may not have had.
fn bytes(story: &RequestStory, name: &str, title: &str) -> Markup {
    html! {
        @if let Some(body) = body(story, name) {
            @let Shown { text, is_whole } = readable(&body.content, MAX_SHOWN_BYTES);
            details {
                summary { (title) }
                p { small {
                    @if is_whole { "With line breaks where it is JSON. " } @else { "The beginning of it. " }
                    a href=(format!("/console/requests/{}/bytes/{name}", story.request.id)) {
                        "All " (format::bytes(body.content.len() as u64)) " as they are"
                    }
                } }
                pre { (visible(&text)) }
            }
        }
    }
}

/// The request as a command, quoted for a POSIX shell. A body that begins with `@` names no file in it.
fn curl(address: &str, story: &RequestStory) -> String {
    let row = &story.request;
    let sent = story.request_body.as_ref().map(|body| &body.content[..]).unwrap_or_default();
    let path = path_of(&row.protocol, sent).unwrap_or_else(|| "/v1/chat/completions".to_owned());
    let data = if sent.len() > MAX_SHOWN_BYTES {
        format!("--data-binary '@{}-request.json'", row.id)
    } else {
        format!("--data-raw '{}'", String::from_utf8_lossy(sent).replace('\'', "'\\''"))
    };
    // A task that was made of the request is made of it again; one that a client named may have stood in the header.
    let named = row.task != row.protocol && row.task != "none" && !row.task.starts_with("auto/");
    let task = format!(" \\\n  -H 'x-steersman-task: {}'", percent_encoded(&row.task, b"/"));
    let task = if named { task } else { String::new() };
    format!(
        "curl {address}{path} \\\n  -H 'content-type: application/json' \\\n  \
         -H \"authorization: Bearer $STEERSMAN_API_KEY\"{task} \\\n  {data}"
    )
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

    fn story(task: &str, sent: &str) -> RequestStory {
        RequestStory {
            request: crate::requests::tests::row(task),
            parameters: "{}".into(),
            request_body: Some(BodyRow { hash: String::new(), content: sent.to_owned().into() }),
            response_body: None,
            attempts: Vec::new(),
            notes: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn a_body_cannot_leave_the_command_nor_read_a_file() {
        let command = curl("http://h", &story("auto/1", "it's; rm"));
        assert!(command.ends_with("--data-raw 'it'\\''s; rm'"), "{command}");
        assert!(curl("http://h", &story("auto/1", "@/etc/hostname")).ends_with("--data-raw '@/etc/hostname'"));
    }

    #[test]
    fn the_command_has_the_task_and_a_place_for_the_key() {
        let command = curl("http://h", &story("a b/c", "{}"));
        assert!(command.contains("-H 'x-steersman-task: a%20b/c'") && command.contains("Bearer $STEERSMAN_API_KEY"));
        assert!(!curl("http://h", &story("auto/1", "{}")).contains("x-steersman-task"));
    }

    #[test]
    fn a_body_is_shown_as_it_was_sent_and_only_its_beginning() {
        let shown = page(&story("t", r#"{"a":0.10,"a":12345678901234567890123}"#), "http://h").into_string();
        assert!(shown.contains("&quot;a&quot;: 0.10,\n  &quot;a&quot;: 12345678901234567890123\n"), "{shown}");
        let long = story("t", &"y".repeat(17 << 20));
        let shown = page(&long, "http://h").into_string();
        assert!(shown.len() < 100_000, "{}", shown.len());
        assert!(shown.contains("/bytes/request") && shown.contains("All 17 MiB"));
        assert_eq!(body(&long, "request").map(|body| body.content.len()), Some(17 << 20));
        for nothing in ["answer", "1-sent", "0-sent", "x", "-sent", "request-sent"] {
            assert_eq!(body(&long, nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_attempt_that_was_refused_or_reached_nobody_cost_nothing_and_of_one_without_an_answer_nobody_knows() {
        let of = |status, code: &str, known: Option<Usd>| {
            let mut attempt = attempt();
            (attempt.status, attempt.code, attempt.cost) = (status, Some(code.to_owned()), known);
            cost(&attempt)
        };
        assert_eq!(of(Some(429), "rate_limited", None), Some(Usd::ZERO));
        assert_eq!(of(None, "upstream_unreachable", None), Some(Usd::ZERO));
        assert_eq!(of(None, "upstream_timeout", None), None);
        assert_eq!(of(Some(200), "upstream_cut", Some(Usd::from_nanos(7))), Some(Usd::from_nanos(7)));
        let mut late = story("t", "{}");
        late.request.cost = Some(Usd::ZERO);
        assert_eq!(total(&late), "$0.00");
        late.attempts = vec![AttemptRow { code: Some("upstream_timeout".into()), ..attempt() }];
        assert_eq!(total(&late), "at least $0.00");
    }

    fn attempt() -> AttemptRow {
        AttemptRow {
            started_us: 0,
            provider: "p".into(),
            requested_model: "m".into(),
            served_model: None,
            response_id: None,
            status: None,
            code: None,
            finish_reason: None,
            usage: steersman_core::Usage::default(),
            cost: None,
            timing: steersman_core::Timing::default(),
            reason: "first".into(),
            request_body: None,
            response_body: None,
        }
    }

    #[test]
    fn bars_stay_inside_their_track() {
        assert_eq!(place(500, 250, 1_000), "left:50.0%;width:25.0%");
        assert_eq!(place(5_000, 9_000, 1_000), "left:100.0%;width:100.0%");
    }
}
