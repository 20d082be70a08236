//! Verbs that a particle gives another meaning: "call off", "turn the sprinklers off", "give it back".
//!
//! A particle ends its phrase, a preposition begins one: "on Friday" says nothing of the verb before it. What verb and
//! particle mean together replaces what the verb means alone.
//!
//! What never happens here: no meaning is guessed. Pairs that the table does not have keep the verb's own.

use crate::moment;
use crate::request::{Request, Word};
use crate::wordlist::WordList;
use crate::words;

impl Request {
    /// The word that gives a verb its meaning: beside it, behind its pronoun, or apart ("turn the sprinklers off").
    pub(crate) fn particle_of(&self, at: usize) -> &str {
        let Some(word) = self.words.get(at) else { return "" };
        let next = self.word(Some(at + 1));
        let objects = ["it", "them", "that", "this", "me", "him", "her", "us"];
        // "turn the sprinklers off": a particle ends its phrase, where a preposition begins one ("on Friday").
        let ends = |at: usize| {
            let Some(next) = self.words.get(at + 1) else { return true };
            static BEHIND: WordList =
                WordList::new("and then to for please again now so at by until till when before after if or with from");
            next.sentence != word.sentence || next.hard_gap || next.comma || BEHIND.has(&next.lower)
        };
        let apart = || {
            const PARTICLES: &[&str] = &["off", "on", "out", "down", "back", "over", "up", "aus", "ein", "go", "away"];
            let near = (at + 1..at + 10).map_while(|at| Some((at, self.words.get(at)?)));
            let near = near.take_while(|(_, near)| near.sentence == word.sentence && !near.hard_gap);
            // "Give my friend back the 20."
            let given = |at: usize| {
                matches!(word.lower.as_str(), "give" | "pay" | "send" | "hand")
                    && matches!(self.word(Some(at + 1)), "the" | "what" | "his" | "her" | "their" | "that")
            };
            let free = |at: usize, near: &Word| match near.lower.as_str() {
                "go" | "off" | "out" | "away" => true,
                "back" => ends(at) || given(at),
                _ => ends(at),
            };
            let mut particles = near.filter(|(at, near)| !near.capital && free(*at, near));
            particles.find(|(_, near)| PARTICLES.contains(&near.lower.as_str())).map(|(_, near)| near.lower.as_str())
        };
        // "Have that money back": what stands between may be a phrase.
        let between = if matches!(next, "that" | "this" | "her") { apart() } else { None };
        match next {
            "yes" | "no" if word.lower == "say" => next,
            "to" if word.lower == "write" => next,
            "that" | "this" if self.word(Some(at + 2)) == "one" => self.word(Some(at + 3)),
            _ if objects.contains(&next) => between.unwrap_or_else(|| self.word(Some(at + 2))),
            "up" | "rid" | "ahead" | "over" | "off" | "on" | "out" | "down" | "back" | "in" | "away" | "together" => {
                next
            }
            _ => apart().unwrap_or(next),
        }
    }
}

impl Request {
    /// "Give the request the green light", "give it your blessing".
    pub(crate) fn is_blessing(&self, at: usize) -> bool {
        let sentence = self.words.get(at).map(|word| word.sentence);
        let behind: Vec<&str> = self
            .words
            .iter()
            .skip(at + 1)
            .take(9)
            .take_while(|word| Some(word.sentence) == sentence && !word.comma)
            .map(|word| word.lower.as_str())
            .collect();
        let blessing = behind.windows(2).any(|pair| {
            matches!(pair, ["green", "light"] | ["go", "ahead"] | ["thumbs", "up"])
                || matches!(pair, ["the" | "your" | "my" | "our" | "an" | "a", "nod" | "okay" | "ok" | "blessing"])
        });
        self.word(Some(at)) == "give" && blessing
    }

