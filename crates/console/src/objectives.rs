//! Objectives: what was asked for, where each stands, on what evidence, and what happens next.
//!
//! What never happens here: a saving where a price is unknown, or a promise before it is proved.

use std::collections::BTreeMap;

use maud::{Markup, html};
use steersman_core::Usd;
use steersman_lab::stats::wilson;
use steersman_routing::{Estimate, Lift, OffPolicy, Phase, Signal, Standing};

use crate::{format, layout};

/// What turns one on.
const EXAMPLE: &str = r#"[tasks.NAME.objective]
reference = "big"
candidates = ["small"]
floor = 0.97
confidence = 0.95
evaluator = "agreement"
"#;

/// What shadow calls of a task took today (UTC), its judge's among them.
#[derive(Debug, Clone, Copy)]
pub struct Shadow {
    /// Calls of this gateway that were answered.
    pub calls: u64,
    /// Of those, how many have an unknown cost.
    pub unknown: u64,
    /// What all gateways on the state have booked.
    pub booked: Usd,
}

fn told(shadow: &Shadow) -> String {
    let unknown = (shadow.unknown > 0).then(|| format!(", {} of them of unknown cost", format::count(shadow.unknown)));
    format!(
        "Shadow calls today (UTC): {} by this gateway since its start{}; {} booked by all gateways on this state. They \
         are on no record, and in no sum over requests.",
        format::count(shadow.calls),
        unknown.unwrap_or_default(),
        format::sum(shadow.booked),
    )
}

/// The page.
#[must_use]
pub fn page(standings: &BTreeMap<String, Standing>, shadows: &BTreeMap<String, Shadow>) -> Markup {
    let content = html! {
        h1 { "Objectives" }
        p { "Quality at least so much of a reference model, at a stated confidence. Until that is proved on a task's own "
            "requests, all of them go to the reference; when the proof no longer covers the traffic, they do so again." }
        @if standings.is_empty() {
            p { "No task has an objective yet. For a task NAME:" }
            pre { (EXAMPLE) }
        }
        @for (task, standing) in standings {
            (section(task, standing, shadows.get(task)))
        }
    };
    layout::page("Objectives", "/console/objectives", &content)
}

