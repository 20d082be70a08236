//! Lets text through until a stop text appears.
//!
//! Tokens are bytes: a character or a stop text may span several of them. What could still become either is held back,
//! so what has been let through is never taken back, and the answer is the same however the tokens were cut.

/// Holds back what may still turn out to be a stop text or half a character.
#[derive(Debug)]
pub struct StopGate {
    stops: Vec<Vec<u8>>,
    held: Vec<u8>,
}

/// What a gate says of new bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Passed {
    /// This much more is part of the answer.
    On(String),
    /// This much more is part of the answer, and then comes a stop text.
    Stopped(String),
}

impl StopGate {
    /// A gate for these stop texts; empty ones are ignored.
    #[must_use]
    pub fn new(stops: &[String]) -> Self {
        let stops = stops.iter().filter(|stop| !stop.is_empty()).map(|stop| stop.clone().into_bytes()).collect();
        Self { stops, held: Vec::new() }
    }

    /// Takes the bytes of one more token.
    pub fn push(&mut self, bytes: &[u8]) -> Passed {
        self.held.extend_from_slice(bytes);
        let found = self.stops.iter().filter_map(|stop| find(&self.held, stop).map(|at| (at + stop.len(), at)));
        // The one that is complete first, as if the bytes came one by one.
        if let Some((_, at)) = found.min() {
            self.held.truncate(at);
            return Passed::Stopped(self.finish());
        }
        let open = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let ripe = self.held.len() - open;
        let rest = self.held.split_off(ripe);
        let mut text = String::new();
        let incomplete = drain_utf8(&self.held, &mut text);
        self.held.drain(..self.held.len() - incomplete);
        self.held.extend_from_slice(&rest);
        Passed::On(text)
    }

    /// The answer is over: what was held back belongs to it.
    pub fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.held).into_owned();
        self.held.clear();
        text
    }
}

/// Appends what is text in `bytes`, with a replacement character for what never can be; returns how many bytes at the
/// end are an incomplete character.
fn drain_utf8(bytes: &[u8], text: &mut String) -> usize {
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(chunk.valid());
        let invalid = chunk.invalid();
        if invalid.is_empty() {
            continue;
        }
        if chunks.peek().is_none() && may_continue(invalid) {
            return invalid.len();
        }
        text.push(char::REPLACEMENT_CHARACTER);
    }
    0
}

/// Whether these bytes begin a character that more bytes could complete.
fn may_continue(bytes: &[u8]) -> bool {
    matches!(std::str::from_utf8(bytes), Err(error) if error.error_len().is_none())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The length of the longest end of `bytes` that begins `stop`.
fn overlap(bytes: &[u8], stop: &[u8]) -> usize {
    (1..=stop.len().saturating_sub(1).min(bytes.len()))
        .rev()
        .find(|length| bytes.iter().skip(bytes.len() - length).eq(stop.iter().take(*length)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out when the bytes arrive cut like this.
    fn through(stops: &[String], pieces: &[&[u8]]) -> String {
        let mut gate = StopGate::new(stops);
        let mut out = String::new();
        for piece in pieces {
            match gate.push(piece) {
                Passed::On(text) => out.push_str(&text),
                Passed::Stopped(text) => return out + &text,
            }
        }
        out + &gate.finish()
    }

    #[test]
    fn a_stop_text_across_tokens_ends_the_answer_and_is_no_part_of_it() {
        let stops = ["END".to_owned(), "\n\n".to_owned()];
        assert_eq!(through(&stops, &[b"a E", b"N", b"D b"]), "a ");
        assert_eq!(through(&stops, &[b"a E", b"N", b"d\n", b"\nb"]), "a ENd");
        assert_eq!(through(&stops, &[b"a EN"]), "a EN");
    }

    #[test]
    fn half_a_character_waits_and_a_broken_one_is_marked() {
        let mut gate = StopGate::new(&[]);
        assert_eq!(gate.push(&[0xE2, 0x82]), Passed::On(String::new()));
        assert_eq!(gate.push(&[0xAC]), Passed::On("€".to_owned()));
        assert_eq!(gate.push(&[0xFF, b'a']), Passed::On("\u{FFFD}a".to_owned()));
    }

    proptest! {
        #[test]
        fn the_answer_does_not_depend_on_where_tokens_are_cut(
            text in "[ab€\n]{0,24}", stops in proptest::collection::vec("[ab€\n]{1,3}", 0..3), cuts in proptest::collection::vec(0_usize..40, 0..8)
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let found = stops.iter().filter_map(|stop| text.find(stop.as_str()).map(|at| (at + stop.len(), at)));
            let expected = found.min().map(|(_, at)| at).map_or(text.as_str(), |at| text.get(..at).unwrap());
            prop_assert_eq!(through(&stops, &pieces), expected);
        }
    }
}
