//! A router's cost against its quality: what each rung did on rows it had not seen, beside what anybody could run.
//!
//! What never happens here: a point without its rows behind it, or a saving where a price is unknown.

use maud::{DOCTYPE, Markup, html};
use steersman_routing::{Estimate, Figures, OffPolicy, RouterFile, Verdict};

use crate::STYLE;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 52.0;
const FOOT: f64 = 40.0;
const EDGE: f64 = 14.0;

/// Where a figure stands in the drawing.
struct Plane {
    lowest: f64,
    highest: f64,
}

impl Plane {
    fn x(cost: f64) -> f64 {
        LEFT + (WIDTH - LEFT - EDGE) * cost.clamp(0.0, 1.1) / 1.1
    }

    fn y(&self, quality: f64) -> f64 {
        let share = (quality - self.lowest) / (self.highest - self.lowest).max(1e-9);
        HEIGHT - FOOT - (HEIGHT - FOOT - EDGE) * share.clamp(0.0, 1.0)
    }
}

/// The frontier as a drawing that stands alone.
#[must_use]
pub fn drawing(router: &RouterFile) -> Markup {
    let named = || std::iter::once(("policy", &router.report.policy)).chain(baselines(router));
    let qualities = || {
        let rungs = router.frontier.points.iter().map(|point| point.relative_quality);
        rungs.chain(named().map(|(_, figures)| figures.relative_quality))
    };
    let lowest = qualities().fold(router.report.plan.floor, f64::min);
    let plane = Plane { lowest: (lowest * 20.0).floor() / 20.0, highest: qualities().fold(1.0, f64::max) + 0.01 };
    let path: Vec<String> = router
        .frontier
        .points
        .iter()
        .map(|point| {
            format!("{},{}", coordinate(Plane::x(point.relative_cost)), coordinate(plane.y(point.relative_quality)))
        })
        .collect();
    let floor = plane.y(router.report.plan.floor);
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
            aria-label="Quality against cost, both relative to the reference" font-family="system-ui, sans-serif" font-size="11" {
            rect width=(WIDTH) height=(HEIGHT) fill="white" {}
            (axes(&plane))
            line x1=(LEFT) x2=(WIDTH - EDGE) y1=(coordinate(floor)) y2=(coordinate(floor)) stroke="#b3261e" stroke-dasharray="5 4" {}
            text x=(WIDTH - EDGE) y=(coordinate(floor - 4.0)) text-anchor="end" fill="#b3261e" { "floor " (router.report.plan.floor) }
            polyline points=(path.join(" ")) fill="none" stroke="#1a5fb4" stroke-width="2" {}
            @for (name, figures) in named() {
                @if let Some(cost) = figures.relative_cost {
                    (mark(&plane, name, cost, figures))
                }
            }
        }
    }
}

fn axes(plane: &Plane) -> Markup {
    let step = if plane.highest - plane.lowest > 0.4 { 0.1 } else { 0.05 };
    let mut levels = Vec::new();
    let mut level = plane.lowest;
    while level <= plane.highest + 1e-9 {
        levels.push(level);
        level += step;
    }
    html! {
        @for level in levels {
            @let y = coordinate(plane.y(level));
            line x1=(LEFT) x2=(WIDTH - EDGE) y1=(y) y2=(y) stroke="#ddd" {}
            text x=(LEFT - 6.0) y=(y) dy="4" text-anchor="end" fill="#555" { (format!("{level:.2}")) }
        }
        @for tenth in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
            @let x = coordinate(Plane::x(tenth));
            line x1=(x) x2=(x) y1=(EDGE) y2=(HEIGHT - FOOT) stroke="#eee" {}
            text x=(x) y=(HEIGHT - FOOT + 15.0) text-anchor="middle" fill="#555" { (format!("{tenth:.1}")) }
        }
        text x=((LEFT + WIDTH - EDGE) / 2.0) y=(HEIGHT - 8.0) text-anchor="middle" fill="#333" { "cost, relative to the reference" }
        text transform=(format!("translate(13 {}) rotate(-90)", (HEIGHT - FOOT) / 2.0)) text-anchor="middle" fill="#333" { "quality, relative to the reference" }
    }
}