/// The page of one task: its standing, other rungs as graded decisions show them, and what each dearer arm adds on the
/// labels.
#[must_use]
pub fn task_page(
    task: &str,
    standing: &Standing,
    ahead: &[(usize, &'static str, OffPolicy)],
    added: &[(String, String, Lift)],
) -> Markup {
    let content = html! {
        h1 { "Objective of " code { "task/" (task) } }
        (standing_of(task, standing))
        (rungs(ahead))
        (lifts(added))
    };
    layout::page("Objective", "/console/objectives", &content)
}

/// Other rungs, off policy: nothing is changed to learn this.
fn rungs(ahead: &[(usize, &'static str, OffPolicy)]) -> Markup {
    let told = |Estimate { value, ci: [low, high] }: Estimate| format!("{value:.3} [{low:.3}, {high:.3}]");
    html! {
        h2 { "Other rungs, from graded decisions" }
        @if ahead.is_empty() { p { "No decision is graded yet: labels, a client's truth or a score do that." } } @else {
            p { "Each decision has a known chance. A request counts for another rung as much as that would have taken the same path." }
            (layout::table(
                &["Rung", "Quality, doubly robust", "By propensity alone", "Change", "Cost, as a share", "Verdict"],
                &html! {
                    @for (rung, what, estimate) in ahead {
                        tr {
                            td { (rung) ": " (what) } td { (told(estimate.doubly_robust)) } td { (told(estimate.ips)) }
                            td { (told(estimate.change)) }
                            td { (estimate.cost_ratio.map_or_else(|| "unknown".to_owned(), told)) }
                            td.wide { (crate::frontier::verdict(&estimate.verdict)) }
                        }
                    }
                },
            ))
        }
    }
}

fn lifts(added: &[(String, String, Lift)]) -> Markup {
    let times =
        |multiple: Option<f64>| multiple.map_or_else(|| "unknown".to_owned(), |multiple| format!("{multiple:.1}x"));
    html! {
        h2 { "What a dearer arm adds, on the labels" }
        @if added.is_empty() { p { "No label has grades for two arms yet." } } @else {
            (layout::table(
                &["From, to", "#Labels", "Quality added", "Cost", "Time", "#Dollars for one more right answer",
                 "Verdict"],
                &html! {
                    @for (from, to, lift) in added {
                        tr {
                            td { (from) " → " (to) } td.number { (lift.requests) }
                            td { (format!("{:+.3} [{:+.3}, {:+.3}]", lift.delta, lift.delta_ci[0], lift.delta_ci[1])) }
                            td { (times(lift.cost_multiple)) } td { (times(lift.latency_multiple)) }
                            td.number { (lift.usd_per_right_answer.map_or("–".to_owned(), |usd| format!("{usd:.5}"))) }
                            td.wide { (lift.verdict.describe()) }
                        }
                    }
                },
            ))
        }
    }
}

fn section(task: &str, standing: &Standing, shadow: Option<&Shadow>) -> Markup {
    html! {
        section id=(format!("task-{task}")) {
            h2 { code { "task/" (task) } }
            (standing_of(task, standing))
            @if let Some(shadow) = shadow { p { (told(shadow)) } }
            p {
                a href=(format!("/console/objectives/{}", format::encode(task))) {
                    "What other rungs and dearer arms would be worth"
                }
            }
        }
    }
}

fn standing_of(task: &str, standing: &Standing) -> Markup {
    let plan = &standing.plan;
    let [evidence, needed] = standing.evidence;
    html! {
        p { strong { (standing.phase.as_str()) ": " (standing.next_step) } }
        table.told {
            tr { th { "asked for" } td {
                "quality at least " (plan.floor) " of " code { (plan.reference) } " at " (percent(plan.confidence)) " confidence"
            } }
            tr { th { "candidates" } td { (plan.candidates.join(", ")) } }
            @if let Some(alarm) = standing.alarm {
                tr { th { "disarmed" } td { (alarm.describe()) } }
            }
            @if !standing.arms.is_empty() {
                tr { th { "order" } td { (standing.arms.join(" → ")) } }
                tr { th { "policy" } td { code { (standing.version) } ", rung " (standing.rung) " of " (standing.rungs) } }
            }
            tr { th { "labels" } td { (standing.fitted_on) " fitted the router, " (standing.proved_on) " since" } }
            tr { th { "evidence" } td {
                meter min="0" max=(needed) value=(format!("{:.3}", evidence.min(needed))) {}
                " " (format!("{evidence:.2} of {needed:.2}"))
                @if standing.phase == Phase::Armed { " towards the next rung" }
            } }
            @if standing.phase == Phase::Armed {
                tr { th { "quality" } td { @match standing.relative_quality {
                    Some(quality) => (format!("{quality:.3} of the reference on the labels")),
                    None => "unknown",
                } } }
                tr { th { "cost" } td { @match standing.relative_cost {
                    Some(cost) => (format!("{cost:.3} of the reference: {} saved", percent(1.0 - cost))),
                    None if standing.proved_cost.is_some() => "that of the reference, which answers everything",
                    None => "a price is unknown, so no saving is claimed",
                } } }
                tr { th { "fell short" } td { (standing.fell_short[0]) " of " (standing.fell_short[1]) " labels since it was armed" } }
            }
        }
        @if let Some(own) = &standing.streams { (streams(own)) }
        @if !standing.signals.is_empty() { (signals(&standing.signals)) }
        p { a href=(format!("/console/requests?task={}", format::encode(task))) { "Requests of this task" } }
    }
}

/// The policy of streamed requests, which cannot be looked at before they are released.
fn streams(own: &Standing) -> Markup {
    let told = |share: Option<f64>| share.map_or_else(|| "unknown".to_owned(), |share| format!("{share:.3}"));
    html! {
        h3 { "Streams: a policy that looks at the prompt alone · " (own.phase.as_str()) }
        p { (own.next_step) }
        table.told {
            tr { th { "policy" } td { code { (own.version) } ", rung " (own.rung) " of " (own.rungs) } }
            tr { th { "evidence" } td { (format!("{:.2} of {:.2}", own.evidence[0], own.evidence[1])) } }
            @if own.phase == Phase::Armed {
                tr { th { "quality" } td { (told(own.relative_quality)) " of the reference on the labels" } }
                tr { th { "cost" } td { (told(own.relative_cost)) " of the reference" } }
                tr { th { "fell short" } td { (own.fell_short[0]) " of " (own.fell_short[1]) " labels since it was armed" } }
            }
        }
    }
}

/// What each signal has been worth: a signal that says nothing has the same share on both sides.
fn signals(signals: &[Signal]) -> Markup {
    let told = |[right, of]: [u64; 2]| {
        let interval = wilson(right, of, 0.95);
        if of == 0 { "–".to_owned() } else { format!("{right} of {of} [{:.2}, {:.2}]", interval.low, interval.high) }
    };
    html! {
        h3 { "What each signal has been worth" }
        (layout::table(
            &["Signal, on the labels", "Right where it speaks for", "Right where it speaks against"],
            &html! {
                @for signal in signals {
                    tr { td { (signal.name) } td { (told(signal.spoke_for)) } td { (told(signal.spoke_against)) } }
                }
            },
        ))
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shadow_calls_cost_is_told_with_what_of_it_is_unknown() {
        let shadow = Shadow { calls: 39, unknown: 0, booked: Usd::from_nanos(12_000_000) };
        assert!(
            told(&shadow).starts_with("Shadow calls today (UTC): 39 by this gateway since its start; $0.012 booked")
        );
        assert!(told(&Shadow { unknown: 3, ..shadow }).contains("start, 3 of them of unknown cost; $"));
    }
}
