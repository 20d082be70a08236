//! The locks of this crate, named in one place so that a model checker can put its own in their stead.
//!
//! `tests/model.rs` compiles the primitives (`budget`, `gate`) against the checker's locks. A poisoned lock is taken
//! over: no section here can leave its data half changed, since none calls foreign code.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

use std::sync::PoisonError;

/// Locks, whatever a panicking holder left behind.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
