//! Small charts as SVG: no script, readable by a screen reader through their title, coloured by the style sheet.

use maud::{Markup, html};

use crate::format;

/// The drawing's size in its own units; the style sheet scales it.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 140.0;
const FOOT: f64 = 18.0;
const HEAD: f64 = 14.0;

/// The axis of time that all charts of a page share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeAxis {
    /// Start of the first step.
    pub(crate) from_us: i64,
    /// Length of a step.
    pub(crate) step_us: i64,
    /// Number of steps.
    pub(crate) steps: u32,
}

impl TimeAxis {
    #[expect(clippy::cast_precision_loss, reason = "at most a thousand steps")]
    fn index(&self, at_us: i64) -> f64 {
        ((at_us - self.from_us) / self.step_us.max(1)) as f64
    }

    fn x(&self, at_us: i64) -> f64 {
        (self.index(at_us) + 0.5) * self.slot()
    }

    fn slot(&self) -> f64 {
        WIDTH / f64::from(self.steps.max(1))
    }

    fn ticks(&self) -> impl Iterator<Item = i64> + '_ {
        let every = self.steps.div_ceil(6).max(1);
        (0..self.steps).step_by(every as usize).map(|step| self.from_us + i64::from(step) * self.step_us)
    }
}

/// Bars over time, each with a part that is marked (errors among requests).
pub(crate) fn bars(title: &str, axis: TimeAxis, points: &[(i64, u64, u64)]) -> Markup {
    let top = points.iter().map(|(_, whole, _)| *whole).max().unwrap_or(0);
    let width = (axis.slot() * 0.8).min(24.0);
    let content = html! {
        @for (at, whole, marked) in points {
            @let x = axis.x(*at) - width / 2.0;
            (bar("bar", x, width, *whole, top, &format!("{}: {}", format::tick(*at, axis.step_us), format::count(*whole))))
            @if *marked > 0 {
                (bar("bar marked", x, width, *marked, top, &format!("{} of them errors", format::count(*marked))))
            }
        }
    };
    frame(title, axis, &format::count(top), &content)
}

fn bar(class: &str, x: f64, width: f64, value: u64, top: u64, label: &str) -> Markup {
    let height = ((HEIGHT - FOOT - HEAD) * ratio(value, top)).max(1.0);
    html! {
        rect class=(class) x=(coordinate(x)) y=(coordinate(HEIGHT - FOOT - height)) width=(coordinate(width))
            height=(coordinate(height)) { title { (label) } }
    }
}

/// Lines over time; a gap in a series breaks its line. Values are labelled by `show`.
pub(crate) fn lines(
    title: &str,
    axis: TimeAxis,
    series: &[(&str, Vec<(i64, u64)>)],
    show: impl Fn(u64) -> String,
) -> Markup {
    let top = series.iter().flat_map(|(_, points)| points.iter().map(|(_, value)| *value)).max().unwrap_or(0);
    let y = |value: u64| HEIGHT - FOOT - (HEIGHT - FOOT - HEAD) * ratio(value, top);
    let content = html! {
        @for (index, (name, points)) in series.iter().enumerate() {
            @for run in runs(points, axis.step_us) {
                polyline class=(format!("line line{index}")) points=(polyline(run, axis, y)) {}
            }
            @for (at, value) in points {
                circle class=(format!("dot line{index}")) cx=(coordinate(axis.x(*at))) cy=(coordinate(y(*value))) r="2.5" {
                    title { (name) " " (format::tick(*at, axis.step_us)) ": " (show(*value)) }
                }
            }
        }
        @for (index, (name, _)) in series.iter().enumerate() {
            text class=(format!("legend line{index}")) x=(coordinate(WIDTH - 4.0 - 44.0 * legend_slot(index, series.len()))) y="10" { (name) }
        }
    };
    frame(title, axis, &show(top), &content)
}

#[expect(clippy::cast_precision_loss, reason = "a handful of series")]
fn legend_slot(index: usize, all: usize) -> f64 {
    (all - index - 1) as f64
}

fn polyline(run: &[(i64, u64)], axis: TimeAxis, y: impl Fn(u64) -> f64) -> String {
    run.iter()
        .map(|(at, value)| format!("{},{}", coordinate(axis.x(*at)), coordinate(y(*value))))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The stretches of a series without a gap.
fn runs(points: &[(i64, u64)], step_us: i64) -> impl Iterator<Item = &[(i64, u64)]> {
    points.chunk_by(move |(a, _), (b, _)| b - a <= step_us)
}

fn frame(title: &str, axis: TimeAxis, top: &str, content: &Markup) -> Markup {
    html! {
        figure.chart {
            figcaption { (title) }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(title) {
                line.axis x1="0" x2=(WIDTH) y1=(HEIGHT - FOOT) y2=(HEIGHT - FOOT) {}
                line.grid x1="0" x2=(WIDTH) y1=(HEAD) y2=(HEAD) {}
                text.tick x="2" y=(HEAD - 4.0) { (top) }
                (content)
                @for at in axis.ticks() {
                    text.tick x=(coordinate(axis.x(at))) y=(HEIGHT - 4.0) text-anchor="middle" { (format::tick(at, axis.step_us)) }
                }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing needs no exact counts")]
fn ratio(value: u64, top: u64) -> f64 {
    if top == 0 { 0.0 } else { value as f64 / top as f64 }
}

fn coordinate(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXIS: TimeAxis = TimeAxis { from_us: 0, step_us: 60_000_000, steps: 10 };

    #[test]
    fn a_gap_breaks_the_line() {
        let points = vec![(0, 1), (60_000_000, 2), (240_000_000, 3)];
        assert_eq!(runs(&points, AXIS.step_us).map(<[_]>::len).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn an_empty_chart_is_still_a_chart() {
        let drawn = bars("Requests", AXIS, &[]).into_string();
        assert!(drawn.contains("<svg") && !drawn.contains("NaN"), "{drawn}");
    }
}
