//! The tables against cases and against the validator.
//!
//! What never happens here: no verdict is compared that the tables leave open.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::build::DRAFT_7;
use super::{Flat, Verdict};
use crate::document::Document;
use crate::schema::{CompiledSchema, Place};

fn flat(schema: &Value, text: &str) -> Verdict {
    let document = Document::parse(text).expect("JSON");
    Flat::of(schema).map_or(Verdict::Unknown, |flat| flat.verdict(&document))
}

#[test]
fn common_keywords_are_judged_without_the_validator() {
    let schema = json!({
        "type": "object", "required": ["id", "kind"], "additionalProperties": false,
        "properties": {
            "id": {"type": "string", "minLength": 2, "maxLength": 3},
            "kind": {"enum": ["a", "b", null, 3]},
            "n": {"type": "integer", "minimum": 1, "exclusiveMaximum": 5},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
            "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
            "by": {"oneOf": [{"type": "number"}, {"type": "integer"}]},
        },
    });
    for good in [
        r#"{"id":"é€","kind":"a"}"#,
        r#"{"kind":3,"id":"\u00e9b","n":1.0,"tags":["x"],"by":1.5}"#,
        r#"{"id":"ab","kind":null,"next":{"id":"cd","kind":"b","next":null}}"#,
    ] {
        assert_eq!(flat(&schema, good), Verdict::Fits, "{good}");
    }
    for bad in [
        r#"{"id":"ab"}"#,
        r#"{"id":"a","kind":"a"}"#,
        r#"{"id":"abcd","kind":"a"}"#,
        r#"{"id":"ab","kind":"c"}"#,
        r#"{"id":"ab","kind":4}"#,
        r#"{"id":"ab","kind":"a","n":5}"#,
        r#"{"id":"ab","kind":"a","n":1.5}"#,
        r#"{"id":"ab","kind":"a","x":1}"#,
        r#"{"id":"ab","kind":"a","tags":["x","y","z"]}"#,
        r#"{"id":"ab","kind":"a","next":{"id":"cd"}}"#,
        r#"{"id":"ab","kind":"a","by":1}"#,
        "[]",
    ] {
        assert_eq!(flat(&schema, bad), Verdict::Breaks, "{bad}");
    }
    for unsure in [
        r#"{"id":"ab","id":"c","kind":"a"}"#,
        r#"{"id":"c","id":"ab","kind":"a"}"#,
        r#"{"id":"ab","kind":3.0}"#,
        r#"{"id":"ab","kind":"a","n":1.00000000000000000}"#,
    ] {
        assert_eq!(flat(&schema, unsure), Verdict::Unknown, "{unsure}");
    }
}

