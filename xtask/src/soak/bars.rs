//! What a soak must end with.

use serde_json::{Map, Value, json};

/// Of the requests that were not left.
const LEAST_ANSWERED: f64 = 0.999;
/// Streams: a provider that breaks off after the first token cannot be replaced.
const LEAST_STREAMED: f64 = 0.99;
/// Memory at rest in the second half of the run beside the first: caches that are full by then do not grow.
const MOST_GROWTH: f64 = 1.10;
const GROWTH_SLACK_KB: f64 = 8.0 * 1024.0;
/// Tasks at rest that may come and go by themselves: timers of the pool, the care for keys and files.
const TASK_SLACK: f64 = 4.0;
const MOST_PAGE_MS: f64 = 50.0;

/// All parts together.
pub(super) fn sum(parts: &[Value]) -> Value {
    let mut kinds = Map::new();
    for (kind, came) in parts.iter().filter_map(|part| part.get("kinds")?.as_object()).flatten() {
        let row = kinds.entry(kind.clone()).or_insert_with(|| json!({ "sent": 0, "well": 0, "slowest_ms": 0.0 }));
        let add = |key: &str| number(row, key) + number(came, key);
        let (sent, well) = (add("sent") as u64, add("well") as u64);
        let slowest = number(row, "slowest_ms").max(number(came, "slowest_ms")).round();
        *row = json!({ "sent": sent, "well": well, "slowest_ms": slowest });
    }
    Value::Object(kinds)
}

/// Each bar that the run is over, in words.
pub(super) fn broken(run: &Value) -> Vec<String> {
    bars(run)
        .into_iter()
        .filter(|bar| !bar.kept)
        .map(|bar| format!("{} ({}, bar {})", bar.name, bar.found, bar.wanted))
        .collect()
}

/// The run as a table.
pub(super) fn table(run: &Value) -> Vec<String> {
    let mut lines = vec![format!("{:46}{:>16}{:>16}", "", "found", "bar")];
    for bar in bars(run) {
        let mark = if bar.kept { "" } else { " !" };
        lines.push(format!("{:46}{:>16}{:>16}{mark}", bar.name, bar.found, bar.wanted));
    }
    lines
}

struct Bar {
    name: String,
    found: String,
    wanted: String,
    kept: bool,
}

fn bars(run: &Value) -> Vec<Bar> {
    let mut bars = traffic(run);
    let rests: Vec<&Value> =
        run.get("at_rest_after_each_tenth").and_then(Value::as_array).into_iter().flatten().collect();
    let column = |key: &str| rests.iter().map(|rest| number(rest, key)).collect::<Vec<_>>();
    let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let halves = |key: &str| {
        let values = column(key);
        let (first, second) = values.split_at(values.len() / 2);
        (most(first), most(second))
    };
    let (before, after) = halves("memory_kb");
    let allowed = before * MOST_GROWTH + GROWTH_SLACK_KB;
    bars.push(bar("memory at rest, second half, MB", after / 1024.0, allowed / 1024.0));
    let (before, after) = halves("tasks");
    bars.push(bar("tasks at rest, second half", after, before + TASK_SLACK));
    bars.push(bar("connections of clients at rest", most(&column("inbound")), 0.0));
    let limit = number(run, "retention_mb");
    bars.push(bar("store, MB", most(&column("store_bytes")) / 1_048_576.0, limit));
    let lost = run.pointer("/health_at_the_end/records/lost").and_then(Value::as_f64).unwrap_or(f64::NAN);
    bars.push(bar("records lost", lost, 0.0));
    let recorded = run.pointer("/health_at_the_end/records/accepted").and_then(Value::as_f64).unwrap_or(0.0);
    let missing = sent(run, |_| true) - sent(run, |kind| kind.ends_with("left")) - recorded;
    bars.push(bar("requests without a record", missing.max(0.0), 0.0));
    for (page, slowest) in run.get("page_ms").and_then(Value::as_object).into_iter().flatten() {
        bars.push(bar(&format!("{page}, slowest of 20, ms"), slowest.as_f64().unwrap_or(f64::NAN), MOST_PAGE_MS));
    }
    let budgets: Vec<&Value> =
        run.get("budgets_after_a_restart").and_then(Value::as_array).into_iter().flatten().collect();
    let held: f64 = budgets.iter().map(|budget| number(budget, "held") / 1e9).sum();
    bars.push(bar("reserved after all has ended, USD", held, 0.0));
    let spent: f64 = budgets.iter().map(|budget| number(budget, "spent") / 1e9).sum();
    bars.push(Bar {
        name: "spent, USD".to_owned(),
        found: format!("{spent:.4}"),
        wanted: "> 0".to_owned(),
        kept: spent > 0.0,
    });
    bars
}

