//! What the words of a trusted text ask for: actions, selections, quantifiers, delegations.
//!
//! A verb is a request only in an asking form: not negated, not a noun, not past, not quoted.
//!
//! What never happens here: no grant. This finds what was asked; whether it is enough is decided elsewhere.

use crate::licence::is_adverb;
use crate::mention::Mention;
use crate::moment::{self, Relative};
use crate::particle::phrasal;
use crate::request::{Delegation, Request, Word};
use crate::unasked::{OPENERS, asks_for_facts, is_finite};
use crate::wordlist::WordList;
use crate::words;

/// How many words an order reaches at most.
pub(crate) const REACH: usize = 48;

/// Words that end the phrase of an object.
pub(crate) const PREPOSITIONS: &[&str] =
    &["of", "from", "for", "to", "in", "on", "at", "with", "about", "into", "onto", "by", "off", "out", "than", "as"];

/// Words with which a letter ends.
const GREETINGS: &[&str] = &["regards", "thanks", "cheers", "wishes", "sincerely", "greetings", "yours"];

/// What a reminder is made as, in stems.
const ENTRIES: [&str; 7] = ["reminder", "entri", "event", "calendar", "task", "todo", "appoint"];

/// Words beside which something that may be done is asked about or forbidden, and not ordered.
pub(crate) static DOUBTS: WordList = WordList::new(
    "which who what whether if how when where why no none nobody nothing only not cannot unless says said \
    claims claimed writes wrote thinks demands insists asks asked according",
);

/// Words that say of what opens a sentence what it is, has or thinks.
static STATES: WordList =
    WordList::new("is are was were has had will would should expects wants hopes believes thinks says");

impl Request {
    /// Finds what the words from `first` on ask for.
    pub(crate) fn read(&mut self, first: usize) {
        self.find_retractions(first);
        for at in first..self.words.len() {
            if let Some(mention) = self.mention_at(at, first) {
                self.mentions.push(mention);
            }
            let Some(word) = self.words.get(at) else { continue };
            if word.quoted {
                continue;
            }
            let there = usize::from(matches!(self.word(Some(at + 1)), "there" | "here" | "else"));
            let relative = matches!(self.word(Some(at + 1 + there)), "that" | "which" | "who");
            let whatever = relative && matches!(word.lower.as_str(), "anything" | "anyone" | "anybody" | "whatever");
            // "After all" and "at all" are of nothing.
            let idle = word.lower == "all"
                && matches!(self.word(at.checked_sub(1)), "after" | "at" | "in" | "above" | "of")
                && self.words.get(at + 1).is_none_or(|next| next.hard_gap || next.comma)
                || word.lower == "all" && matches!(self.word(Some(at + 1)), "is" | "was" | "good" | "well" | "right");
            // "My order to them" is one.
            let told = words::SEND | words::SHARE | words::POST;
            let of_others = word.lower == "them"
                && matches!(self.word(at.checked_sub(1)), "to" | "for" | "with" | "from" | "by" | "at" | "about")
                && !self.before(at, 12, first).any(|word| words::verbs(&word.stem) & told != 0);
            if whatever || (words::is_quantifier(&word.lower) && !idle && !of_others) {
                self.quantified.insert(word.sentence);
            }
            // "Last Friday" is none that comes.
            let over = self.word(at.checked_sub(1)) == "last";
            self.relatives.extend(moment::relative(&word.lower).map(|relative| match relative {
                Relative::Weekday(day) if over => Relative::Past(day),
                other => other,
            }));
            self.selections.extend(self.selection_at(at));
        }
        self.several.extend(&self.quantified);
        let several = self.several_from(first);
        self.several.extend(several);
        self.read_ranking(first);
        self.read_verbless(first);
        let delegation = self.delegation_from(first);
        self.delegation.actions |= delegation.actions;
        self.delegation.figures |= delegation.figures;
    }

    /// "Change the rent to match", "see that the amount fits": a figure that follows from what stands elsewhere.
    fn is_matched(&self, at: usize) -> bool {
        let doubt = |word: &Word| word.question || DOUBTS.has(&word.lower);
        if self.words.get(at).is_some_and(doubt) || self.before(at, 24, 0).any(doubt) {
            return false;
        }
        let last = self.words.get(at + 1).is_none_or(|next| next.hard_gap || next.sentence != self.sentence_of(at));
        let around = (self.word(at.checked_sub(1)), self.word(Some(at)), self.word(Some(at + 1)));
        if matches!(around, ("into" | "in", "line", "with")) {
            return true;
        }
        last && (matches!(self.word(Some(at)), "fits" | "matches")
            || (self.word(Some(at)), self.word(at.checked_sub(1))) == ("match", "to"))
    }

