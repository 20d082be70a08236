//! A quality floor, live: tickets whose category is known are sorted by a model and by a cheaper way of asking it.
//!
//! The tickets are made from templates, so the truth is known and posted as feedback; the calls and their grades are
//! real. The section ends once the floor is proved, or after [`AT_MOST`] with what is still missing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::session::{Row, Session};
use crate::{Failure, domains, http};

/// The reference, the same model with a short leash, and the floor. `MODEL` stands for the demo's model.
pub(super) const CONFIG: &str = "
[models.sorter-brief]
upstream = \"MODEL\"
max_output_tokens = 12
[tasks.sorting.objective]
reference = \"MODEL\"
candidates = [\"sorter-brief\"]
floor = 0.9
confidence = 0.9
evaluator = \"truth\"
answer = \"/category\"
shadow_share = 1.0
";

/// How long the section may take.
const AT_MOST: Duration = Duration::from_secs(30);

/// Tickets by category; `{}` stands for a number.
const TICKETS: &[(&str, &[&str])] = &[
    (
        "delivery",
        &["My parcel {} has not arrived.", "Where is order {}?", "The courier left parcel {} at the wrong door."],
    ),
    ("billing", &["Invoice {} charges me twice.", "Please refund invoice {}.", "Why was my card billed {} dollars?"]),
    ("account", &["I cannot log in with user {}.", "Reset the password of account {}.", "Change the mail of user {}."]),
];

pub(super) fn run(session: &Session) -> Result<Vec<Row>, Failure> {
    let started = Instant::now();
    let mut number = 0;
    loop {
        let (id, answer) = sort(session, number)?;
        number += 1;
        let standing = domains::standing(session.address(), "sorting")?;
        let armed = standing.get("phase").and_then(Value::as_str) == Some("armed");
        if armed || started.elapsed() > AT_MOST {
            let mut row = session.row(&format!("quality floor, {number} tickets"), told(&standing), &answer)?;
            row.id = id;
            return Ok(vec![row]);
        }
    }
}

/// Where the objective stands, in a line.
fn told(standing: &Value) -> String {
    let text = |name: &str| standing.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let quality = standing.get("relative_quality").and_then(Value::as_f64);
    let quality = quality.map_or_else(String::new, |quality| format!("; {quality:.3} of the reference so far"));
    format!("{}: {}{quality}", text("phase"), text("next_step"))
}

fn sort(session: &Session, number: usize) -> Result<(String, http::Answer), Failure> {
    let (category, templates) = TICKETS.get(number % TICKETS.len()).ok_or_else(|| Failure::new("no ticket"))?;
    let template = templates.get(number / TICKETS.len() % templates.len()).ok_or_else(|| Failure::new("no ticket"))?;
    let ticket = template.replace("{}", &(4_700 + number).to_string());
    let schema = json!({
        "type": "object", "required": ["category"], "additionalProperties": false,
        "properties": { "category": { "type": "string", "enum": ["delivery", "billing", "account"] } },
    });
    let answer = session.ask_as(
        "task/sorting",
        json!({
            "messages": [
                { "role": "system", "content": "Sort the ticket: delivery, billing or account." },
                { "role": "user", "content": ticket },
            ],
            "response_format": { "type": "json_schema", "json_schema": { "name": "sorted", "strict": true, "schema": schema } },
            "temperature": 0, "max_completion_tokens": 40,
        }),
    )?;
    let id = answer.header("x-request-id").unwrap_or_default().to_owned();
    session.feedback(&id, category)?;
    Ok((id, answer))
}
