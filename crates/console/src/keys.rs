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

/// The page. `secret` is shown once, right after it was made.
#[must_use]
pub fn page(
    keys: &[Line],
    budgets: &[BudgetRow],
    audit: &[(i64, String, String, String)],
    secret: Option<&str>,
) -> Markup {
    layout::page(
        "Keys",
        "/console/keys",
        &html! {
            h1 { "Keys" }
            @if let Some(secret) = secret {
                p { "The new secret, shown this once: " code { (secret) } }
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

fn table(keys: &[Line]) -> Markup {
    html! {
        @if keys.is_empty() {
            p { "No key was ever made: clients need none, or the gateway's own. From the first key on every client needs one." }
        } @else {
            (layout::table(&["Name", "ID", "Team", "Ends", "Limits", "Made (UTC)", ""], &html! {
                @for key in keys { tr {
                    td { (key.name) } td { code { (key.id) } } td { (key.team.as_deref().unwrap_or("–")) }
                    td { code { "…" (key.ends) } } td { (key.limits) } td { time { (moment(key.created_at_us)) } }
                    td { @if key.revoked { "revoked" } @else { div.actions {
                        form method="post" action={ "/console/keys/" (key.id) "/rotate" } { button.quiet { "Rotate" } }
                        form method="post" action={ "/console/keys/" (key.id) "/revoke" } { button.quiet { "Revoke" } }
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
