//! The `route` commands over the real binary and the recordings that ship with the project.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/routing").join(name)
}

fn route(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_steersman")).arg("route").args(arguments).output().expect("the binary runs")
}

fn failure(arguments: &[&str]) -> String {
    let output = route(arguments);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).expect("UTF-8")
}

const REFERENCE: [&str; 4] =
    ["--reference", "o1-mini-2024-09-12", "--candidates", "gpt-4o-mini-2024-07-18,gemini-1.5-flash"];

#[test]
fn a_replay_prints_the_policy_beside_every_baseline() {
    let file = sample("gsm8k_cruxeval.sample.jsonl");
    let mut arguments =
        vec!["replay", file.to_str().unwrap(), "--floor", "0.9", "--confidence", "0.9", "--splits", "40", "--json"];
    arguments.extend(REFERENCE);
    let printed: Value = serde_json::from_slice(&route(&arguments).stdout).expect("JSON on stdout");
    let figures = ["relative_quality", "relative_cost", "escalated", "miss_rate"];
    let baselines = ["all_cheap", "random", "prompt_only", "validators_only", "best_fixed_arm", "oracle"];
    let policies = std::iter::once(&printed["policy"]).chain(baselines.iter().map(|name| &printed["baselines"][name]));
    for policy in policies {
        for figure in figures {
            let value = policy[figure].as_f64().unwrap_or_else(|| panic!("`{figure}` of {policy}"));
            let ends: Vec<f64> = serde_json::from_value(policy[format!("{figure}_ci")].clone()).unwrap();
            assert!(ends[0] <= value && value <= ends[1], "{figure}: {value} in {ends:?}");
        }
    }
    assert!(
        printed["policy"]["relative_quality"].as_f64() > printed["baselines"]["all_cheap"]["relative_quality"].as_f64()
    );
}

#[test]
fn an_arm_that_is_not_there_is_named_with_the_nearest_that_is() {
    let file = sample("gsm8k_cruxeval.sample.jsonl");
    let said =
        failure(&["replay", file.to_str().unwrap(), "--reference", "o1-mini", "--candidates", "gemini-1.5-flash"]);
    assert!(said.contains("no arm `o1-mini`") && said.contains("did you mean `o1-mini-2024-09-12`"), "{said}");
}

#[test]
fn a_line_that_is_no_request_is_named_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.jsonl");
    std::fs::write(&file, "{\"text\":\"x\",\"split\":\"test\",\"arms\":{}}\n{\"text\":\"y\",\"split\":\"test\"}\n")
        .unwrap();
    let said = failure(&["replay", file.to_str().unwrap(), "--reference", "a", "--candidates", "b"]);
    assert!(said.contains("line 2") && said.contains("missing field `arms`"), "{said}");
}

#[test]
fn a_fitted_router_is_a_file_that_draws_its_frontier_and_knows_when_it_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (router, page) = (folder.path().join("router.json"), folder.path().join("frontier.svg"));
    let file = sample("gsm8k_cruxeval.sample.jsonl");
    let mut arguments = vec!["fit", file.to_str().unwrap(), "--splits", "0", "--out", router.to_str().unwrap()];
    arguments.extend(REFERENCE);
    assert!(route(&arguments).status.success());
    let drawn = route(&["report", router.to_str().unwrap(), "--out", page.to_str().unwrap()]);
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    let svg = std::fs::read_to_string(&page).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("best fixed arm") && !svg.contains("NaN"));
    let text = std::fs::read_to_string(&router).unwrap();
    std::fs::write(&router, text.replacen("\"floor\":0.97", "\"floor\":0.9", 1)).unwrap();
    assert!(failure(&["report", router.to_str().unwrap()]).contains("has the hash"));
}

#[test]
fn a_router_is_estimated_from_decisions_of_another_policy_and_not_where_they_say_too_little() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (router, log, page) = (place("router.json"), place("log.jsonl"), place("page.html"));
    let file = sample("gsm8k_cruxeval.sample.jsonl");
    let mut arguments = vec!["fit", file.to_str().unwrap(), "--splits", "0", "--out", &router];
    arguments.extend(REFERENCE);
    assert!(route(&arguments).status.success());
    // Everything has gone to the reference.
    let served = serde_json::json!({ "asked": [REFERENCE[1]], "answered": REFERENCE[1], "propensity": 1.0 });
    let lines = std::fs::read_to_string(&file).unwrap();
    let lines = lines.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["served"] = served.clone();
        line.to_string() + "\n"
    });
    std::fs::write(&log, lines.collect::<String>()).unwrap();
    let told = |rung: &str| -> Value {
        let printed = route(&["report", &router, "--log", &log, "--rung", rung, "--json"]);
        serde_json::from_slice::<Value>(&printed.stdout).expect("JSON on stdout")["off_policy"].clone()
    };
    let same = told("0");
    assert_eq!((&same["verdict"]["kind"], &same["covered"]), (&"no_difference_shown".into(), &1.0.into()), "{same}");
    assert_eq!(same["in_force"]["value"], same["ips"]["value"], "{same}");
    let rungs =
        serde_json::from_str::<Value>(&std::fs::read_to_string(&router).unwrap()).unwrap()["report"]["rungs"].clone();
    let thrifty = told(&rungs.to_string());
    assert_eq!(thrifty["verdict"]["kind"], "not_enough_evidence", "{thrifty}");
    let printed = route(&["report", &router, "--log", &log, "--rung", "0", "--out", &page]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(
        printed.contains("change of quality") && printed.contains("no difference in quality is shown"),
        "{printed}"
    );
    assert!(std::fs::read_to_string(&page).unwrap().contains("Beside the policy in force"));
    let said = failure(&["report", &router, "--log", file.to_str().unwrap()]);
    assert!(said.contains("how it was served") && said.contains("decisions"), "{said}");
    let of_others = std::fs::read_to_string(&log).unwrap().replace(REFERENCE[1], "another");
    std::fs::write(&log, of_others).unwrap();
    let said = failure(&["report", &router, "--log", &log]);
    assert!(said.contains(&format!("says nothing of `{}`", REFERENCE[1])), "{said}");
}

