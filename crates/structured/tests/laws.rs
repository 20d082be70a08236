//! Laws of reading: what was sound stays, what was changed is on record, what was cut is not whole.
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "tests index what they built")]

use proptest::prelude::*;
use steersman_structured::{
    CompiledSchema, Conditions, Document, Finish, Mode, Previews, Reading, Stream, read, replay,
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
        let mut stream = Stream::new(Previews::Shown);
        let mut previews = Vec::new();
        for bytes in text.as_bytes().chunks(size) {
            let _ = stream.push(bytes);
            previews.extend(stream.partial());
        }
        if let Reading::Accepted(whole) = stream.finish(None, Conditions::default()) {
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
        let mut stream = Stream::new(Previews::Shown);
        for bytes in text.as_bytes().chunks(size) {
            let _ = stream.push(bytes);
        }
        let Reading::Accepted(whole) = stream.finish(None, Conditions::default()) else { panic!("{text}") };
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