    pub(crate) fn sentence_of(&self, at: usize) -> u32 {
        self.words.get(at).map_or(0, |word| word.sentence)
    }

    /// "Make that list a file": whether a word points at the thing that is named behind it.
    fn is_demonstrative(&self, at: usize) -> bool {
        let plain = |at: usize| {
            let word = self.words.get(at).filter(|word| !word.hard_gap && !word.comma);
            word.filter(|word| !words::is_stop(&word.lower) && !word.quoted)
        };
        let named = |at: usize| plain(at).is_some_and(|word| words::nouns(&word.stem) != 0);
        matches!(self.word(Some(at)), "that" | "this" | "these" | "those")
            && (named(at + 1) || (plain(at + 1).is_some() && named(at + 2)))
    }

    pub(crate) fn word(&self, at: Option<usize>) -> &str {
        at.and_then(|at| self.words.get(at)).map_or("", |word| word.lower.as_str())
    }

    /// The stems of the words behind a verb, up to the end of the clause.
    pub(crate) fn stems_behind(&self, at: usize) -> Vec<String> {
        let Some(verb) = self.words.get(at) else { return Vec::new() };
        let behind = self.words.iter().skip(at + 1).filter(|word| !word.quoted).take(9);
        // "Move that to my savings": a pronoun begins no clause.
        let pronoun = self.is_demonstrative(at + 1)
            || matches!(self.word(Some(at + 2)), "to" | "into" | "from" | "on" | "onto" | "back" | "over");
        let phrase = behind.enumerate().take_while(|(place, word)| {
            word.sentence == verb.sentence
                && (!word.hard_gap || word.quoted)
                && (*place == 0 && pronoun && word.lower == "that"
                    || !matches!(
                        word.lower.as_str(),
                        "and" | "then" | "if" | "when" | "that" | "what" | "which" | "who" | "how" | "whether"
                    ))
        });
        phrase.map(|(_, word)| word.stem.clone()).collect()
    }

    /// Whether a word stands where an order stands, whatever it means.
    fn is_order(&self, at: usize, first: usize) -> bool {
        const OPEN: &[&str] = &["please", "pls", "now", "also", "just", "kindly", "you", "then", "and", "case"];
        static OBJECTS: WordList = WordList::new(
            "the a an my his her their our your its it them this that these those all every each both up \
            out off down over back in on me him us",
        );
        const WISHES: &[&str] = &["want", "need", "like", "love", "have", "wish", "you"];
        let Some(word) = self.words.get(at).filter(|word| !word.quoted) else { return false };
        let start = !self.before(at, 1, first).any(|_| true);
        let before = self.word(at.checked_sub(1));
        let wish = before == "to" && WISHES.contains(&self.word(at.checked_sub(2)));
        let next = self.words.get(at + 1).filter(|next| next.sentence == word.sentence);
        let object = next.is_some_and(|next| {
            next.capital
                || next.quoted
                || OBJECTS.has(&next.lower)
                || next.lower.starts_with(|c: char| c.is_ascii_digit())
        });
        // "Names of all three."
        let thing = words::verbs(&word.stem) == 0 && word.lower.ends_with('s') && !word.lower.ends_with("ss");
        let start = start && !(thing && next.is_some_and(|next| next.lower == "of"));
        // "Yusuf's post is old", "Yusuf wrote me": what opens a statement is its subject.
        let subject = next.is_some_and(|next| next.lower == "s" || is_finite(&next.lower)) || self.is_subject(at);
        (start && !subject)
            || ((wish || OPEN.contains(&before)) && object && !word.capital)
            || (object && self.is_behind_adverbial(at, first))
    }

