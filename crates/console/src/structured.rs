//! What the answers needed: each kind of repair by model, schema and place, and alarms where its share has jumped.
//!
//! Old and new forms come from models; they are shown as text, escaped.

use maud::{Markup, html};
use steersman_structured::{Alarm, Alias, Code, Form, Row};

use crate::{canaries, format, layout};

/// Rows that are shown.
const ROWS_MAX: usize = 200;

/// Another name of a member, and what speaks for it.
#[derive(Debug)]
pub struct AliasLine {
    /// The model (`provider/model`).
    pub model: String,
    /// The schema's name.
    pub schema: String,
    /// Which name stands for which.
    pub alias: Alias,
    /// How many answers confirmed it.
    pub support: u64,
    /// Who confirmed it, if a person did.
    pub person: Option<String>,
    /// When it was last confirmed.
    pub confirmed_at_us: i64,
}

/// The page: counters, most frequent first, and the aliases that answers or persons have confirmed.
#[must_use]
pub fn page(rows: &[Row], alarms: &[Alarm], aliases: &[AliasLine], canaries: &[canaries::Line]) -> Markup {
    let body = html! {
        div.heading {
            h1 { "Structured" }
            p { "Repairs that accepted answers needed. A repair is a signal: the day a model renames a member, "
                "its values still arrive, and the share of one repair jumps." }
        }
        @for alarm in alarms.iter().rev() { p.notice { (told(alarm)) } }
        @if rows.is_empty() {
            p.notice { "No answer has needed a repair yet. Requests with a " code { "response_format" } " or tools are counted here." }
        } @else {
            (layout::table(&["Model", "Schema", "Place", "Repair", "Old", "New", "Answers", "Share", ""], &html! {
                @for row in rows.iter().take(ROWS_MAX) { (line(row)) }
            }))
        }
        (named(aliases))
        (canaries::section(canaries))
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
            td { @if row.form.code == Code::RenamedKey {
                @let (pointer, _) = row.form.pointer.rsplit_once('/').unwrap_or_default();
                @let (old, new) = (row.form.old.clone(), row.form.new.clone());
                @let alias = Alias { pointer: pointer.to_owned(), old, new };
                (button("confirm", "Confirm as alias", &row.model, &row.schema, &alias))
            } }
        }
    }
}

/// Aliases, each with what a person can do about it.
fn named(aliases: &[AliasLine]) -> Markup {
    html! {
        h2 { "Aliases" }
        @if aliases.is_empty() {
            p { "None. An answer that was asked for again and then held the same value under the declared name is evidence for one." }
        } @else {
            (layout::table(&["Model", "Schema", "Place", "Old", "New", "Confirmed by", "Last (UTC)", ""], &html! {
                @for line in aliases {
                    tr {
                        td { (line.model) } td { code { (line.schema) } } td { code { (at(&line.alias.pointer)) } }
                        td { (line.alias.old) } td { (line.alias.new) }
                        td { (line.support) " answers" @if let Some(person) = &line.person { ", a person (" (person) ")" } }
                        td { (format::moment(line.confirmed_at_us)) }
                        td {
                            @if line.person.is_none() { (button("confirm", "Confirm", &line.model, &line.schema, &line.alias)) " " }
                            (button("forget", "Forget", &line.model, &line.schema, &line.alias))
                        }
                    }
                }
            }))
        }
    }
}

fn button(action: &str, words: &str, model: &str, schema: &str, alias: &Alias) -> Markup {
    let hidden = |name: &str, value: &str| html! { input type="hidden" name=(name) value=(value); };
    html! {
        form method="post" action="/console/structured" {
            (hidden("action", action)) (hidden("model", model)) (hidden("schema", schema)) (hidden("pointer", &alias.pointer))
            (hidden("old", &alias.old)) (hidden("new", &alias.new)) button { (words) }
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
    at(&form.pointer)
}

fn at(pointer: &str) -> &str {
    if pointer.is_empty() { "/" } else { pointer }
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
        let alias = Alias { pointer: String::new(), old: "<i>".to_owned(), new: "category".to_owned() };
        let line = AliasLine {
            model: "p/m".to_owned(),
            schema: "ab12".to_owned(),
            alias,
            support: 2,
            person: None,
            confirmed_at_us: 0,
        };
        let html = page(&[row], &[alarm], &[line], &[]).into_string();
        for wanted in [
            "&lt;b&gt;",
            "25.0 %",
            "15 of the last 50",
            "m-1",
            "m-2",
            "renamed key",
            "2 answers",
            "Confirm as alias",
            "value=\"&lt;i&gt;\"",
        ] {
            assert!(html.contains(wanted), "{wanted}");
        }
        assert!(
            !html.contains("<b>")
                && !html.contains("<i>")
                && page(&[], &[], &[], &[]).into_string().contains("No answer")
        );
    }
}
