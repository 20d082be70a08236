//! Judges answers: right, refused, silently wrong, and the processor time of our own.
//!
//! Everyone is judged by the same pipeline: a value that does not satisfy the schema counts as a failure that was
//! noticed; one that does, or that has no schema, and is not what was meant is silently wrong. A refusal counts as
//! right where the damaged text has several readings that are equally near, which is decided by brute force.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use serde_json::{Value, json};
use steersman_structured::{CompiledSchema, Conditions, Document, Reading, read};

use crate::case::{Case, same};
use crate::clock::cpu_ns;

#[derive(Default, Clone, Copy)]
pub(crate) struct Tally {
    right: usize,
    refused_well: usize,
    refused: usize,
    wrong: usize,
}

impl Tally {
    fn n(self) -> usize {
        self.right + self.refused_well + self.refused + self.wrong
    }

    pub(crate) fn add(&mut self, verdict: &str) {
        match verdict {
            "right" => self.right += 1,
            "refused well" => self.refused_well += 1,
            "wrong" => self.wrong += 1,
            _ => self.refused += 1,
        }
    }

    pub(crate) fn figures(self) -> Value {
        #[expect(clippy::cast_precision_loss, reason = "counts are small")]
        let percent = |k: usize| 100.0 * k as f64 / self.n().max(1) as f64;
        json!({
            "n": self.n(), "right": self.right, "refused_ambiguous": self.refused_well, "refused": self.refused,
            "silently_wrong": self.wrong, "right_percent": percent(self.right + self.refused_well),
            "silently_wrong_percent": percent(self.wrong), "silently_wrong_percent_upper_95": self.upper(),
        })
    }

    /// Upper end of the 95 % Wilson interval of the silent share (Wilson, JASA 1927).
    fn upper(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts are small")]
        let (n, k) = (self.n().max(1) as f64, self.wrong as f64);
        let (z, p) = (1.96_f64, k / n);
        let centre = p + z * z / (2.0 * n);
        let margin = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        100.0 * (centre + margin) / (1.0 + z * z / n)
    }
}

/// What a tool said of one case.
enum Said {
    Value(Value),
    Nothing,
}

pub(crate) fn cases(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

struct Schemas(HashMap<String, CompiledSchema>);

impl Schemas {
    fn of(cases: &[Case]) -> Self {
        let texts: BTreeSet<String> = cases.iter().filter_map(|c| c.schema.as_ref()).map(Value::to_string).collect();
        let compile = |text: String| {
            let value = serde_json::from_str(&text).expect("a schema is JSON");
            (text, CompiledSchema::new(&value).expect("a schema of the sets compiles"))
        };
        Self(texts.into_iter().map(compile).collect())
    }

    fn get(&self, case: &Case) -> Option<&CompiledSchema> {
        self.0.get(&case.schema.as_ref()?.to_string())
    }
}

/// Our own answers, judged and timed.
pub(crate) fn ours(path: &Path, show: usize) -> Value {
    let cases = cases(path);
    let schemas = Schemas::of(&cases);
    let compiled: Vec<Option<&CompiledSchema>> = cases.iter().map(|case| schemas.get(case)).collect();
    let mut invalid_accepted = 0;
    let said = |index: usize, case: &Case| match read(&case.input, compiled[index], Conditions::default()) {
        Reading::Accepted(accepted) => {
            let text = accepted.document().text();
            if compiled[index].is_some_and(|schema| !schema.fits(accepted.document())) {
                invalid_accepted += 1;
            }
            if case.untouched && text != case.input {
                return Said::Value(json!({"touched": text}));
            }
            Said::Value(serde_json::from_str(text).unwrap_or(Value::Null))
        }
        _ => Said::Nothing,
    };
    let mut figures = tally(&cases, &schemas, said, show);
    figures["schema_invalid_accepted"] = json!(invalid_accepted);
    figures["cpu"] = timed(&cases, &compiled, 5);
    figures
}

/// Only the processor time of a set, over so many passes.
pub(crate) fn time(path: &Path, passes: usize) -> Value {
    let cases = cases(path);
    let schemas = Schemas::of(&cases);
    let compiled: Vec<Option<&CompiledSchema>> = cases.iter().map(|case| schemas.get(case)).collect();
    timed(&cases, &compiled, passes)
}

/// Processor time a document: the median of some passes over the whole set, and the 99th percentile of single readings.
fn timed(cases: &[Case], compiled: &[Option<&CompiledSchema>], passes: usize) -> Value {
    let bytes: usize = cases.iter().map(|case| case.input.len()).sum();
    let mut passes: Vec<u64> = (0..passes.max(1))
        .map(|_| {
            let start = cpu_ns();
            for (case, schema) in cases.iter().zip(compiled) {
                drop(std::hint::black_box(read(&case.input, *schema, Conditions::default())));
            }
            cpu_ns() - start
        })
        .collect();
    passes.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a figure")]
    let (ns, n, bytes) = (passes[passes.len() / 2] as f64, cases.len().max(1) as f64, bytes as f64);
    json!({"us_a_document": ns / n / 1e3, "mean_bytes": bytes / n, "us_a_kib": ns / 1e3 / (bytes / 1024.0)})
}

/// Someone else's answers: lines of `id` and `value` or `error`, in the order of the cases.
pub(crate) fn theirs(path: &Path, answers: &Path, show: usize) -> Value {
    let cases = cases(path);
    let text = std::fs::read_to_string(answers).unwrap_or_else(|error| panic!("{}: {error}", answers.display()));
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| json!({"error": "no JSON"}))).collect();
    assert!(answers.len() >= cases.len(), "an answer for each case");
    let said = |index: usize, _: &Case| match answers[index].get("value") {
        Some(value) => Said::Value(value.clone()),
        None => Said::Nothing,
    };
    tally(&cases, &Schemas::of(&cases), said, show)
}

