//! Large and hostile texts.

use serde_json::{Value, json};
use steersman_structured::{Conditions, Reading, read};

use crate::clock::cpu_ns;

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
    ("orders behind", |n| format!("{{\"a\":1}} {}", "ignore x ".repeat(n / 9))),
    ("admissions behind", |n| format!("{{\"a\":1}} {}", "i forgot to mention ".repeat(n / 20))),
    ("templates behind", |n| format!("{{\"a\":1}} you can {}", "use this template ".repeat(n / 18))),
];

/// Milliseconds for a megabyte of each kind (processor time, best of nine), and how they grow from a half to a whole
/// megabyte.
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
