//! Writes the sets: generated from sound documents with a seed, each document in one half only.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};
use steersman_structured::Document;

use crate::case::Case;
use crate::drift::{DRIFTS, REFUSALS, drifted, seedling};
use crate::mutate::{CLASSES, Spots};
use crate::random::Random;

/// Which documents a set is made from. Nothing is ever tuned on the final half.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Development,
    Final,
}

/// So many rounds of damage over each document, and of drift over each schema.
const ROUNDS: usize = 2;
const DRIFT_CASES: usize = 2_000;
const BRACKET_ROUNDS: usize = 9;
const VALID: usize = 30_000;

pub(crate) fn emit(documents: &Path, suite: &Path, half: Half, seed: u64, folder: &Path) {
    let all: Vec<Value> = lines(documents).into_iter().map(|mut row| row["document"].take()).collect();
    let own = |i: &usize| i.is_multiple_of(2) == (half == Half::Development);
    let documents: Vec<&Value> = (0..all.len()).filter(own).map(|i| &all[i]).collect();
    let mut random = Random::new(seed ^ if half == Half::Final { 0x5eed } else { 0 });
    std::fs::create_dir_all(folder).expect("a folder for the sets");
    write(&folder.join("syntax.jsonl"), &syntax(&documents, &mut random));
    write(&folder.join("bracket.jsonl"), &brackets(&documents, &mut random));
    write(&folder.join("drift.jsonl"), &drift(&documents, DRIFTS, true, DRIFT_CASES, &mut random));
    write(&folder.join("must_refuse.jsonl"), &drift(&documents, REFUSALS, false, DRIFT_CASES / 2, &mut random));
    write(&folder.join("valid.jsonl"), &valid(&documents, suite, &mut random));
}

pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn write(path: &Path, cases: &[Case]) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).expect("a file for a set"));
    for case in cases {
        writeln!(file, "{}", serde_json::to_string(case).expect("a case is JSON")).expect("the disk takes it");
    }
}

/// As programs and models print: compact, pretty, or with spaces between the parts.
fn printed(document: &Value, random: &mut Random) -> String {
    match random.below(3) {
        0 => document.to_string(),
        1 => format!("{document:#}"),
        _ => spaced(document),
    }
}

