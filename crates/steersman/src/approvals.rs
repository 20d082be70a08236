//! What the guard asks a person about on behalf of clients that run their own tools: kept in the state, shown beside the
//! effects that wait, granted for one call.
//!
//! A request looks at the state only where something was asked in its conversation; which conversations those are is
//! known in memory, and learnt from the other gateways of the database every two seconds.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use steersman_core::{BoxFuture, ContentHash, RequestId};
use steersman_engine::{Approvals, Asked, Granted};
use steersman_store::state::approvals::{Approval, Standing};
use steersman_store::{State, StoreError};
use tokio_util::sync::CancellationToken;

use crate::tool_runs::now_us;

/// How often it is learnt what other gateways asked.
const FRESH: Duration = Duration::from_secs(2);

/// The approvals of this process.
pub(crate) struct ApprovalBook {
    state: State,
    /// Conversations in which something waits or was granted.
    open: Mutex<BTreeSet<String>>,
    /// Known to this process alone.
    secret: [u8; 32],
}

impl ApprovalBook {
    /// A book over this state.
    pub(crate) fn new(state: &State) -> Self {
        let random = format!("{}{}", RequestId::new(0), RequestId::new(1));
        let secret = blake3::derive_key("steersman console approvals 1", random.as_bytes());
        Self { state: state.clone(), open: Mutex::default(), secret }
    }

    /// The word that a form about this approval carries.
    pub(crate) fn token(&self, key: &str) -> String {
        blake3::keyed_hash(&self.secret, key.as_bytes()).to_hex().to_string()
    }

    /// What waits or was granted, oldest first.
    pub(crate) async fn open(&self) -> Result<Vec<Approval>, StoreError> {
        let open = self.state.open_approvals().await?;
        let known = open.iter().map(|approval| approval.conversation.clone()).collect();
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(open)
    }

    /// A person's word, bound to the hash of the call that was shown. `None` if nothing like that waits.
    pub(crate) async fn decide(
        &self,
        key: &str,
        call: &str,
        to: Standing,
        by: &str,
    ) -> Result<Option<Approval>, StoreError> {
        self.state.decide_approval(key, call, to, by, now_us() / 1_000).await
    }

    /// Learns what other gateways asked, until this one drains.
    pub(crate) async fn keep_fresh(&self, draining: CancellationToken) {
        loop {
            if let Err(error) = self.open().await {
                tracing::warn!(%error, "approvals cannot be read; calls that were granted are asked for again");
            }
            tokio::select! {
                () = draining.cancelled() => return,
                () = tokio::time::sleep(FRESH) => {}
            }
        }
    }
}

impl Approvals for ApprovalBook {
    fn ask(&self, asked: Asked) {
        let conversation = asked.conversation.to_string();
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(conversation.clone());
        self.state.ask_approval(Approval {
            key: asked.key.to_string(),
            conversation,
            task: asked.task,
            tool: asked.tool,
            arguments: asked.arguments,
            call: asked.call.to_string(),
            why: asked.why,
            standing: Standing::Waiting,
            asked_at_ms: now_us() / 1_000,
            decided_by: None,
        });
    }

    fn take<'a>(&'a self, conversations: &'a [ContentHash], request: &'a RequestId) -> BoxFuture<'a, Vec<Granted>> {
        let known: Vec<String> = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let all = if open.is_empty() { &[] } else { conversations };
            all.iter().map(ContentHash::to_string).filter(|conversation| open.contains(conversation)).collect()
        };
        Box::pin(async move {
            if known.is_empty() {
                return Vec::new();
            }
            let taken = self.state.take_approvals(known, request.as_str(), now_us() / 1_000).await;
            let granted = |approval: Approval| {
                Some(Granted { key: ContentHash::parse(&approval.key)?, call: ContentHash::parse(&approval.call)? })
            };
            match taken {
                Ok(taken) => taken.into_iter().filter_map(granted).collect(),
                Err(error) => {
                    tracing::warn!(%error, "approvals cannot be taken; the calls are asked for again");
                    Vec::new()
                }
            }
        })
    }

    fn give_back(&self, granted: Granted, request: &RequestId) {
        self.state.give_approval_back(&granted.key.to_string(), request.as_str());
    }
}
