//! The run as a table of at most 80 columns: one block a scenario, one line a gateway.

use serde_json::Value;

/// Prints the run.
pub(super) fn print(run: &Value, json: bool) {
    if json {
        println!("{run:#}");
        return;
    }
    let peers: Vec<&Value> = run.get("peers").and_then(Value::as_array).into_iter().flatten().collect();
    let names: Vec<&str> = peers.iter().filter_map(|peer| peer.get("name")?.as_str()).collect();
    for scenario in run.get("scenarios").and_then(Value::as_array).into_iter().flatten() {
        let title = scenario.get("name").and_then(Value::as_str).unwrap_or_default();
        println!("{title:26}{:>10}{:>10}{:>10}{:>11}{:>12}", "p50 us", "p99 us", "first us", "CPU us", "requests/s");
        let direct = scenario.get("direct");
        println!("{}", line("  direct", direct, None));
        for name in &names {
            println!("{}", line(&format!("  {name}, added"), scenario.get(name), direct));
        }
    }
    println!("{:26}{:>10}", "memory at the end", "MB");
    for peer in &peers {
        let text = |key: &str| peer.get(key).and_then(Value::as_str).unwrap_or_default();
        let megabytes = peer.get("memory_kb").and_then(Value::as_f64).map(|kb| format!("{:.0}", kb / 1024.0));
        println!("  {:24}{:>10}", text("name"), megabytes.unwrap_or_else(|| "-".to_owned()));
    }
    for peer in &peers {
        let text = |key: &str| peer.get(key).and_then(Value::as_str).unwrap_or_default();
        println!("{} {}: {}\n  records: {}", text("name"), text("version"), text("settings"), text("records"));
        let counted = |of: &str| peer.pointer(&format!("/counted/{of}")).and_then(Value::as_u64);
        if let (Some(written), Some(lost)) = (counted("written"), counted("lost")) {
            println!("  of its records {written} were written and {lost} dropped under the largest loads");
        }
        if !text("failure").is_empty() {
            println!("  failed: {}", text("failure"));
        }
    }
}

fn line(name: &str, figures: Option<&Value>, base: Option<&Value>) -> String {
    let Some(figures) = figures else { return format!("{name:26}  did not start, see below") };
    if let Some(failure) = figures.get("failure").and_then(Value::as_str) {
        return format!("{name:26}  failed: {}", failure.lines().last().unwrap_or_default());
    }
    let number = |value: Option<&Value>, key: &str| value.and_then(|value| value.get(key)).and_then(Value::as_f64);
    let beyond = |key: &str| number(Some(figures), key).map(|own| own - number(base, key).unwrap_or(0.0));
    let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"));
    format!(
        "{name:26}{:>10}{:>10}{:>10}{:>11}{:>12}",
        shown(beyond("us_p50")),
        shown(beyond("us_p99")),
        shown(beyond("first_us_p50")),
        shown(number(Some(figures), "cpu_us_a_request")),
        shown(rate(figures)),
    )
}

/// The median of the rounds.
fn rate(figures: &Value) -> Option<f64> {
    let rounds = figures.get("requests_a_second_of_each_round")?.as_array()?;
    let mut rates: Vec<f64> = rounds.iter().filter_map(Value::as_f64).collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::line;

    #[test]
    fn what_a_gateway_adds_stands_above_the_provider_itself_and_a_failure_in_its_place() {
        let direct = json!({"us_p50": 100.0, "us_p99": 200.0, "first_us_p50": 90.0});
        let own = json!({"us_p50": 180.0, "us_p99": 310.0, "first_us_p50": 150.0, "cpu_us_a_request": 70.0,
            "requests_a_second_of_each_round": [5.0, 9.0, 7.0]});
        let words = line("x", Some(&own), Some(&direct));
        assert_eq!(words.split_whitespace().collect::<Vec<_>>(), ["x", "80", "110", "60", "70", "7"]);
        let failed = json!({"failure": "drive failed\nHTTP 500"});
        assert!(line("x", Some(&failed), Some(&direct)).ends_with("failed: HTTP 500"));
    }
}
