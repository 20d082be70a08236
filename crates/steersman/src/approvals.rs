//! What the guard asks a person about on behalf of clients that run their own tools: kept in the state, shown beside
//! the effects that wait, granted for one call.
//!
//! A request looks at the state only where something was asked in its conversation; which conversations those are is
//! known in memory, and learnt from the other gateways of the database every two seconds. A question is in memory until
//! the state has it, so that asking waits for nothing.
//!
//! What never happens here: one client's questions, however many, that keep another's from being seen or granted.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use steersman_core::{BoxFuture, ContentHash, RequestId};
use steersman_engine::{Approvals, Asked, Granted};
use steersman_store::state::approvals::{Approval, Standing};
use steersman_store::{State, StoreError, now_us};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often it is learnt what other gateways asked.
const FRESH: Duration = Duration::from_secs(2);
/// Conversations of one client in which something waits at once, and questions of one client that the state has not
/// yet. A person who reads ten a minute has a quarter of an hour of work with them.
const MOST_OF_ONE_OWNER: usize = 150;

/// A question that was asked here: by whom, and when last.
type AskedHere = (Option<ContentHash>, Instant);

/// The approvals of this process.
pub(crate) struct ApprovalBook {
    state: State,
    /// Conversations in which something waits or was granted; `None` for those that others asked in.
    open: Mutex<BTreeMap<String, Option<AskedHere>>>,
    /// What was asked here and is not in the state yet, by key, with who asked.
    unwritten: Mutex<BTreeMap<String, (Option<ContentHash>, Approval)>>,
    asked: Notify,
    /// Held while the unwritten is written, so that nothing is written twice.
    writing: tokio::sync::Mutex<()>,
    /// Known to this process alone.
    secret: [u8; 32],
}

impl ApprovalBook {
    /// A book over this state.
    pub(crate) fn new(state: &State) -> Self {
        let random = format!("{}{}", RequestId::new(0), RequestId::new(1));
        let secret = blake3::derive_key("steersman console approvals 1", random.as_bytes());
        Self {
            state: state.clone(),
            open: Mutex::default(),
            unwritten: Mutex::default(),
            asked: Notify::new(),
            writing: tokio::sync::Mutex::default(),
            secret,
        }
    }

    /// The word that a form about this approval carries.
    pub(crate) fn token(&self, key: &str) -> String {
        blake3::keyed_hash(&self.secret, key.as_bytes()).to_hex().to_string()
    }

    /// What waits or was granted, oldest first.
    pub(crate) async fn open(&self) -> Result<Vec<Approval>, StoreError> {
        self.write().await?;
        self.state.open_approvals().await
    }

    /// Brings into the state what was asked here. What it refuses, or whoever waits leaves behind, stays here.
    async fn write(&self) -> Result<(), StoreError> {
        let _alone = self.writing.lock().await;
        let asked: Vec<Approval> = held(&self.unwritten).values().map(|(_, approval)| approval.clone()).collect();
        if asked.is_empty() {
            return Ok(());
        }
        self.state.ask_approvals(asked.clone()).await?;
        let mut unwritten = held(&self.unwritten);
        for written in asked {
            if unwritten.get(&written.key).is_some_and(|(_, approval)| *approval == written) {
                unwritten.remove(&written.key);
            }
        }
        Ok(())
    }

    /// Learns in which conversations something is open. What was asked here meanwhile may not be among them.
    async fn learn(&self) -> Result<(), StoreError> {
        let begun = Instant::now();
        self.write().await?;
        let conversations = self.state.open_conversations().await?;
        let mut open = held(&self.open);
        let mut known = std::mem::take(&mut *open);
        *open = conversations.into_iter().map(|name| known.remove_entry(&name).unwrap_or((name, None))).collect();
        open.extend(known.into_iter().filter(|(_, here)| here.is_some_and(|(_, at)| at >= begun)));
        Ok(())
    }

    /// A person's word, bound to the hash of the call that was shown. `None` if nothing like that waits.
    pub(crate) async fn decide(
        &self,
        key: &str,
        call: &str,
        to: Standing,
        by: &str,
    ) -> Result<Option<Approval>, StoreError> {
        self.write().await?;
        self.state.decide_approval(key, call, to, by, now_us() / 1_000).await
    }

