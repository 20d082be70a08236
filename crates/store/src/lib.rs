//! The store: what is kept of every request, on SQLite or PostgreSQL, and how it is read again.
//!
//! One writer thread takes records from a bounded queue, redacts and compresses them, and commits them in batches with
//! their rollups; readers ask through typed operations and get plain rows. Both engines pass one conformance suite.
//!
//! What never happens here: a request is never delayed or failed by the store, a lost record is never uncounted, an
//! unknown cost is never zero, a secret is never written, and no SQL leaves this crate.

mod batch;
mod bodies;
mod calls;
mod config;
mod driver;
mod error;
mod filter;
mod mark;
mod name;
mod packs;
mod parts;
mod postgres;
mod queue;
mod reader;
mod redact;
mod retention;
mod rollup;
pub mod rows;
mod runs;
mod schema;
mod secret_forms;
mod sketch;
mod slice;
mod sqlite;
pub mod state;
mod store;
mod value;
mod writer;

pub use config::{Engine, Retention, StoreConfig};
pub use driver::DatabaseError;
pub use error::StoreError;
pub use filter::{OverviewQuery, Page, RequestFilter, TimeRange};
pub use reader::Reader;
pub use redact::Redactor;
pub use runs::now_us;
pub use state::State;
pub use state::budgets::BudgetRow;
pub use store::Store;
