//! The moment at which a process that ends cuts what is still under way.
//!
//! Whoever closes connections says so here first: streams get their last frame, and records say that it was the gateway
//! that left. What never happens here: a request that is cut before that moment.

use tokio::sync::watch;

/// Whether that moment has come. Cheap to clone; the default is one that never comes.
#[derive(Debug, Clone)]
pub struct Cut(watch::Sender<bool>);

impl Default for Cut {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Cut {
    /// It has come, for all clones.
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    /// Whether it has come.
    #[must_use]
    pub fn is_made(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once it has come.
    pub async fn made(self) {
        // The sender is `self`, so waiting cannot fail.
        drop(self.0.subscribe().wait_for(|made| *made).await);
    }
}
