//! Judges sets of every kind of case in one file: values, refusals, cut texts, texts that must stay as they are.
//!
//! A line holds what a batch holds and the right outcome: `accept` (the right values, or the prefixes that may stand
//! beside a cut text), `refuse` (a refusal is right, too), `ident` (no byte may change), `outcome`, `cat`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use steersman_structured::{CompiledSchema, Conditions, Document, Finish, Reading, read};

use crate::case::{holds, same};
use crate::emit::lines;
use crate::judge::Tally;

#[derive(Deserialize)]
struct Mixed {
    id: String,
    cat: String,
    input: String,
    schema: Option<Value>,
    finish_reason: Option<String>,
    accept: Vec<Value>,
    #[serde(default)]
    refuse: bool,
    #[serde(default)]
    ident: bool,
    outcome: String,
}

/// Figures by category. A value where none was right, or a prefix that no right one goes on from, is silently wrong.
pub(crate) fn mixed(path: &Path, show: usize) -> Value {
    let mut shown = 0;
    tally(path, |_, case, schema| {
        let finish = case.finish_reason.as_deref().map_or(Finish::Unknown, Finish::from_reason);
        let reading = read(&case.input, schema, Conditions { finish, ..Conditions::default() });
        let verdict = verdict(case, &reading);
        if verdict != "right" && shown < show {
            shown += 1;
            eprintln!("--- {} {verdict}\n{}\n=> {reading:?}", case.id, case.input);
        }
        verdict
    })
}

/// Someone else's answers. A value that breaks its schema is a failure that was noticed; a tool that knows no cut texts
/// is right about one if it says nothing, or no more than a prefix that is certain.
pub(crate) fn theirs(path: &Path, answers: &Path) -> Value {
    let answers = lines(answers);
    tally(path, |index, case, schema| {
        let listed = |value: &Value| case.accept.iter().any(|wanted| same(wanted, value));
        match answers.get(index).and_then(|answer| answer.get("value")) {
            Some(value) if listed(value) => "right",
            Some(value) if schema.is_none_or(|s| Document::parse(value.to_string()).is_ok_and(|d| s.fits(&d))) => {
                "wrong"
            }
            _ if case.outcome == "accepted" && !case.refuse => "refused",
            _ => "right",
        }
    })
}

fn tally(path: &Path, mut judge: impl FnMut(usize, &Mixed, Option<&CompiledSchema>) -> &'static str) -> Value {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for (index, line) in lines(path).into_iter().enumerate() {
        let case: Mixed = serde_json::from_value(line).expect("a case");
        let schema = case.schema.as_ref().map(|schema| CompiledSchema::new(schema).expect("a schema compiles"));
        let verdict = judge(index, &case, schema.as_ref());
        let mut all = [tallies.remove(&case.cat).unwrap_or_default(), tallies.remove("all").unwrap_or_default()];
        all.iter_mut().for_each(|tally| tally.add(verdict));
        let [own, every] = all;
        tallies.insert(case.cat, own);
        tallies.insert("all".to_owned(), every);
    }
    let all = tallies.remove("all").unwrap_or_default().figures();
    let classes: serde_json::Map<String, Value> = tallies.into_iter().map(|(cat, t)| (cat, t.figures())).collect();
    json!({"all": all, "classes": classes})
}

fn verdict(case: &Mixed, reading: &Reading) -> &'static str {
    let listed = |text: &str| {
        serde_json::from_str::<Value>(text).is_ok_and(|value| case.accept.iter().any(|wanted| same(wanted, &value)))
    };
    let begins = |prefix: &str| {
        serde_json::from_str::<Value>(prefix)
            .is_ok_and(|prefix| case.accept.iter().any(|wanted| holds(&prefix, wanted)))
    };
    match (reading, case.outcome.as_str()) {
        (Reading::Accepted(accepted), "accepted")
            if listed(accepted.document().text()) && (!case.ident || accepted.unchanged()) =>
        {
            "right"
        }
        (Reading::Accepted(_), _) => "wrong",
        (Reading::Truncated(cut), "truncated") => match &cut.prefix {
            Some(prefix) if !case.accept.is_empty() && !begins(prefix) => "wrong",
            _ => "right",
        },
        (_, "accepted" | "truncated") if !case.refuse => "refused",
        _ => "right",
    }
}
