//! Answers that were given again: how often, what that saved, by task, and how they are forgotten.

use maud::{Markup, html};
use steersman_core::Usd;
use steersman_store::state::answers::AnswersHeld;

use crate::{format, layout};

/// One task.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// Its name.
    pub task: String,
    /// Requests that got an answer that was kept.
    pub hits: u64,
    /// Requests that did not.
    pub misses: u64,
    /// What the hits would have cost, as far as that is known.
    pub saved: Usd,
    /// The tokens that they would have taken.
    pub saved_tokens: u64,
}

impl Line {
    /// A task of which nothing is known yet.
    #[must_use]
    pub fn of(task: String) -> Self {
        Self { task, ..Self::default() }
    }
}

/// The page. `purges` are the last ones: when, by which way, and what was forgotten; `said` is what was just done.
#[must_use]
pub fn page(
    lines: &[Line],
    held: AnswersHeld,
    days: i64,
    purges: &[(i64, String, String)],
    said: Option<&str>,
) -> Markup {
    let body = html! {
        h1 { "Cache" }
        @if let Some(said) = said { p role="status" { (said) } }
        p {
            (format::count(held.answers)) " answers are kept, " (format::bytes(held.bytes)) " on disk. "
            "An answer is given again to the same request where its task says " code { "cache = true" }
            " or the client sends " code { "x-steersman-cache: on" } "."
        }
        @if lines.is_empty() { p { "No request has asked for it in the last " (days) " days." } } @else {
            (layout::table(&["Task", "#Hits", "#Misses", "#Hit rate", "#Saved", "#Tokens saved", ""], &html! {
                @for line in lines { tr {
                    td { (layout::name(&line.task)) }
                    td.number { (format::count(line.hits)) }
                    td.number { (format::count(line.misses)) }
                    td.number { (format::share(line.hits, line.hits + line.misses)) }
                    td.number { (format::sum(line.saved)) }
                    td.number { (format::count(line.saved_tokens)) }
                    td { form method="post" action="/console/cache/purge" {
                        input type="hidden" name="task" value=(line.task);
                        button.quiet { "Forget its answers" }
                    } }
                } }
            }))
            p { "The last " (days) " days. What a hit of unknown price saved is not counted." }
        }
        h2 { "Forget answers" }
        p { "What is asked from now on is kept as ever. An empty field stands for any." }
        form.filters method="post" action="/console/cache/purge" {
            label { "Task" input name="task" placeholder="triage"; }
            label { "Model" input name="model" placeholder="provider/model"; }
            button { "Forget" }
        }
        @if !purges.is_empty() { (layout::table(&["When (UTC)", "By", "Forgotten"], &html! {
            @for (at_us, by, what) in purges {
                tr { td { time { (format::moment(*at_us)) } } td { (by) } td { (layout::name(what)) } }
            }
        })) }
    };
    layout::page("Cache", "/console/cache", &body)
}