    /// "Let her have back whatever was too much."
    pub(crate) fn is_letting_have_back(&self, at: usize) -> bool {
        let near = |word: &str, from: usize, to: usize| {
            let sentence = self.words.get(at).map(|word| word.sentence);
            (at + from..at + to)
                .find(|at| self.words.get(*at).is_some_and(|own| own.lower == word && Some(own.sentence) == sentence))
        };
        self.word(Some(at)) == "let"
            && near("have", 2, 6).is_some_and(|have| near("back", 3, 12).is_some_and(|back| back > have))
    }

    /// "Make it Nil's", "set it to done": that changes what is there and creates nothing. "Put that into a document of
    /// its own" and "save it as tips.md" make one.
    pub(crate) fn is_changing(&self, at: usize) -> bool {
        let own = matches!(self.word(Some(at + 2)), "into" | "in" | "as")
            && matches!(self.word(Some(at + 3)), "a" | "an" | "another");
        let anew = own || self.is_stored_as(at);
        // "Share it" changes nothing.
        let gives = |word: &Word| words::verbs(&word.stem) & words::SHARE != 0 && word.stem != "giv";
        !anew && self.words.get(at).is_some_and(|word| words::is_generic(&word.stem) && !gives(word))
    }

    /// "Save it in the cloud as tips.md", "store them under the name tips.md".
    pub(crate) fn is_stored_as(&self, at: usize) -> bool {
        let Some(verb) = self.words.get(at).filter(|word| matches!(word.stem.as_str(), "sav" | "stor" | "keep")) else {
            return false;
        };
        let mut behind = self.words.iter().skip(at + 2).take(9).take_while(|word| word.sentence == verb.sentence);
        behind.any(|word| matches!(word.lower.as_str(), "as" | "under"))
    }

    /// "Bring the payment up to date."
    pub(crate) fn is_bringing_up_to_date(&self, at: usize) -> bool {
        let behind: Vec<&str> = (at + 1..at + 9).map(|at| self.word(Some(at))).collect();
        matches!(self.word(Some(at)), "bring" | "get") && behind.windows(3).any(|run| run == ["up", "to", "date"])
    }

    /// "Block two hours on Friday", "block Tuesday 10:00 for the review": a time, and nobody.
    pub(crate) fn is_blocking(&self, at: usize) -> bool {
        static TIMES: WordList =
            WordList::new("hour hours minutes min slot morning afternoon day days dates week time");
        let word = |by: usize| self.word(Some(at + by));
        let from = if matches!(word(1), "out" | "off") { 2 } else { 1 };
        let figure = |word: &str, digits: usize| word.len() == digits && word.bytes().all(|b| b.is_ascii_digit());
        let dated = figure(word(from), 4) && figure(word(from + 1), 2);
        word(0) == "block" && (dated || TIMES.has(word(from + 1)) || moment::relative(word(from)).is_some())
    }

    /// "Take the limit down to 5", "bring it up by two", "gets two points more": by how much a figure changes; none for
    /// other particles.
    pub(crate) fn is_scaled(&self, at: usize) -> words::Verbs {
        const LIGHT: &[&str] =
            &["take", "bring", "turn", "put", "get", "push", "move", "cut", "set", "drop", "go", "gets", "give"];
        let Some(word) = self.words.get(at).filter(|word| LIGHT.contains(&word.lower.as_str())) else { return 0 };
        let behind = self.words.get(at + 1..(at + 10).min(self.words.len())).unwrap_or_default();
        for window in behind.windows(3) {
            let [particle, to, figure] = window else { continue };
            if figure.sentence != word.sentence || particle.comma {
                break;
            }
            let number = figure.lower.starts_with(|c: char| c.is_ascii_digit());
            match (particle.lower.as_str(), to.lower.as_str()) {
                ("up", "to" | "by") if number => return words::UPDATE | words::RAISE,
                ("down", "to" | "by") if number => return words::UPDATE | words::LOWER,
                _ => {}
            }
        }
        // "She gets two points more."
        let more = behind.iter().take(4).take_while(|behind| behind.sentence == word.sentence && !behind.comma);
        if matches!(word.stem.as_str(), "get" | "giv")
            && more.skip(2).any(|word| matches!(word.lower.as_str(), "more" | "extra"))
        {
            return words::UPDATE | words::RAISE;
        }
        0
    }
}

