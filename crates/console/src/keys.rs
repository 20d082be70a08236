//! Virtual keys: what each may do, what is used of the budgets, who changed what, and the forms that change them.

use maud::{Markup, html};
use steersman_store::BudgetRow;

use crate::format::moment;
use crate::layout;

/// One key.
#[derive(Debug)]
pub struct Line {
    /// Its id.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// Its team.
    pub team: Option<String>,
    /// The last four characters of its secret.
    pub ends: String,
    /// Its limits in words.
    pub limits: String,
    /// When it was made, in microseconds since the Unix epoch.
    pub created_at_us: i64,
    /// Whether it is good no more.
    pub revoked: bool,
}

/// The secret that the page was asked for.
#[derive(Debug, Clone, Copy)]
pub enum Made<'a> {
    /// None was made.
    None,
    /// It is shown this once.
    Now(&'a str),
    /// It was shown already, or waited too long.
    Gone,
}

/// The page.
#[must_use]
pub fn page(keys: &[Line], budgets: &[BudgetRow], audit: &[(i64, String, String, String)], made: Made<'_>) -> Markup {
    layout::page(
        "Keys",
        "/console/keys",
        &html! {
            h1 { "Keys" }
            @match made {
                Made::None => {}
                Made::Now(secret) => p { "The new secret, shown this once: " code { (secret) } },
                Made::Gone => p.notice { "The new secret was shown once and is not kept. Rotate the key for another." },
            }
            (table(keys))
            (form())
            h2 { "Budgets" }
            @if budgets.is_empty() { p { "None has been used yet." } } @else {
                (layout::table(&["Budget", "Period (UTC)", "#Spent", "#Held", "#Overrun"], &html! {
                    @for row in budgets { tr {
                        td { (row.name) } td { (row.period) }
                        td.number { (row.spent) } td.number { (row.held) } td.number { (row.overrun) }
                    } }
                }))
            }
            h2 { "Changes" }
            @if audit.is_empty() { p { "None yet." } } @else { (layout::table(&["When (UTC)", "By", "What", "Key"], &html! {
                @for (at_us, by, what, key) in audit {
                    tr { td { time { (moment(*at_us)) } } td { (by) } td { (what) } td { (key) } }
                }
            })) }
        },
    )
}

/// What is done to a key that clients may be using.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It gets another secret.
    Rotate,
    /// It is good no more.
    Revoke,
}

impl Change {
    const fn words(self) -> &'static str {
        match self {
            Self::Rotate => "Rotate",
            Self::Revoke => "Revoke",
        }
    }

    const fn effect(self) -> &'static str {
        match self {
            Self::Rotate => "It gets another secret, and whoever has the present one is refused from now on.",
            Self::Revoke => "Whoever has it is refused from now on. This cannot be taken back.",
        }
    }

    fn address(self, key: &Line) -> String {
        let word = match self {
            Self::Rotate => "rotate",
            Self::Revoke => "revoke",
        };
        format!("/console/keys/{}/{word}", key.id)
    }
}

/// The question before a change.
#[must_use]
pub fn confirm(key: &Line, change: Change) -> Markup {
    layout::page(
        "Keys",
        "/console/keys",
        &html! {
            h1 { (change.words()) " " (layout::name(&key.name)) "?" }
            p {
                "The key " code { (key.id) } ", whose secret ends in " code { "…" (key.ends) } ". "
                (change.effect())
            }
            div.actions {
                form method="post" action=(change.address(key)) { button { (change.words()) } }
                form method="get" action="/console/keys" { button.quiet { "Leave it as it is" } }
            }
        },
    )
}

fn table(keys: &[Line]) -> Markup {
    html! {
        @if keys.is_empty() {
            p { "No key was ever made: clients need none, or the gateway's own. From the first key on every client needs one." }
        } @else {
            (layout::table(&["Name", "ID", "Team", "Ends", "Limits", "Made (UTC)", ""], &html! {
                @for key in keys { tr {
                    td { (layout::name(&key.name)) } td { code { (key.id) } }
                    td { (layout::name(key.team.as_deref().unwrap_or("–"))) }
                    td { code { "…" (key.ends) } } td { (key.limits) } td { time { (moment(key.created_at_us)) } }
                    td { @if key.revoked { "revoked" } @else { div.actions {
                        @for change in [Change::Rotate, Change::Revoke] {
                            form method="get" action=(change.address(key)) { button.quiet { (change.words()) } }
                        }
                    } } }
                } }
            }))
        }
    }
}

fn form() -> Markup {
    let field = |name: &str, words: &str, example: &str| {
        html! { label { (words) input name=(name) placeholder=(example); } }
    };
    html! {
        h2 { "New key" }
        form.filters method="post" action="/console/keys" {
            label { "Name" input name="name" required; }
            (field("team", "Team", "search"))
            (field("models", "Models", "gpt-4o-mini claude-*"))
            (field("regions", "Regions", "eu"))
            (field("requests_per_minute", "Requests a minute", "60"))
            (field("tokens_per_minute", "Tokens a minute", "100000"))
            (field("usd_per_day", "Dollars a day", "5"))
            label { input type="checkbox" name="end_users"; " End users write its messages" }
            button { "Make" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_clients_use_is_changed_only_after_a_question() {
        let key = Line {
            id: "key_1".into(),
            name: "web".into(),
            team: None,
            ends: "abcd".into(),
            limits: String::new(),
            created_at_us: 0,
            revoked: false,
        };
        let listed = table(std::slice::from_ref(&key)).into_string();
        assert!(
            !listed.contains("post") && listed.contains("method=\"get\" action=\"/console/keys/key_1/rotate\""),
            "{listed}"
        );
        let asked = confirm(&key, Change::Revoke).into_string();
        assert!(asked.contains("method=\"post\" action=\"/console/keys/key_1/revoke\""), "{asked}");
    }
}
