//! Drift and its opposite, over real schemas: values that were meant, spelled as a changed model spells them, and
//! texts that mean no value at all.
//!
//! The schemas are the function descriptions among the documents. Instances are drawn from them, then one or two
//! drifts are put in. Written before the alignment was tuned on any of it.

use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::random::Random;

/// A schema, the function's name, and an instance.
pub(crate) struct Seedling {
    name: String,
    schema: Value,
    instance: Map<String, Value>,
}

/// The descriptions' own dialect of types, as JSON Schema.
fn translated(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let mut out = Map::new();
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("type", Value::String(name)) => {
                        let kind = match name.to_lowercase().as_str() {
                            "dict" | "object" | "hashmap" => "object",
                            "float" | "number" | "double" => "number",
                            "tuple" | "array" | "arraylist" | "list" => "array",
                            "integer" | "long" => "integer",
                            "boolean" => "boolean",
                            "string" | "char" => "string",
                            _ => continue,
                        };
                        out.insert("type".to_owned(), json!(kind));
                    }
                    ("properties", Value::Object(members)) => {
                        let members = members.iter().map(|(k, v)| (k.clone(), translated(v))).collect();
                        out.insert(key.clone(), Value::Object(members));
                    }
                    ("items", _) => drop(out.insert(key.clone(), translated(value))),
                    ("required" | "enum" | "description", _) => drop(out.insert(key.clone(), value.clone())),
                    _ => {}
                }
            }
            if out.get("type") == Some(&json!("object")) && out.contains_key("properties") {
                out.insert("additionalProperties".to_owned(), json!(false));
            }
            Value::Object(out)
        }
        other => other.clone(),
    }
}

/// Draws an instance from a function description; `None` where it has too little to say.
pub(crate) fn seedling(document: &Value, random: &mut Random) -> Option<Seedling> {
    let schema = translated(document.get("parameters")?);
    let instance = value(&schema, random, 0)?.as_object()?.clone();
    let name = document.get("name")?.as_str()?.to_owned();
    (instance.len() >= 2).then_some(Seedling { name, schema, instance })
}

const WORDS: [&str; 16] = [
    "Berlin",
    "Ada Lovelace",
    "2024-03-01",
    "blue",
    "A-1042",
    "Paris, France",
    "morning",
    "ada@example.org",
    "jazz",
    "sales",
    "Main Street 5",
    "garden",
    "USD",
    "weekly",
    "x7",
    "the red one",
];

fn value(schema: &Value, random: &mut Random, depth: usize) -> Option<Value> {
    if let Some(listed) = schema.get("enum").and_then(Value::as_array) {
        return random.pick(listed).cloned();
    }
    Some(match schema.get("type").and_then(Value::as_str).unwrap_or("string") {
        "integer" => json!(1 + random.below(500)),
        #[expect(clippy::cast_precision_loss, reason = "small")]
        "number" => json!((1 + random.below(5000)) as f64 / 8.0),
        "boolean" => json!(random.below(2) == 1),
        "null" => Value::Null,
        "array" => {
            let any = json!({"type": "string"});
            let items = schema.get("items").unwrap_or(&any);
            let n = 1 + random.below(3);
            Value::Array((0..n).filter_map(|_| value(items, random, depth + 1)).collect())
        }
        "object" => {
            let required: Vec<&str> = schema
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let mut out = Map::new();
            for (key, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if depth < 4 && (required.contains(&key.as_str()) || random.below(10) < 7) {
                    out.insert(key.clone(), value(member, random, depth + 1)?);
                }
            }
            Value::Object(out)
        }
        _ => json!(*random.pick(&WORDS)?),
    })
}

pub(crate) type Drift = fn(&Seedling, Map<String, Value>, &mut Random) -> Option<Value>;

