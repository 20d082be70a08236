//! Every task with its volume, cost, errors and latency: what the gateway is used for, without any configuration.

use maud::{Markup, html};
use steersman_store::rows::TaskRow;

use crate::{format, layout};

/// The page; `span` is one of the overview's.
#[must_use]
pub fn page(tasks: &[TaskRow], span: &str) -> Markup {
    let body = html! {
        div.heading {
            h1 { "Tasks" }
            (layout::spans("/console/tasks", span))
        }
        @if tasks.is_empty() {
            section.notice { p { "No request in this span." } }
        } @else {
            (layout::table(
                &["Task", "#Requests", "#Errors", "#Cost", "#Cost a request", "#Tokens in", "#Cached", "#Tokens out",
                 "#p50", "#p99", "#First token p50"],
                &html! {
                    @for row in tasks { (line(row)) }
                },
            ))
            p { "A task is named by " code { "model: \"task/NAME\"" } ", the header " code { "x-steersman-task" } " or "
                code { "metadata.task" } "; a call that names none belongs to " code { "auto/" }
                " and the fingerprint of its system prompt, schema and tools." }
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
            td { a href=(format!("/console/requests?task={}", format::encode(&row.task))) {
                (layout::name(&row.task))
            } }
            td.number { (format::count(sum.requests)) }
            td.number { (format::share(sum.errors, sum.requests)) }
            td.number { (format::sum_of(sum)) }
            td.number { @match each { Some(nanos) => (format::sum(steersman_core::Usd::from_nanos(nanos))), None => "–" } }
            td.number { (format::count(sum.tokens.input)) }
            td.number { (format::share(sum.tokens.cache_read, sum.tokens.input)) }
            td.number { (format::count(sum.tokens.output)) }
            td.number { (format::maybe_duration(sum.latency.p50_us)) }
            td.number { (format::maybe_duration(sum.latency.p99_us)) }
            td.number { (format::maybe_duration(sum.first_token.p50_us)) }
        }
    }
}
