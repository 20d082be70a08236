//! What the words of a trusted text ask for: actions, selections, quantifiers, delegations.
//!
//! A verb is a request only in an asking form: not negated, not a noun, not past, not quoted.
//!
//! What never happens here: no grant. This finds what was asked; whether it is enough is decided elsewhere.

use crate::moment;
use crate::request::{Delegation, Mention, Request, Selection, Word};
use crate::words;

impl Request {
    /// Finds what the words from `first` on ask for.
    pub(crate) fn read(&mut self, first: usize) {
        for at in first..self.words.len() {
            if let Some(mention) = self.mention_at(at, first) {
                self.mentions.push(mention);
            }
            let Some(word) = self.words.get(at) else { continue };
            if word.quoted {
                continue;
            }
            if words::is_quantifier(&word.lower) {
                self.quantified.insert(word.sentence);
            }
            if let Some(relative) = moment::relative(&word.lower) {
                self.relatives.push(relative);
            }
            let before = self.word(at.checked_sub(1));
            if let Some(superlative) = words::superlative(before, &word.lower).filter(|_| !self.is_time_phrase(at)) {
                let selection = Selection { superlative, count: self.count_near(at), nouns: self.stems_after(at) };
                self.selections.push(selection);
            }
        }
        let delegation = self.delegation_from(first);
        self.delegation.actions |= delegation.actions;
        self.delegation.figures |= delegation.figures;
    }

    /// Whether "last", "next" or "first" speaks of the calendar or of an order of work, and selects nothing.
    fn is_time_phrase(&self, at: usize) -> bool {
        let Some(next) = self.words.get(at + 1) else { return true };
        let loose = matches!(self.word(Some(at)), "last" | "next" | "first" | "recent");
        let unit = matches!(
            next.stem.as_str(),
            "week"
                | "month"
                | "year"
                | "dai"
                | "day"
                | "tim"
                | "night"
                | "quarter"
                | "name"
                | "nam"
                | "minut"
                | "hour"
                | "few"
        );
        loose
            && (unit
                || next.hard_gap
                || moment::relative(&next.lower).is_some()
                || next.lower.parse::<u32>().is_ok()
                || (words::is_stop(&next.lower) && next.lower != "two"))
            || (self.word(Some(at)) == "best" && next.stem == "regard")
    }

    fn word(&self, at: Option<usize>) -> &str {
        at.and_then(|at| self.words.get(at)).map_or("", |word| word.lower.as_str())
    }

    fn stems_after(&self, at: usize) -> Vec<String> {
        self.words
            .get(at + 1..(at + 4).min(self.words.len()))
            .unwrap_or_default()
            .iter()
            .map(|word| word.stem.clone())
            .collect()
    }

    /// The number word within two words of a superlative ("the three largest", "top 5"); one if there is none.
    fn count_near(&self, at: usize) -> usize {
        let near = [at.checked_sub(1), at.checked_add(1), at.checked_sub(2)];
        let number = |word: &str| match word {
            "two" | "couple" => Some(2),
            "three" => Some(3),
            "four" => Some(4),
            "five" => Some(5),
            "six" => Some(6),
            "ten" => Some(10),
            _ => word.parse().ok().filter(|count| *count <= 100),
        };
        near.into_iter().find_map(|at| number(self.word(at))).unwrap_or(1)
    }

    /// The request for an action that the word at `at` is, if it is one: a verb in an asking form, not negated, not a
    /// noun, not past, not quoted.
    fn mention_at(&self, at: usize, first: usize) -> Option<Mention> {
        let word = self.words.get(at)?;
        let verbs = words::verbs(&word.stem);
        if word.quoted || self.is_past(at, first) || self.is_noun(at) || self.is_negated(at, first) {
            return None;
        }
        let next = self.word(Some(at + 1));
        let objects = ["it", "them", "that", "this", "me", "him", "her", "us"];
        // "turn it off", "turn the sprinklers off"
        let apart = || {
            let behind = self.words.get(at + 1..(at + 5).min(self.words.len())).unwrap_or_default();
            let behind = behind.iter().take_while(|near| near.sentence == word.sentence && !near.hard_gap);
            behind.map(|near| near.lower.as_str()).find(|near| matches!(*near, "off" | "on" | "out" | "down" | "back"))
        };
        let particle = match next {
            _ if objects.contains(&next) => self.word(Some(at + 2)),
            "up" | "rid" | "over" | "off" | "on" | "out" | "down" | "back" => next,
            _ => apart().unwrap_or(next),
        };
        let phrasal = phrasal(&word.lower, particle);
        let before = self.before(at, 1, first).next().map_or("", |word| word.lower.as_str());
        let leading =
            matches!(before, "" | "and" | "then" | "please" | "to" | "now" | "also" | "just" | "kindly" | "you");
        let pronoun = matches!(next, "it" | "them" | "that" | "this" | "those" | "these" | "one" | "everything");
        // "Make it Nil's", "set it to done": that changes what is there and creates nothing.
        let changing = pronoun && words::is_generic(&word.stem);
        let verbs = if changing { (verbs & !words::CREATE) | words::UPDATE | words::ASSIGN } else { verbs };
        (verbs | phrasal != 0 || word.lower.len() > 3).then(|| Mention {
            stem: word.stem.clone(),
            verbs: verbs | phrasal,
            sentence: word.sentence,
            leading,
            pronoun,
        })
    }

