//! Measures the parser and the alignment: right, refused, silently wrong, and the CPU it takes.
//!
//! `measure DOCUMENTS.jsonl [seed] [show]`. A refusal counts as right where two readings of the damaged text are
//! equally good, which is decided by brute force, without the parser's help.
#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a generator over its own sound documents"
)]

mod mutate;
mod random;

use mutate::{CLASSES, Spots};
use random::Random;
use std::collections::{BTreeMap, BTreeSet};
use steersman_structured::{Conditions, Document, Reading, read};

#[derive(Default)]
struct Tally {
    right: usize,
    refused_well: usize,
    refused: usize,
    wrong: usize,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let path = args.next().unwrap_or_else(|| "testdata/structured/documents.jsonl".to_owned());
    let seed: u64 = args.next().and_then(|s| s.parse().ok()).unwrap_or(1);
    let show: usize = args.next().and_then(|s| s.parse().ok()).unwrap_or(0);
    let only = args.next();
    let documents = documents(&path, seed);
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut random = Random::new(seed);
    for text in &documents {
        let spots = Spots::of(text);
        for (name, mutate) in CLASSES {
            let Some(case) = mutate(text, &spots, &mut random) else { continue };
            if only.as_deref().is_some_and(|o| o != *name) || Document::parse(case.broken.as_str()).is_ok() {
                continue;
            }
            judge(name, case.meant.as_deref().unwrap_or(text), &case.broken, show, tallies.entry(name).or_default());
        }
    }
    report(&tallies);
}

fn documents(path: &str, seed: u64) -> Vec<String> {
    let raw = std::fs::read_to_string(path).expect("a file of documents");
    let mut random = Random::new(seed ^ 77);
    raw.lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            let doc = &row["document"];
            match random.below(3) {
                0 => serde_json::to_string(doc).unwrap(),
                1 => serde_json::to_string_pretty(doc).unwrap(),
                _ => spaced(doc),
            }
        })
        .collect()
}

/// `", "` and `": "` between the parts, as Python writes.
fn spaced(doc: &serde_json::Value) -> String {
    use serde_json::Value;
    match doc {
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            format!(
                "{{{}}}",
                members
                    .iter()
                    .map(|(k, v)| format!("{}: {}", Value::from(k.as_str()), spaced(v)))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        scalar => scalar.to_string(),
    }
}

fn judge(name: &str, text: &str, broken: &str, show: usize, tally: &mut Tally) {
    let truth: serde_json::Value = serde_json::from_str(text).unwrap();
    let outcome = read(broken, None, Conditions::default());
    let verdict = match &outcome {
        Reading::Accepted(a) if serde_json::from_str::<serde_json::Value>(a.document().text()).unwrap() == truth => {
            tally.right += 1;
            return;
        }
        Reading::Accepted(_) => {
            tally.wrong += 1;
            "WRONG"
        }
        _ if several_readings(broken) => {
            tally.refused_well += 1;
            return;
        }
        _ => {
            tally.refused += 1;
            "refused"
        }
    };
    if tally.wrong + tally.refused <= show {
        let got = match &outcome {
            Reading::Accepted(a) => a.document().text().to_owned(),
            other => format!("{other:?}"),
        };
        println!("--- {name} {verdict}\n{broken}\n=> {}", &got.chars().take(700).collect::<String>());
    }
}

/// Whether inserting or dropping one bracket makes the text JSON in more than one way.
fn several_readings(broken: &str) -> bool {
    let mut values = BTreeSet::new();
    for at in (0..=broken.len()).filter(|&i| broken.is_char_boundary(i)) {
        for bracket in ["{", "}", "[", "]"] {
            let tried = format!("{}{bracket}{}", &broken[..at], &broken[at..]);
            if Document::parse(tried.as_str()).is_ok() {
                values.insert(serde_json::from_str::<serde_json::Value>(&tried).unwrap().to_string());
            }
        }
        if matches!(broken.as_bytes().get(at), Some(b'{' | b'}' | b'[' | b']')) {
            let tried = format!("{}{}", &broken[..at], &broken[at + 1..]);
            if Document::parse(tried.as_str()).is_ok() {
                values.insert(serde_json::from_str::<serde_json::Value>(&tried).unwrap().to_string());
            }
        }
    }
    values.len() > 1
}

fn report(tallies: &BTreeMap<&str, Tally>) {
    let mut sum = Tally::default();
    println!("{:<26}{:>7}{:>9}{:>11}{:>9}{:>7}", "class", "n", "right %", "ambiguous", "refused", "wrong");
    for (name, t) in tallies {
        line(name, t);
        sum.right += t.right;
        sum.refused_well += t.refused_well;
        sum.refused += t.refused;
        sum.wrong += t.wrong;
    }
    line("all", &sum);
}

fn line(name: &str, t: &Tally) {
    let n = t.right + t.refused_well + t.refused + t.wrong;
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let share = 100.0 * (t.right + t.refused_well) as f64 / n.max(1) as f64;
    println!("{name:<26}{n:>7}{share:>9.2}{:>11}{:>9}{:>7}", t.refused_well, t.refused, t.wrong);
}