#[test]
fn what_the_tables_do_not_hold_is_left_to_the_validator() {
    for (schema, text) in [
        (json!({"pattern": "^a"}), "\"b\""),
        (json!({"format": "date"}), "\"x\""),
        (json!({"prefixItems": [true], "items": {"type": "string"}}), "[1]"),
        (json!({"patternProperties": {"^a": true}, "additionalProperties": false}), r#"{"a":1}"#),
        (json!({"required": ["a"], "patternProperties": {"^a": true}, "additionalProperties": false}), r#"{"a":1}"#),
        (json!({"$ref": "#"}), "1"),
        (json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"}), "1.0"),
        (json!({"$id": "http://x/y", "type": "integer"}), "1"),
        (json!({"enum": [[1]]}), "[1]"),
        (json!({"const": 1, "enum": [1]}), "1"),
        (json!({"multipleOf": 2}), "3"),
        (json!({"enum": (0..33).collect::<Vec<u32>>()}), "3"),
        (json!({"not": {}}), "3"),
    ] {
        assert_eq!(flat(&schema, text), Verdict::Unknown, "{schema} {text}");
    }
    let old = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {"type": "string"}},
        "properties": {"a": {"$ref": "#/definitions/a", "maxLength": 1}},
    });
    assert_eq!(flat(&old, r#"{"a":"long"}"#), Verdict::Fits);
}

#[test]
fn names_that_look_like_keywords_and_those_that_are_only_required_are_judged_as_well() {
    let schema = json!({
        "properties": {"$id": {"type": "string"}, "$schema": {"type": "integer"}}, "required": ["$id", "by"],
        "additionalProperties": {"type": "boolean"}, "$defs": {"$anchor": {"type": "null"}},
    });
    assert_eq!(flat(&schema, r#"{"$id":"x","by":true,"$schema":2}"#), Verdict::Fits);
    for bad in
        [r#"{"$id":"x"}"#, r#"{"$id":1,"by":true}"#, r#"{"$id":"x","by":"me"}"#, r#"{"$id":"x","by":true,"z":1}"#]
    {
        assert_eq!(flat(&schema, bad), Verdict::Breaks, "{bad}");
    }
    assert_eq!(flat(&json!({"required": ["a"], "additionalProperties": false}), r#"{"a":1}"#), Verdict::Breaks);
    assert_eq!(flat(&json!({"required": ["a"]}), r#"{"a":1}"#), Verdict::Fits);
    assert_eq!(flat(&json!({"properties": {"a": {"$id": "http://x/y", "type": "string"}}}), "{}"), Verdict::Unknown);
}

/// An object with these members, each 1.
fn numbered(n: usize) -> String {
    format!("{{{}}}", (0..n).map(|i| format!("\"m{i}\":1")).collect::<Vec<_>>().join(","))
}

#[test]
fn a_wide_object_is_judged_up_to_the_members_that_have_a_bit() {
    let closed = |n: usize, kind: &str| {
        let members: Map<String, Value> = (0..n).map(|i| (format!("m{i}"), json!({"type": kind}))).collect();
        json!({"properties": members, "additionalProperties": false})
    };
    assert_eq!(flat(&closed(64, "integer"), &numbered(64)), Verdict::Fits);
    assert_eq!(flat(&closed(64, "integer"), &numbered(65)), Verdict::Breaks);
    assert_eq!(flat(&closed(64, "string"), &numbered(64)), Verdict::Breaks);
    // The 65th has none: what is not declared here may be declared there.
    assert_eq!(flat(&closed(65, "integer"), &numbered(65)), Verdict::Unknown);
    let required: Vec<String> = (0..40).map(|i| format!("r{i}")).collect();
    let mut both = closed(30, "integer");
    both["required"] = json!(required);
    assert_eq!(flat(&both, &numbered(30)), Verdict::Unknown);
}

#[test]
fn what_would_take_more_steps_than_the_validator_is_left_to_it() {
    // Each way holds as many ways of the same: the walk would double at each level.
    let deep = (0..6)
        .fold(json!({"type": "integer"}), |inner, _| json!({"anyOf": [{"allOf": [inner, {"minimum": 5}]}, inner]}));
    assert_eq!(flat(&deep, "\"x\""), Verdict::Unknown);
    let chain = (0..super::DEPTH_MAX + 1).fold(json!({"minimum": 5}), |inner, _| json!({"allOf": [inner]}));
    assert_eq!(flat(&chain, "1"), Verdict::Unknown);
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "é", "ab", "$id"]).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    let float = prop::sample::select(vec![1.5, 2.0, 0.1, 1e20, -0.0]);
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..5_i64).prop_map(Value::from),
        float.prop_map(Value::from),
        word().prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(word(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Schemas of these keywords and a few that the tables do not know.
fn schema() -> impl Strategy<Value = Value> {
    let names = ["null", "boolean", "integer", "number", "string", "array", "object"];
    let name = prop::sample::select(names.to_vec());
    let bound =
        prop::sample::select(vec!["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"]);
    let limit = prop::sample::select(vec!["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]);
    let leaf = prop_oneof![
        4 => name.clone().prop_map(|name| json!({"type": name})),
        2 => prop::collection::vec(name, 1..3).prop_map(|mut all| { all.sort_unstable(); all.dedup(); json!({"type": all}) }),
        2 => prop::collection::vec(scalar(), 1..4).prop_map(|all| json!({"enum": all})),
        1 => value().prop_map(|value| json!({"const": value})),
        2 => (bound, 0..3_u64).prop_map(|(bound, n)| json!({bound: n})),
        2 => (limit, prop::sample::select(vec![0.0, 1.0, 1.5, 2.0])).prop_map(|(limit, n)| json!({limit: n})),
        1 => any::<bool>().prop_map(Value::from),
        1 => prop::sample::select(vec!["#", "#/$defs/a"]).prop_map(|target| json!({"properties": {"c": {"$ref": target}}})),
        1 => Just(json!({"pattern": "a"})),
        1 => Just(json!({"prefixItems": [{"type": "string"}]})),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let members = prop::collection::btree_map(word(), inner.clone(), 0..3);
        let additional = prop_oneof![Just(json!({})), inner.clone().prop_map(|a| json!({"additionalProperties": a}))];
        let object = (members, prop::collection::btree_set(word(), 0..2), additional, inner.clone()).prop_map(
            |(members, required, mut additional, more)| {
                additional["properties"] = members.into_iter().collect::<Map<String, Value>>().into();
                additional["required"] = json!(required);
                if let Some(more) = more.as_object() {
                    additional.as_object_mut().expect("an object").extend(more.clone());
                }
                additional
            },
        );
        let branches =
            (prop::sample::select(vec!["anyOf", "oneOf", "allOf"]), prop::collection::vec(inner.clone(), 1..4));
        prop_oneof![
            3 => object,
            1 => (inner.clone(), inner).prop_map(|(items, mut more)| {
                if more.is_object() { more["items"] = items; }
                more
            }),
            2 => branches.prop_map(|(keyword, ways)| json!({keyword: ways})),
        ]
    })
}

/// A value as some model might spell it: letters as escapes, whole numbers with a point or an exponent, a key again.
fn spelt(value: &Value, dice: &mut impl Iterator<Item = u8>) -> String {
    let mut throw = || dice.next().unwrap_or(9);
    match value {
        Value::String(text) => {
            let mut out = String::from("\"");
            for c in text.chars() {
                match c {
                    _ if throw() == 0 => {
                        let units =
                            c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
                        out.push_str(&units);
                    }
                    '"' | '\\' => out.extend(['\\', c]),
                    c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
                    c => out.push(c),
                }
            }
            out + "\""
        }
        Value::Number(number) if number.is_i64() => match throw() {
            0 => format!("{number}.0"),
            1 => format!("{number}e0"),
            2 if number.as_i64() != Some(0) => format!("{number}0E-1"),
            _ => number.to_string(),
        },
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| spelt(item, dice)).collect::<Vec<_>>().join(","))
        }
        Value::Object(map) => {
            let mut members = Vec::new();
            for (key, inner) in map {
                let member =
                    |dice: &mut _| format!("{}:{}", spelt(&Value::String(key.clone()), dice), spelt(inner, dice));
                members.push(member(dice));
                if dice.next() == Some(0) {
                    members.push(format!("{}:1", spelt(&Value::String(key.clone()), dice)));
                }
            }
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// More members than a cheap look takes, some of them twice, some only required.
    #[test]
    fn both_verdicts_on_wide_objects_are_one(
        keys in prop::collection::vec((0..20_usize, scalar()), 8..24),
        declared in prop::collection::btree_map(0..20_usize, schema(), 0..20),
        required in prop::collection::btree_set(0..22_usize, 0..4),
        additional in prop_oneof![Just(Value::Bool(true)), Just(Value::Bool(false)), Just(json!({"type": "string"}))],
    ) {
        let name = |n: &usize| format!("k{n}");
        let schema = json!({
            "properties": declared.iter().map(|(n, schema)| (name(n), schema.clone())).collect::<Map<String, Value>>(),
            "required": required.iter().map(name).collect::<Vec<_>>(), "additionalProperties": additional,
            "$defs": {"a": {"type": "integer"}},
        });
        let text = format!("{{{}}}", keys.iter().map(|(n, value)| format!("\"k{n}\":{value}")).collect::<Vec<_>>().join(","));
        let document = Document::parse(text).expect("JSON");
        let valid = CompiledSchema::new(&schema).expect("a schema").validator.is_valid(Place::Value(document.root()));
        match flat(&schema, document.text()) {
            Verdict::Unknown => {}
            verdict => prop_assert_eq!(verdict == Verdict::Fits, valid, "{} {}", schema, document.text()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn both_verdicts_are_one(
        mut schema in schema(),
        inner in schema(),
        values in prop::collection::vec(value(), 4),
        dice in prop::collection::vec(0_u8..10, 64),
        old in any::<bool>(),
    ) {
        let mut dice = dice.into_iter().cycle().take(4_096);
        if schema.is_object() {
            schema["$defs"] = json!({"a": inner});
            if old {
                schema["$schema"] = DRAFT_7.into();
            }
        }
        let compiled = CompiledSchema::new(&schema).expect("a schema");
        for value in values {
            let document = Document::parse(spelt(&value, &mut dice)).expect("JSON");
            let valid = compiled.validator.is_valid(Place::Value(document.root()));
            match flat(&schema, document.text()) {
                Verdict::Unknown => {}
                verdict => prop_assert_eq!(verdict == Verdict::Fits, valid, "{} {}", schema, document.text()),
            }
        }
    }
}
