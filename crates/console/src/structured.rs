//! What the answers needed: each kind of repair by model, schema and place, and alarms where its share has jumped.
//!
//! Old and new forms come from models; they are shown as text, escaped.

use maud::{Markup, html};
use steersman_structured::{Alarm, Form, Row};

use crate::layout;

/// Rows that are shown.
const ROWS_MAX: usize = 200;

/// The page: counters since the start of the gateway, most frequent first.
#[must_use]
pub fn page(rows: &[Row], alarms: &[Alarm]) -> Markup {
    let body = html! {
        div.heading {
            h1 { "Structured" }
            p { "Repairs that accepted answers needed since the gateway started. A repair is a signal: the day a model renames a member, "
                "its values still arrive, and the share of one repair jumps." }
        }
        @for alarm in alarms.iter().rev() { p.notice { (told(alarm)) } }
        @if rows.is_empty() {
            p.notice { "No answer has needed a repair yet. Requests with a " code { "response_format" } " or tools are counted here." }
        } @else {
            div.scroll { table {
                thead { tr { th { "Model" } th { "Schema" } th { "Place" } th { "Repair" } th { "Old" } th { "New" } th { "Answers" } th { "Share" } } }
                tbody { @for row in rows.iter().take(ROWS_MAX) { (line(row)) } }
            } }
        }
    };
    layout::page("Structured", "/console/structured", &body)
}

fn line(row: &Row) -> Markup {
    let tenths = row.repairs.saturating_mul(1_000) / row.answers.max(1);
    html! {
        tr {
            td { (row.model) } td { code { (row.schema) } } td { code { (place(&row.form)) } } td { (code(&row.form)) }
            td { (row.form.old) } td { (row.form.new) } td { (row.repairs) " of " (row.answers) }
            td { (tenths / 10) "." (tenths % 10) " %" }
        }
    }
}

fn told(alarm: &Alarm) -> Markup {
    html! {
        strong { "Drift: " } (code(&alarm.form)) " at " code { (place(&alarm.form)) } " of " (alarm.model) ", "
        code { (alarm.form.old) } " for " code { (alarm.form.new) } ": " (alarm.now.0) " of the last " (alarm.now.1) " answers, "
        (alarm.before.0) " of " (alarm.before.1) " before. Served by " (alarm.served_now.join(", "))
        ", before by " (alarm.served_before.join(", ")) "."
    }
}

fn place(form: &Form) -> &str {
    if form.pointer.is_empty() { "/" } else { &form.pointer }
}

fn code(form: &Form) -> String {
    serde_json::to_value(form.code)
        .ok()
        .and_then(|code| code.as_str().map(|code| code.replace('_', " ")))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use steersman_structured::Code;

    #[test]
    fn a_page_shows_rows_and_alarms_and_escapes_what_a_model_wrote() {
        let form = Form {
            pointer: "/category".to_owned(),
            code: Code::RenamedKey,
            old: "<b>".to_owned(),
            new: "category".to_owned(),
        };
        let row =
            Row { model: "p/m".to_owned(), schema: "ab12".to_owned(), form: form.clone(), repairs: 3, answers: 12 };
        let alarm = Alarm {
            model: "p/m".to_owned(),
            schema: "ab12".to_owned(),
            form,
            now: (15, 50),
            before: (0, 80),
            served_before: vec!["m-1".to_owned()],
            served_now: vec!["m-2".to_owned()],
        };
        let html = page(&[row], &[alarm]).into_string();
        for wanted in ["&lt;b&gt;", "25.0 %", "15 of the last 50", "m-1", "m-2", "renamed key"] {
            assert!(html.contains(wanted), "{wanted}");
        }
        assert!(!html.contains("<b>") && page(&[], &[]).into_string().contains("No answer"));
    }
}
