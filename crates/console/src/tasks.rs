//! Every task with its volume, cost, errors and latency: what the gateway is used for, without any configuration.

use maud::{Markup, html};
use steersman_store::rows::TaskRow;

use crate::overview::SPANS;
use crate::{format, layout};

/// The page; `span` is one of the overview's.
#[must_use]
pub fn page(tasks: &[TaskRow], span: &str) -> Markup {
    let body = html! {
        div.heading {
            h1 { "Tasks" }
            nav.spans aria-label="Span" {
                @for (word, title, _) in SPANS {
                    a href=(format!("/console/tasks?span={word}")) aria-current=[(*word == span).then_some("true")] { (title) }
                }
            }
        }
        @if tasks.is_empty() {
            section.notice { p { "No request in this span." } }
        } @else {
            table {
                thead { tr {
                    th { "Task" } th { "Requests" } th { "Errors" } th { "Cost" } th { "A request" }
                    th { "Tokens in" } th { "Cached" } th { "Tokens out" } th { "P50" } th { "P99" } th { "First token p50" }
                } }
                tbody { @for row in tasks { (line(row)) } }
            }
            p { "A task is named by " code { "model: \"task/NAME\"" } ", the header " code { "x-steersman-task" } " or "
                code { "metadata.task" } "; a call that names none belongs to " code { "auto/" } " and the fingerprint of its system prompt, schema and tools." }
        }
    };
    layout::page("Tasks", "/console/tasks", &body)
}

fn line(row: &TaskRow) -> Markup {
    let sum = &row.aggregate;
    let known = sum.requests - sum.cost_unknown_requests;
    let each = sum.cost_known.nanos().checked_div(i64::try_from(known).unwrap_or(i64::MAX));
    html! {
        tr {
            td { a href=(format!("/console/requests?task={}", format::encode(&row.task))) { (row.task) } }
            td { (format::count(sum.requests)) }
            td { (format::share(sum.errors, sum.requests)) }
            td { (sum.cost_known) @if sum.cost_unknown_requests > 0 { " + " (format::count(sum.cost_unknown_requests)) " unknown" } }
            td { @match each { Some(nanos) => (steersman_core::Usd::from_nanos(nanos)), None => "–" } }
            td { (format::count(sum.tokens.input)) }
            td { (format::share(sum.tokens.cache_read, sum.tokens.input)) }
            td { (format::count(sum.tokens.output)) }
            td { (format::maybe_duration(sum.latency.p50_us)) }
            td { (format::maybe_duration(sum.latency.p99_us)) }
            td { (format::maybe_duration(sum.first_token.p50_us)) }
        }
    }
}
