//! Which requests are one task: the corpus, and laws over prompts that nobody wrote down.

#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use steersman_core::ContentHash;
use steersman_wire::fingerprint;

const CORPUS: &str = include_str!("../../../testdata/fingerprint/corpus.jsonl");

fn of(dialect: &str, body: &Value) -> ContentHash {
    let text = body.to_string();
    let dialect = steersman_wire::dialect(dialect).expect("a dialect");
    fingerprint(&dialect.request_head(text.as_bytes()).expect("a request"))
}

fn chat(system: &str, user: &str) -> Value {
    json!({ "model": "m", "messages": [
        { "role": "system", "content": system }, { "role": "user", "content": user } ] })
}

#[test]
fn the_corpus_has_one_fingerprint_for_each_task_and_no_two_tasks_share_one() {
    let mut tasks: BTreeMap<String, ContentHash> = BTreeMap::new();
    let mut requests = 0;
    for line in CORPUS.lines() {
        let row: Value = serde_json::from_str(line).expect("a line of JSON");
        let (task, dialect) = (row["task"].as_str().expect("a task"), row["dialect"].as_str().expect("a dialect"));
        let found = of(dialect, &row["body"]);
        let known = *tasks.entry(task.to_owned()).or_insert(found);
        assert_eq!(known, found, "`{task}` is one task: {}", row["body"]);
        requests += 1;
    }
    let mut distinct: Vec<_> = tasks.values().collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), tasks.len(), "two tasks share a fingerprint: {tasks:?}");
    assert!(requests > tasks.len(), "no task has two requests");
}

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What changes from call to call, in one way of writing it: two values of it are given.
fn volatile() -> impl Strategy<Value = [String; 2]> {
    let moment = (2000..2099_u32, 0..12_usize, 1..29_u32, 0..24_u32, 0..60_u32, 0..60_u32, any::<u128>());
    (0..14_usize, moment.clone(), moment).prop_map(|(form, one, other)| [written(form, one), written(form, other)])
}

type Moment = (u32, usize, u32, u32, u32, u32, u128);

fn written(form: usize, (year, month, day, hour, minute, second, id): Moment) -> String {
    let number = month + 1;
    let name = MONTHS[month];
    let week = DAYS[usize::try_from(day).unwrap_or(0) % 7];
    match form {
        0 => format!("{year}-{number:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
        1 => format!("{year}-{number:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}+02:00", id % 1_000_000),
        2 => format!("{year}-{number:02}-{day:02} {hour:02}:{minute:02}"),
        3 => format!("{number:02}/{day:02}/{year}"),
        4 => format!("{week}, {name} {day}, {year}"),
        5 => format!("{day} {} {year}", &name[..3]),
        6 => format!("{}, {day} {} {year} {hour:02}:{minute:02}:{second:02} +{hour:02}00", &week[..3], &name[..3]),
        7 => format!("{}:{minute:02} {}", hour % 12 + 1, if hour < 12 { "AM" } else { "PM" }),
        8 => format!("{day}.{number}.{year}"),
        9 => format!("{}", 1_600_000_000 + id % 100_000_000),
        10 => {
            let hex = format!("{id:032x}");
            format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
        }
        11 => format!("{id:032x}"),
        12 => ulid(id),
        _ => format!("{}", 10_000 + id % 1_000_000_000),
    }
}

/// 26 characters of Crockford's alphabet.
fn ulid(id: u128) -> String {
    let digits = b"0123456789abcdefghjkmnpqrstvwxyz";
    let tail: String = (0..20).map(|at| char::from(digits[((id >> (5 * at)) & 31) as usize])).collect();
    format!("01k5a7{tail}")
}

proptest! {
    #[test]
    fn times_ids_and_what_the_user_says_do_not_change_the_task(
        words in "[A-Za-z ,]{0,40}",
        end in prop::sample::select(vec![";", ".", ",", "\n", " and", ")", ""]),
        [one, other] in volatile(),
        users in ["\\PC{0,60}", "\\PC{0,60}"],
    ) {
        // A word that ends in a letter would be one with a number behind it.
        let system = |value: &str| format!("{words}: {value}{end}");
        let (a, b) = (of("openai.chat", &chat(&system(&one), &users[0])), of("openai.chat", &chat(&system(&other), &users[1])));
        prop_assert_eq!(a, b, "`{}` and `{}`", system(&one), system(&other));
    }

    #[test]
    fn another_prompt_another_tool_and_another_schema_are_other_tasks(
        one in "[a-z]{2,12}( [a-z]{2,12}){0,6}",
        other in "[a-z]{2,12}( [a-z]{2,12}){0,6}",
        key in prop::sample::select(vec!["tools", "response_format"]),
    ) {
        // Names of months and days are dates, whichever they are.
        let is_dated = |text: &str| text.split(' ').any(|word| {
            DAYS.iter().chain(&MONTHS).any(|name| word.len() >= 3 && name.to_lowercase().starts_with(word) || word == "sept")
        });
        prop_assume!(one != other && !is_dated(&one) && !is_dated(&other));
        prop_assert_ne!(of("openai.chat", &chat(&one, "u")), of("openai.chat", &chat(&other, "u")));
        let with = |name: &str| {
            let mut body = chat("same", "u");
            body[key] = json!([{ "type": "function", "function": { "name": name } }]);
            body
        };
        prop_assert_ne!(of("openai.chat", &with(&one)), of("openai.chat", &with(&other)));
        prop_assert_ne!(of("openai.chat", &with(&one)), of("openai.chat", &chat("same", "u")));
    }
}