    /// Writes what is asked here and learns what other gateways asked, until this one drains.
    pub(crate) async fn keep_fresh(&self, draining: CancellationToken) {
        let mut fresh = tokio::time::interval(FRESH);
        fresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tell(tokio::select! {
                () = draining.cancelled() => return,
                _ = fresh.tick() => self.learn().await,
                () = self.asked.notified() => self.write().await,
            });
        }
    }

    /// Writes what the last requests asked.
    pub(crate) async fn close(&self) {
        tell(self.write().await);
    }
}

fn tell(done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::warn!(%error, "approvals cannot be written or read; calls that were granted are asked for again");
    }
}

/// The lock of one of the book's maps, which are whole whatever panicked.
fn held<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Approvals for ApprovalBook {
    fn ask(&self, asked: Asked) {
        let (key, conversation) = (asked.key.to_string(), asked.conversation.to_string());
        let mut unwritten = held(&self.unwritten);
        let mut open = held(&self.open);
        let of_owner = |here: &&Option<AskedHere>| here.is_some_and(|(owner, _)| owner == asked.owner);
        let is_new = !open.contains_key(&conversation);
        let own = unwritten.values().filter(|(owner, _)| *owner == asked.owner).count();
        if own >= MOST_OF_ONE_OWNER || is_new && open.values().filter(of_owner).count() >= MOST_OF_ONE_OWNER {
            tracing::warn!(tool = asked.tool, "a client has too many calls that wait; this one is refused unasked");
            return;
        }
        open.insert(conversation.clone(), Some((asked.owner, Instant::now())));
        let approval = Approval {
            key: key.clone(),
            conversation,
            task: asked.task,
            tool: asked.tool,
            arguments: asked.arguments,
            call: asked.call.to_string(),
            why: asked.why,
            standing: Standing::Waiting,
            asked_at_ms: now_us() / 1_000,
            decided_by: None,
        };
        unwritten.insert(key, (asked.owner, approval));
        self.asked.notify_one();
    }

    fn take<'a>(&'a self, conversations: &'a [ContentHash], request: &'a RequestId) -> BoxFuture<'a, Vec<Granted>> {
        let known: Vec<String> = {
            let open = held(&self.open);
            let all = if open.is_empty() { &[] } else { conversations };
            all.iter().map(ContentHash::to_string).filter(|conversation| open.contains_key(conversation)).collect()
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use steersman_store::Engine;

    use super::*;

    fn asked(owner: &str, number: usize) -> Asked {
        let hash = |text: &str| ContentHash::of(format!("{owner} {number} {text}").as_bytes());
        Asked {
            key: hash("key"),
            conversation: hash("conversation"),
            owner: Some(ContentHash::of(owner.as_bytes())),
            task: "mail".to_owned(),
            tool: "send".to_owned(),
            arguments: "{}".to_owned(),
            call: hash("call"),
            why: "nobody asked for it".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_flood_of_questions_keeps_nobody_elses_grant_from_being_honoured() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&Engine::Sqlite { path: folder.path().join("s.db") }).await.unwrap();
        let book = ApprovalBook::new(&state);
        for owner in 0..8 {
            (0..200).for_each(|number| book.ask(asked(&format!("flood {owner}"), number)));
        }
        let mine = asked("ann", 0);
        book.ask(mine.clone());
        book.learn().await.unwrap();
        let shown = book.open().await.unwrap();
        assert_eq!(shown.len(), 8 * MOST_OF_ONE_OWNER + 1, "each owner is heard up to its share");
        assert!(shown.iter().any(|approval| approval.key == mine.key.to_string()));
        let (key, call) = (mine.key.to_string(), mine.call.to_string());
        book.decide(&key, &call, Standing::Granted, "bob").await.unwrap().unwrap();
        book.learn().await.unwrap();
        assert!(held(&book.unwritten).is_empty());
        let taken = book.take(&[mine.conversation], &RequestId::new(1)).await;
        assert_eq!(taken, [Granted { key: mine.key, call: mine.call }]);
        // A question that is asked while the state is read is not forgotten for it.
        let (learnt, ()) = tokio::join!(book.learn(), async { book.ask(asked("eve", 0)) });
        learnt.unwrap();
        assert!(held(&book.open).contains_key(&asked("eve", 0).conversation.to_string()));
        // Nor one whose writer was dropped on the way.
        drop(book.write().now_or_never());
        book.close().await;
        assert!(book.open().await.unwrap().iter().any(|approval| approval.key == asked("eve", 0).key.to_string()));
    }
}
