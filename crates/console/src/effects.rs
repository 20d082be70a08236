//! Effects that wait for a person: calls to approve, and calls whose outcome is unknown.
//!
//! What never happens here: a value of a call as a browser would draw it, and not as it is sent ([`visible()`]).

use maud::{Markup, html};

use crate::layout::{page as frame, sentence};
use crate::visible;

/// One effect.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its key.
    pub key: String,
    /// The tool.
    pub tool: String,
    /// The arguments in canonical form.
    pub arguments: String,
    /// The hash of those, to which an approval is bound.
    pub arguments_hash: String,
    /// `read`, `write` or `irreversible`.
    pub effect: &'static str,
    /// What makes a second send safe, in words.
    pub means: &'static str,
    /// Where it stands, one word.
    pub state: &'static str,
    /// How often it was intended to be sent.
    pub attempt: u32,
    /// The run and place it belongs to.
    pub place: String,
    /// What is known of it.
    pub detail: String,
    /// By whose word it may be sent.
    pub authorised_by: Option<String>,
    /// The word of this process that a form came from this page.
    pub token: String,
}

/// What a person may do with an effect of this state: the action, the words on the button, what it does.
static ACTIONS: &[(&str, &str, &str, &str)] = &[
    ("waiting", "approve", "Approve", "the client's agent may make exactly this call, once"),
    ("waiting", "deny", "Deny", "it is held back"),
    ("planned", "approve", "Approve and send", "sends exactly these arguments, once"),
    ("planned", "deny", "Deny", "nothing is sent"),
    ("authorised", "approve", "Send now", "it was approved and not yet sent"),
    ("unknown", "look_up", "Look up", "asks the tool whether it happened, where it can be asked"),
    ("unknown", "happened", "Mark done", "you know that it happened"),
    ("unknown", "did_not", "Mark not done", "you know that it did not"),
    ("unknown", "resend", "Send again", "it may happen twice"),
];

/// The page.
#[must_use]
pub fn page(rows: &[Row], said: Option<&str>) -> Markup {
    let content = html! {
        h1 { "Effects" }
        @if let Some(said) = said { p role="status" { (visible(said)) } }
        @match rows {
            [] => p {
                "Nothing waits for a person: no call to approve, and no outcome is unknown. See "
                code { "docs/tools-and-effects.md" } "."
            },
            rows => {
                p {
                    "A call that waits is sent when you approve it, with exactly these arguments; where the client's own agent "
                    "makes it, it passes once when the client asks again. Of an unknown one nobody "
                    "knows whether it happened: its answer was lost. It is never sent again by itself."
                }
                @for row in rows { (one(row)) }
            }
        }
    };
    frame("Effects", "/console/effects", &content)
}

fn one(row: &Row) -> Markup {
    html! {
        article id=(row.key) {
            h2 { code { (visible(&row.tool)) } " " small { (row.state) } }
            @if !row.detail.is_empty() { p { (sentence(&row.detail)) } }
            pre { (visible(&row.arguments)) }
            dl.facts {
                div { dt { "Effect" } dd { (row.effect) ", " (row.means) } }
                div { dt { "Place" } dd { (visible(&row.place)) } }
                @if row.attempt > 0 { div { dt { "Intended to be sent, times" } dd { (row.attempt) } } }
                @if let Some(by) = &row.authorised_by { div { dt { "Allowed by" } dd { (visible(by)) } } }
                div { dt { "Hash of the arguments" } dd { code { (row.arguments_hash) } } }
            }
            div.actions { @for (_, action, words, about) in ACTIONS.iter().filter(|(state, ..)| *state == row.state) {
                @let query = format!("action={action}&hash={}&token={}", row.arguments_hash, row.token);
                form method="post" action={ "/console/effects/" (row.key) "?" (query) } {
                    button class=[(*action == "deny").then_some("quiet")] type="submit" { (words) } " " small { (about) }
                }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: &'static str) -> Row {
        Row {
            key: "k".into(),
            tool: "send_mail".into(),
            arguments: "{\"to\":\"<script>\"}".into(),
            arguments_hash: "h".into(),
            effect: "irreversible",
            means: "opaque",
            state,
            attempt: 1,
            place: "run/step 0[0]".into(),
            detail: String::new(),
            authorised_by: None,
            token: "t".into(),
        }
    }

    #[test]
    fn each_state_has_its_own_actions_and_what_a_model_wrote_is_escaped() {
        let shown = |state| page(&[row(state)], None).into_string();
        assert!(shown("planned").contains("action=approve") && !shown("planned").contains("action=resend"));
        assert!(shown("unknown").contains("action=resend") && !shown("unknown").contains("action=approve"));
        assert!(!shown("unknown").contains("<script>"));
    }

    #[test]
    fn what_is_approved_is_what_is_seen() {
        let hidden = "pay\u{202e}evil\u{200b}";
        let row = Row {
            tool: hidden.into(),
            arguments: format!("{{\"to\":\"{hidden}\"}}"),
            place: format!("task {hidden}"),
            detail: format!("`to` is `{hidden}`"),
            authorised_by: Some(hidden.into()),
            ..row("planned")
        };
        let shown = page(&[row], Some(hidden)).into_string();
        assert_eq!(shown.matches("pay\\u202eevil\\u200b").count(), 6, "{shown}");
        assert!(!shown.contains(['\u{202e}', '\u{200b}']));
    }
}