    /// "Canal Row 9 is gone": whether a word that is no verb opens a name of which something is said.
    fn is_subject(&self, at: usize) -> bool {
        const ENDS: &[&str] =
            &["what", "which", "who", "that", "if", "when", "whatever", "whether", "where", "how", "why"];
        let Some(word) = self.words.get(at).filter(|word| words::verbs(&word.stem) == 0) else { return false };
        // "Petra, not you, is to approve it."
        let leads = OPENERS.contains(&word.lower.as_str()) || is_adverb(&word.lower) || words::is_stop(&word.lower);
        let apart = self.words.get(at + 1).is_some_and(|next| next.comma && next.sentence == word.sentence);
        if word.capital && !leads && apart {
            return true;
        }
        let behind = self.words.iter().skip(at + 1).take(4);
        let mut phrase = behind
            .take_while(|next| next.sentence == word.sentence && !next.comma && !ENDS.contains(&next.lower.as_str()));
        phrase.any(|next| STATES.has(&next.lower))
    }

    /// Whether the word at `at` is the first verb of a sentence that opens with where, when or whether ("For the sink
    /// take the cheaper one", "if so give it to Ann"), and no subject stands before it.
    fn is_behind_adverbial(&self, at: usize, first: usize) -> bool {
        const OPENS: &[&str] =
            &["for", "in", "on", "at", "from", "with", "of", "if", "when", "once", "after", "before", "as"];
        const SUBJECTS: &[&str] = &["i", "we", "he", "she", "they", "who", "that", "which", "it", "you", "to", "not"];
        let Some(word) = self.words.get(at).filter(|word| !word.capital && !word.quoted) else { return false };
        let known = (words::verbs(&word.stem) != 0 || word.lower == "let")
            && !is_finite(&word.lower)
            && !word.lower.ends_with('s');
        let mut before = self.before(at, 24, first);
        let opens = before.next().is_some_and(|word| OPENS.contains(&word.lower.as_str()));
        let free =
            |word: &Word| words::is_stop(&word.lower) || words::verbs(&word.stem) == 0 || words::nouns(&word.stem) != 0;
        known && opens && !SUBJECTS.contains(&self.word(at.checked_sub(1))) && before.all(free)
    }

    /// Sentences that hold no verb and are no question still ask for something ("one piece into the cart, please").
    fn read_verbless(&mut self, first: usize) {
        let mut at = first;
        while let Some(start) = self.words.get(at) {
            let sentence = start.sentence;
            let words: Vec<&Word> = self.words.iter().skip(at).take_while(|word| word.sentence == sentence).collect();
            at += words.len();
            let asks = |word: &&&Word| asks_to_know(word);
            let spoken = self.mentions.iter().any(|mention| {
                mention.sentence == sentence
                    && (mention.verbs != 0 || mention.bidden || mention.ordering && words::is_reading(&mention.stem))
            });
            // "The best rated one" says nothing of anybody.
            let rated =
                |at: usize| words.get(at).is_some_and(|word| matches!(word.lower.as_str(), "best" | "top" | "highest"));
            // "It's Tuesday."
            let start = at - words.len();
            let contracted =
                |at: usize| self.word((start + at).checked_sub(1)) == "it" && self.is_dated(start + at + 1);
            let stated = words.iter().enumerate().any(|(at, word)| {
                let finite = is_finite(&word.lower) && !at.checked_sub(1).is_some_and(rated);
                // "You're a treasure."
                let said_of_you = at == 1 && word.lower == "re" && self.word(Some(start)) == "you";
                !word.quoted && (finite || said_of_you || (word.lower == "s" && contracted(at)))
            });
            // What is dictated whole asks for nothing itself.
            let dictated = words.iter().all(|word| word.quoted || word.told || word.question);
            // "Don't send Ann 'yes'."
            let denied = words.iter().any(|word| word.quoted)
                && self.is_denied(words.iter().copied().filter(|word| !word.quoted));
            let asking = words.iter().filter(|word| !word.quoted).any(|word| asks(&word));
            let let_be = (at - words.len()..at).any(|at| self.is_let_be(at)) || asks_for_facts(&words);
            // "Thanks a lot in advance, Petra."
            let greets = words.len() < 8 && words.iter().take(2).any(|word| GREETINGS.contains(&word.lower.as_str()));
            let foreign = (start..at).any(|at| self.is_foreign_deed(at, first));
            if words.len() < 3 || greets || foreign || let_be || spoken || stated || asking || dictated || denied {
                continue;
            }
            let mention = self.verbless(at - words.len(), sentence);
            self.mentions.push(mention);
        }
    }