/// Each kind of drift, by name.
pub(crate) const DRIFTS: &[(&str, Drift)] = &[
    ("rename", |s, m, r| {
        renamed(s, &m, r, |key, s, r| {
            let noun = s.name.rsplit(['_', '.']).next()?.to_lowercase();
            let way = r.below(4);
            Some(match way {
                0 => format!("{noun}_{key}"),
                1 => format!("{key}_value"),
                2 if key.ends_with('s') => key[..key.len() - 1].to_owned(),
                2 => format!("{key}s"),
                _ => format!("the_{key}"),
            })
        })
    }),
    ("style", |s, m, r| renamed(s, &m, r, |key, _, r| styled(key, r))),
    ("style_all", |_, m, r| {
        let way = r.below(4);
        let styled = m.iter().map(|(k, v)| (in_style(k, way), v.clone())).collect::<Map<_, _>>();
        (styled.len() == m.len() && !styled.keys().eq(m.keys())).then_some(Value::Object(styled))
    }),
    ("type", |s, mut m, r| {
        let fits = |k: &&String| retyped(m.get(*k)?, kind(s, k)?, 0).map(|_| ());
        let keys: Vec<String> = m.keys().filter(|k| fits(k).is_some()).cloned().collect();
        let key = r.pick(&keys)?.clone();
        let new = retyped(m.get(&key)?, kind(s, &key)?, r.below(3))?;
        m.insert(key, new);
        Some(Value::Object(m))
    }),
    ("envelope", |s, m, r| {
        let whole = Value::Object(m);
        Some(match r.below(5) {
            0 => json!({"result": whole}),
            1 => json!({"data": whole}),
            2 => json!({"response": {"data": whole}}),
            3 => json!({"arguments": whole}),
            _ => json!({s.name.clone(): whole}),
        })
    }),
    ("echo", |_, m, _| Some(json!({"type": "object", "properties": m}))),
    ("extra", |_, mut m, r| {
        let name = *r.pick(&["_meta", "confidence_note", "explanation", "zz_debug", "comment"])?;
        (!m.contains_key(name)).then(|| m.insert(name.to_owned(), json!("from the text")))?;
        Some(Value::Object(m))
    }),
    ("array_of_one", |_, m, _| Some(json!([m]))),
    ("item_of_one", |s, mut m, r| {
        let keys: Vec<String> = m
            .iter()
            .filter(|(k, v)| kind(s, k) == Some("array") && v.as_array().is_some_and(|a| a.len() == 1))
            .map(|(k, _)| k.clone())
            .collect();
        let key = r.pick(&keys)?.clone();
        let only = m.get(&key)?.get(0)?.clone();
        m.insert(key, only);
        Some(Value::Object(m))
    }),
    ("enum_style", |s, m, r| {
        respelled(s, m, r, |word, r| match r.below(4) {
            0 => word.to_uppercase(),
            1 => word.to_lowercase(),
            2 => word.replace([' ', '-'], "_"),
            _ => format!("{word}."),
        })
    }),
    ("enum_near", |s, m, r| {
        respelled(s, m, r, |word, r| {
            let plain = word.len() >= 5 && word.bytes().all(|b| b.is_ascii_alphabetic());
            match r.below(3) {
                _ if !plain => word.to_owned(),
                0 => format!("{word}s"),
                1 => {
                    let at = 1 + r.below(word.len() - 2);
                    format!("{}{}", &word[..at], &word[at + 1..])
                }
                _ => {
                    let at = 1 + r.below(word.len() - 3);
                    let mut bytes = word.as_bytes().to_vec();
                    bytes.swap(at, at + 1);
                    String::from_utf8(bytes).unwrap_or_default()
                }
            }
        })
    }),
    ("null_for_absent", |s, mut m, r| {
        let optional: Vec<String> = properties(s)
            .filter(|(k, _)| !m.contains_key(*k) && !required(s).any(|q| q == *k))
            .filter(|(_, p)| p.get("type").is_some() && p.get("enum").is_none())
            .map(|(k, _)| k.clone())
            .collect();
        m.insert(r.pick(&optional)?.clone(), Value::Null);
        Some(Value::Object(m))
    }),
];

fn properties(s: &Seedling) -> impl Iterator<Item = (&String, &Value)> {
    s.schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn required(s: &Seedling) -> impl Iterator<Item = &str> {
    s.schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn member<'s>(s: &'s Seedling, key: &str) -> Option<&'s Value> {
    s.schema.get("properties")?.get(key)
}

fn kind<'s>(s: &'s Seedling, key: &str) -> Option<&'s str> {
    member(s, key)?.get("type")?.as_str()
}

fn renamed(
    s: &Seedling,
    m: &Map<String, Value>,
    r: &mut Random,
    spell: impl Fn(&str, &Seedling, &mut Random) -> Option<String>,
) -> Option<Value> {
    let keys: Vec<&String> = m.keys().collect();
    let old = (*r.pick(&keys)?).clone();
    let new = spell(&old, s, r)?;
    if new == old || member(s, &new).is_some() || m.contains_key(&new) {
        return None;
    }
    Some(Value::Object(m.iter().map(|(k, v)| (if *k == old { new.clone() } else { k.clone() }, v.clone())).collect()))
}

fn styled(key: &str, r: &mut Random) -> Option<String> {
    key.contains('_').then(|| in_style(key, r.below(4)))
}

fn in_style(key: &str, way: usize) -> String {
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|c| c.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
    };
    let words: Vec<&str> = key.split('_').collect();
    match way {
        0 => words.iter().enumerate().map(|(i, w)| if i == 0 { (*w).to_owned() } else { capital(w) }).collect(),
        1 => words.iter().map(|w| capital(w)).collect(),
        2 => words.join("-"),
        _ => key.to_uppercase(),
    }
}

