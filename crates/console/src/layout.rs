//! What every page shares: head, navigation, style.

use maud::{DOCTYPE, Markup, html};

use crate::overview::SPANS;
use crate::visible;

/// One entry of the navigation.
#[derive(Debug)]
pub(crate) struct NavigationEntry {
    /// The address.
    pub path: &'static str,
    /// The words.
    pub title: &'static str,
}

/// Every page that can be reached from everywhere, in order.
pub(crate) static NAVIGATION: &[NavigationEntry] = &[
    NavigationEntry { path: "/console", title: "Overview" },
    NavigationEntry { path: "/console/requests", title: "Requests" },
    NavigationEntry { path: "/console/tasks", title: "Tasks" },
    NavigationEntry { path: "/console/guard", title: "Guard" },
    NavigationEntry { path: "/console/objectives", title: "Objectives" },
    NavigationEntry { path: "/console/effects", title: "Effects" },
    NavigationEntry { path: "/console/structured", title: "Structured" },
    NavigationEntry { path: "/console/cache", title: "Cache" },
    NavigationEntry { path: "/console/load", title: "Load" },
    NavigationEntry { path: "/console/keys", title: "Keys" },
];

/// The style sheet.
pub const STYLE: &str = include_str!("style.css");

/// A page with its frame.
pub(crate) fn page(title: &str, active: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Steersman" }
                link rel="stylesheet" href="/console/style.css";
                link rel="icon" href="data:,";
            }
            body {
                a.skip href="#content" { "To the content" }
                header.top {
                    a.brand href="/console" { "Steersman" }
                    nav aria-label="Pages" {
                        @for entry in NAVIGATION {
                            @let current = (entry.path == active).then_some("page");
                            a href=(entry.path) aria-current=[current] { (entry.title) }
                        }
                    }
                }
                main id="content" { (content) }
            }
        }
    }
}

/// A sentence with what it names between backticks set as code. Others wrote what it names.
pub(crate) fn sentence(text: &str) -> Markup {
    let text = visible(text);
    let pieces: Vec<&str> = text.split('`').collect();
    // A backtick that nothing closes stands for itself.
    let unclosed = pieces.len().is_multiple_of(2).then(|| pieces.len() - 1);
    html! {
        @for (at, piece) in pieces.iter().enumerate() {
            @if at.is_multiple_of(2) { (piece) } @else if Some(at) == unclosed { "`" (piece) } @else { code { (piece) } }
        }
    }
}

/// A name that a client or a provider chose: cut by the style sheet where it is long, whole for who points at it.
pub(crate) fn name(text: &str) -> Markup {
    let shown = visible(text);
    html! { span.name title=(shown) { (shown) } }
}

/// A table that scrolls by itself where the page is narrower. A column whose name begins with `#` holds figures.
pub(crate) fn table(columns: &[&str], rows: &Markup) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { @for column in columns {
                @match column.strip_prefix('#') { Some(name) => th.number { (name) }, None => th { (column) } }
            } } }
            tbody { (rows) }
        } }
    }
}

/// The choice of a span, for the page at `path`.
pub(crate) fn spans(path: &str, chosen: &str) -> Markup {
    html! {
        nav.spans aria-label="Span" {
            @for (word, title, _) in SPANS {
                a href=(format!("{path}?span={word}")) aria-current=[(*word == chosen).then_some("true")] { (title) }
            }
        }
    }
}

/// The page for an address or id that leads nowhere.
#[must_use]
pub fn not_found(what: &str) -> Markup {
    let content = html! {
        h1 { "Not found" }
        p { "There is no " (what) "." @if what.contains("request") { " It may be older than the store keeps." } }
        p { a href="/console" { "Overview" } " · " a href="/console/requests" { "All requests" } }
    };
    page("Not found", "", &content)
}

/// The page for a request that is not taken, why, and where it can be made anew: an address and its words.
#[must_use]
pub fn refused(why: &str, (back, words): (&str, &str)) -> Markup {
    let content = html! {
        h1 { "Not taken" }
        p { (sentence(why)) }
        p { a href=(back) { (words) } }
    };
    page("Not taken", "", &content)
}

/// The page for when the store cannot be read. Requests are served all the same.
#[must_use]
pub fn unavailable(cause: &str) -> Markup {
    let content = html! {
        h1 { "The store cannot be read" }
        p { "Requests are still served; only the records are out of reach at the moment." }
        pre { (cause) }
    };
    page("Store out of reach", "", &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_sentence_are_code_and_nothing_of_it_is_markup() {
        let shown = |text: &str| sentence(text).into_string();
        assert_eq!(shown("`to` = `<b>`: no"), "<code>to</code> = <code>&lt;b&gt;</code>: no");
        assert_eq!(shown("plain"), "plain");
        assert_eq!(shown("`a` and a `b"), "<code>a</code> and a `b");
        assert_eq!(shown("`a\u{202e}b`"), "<code>a\\u202eb</code>");
    }
}
