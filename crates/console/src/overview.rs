//! The overview: requests, errors, cost and latency over time, by model.

use maud::{Markup, html};
use steersman_store::rows::{Aggregate, DiskStats, Overview, Point, RecorderStats};

use crate::chart::{self, TimeAxis};
use crate::{format, layout};

/// The spans that can be chosen: the word in the address, the words on the page, and the length.
pub const SPANS: &[(&str, &str, i64)] = &[
    ("1h", "1 hour", 3_600_000_000),
    ("6h", "6 hours", 21_600_000_000),
    ("24h", "24 hours", 86_400_000_000),
    ("7d", "7 days", 604_800_000_000),
    ("30d", "30 days", 2_592_000_000_000),
];

/// What the page shows.
pub struct Content<'a> {
    /// The chosen span, one of [`SPANS`].
    pub span: &'a str,
    /// The figures.
    pub overview: &'a Overview,
    /// What became of the records.
    pub recorder: &'a RecorderStats,
    /// What the store takes.
    pub disk: Option<&'a DiskStats>,
    /// Which models can be asked for, for the first visit.
    pub models: &'a [String],
    /// The address that clients reach.
    pub address: &'a str,
}

/// The page.
#[must_use]
pub fn page(content: &Content<'_>) -> Markup {
    let body = html! {
        div.heading {
            h1 { "Overview" }
            (layout::spans("/console", content.span))
        }
        @if content.overview.total.requests == 0 { (first_visit(content.models, content.address)) }
        (tiles(&content.overview.total))
        (charts(content.overview))
        (by_model(content.overview))
        (store(content.recorder, content.disk))
    };
    layout::page("Overview", "/console", &body)
}

fn first_visit(models: &[String], address: &str) -> Markup {
    html! {
        section.notice {
            p { "No request in this span. Point a client at this address and it will show up here:" }
            pre { "from openai import OpenAI\nclient = OpenAI(base_url=\"" (address) "/v1\", api_key=\"any\")" }
            @if models.is_empty() {
                p { "No model can be reached yet. Set a provider's key in the environment, or fetch a local model: "
                    code { "steersman models pull smollm2-135m" } }
            } @else {
                p { "Models: " @for model in models.iter().take(8) { code { (model) } " " } }
            }
        }
    }
}

fn tiles(total: &Aggregate) -> Markup {
    let unknown = total.cost_unknown_requests;
    let unknown = (unknown > 0).then(|| format!("{} of unknown cost", format::count(unknown)));
    let cached = format!("{} cached", format::share(total.tokens.cache_read, total.tokens.input));
    let thought = format::share(total.tokens.reasoning, total.tokens.output);
    let thought = (total.tokens.reasoning > 0).then(|| format!("{thought} reasoning"));
    let time =
        |name, p50, p99| tile(name, &format::maybe_duration(p50), Some(format!("p99 {}", format::maybe_duration(p99))));
    html! {
        dl.tiles {
            (tile("Requests", &format::count(total.requests), None))
            (tile("Errors", &format::count(total.errors), Some(format::share(total.errors, total.requests))))
            (tile("Cost", &format::sum(total.cost_known), unknown))
            (tile("Tokens in", &format::count(total.tokens.input), Some(cached)))
            (tile("Tokens out", &format::count(total.tokens.output), thought))
            (time("Latency p50", total.latency.p50_us, total.latency.p99_us))
            (time("First token p50", total.first_token.p50_us, total.first_token.p99_us))
        }
    }
}

fn tile(name: &str, value: &str, note: Option<String>) -> Markup {
    html! {
        div.tile { dt { (name) } dd { (value) @if let Some(note) = note { small { (note) } } } }
    }
}

fn charts(overview: &Overview) -> Markup {
    let axis = TimeAxis { from_us: overview.from_us, step_us: overview.step_us, steps: overview.steps };
    let requests: Vec<_> =
        overview.points.iter().map(|point| (point.at_us, point.aggregate.requests, point.aggregate.errors)).collect();
    let series = |pick: fn(&Aggregate) -> Option<u64>| -> Vec<(i64, u64)> {
        overview.points.iter().filter_map(|point: &Point| Some((point.at_us, pick(&point.aggregate)?))).collect()
    };
    let cost = series(|aggregate| u64::try_from(aggregate.cost_known.nanos()).ok());
    html! {
        div.charts {
            (chart::bars("Requests, errors marked", axis, &requests))
            (chart::lines("Time to the last byte", axis, &[
                ("p50", series(|aggregate| aggregate.latency.p50_us)),
                ("p95", series(|aggregate| aggregate.latency.p95_us)),
                ("p99", series(|aggregate| aggregate.latency.p99_us)),
            ], format::duration))
            (chart::lines("Time to the first token", axis, &[
                ("p50", series(|aggregate| aggregate.first_token.p50_us)),
                ("p95", series(|aggregate| aggregate.first_token.p95_us)),
                ("p99", series(|aggregate| aggregate.first_token.p99_us)),
            ], format::duration))
            (chart::lines("Cost", axis, &[("cost", cost)], |nanos| {
                format::sum(steersman_core::Usd::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)))
            }))
        }
        p { small { "All times are UTC. Costs are of the requests whose price is known." } }
    }
}

fn by_model(overview: &Overview) -> Markup {
    html! {
        h2 { "By model" }
        (layout::table(
            &["Model", "#Requests", "#Errors", "#Tokens in", "#Tokens out", "#Cost", "#p50", "#p95", "#p99",
             "#First token p50"],
            &html! {
                @for series in &overview.models {
                    @let total = &series.total;
                    tr {
                        td { @match &series.model {
                            Some(model) => {
                                a href=(format!("/console/requests?model={}", format::encode(model))) { (model) }
                            }
                            None => { em { "no provider reached" } }
                        } }
                        td.number { (format::count(total.requests)) }
                        td.number { (format::count(total.errors)) }
                        td.number { (format::count(total.tokens.input)) }
                        td.number { (format::count(total.tokens.output)) }
                        td.number {
                            @if total.cost_unknown_requests == total.requests { "unknown" } @else { (format::sum(total.cost_known)) }
                        }
                        td.number { (format::maybe_duration(total.latency.p50_us)) }
                        td.number { (format::maybe_duration(total.latency.p95_us)) }
                        td.number { (format::maybe_duration(total.latency.p99_us)) }
                        td.number { (format::maybe_duration(total.first_token.p50_us)) }
                    }
                }
            },
        ))
    }
}

fn store(recorder: &RecorderStats, disk: Option<&DiskStats>) -> Markup {
    let lost = recorder.dropped + recorder.failed;
    html! {
        h2 { "Records" }
        p {
            (format::count(recorder.written)) " written since start, " (format::count(recorder.queued)) " waiting, "
            @if lost > 0 { strong.bad { (format::count(lost)) " lost" } } @else { "none lost" }
            "."
            @if recorder.lost_by_kill > 0 {
                " " strong.bad { (format::count(recorder.lost_by_kill)) " were lost by kills before." }
            }
            @if let Some(disk) = disk { " The store (" (disk.engine) ") takes " (format::bytes(disk.bytes_on_disk)) "." }
        }
        @if let Some(error) = &recorder.last_error { p.bad { "The last batch failed: " (error) } }
    }
}
