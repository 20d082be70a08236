//! What the guard decided: each tool call that a model proposed, why it was not allowed, and where its value came from.
//!
//! A witness quotes what an attacker may have written; it is shown as text, escaped, and never as a link.

use maud::{Markup, html};
use serde_json::Value;
use steersman_store::rows::{NotedPage, NotedRow};

use crate::{format, layout, visible};

/// What is shown of the decisions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// `allow`, `ask` or `deny`.
    pub decision: Option<String>,
    /// The tool's name, or a part of it.
    pub tool: Option<String>,
}

impl Filter {
    /// Whether the page shows anything of these.
    #[must_use]
    pub fn finds(&self, noted: &NotedPage) -> bool {
        noted.rows.iter().any(|row| !lines(self, row).is_empty())
    }

    fn shows(&self, call: &Value) -> bool {
        let is = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default();
        self.decision.as_deref().is_none_or(|wanted| is("decision") == wanted)
            && self.tool.as_deref().is_none_or(|wanted| is("tool").contains(wanted))
    }

    /// Whether lines that are no call (links that were taken out of action) stand beside the calls.
    const fn is_empty(&self) -> bool {
        self.decision.is_none() && self.tool.is_none()
    }

    fn address(&self, before: Option<&str>) -> String {
        let parts = [("decision", self.decision.as_deref()), ("tool", self.tool.as_deref()), ("before", before)];
        let set = parts.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", format::encode(value?))));
        format!("/console/guard?{}", set.collect::<Vec<_>>().join("&"))
    }
}

/// The page. `mode` is the gateway's own; a task may have another. `is_older` says that the newest are on another page.
#[must_use]
pub fn page(filter: &Filter, noted: &NotedPage, mode: &str, is_older: bool) -> Markup {
    let lines: Vec<Markup> = noted.rows.iter().flat_map(|row| lines(filter, row)).collect();
    let body = html! {
        div.heading {
            h1 { "Guard" }
            p { "Mode: " strong { (mode) } ". What a call may do is decided from where its values came from, never by a model." }
        }
        (form(filter))
        @if lines.is_empty() {
            p.notice {
                @if noted.next.is_some() {
                    "None of the decisions that were looked at matches; older ones may. "
                    a href="/console/guard" { "Clear the filter" }
                } @else if is_older {
                    "There are no older ones. " a href=(filter.address(None)) { "The newest" }
                } @else if filter.is_empty() {
                    "The guard has decided nothing yet. A contract, " code { "[tools.NAME]" } " in the configuration, turns it on; "
                    "each tool call that a model proposes is a line here then."
                } @else {
                    "No decision matches. " a href="/console/guard" { "Clear the filter" }
                }
            }
        } @else {
            (layout::table(&["When (UTC)", "Decision", "Tool", "Why", "Context", "Task", "Request"], &html! {
                @for line in &lines { (line) }
            }))
        }
        @if let Some(next) = &noted.next {
            p { a href=(filter.address(Some(next.as_str()))) { "Older decisions" } }
        }
    };
    layout::page("Guard", "/console/guard", &body)
}

fn form(filter: &Filter) -> Markup {
    html! {
        form.filters method="get" action="/console/guard" {
            label { "Decision"
                select name="decision" {
                    option value="" { "any" }
                    @for word in ["allow", "ask", "deny"] {
                        option value=(word) selected[filter.decision.as_deref() == Some(word)] { (word) }
                    }
                }
            }
            label { "Tool" input type="search" name="tool" value=[filter.tool.as_deref()] placeholder="part of its name"; }
            button { "Filter" }
            a href="/console/guard" { "Clear" }
        }
    }
}

fn lines(filter: &Filter, row: &NotedRow) -> Vec<Markup> {
    let list = |key: &str| row.note.get(key).and_then(Value::as_array).into_iter().flatten();
    let calls = list("calls").filter(|call| filter.shows(call)).map(|call| {
        let is = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default();
        line(row, is("decision"), is("tool"), &why(call))
    });
    let links = list("links").filter(|_| filter.is_empty()).map(|link| {
        line(
            row,
            "link",
            "",
            &html! { "a link that nobody vouches for: " code { (visible(link.as_str().unwrap_or_default())) } },
        )
    });
    calls.chain(links).collect()
}

fn line(row: &NotedRow, decision: &str, tool: &str, why: &Markup) -> Markup {
    let href = format!("/console/requests/{}", row.id);
    let class = match decision {
        "allow" => "badge accepted",
        "deny" => "badge rejected",
        _ => "badge refused",
    };
    html! {
        tr {
            td { time { (format::moment(row.started_at_us)) } }
            td { span class=(class) { (decision) } }
            td { @if !tool.is_empty() { code { (layout::name(tool)) } } }
            td.wide { (why) }
            td { (row.note.get("context").and_then(Value::as_str).unwrap_or_default()) }
            td { (layout::name(&row.task)) }
            td { a.id href=(href) { (row.id) } }
        }
    }
}

/// The witness in words, and the source that holds the value.
fn why(call: &Value) -> Markup {
    html! {
        @if let Some(why) = call.get("why").and_then(Value::as_str) { (layout::sentence(why)) }
        @if let Some(hash) = call.get("call").and_then(Value::as_str).filter(|_| call.get("decision") == Some(&"ask".into())) {
            br; small { "a person approves it on " a href="/console/effects" { "Effects" } " as " code { (hash) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::RequestId;

    use super::*;

    #[test]
    fn that_nothing_was_decided_is_said_only_where_it_is_known() {
        let next = Some(RequestId::from_parts(1, [0; 10]));
        let filter = Filter { tool: Some("pay".into()), ..Filter::default() };
        let shown = |filter: &Filter, next: &Option<RequestId>, is_older| {
            page(filter, &NotedPage { rows: Vec::new(), next: next.clone() }, "on", is_older).into_string()
        };
        assert!(shown(&Filter::default(), &None, false).contains("has decided nothing yet"));
        assert!(shown(&filter, &None, false).contains("No decision matches"));
        assert!(
            shown(&filter, &next, false).contains("older ones may")
                && shown(&filter, &next, false).contains("Older decisions")
        );
        assert!(
            shown(&filter, &None, true).contains("no older ones")
                && shown(&filter, &None, true).contains("?tool=pay\"")
        );
    }
}
