//! Which effects this process is working on: one worker for each, others wait. A claim ends with its holder, however
//! that ends.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::key::EffectKey;
use crate::sync::{Mutex, lock};

/// The effects in hand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims(Arc<(Mutex<HashSet<EffectKey>>, Notify)>);

impl Claims {
    /// Waits until nobody else works on this effect.
    pub(crate) async fn take(&self, key: EffectKey) -> Claim {
        let (taken, released) = &*self.0;
        loop {
            let released = released.notified();
            tokio::pin!(released);
            // Listening before looking, so that a release in between is not missed.
            released.as_mut().enable();
            if lock(taken).insert(key) {
                return Claim { claims: self.clone(), key };
            }
            released.await;
        }
    }
}

/// The right to work on one effect.
#[derive(Debug)]
pub(crate) struct Claim {
    claims: Claims,
    key: EffectKey,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let (taken, released) = &*self.claims.0;
        lock(taken).remove(&self.key);
        released.notify_waiters();
    }
}
