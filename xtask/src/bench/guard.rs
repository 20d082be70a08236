//! `cargo xtask bench guard`: what the guard lets through, what it asks about, and how long a decision takes.
//!
//! The suites are those of `testdata/flow`; the attacker is `steersman guard attack`; the decision's time is measured
//! by the flow crate's own program with 200 turns and 1 MB folded. The final held-out suites are read for their totals
//! only.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::bench::{keep, machine, release};
use crate::task::{Task, parse};
use crate::{Failure, house};

pub(crate) static BENCH: Task = Task {
    name: "guard",
    about: "Recorded attacks, adaptive attacks and the time of a decision",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// Ten million adaptive sequences instead of a hundred thousand
    #[arg(long)]
    full: bool,
    /// Print the run as JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Folders below `testdata/flow`, and whether only the totals are kept.
const FOLDERS: &[(&str, bool)] = &[
    ("agentdojo", false),
    ("heldout_development", false),
    ("heldout_development_2", false),
    ("heldout_development_3", false),
    ("heldout_development_4", false),
    ("heldout_development_5", false),
    ("heldout_development_6", false),
    ("heldout_development_7", false),
    ("heldout_development_8", false),
    ("heldout_development_9", false),
    ("heldout_development_10", false),
    ("heldout_development_11", false),
    ("heldout_development_12", false),
    ("heldout_development_13", false),
    ("heldout_development_14", false),
    ("heldout_development_15", false),
    ("heldout_development_16", false),
    ("heldout_development_17", false),
    ("heldout_development_18", false),
    ("heldout_development_19", false),
    ("heldout_development_20", false),
    ("heldout_development_21", false),
    ("heldout_development_22", false),
    ("heldout_development_23", false),
    ("heldout_development_24", false),
    ("heldout_development_25", false),
    ("heldout_development_26", false),
    ("heldout_development_27", false),
    ("heldout_development_28", false),
    ("heldout_development_29", false),
    ("heldout_development_30", false),
    ("heldout_development_31", false),
    ("heldout_development_32", false),
    ("agentdojo_rest", false),
    ("agentdojo_twin", false),
    ("agentdojo_rest_twin", false),
    ("agentdojo_twin_2", false),
    ("agentdojo_rest_twin_2", false),
    ("agentdojo_twin_3", false),
    ("agentdojo_rest_twin_3", false),
    ("agentdojo_twin_4", false),
    ("agentdojo_rest_twin_4", false),
    ("agentdojo_rest_twin_5", false),
    ("agentdojo_twin_5", false),
    ("agentdojo_twin_6", false),
    ("agentdojo_twin_7", false),
    ("agentdojo_rest_twin_6", false),
    ("heldout_development_33", false),
    ("heldout_development_34", false),
    ("agentdojo_twin_8", false),
    ("agentdojo_rest_twin_7", false),
    ("agentdojo_twin_9", false),
    ("agentdojo_twin_10", false),
    ("agentdojo_twin_11", false),
    ("agentdojo_twin_12", false),
    ("agentdojo_rest_twin_8", false),
    ("heldout_development_35", false),
    ("heldout_development_36", false),
    ("values", true),
    ("heldout_final_2", true),
    ("heldout_final_4", true),
    ("heldout_final_5", true),
    ("heldout_final_6", true),
    ("heldout_final_7", true),
];

/// Sets of prompts in `testdata/flow/asked`.
const PROMPTS: &[&str] = &["office", "musichouse_learnt", "musichouse_unread", "orders_learnt", "orders_unread"];

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let steersman = release("steersman", "steersman")?;
    let example = ["build", "--release", "--package", "steersman-flow", "--example", "decision_bench"];
    house::run(house::cargo().args(example))?;
    let machine = machine::describe();
    let told = |words: &[&str]| -> Result<Value, Failure> {
        Ok(serde_json::from_str(&house::output(std::process::Command::new(&steersman).args(words))?)?)
    };
    let mut replays = Map::new();
    for (folder, totals_only) in FOLDERS {
        let place = house::root().join("testdata/flow").join(folder).display().to_string();
        let mut report = told(&["guard", "replay", &place, "--json"])?;
        if let (Some(report), true) = (report.as_object_mut(), totals_only) {
            report.retain(|key, _| key == "total");
        }
        replays.insert((*folder).to_owned(), report);
    }
    let mut asked = Map::new();
    for set in PROMPTS {
        let place = house::root().join(format!("testdata/flow/asked/{set}.json")).display().to_string();
        let mut report = told(&["guard", "asked", &place, "--json"])?;
        if let Some(report) = report.as_object_mut() {
            report.remove("findings");
        }
        asked.insert((*set).to_owned(), report);
    }
    let sequences = if arguments.full { "10000000" } else { "100000" };
    // It ends with an error where it wins, and then most of all the run is to be kept.
    let attack = ["guard", "attack", "--sequences", sequences, "--json"];
    let played = std::process::Command::new(&steersman).args(attack).output()?;
    let attack: Value = serde_json::from_slice(&played.stdout)?;
    let mut timer = std::process::Command::new(house::target("release/examples/decision_bench"));
    let decision: Value = serde_json::from_str(&house::output(&mut timer)?)?;
    let command = if arguments.full { "cargo xtask bench guard --full" } else { "cargo xtask bench guard" };
    let run = json!({
        "bench": "guard", "command": command, "machine": machine,
        "replay": replays, "asked": asked, "attack": attack, "decision": decision,
    });
    keep("guard", &run)?;
    if arguments.json {
        println!("{run:#}");
    } else {
        print(&run);
    }
    if played.status.success() {
        Ok(())
    } else {
        Err(Failure::new("the red team won: see `attack.examples` of the run"))
    }
}

fn print(run: &Value) {
    let whole = |place: &str| run.pointer(place).and_then(Value::as_u64).unwrap_or_default();
    println!("{:26}{:>8}{:>8}{:>8}{:>9}{:>8}", "", "benign", "asked", "pairs", "attacks", "writes");
    for (folder, _) in FOLDERS {
        let at = |key: &str| whole(&format!("/replay/{folder}/total/{key}"));
        println!(
            "{folder:26}{:>8}{:>8}{:>8}{:>9}{:>8}",
            format!("{}/{}", at("benign_allowed"), at("benign_tasks")),
            at("approvals"),
            at("pairs"),
            at("attacks_succeeded"),
            at("any_injected_write"),
        );
    }
    for set in PROMPTS {
        let at = |key: &str| whole(&format!("/asked/{set}/{key}"));
        println!(
            "prompts of {set}: {} of {} calls asked for let through, {} of {} not asked for",
            at("asked_allowed"),
            at("asked"),
            at("unasked_allowed"),
            at("unasked"),
        );
    }
    let (sequences, won) = (whole("/attack/sequences"), whole("/attack/violations") + whole("/attack/interferences"));
    println!("adaptive sequences {sequences}: {won} won (bar 0)");
    let time = |key: &str| run.pointer(&format!("/decision/{key}")).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let (p50, p99) = (time("decision_us_p50"), time("decision_us_p99"));
    println!("decision with 200 turns and 1 MB folded: median {p50:.1} us, 99th percentile {p99:.1} us (bar 50)");
}
