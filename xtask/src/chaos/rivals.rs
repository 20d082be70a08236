//! The rivals of the chaos matrix: agents on other stacks as workers of the same program, beside the same sink.
//!
//! A rival keeps what its own stack keeps, and is killed where every stack can be: before a send, after its answer, and
//! at any moment. One that cannot be built is a row that says why.

use std::path::Path;

use serde_json::{Value, json};

use crate::{Failure, house, setup};

const PYTHON: &[&str] = &["openai-agents==0.24.0"];
const RUST: &str = "[package]\nname = \"rival\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
    agent-effects = \"=0.2.0\"\nagent-effects-sqlite = \"=0.2.0\"\nfutures-util = \"0.3\"\nserde_json = \"1\"\n\
    tokio = { version = \"1\", features = [\"macros\", \"rt\", \"net\", \"io-util\", \"time\"] }\n";

/// The words that start a worker; none for our own.
type Worker = Result<Vec<String>, Failure>;

/// How the table calls the agent of the command line.
pub(super) const NAMED: &str = "yours";

/// Every system of the table, with its worker.
fn systems(named: Option<&str>) -> Vec<(&'static str, Worker)> {
    if let Some(command) = named {
        let words = command.split_whitespace().map(str::to_owned).collect();
        return vec![("steersman", Ok(Vec::new())), (NAMED, Ok(words))];
    }
    let sources = house::root().join("xtask/src/chaos");
    vec![
        ("steersman", Ok(Vec::new())),
        ("openai-agents 0.24.0", agents_sdk(&sources)),
        ("agent-effects 0.2.0", agent_effects(&sources)),
        ("loop with retries", Ok(vec!["python3".to_owned(), word(&sources.join("example_worker.py"))])),
    ]
}

fn word(path: &Path) -> String {
    path.display().to_string()
}

fn agents_sdk(sources: &Path) -> Worker {
    let python = setup::environment("rivals-agents", PYTHON)?.join("bin/python");
    Ok(vec![word(&python), word(&sources.join("agents_sdk.py"))])
}

/// A package of its own, so that it stays out of the lock file.
fn agent_effects(sources: &Path) -> Worker {
    let folder = house::target("setup/rivals-effects");
    std::fs::create_dir_all(folder.join("src"))?;
    std::fs::write(folder.join("Cargo.toml"), RUST)?;
    std::fs::copy(sources.join("agent_effects.rs.txt"), folder.join("src/main.rs"))?;
    let mut cargo = house::cargo();
    cargo.current_dir(&folder).args(["build", "--release", "--quiet", "--target-dir", "target"]);
    house::output(&mut cargo)?;
    Ok(vec![word(&folder.join("target/release/rival"))])
}

/// Runs every system over the scenarios that all of them can take part in. Gives one row a cell, with its system.
pub(super) fn run(seeds: u64, named: Option<&str>) -> Result<Value, Failure> {
    let mut rows = Vec::new();
    for (system, built) in systems(named) {
        let worker = match built {
            Ok(worker) => worker,
            Err(failure) => {
                rows.push(
                    json!({ "system": system, "name": "could not be built", "sink": "", "cause": failure.message() }),
                );
                continue;
            }
        };
        eprintln!("{system}");
        let words = json!(worker).to_string();
        let mut run = super::chaos_real(seeds, None, &[("CHAOS_WORKER", &words)])?;
        for cell in run.get_mut("scenarios").and_then(Value::as_array_mut).into_iter().flatten() {
            let mut cell = cell.take();
            if let Some(members) = cell.as_object_mut() {
                members.insert("system".to_owned(), json!(system));
            }
            rows.push(cell);
        }
    }
    Ok(Value::Array(rows))
}

/// A line a cell, 80 columns.
pub(super) fn table(rows: &Value) -> Vec<String> {
    let mut lines = vec![
        format!("{:22}{:30}{:>7}{:>6}{:>6}{:>6}", "system", "scenario", "sink", "twice", "lost", "unkn."),
        "-".repeat(80),
    ];
    for row in rows.as_array().into_iter().flatten() {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| row.get(name).and_then(Value::as_u64).unwrap_or(0);
        if let Some(cause) = row.get("cause").and_then(Value::as_str) {
            lines.push(format!("{:22}could not be built: {cause}", text("system")));
            continue;
        }
        lines.push(format!(
            "{:22}{:30.29}{:>7}{:>6}{:>6}{:>6}",
            text("system"),
            text("name"),
            text("sink"),
            number("duplicates"),
            number("silent_losses"),
            number("unknown")
        ));
    }
    lines.push("twice: effects that happened again; lost: what was told contradicts what happened".to_owned());
    lines
}
