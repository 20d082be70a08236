//! A simulated LLM provider: a real HTTP server on loopback that answers as a script says.
//!
//! It speaks every dialect of `steersman-wire`, draws all chance from one seed, fails on demand (errors, hangs, cuts,
//! truncation, refusals, malformed output, a model that changes behind its name), and keeps a [`Bill`] of what it
//! charged, so that a test can compare what a client recorded with what a provider would invoice.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
//! use steersman_sim::{Script, Sim};
//! let script = Script::from_toml("seed = 7\n[default]\nanswer = { text = \"hello\" }")?;
//! let sim = Sim::start(script).await?;
//! assert!(sim.base_url().starts_with("http://127.0.0.1:"));
//! assert_eq!(sim.bill().requests, 0);
//! sim.shutdown().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).expect("the example runs");
//! ```
//!
//! What never happens here: no request leaves this machine, and no answer depends on the clock or the operating
//! system's randomness.

mod bill;
mod body;
mod chance;
mod compose;
mod entrance;
mod latency;
mod malformed;
mod obey;
mod render;
mod respond;
mod schema;
mod script;
mod server;
mod tools;

pub use bill::{Bill, Cancelled, ModelBill};
pub use latency::Latency;
pub use malformed::Malformed;
pub use schema::{Truth, value_for};
pub use script::{Answer, Behaviour, Fault, Rule, Script, ScriptError, When};
pub use server::Sim;
pub use tools::serve_tools;
