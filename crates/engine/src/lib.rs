//! The request pipeline: what happens to a call between the client and its provider.
//!
//! [`Engine::serve`] is the whole of it: `prepare` reads the request and writes the provider's version of it,
//! `attempt_until_accepted` makes upstream calls until one gives an answer that may be released, `finish` releases it.
//! Providers and the store are behind the seams `Upstream` and `Recorder` of `steersman-core`.
//!
//! What never happens here: no socket, no HTTP client, no SQL, no detached task.

mod act;
mod admit;
mod apart;
mod aside;
mod attempt;
mod backoff;
mod balance;
mod best;
mod bulk;
mod cache;
mod catalog;
mod checks;
mod constrain;
mod conversation;
mod cut;
mod drift;
mod engine;
mod extension;
mod fair;
mod fits;
mod forced;
mod forms;
mod guard;
mod health;
mod hedge;
mod judged;
mod latency;
mod likely;
mod live;
mod losses;
mod meter;
mod pace;
mod phases;
mod pin;
mod pipeline;
mod plan;
mod prepare;
mod previews;
mod raised;
mod raw;
mod reader;
mod reask;
mod recording;
mod refusal;
mod region;
mod rejection;
mod relay;
mod reply;
mod resilience;
mod route;
mod silence;
mod stored;
mod thought;
mod verbatim;

pub use act::{AgentTask, NoRoom, Offered, RunWrite, Runs, RunsDown, ToolRoom, Tools, ToolsAway};
pub use admit::{Admit, AdmitSettings, KeyRing, KeyRules};
pub use aside::{Aside, AsideError, Likelihood, ask_aside};
pub use backoff::Backoff;
pub use balance::{Deployment, Strategy};
pub use bulk::BulkSettings;
pub use cache::{AnswerBook, Cache, CacheSettings, KeptAnswer, Listed, Purge, Tally};
pub use catalog::{Candidate, Catalog, Provider, Resolved, UnknownModel};
pub use checks::Policy;
pub use cut::Cut;
pub use drift::{AliasKey, Evidence};
pub use engine::{Engine, Settings};
pub use fair::{Crowded, FairQueue, Flow, LoadLimits, LoadReport, Pass};
pub use fits::Limits;
pub use forms::{FormSettings, TaskForm};
pub use guard::{Approvals, Asked, Granted, GuardMode, GuardSettings, History, OnDeny};
pub use health::{BreakerSettings, PlaceReport, Places};
pub use meter::day_now;
pub use phases::Phases;
pub use raw::Endpoint;
pub use reader::ReaderSettings;
pub use refusal::Refusal;
pub use region::Regions;
pub use reply::{Inbound, Reply, ReplyBody};
pub use resilience::{HedgeSettings, Resilience};
pub use route::{Board, RouteTask, Routes, is_usable, last_question, short_answer, unit};
pub use steersman_wire::Effort;
pub use stored::{BookError, ResponseBook};
pub use thought::Thought;