    /// Whether a word is a verb that the user does not ask for, and nothing else.
    fn is_foreign_deed(&self, at: usize, first: usize) -> bool {
        let Some(word) = self.words.get(at).filter(|word| !word.quoted && !word.host && !word.inside) else {
            return false;
        };
        let verbs = words::verbs(&word.stem);
        let plain = verbs != 0 && !self.is_noun(at);
        plain
            && (self.is_unlicensed(at, first)
                || self.is_negated(at, first)
                || self.is_said_to_me(at)
                || self.is_form_of_answer(at)
                || self.is_taken_back(at))
    }

    /// What a sentence asks for that names no action.
    fn verbless(&self, place: usize, sentence: u32) -> Mention {
        let words: Vec<&Word> = self.words.iter().filter(|word| word.sentence == sentence).collect();
        // "And a short 'thank you' to Ann": what is dictated is to be told.
        let dictated = words.iter().any(|word| word.quoted);
        Mention {
            verbs: if dictated { words::SEND | words::POST | words::REPLY } else { 0 },
            sentence,
            place,
            plural: words.iter().any(|word| words::is_quantifier(&word.lower)),
            ordering: true,
            addressed: words.iter().any(|word| word.host),
            ..Mention::default()
        }
        .beside(words.iter().filter(|word| !word.quoted).map(|word| word.stem.clone()).collect())
    }

    /// Whether the object behind a verb is more than one thing: the noun before the phrase ends is a plural.
    fn is_plural(&self, at: usize) -> bool {
        static ENDS: WordList = WordList::new(
            "and then to from with for in on at by of that which who whose into onto if when as because \
            before after until about a an this one me us him her it what how if whether why where",
        );
        let Some(verb) = self.words.get(at) else { return false };
        let behind = self.words.get(at + 1..(at + 6).min(self.words.len())).unwrap_or_default();
        let phrase: Vec<&Word> = behind
            .iter()
            .take_while(|word| word.sentence == verb.sentence && !word.hard_gap && !word.quoted)
            .take_while(|word| !ENDS.has(&word.lower))
            .collect();
        let owner = |at: usize| phrase.get(at + 1).is_some_and(|next| next.lower == "s");
        phrase.iter().enumerate().any(|(at, word)| {
            let lower = word.lower.as_str();
            let plural =
                lower.len() > 3 && lower.ends_with('s') && !["ss", "us", "is"].iter().any(|end| lower.ends_with(end));
            // "The old ones" are those of which the words spoke before, and no group of their own.
            (plural && lower != "ones" && !word.capital && !owner(at))
                || matches!(lower, "people" | "children" | "two" | "three" | "both")
        })
    }

    /// Whether a verb stands where a clause begins, or behind what only leads to it.
    fn leads(&self, at: usize, first: usize, before: &str, verbs: words::Verbs) -> bool {
        // "But no: delete it."
        let opens = verbs != 0 && self.words.get(at).is_some_and(|word| word.hard_gap && word.comma);
        (before == "and" && (verbs != 0 || self.is_order(at, first)))
            || opens
            || self.is_passive_order(at)
            || self.is_behind_clause(at)
            // "When you have told me, start a new list."
            || (verbs != 0 && self.is_comma_behind_condition(at))
            || matches!(
                before,
                "" | "then"
                    | "please"
                    | "to"
                    | "now"
                    | "also"
                    | "just"
                    | "kindly"
                    | "you"
                    | "should"
                    | "can"
                    | "finally"
                    | "lastly"
                    | "afterwards"
            )
    }

