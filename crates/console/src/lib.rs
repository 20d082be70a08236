//! The console's pages, as functions from rows to HTML.
//!
//! A page is one file and one line in `layout::NAVIGATION`; a room's decisions are sentences by [`told()`]. Every page
//! is whole without script: filters are links and forms, charts are SVG, and the address holds the state. What is shown
//! is what the store kept, so it is redacted already; everything is escaped by the template engine.
//!
//! What never happens here: a query, a route, a script that a page needs.

pub mod cache;
pub mod canaries;
mod chart;
pub mod effects;
mod format;
pub mod frontier;
pub mod guard;
mod indent;
pub mod keys;
mod layout;
pub mod load;
pub mod objectives;
pub mod overview;
mod repairs;
pub mod request;
pub mod requests;
pub mod structured;
pub mod tasks;
mod told;
mod transcript;
mod visible;

pub use format::moment as time;
pub use layout::{STYLE, not_found, refused, unavailable};
pub use told::told;
pub use visible::visible;
