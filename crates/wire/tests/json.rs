//! Laws of the shallow index and of splices: what is not touched leaves as it came.

use proptest::prelude::*;
use steersman_wire::json::{JsonError, RawObject, elements};

/// One member as it is spelt: white space, key, white space, value, white space.
#[derive(Debug, Clone)]
struct Spelt {
    before: String,
    key: String,
    key_json: String,
    colon: String,
    value: String,
    after: String,
}

fn white() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[ \t\r\n]{0,3}").expect("a regex")
}

/// JSON values with unusual but valid spellings.
fn value() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        proptest::sample::select(vec!["0", "-0", "1.000", "1E+05", "1e-7", "-0.0", "12345678901234567890123", "0.1e1"])
            .prop_map(str::to_owned),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        proptest::sample::select(vec![r#""\u00e9\/\"""#, r#""\ud83d\ude00""#, r#""},{,:""#, r#""\\""#])
            .prop_map(str::to_owned),
    ];
    scalar.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            (proptest::collection::vec(inner.clone(), 0..4), white())
                .prop_map(|(items, w)| format!("[{w}{}{w}]", items.join(&format!("{w},")))),
            (proptest::collection::vec((any::<String>(), inner), 0..4), white()).prop_map(|(members, w)| {
                let members: Vec<String> =
                    members.into_iter().map(|(k, v)| format!("{}{w}:{w}{v}", serde_json::Value::from(k))).collect();
                format!("{{{w}{}}}", members.join(","))
            }),
        ]
    })
}

fn member() -> impl Strategy<Value = Spelt> {
    let key = prop_oneof![
        proptest::sample::select(vec!["model", "stream", "a", "b", "messages"])
            .prop_map(|key| (key.to_owned(), format!("\"{key}\""))),
        Just(("model".to_owned(), r#""mod\u0065l""#.to_owned())),
        any::<String>().prop_map(|key| (key.clone(), serde_json::Value::from(key).to_string())),
    ];
    (white(), key, white(), value(), white(), white()).prop_map(|(before, (key, key_json), colon, value, after, _)| {
        Spelt { before, key, key_json, colon, value, after }
    })
}

fn spell(members: &[Spelt], inside: &str) -> String {
    if members.is_empty() {
        return format!("{{{inside}}}");
    }
    let slots: Vec<String> = members
        .iter()
        .map(|m| format!("{}{}{}:{}{}{}", m.before, m.key_json, m.colon, m.colon, m.value, m.after))
        .collect();
    format!("{{{}}}", slots.join(","))
}

proptest! {
    #[test]
    fn a_splice_without_edits_is_the_document(members in proptest::collection::vec(member(), 0..6), lead in white(), inside in white(), tail in white()) {
        let document = format!("{lead}{}{tail}", spell(&members, &inside));
        let object = RawObject::parse(document.as_bytes()).expect("a document");
        prop_assert_eq!(object.splice().finish(), document.into_bytes());
    }

    #[test]
    fn the_index_finds_each_member_where_it_lies(members in proptest::collection::vec(member(), 0..6)) {
        let document = spell(&members, "");
        let object = RawObject::parse(document.as_bytes()).expect("a document");
        prop_assert_eq!(object.members().len(), members.len());
        for (found, spelt) in object.members().iter().zip(&members) {
            prop_assert_eq!(&found.key, &spelt.key);
            prop_assert_eq!(found.value.get(), &spelt.value);
            prop_assert_eq!(document.get(found.span.clone()), Some(spelt.value.as_str()));
        }
    }

    #[test]
    fn setting_a_member_leaves_all_other_bytes(members in proptest::collection::vec(member(), 0..6), text in any::<String>()) {
        let document = spell(&members, "");
        let object = RawObject::parse(document.as_bytes()).expect("a document");
        let json = serde_json::Value::from(text.as_str()).to_string();
        let mut expected = members.clone();
        expected.iter_mut().filter(|m| m.key == "model").for_each(|m| m.value.clone_from(&json));
        let mut wanted = spell(&expected, "");
        if members.iter().all(|m| m.key != "model") {
            wanted.truncate(wanted.len() - 1);
            wanted.push_str(&format!("{}\"model\":{json}}}", if members.is_empty() { "" } else { "," }));
        }
        let spliced = object.splice().set("model", &text).finish();
        prop_assert_eq!(String::from_utf8(spliced).expect("UTF-8"), wanted);
    }

    #[test]
    fn removing_a_member_leaves_all_other_bytes(members in proptest::collection::vec(member(), 0..6)) {
        let document = spell(&members, "");
        let object = RawObject::parse(document.as_bytes()).expect("a document");
        let kept: Vec<Spelt> = members.iter().filter(|m| m.key != "model").cloned().collect();
        let spliced = object.splice().remove("model").finish();
        prop_assert_eq!(String::from_utf8(spliced).expect("UTF-8"), spell(&kept, ""));
    }

    #[test]
    fn elements_are_the_elements(items in proptest::collection::vec(value(), 0..6), w in white()) {
        let document = format!("{{\"a\":[{w}{}{w}]}}", items.join(&format!("{w},{w}")));
        let object = RawObject::parse(document.as_bytes()).expect("a document");
        let found: Vec<&str> = elements(object.get("a").expect("there")).map(|raw| raw.get()).collect();
        prop_assert_eq!(found, items);
    }

    #[test]
    fn no_bytes_make_it_panic_and_errors_point_into_them(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        match RawObject::parse(&bytes) {
            Ok(object) => prop_assert_eq!(object.splice().finish(), bytes),
            Err(JsonError::Utf8 { offset } | JsonError::Syntax { offset, .. } | JsonError::TooDeep { offset }) => {
                prop_assert!(offset <= bytes.len());
            }
            Err(JsonError::NotAnObject { .. }) => {}
        }
    }
}

fn error_of(document: &[u8]) -> String {
    RawObject::parse(document).expect_err("not an object").to_string()
}

#[test]
fn what_is_wrong_is_named_with_its_byte() {
    insta::assert_snapshot!(error_of(b"{\"a\": tru}"), @"expected ident at byte 9");
    insta::assert_snapshot!(error_of(b"{\n\n\"a\": 1,}"), @"trailing comma at byte 10");
    insta::assert_snapshot!(error_of(b"{\"a\": 1"), @"EOF while parsing an object at byte 7");
    insta::assert_snapshot!(error_of(b"{} {}"), @"trailing characters at byte 3");
    insta::assert_snapshot!(error_of(b"{\"a\": \"\xff\"}"), @"invalid UTF-8 at byte 7");
    insta::assert_snapshot!(error_of(b"[1, 2]"), @"expected a JSON object, found an array");
    insta::assert_snapshot!(error_of(b""), @"EOF while parsing a value at byte 0");
    insta::assert_snapshot!(error_of(format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200)).as_bytes()), @"nested deeper than 128 levels at byte 132");
}

#[test]
fn brackets_inside_of_strings_do_not_nest() {
    let document = format!("{{\"a\": \"{}\\\"{}\"}}", "[".repeat(300), "{".repeat(300));
    assert_eq!(RawObject::parse(document.as_bytes()).expect("shallow").members().len(), 1);
}

#[test]
fn of_duplicate_keys_the_last_is_read_and_all_are_replaced() {
    let object = RawObject::parse(br#"{"model":"a","x":1,"model":"b"}"#).expect("a document");
    assert_eq!(object.get("model").expect("there").get(), "\"b\"");
    assert_eq!(object.splice().set("model", "c").finish(), br#"{"model":"c","x":1,"model":"c"}"#);
}