    /// The request for an action that the word at `at` is, if it is one: a verb in an asking form, not negated, not a
    /// noun, not past, not quoted.
    fn mention_at(&self, at: usize, first: usize) -> Option<Mention> {
        let word = self.words.get(at)?;
        let slip = if self.is_order(at, first) { words::misspelt(&word.stem) } else { 0 };
        // "It has to be paid."
        let plain = words::plain(&word.lower).filter(|_| self.is_passive_order(at) || self.is_had_done(at, first));
        let stem = plain.map_or_else(|| word.stem.clone(), words::stem);
        let verbs = words::verbs(&stem) | slip;
        let bidden = self.is_bidden(at, first);
        let being = bidden && self.is_being(at);
        if word.quoted
            || word.told
            || word.question
            || word.host
            || word.inside
            || (!being && self.is_unasked(at, first, verbs))
        {
            return None;
        }
        if being {
            let put = self.put_at(at, word.sentence);
            return Some(put.unwrap_or_else(|| self.being_at(at, word.sentence)));
        }
        let opens = self.before(at, 1, first).next().is_none();
        if verbs == 0 && opens && word.capital && (self.is_subject(at) || word.lower == "never") {
            return None;
        }
        let next = self.word(Some(at + 1));
        let phrasal = self.together(at);
        let before = self.before(at, 1, first).next().map_or("", |word| word.lower.as_str());
        let leading = self.leads(at, first, before, verbs);
        let pronoun = matches!(next, "it" | "them" | "that" | "this" | "those" | "these" | "one" | "everything")
            && !(matches!(next, "this" | "that") && self.is_dated(at + 2))
            && !self.is_demonstrative(at + 1);
        let verbs = self.meaning_of(at, verbs, pronoun);
        let reminder = self.is_reminder(at);
        (verbs != 0 || word.lower.len() > 3).then(|| {
            Mention {
                stem,
                verbs,
                sentence: word.sentence,
                place: at,
                leading,
                pronoun,
                phrasal: phrasal != 0,
                plural: self.is_plural(at),
                wish: self.is_wish(at, before),
                ordering: bidden || self.is_order(at, first),
                addressed: self.has_address_behind(at),
                ..Mention::default()
            }
            .beside(match word.lower.as_str() {
                _ if reminder => ENTRIES.map(str::to_owned).to_vec(),
                "go" | "come" if self.is_going(at) => {
                    self.before(at, 12, first).map(|word| word.stem.clone()).collect()
                }
                _ => self.stems_behind(at),
            })
        })
    }

    /// What has to come about by a sentence that names no action at this place.
    fn being_at(&self, at: usize, sentence: u32) -> Mention {
        let pronoun = (at + 1..at + 5).any(|at| {
            let near = self.words.get(at).filter(|near| near.sentence == sentence && !near.comma);
            near.is_some_and(|near| matches!(near.lower.as_str(), "it" | "them" | "there"))
        });
        Mention { bidden: true, verbs: 0, pronoun, ..self.verbless(at, sentence) }
    }

    /// "Remind me" asks for an entry, and tells nobody.
    fn is_reminder(&self, at: usize) -> bool {
        let remind = self.words.get(at).is_some_and(|word| word.stem == "remind");
        remind && matches!(self.word(Some(at + 1)), "me" | "us")
    }

    /// What a verb of these classes means where it stands, with the words behind it.
    fn meaning_of(&self, at: usize, verbs: words::Verbs, pronoun: bool) -> words::Verbs {
        // "Give back" is no kind of giving.
        let phrasal = self.together(at);
        if phrasal != 0 {
            return phrasal;
        }
        if self.is_reminder(at) {
            return words::CREATE;
        }
        // "Make one called Tours" is a new one.
        if verbs & words::CREATE != 0 && self.word(Some(at + 1)) == "one" {
            return verbs & !words::UPDATE;
        }
        let changing = pronoun && self.is_changing(at);
        let verbs = if changing { (verbs & !words::CREATE) | words::UPDATE | words::ASSIGN } else { verbs };
        if self.is_writing_only(at) { verbs & !(words::SEND | words::POST | words::REPLY) } else { verbs }
    }

    /// "I need Friday off", "I should like an hour", but not "I want to see it".
    fn is_wish(&self, at: usize, before: &str) -> bool {
        let word = self.word(Some(at));
        let own = matches!(before, "i" | "we" | "d" | "would" | "should") || (word == "need" && before.is_empty());
        // "I want to eat the real thing" is what the user does.
        static DOINGS: WordList =
            WordList::new("eat drink stay visit travel go walk sleep swim spend learn rest relax");
        let behind_to = self.word(Some(at + 1)) == "to";
        let look = behind_to && (self.is_look(at + 2) || DOINGS.has(self.word(Some(at + 2))));
        matches!(word, "need" | "want" | "like") && own && !look && !self.is_wish_of_others(at, 0)
    }

    /// "Write a summary of Petra's mail": what is written is no message, and for nobody.
    fn is_writing_only(&self, at: usize) -> bool {
        let Some(word) = self.words.get(at) else { return false };
        let behind = self.words.iter().skip(at + 1).take(12);
        let behind: Vec<&Word> = behind.take_while(|next| next.sentence == word.sentence && !next.comma).collect();
        let head = behind.iter().skip(1).take_while(|next| !PREPOSITIONS.contains(&next.lower.as_str()));
        let message =
            head.fold(0, |kinds, next| kinds | words::nouns(&next.stem)) & (words::MESSAGE | words::NOTE) != 0;
        matches!(word.stem.as_str(), "writ" | "draft" | "compos")
            && behind.first().is_some_and(|next| matches!(next.lower.as_str(), "a" | "an" | "the" | "some"))
            && !message
            && !behind.iter().any(|next| matches!(next.lower.as_str(), "to" | "back") || next.host || next.quoted)
    }

