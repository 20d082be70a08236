//! Closed lists of words.
//!
//! What never happens here: no word is changed. A list of stems is asked for stems.

use std::sync::OnceLock;

use crate::hashed::HashSet;

/// A closed list of words, written as one text and looked up by hash.
pub(crate) struct WordList {
    words: &'static str,
    set: OnceLock<HashSet<&'static str>>,
}

impl WordList {
    /// The words of a text with blanks between them.
    pub(crate) const fn new(words: &'static str) -> Self {
        Self { words, set: OnceLock::new() }
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.set.get_or_init(|| self.words.split_whitespace().collect()).contains(word)
    }
}
