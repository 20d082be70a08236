//! The `route` commands over the real binary and the recordings that ship with the project.

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
}
