//! Previews of a document that is still arriving, byte by byte: how many there are, and how many were false.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use steersman_structured::{CompiledSchema, Conditions, Previews, Reading, Stream, read};

use crate::case::{Case, holds};
use crate::emit::lines;
use crate::judge::cases;

/// So many documents of each kind are followed.
const DOCUMENTS: usize = 1000;
/// Cases that were written without knowledge of the parser.
const BLIND: [&str; 9] =
    ["blind", "blind_2", "blind_3", "blind_3_final", "blind_4", "blind_4_final", "blind_5", "blind_5_final", "blind_6"];

#[derive(Default)]
struct Seen {
    documents: u64,
    prefixes: u64,
    shown: u64,
    wrong: u64,
    unlike: u64,
    rejected: u64,
}

impl Seen {
    /// Follows one text to its end.
    fn follow(&mut self, text: &str, schema: Option<&CompiledSchema>) {
        let mut stream = Stream::new(Previews::Shown, schema);
        let mut partials = Vec::new();
        for byte in text.as_bytes() {
            let _ = stream.push(std::slice::from_ref(byte));
            self.prefixes += 1;
            partials.push(stream.partial());
        }
        self.documents += 1;
        partials.dedup();
        let unstreamed = read(text, schema, Conditions::default());
        let Reading::Accepted(whole) = stream.finish(Conditions::default()) else {
            self.rejected += u64::from(matches!(unstreamed, Reading::Accepted(_)));
            return;
        };
        self.unlike += u64::from(!matches!(unstreamed, Reading::Accepted(u) if u.document() == whole.document()));
        let last: Value = serde_json::from_str(whole.document().text()).unwrap_or(Value::Null);
        for partial in partials.into_iter().flatten() {
            self.shown += 1;
            self.wrong += u64::from(!serde_json::from_str(&partial).is_ok_and(|part| holds(&part, &last)));
        }
    }

    fn figures(&self) -> Value {
        json!({"documents": self.documents, "prefixes": self.prefixes, "different_previews": self.shown,
            "false": self.wrong, "unlike_unstreamed": self.unlike, "rejected_where_unstreamed_is_not": self.rejected})
    }
}

/// Shows every prefix of the first thousand sound documents and as many broken ones, and counts what is taken back;
/// then the same under schemas: of a thousand documents as they should be, as they drifted, and under the union of all
/// schemas; and of the blind cases.
pub(crate) fn previews(folder: &Path) -> Value {
    let mut plain = Seen::default();
    let sound = cases(&folder.join("valid.jsonl")).into_iter().skip(95).take(DOCUMENTS);
    for case in sound.chain(cases(&folder.join("syntax.jsonl")).into_iter().step_by(17).take(DOCUMENTS)) {
        plain.follow(&case.input, None);
    }
    let mut figures = plain.figures();
    let drift = cases(&folder.join("drift.jsonl"));
    let schemas = compiled(drift.iter().filter_map(|case| case.schema.as_ref()));
    let all: Vec<&Value> = drift.iter().filter_map(|case| case.schema.as_ref()).collect();
    let union = union_of(&all);
    let step = (drift.len() / DOCUMENTS).max(1);
    let (mut sound, mut drifted, mut united) = (Seen::default(), Seen::default(), Seen::default());
    for Case { input, schema, want, .. } in drift.iter().step_by(step) {
        let (Some(schema), Some(want)) = (schema, want) else { continue };
        let compiled = schemas.get(&schema.to_string());
        sound.follow(&want.to_string(), compiled);
        drifted.follow(input, compiled);
        united.follow(&want.to_string(), Some(&union));
    }
    let mut blind = Seen::default();
    for set in BLIND {
        for case in lines(&folder.join(format!("{set}.jsonl"))) {
            let schema =
                case.get("schema").filter(|schema| !schema.is_null()).and_then(|s| CompiledSchema::new(s).ok());
            if let (Some(input), Some(schema)) = (case.get("input").and_then(Value::as_str), schema) {
                blind.follow(input, Some(&schema));
            }
        }
    }
    let schemas = json!({"sound": sound.figures(), "drifted": drifted.figures(), "union": united.figures(),
        "blind": blind.figures()});
    if let Some(figures) = figures.as_object_mut() {
        figures.insert("under_schemas".to_owned(), schemas);
    }
    figures
}

fn compiled<'v>(schemas: impl Iterator<Item = &'v Value>) -> BTreeMap<String, CompiledSchema> {
    let texts: BTreeMap<String, &Value> = schemas.map(|schema| (schema.to_string(), schema)).collect();
    let compile = |(text, schema)| (text, CompiledSchema::new(schema).expect("a schema of the sets compiles"));
    texts.into_iter().map(compile).collect()
}

/// One schema that any of these satisfies.
fn union_of(schemas: &[&Value]) -> CompiledSchema {
    let mut known = BTreeSet::new();
    let different: Vec<&Value> = schemas.iter().copied().filter(|schema| known.insert(schema.to_string())).collect();
    CompiledSchema::new(&json!({ "anyOf": different })).expect("a union of schemas compiles")
}
