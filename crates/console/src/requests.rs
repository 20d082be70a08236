//! The list of requests. Filters stand in the address, so a view can be sent to a colleague.

use maud::{Markup, html};
use steersman_core::OutcomeKind;
use steersman_store::RequestFilter;
use steersman_store::rows::{Facet, Facets, RequestPage, RequestRow};

use crate::{format, layout};

/// The page.
#[must_use]
pub fn page(filter: &RequestFilter, page: &RequestPage, facets: &Facets) -> Markup {
    let body = html! {
        div.heading { h1 { "Requests" } }
        (form(filter, facets))
        @if page.requests.is_empty() {
            p.notice { "No request matches. " a href="/console/requests" { "Clear all filters" } }
        } @else {
            (table(&page.requests))
        }
        @if let Some(next) = &page.next {
            p { a href=(format!("/console/requests?{}", address(filter, Some(next.as_str())))) { "Older requests" } }
        }
    };
    layout::page("Requests", "/console/requests", &body)
}

fn form(filter: &RequestFilter, facets: &Facets) -> Markup {
    html! {
        form.filters method="get" action="/console/requests" {
            (select("model", "Model", &facets.models, filter.model.as_deref()))
            (select("provider", "Provider", &facets.providers, filter.provider.as_deref()))
            (select("task", "Task", &facets.tasks, filter.task.as_deref()))
            (select("outcome", "Outcome", &facets.outcomes, filter.outcome.map(OutcomeKind::as_str)))
            (select("code", "Code", &facets.codes, filter.code.as_deref()))
            label { "Id" input type="search" name="id" value=[filter.id_contains.as_deref()] placeholder="part of it"; }
            label { "Slower than, ms"
                input type="number" min="0" name="min_ms" value=[filter.min_latency_us.map(|us| us / 1_000)];
            }
            button { "Filter" }
            a href="/console/requests" { "Clear" }
        }
    }
}

fn select(name: &str, title: &str, facets: &[Facet], chosen: Option<&str>) -> Markup {
    let missing = chosen.filter(|chosen| facets.iter().all(|facet| facet.name != *chosen));
    html! {
        label { (title)
            select name=(name) {
                option value="" { "any" }
                @if let Some(chosen) = missing { option value=(chosen) selected { (chosen) } }
                @for facet in facets {
                    option value=(facet.name) selected[chosen == Some(facet.name.as_str())] {
                        (facet.name) " (" (format::count(facet.requests)) ")"
                    }
                }
            }
        }
    }
}

/// The filter as the query part of an address.
fn address(filter: &RequestFilter, before: Option<&str>) -> String {
    let min_ms = filter.min_latency_us.map(|us| (us / 1_000).to_string());
    let parts = [
        ("model", filter.model.as_deref()),
        ("provider", filter.provider.as_deref()),
        ("task", filter.task.as_deref()),
        ("outcome", filter.outcome.map(OutcomeKind::as_str)),
        ("code", filter.code.as_deref()),
        ("id", filter.id_contains.as_deref()),
        ("min_ms", min_ms.as_deref()),
        ("before", before),
    ];
    let set = parts.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", format::encode(value?))));
    set.collect::<Vec<_>>().join("&")
}

fn table(rows: &[RequestRow]) -> Markup {
    html! {
        (layout::table(
            &["When (UTC)", "Outcome", "Model", "Task", "#In", "#Out", "#Cost", "#First token", "#Total", "Request"],
            &html! {
                @for row in rows { (line(row)) }
            },
        ))
    }
}

fn line(row: &RequestRow) -> Markup {
    let href = format!("/console/requests/{}", row.id);
    html! {
        tr {
            td { time { (format::moment(row.started_at_us)) } }
            td { (outcome(row)) }
            td {
                (layout::name(row.model.as_deref().unwrap_or(&row.requested_model)))
                @if row.attempts > 1 { small { " " (row.attempts) " attempts" } }
            }
            td { (layout::name(&row.task)) }
            td.number { (format::maybe_count(row.usage.input_tokens)) }
            td.number { (format::maybe_count(row.usage.output_tokens)) }
            td.number { (format::cost(row.cost)) }
            td.number { (format::maybe_duration(row.timing.first_token_us)) }
            td.number { (format::duration(row.timing.total_us)) }
            td { a.id href=(href) { (row.id) } }
        }
    }
}

/// The outcome as a badge, with its code where it has one.
pub(crate) fn outcome(row: &RequestRow) -> Markup {
    html! {
        span class=(format!("badge {}", row.outcome.as_str())) { (row.outcome.as_str()) }
        @if let Some(code) = &row.code { " " code { (code) } }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use steersman_core::{RequestId, Timing, Usage};

    use super::*;

    /// A plain line.
    pub(crate) fn row(task: &str) -> RequestRow {
        RequestRow {
            id: RequestId::from_parts(1, [0; 10]),
            started_at_us: 0,
            task: task.to_owned(),
            protocol: "openai.chat".to_owned(),
            streamed: false,
            requested_model: "m".to_owned(),
            model: None,
            provider: None,
            status: 200,
            outcome: OutcomeKind::Accepted,
            code: None,
            usage: Usage::default(),
            cost: None,
            timing: Timing::default(),
            attempts: 0,
            fingerprint: String::new(),
        }
    }
}
