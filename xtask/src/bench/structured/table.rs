//! The run as a table: our own rows first, then each rival's.

use serde_json::Value;

pub(super) fn print(run: &Value, as_json: bool) {
    if as_json {
        println!("{run}");
        return;
    }
    println!("{:<34} {:>7} {:>8} {:>8} {:>8} {:>8}", "", "n", "right %", "refused", "silent %", "us a doc");
    for set in ["syntax", "bracket", "drift", "must_refuse", "valid"].into_iter().chain(super::BLIND) {
        row(&format!("steersman, {set}"), at(run, &format!("/sets/{set}")));
    }
    for (name, sets) in at(run, "/rivals").as_object().into_iter().flatten() {
        let judged = sets.as_object().into_iter().flatten().filter(|(_, figures)| at(figures, "/all").is_object());
        for (set, figures) in judged {
            row(&format!("{name}, {set}"), figures);
        }
        // One cause keeps a rival from all its sets.
        if let Some(why) = sets.as_object().and_then(|sets| sets.values().find_map(|set| set.get("absent")?.as_str())) {
            println!("{name:<34} absent: {}", why.lines().next().unwrap_or_default());
        }
    }
    let (wrong, shown) = (at(run, "/previews/false"), at(run, "/previews/different_previews"));
    println!("previews: {wrong} false of {shown} over {} prefixes", at(run, "/previews/prefixes"));
    for (kind, seen) in at(run, "/previews/under_schemas").as_object().into_iter().flatten() {
        let (wrong, shown) = (at(seen, "/false"), at(seen, "/different_previews"));
        println!("  under schemas, {kind}: {wrong} false of {shown} over {} prefixes", at(seen, "/prefixes"));
    }
    for name in ["jiter-previews", "json_repair-previews"] {
        if let Some(percent) = at(run, &format!("/rivals/{name}/false_percent")).as_f64() {
            println!("  {name}: {percent:.2} % false");
        }
    }
    for limit in at(run, "/limits/rows").as_array().into_iter().flatten() {
        let text = at(limit, "/text").as_str().unwrap_or_default();
        let (ms, growth) = (number(limit, "/ms_a_megabyte"), number(limit, "/doubling"));
        println!("1 MB, {text:<28} {ms:>8.1} ms, x{growth:.1} for twice the text");
    }
    for (draft, figures) in at(run, "/schema_test_suite/drafts").as_object().into_iter().flatten() {
        println!("JSON-Schema-Test-Suite, {draft}: {} of {}", at(figures, "/right"), at(figures, "/n"));
    }
}

fn row(name: &str, figures: &Value) {
    println!(
        "{name:<34} {:>7} {:>8.2} {:>8} {:>8.2} {:>8.1}",
        number(figures, "/all/n"),
        number(figures, "/all/right_percent"),
        number(figures, "/all/refused"),
        number(figures, "/all/silently_wrong_percent"),
        number(figures, "/cpu/us_a_document"),
    );
}

fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn number(value: &Value, pointer: &str) -> f64 {
    at(value, pointer).as_f64().unwrap_or_default()
}