fn mark(plane: &Plane, name: &str, cost: f64, figures: &Figures) -> Markup {
    let (x, y) = (Plane::x(cost), plane.y(figures.relative_quality));
    let [low, high] = figures.relative_quality_ci.map(|end| plane.y(end));
    let colour = if name == "policy" { "#1a5fb4" } else { "#666" };
    let (anchor, shift) = if x > WIDTH - 110.0 { ("end", -7.0) } else { ("start", 7.0) };
    html! {
        line x1=(coordinate(x)) x2=(coordinate(x)) y1=(coordinate(low)) y2=(coordinate(high)) stroke=(colour) stroke-opacity="0.5" {}
        circle cx=(coordinate(x)) cy=(coordinate(y)) r=(if name == "policy" { 5 } else { 3 }) fill=(colour) {
            title { (name) ": quality " (format!("{:.3}", figures.relative_quality)) ", cost " (format!("{cost:.3}")) }
        }
        text x=(coordinate(x + shift)) y=(coordinate(y)) dy="4" text-anchor=(anchor) fill=(colour) { (name.replace('_', " ")) }
    }
}

fn baselines(router: &RouterFile) -> impl Iterator<Item = (&str, &Figures)> {
    router.report.baselines.iter().map(|(name, figures)| (name.as_str(), figures))
}

/// The whole report as a page that stands alone.
#[must_use]
pub fn report(router: &RouterFile, log: Option<&OffPolicy>) -> Markup {
    let plan = &router.report.plan;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Router " (short(&router.hash)) }
                style { (STYLE) }
            }
            body { main {
                h1 { "Router " (short(&router.hash)) }
                p {
                    "Quality at least " (plan.floor) " of " code { (plan.reference) } ", at confidence " (plan.confidence)
                    ". Rung " (router.report.rung) " of " (router.report.rungs) "; " (router.report.rows[2])
                    " rows give these figures, none of which the router or the bound has seen."
                }
                (drawing(router))
                (table(router))
                @if let Some(log) = log { (off_policy(log)) }
                h2 { "Lineage" }
                table {
                    tr { th { "source" } td { (router.lineage.source) } }
                    tr { th { "recording" } td { code { (router.lineage.recording) } } }
                    tr { th { "replaces" } td { (router.lineage.parent.as_deref().unwrap_or("none")) } }
                    tr { th { "hash" } td { code { (router.hash) } } }
                    tr { th { "fitted by" } td { "steersman " (router.lineage.fitted_by) } }
                }
            } }
        }
    }
}

/// What the log of served requests says of it.
fn off_policy(log: &OffPolicy) -> Markup {
    let told = |Estimate { value, ci: [low, high] }: Estimate| format!("{value:.3} [{low:.3}, {high:.3}]");
    html! {
        h2 { "Beside the policy in force" }
        p { strong { (verdict(&log.verdict)) } }
        table {
            tr { th { "graded decisions" } td { (log.requests) ", which count for " (format!("{:.0}", log.effective)) } }
            tr { th { "of its decisions, in the log" } td { (format!("{:.0} %", log.covered * 100.0)) } }
            tr { th { "quality in force" } td { (told(log.in_force)) } }
            tr { th { "its quality, doubly robust" } td { (told(log.doubly_robust)) } }
            tr { th { "its quality, by propensity alone" } td { (told(log.ips)) } }
            tr { th { "change of quality" } td { (told(log.change)) } }
            tr { th { "its cost, as a share" } td { @match log.cost_ratio {
                Some(ratio) => (told(ratio)),
                None => "a price is unknown",
            } } }
        }
    }
}

/// The verdict, in words.
#[must_use]
pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::NotEnoughEvidence { why } => format!("not enough evidence: {why}"),
        Verdict::Better => "its answers are better".to_owned(),
        Verdict::Worse => "its answers are worse".to_owned(),
        Verdict::NoDifferenceShown => "no difference in quality is shown".to_owned(),
    }
}

fn table(router: &RouterFile) -> Markup {
    let ranged = |value: f64, [low, high]: [f64; 2]| format!("{value:.3} [{low:.3}, {high:.3}]");
    html! {
        table {
            thead { tr { th { "policy" } th { "quality" } th { "cost" } th { "escalated" } th { "missed the floor" } } }
            tbody {
                @for (name, figures) in std::iter::once(("policy", &router.report.policy)).chain(baselines(router)) {
                    tr {
                        td { (name.replace('_', " ")) }
                        td { (ranged(figures.relative_quality, figures.relative_quality_ci)) }
                        td { @match figures.relative_cost.zip(figures.relative_cost_ci) {
                            Some((value, ends)) => (ranged(value, ends)),
                            None => "unknown",
                        } }
                        td { (ranged(figures.escalated, figures.escalated_ci)) }
                        td { @match figures.miss_rate.zip(figures.miss_rate_ci) {
                            Some((value, ends)) => (ranged(value, ends)),
                            None => "-",
                        } }
                    }
                }
            }
        }
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn coordinate(value: f64) -> String {
    format!("{value:.1}")
}