/// The classes of a verb with its particle ("call off"); none where the two say nothing of their own.
pub(crate) fn phrasal(verb: &str, particle: &str) -> words::Verbs {
    match (verb, particle) {
        ("write", "to") => words::SEND,
        ("say", "yes") => words::APPROVE,
        ("say", "no") => words::REJECT,
        ("hang" | "stick" | "pin", "up") => words::POST | words::CREATE,
        ("set" | "line" | "fix", "up") => words::CREATE | words::BOOK | words::MEET,
        ("go", "ahead") => words::APPROVE | words::START | words::BUY | words::BOOK,
        ("call", "off") => words::DELETE | words::STOP,
        ("get", "rid")
        | ("take", "out" | "off" | "down")
        | ("pull" | "throw" | "strike" | "cross" | "kick", "out" | "down" | "off")
        | ("throw" | "toss" | "chuck" | "do", "away") => words::DELETE,
        ("take", "back") => words::PAY | words::RETURN | words::UNDO | words::DELETE,
        ("make", "up") => words::PAY | words::CREATE,
        ("sort", "out") => words::UPDATE | words::MOVE,
        ("give" | "pay" | "send" | "bring", "back") => words::PAY | words::RETURN | words::UNDO,
        ("have", "back") => words::PAY | words::RETURN,
        ("get", "back") => words::PAY | words::RETURN | words::REPLY | words::SEND,
        ("hand" | "turn", "in") => words::CREATE | words::CLAIM | words::SEND,
        ("hand" | "give", "out") => words::ASSIGN | words::SEND | words::SHIP | words::ISSUE,
        ("turn" | "switch", "off") | ("mach" | "schalt" | "schalte", "aus") | ("shut" | "power", "down" | "off") => {
            words::STOP | words::UPDATE
        }
        ("turn" | "switch" | "power" | "fire" | "start", "on" | "up")
        | ("mach" | "schalt" | "schalte", "an" | "ein") => words::START | words::UPDATE,
        ("roll" | "put", "back") => words::UNDO | words::RETURN | words::MOVE,
        ("turn" | "knock" | "wave", "down" | "away") => words::REJECT | words::UPDATE,
        ("let", "off") => words::FORGIVE,
        ("let", "go") => words::SHIP | words::OPEN,
        ("let", "in") => words::OPEN | words::APPROVE,
        ("write", "off") => words::FORGIVE | words::DELETE,
        ("write" | "note" | "jot", "down" | "up") => words::RECORD | words::CREATE,
        ("check", "out") => words::LEND | words::BUY,
        ("sign" | "put", "up" | "down") => words::JOIN | words::CREATE | words::RECORD,
        ("sign" | "wave", "off") => words::APPROVE | words::CLOSE,
        ("hand" | "pass" | "give", "over" | "on" | "out") => words::ASSIGN | words::SEND | words::SHIP,
        ("put" | "push" | "move", "off" | "back" | "out") => words::MOVE | words::EXTEND,
        ("fill", "in" | "out") => words::CREATE | words::RECORD,
        ("wrap" | "close" | "finish", "up" | "out") => words::CLOSE,
        ("top" | "load", "up") => words::PAY | words::RECORD,
        ("back", "up") => words::COPY,
        ("file" | "put" | "pack", "away") => words::CLOSE | words::MARK,
        ("stand" | "spin" | "bring", "up") => words::START | words::CREATE,
        ("get" | "sit", "together" | "down") => words::MEET,
        ("opt" | "drop" | "back", "out") => words::LEAVE | words::DELETE,
        _ => 0,
    }
}