    /// What a verb means with the words behind it, where that is something of its own.
    fn together(&self, at: usize) -> words::Verbs {
        let word = self.word(Some(at));
        match self.is_scaled(at) {
            _ if self.is_going(at) => words::DELETE,
            _ if self.is_blessing(at) => words::APPROVE,
            _ if self.is_blocking(at) => words::BOOK | words::CREATE | words::MEET,
            _ if self.is_line(at) => words::SEND | words::POST,
            _ if self.is_told_by_post(at) => words::POST,
            _ if self.is_letting_in(at) => words::SHARE,
            _ if self.is_letting_have_back(at) => words::RETURN,
            _ if self.is_bringing_up_to_date(at) => words::UPDATE,
            _ if word == "keep" && self.is_stored_as(at) => words::CREATE | words::RECORD | words::COPY,
            0 => match phrasal(word, self.particle_of(at)) {
                // "It should be taken out."
                0 if self.is_passive_order(at) => {
                    let plain = words::plain(word).or_else(|| word.strip_suffix("ed")).unwrap_or(word);
                    phrasal(plain, self.particle_of(at))
                }
                own => own,
            },
            scaled => scaled,
        }
    }

    /// Whether a word is a part of the calendar ("this Friday").
    fn is_dated(&self, at: usize) -> bool {
        let word = self.word(Some(at));
        moment::relative(word).is_some() || moment::minutes(&words::stem(word)).is_some() || word == "morning"
    }

    /// "He starts on Monday, make him a seller", "if there is room get two more": a plain verb behind a clause, with
    /// what it is done to behind it.
    fn is_behind_clause(&self, at: usize) -> bool {
        static OBJECTS: WordList = WordList::new(
            "it them him her me us this that these those the a an my our his their all both two three rid",
        );
        let Some(word) = self.words.get(at) else { return false };
        let named = || words::verbs(&word.stem) != 0 && self.words.get(at + 1).is_some_and(|next| next.capital);
        let object = OBJECTS.has(self.word(Some(at + 1))) || named();
        let plain = !["s", "ed", "ing"].iter().any(|end| word.lower.ends_with(end));
        let behind_pronoun = matches!(self.word(at.checked_sub(1)), "it" | "so" | "not" | "yes" | "there");
        object && plain && (word.comma || behind_pronoun || self.is_behind_condition(at))
    }

    /// Whether an address stands behind a word, before the next sentence.
    pub(crate) fn has_address_behind(&self, at: usize) -> bool {
        let sentence = self.words.get(at).map(|word| word.sentence);
        let behind = self.words.iter().skip(at + 1).take(REACH);
        behind.take_while(|word| Some(word.sentence) == sentence).any(|word| word.host)
    }

    pub(crate) fn before(&self, at: usize, reach: usize, first: usize) -> impl Iterator<Item = &Word> {
        let sentence = self.words.get(at).map(|word| word.sentence);
        let from = at.saturating_sub(reach).max(first);
        self.words.get(from..at).unwrap_or_default().iter().filter(move |word| Some(word.sentence) == sentence)
    }

    fn delegation_from(&self, first: usize) -> Delegation {
        let mut found = Delegation::default();
        for (at, word) in self.words.iter().enumerate().skip(first).filter(|(_, word)| !word.quoted) {
            // "What do they want?" hands nothing over.
            let doing = word.lower != "following"
                && !word.question
                && self.word(Some(at + 1)) != "not"
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
            ) || self.is_matched(at);
        }
        found.figures |= found.actions;
        found
    }
}

/// Whether a word asks to know or to read, so that its sentence orders nothing.
fn asks_to_know(word: &Word) -> bool {
    static ASKING: WordList =
        WordList::new("who what which when where why how is are was were do does did has any question questions");
    let polite = matches!(word.lower.as_str(), "please" | "thanks");
    ASKING.has(&word.lower) || (words::is_reading(&word.stem) && !polite)
}
