//! The overview: requests, errors, cost and latency over time, by model.

use maud::{Markup, html};
use steersman_core::Usd;
use steersman_store::rows::{Aggregate, DiskStats, Overview, Point, RecorderStats, Server};

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
    /// Requests that left no record since the start, by code.
    pub turned_away: &'a [(&'static str, u64)],
    /// What shadow calls cost today; `None` where no task has an objective.
    pub shadow: Option<Usd>,
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
        (cost_note(content.shadow))
        (by_model(content.overview))
        (store(content.recorder, content.disk))
        (turned_away(content.turned_away))
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
    let errors = format::share(total.errors, total.requests);
    let cut = (total.truncated > 0).then(|| format!("; {} more cut at a limit", format::count(total.truncated)));
    let errors = errors + &cut.unwrap_or_default();
    let cached = format!("{} cached", format::share(total.tokens.cache_read, total.tokens.input));
    let thought = format::share(total.tokens.reasoning, total.tokens.output);
    let thought = (total.tokens.reasoning > 0).then(|| format!("{thought} reasoning"));
    let time =
        |name, p50, p99| tile(name, &format::maybe_duration(p50), Some(format!("p99 {}", format::maybe_duration(p99))));
    html! {
        dl.tiles {
            (tile("Requests", &format::count(total.requests), None))
            (tile("Errors", &format::count(total.errors), Some(errors)))
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
                format::sum(Usd::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)))
            }))
        }
    }
}

fn cost_note(shadow: Option<Usd>) -> Markup {
    html! {
        p { small {
            "All times are UTC. Costs are of the requests whose price is known."
            @if let Some(shadow) = shadow {
                " Shadow calls are not among them: " (format::sum(shadow)) " today, on "
                a href="/console/objectives" { "Objectives" } "."
            }
        } }
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
                        td { @match &series.server {
                            Server::Model(model) => {
                                a href=(format!("/console/requests?model={}", format::encode(model))) {
                                    (layout::name(model))
                                }
                            }
                            Server::Cache => a href="/console/cache" { em { "answered from the cache" } },
                            Server::Nobody => em { "no provider reached" },
                        } }
                        td.number { (format::count(total.requests)) }
                        td.number { (format::count(total.errors)) }
                        td.number { (format::count(total.tokens.input)) }
                        td.number { (format::count(total.tokens.output)) }
                        td.number { (format::sum_of(total)) }
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

/// Requests that were refused before a record of them was opened.
fn turned_away(counts: &[(&'static str, u64)]) -> Markup {
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    html! {
        @if all > 0 {
            p {
                (format::count(all)) " turned away at the door since start, without a record: "
                @for (at, (code, count)) in counts.iter().enumerate() {
                    @if at > 0 { ", " } code { (code) } " " (format::count(*count))
                }
                "."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::Usd;
    use steersman_store::rows::ModelSeries;

    use super::*;

    #[test]
    fn each_line_says_who_answered_and_what_of_its_cost_is_unknown() {
        let of = |server, requests, cost_unknown_requests| {
            let total = Aggregate { requests, cost_unknown_requests, ..Aggregate::default() };
            ModelSeries { server, total, points: Vec::new() }
        };
        let models = vec![of(Server::Model("m".into()), 3, 2), of(Server::Cache, 1, 0), of(Server::Nobody, 1, 0)];
        let overview = Overview {
            from_us: 0,
            step_us: 60_000_000,
            steps: 60,
            total: Aggregate { requests: 5, errors: 1, truncated: 2, ..Aggregate::default() },
            points: Vec::new(),
            models,
        };
        let shown = by_model(&overview).into_string();
        for wanted in ["$0.00 + 2 unknown", "answered from the cache", "no provider reached"] {
            assert!(shown.contains(wanted), "{wanted} in {shown}");
        }
        let told = turned_away(&[("invalid_key", 2), ("body_too_large", 1)]).into_string();
        assert!(told.starts_with("<p>3 turned away") && told.contains("<code>body_too_large</code> 1"), "{told}");
        assert!(turned_away(&[]).into_string().is_empty());
        let noted = [None, Some(Usd::from_nanos(5_000_000))].map(|shadow| cost_note(shadow).into_string());
        assert!(!noted[0].contains("Shadow") && noted[1].contains("$0.005 today"), "{noted:?}");
        assert!(tiles(&overview.total).into_string().contains("20.0 %; 2 more cut at a limit"));
    }
}
