//! The JSON-Schema-Test-Suite: required cases of 2020-12 and draft 7, its remote documents handed over, never fetched.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use steersman_structured::{CompiledSchema, Document};

/// Runs the suite in a folder that holds `tests` and `remotes`.
pub(crate) fn suite(folder: &Path) -> Value {
    let mut documents = BTreeMap::new();
    gather(&folder.join("remotes"), "http://localhost:1234", &mut documents);
    let drafts = [
        ("draft2020-12", "https://json-schema.org/draft/2020-12/schema"),
        ("draft7", "http://json-schema.org/draft-07/schema#"),
    ];
    let mut out = serde_json::Map::new();
    let mut misses = Vec::new();
    for (draft, dialect) in drafts {
        let (mut right, mut n) = (0_usize, 0_usize);
        let mut files: Vec<_> = std::fs::read_dir(folder.join("tests").join(draft))
            .expect("the suite's folder")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect();
        files.sort();
        for file in files {
            let groups: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("JSON");
            for group in groups.as_array().into_iter().flatten() {
                let mut schema = group["schema"].clone();
                if let Some(map) = schema.as_object_mut() {
                    map.entry("$schema").or_insert_with(|| json!(dialect));
                }
                let compiled = CompiledSchema::with_documents(&schema, documents.clone());
                for test in group["tests"].as_array().into_iter().flatten() {
                    n += 1;
                    let document = Document::parse(test["data"].to_string()).expect("data is JSON");
                    let verdict = compiled.as_ref().ok().map(|schema| schema.fits(&document));
                    if verdict == test["valid"].as_bool() {
                        right += 1;
                    } else {
                        misses.push(format!("{draft}: {}: {}: {verdict:?}", group["description"], test["description"]));
                    }
                }
            }
        }
        out.insert(draft.to_owned(), json!({"n": n, "right": right}));
    }
    json!({"drafts": out, "misses": misses})
}

fn gather(folder: &Path, address: &str, documents: &mut BTreeMap<String, Value>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            gather(&path, &format!("{address}/{name}"), documents);
        } else if let Some(value) = std::fs::read_to_string(&path).ok().and_then(|t| serde_json::from_str(&t).ok()) {
            documents.insert(format!("{address}/{name}"), value);
        }
    }
}
