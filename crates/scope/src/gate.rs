//! The count of what lives inside a scope: who enters holds a pass, and the scope ends only when the last pass is gone.
//!
//! Entering and the final closing exclude each other under one lock, so that nothing can slip in between "nobody is
//! left" and "closed". No runtime and no clock in here.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::sync::{Arc, Mutex, lock};

#[derive(Debug, Default)]
struct State {
    inside: usize,
    closed: bool,
    waiting: Vec<Waker>,
}

/// Counts what lives in a scope.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<State>>);

impl Gate {
    /// Lets one more in, or refuses since the scope has ended.
    pub(crate) fn enter(&self) -> Option<Pass> {
        let mut state = lock(&self.0);
        if state.closed {
            return None;
        }
        state.inside += 1;
        Some(Pass(self.clone()))
    }

    /// Waits until nobody is inside. Others may enter again right after.
    pub(crate) async fn idle(&self) {
        self.until_empty(false).await;
    }

    /// Waits until nobody is inside and lets nobody in any more.
    pub(crate) async fn close(&self) {
        self.until_empty(true).await;
    }

    async fn until_empty(&self, close: bool) {
        poll_fn(|context| {
            let mut state = lock(&self.0);
            if state.inside == 0 {
                state.closed |= close;
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

/// One inhabitant of a scope; leaves on drop.
#[derive(Debug)]
pub(crate) struct Pass(Gate);

impl Drop for Pass {
    fn drop(&mut self) {
        let waiting = {
            let mut state = lock(&self.0.0);
            state.inside -= 1;
            if state.inside > 0 {
                return;
            }
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}