fn spaced(doc: &Value) -> String {
    match doc {
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members: Vec<_> =
                members.iter().map(|(k, v)| format!("{}: {}", Value::from(k.as_str()), spaced(v))).collect();
            format!("{{{}}}", members.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

fn syntax(documents: &[&Value], random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for document in documents.iter().cycle().take(documents.len() * ROUNDS) {
        let text = printed(document, random);
        let spots = Spots::of(&text);
        for (class, mutate) in CLASSES.iter().filter(|(class, _)| *class != "missing_inner_bracket") {
            let Some(damaged) = mutate(&text, &spots, random) else { continue };
            if Document::parse(damaged.broken.as_str()).is_ok() {
                continue;
            }
            let meant = damaged.meant.as_deref().unwrap_or(&text);
            cases.push(Case {
                id: format!("{class}-{}", cases.len()),
                class: (*class).to_owned(),
                input: damaged.broken,
                schema: None,
                want: Some(serde_json::from_str(meant).expect("what was meant is JSON")),
                untouched: false,
            });
        }
    }
    cases
}

/// One bracket inside is missing, and a schema is there: one that closes every object and requires every member, one
/// that closes and requires little, one that does neither.
fn brackets(documents: &[&Value], random: &mut Random) -> Vec<Case> {
    let mutate = CLASSES.iter().find(|(class, _)| *class == "missing_inner_bracket").expect("a class").1;
    let mut cases = Vec::new();
    for round in 0..BRACKET_ROUNDS {
        for document in documents {
            let text = printed(document, random);
            let Some(damaged) = mutate(&text, &Spots::of(&text), random) else { continue };
            if Document::parse(damaged.broken.as_str()).is_ok() {
                continue;
            }
            let class = ["closed_required", "closed", "open"][round % 3];
            cases.push(Case {
                id: format!("{class}-{}", cases.len()),
                class: class.to_owned(),
                input: damaged.broken,
                schema: Some(inferred(document, class)),
                want: Some((*document).clone()),
                untouched: false,
            });
        }
    }
    cases
}

/// The schema of one document.
fn inferred(value: &Value, class: &str) -> Value {
    match value {
        Value::Object(map) => {
            let members: Map<String, Value> = map.iter().map(|(k, v)| (k.clone(), inferred(v, class))).collect();
            let mut out = json!({"type": "object", "properties": members});
            if class == "closed_required" {
                out["required"] = map.keys().cloned().collect();
            }
            if class != "open" {
                out["additionalProperties"] = json!(false);
            }
            out
        }
        Value::Array(items) => {
            let mut kinds: Vec<Value> = Vec::new();
            for item in items.iter().map(|item| inferred(item, class)) {
                if !kinds.contains(&item) {
                    kinds.push(item);
                }
            }
            match kinds.len() {
                0 => json!({"type": "array"}),
                1 => json!({"type": "array", "items": kinds[0]}),
                _ => json!({"type": "array", "items": {"anyOf": kinds}}),
            }
        }
        Value::String(_) => json!({"type": "string"}),
        Value::Number(_) => json!({"type": "number"}),
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Null => json!({"type": "null"}),
    }
}

fn drift(
    documents: &[&Value],
    kinds: &[(&str, crate::drift::Drift)],
    valued: bool,
    n: usize,
    random: &mut Random,
) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut tried = 0;
    while cases.len() < n && tried < n * 100 {
        tried += 1;
        let Some(seedling) = random.pick(documents).and_then(|d| seedling(d, random)) else { continue };
        let kind = &kinds[tried % kinds.len()];
        cases.extend(drifted(&seedling, kind, cases.len(), random).map(|mut case| {
            case.want = case.want.filter(|_| valued);
            case
        }));
    }
    cases
}

/// Sound texts: the documents in each spelling, the valid files of JSONTestSuite, and drawn values full of what looks
/// like damage inside strings.
fn valid(documents: &[&Value], suite: &Path, random: &mut Random) -> Vec<Case> {
    let mut texts: Vec<String> =
        lines(suite).iter().filter_map(|row| row["text"].as_str().map(str::to_owned)).collect();
    texts.extend(documents.iter().flat_map(|d| [d.to_string(), format!("{d:#}"), spaced(d)]));
    while texts.len() < VALID {
        let drawn = drawn(random, 0);
        texts.push(printed(&drawn, random));
    }
    let case = |(i, text): (usize, String)| Case {
        id: format!("valid-{i}"),
        class: "valid".to_owned(),
        input: text,
        schema: None,
        want: None,
        untouched: true,
    };
    texts.into_iter().enumerate().map(case).collect()
}

fn drawn(random: &mut Random, depth: usize) -> Value {
    const SCRAPS: [&str; 20] = [
        "```json",
        "{\"a\":1,}",
        "'single'",
        "// no comment",
        "None",
        "True",
        "...",
        "“smart”",
        "<think>",
        "a\nb",
        "\t",
        "\\d+",
        ",",
        "：",
        "```",
        "#",
        "/* */",
        "0x1F",
        "é",
        "\u{1f600}",
    ];
    match random.below(if depth < 4 { 7 } else { 5 }) {
        0 => Value::Null,
        1 => json!(random.below(2) == 0),
        2 => json!(random.next()),
        3 => json!(f64::from_bits(random.next() & 0x7fe0_0000_ffff_ffff | 0x3000_0000_0000_0000)),
        4 => json!((0..random.below(4)).filter_map(|_| random.pick(&SCRAPS).copied()).collect::<Vec<_>>().join(" ")),
        5 => Value::Array((0..random.below(5)).map(|_| drawn(random, depth + 1)).collect()),
        _ => Value::Object(
            (0..random.below(5))
                .map(|i| (format!("{}{i}", random.pick(&SCRAPS).map_or("k", |s| s)), drawn(random, depth + 1)))
                .collect(),
        ),
    }
}
