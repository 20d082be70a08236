//! The run as a table of at most 80 columns, each figure beside its bar.

use serde_json::Value;

/// Processor time a request, as a multiple of the floor's.
const MOST_CPU: f64 = 3.0;
/// Processor time a piece of a stream, as a multiple of the floor's.
const MOST_CPU_STREAMED: f64 = 1.1;
const MOST_MEMORY_KB: f64 = 100.0 * 1024.0;
const MOST_START_MS: f64 = 150.0;

/// Prints the run and gives what is over its bar.
pub(super) fn print(run: &Value, json: bool) -> Vec<String> {
    let mut over = Vec::new();
    let mut lines = vec![
        format!("{:24}{:^22}{:^20}{:>13}", "", "CPU us a request", "p50 us", "first us"),
        format!(
            "{:24}{:>7}{:>8}{:>7}{:>7}{:>7}{:>7}{:>13}",
            "", "floor", "gateway", "ratio", "direct", "floor", "added", "added"
        ),
    ];
    for scenario in run.get("scenarios").and_then(Value::as_array).into_iter().flatten() {
        lines.push(row(scenario, &mut over));
    }
    let figure = |path: &str| run.pointer(path).and_then(Value::as_f64);
    let mut single = |name: &str, value: Option<f64>, bar: f64, unit: &str, scale: f64| {
        let Some(value) = value else { return };
        if value > bar {
            over.push(name.to_owned());
        }
        lines.push(format!("{name:32}{:>9.1} {unit} (bar {:.0})", value / scale, bar / scale));
    };
    single("memory at its highest", figure("/memory/highest_kb"), MOST_MEMORY_KB, "MB", 1024.0);
    single("records lost", figure("/records/lost"), 0.0, "", 1.0);
    single("start to first answer", figure("/start_to_first_answer_ms/new_data"), MOST_START_MS, "ms", 1.0);
    single("the same, known data", figure("/start_to_first_answer_ms/known_data"), MOST_START_MS, "ms", 1.0);
    lines.push(match (figure("/instructions_a_request/floor"), figure("/instructions_a_request/gateway")) {
        (Some(floor), Some(gateway)) => format!(
            "instructions a request: floor {floor:.0}, gateway {gateway:.0}, ratio {:.2}",
            gateway / floor.max(1.0)
        ),
        _ => "instructions a request: not counted".to_owned(),
    });
    let text = |path: &str| run.pointer(path).and_then(Value::as_str).unwrap_or("unknown");
    lines.push(format!(
        "on {}, {} cores, load {} before; {}",
        text("/machine/processor"),
        figure("/machine/cores").unwrap_or(0.0),
        text("/machine/load_before"),
        text("/machine/rustc").split(" (").next().unwrap_or_default()
    ));
    if json {
        println!("{run:#}");
    } else {
        println!("{}", lines.join("\n"));
    }
    over
}

fn row(scenario: &Value, over: &mut Vec<String>) -> String {
    let figure = |target: &str, name: &str| {
        scenario.get(target).and_then(|target| target.get(name)).and_then(Value::as_f64).unwrap_or(0.0)
    };
    let (floor, gateway) = (figure("floor", "cpu_us_a_request"), figure("gateway", "cpu_us_a_request"));
    let ratio = gateway / floor.max(0.1);
    let streamed = scenario.get("streamed").and_then(Value::as_bool).unwrap_or(false);
    let name = scenario.get("name").and_then(Value::as_str).unwrap_or_default();
    if ratio > if streamed { MOST_CPU_STREAMED } else { MOST_CPU } {
        over.push(name.to_owned());
    }
    format!(
        "{name:24}{floor:>7.1}{gateway:>8.1}{ratio:>7.2}{:>7.0}{:>7.0}{:>7.0}{:>13.0}",
        figure("direct", "us_p50"),
        figure("floor", "us_p50"),
        figure("gateway", "us_p50") - figure("floor", "us_p50"),
        figure("gateway", "first_us_p50") - figure("floor", "first_us_p50"),
    )
}
