//! A request in clauses: each order with the words that belong to it, read as a request of its own.
//!
//! "Pin the launch post, and mail Petra the minutes" speaks of two rows. In the whole request each word counts for
//! every row, so neither is described better than the other; in its own clause each is. A clause reaches from its order
//! to the next one in the same sentence. Sentences without an order belong to the one before them and to the one behind
//! them.
//!
//! What never happens here: no grant, and no look at a result. The words stay the user's own.

use std::ops::Range;

use crate::request::{Mention, Request};

impl Mention {
    /// Whether it is an order to one of the tools at hand, so that a clause begins with it.
    pub(crate) const fn acts(&self) -> bool {
        (self.explained || self.open) && (self.leading || self.ordering)
    }
}

impl Request {
    /// Splits the request at its orders. One of a single order is its own clause.
    pub(crate) fn split(&mut self) {
        let opens = |mention: &&Mention| {
            let comma = self.words.get(mention.place).is_some_and(|word| word.comma);
            mention.acts() || (mention.verbs != 0 && (mention.leading || mention.ordering || comma))
        };
        let mut orders: Vec<(usize, u32)> =
            self.mentions.iter().filter(opens).map(|order| (order.place, order.sentence)).collect();
        orders.sort_unstable();
        orders.dedup();
        self.clauses.clear();
        if orders.len() < 2 {
            return;
        }
        for at in 0..orders.len() {
            let Some((order, sentence)) = orders.get(at).copied() else { continue };
            let start = match at.checked_sub(1).and_then(|before| orders.get(before)) {
                Some((_, before)) if *before == sentence => order,
                Some((_, before)) => self.words.partition_point(|word| word.sentence <= *before),
                None => 0,
            };
            let end = match orders.get(at + 1) {
                Some((next, behind)) if *behind == sentence => *next,
                Some((_, behind)) => self.words.partition_point(|word| word.sentence < *behind),
                None => self.words.len(),
            };
            let mut request = Self::default();
            request.push(self.raw(start..end));
            self.clauses.push(request);
        }
    }

    /// The text from one word to another, as it was written.
    fn raw(&self, words: Range<usize>) -> &str {
        let (first, last) = (self.words.get(words.start), self.words.get(words.end.saturating_sub(1)));
        let (Some(first), Some(last)) = (first, last) else { return "" };
        self.text.get(first.start..last.end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_has_its_words_and_statements_belong_to_both_neighbours() {
        let mut request = Request::default();
        request.push("Refund Ann's order. It is the Friday one. Move Bo to row G, close desk 3 and send Cy the plan.");
        request.split();
        let clauses: Vec<&str> = request.clauses.iter().map(|clause| clause.text.trim()).collect();
        assert_eq!(
            clauses,
            [
                "Refund Ann's order. It is the Friday one",
                "It is the Friday one. Move Bo to row G",
                "close desk 3 and",
                "send Cy the plan"
            ]
        );
    }
}
