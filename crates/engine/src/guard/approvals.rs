//! Calls of a client's own agent that a person is asked about: noted when the guard asks, let through once when
//! granted.
//!
//! A grant is bound to the conversation (everything up to a word of its user) and to the call (tool and canonical
//! arguments). The same request again, or the conversation that goes on from there, takes it; another one, or other
//! arguments, do not. A request that took a grant and did not use it gives it back when it ends.
//!
//! What never happens here: a wait for what no person has granted, and a grant that lets two calls through.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use steersman_core::{BoxFuture, ChatRequest, ContentHash, RequestId, Role, canonical_json};
use steersman_flow::{ProposedCall, Witness, call_hash};

use super::{GuardMode, Guarded};
use crate::conversation;
use crate::reply::Inbound;

/// A call that waits for a person.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Hash of conversation and call.
    pub key: ContentHash,
    /// Hash of the conversation up to its user's last word.
    pub conversation: ContentHash,
    /// The credential of the client, by its hash; `None`: one without a virtual key.
    pub owner: Option<ContentHash>,
    /// The task.
    pub task: String,
    /// The tool.
    pub tool: String,
    /// The arguments in canonical form.
    pub arguments: String,
    /// Hash of the tool and the arguments.
    pub call: ContentHash,
    /// Why it was not allowed, for a person: it quotes the value and says where it came from.
    pub why: String,
}

/// A grant that a request took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// Hash of conversation and call.
    pub key: ContentHash,
    /// Hash of the tool and the arguments.
    pub call: ContentHash,
}

/// Whoever keeps approvals, durably.
pub trait Approvals: Send + Sync {
    /// Notes that a call waits, without waiting.
    fn ask(&self, asked: Asked);

    /// Takes what was granted in these conversations, for this request alone. Costs a look at memory where nothing was
    /// asked in any of them.
    fn take<'a>(&'a self, conversations: &'a [ContentHash], request: &'a RequestId) -> BoxFuture<'a, Vec<Granted>>;

    /// Gives a grant back that this request took and did not use, without waiting.
    fn give_back(&self, granted: Granted, request: &RequestId);
}

/// One request's side of it.
pub(super) struct Asking {
    room: Arc<dyn Approvals>,
    request: RequestId,
    owner: Option<ContentHash>,
    task: String,
    conversation: ContentHash,
    taken: Vec<Granted>,
    used: Mutex<BTreeSet<ContentHash>>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let used = self.used.get_mut().unwrap_or_else(PoisonError::into_inner);
        for granted in self.taken.iter().filter(|granted| !used.contains(&granted.call)) {
            self.room.give_back(*granted, &self.request);
        }
    }
}

impl Asking {
    /// Whether a person granted this call.
    pub(super) fn is_granted(&self, call: ContentHash) -> bool {
        self.taken.iter().any(|granted| granted.call == call)
    }

    /// The call was let through: its grant is used.
    pub(super) fn passed(&self, call: ContentHash) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
    }

    /// The call was held back, and a person could allow it.
    pub(super) fn ask(&self, call: &ProposedCall, witness: &Witness) {
        let hash = call_hash(&call.tool, &call.arguments);
        let key = ContentHash::of(format!("{}\0{hash}", self.conversation).as_bytes());
        self.room.ask(Asked {
            key,
            conversation: self.conversation,
            owner: self.owner,
            task: self.task.clone(),
            tool: call.tool.clone(),
            arguments: canonical_json(&call.arguments),
            call: hash,
            why: witness.to_string(),
        });
    }
}

impl Guarded {
    /// Lets a person's word count in this request, and lets the guard ask for more.
    pub(crate) async fn heed(&mut self, room: &Arc<dyn Approvals>, inbound: &Inbound, task: &str) {
        let Some(conversation) = self.conversations.last().copied().filter(|_| self.mode == GuardMode::On) else {
            return;
        };
        let taken = room.take(&self.conversations, &inbound.id).await;
        taken.iter().for_each(|granted| self.guard.approve_call(granted.call));
        let (room, request, task) = (Arc::clone(room), inbound.id.clone(), task.to_owned());
        let owner = inbound.credential;
        self.asking = Some(Asking { room, request, owner, task, conversation, taken, used: Mutex::default() });
    }
}

/// The conversation at each word of its user, the last one last.
pub(super) fn conversations(request: &ChatRequest, task: &str, inbound: &Inbound) -> Vec<ContentHash> {
    let behind = conversation::chain(request, task, inbound).into_iter().skip(1);
    behind.zip(&request.messages).filter(|(_, message)| message.role == Role::User).map(|(link, _)| link).collect()
}
