//! Laws of reading: what was sound stays, what was changed is on record, what was cut is not whole.
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "tests index what they built")]

use proptest::prelude::*;
use steersman_structured::{
    CompiledSchema, Conditions, Document, Finish, Mode, Previews, Reading, Step, Stream, read, replay,
};

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[ -~\n\té“”’，]{0,24}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map("[a-z_ ]{1,8}", inner, 0..6)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        ]
    })
}

fn reading(text: &str, mode: Mode, finish: Finish) -> Reading {
    read(text, None, Conditions { mode, finish })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_sound_document_is_not_touched(value in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.expect("a value prints");
        let Reading::Accepted(accepted) = reading(&text, Mode::Safe, Finish::Unknown) else { panic!("{text}") };
        prop_assert_eq!(accepted.document().text(), text.as_str());
        prop_assert!(accepted.repairs().is_empty());
    }

    #[test]
    fn replaying_the_records_gives_the_output(value in json(), at in any::<prop::sample::Index>(), with in "[{}\\[\\],:\"'a1 \n/#`“]{0,3}", drop in 0..3_usize) {
        let text = serde_json::to_string(&value).expect("a value prints");
        let mut from = at.index(text.len() + 1);
        while !text.is_char_boundary(from) { from -= 1; }
        let mut to = (from + drop).min(text.len());
        while !text.is_char_boundary(to) { to += 1; }
        let damaged = format!("{}{with}{}", &text[..from], &text[to..]);
        for mode in [Mode::Strict, Mode::Safe, Mode::Lenient] {
            if let Reading::Accepted(accepted) = reading(&damaged, mode, Finish::Unknown) {
                let output = replay(&damaged, &accepted.repairs());
                prop_assert_eq!(output.as_deref(), Some(accepted.document().text()));
            }
        }
    }

    #[test]
    fn a_cut_document_is_never_whole(value in json(), at in any::<prop::sample::Index>()) {
        let text = serde_json::to_string(&value).expect("a value prints");
        prop_assume!(value.is_object() || value.is_array());
        let mut cut = at.index(text.len());
        while !text.is_char_boundary(cut) { cut -= 1; }
        let outcome = reading(&text[..cut], Mode::Safe, Finish::Length);
        prop_assert!(!matches!(outcome, Reading::Accepted(_)), "{}", &text[..cut]);
    }

    #[test]
    fn a_preview_is_never_taken_back(value in json(), at in any::<prop::sample::Index>(), with in "[{}\\[\\],:\"a1]{0,2}", size in 1..7_usize) {
        let sound = serde_json::to_string(&value).expect("a value prints");
        let mut from = at.index(sound.len() + 1);
        while !sound.is_char_boundary(from) { from -= 1; }
        let text = format!("{}{with}{}", &sound[..from], &sound[from..]);
        let mut stream = Stream::new(Previews::Shown, None);
        let mut previews = Vec::new();
        for bytes in text.as_bytes().chunks(size) {
            let _ = stream.push(bytes);
            previews.extend(stream.partial());
        }
        if let Reading::Accepted(whole) = stream.finish(Conditions::default()) {
            let last: serde_json::Value = serde_json::from_str(whole.document().text()).expect("accepted");
            for preview in previews {
                let part: serde_json::Value = serde_json::from_str(&preview).expect("a preview is JSON");
                prop_assert!(holds(&part, &last), "{preview} of {last}");
            }
        }
    }

    #[test]
    fn a_preview_under_a_schema_is_never_taken_back(which in 0..ORDERS.len(), at in any::<prop::sample::Index>(), with in "[{}\\[\\],:\"a1 ]{0,2}", size in 1..7_usize) {
        let sound = ORDERS[which].0;
        let from = at.index(sound.len() + 1);
        prop_assume!(sound.is_char_boundary(from));
        let text = format!("{}{with}{}", &sound[..from], &sound[from..]);
        let schema = order();
        let mut stream = Stream::new(Previews::Shown, Some(&schema));
        let mut previews = Vec::new();
        for bytes in text.as_bytes().chunks(size) {
            let _ = stream.push(bytes);
            previews.extend(stream.partial());
        }
        if let Reading::Accepted(whole) = stream.finish(Conditions::default()) {
            let last: serde_json::Value = serde_json::from_str(whole.document().text()).expect("accepted");
            for preview in previews {
                let part: serde_json::Value = serde_json::from_str(&preview).expect("a preview is JSON");
                prop_assert!(holds(&part, &last), "{preview} of {last}");
            }
        }
    }

    #[test]
    fn every_split_ends_in_the_unstreamed_outcome(value in json(), size in 1..9_usize) {
        let text = serde_json::to_string(&value).expect("a value prints");
        let mut stream = Stream::new(Previews::Shown, None);
        for bytes in text.as_bytes().chunks(size) {
            let _ = stream.push(bytes);
        }
        let Reading::Accepted(whole) = stream.finish(Conditions::default()) else { panic!("{text}") };
        prop_assert_eq!(whole.document().text(), text.as_str());
    }

    #[test]
    fn no_text_breaks_the_reader(text in "[{}\\[\\],:\"'a1 \n/\\\\#`“”.+-]{0,60}") {
        let outcome = reading(&text, Mode::Safe, Finish::Unknown);
        if let Reading::Accepted(accepted) = outcome {
            prop_assert!(Document::parse(accepted.document().text()).is_ok());
        }
    }
}