fn tally(cases: &[Case], schemas: &Schemas, mut said: impl FnMut(usize, &Case) -> Said, show: usize) -> Value {
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        let tally = tallies.entry(&case.class).or_default();
        let fits = |value: &Value| {
            schemas.get(case).is_none_or(|s| Document::parse(value.to_string()).is_ok_and(|document| s.fits(&document)))
        };
        let verdict = match (said(index, case), &case.want) {
            (Said::Value(value), None) if case.untouched && same_as_input(&value, &case.input) => "right",
            (Said::Value(value), Some(want)) if same(&value, want) => "right",
            (Said::Value(value), _) if fits(&value) => {
                if tally.wrong < show {
                    eprintln!("--- {} WRONG\n{}\n=> {value}", case.id, case.input);
                }
                "wrong"
            }
            (_, None) if !case.untouched => "right",
            _ if several_readings(&case.input, schemas.get(case)) => "refused well",
            _ => {
                if tally.refused < show {
                    eprintln!("--- {} refused\n{}", case.id, case.input);
                }
                "refused"
            }
        };
        tally.add(verdict);
    }
    let mut all = Tally::default();
    for t in tallies.values() {
        all.right += t.right;
        all.refused_well += t.refused_well;
        all.refused += t.refused;
        all.wrong += t.wrong;
    }
    let classes: serde_json::Map<String, Value> =
        tallies.iter().map(|(class, tally)| ((*class).to_owned(), tally.figures())).collect();
    json!({"all": all.figures(), "classes": classes})
}

fn same_as_input(value: &Value, input: &str) -> bool {
    serde_json::from_str::<Value>(input).is_ok_and(|input| same(&input, value))
}

/// Whether inserting or dropping one bracket makes the text a document, of the schema if there is one, in several ways.
fn several_readings(broken: &str, schema: Option<&CompiledSchema>) -> bool {
    let mut values = BTreeSet::new();
    let mut keep = |tried: &str| {
        if Document::parse(tried).is_ok_and(|document| schema.is_none_or(|schema| schema.fits(&document))) {
            values.extend(serde_json::from_str::<Value>(tried).ok().map(|value| value.to_string()));
        }
    };
    for at in (0..=broken.len()).filter(|&i| broken.is_char_boundary(i)) {
        for bracket in ["{", "}", "[", "]"] {
            keep(&format!("{}{bracket}{}", &broken[..at], &broken[at..]));
        }
        if matches!(broken.as_bytes().get(at), Some(b'{' | b'}' | b'[' | b']')) {
            keep(&format!("{}{}", &broken[..at], &broken[at + 1..]));
        }
    }
    values.len() > 1
}
