//! Requests that wait for their answer, by id. A connection that ends answers all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::CallFault;

/// What is waited for.
#[derive(Default)]
pub(crate) struct Pending(Mutex<State>);

#[derive(Default)]
struct State {
    last_id: u64,
    waiting: HashMap<u64, (oneshot::Sender<Result<Value, CallFault>>, CancellationToken)>,
    ended: Option<String>,
}

/// One request under way.
pub(crate) struct Ticket {
    pub(crate) id: u64,
    pub(crate) answer: oneshot::Receiver<Result<Value, CallFault>>,
    /// Fires when the request is settled, also if nobody waits for its answer any more.
    pub(crate) settled: CancellationToken,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new request; refused once the connection has ended.
    pub(crate) fn open(self: &Arc<Self>) -> Result<Ticket, CallFault> {
        let mut state = self.lock();
        if let Some(why) = &state.ended {
            return Err(CallFault::NotSent(why.clone()));
        }
        state.last_id += 1;
        let (sender, answer) = oneshot::channel();
        let (id, settled) = (state.last_id, CancellationToken::new());
        state.waiting.insert(id, (sender, settled.clone()));
        Ok(Ticket { id, answer, settled })
    }

    /// Gives a request its answer. One that is not waited for is dropped.
    pub(crate) fn settle(&self, id: u64, answer: Result<Value, CallFault>) {
        if let Some((sender, settled)) = self.lock().waiting.remove(&id) {
            settled.cancel();
            // Whoever asked may be gone.
            drop(sender.send(answer));
        }
    }

    /// The connection has ended: everything that waits is lost, and nothing new is sent.
    pub(crate) fn end(&self, why: &str) {
        let waiting = {
            let mut state = self.lock();
            state.ended.get_or_insert_with(|| why.to_owned());
            std::mem::take(&mut state.waiting)
        };
        for (sender, settled) in waiting.into_values() {
            settled.cancel();
            drop(sender.send(Err(CallFault::Lost(why.to_owned()))));
        }
    }

    /// Why the connection ended, if it has.
    pub(crate) fn ended(&self) -> Option<String> {
        self.lock().ended.clone()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().waiting.len()
    }
}