fn traffic(run: &Value) -> Vec<Bar> {
    let mut bars = Vec::new();
    for (kind, came) in run.get("traffic").and_then(Value::as_object).into_iter().flatten() {
        let (sent, well) = (number(came, "sent"), number(came, "well"));
        let least = match kind.as_str() {
            // Those that leave may find their answer there already.
            "request left" | "stream left" => 0.0,
            "stream" => LEAST_STREAMED,
            "nonsense" => 1.0,
            _ => LEAST_ANSWERED,
        };
        let share = well / sent.max(1.0);
        bars.push(Bar {
            name: format!("{kind}: as it should be, of {sent:.0}"),
            found: format!("{:.3} %", share * 100.0),
            wanted: format!("{:.1} %", least * 100.0),
            kept: share >= least,
        });
    }
    bars
}

fn sent(run: &Value, wanted: impl Fn(&str) -> bool) -> f64 {
    let kinds = run.get("traffic").and_then(Value::as_object).into_iter().flatten();
    kinds.filter(|(kind, _)| wanted(kind)).map(|(_, came)| number(came, "sent")).sum()
}

/// A figure that must not be above its bar.
fn bar(name: &str, found: f64, most: f64) -> Bar {
    let shown = |value: f64| if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    Bar { name: name.to_owned(), found: shown(found), wanted: shown(most), kept: found <= most }
}

fn number(row: &Value, key: &str) -> f64 {
    row.get(key).and_then(Value::as_f64).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{broken, sum};

    fn run(memory_kb: u64, inbound: u64, held: f64) -> serde_json::Value {
        let came = sum(&[
            json!({ "kinds": { "whole": { "sent": 600, "well": 600, "slowest_ms": 3.0 } } }),
            json!({ "kinds": { "whole": { "sent": 400, "well": 400, "slowest_ms": 9.0 } } }),
        ]);
        assert_eq!(came, json!({ "whole": { "sent": 1000, "well": 1000, "slowest_ms": 9.0 } }));
        let rest = |memory_kb: u64| json!({ "memory_kb": memory_kb, "tasks": 9, "inbound": inbound, "store_bytes": 1 });
        json!({
            "traffic": came, "at_rest_after_each_tenth": [rest(50_000), rest(memory_kb)], "retention_mb": 16,
            "health_at_the_end": { "records": { "lost": 0, "accepted": 1000 } }, "page_ms": { "/console": 4.0 },
            "budgets_after_a_restart": [{ "held": held * 1e9, "spent": 1e9 }],
        })
    }

    #[test]
    fn growth_a_connection_that_stands_and_a_reservation_are_each_over_the_bar() {
        assert_eq!(broken(&run(51_000, 0, 0.0)), Vec::<String>::new());
        assert!(broken(&run(90_000, 0, 0.0)).join(" ").contains("memory"));
        assert!(broken(&run(51_000, 1, 0.0)).join(" ").contains("connections"));
        assert!(broken(&run(51_000, 0, 0.1)).join(" ").contains("reserved"));
    }
}
