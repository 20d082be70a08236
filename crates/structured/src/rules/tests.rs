//! What rules say of values, and what is no rule: one table of cases for each kind of thing that they can ask.

use super::*;
use crate::{CompiledSchema, Conditions, read};

fn rules(table: &str) -> Rules {
    Rules::new(serde_json::from_str::<RuleTable>(table).expect("a table")).expect("rules")
}

fn check(rule: &str, value: &str, source: &str, expected: &[&str]) {
    let rules = rules(&format!(r#"{{"r": {rule}}}"#));
    let document = Document::parse(value).expect("a document");
    let found = rules.check(&document, &Source::of([source]));
    let said: Vec<_> = found.iter().map(|v| format!("{} {}", v.pointer, v.message)).collect();
    assert_eq!(said, expected, "{rule} on {value}");
}

#[test]
fn members_that_depend_on_each_other_are_compared() {
    let total = r#"{"check": "value.total == sum(value.lines.map(l, l.amount))", "at": "/total"}"#;
    check(total, r#"{"total": 0.3, "lines": [{"amount": 0.1}, {"amount": 0.2}]}"#, "", &[]);
    let said = "/total `value.total == sum(value.lines.map(l, l.amount))` does not hold";
    check(total, r#"{"total": 0.4, "lines": [{"amount": 0.1}, {"amount": 0.2}]}"#, "", &[said]);
    let dates = r#"{"check": "date(value.end) >= date(value.start)", "message": "the end lies before the start"}"#;
    check(dates, r#"{"start": "2026-02-28", "end": "2026-03-01"}"#, "", &[]);
    check(dates, r#"{"start": "2026-03-01", "end": "2026-02-28"}"#, "", &[" the end lies before the start"]);
    let none = " `date(value.end) >= date(value.start)` cannot be evaluated: `2026-02-30` is no date";
    check(dates, r#"{"start": "2026-02-28", "end": "2026-02-30"}"#, "", &[none]);
    let hours = r#"{"check": "time(value.b) - time(value.a) <= 3600.0"}"#;
    check(hours, r#"{"a": "2026-01-01T00:00:00Z", "b": "2026-01-01T02:30:00+02:00"}"#, "", &[]);
}

#[test]
fn a_rule_is_asked_of_each_place_and_names_the_one_that_breaks_it() {
    let share = r#"{"check": "it >= 0 && it <= 1", "each": "/items/*/confidence"}"#;
    let said = "/items/1/confidence `it >= 0 && it <= 1` does not hold; it is `1.7`";
    check(share, r#"{"items": [{"confidence": 1}, {"confidence": 1.7}, {}]}"#, "", &[said]);
    check(r#"{"check": "unique(value.items.map(i, i.id))"}"#, r#"{"items": [{"id": 1}, {"id": 2}]}"#, "", &[]);
    check(
        r#"{"check": "unique(value.items.map(i, i.id))"}"#,
        r#"{"items": [{"id": 1}, {"id": 1}]}"#,
        "",
        &[" `unique(value.items.map(i, i.id))` does not hold"],
    );
}

#[test]
fn what_a_rule_cannot_be_asked_about_does_not_hold() {
    let rule = r#"{"check": "value.end > 1.0"}"#;
    check(rule, "{}", "", &[" `value.end > 1.0` cannot be evaluated: there is no member `end`"]);
    check(r#"{"check": "!has(value.end) || value.end > 1"}"#, "{}", "", &[]);
    check(r#"{"check": "value.a"}"#, r#"{"a": 1}"#, "", &[" `value.a` gives float, not true or false"]);
}

#[test]
fn quotations_and_ids_must_occur_in_the_source() {
    let quote = r#"{"check": "quoted(it)", "each": "/quotes/*", "message": "no quotation"}"#;
    let source = "He said:\n  “we ship –\tnext\u{a0}week”. Order A-12, 12.50 euro.";
    check(quote, r#"{"quotes": ["\"we ship - next week\"", "...next week"]}"#, source, &[]);
    check(
        quote,
        r#"{"quotes": ["we ship this week"]}"#,
        source,
        &["/quotes/0 no quotation; it is `\"we ship this week\"`"],
    );
    let id = r#"{"check": "mentioned(it)", "each": "/id", "message": "no such id"}"#;
    check(id, r#"{"id": "A-12"}"#, source, &[]);
    check(id, r#"{"id": "A-1"}"#, source, &["/id no such id; it is `\"A-1\"`"]);
    check(id, r#"{"id": 12.5}"#, source, &["/id no such id; it is `12.5`"]);
    check(r#"{"check": "!placeholder(value.name)"}"#, r#"{"name": "Ann"}"#, source, &[]);
    check(
        r#"{"check": "!placeholder(value.name)"}"#,
        r#"{"name": "N/A"}"#,
        source,
        &[" `!placeholder(value.name)` does not hold"],
    );
    check(r#"{"check": "!placeholder(value.name)"}"#, r#"{"name": "N/A"}"#, "name: N/A", &[]);
}

#[test]
fn two_objects_are_one_whatever_the_order_of_their_members() {
    let rule = r#"{"check": "unique(value)", "message": "twice"}"#;
    check(rule, r#"[{"a": 1, "b": [2, 3]}, {"b": [2, 3], "a": 1}]"#, "", &[" twice"]);
    check(rule, r#"[{"a": 1, "b": [2, 3]}, {"b": [3, 2], "a": 1}]"#, "", &[]);
}

#[test]
fn a_rule_that_is_none_is_refused_with_its_place() {
    let wrong = |rule: &str| {
        let table: RuleTable = serde_json::from_str(&format!(r#"{{"r": {rule}}}"#)).expect("a table");
        let error = Rules::new(table).expect_err("no rule");
        (error.column, error.to_string())
    };
    assert_eq!(wrong(r#"{"check": "value.total >"}"#).0, Some(13));
    assert_eq!(
        wrong(r#"{"check": "valu.total > 0.0"}"#),
        (Some(0), "the rule `r` names the variable `valu`, which there is not; did you mean `value`?".to_owned())
    );
    assert!(wrong(r#"{"check": "summ(value.a) > 0.0"}"#).1.ends_with("did you mean `sum`?"));
    assert!(wrong(r#"{"check": "it > 0.0"}"#).1.contains("only a rule with `each`"));
    assert!(wrong(r#"{"check": "it > 0.0", "each": "lines"}"#).1.contains("needs a JSON pointer"));
    let nested = r#"{"check": "value.a.all(a, value.a.all(b, value.a.all(c, value.a.all(d, true))))"}"#;
    assert!(wrong(nested).1.contains("comprehensions inside each other"));
    assert!(wrong(&format!(r#"{{"check": "{}true"}}"#, "(".repeat(400))).1.contains("inside each other"));
    assert!(wrong(r#"{"check": "a b"}"#).1.contains("no CEL expression"));
}

#[test]
fn a_value_that_would_take_too_many_steps_is_refused_unread() {
    let pairs = rules(r#"{"r": {"check": "value.all(a, value.all(b, a == b || a != b))"}}"#);
    let list = |n: usize| Document::parse(format!("[{}]", vec!["1"; n].join(","))).expect("a document");
    assert!(pairs.check(&list(150), &Source::default()).is_empty());
    let found = pairs.check(&list(20_000), &Source::default());
    assert!(found[0].message.starts_with("the value is too large"), "{found:?}");
}

#[test]
fn a_broken_rule_is_the_layer_of_rules_and_the_value_stands_beside_it() {
    let schema = CompiledSchema::new(&serde_json::json!({"type": "object", "required": ["n"]})).expect("a schema");
    let rules = rules(r#"{"small": {"check": "value.n < 10"}}"#);
    let judged = |text: &str| rules.judge(read(text, Some(&schema), Conditions::default()), &Source::default());
    assert!(matches!(judged("```json\n{\"n\": 1}\n```"), Reading::Accepted(_)));
    match judged(r#"{"n": 12}"#) {
        Reading::Rejected(rejected) => {
            assert_eq!((rejected.layer, rejected.violations[0].rule.as_str()), (Layer::Rules, "small"));
            assert_eq!(rejected.best.as_deref(), Some(r#"{"n": 12}"#));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(judged("{}"), Reading::Rejected(Rejected { layer: Layer::Schema, .. })));
}
