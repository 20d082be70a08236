//! Tools that the gateway runs for a model: MCP servers, operations of an OpenAPI document, Rust functions.
//!
//! A [`Toolbox`] knows every configured server, what it lists, what the operator says of each tool (its contract) and
//! what was reviewed (its pin). Each tool is a [`steersman_scope::Tool`], so the scope's runner gives it deadline,
//! budget, retries and the effect ledger. A call that is dropped tells its server so, and the scope waits for that.
//!
//! What never happens here: no contract is read from a server's own hints, no tool is offered whose listing differs
//! from the reviewed one, and no child process sees the environment of the gateway.

mod function;
mod lock;
mod lookup;
mod mcp;
mod offer;
mod openapi;
mod schema;
mod toolbox;

pub use function::Function;
pub use lock::{LOCK_FILE, Lock, LockError};
pub use mcp::{McpServer, ServerSpec, Way};
pub use offer::{Offer, Standing, listing_digest, shown_name};
pub use openapi::{OpenApi, OpenApiError, read_document};
pub use toolbox::{Listing, Source, Toolbox, Unreachable};
