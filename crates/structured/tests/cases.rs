//! The cases by hand and the blind ones: each gets the outcome and the value that stand beside it.
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "tests index what they built")]

use serde_json::Value;
use steersman_structured::{Rules, batch_line};

fn cases() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/structured/cases.jsonl");
    let text = std::fs::read_to_string(path).expect("the cases are in the repository");
    text.lines().map(|line| serde_json::from_str(line).expect("a case is JSON")).collect()
}

fn check(case: &Value) -> Result<(), String> {
    let answer: Value =
        serde_json::from_str(&batch_line(case.to_string().as_bytes(), &Rules::default())).expect("an answer is JSON");
    let accepted: Vec<&Value> = case["accept"].as_array().into_iter().flatten().collect();
    let outcome = answer["outcome"].as_str().unwrap_or("");
    let may_refuse = case["may_refuse"] == Value::Bool(true);
    let right = match case["outcome"].as_str().unwrap_or("") {
        "accepted" if may_refuse && outcome != "accepted" => true,
        "accepted" if outcome == "accepted" => accepted.iter().any(|v| same(v, &answer["value"])),
        _ if case["refuse"] == Value::Bool(true) => outcome != "accepted",
        "accepted" => false,
        "truncated" => {
            outcome == "truncated"
                && answer["value"].is_null()
                && (answer["prefix"].is_null()
                    || accepted.is_empty()
                    || accepted.iter().any(|v| begins(&answer["prefix"], v)))
        }
        _ => matches!(outcome, "rejected" | "refused"),
    };
    let untouched = case["ident"] != Value::Bool(true) || answer["repairs"].as_array().is_some_and(Vec::is_empty);
    if right && untouched { Ok(()) } else { Err(format!("{}: {answer}", case["id"])) }
}

/// Everything in a prefix is in the whole.
fn begins(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Array(p), Value::Array(w)) => p.len() <= w.len() && p.iter().zip(w).all(|(p, w)| begins(p, w)),
        (Value::Object(p), Value::Object(w)) => p.iter().all(|(k, v)| w.get(k).is_some_and(|x| begins(v, x))),
        _ => same(part, whole),
    }
}

/// Equal as JSON: `36` and `36.0` are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}

