//! What a page says once: an action answers with a redirect, so that nothing is done again when the page is loaded
//! anew, and the page it leads to takes from here what is to be told.
//!
//! What never happens here: a secret in an address, or one that is shown twice.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use steersman_core::RequestId;
use steersman_store::now_us;

/// How long a notice waits for the browser that was sent to it.
const KEPT: Duration = Duration::from_mins(1);
/// How many wait at most; the oldest is forgotten.
const MOST: usize = 32;

/// What was left for pages that are about to be asked for, by a word that nobody guesses.
#[derive(Default)]
pub(crate) struct Notices(Mutex<VecDeque<(String, Instant, String)>>);

impl Notices {
    /// Leaves a text, and gives the word for it.
    pub(super) fn leave(&self, text: String) -> String {
        let word = RequestId::new(u64::try_from(now_us() / 1_000).unwrap_or(0)).to_string();
        let mut waiting = self.waiting();
        if waiting.len() == MOST {
            waiting.pop_front();
        }
        waiting.push_back((word.clone(), Instant::now(), text));
        word
    }

    /// Takes a text away; `None` if it was taken, or waited too long.
    pub(super) fn take(&self, word: &str) -> Option<String> {
        let mut waiting = self.waiting();
        waiting.retain(|(_, since, _)| since.elapsed() < KEPT);
        let at = waiting.iter().position(|(known, ..)| known == word)?;
        waiting.remove(at).map(|(.., text)| text)
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(String, Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_taken_once_and_only_so_many_wait() {
        let notices = Notices::default();
        let first = notices.leave("secret".to_owned());
        assert_eq!(notices.take("req_x"), None);
        assert_eq!((notices.take(&first).as_deref(), notices.take(&first)), (Some("secret"), None));
        let forgotten = notices.leave("old".to_owned());
        (0..MOST).for_each(|_| drop(notices.leave("new".to_owned())));
        assert_eq!((notices.take(&forgotten), notices.waiting().len()), (None, MOST));
    }
}
