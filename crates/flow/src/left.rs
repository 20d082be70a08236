//! Which of the user's orders no tool at hand explains, so that they are left for one that the lexicon does not know.
//!
//! A lexicon ends somewhere, an agent's tools are few. So an order in a word that means none of them ("dispense the
//! refill", "let them have the hall") has to mean one of them in a way that the lexicon does not know, or nothing.
//! Whatever is read from it needs evidence in the values of the call, and covers nothing that ends, takes or gives
//! away.
//!
//! What never happens here: no grant. A question, a wish to know and a statement stay what they are.

use crate::mention::Mention;
use crate::request::Request;
use crate::tool::Toolbox;
use crate::words;

impl Request {
    /// Marks the orders that some tool explains, and those that none does. Run whenever the user has said something.
    pub(crate) fn leave_open(&mut self, tools: &Toolbox) {
        // The words of earlier messages and the tools stay what they were.
        for mention in self.mentions.iter_mut().filter(|mention| mention.signs.is_empty()) {
            mention.signs = tools.iter().map(|tool| tool.signs(mention)).collect();
        }
        let explained = |mention: &Mention| tools.iter().any(|tool| tool.has_effect() && tool.explains(self, mention));
        let explained: Vec<bool> = self.mentions.iter().map(explained).collect();
        // Beside an order that a tool explains, or a request for advice, a wish says what that is for ("I need a
        // ride: book the cheapest").
        let advised = |mention: &Mention| mention.ordering && ADVISING.contains(&mention.stem.as_str());
        let advised = self.mentions.iter().any(advised);
        let orders =
            self.mentions.iter().zip(&explained).filter(|(mention, explained)| **explained && is_order(mention));
        let orders: Vec<u32> = orders.map(|(mention, _)| mention.sentence).collect();
        let read: Vec<bool> =
            self.mentions.iter().map(|mention| tools.iter().any(|tool| tool.is_read_by(mention))).collect();
        for ((mention, explained), read) in self.mentions.iter_mut().zip(explained).zip(read) {
            mention.explained = explained;
            mention.loose = LOOSE.contains(&mention.stem.as_str());
            mention.wish &= !advised && !orders.iter().any(|sentence| sentence.abs_diff(mention.sentence) < 2);
            mention.asks = is_order(mention) || (mention.loose && mention.ordering && !read);
            mention.open = !explained && mention.asks;
            mention.reads = read && PERUSING.contains(&mention.stem.as_str());
            mention.best = best(tools, mention);
            mention.placed = tools.iter().any(|tool| tool.has_effect() && tool.is_placed_by(mention));
        }
    }
}

/// How well the tools that fit a clause best fit it, and whether that is one tool.
fn best(tools: &Toolbox, mention: &Mention) -> (u8, bool) {
    let points = || tools.iter().filter(|tool| tool.has_effect()).map(|tool| tool.signs(mention).points());
    let most = points().max().unwrap_or_default();
    (most, points().filter(|points| *points == most).nth(1).is_none())
}

/// Words that ask for a look, whatever else they can mean.
const PERUSING: &[&str] = &[
    "check", "see", "look", "view", "watch", "review", "inspect", "examin", "verifi", "compar", "find", "search",
    "read", "list", "show", "count", "test",
];

/// Words that ask for advice.
const ADVISING: &[&str] = &["recommend", "suggest", "advis", "propos"];

/// Words that ask to read or to act, by what they stand beside ("get the list", "get the plumber to unit 4").
const LOOSE: &[&str] = &["get", "have", "hav", "let", "tak", "take", "ask"];

fn is_order(mention: &Mention) -> bool {
    if mention.wish {
        return true;
    }
    if words::is_reading(&mention.stem) || words::is_stop(&mention.stem) {
        return false;
    }
    let noun = mention.verbs == 0 && words::nouns(&mention.stem) != 0;
    mention.stem.is_empty() || (mention.ordering && !noun)
}
