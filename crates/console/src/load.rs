//! How full the gateway is, and whose requests wait.

use maud::{Markup, html};

use crate::{format, layout};

/// How things stand, and what happened since the start.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Requests under way.
    pub in_flight: u64,
    /// How many there may be.
    pub max_in_flight: u64,
    /// Bytes of their bodies.
    pub held_bytes: u64,
    /// How many there may be.
    pub max_held_bytes: u64,
    /// Requests that wait, by the name of their key, the longest queue first.
    pub waiting: Vec<(String, u64)>,
    /// Requests that began at once.
    pub at_once: u64,
    /// Requests that waited and began.
    pub waited: u64,
    /// Requests that were refused because too many waited.
    pub refused_full: u64,
    /// Requests that were refused after their wait.
    pub refused_late: u64,
    /// The longest wait of one that began, in microseconds.
    pub longest_wait_us: u64,
}

/// The page.
#[must_use]
pub fn page(load: &Load) -> Markup {
    let row = |what: &str, value: String| html! { tr { th { (what) } td.number { (value) } } };
    let of = |used: String, most: String| format!("{used} of {most}");
    let body = html! {
        h1 { "Load" }
        table.narrow { tbody {
            (row("Requests under way", of(format::count(load.in_flight), format::count(load.max_in_flight))))
            (row("Bytes of their bodies", of(format::bytes(load.held_bytes), format::bytes(load.max_held_bytes))))
            (row("Began at once", format::count(load.at_once)))
            (row("Waited and began", format::count(load.waited)))
            (row("Longest wait of those", format::duration(load.longest_wait_us)))
            (row("Refused, too many waited", format::count(load.refused_full)))
            (row("Refused after their wait", format::count(load.refused_late)))
        } }
        h2 { "Who waits" }
        @if load.waiting.is_empty() { p { "Nobody: each request begins as it comes." } } @else {
            table.narrow {
                thead { tr { th { "Key" } th.number { "Requests" } } }
                tbody { @for (key, count) in &load.waiting {
                    tr { td { (key) } td.number { (format::count(*count)) } }
                } }
            }
            p { "Keys take turns, whatever the length of their queues." }
        }
    };
    layout::page("Load", "/console/load", &body)
}