    fn before(&self, at: usize, reach: usize, first: usize) -> impl Iterator<Item = &Word> {
        let sentence = self.words.get(at).map(|word| word.sentence);
        let from = at.saturating_sub(reach).max(first);
        self.words.get(from..at).unwrap_or_default().iter().filter(move |word| Some(word.sentence) == sentence)
    }

    fn is_past(&self, at: usize, first: usize) -> bool {
        let word = self.word(Some(at));
        let past = word.ends_with("ed") && word.len() > 4
            || matches!(word, "sent" | "paid" | "made" | "written" | "given" | "bought" | "left" | "booked");
        past && !self
            .before(at, 7, first)
            .any(|word| matches!(word.stem.as_str(), "want" | "need" | "lik" | "wish" | "get" | "please" | "pleas"))
    }

    fn is_noun(&self, at: usize) -> bool {
        let before = self.word(at.checked_sub(1));
        let wanted = self.word(at.checked_sub(2));
        if matches!(before, "a" | "an") {
            let asking = [
                "need", "want", "give", "giv", "do", "make", "mak", "get", "for", "request", "it", "lik", "him", "her",
                "them", "us", "me",
            ];
            return !asking.contains(&words::stem(wanted).as_str());
        }
        let determiner = matches!(
            before,
            "the"
                | "into"
                | "onto"
                | "under"
                | "within"
                | "as"
                | "my"
                | "your"
                | "his"
                | "her"
                | "their"
                | "our"
                | "this"
                | "that"
                | "these"
                | "those"
                | "any"
                | "some"
                | "s"
                | "of"
                | "no"
                | "its"
                | "each"
                | "every"
                | "last"
                | "latest"
                | "next"
                | "open"
        );
        // "20 shares", "how many shares": what is counted is no verb.
        let word = self.word(Some(at));
        let counted = word.ends_with('s')
            && (before.parse::<f64>().is_ok()
                || matches!(before, "many" | "few" | "several" | "much" | "two" | "three"));
        let gerund = self.word(Some(at)).ends_with("ing")
            && !before.is_empty()
            && !words::is_stop(before)
            && words::verbs(&words::stem(before)) == 0;
        // "it ends", "who leads": a statement about somebody.
        let stated = word.ends_with('s')
            && !word.ends_with("ss")
            && matches!(before, "it" | "he" | "she" | "who" | "which" | "that" | "there" | "everyone" | "nobody");
        determiner || gerund || counted || stated
    }

    fn is_negated(&self, at: usize, first: usize) -> bool {
        let mut negated = false;
        for word in self.before(at, 4, first) {
            match word.lower.as_str() {
                "not" | "never" | "without" | "don" | "cannot" | "nothing" => negated = true,
                "forget" | "hesitate" | "fail" | "then" | "but" | "and" => negated = false,
                _ => {}
            }
        }
        negated
    }

    fn delegation_from(&self, first: usize) -> Delegation {
        let mut found = Delegation::default();
        for (at, word) in self.words.iter().enumerate().skip(first).filter(|(_, word)| !word.quoted) {
            let doing = word.lower != "following"
                && matches!(
                    word.stem.as_str(),
                    "do" | "perform"
                        | "follow"
                        | "execut"
                        | "carri"
                        | "complet"
                        | "handl"
                        | "act"
                        | "implement"
                        | "proces"
                        | "obei"
                        | "work"
                );
            if doing {
                let behind = self.words.iter().skip(at + 1).take(9).take_while(|next| next.sentence == word.sentence);
                let behind: Vec<&str> = behind.filter(|word| !word.quoted).map(|word| word.stem.as_str()).collect();
                let told = |stem: &&str| {
                    matches!(
                        *stem,
                        "action"
                            | "instruct"
                            | "instruction"
                            | "step"
                            | "request"
                            | "todo"
                            | "direct"
                            | "direction"
                            | "ask"
                            | "sai"
                            | "say"
                            | "tell"
                            | "want"
                            | "whatever"
                            | "what"
                            | "procedur"
                    ) || *stem == "task"
                };
                found.actions |= behind.iter().any(told) && !behind.contains(&"follow");
            }
            found.figures |= matches!(
                word.lower.as_str(),
                "accordingly" | "according" | "specified" | "instructed" | "stated" | "described"
            );
        }
        found.figures |= found.actions;
        found
    }
}

/// The classes of a verb with its particle ("call off"); none where the two say nothing of their own.
pub(crate) fn phrasal(verb: &str, particle: &str) -> words::Verbs {
    match (verb, particle) {
        ("set", "up") => words::CREATE | words::BOOK,
        ("call", "off") => words::DELETE | words::STOP,
        ("get", "rid") | ("take", "out" | "off" | "down") => words::DELETE,
        ("give" | "pay" | "send", "back") => words::PAY | words::RETURN,
        ("turn" | "switch", "off") | ("shut", "down") => words::STOP | words::UPDATE,
        ("turn" | "switch", "on") => words::START | words::UPDATE,
        ("roll" | "take", "back") => words::UNDO,
        ("turn", "down") => words::REJECT | words::UPDATE,
        ("let", "off") => words::FORGIVE,
        ("write", "off") => words::FORGIVE | words::DELETE,
        ("check", "out") => words::LEND | words::BUY,
        ("sign", "up") => words::JOIN | words::CREATE,
        ("hand", "over") | ("pass", "on") => words::ASSIGN | words::SEND,
        _ => 0,
    }
}