fn order() -> CompiledSchema {
    CompiledSchema::new(&serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["kind", "lines"],
        "properties": {
            "kind": {"enum": ["complete", "open"]},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
            "by": {"anyOf": [{"$ref": "#/$defs/person"}, {"$ref": "#/$defs/team"}, {"type": "null"}]},
            "note": {"type": "string", "maxLength": 9},
        },
        "$defs": {
            "line": {"type": "object", "additionalProperties": false, "required": ["amount"],
                "properties": {"amount": {"type": "number", "minimum": 0}, "tag": {"type": "string"}}},
            "person": {"type": "object", "additionalProperties": false, "required": ["id", "name"],
                "properties": {"id": {"type": "string"}, "name": {"type": "string"}}},
            "team": {"type": "object", "additionalProperties": false, "required": ["id", "size"],
                "properties": {"id": {"type": "string"}, "size": {"type": "integer"}}},
        },
    }))
    .expect("a schema")
}

/// Answers, and all that is shown of each before its end.
const ORDERS: &[(&str, &[&str])] = &[
    (
        r#"{"kind":"open","lines":[{"amount":3},{"amount":4,"tag":"\u00e9"}]}"#,
        &[
            r#"{"kind":"open"}"#,
            r#"{"kind":"open","lines":[{"amount":3}]}"#,
            r#"{"kind":"open","lines":[{"amount":3},{"amount":4}]}"#,
            r#"{"kind":"open","lines":[{"amount":3},{"amount":4,"tag":"\u00e9"}]}"#,
        ],
    ),
    // A word that is no member of the list may become one.
    (r#"{"kind":"completed","lines":[]}"#, &[]),
    // A key that nobody declared may be another one's.
    (r#"{"kind":"open","Lines":[{"amount":3}]}"#, &[r#"{"kind":"open"}"#]),
    (r#"{"kind":"open","lines":[{"amount":"3"}]}"#, &[r#"{"kind":"open"}"#]),
    (r#"{"kind":"open","lines":[{"amount":-3}]}"#, &[r#"{"kind":"open"}"#]),
    (r#"{"kind":"open","lines":[{"tag":"x"}]}"#, &[r#"{"kind":"open"}"#, r#"{"kind":"open","lines":[{"tag":"x"}]}"#]),
    (r#"{"kind":"open","kind":"complete","lines":[]}"#, &[r#"{"kind":"open"}"#]),
    (r#"{"kind":"open","lines":[],"note":"far too long"}"#, &[r#"{"kind":"open"}"#, r#"{"kind":"open","lines":[]}"#]),
    // An object that may be of two forms is shown once it is of one.
    (
        r#"{"by":{"id":"a","size":4},"kind":"open","lines":[]}"#,
        &[
            r#"{"by":{"id":"a","size":4}}"#,
            r#"{"by":{"id":"a","size":4},"kind":"open"}"#,
            r#"{"by":{"id":"a","size":4},"kind":"open","lines":[]}"#,
        ],
    ),
    (r#"{"order":{"kind":"open","lines":[]}}"#, &[]),
];

#[test]
fn a_schema_vouches_for_all_that_is_shown_and_what_it_could_still_mend_is_not() {
    let schema = order();
    for (text, expected) in ORDERS {
        let mut stream = Stream::new(Previews::Shown, Some(&schema));
        let (mut shown, mut told, mut joined) = (Vec::new(), 0, String::new());
        for byte in text.as_bytes() {
            if stream.push(std::slice::from_ref(byte)) != Step::Hold {
                let growth = stream.since(told).expect("something is new");
                told += growth.text.len();
                joined.push_str(growth.text);
                shown.push(format!("{joined}{}", growth.close));
            }
        }
        shown.retain(|partial| partial != text || expected.contains(&partial.as_str()));
        shown.dedup_by_key(|partial| serde_json::from_str::<serde_json::Value>(partial).expect("JSON"));
        assert_eq!(shown, *expected, "{text}");
        let whole = read(text, Some(&schema), Conditions::default());
        let streamed = stream.finish(Conditions::default());
        match (whole, streamed) {
            (Reading::Accepted(whole), Reading::Accepted(streamed)) => {
                assert_eq!(whole.document(), streamed.document());
            }
            (whole, streamed) => {
                assert_eq!(std::mem::discriminant(&whole), std::mem::discriminant(&streamed), "{text}");
            }
        }
    }
}

/// Everything that a preview shows is in the final value.
fn holds(part: &serde_json::Value, whole: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (part, whole) {
        (Value::Array(p), Value::Array(w)) => p.len() <= w.len() && p.iter().zip(w).all(|(p, w)| holds(p, w)),
        (Value::Object(p), Value::Object(w)) => p.iter().all(|(k, v)| w.get(k).is_some_and(|x| holds(v, x))),
        _ => part == whole,
    }
}

#[test]
fn a_million_brackets_are_read_without_the_call_stack() {
    for text in [
        "[".repeat(1_000_000),
        "{\"a\":".repeat(300_000),
        "]".repeat(1_000_000),
        "[".repeat(500_000) + &"}".repeat(500_000),
    ] {
        assert!(!matches!(reading(&text, Mode::Safe, Finish::Stop), Reading::Accepted(_)));
    }
    let deep = format!("{}1,{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let Reading::Accepted(accepted) = reading(&deep, Mode::Safe, Finish::Stop) else {
        panic!("a trailing comma at depth 10^6")
    };
    assert_eq!(accepted.document().depth(), 1_000_000);
}

#[test]
fn null_absent_and_empty_stay_three_things() {
    for required in [true, false] {
        for nullable in [true, false] {
            let kind = if nullable { serde_json::json!(["string", "null"]) } else { serde_json::json!("string") };
            let must = if required { vec!["a"] } else { vec![] };
            let schema = CompiledSchema::new(
                &serde_json::json!({"type": "object", "properties": {"a": {"type": kind}}, "required": must}),
            )
            .expect("a schema");
            let outcome = |text: &str| match read(text, Some(&schema), Conditions::default()) {
                Reading::Accepted(a) => a.document().text().to_owned(),
                _ => "rejected".to_owned(),
            };
            assert_eq!(outcome(r#"{"a":""}"#), r#"{"a":""}"#);
            assert_eq!(outcome("{}"), if required { "rejected" } else { "{}" });
            let null = match (required, nullable) {
                (_, true) => r#"{"a":null}"#,
                (false, false) => "{}",
                (true, false) => "rejected",
            };
            assert_eq!(outcome(r#"{"a":null}"#), null);
        }
    }
}

#[test]
fn strict_changes_no_parsed_value() {
    for (text, accepted) in [
        ("```json\n{\"a\":1,}\n```", true),
        ("{\"a\":\"x\ny\"}", true),
        ("{\"a\": Ada}", false),
        ("{\"a\" 1}", false),
        ("{\"a\":[1,2}", false),
    ] {
        assert_eq!(matches!(reading(text, Mode::Strict, Finish::Unknown), Reading::Accepted(_)), accepted, "{text}");
    }
}
