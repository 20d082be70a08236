//! Conversations that the reference answered: they stay with it, for its prompt cache holds them and its tone is
//! theirs.
//!
//! A conversation is known by what was said up to a question of its user. Its next turns begin with the same words, so
//! that a turn is of a raised conversation if one of its earlier questions, with all before it, was raised. Examples
//! that every request carries in front are no conversation: no question that was raised ends there.
//!
//! What never happens here: a text that is kept. Only hashes are, and only for as long as a provider keeps a prompt.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use steersman_core::{ContentHash, Message, Part, Role};

/// A conversation is remembered for as long as providers keep its prompt in their cache.
const CONVERSATION: Duration = Duration::from_secs(600);
/// More conversations than this are forgotten all at once; the next turn of each is decided afresh.
const MOST_CONVERSATIONS: usize = 20_000;

/// The conversations that went up, and when.
#[derive(Default)]
pub(crate) struct Raised(Mutex<HashMap<ContentHash, Instant>>);

/// A request's place in its conversation.
pub(crate) struct Turn {
    /// Its questions that have been answered already, each with all that was said before it.
    past: Vec<ContentHash>,
    /// The question that it asks now, likewise.
    now: ContentHash,
}

impl Turn {
    /// Reads a transcript. Cost: one pass of a fast hash over its texts.
    pub(crate) fn of(messages: &[Message]) -> Self {
        let (mut so_far, mut past, mut open) = (ContentHash::of(b""), Vec::new(), None);
        for message in messages {
            let mut said = so_far.as_bytes().to_vec();
            said.push(message.role as u8);
            for part in &message.parts {
                if let Part::Text(text) = part {
                    said.extend_from_slice(text.as_bytes());
                }
            }
            match message.role {
                // Names of providers, ids and thoughts may differ in how an answer comes back; questions do not.
                Role::Assistant => past.extend(open.take()),
                Role::User => {
                    so_far = ContentHash::of(&said);
                    open = Some(so_far);
                }
                Role::System | Role::Tool => so_far = ContentHash::of(&said),
            }
        }
        Self { now: open.unwrap_or(so_far), past }
    }

    /// The questions before, oldest first.
    pub(crate) fn past(&self) -> &[ContentHash] {
        &self.past
    }

    /// The question that is asked now.
    pub(crate) const fn now(&self) -> ContentHash {
        self.now
    }
}

impl Raised {
    /// Whether an earlier question of the same conversation was raised a short while ago.
    pub(crate) fn holds(&self, turn: &Turn) -> bool {
        let raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turn.past.iter().any(|key| raised.get(key).is_some_and(|at| at.elapsed() < CONVERSATION))
    }

    /// Remembers that the reference answered this one.
    pub(crate) fn raise(&self, turn: &Turn) {
        let mut raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if raised.len() >= MOST_CONVERSATIONS {
            raised.clear();
        }
        raised.insert(turn.now, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(said: &[(Role, &str)]) -> Turn {
        let message =
            |(role, text): &(Role, &str)| Message { role: *role, parts: vec![Part::Text((*text).to_owned())] };
        Turn::of(&said.iter().map(message).collect::<Vec<_>>())
    }

    #[test]
    fn later_turns_of_a_raised_conversation_stay_up_and_others_with_the_same_examples_do_not() {
        use Role::{Assistant, System, User};
        let examples = [(System, "sort"), (User, "ham"), (Assistant, "food")];
        let with = |more: &[(Role, &'static str)]| turn(&[&examples[..], more].concat());
        let raised = Raised::default();
        raised.raise(&with(&[(User, "a boat")]));
        assert!(raised.holds(&with(&[(User, "a boat"), (Assistant, "travel"), (User, "and a car?")])));
        assert!(!raised.holds(&with(&[(User, "a car")])), "the same examples, another question");
        assert!(!raised.holds(&with(&[(User, "a boat")])), "a question that many ask alone");
        assert!(!raised.holds(&turn(&[(User, "a boat"), (Assistant, "travel"), (User, "and a car?")])));
    }
}