/// A recording of 600 requests with these arms, as one who never read our documentation may write it.
fn odd(folder: &Path, name: &str, arms: impl Fn(usize) -> Value) -> String {
    const WORDS: [&str; 8] = ["where", "is", "my", "parcel", "refund", "late", "order", "please"];
    let line = |number: usize| {
        let words: Vec<&str> = (0..6).map(|place| WORDS[(number * 7 + place * place + number / 3) % 8]).collect();
        let text = format!("{} {number}", words.join(" "));
        serde_json::json!({ "id": number, "text": text, "group": number % 3, "arms": arms(number), "extra": [1] })
            .to_string()
    };
    let lines: Vec<String> = (0..600).map(line).collect();
    let path = folder.join(name);
    std::fs::write(&path, format!("\u{feff}{}\r\n", lines.join("\r\n"))).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn odd_recordings_replay_or_are_refused_in_words_that_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let replayed = |file: &str, reference: &str, candidates: &str| -> Value {
        let arguments =
            ["replay", file, "--reference", reference, "--candidates", candidates, "--splits", "20", "--json"];
        let printed = route(&arguments);
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        serde_json::from_slice(&printed.stdout).expect("JSON on stdout")
    };
    // Grades alone: no cost, answer or form is known of anything, and the names are no names of files.
    let bare = odd(
        folder.path(),
        "bare.jsonl",
        |n| serde_json::json!({ "Tiny / v1 \u{2603}": { "quality": n % 9 != 0 }, "huge": { "quality": n % 10 != 0 }, "unasked": null }),
    );
    let told = replayed(&bare, "huge", "Tiny / v1 \u{2603}");
    assert_eq!((&told["saving_claimed"], &told["policy"]["relative_cost"]), (&false.into(), &Value::Null), "{told}");
    assert!(told["baselines"]["all_cheap"]["relative_quality"].as_f64().is_some_and(|quality| quality > 0.8), "{told}");
    // A reference that costs less than its candidates: nothing is cheaper, and nothing is claimed.
    let upside_down = odd(folder.path(), "upside.jsonl", |n| {
        let arm =
            |right: bool, cost: f64| serde_json::json!({ "quality": f64::from(u8::from(right)), "cost_usd": cost });
        serde_json::json!({ "a": arm(n % 9 != 0, 0.01), "b": arm(n % 20 != 0, 0.02), "ref": arm(n % 10 != 0, 0.001) })
    });
    let told = replayed(&upside_down, "ref", "a,b");
    assert_eq!((&told["saving_claimed"], &told["policy"]["relative_cost"]), (&false.into(), &1.0.into()), "{told}");
    let said = String::from_utf8(
        route(&["replay", &upside_down, "--reference", "ref", "--candidates", "a,b", "--splits", "0"]).stdout,
    )
    .unwrap();
    assert!(said.contains("no policy over these candidates costs less than `ref`"), "{said}");
    let free = odd(folder.path(), "free.jsonl", |n| {
        let arm = |right: bool| serde_json::json!({ "quality": right, "cost_usd": 0 });
        serde_json::json!({ "a": arm(n % 9 != 0), "ref": arm(n % 10 != 0) })
    });
    let said = route(&["replay", &free, "--reference", "ref", "--candidates", "a", "--splits", "0"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("`ref` costs nothing") && !said.contains("NaN"), "{said}");
    // A price or an answer here and there: what is missing is unknown, and so is a saving.
    let patchy = odd(folder.path(), "patchy.jsonl", |n| {
        let cost = (n % 3 != 0).then_some(0.001);
        let big = (n % 4 != 0).then(|| serde_json::json!({ "quality": 1, "cost_usd": 0.02, "latency_ms": null }));
        serde_json::json!({ "a": { "quality": n % 30 != 0, "cost_usd": cost, "answer": null, "valid": null }, "b": big })
    });
    let told = replayed(&patchy, "b", "a");
    assert_eq!((&told["saving_claimed"], &told["policy"]["relative_cost"]), (&false.into(), &Value::Null), "{told}");
    let rows: Vec<u64> = serde_json::from_value(told["rows"].clone()).unwrap();
    assert_eq!(rows.iter().sum::<u64>(), 450, "requests that the reference did not answer compare nothing");
    let few = folder.path().join("few.jsonl");
    let lines = std::fs::read_to_string(&patchy).unwrap();
    std::fs::write(&few, lines.lines().take(60).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let said = failure(&["replay", few.to_str().unwrap(), "--reference", "b", "--candidates", "a"]);
    assert!(said.contains("at least 50 are needed") && said.contains("record more requests"), "{said}");
}