fn retyped(value: &Value, kind: &str, way: usize) -> Option<Value> {
    match (value, kind) {
        (Value::Number(n), "integer") if way == 1 => Some(json!(n.as_f64()?)),
        (Value::Number(n), _) => Some(json!(n.to_string())),
        (Value::Bool(b), _) => Some(json!(match way {
            0 => b.to_string(),
            1 => if *b { "True" } else { "False" }.to_owned(),
            _ => if *b { "yes" } else { "no" }.to_owned(),
        })),
        _ => None,
    }
}

fn respelled(
    s: &Seedling,
    mut m: Map<String, Value>,
    r: &mut Random,
    spell: impl Fn(&str, &mut Random) -> String,
) -> Option<Value> {
    let listed = |k: &str| member(s, k)?.get("enum")?.as_array();
    let keys: Vec<String> =
        m.iter().filter(|(k, v)| listed(k).is_some() && v.is_string()).map(|(k, _)| k.clone()).collect();
    let key = r.pick(&keys)?.clone();
    let new = spell(m.get(&key)?.as_str()?, r);
    let clash = |other: &Value| other.as_str().is_some_and(|o| o.eq_ignore_ascii_case(&new));
    let exact = listed(&key)?.iter().any(|other| other.as_str() == Some(new.as_str()));
    if exact || listed(&key)?.iter().filter(|o| clash(o)).count() > 1 {
        return None;
    }
    m.insert(key, json!(new));
    Some(Value::Object(m))
}

/// One drifted case.
pub(crate) fn drifted(seedling: &Seedling, kind: &(&str, Drift), n: usize, random: &mut Random) -> Option<Case> {
    let drifted = kind.1(seedling, seedling.instance.clone(), random)?;
    Some(Case {
        id: format!("{}-{n}", kind.0),
        class: kind.0.to_owned(),
        input: drifted.to_string(),
        schema: Some(seedling.schema.clone()),
        want: Some(Value::Object(seedling.instance.clone())),
        untouched: false,
    })
}

/// Texts that mean no value: nothing may be delivered for any of them.
pub(crate) const REFUSALS: &[(&str, Drift)] = &[
    ("missing_required", |s, mut m, r| {
        let names: Vec<String> = required(s).filter(|k| m.contains_key(*k)).map(str::to_owned).collect();
        m.shift_remove(r.pick(&names)?)?;
        Some(Value::Object(m))
    }),
    ("required_null", |s, mut m, r| {
        let typed = |k: &str| kind(s, k).is_some();
        let names: Vec<String> = required(s).filter(|k| m.contains_key(*k) && typed(k)).map(str::to_owned).collect();
        m.insert(r.pick(&names)?.clone(), Value::Null);
        Some(Value::Object(m))
    }),
    ("foreign_enum", |s, m, r| {
        respelled(s, m, r, |_, r| r.pick(&["zebra", "unknown", "none of these"]).map_or("?", |w| w).to_owned())
    }),
    ("two_enums", |s, mut m, r| {
        let listed = |k: &str| member(s, k)?.get("enum")?.as_array();
        let keys: Vec<String> = m
            .iter()
            .filter(|(k, v)| v.is_string() && listed(k).is_some_and(|l| l.len() > 1))
            .map(|(k, _)| k.clone())
            .collect();
        let key = r.pick(&keys)?.clone();
        let words: Vec<&str> = listed(&key)?.iter().filter_map(Value::as_str).take(2).collect();
        let word = r.pick(&[" or ", "/", " and "])?;
        m.insert(key, json!(words.join(word)));
        Some(Value::Object(m))
    }),
    ("fraction", |s, mut m, r| {
        let keys: Vec<String> = m.keys().filter(|k| kind(s, k) == Some("integer")).cloned().collect();
        let key = r.pick(&keys)?.clone();
        m.insert(key, if r.below(2) == 0 { json!(36.7) } else { json!("36.7") });
        Some(Value::Object(m))
    }),
    ("no_number", |s, mut m, r| {
        let keys: Vec<String> =
            m.keys().filter(|k| matches!(kind(s, k), Some("integer" | "number"))).cloned().collect();
        // A percentage in a member of that name is a number.
        let keys: Vec<String> = keys.into_iter().filter(|key| !key.to_lowercase().contains("perc")).collect();
        let key = r.pick(&keys)?.clone();
        m.insert(key, json!(*r.pick(&["about 12", "unknown", "12 or 13", "twelve", "50%", "1,500"])?));
        Some(Value::Object(m))
    }),
];
