//! The canaries' part of the page *Structured*: fixed inputs, and what of their last answers is not as confirmed.
//!
//! Old and new forms come from models; they are shown as text, escaped.

use maud::{Markup, html};
use steersman_structured::Difference;

use crate::{format, layout};

/// One fixed input.
#[derive(Debug)]
pub struct Line {
    /// Its task.
    pub task: String,
    /// Its name within the task.
    pub id: String,
    /// Whether there is an answer to compare with.
    pub is_confirmed: bool,
    /// The versions of the model whose answers were as confirmed.
    pub served_confirmed: Vec<String>,
    /// The request of the last replay.
    pub request: Option<String>,
    /// The version that answered it.
    pub served: String,
    /// When.
    pub at_us: i64,
    /// Why there was nothing to compare, if so.
    pub failed: Option<String>,
    /// What differs from what is confirmed.
    pub differences: Vec<Difference>,
}

/// All of them, each with what a person can do about it.
#[must_use]
pub fn section(lines: &[Line]) -> Markup {
    html! {
        h2 { "Canaries" }
        @if lines.is_empty() {
            p {
                "None. A task may name a file of fixed inputs, " code { "tasks.NAME.canaries" }
                "; they are replayed to notice a changed model."
            }
        } @else {
            (layout::table(&["Task", "Input", "Last (UTC)", "Served by", "Confirmed under", "Found", ""], &html! {
                @for line in lines { (row(line)) }
            }))
        }
    }
}

fn row(line: &Line) -> Markup {
    html! {
        tr {
            td { (line.task) }
            td { @match &line.request {
                Some(request) => a href={ "/console/requests/" (request) } { (line.id) },
                None => (line.id),
            } }
            td { (format::moment(line.at_us)) } td { (line.served) } td { (line.served_confirmed.join(", ")) }
            td {
                @if let Some(why) = &line.failed { "nothing to compare: " (why) }
                @else if line.differences.is_empty() {
                    @if line.is_confirmed { "as confirmed" } @else { "nothing confirmed yet" }
                }
                @for found in &line.differences {
                    p { strong { (found.rule.replace('_', " ")) } " at " code { (found.pointer) } ": "
                        code { (found.old) } " → " code { (found.new) } }
                }
            }
            td { @if line.failed.is_none() && (!line.differences.is_empty() || !line.is_confirmed) {
                form method="post" action="/console/structured/canaries" {
                    input type="hidden" name="task" value=(line.task); input type="hidden" name="id" value=(line.id);
                    button { "Confirm" }
                }
            } }
        }
    }
}
