//! Large and hostile texts, and previews of a document that is still arriving.

use std::path::Path;

use serde_json::{Value, json};
use steersman_structured::{Conditions, Previews, Reading, Stream, read};

use crate::case::holds;
use crate::clock::cpu_ns;
use crate::judge::cases;

#[expect(clippy::cast_precision_loss, reason = "figures")]
fn ms(text: &str) -> f64 {
    let once = || {
        let start = cpu_ns();
        drop(std::hint::black_box(read(text, None, Conditions::default())));
        cpu_ns() - start
    };
    (0..9).map(|_| once()).min().unwrap_or(0) as f64 / 1e6
}

type Hostile = (&'static str, fn(usize) -> String);

const HOSTILE: &[Hostile] = &[
    ("one trailing comma", |n| format!("[{}1,]", r#"{"id":12,"name":"Ada Lovelace","ok":true},"#.repeat(n / 43))),
    ("single quotes", |n| format!("[{}1]", "{'id':12,'name':'Ada Lovelace','ok':True},".repeat(n / 43))),
    ("unterminated string", |n| format!("{{\"a\":\"{}", "lorem ipsum ".repeat(n / 12))),
    ("inner quotes", |n| format!("[{}1]", r#"{"t":"he said "no" twice"},"#.repeat(n / 27))),
    ("open brackets", |n| "[".repeat(n)),
    ("open objects", |n| "{\"a\":".repeat(n / 5)),
    ("missing inner bracket", |n| {
        format!("[{}{{\"a\":[1,2}},{}1]", r#"{"a":[1,2]},"#.repeat(n / 24), r#"{"a":[1,2]},"#.repeat(n / 24))
    }),
    ("documents", |n| "{\"a\":1} ".repeat(n / 8)),
    ("quotes", |n| "\"".repeat(n)),
    ("prose with braces", |n| "as {name} says, ".repeat(n / 16)),
];

/// Milliseconds for a megabyte of each kind (processor time, best of nine), and how they grow from a half to a whole megabyte.
pub(crate) fn limits() -> Value {
    let rows: Vec<Value> = HOSTILE
        .iter()
        .map(|(name, make)| {
            let (half, whole) = (ms(&make(500_000)), ms(&make(1_000_000)));
            json!({"text": name, "ms_a_megabyte": whole, "doubling": whole / half.max(1e-6)})
        })
        .collect();
    let deep = format!("{}1,{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let depth = match read(&deep, None, Conditions::default()) {
        Reading::Accepted(accepted) => accepted.document().depth(),
        _ => 0,
    };
    json!({"rows": rows, "deepest_accepted": depth})
}

/// Shows every prefix of the first thousand sound documents and as many broken ones, and counts what is taken back.
pub(crate) fn previews(folder: &Path) -> Value {
    let (mut prefixes, mut shown, mut false_previews, mut differing) = (0_u64, 0_u64, 0_u64, 0_u64);
    let sound = cases(&folder.join("valid.jsonl")).into_iter().skip(95).take(1000);
    for case in sound.chain(cases(&folder.join("syntax.jsonl")).into_iter().step_by(17).take(1000)) {
        let mut stream = Stream::new(Previews::Shown, None);
        let mut partials = Vec::new();
        for byte in case.input.as_bytes() {
            let _ = stream.push(std::slice::from_ref(byte));
            prefixes += 1;
            partials.push(stream.partial());
        }
        partials.dedup();
        let unstreamed = read(&case.input, None, Conditions::default());
        let Reading::Accepted(whole) = stream.finish(Conditions::default()) else { continue };
        differing += u64::from(!matches!(unstreamed, Reading::Accepted(u) if u.document() == whole.document()));
        let last: Value = serde_json::from_str(whole.document().text()).unwrap_or(Value::Null);
        for partial in partials.into_iter().flatten() {
            shown += 1;
            let held = serde_json::from_str(&partial).is_ok_and(|part| holds(&part, &last));
            false_previews += u64::from(!held);
        }
    }
    json!({"prefixes": prefixes, "different_previews": shown, "false": false_previews, "unlike_unstreamed": differing})
}
