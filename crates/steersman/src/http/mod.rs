//! The HTTP surface: addresses, limits of the transport, and nothing of what happens to a request.

mod admin;
mod api;
mod body;
mod cache;
mod credential;
mod effects;
mod error;
mod guard;
mod health;
mod load;
mod models;
mod notices;
mod objectives;
mod origin;
mod pages;
mod passed;
mod responses;
mod serve;
mod stale;
mod steering;
mod structured;
mod tasks;
mod tls;
mod turned_away;

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::routing::get;
use steersman_core::Secret;
use steersman_engine::{Engine, FairQueue};
use steersman_store::Store;

use crate::approvals::ApprovalBook;
use crate::tools::ToolHouse;
pub(crate) use responses::Book;

pub(crate) use notices::Notices;
pub(crate) use serve::{Server, ServerLimits};
pub(crate) use stale::{Part, Stale};
pub(crate) use tls::{Tls, TlsFiles};
pub(crate) use turned_away::TurnedAway;

/// What every handler can reach.
pub(crate) struct Surface {
    /// The objectives of tasks.
    pub(crate) objectives: Arc<steersman_jobs::Objectives>,
    /// The tools that this process runs, if any are configured.
    pub(crate) tools: Option<Arc<ToolHouse>>,
    /// What the guard asks a person about for clients that run their own tools.
    pub(crate) approvals: Arc<ApprovalBook>,
    /// The pipeline.
    pub(crate) engine: RwLock<Arc<Engine>>,
    /// The records.
    pub(crate) store: Arc<Store>,
    /// Hosts beside loopback names and addresses by which browsers reach the gateway.
    pub(crate) hosts: Vec<String>,
    /// The address that clients reach, for the console's examples.
    pub(crate) address: String,
    /// The key that clients must send, if one is set.
    pub(crate) api_key: Option<Secret>,
    /// The key that the console and the admin address want, if it is another.
    pub(crate) admin_key: Option<Secret>,
    /// Who begins when the gateway is full.
    pub(crate) queue: FairQueue,
    /// The largest request body.
    pub(crate) max_body_bytes: usize,
    /// Whether paths that are not served here go on to a provider.
    pub(crate) pass_unknown: bool,
    /// How long a client may take to send a body.
    pub(crate) body_timeout: std::time::Duration,
    /// What was changed on disk and is not in force.
    pub(crate) stale: Stale,
    /// What pages are about to say once.
    pub(crate) notices: Notices,
    /// Requests that were refused before a record of them was opened.
    pub(crate) turned_away: TurnedAway,
    /// Set once the process has begun to shut down.
    pub(crate) draining: tokio_util::sync::CancellationToken,
    /// When what is under way after the grace is cut.
    pub(crate) cut: steersman_engine::Cut,
}

impl Surface {
    /// The pipeline as it is now; a reload puts another in its place and lets this one end what it has begun.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.engine.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether clients need no key: none is set, and none was ever made.
    pub(crate) fn is_open(&self) -> bool {
        self.api_key.is_none() && !self.engine().admit().is_guarded()
    }

    /// Puts another pipeline in its place.
    pub(crate) fn replace_engine(&self, engine: Engine) {
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(engine);
    }
}

/// What stands behind one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// What clients call: all below `/v1`.
    Clients,
    /// The console, `/admin` and `/api`: all else.
    Admin,
    /// Both, on one port.
    Both,
}

/// The addresses of one listener; all but the health checks want the key, if one is set.
pub(crate) fn router(surface: &Arc<Surface>, side: Side) -> Router {
    let door = origin::Door { surface: Arc::clone(surface), side };
    Router::new()
        .merge(api::router())
        .merge(responses::router())
        .merge(passed::router())
        .merge(models::router())
        .merge(pages::router())
        .merge(objectives::router())
        .merge(effects::router())
        .merge(structured::router())
        .merge(admin::router())
        .merge(cache::router())
        .merge(load::router())
        .layer(axum::middleware::from_fn_with_state(door, origin::check))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/health", get(health::report))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(Arc::clone(surface))
}