#[test]
fn all_hundred_cases_end_as_they_should() {
    let wrong: Vec<String> = cases().iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_blind_cases_end_as_they_should() {
    let wrong: Vec<String> = lines("blind.jsonl").iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_understood_of_the_second_blind_cases_is_refused() {
    let cases = lines("blind_2.jsonl");
    let wrong: Vec<&Value> = cases.iter().filter(|case| check(case).is_err()).collect();
    let silent = wrong.iter().filter(|case| answer(case)["outcome"] == "accepted");
    let silent: Vec<&str> = silent.filter_map(|case| case["id"].as_str()).collect();
    assert!(silent.is_empty(), "accepted and wrong: {silent:?}");
    assert!(wrong.len() * 50 <= cases.len(), "more than 2 % refused without need: {wrong:?}");
}

/// The third set is of what models and agents really write around and for JSON; its author never saw this code.
#[test]
fn what_is_not_understood_of_the_third_blind_cases_is_refused() {
    let cases = lines("blind_3.jsonl");
    let wrong: Vec<&Value> = cases.iter().filter(|case| check(case).is_err()).collect();
    let silent: Vec<&Value> = wrong.iter().copied().filter(|case| answer(case)["outcome"] == "accepted").collect();
    assert!(silent.is_empty(), "accepted and wrong: {silent:?}");
    assert!(wrong.len() * 50 <= cases.len(), "more than 2 % refused without need: {wrong:?}");
}

/// The fourth by another author, who knew the documented format alone.
#[test]
fn what_is_not_understood_of_the_fourth_blind_cases_is_refused() {
    let cases = lines("blind_4.jsonl");
    let wrong: Vec<&Value> = cases.iter().filter(|case| check(case).is_err()).collect();
    let silent: Vec<&Value> = wrong.iter().copied().filter(|case| answer(case)["outcome"] == "accepted").collect();
    assert!(silent.is_empty(), "accepted and wrong: {silent:?}");
    assert!(wrong.len() * 20 <= cases.len(), "more than 5 % refused without need: {wrong:?}");
}

/// The fifth by one more author, of whose cases these have been read.
#[test]
fn what_is_not_understood_of_the_fifth_blind_cases_is_refused() {
    let cases = lines("blind_5.jsonl");
    let wrong: Vec<&Value> = cases.iter().filter(|case| check(case).is_err()).collect();
    let silent: Vec<&Value> = wrong.iter().copied().filter(|case| answer(case)["outcome"] == "accepted").collect();
    assert!(silent.is_empty(), "accepted and wrong: {silent:?}");
    assert!(wrong.len() * 50 <= cases.len(), "more than 2 % refused without need: {wrong:?}");
}

/// The sixth by one more author, who had four in ten refused.
#[test]
fn the_sixth_blind_cases_end_as_they_should() {
    let wrong: Vec<String> = lines("blind_6.jsonl").iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn order() -> Value {
    let item = serde_json::json!({"type": "object", "properties": {"sku": {"type": "string"}, "qty": {"type": "integer"}},
        "required": ["sku", "qty"], "additionalProperties": false});
    serde_json::json!({"type": "object", "properties": {
        "by": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": false},
        "items": {"type": "array", "items": item}, "paid": {"type": "boolean"}},
        "required": ["by", "items", "paid"], "additionalProperties": false})
}

#[test]
fn several_missing_brackets_are_written_where_the_schema_forces_each() {
    let want = serde_json::json!({"by": {"name": "Lia"}, "items": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 2}], "paid": true});
    for input in [
        r#"{"by":{"name":"Lia"},"items":[{"sku":"A","qty":1},{"sku":"B","qty":2,"paid":true}"#,
        r#"{"by":{"name":"Lia","items":[{"sku":"A","qty":1,{"sku":"B","qty":2}],"paid":true}"#,
        r#"{"by":"name":"Lia"},"items":{"sku":"A","qty":1},{"sku":"B","qty":2}],"paid":true}"#,
        r#"{"by":{"name":"Lia"},"items":["sku":"A","qty":1},{"sku":"B","qty":2],"paid":true}"#,
    ] {
        let answer = answer(&serde_json::json!({"id": 1, "input": input, "schema": order()}));
        assert_eq!(answer["value"], want, "{input}: {answer}");
    }
    // What could stand in two places, or was cut, is not closed.
    let mut loose = order();
    loose["properties"]["qty"] = serde_json::json!({"type": "integer"});
    for (input, schema) in [
        (r#"{"by":{"name":"Lia"},"items":[{"sku":"A","qty":1},{"sku":"B","qty":2,"paid":true}"#, &loose),
        (r#"{"by":{"name":"Lia"},"items":[{"sku":"A","qty":1},{"sku":"B","qty":2"#, &order()),
    ] {
        let answer = answer(&serde_json::json!({"id": 1, "input": input, "schema": schema}));
        assert_ne!(answer["outcome"], "accepted", "{input}: {answer}");
    }
}

/// An object that has no other members.
fn object(members: &Value, required: &[&str]) -> Value {
    serde_json::json!({"type": "object", "properties": members, "required": required, "additionalProperties": false})
}

/// A price with its currency, prices, a person, a switch, a currency.
fn schemas_with_rivals() -> [Value; 5] {
    let (text, number) = (serde_json::json!({"type": "string"}), serde_json::json!({"type": "number"}));
    [
        object(&serde_json::json!({"price": number, "currency": text}), &["price"]),
        serde_json::json!({"type": "array", "items": object(&serde_json::json!({"price": number}), &["price"])}),
        object(&serde_json::json!({"name": text, "age": {"type": "integer"}}), &["name", "age"]),
        object(&serde_json::json!({"open": {"type": "boolean"}}), &["open"]),
        object(&serde_json::json!({"currency": {"enum": ["USD", "CAD", "EUR"]}}), &["currency"]),
    ]
}

#[test]
fn a_reading_with_a_rival_is_refused() {
    let [price, prices, person, open, currency] = schemas_with_rivals();
    let start =
        object(&serde_json::json!({"start": {"type": "string"}, "title": {"type": "string"}}), &["start", "title"]);
    for (input, schema) in [
        (r#"{"price": "$12.50", "currency": "EUR"}"#, &price),
        ("If it were Ada, I would return:\n```json\n{\"name\": \"Ada\", \"age\": 36}\n```", &person),
        (r#"[{"price": "$12.50"}, {"price": "€4.00"}]"#, &prices),
        (r#"{"name": "Ada", "age_in_months": 430}"#, &person),
        (r#"{"company_name": "Acme", "age": 36}"#, &person),
        (r#"{"title": "t", "startTime": "9:00", "start_at": "10:00"}"#, &start),
        (r#"{"currency": "$"}"#, &currency),
        (r#"If it were Ada, I would return {"name": "Ada", "age": 36}."#, &person),
        (r#"{"name": "Ada", "age": 36}. I cannot see any text in your message."#, &person),
        (r#"{"name": "Ada", "age": 36} ist falsch."#, &person),
        (r#"{"name": "Ada", "age": 36}, which is wrong."#, &person),
        (r#"~~{"name": "Ada", "age": 36}~~"#, &person),
        (r#"Here is a mock response: {"name": "Ada", "age": 36}"#, &person),
        ("Please paste the text so that I can fill it in:\n{\"name\": \"Ada\", \"age\": 36}", &person),
        (r#"{"was_open": true}"#, &open),
        (r#"{"was": {"open": true}, "result": {"open": true}, "final": {"open": false}}"#, &open),
        (r#"{"price": 3, ...}"#, &serde_json::json!({"type": "object", "additionalProperties": {"type": "number"}})),
        (r#"[{"price": 1}, {"price": 2},"#, &prices),
        (r#"[34.0522, -118.2437"]"#, &Value::Bool(true)),
        (r#"["red, deep", sky\\u0021, light"]"#, &Value::Bool(true)),
        (r#"['red', 'deep 'blue']"#, &Value::Bool(true)),
    ] {
        let answer = answer(&serde_json::json!({"id": 1, "input": input, "schema": schema}));
        assert_ne!(answer["outcome"], "accepted", "{input}: {answer}");
    }
}

#[test]
fn a_reading_without_a_rival_is_taken() {
    let [price, prices, person, open, currency] = schemas_with_rivals();
    let number = serde_json::json!({"type": "number"});
    let both = object(&serde_json::json!({"price_usd": number, "price_eur": number}), &["price_usd", "price_eur"]);
    let deal = object(&serde_json::json!({"stage": {"type": "string"}, "amount": number}), &["stage", "amount"]);
    for (input, schema, want) in [
        (r#"{"price": "$12.50", "currency": "USD"}"#, &price, serde_json::json!({"price": 12.5, "currency": "USD"})),
        (r#"[{"price": "$12.50"}, {"price": "$4.00"}]"#, &prices, serde_json::json!([{"price": 12.5}, {"price": 4.0}])),
        (
            r#"{"price_usd": "$1,299.00", "price_eur": "€1,199.00"}"#,
            &both,
            serde_json::json!({"price_usd": 1299, "price_eur": 1199}),
        ),
        (r#"{"stage": "won", "amount": "$12,500"}"#, &deal, serde_json::json!({"stage": "won", "amount": 12500})),
        (
            "If you'd like to import it, here is the JSON:\n{\"name\": \"Ada\", \"age\": 36}",
            &person,
            serde_json::json!({"name": "Ada", "age": 36}),
        ),
        (
            "{\"name\": \"Ada\", \"age\": 36}\nI do not see any evidence of fraud.",
            &person,
            serde_json::json!({"name": "Ada", "age": 36}),
        ),
        (r#"{"full_name": "Ada", "age": "36 years"}"#, &person, serde_json::json!({"name": "Ada", "age": 36})),
        (r#"{"is_open": true}"#, &open, serde_json::json!({"open": true})),
        (r#"{"name": "Ada", "age": 36, ...}"#, &person, serde_json::json!({"name": "Ada", "age": 36})),
        ("The currency is: `EUR`.", &serde_json::json!({"enum": ["USD", "EUR"]}), "EUR".into()),
        (r#"{"currency": "€"}"#, &currency, serde_json::json!({"currency": "EUR"})),
        (r#"{""name"": ""Ada"", ""age"": 36}"#, &person, serde_json::json!({"name": "Ada", "age": 36})),
    ] {
        let answer = answer(&serde_json::json!({"id": 1, "input": input, "schema": schema}));
        assert!(same(&answer["value"], &want), "{input}: {answer}");
    }
}

#[test]
fn what_only_looks_like_an_answer_is_none() {
    let schema = serde_json::json!({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"], "additionalProperties": false});
    for input in [
        r#"{"example": {"name": "Ada", "age": 36}}"#,
        r#"{"error": "rate limited", "data": {"name": "Ada", "age": 36}}"#,
        r#"{"input": {"name": "Ada", "age": 36}, "output": null}"#,
        r#"{"a": {"name": "Ada", "age": 36}, "b": {"name": "Bob", "age": 40}}"#,
        r#"{"name": "Ada", "extra": {"type": "x"}, b": {"type": "y"}}"#,
        "<example><name>Ada</name><age>36</age></example>",
        "I could not find it.\n\nExample format:\n\nname: Ada\nage: 36",
        "Person(name=\"Ada\", age=36) or Person(name=\"Bob\", age=40)",
        r#"The answer is not {"name": "Ada", "age": 36}."#,
        r#"Should I return {"name": "Ada", "age": 36}?"#,
        r#"{"name": "Ada", "age": 36} Wait, she is 37."#,
        r#"{"name": "<name>", "age": 36}"#,
    ] {
        let answer = answer(&serde_json::json!({"id": 1, "input": input, "schema": schema}));
        assert_ne!(answer["outcome"], "accepted", "{input}: {answer}");
    }
}

fn lines(name: &str) -> Vec<Value> {
    let path = format!("{}/../../testdata/structured/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the set is in the repository");
    text.lines().map(|line| serde_json::from_str(line).expect("a case is JSON")).collect()
}

fn answer(case: &Value) -> Value {
    serde_json::from_str(&batch_line(case.to_string().as_bytes(), &Rules::default())).expect("an answer is JSON")
}

#[test]
fn what_must_be_refused_is_refused() {
    for case in lines("must_refuse.jsonl") {
        let answer = answer(&case);
        assert_ne!(answer["outcome"], "accepted", "{case}\n{answer}");
        assert!(answer["value"].is_null());
    }
}

#[test]
fn drift_is_aligned_or_refused_and_never_silently_wrong() {
    let cases = lines("drift.jsonl");
    let mut right = 0;
    for case in &cases {
        let answer = answer(case);
        if answer["outcome"] == "accepted" {
            assert!(same(&answer["value"], &case["want"]), "{case}\n{answer}");
            right += 1;
        }
    }
    assert!(right * 100 >= cases.len() * 95, "{right} of {}", cases.len());
}
