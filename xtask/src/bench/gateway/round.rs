//! One scenario over several rounds: each target in turn, the order rotated, and the medians of what came out.

use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::server::Server;
use crate::{Failure, house};

/// What is sent.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) requests: usize,
    pub(super) connections: usize,
    pub(super) bytes: usize,
    /// Requests a second, all connections together.
    pub(super) rate: Option<u32>,
    /// One body again and again.
    pub(super) same: bool,
    /// No part of a body was ever sent before.
    pub(super) new: bool,
    pub(super) answer: Answer,
}

/// How the answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// In one piece.
    Whole,
    /// As a stream without pauses.
    AtOnce,
    /// As a stream with 2 ms between its pieces.
    Paced,
}

impl Answer {
    /// The model that answers so.
    pub(super) const fn model(self) -> &'static str {
        match self {
            Self::Whole | Self::AtOnce => "canned",
            Self::Paced => "paced",
        }
    }
}

/// Whom it is sent to.
pub(super) struct Target<'s> {
    pub(super) name: &'static str,
    pub(super) address: &'s str,
    pub(super) process: &'s Server,
}

/// What one round of one target gave. Times are in microseconds.
struct Sample {
    cpu_a_request: f64,
    cpu_a_piece: f64,
    first_p50: f64,
    whole_p50: f64,
    whole_p99: f64,
    requests_a_second: f64,
}

/// Measures a scenario.
pub(super) fn measure(
    load: &Path,
    scenario: &Scenario,
    targets: &[Target<'_>],
    rounds: usize,
) -> Result<Value, Failure> {
    let warm_up = (scenario.requests / 10).max(scenario.connections);
    for target in targets {
        drive(load, scenario, target, warm_up)?;
    }
    let mut samples: Vec<Vec<Sample>> = targets.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for turn in 0..targets.len() {
            let at = (round + turn) % targets.len();
            if let (Some(target), Some(samples)) = (targets.get(at), samples.get_mut(at)) {
                samples.push(drive(load, scenario, target, scenario.requests)?);
            }
        }
    }
    let mut figures = Map::new();
    figures.insert("name".to_owned(), json!(scenario.name));
    figures.insert("streamed".to_owned(), json!(scenario.answer != Answer::Whole));
    for (target, samples) in targets.iter().zip(&samples) {
        figures.insert(target.name.to_owned(), summary(samples));
    }
    Ok(Value::Object(figures))
}

fn drive(load: &Path, scenario: &Scenario, target: &Target<'_>, requests: usize) -> Result<Sample, Failure> {
    let mut command = Command::new(load);
    command.args(["drive", target.address, "--requests", &requests.to_string()]);
    command.args(["--connections", &scenario.connections.to_string(), "--bytes", &scenario.bytes.to_string()]);
    command.args(["--model", scenario.answer.model()]);
    if scenario.answer != Answer::Whole {
        command.arg("--stream");
    }
    if let Some(rate) = scenario.rate {
        command.args(["--rate", &rate.to_string()]);
    }
    if scenario.same {
        command.arg("--same");
    }
    if scenario.new {
        command.arg("--new");
    }
    let before = target.process.cpu_ns();
    let said = house::output(&mut command).map_err(|failure| failure.while_doing(scenario.name))?;
    let cpu_us = target.process.cpu_ns().saturating_sub(before) as f64 / 1e3;
    let said: Value = serde_json::from_str(&said)?;
    let figure = |path: &str| said.pointer(path).and_then(Value::as_f64).unwrap_or(0.0);
    Ok(Sample {
        cpu_a_request: cpu_us / figure("/requests").max(1.0),
        cpu_a_piece: cpu_us / figure("/pieces").max(1.0),
        first_p50: figure("/first_us/p50"),
        whole_p50: figure("/whole_us/p50"),
        whole_p99: figure("/whole_us/p99"),
        requests_a_second: figure("/requests") / figure("/seconds").max(1e-9),
    })
}

fn summary(samples: &[Sample]) -> Value {
    let middle = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure).collect());
    let all: Vec<f64> = samples.iter().map(|sample| tenths(sample.cpu_a_request)).collect();
    json!({
        "cpu_us_a_request": middle(|sample| sample.cpu_a_request), "cpu_us_a_request_of_each_round": all,
        "cpu_us_a_piece": middle(|sample| sample.cpu_a_piece), "first_us_p50": middle(|sample| sample.first_p50),
        "us_p50": middle(|sample| sample.whole_p50), "us_p99": middle(|sample| sample.whole_p99),
        "requests_a_second": middle(|sample| sample.requests_a_second),
    })
}

/// The median, in tenths.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
    tenths(if values.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) })
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!([median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0]), median(vec![])], [2.0, 2.5, 0.0]);
    }
}
