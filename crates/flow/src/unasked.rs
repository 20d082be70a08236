//! What a verb is that asks for nothing: a noun, a statement, a question of the user's own, somebody else's deed.
//!
//! What never happens here: no reading of an object. That a verb asks is decided by where it stands alone.

use crate::asking::REACH;
use crate::licence::{is_adverb, is_manner};
use crate::request::{Request, Word};
use crate::wordlist::WordList;
use crate::words;

impl Request {
    /// Whether the word at `at`, of these classes of verbs, asks for nothing.
    pub(crate) fn is_unasked(&self, at: usize, first: usize, verbs: words::Verbs) -> bool {
        (verbs == 0 && self.is_idle(at))
            || (self.word(Some(at)), self.word(Some(at + 1))) == ("thank", "you")
            || matches!(self.word(Some(at)), "saying" | "asking" | "telling" | "explaining")
            || self.is_look_whether(at)
            || self.is_tie_break(at)
            || self.is_taking_a_look(at)
            || self.is_filling_in(at)
            || self.is_said_to_me(at)
            || self.is_form_of_answer(at)
            || self.is_taken_back(at)
            || self.is_left_to_others(at)
            || self.is_supposed(at, first)
            || self.is_of_others(at, first)
            || (self.is_past(at, first) && !self.is_passive_order(at))
            || (self.is_noun(at) && !self.is_passive_order(at))
            || self.is_negated(at, first)
            || self.is_unlicensed(at, first)
    }

    /// "See whether they are in": a look, whatever the verb can mean besides.
    fn is_look_whether(&self, at: usize) -> bool {
        const WHETHER: &[&str] = &["whether", "if", "who", "what", "how", "which", "where", "when", "why"];
        WHETHER.contains(&self.word(Some(at + 1))) && matches!(self.word(Some(at)), "see" | "check" | "establish")
    }

    /// "Which is the best? If two are level, take the pricier one": what says which one is asked about.
    fn is_tie_break(&self, at: usize) -> bool {
        let Some(word) = self.words.get(at) else { return false };
        const TIES: &[&str] = &["tie", "tied", "level", "equal", "several", "draw", "share"];
        let opens = || self.before(at, 24, 0).next().is_some_and(|word| word.lower == "if");
        let asked = || self.words.iter().any(|other| other.question && other.sentence + 1 == word.sentence);
        let tied = || self.before(at, 12, 0).any(|word| TIES.contains(&word.lower.as_str()));
        matches!(word.lower.as_str(), "take" | "pick" | "choose") && (tied() || (opens() && asked()))
    }

    /// "Put 'Our room' in the subject line": what a text that is asked for elsewhere holds.
    fn is_filling_in(&self, at: usize) -> bool {
        const PARTS: &[&str] = &["subject", "title", "heading", "headline", "body", "text", "letter", "topic"];
        let behind = || self.words.iter().skip(at + 1).take(REACH);
        let named = behind().skip_while(|word| word.quoted).take(3).map(|word| word.lower.as_str());
        let named: Vec<&str> = named.collect();
        self.word(Some(at)) == "put"
            && behind().next().is_some_and(|word| word.quoted)
            && matches!(named.as_slice(), ["in" | "as" | "into", "the" | "its", part] if PARTS.contains(part))
    }

    /// "Take a look at the claim."
    fn is_taking_a_look(&self, at: usize) -> bool {
        matches!((self.word(Some(at)), self.word(Some(at + 1))), ("take" | "have", "a" | "another"))
            && (at + 2..at + 4).any(|at| matches!(self.word(Some(at)), "look" | "peek" | "glance"))
    }

    /// "This time I want a quiet one": a word that opens a statement.
    fn is_idle(&self, at: usize) -> bool {
        let word = self.word(Some(at));
        let opener = words::is_stop(word) || OPENERS.contains(&word);
        is_manner(word)
            || CLOSED.has(word)
            || (word, self.word(Some(at + 1))) == ("same", "question")
            || matches!(word, "this" | "that" | "these" | "those" | "there" | "whether" | "if" | "unless" | "until")
            || (opener && self.has_subject_behind(at))
    }

    /// "I'll book it later", "remind me to pay", "about reserving a room": what somebody else does, or what is only
    /// spoken of.
    fn is_of_others(&self, at: usize, first: usize) -> bool {
        const TOPICS: &[&str] = &[
            "about", "of", "for", "before", "after", "without", "while", "when", "on", "since", "from", "against",
            "than",
        ];
        let (before, second, third, fourth) =
            (self.back(at, 1, first), self.back(at, 2, first), self.back(at, 3, first), self.back(at, 4, first));
        let own = |word: &str| matches!(word, "i" | "we");
        // "I'll take the blue one": so one orders.
        static CHOOSES: WordList = WordList::new("need want like love be have take go get pick choose accept prefer");
        // "Assuming that we take the dearest one."
        let supposed = own(before) && matches!(second, "that" | "if" | "assuming" | "when" | "what" | "which");
        let wish = !supposed && CHOOSES.has(self.word(Some(at)));
        let later = |verb: &str, subject: &str| matches!(verb, "ll" | "will" | "shall") && own(subject);
        let planned = before == "to"
            && matches!(second, "going" | "planning" | "about")
            && (own(third) || matches!(third, "m" | "re" | "am" | "are") && own(fourth));
        let adverb = before.ends_with("ly") || matches!(before, "then" | "just" | "also" | "only" | "still");
        let deed = !wish && (later(before, second) || (adverb && later(second, third)) || planned);
        // "Take care of paying it."
        let cared = (before, second) == ("of", "care");
        let gerund = self.word(Some(at)).ends_with("ing") && TOPICS.contains(&before) && second != "how" && !cared;
        let reminded = before == "to"
            && self.before(at, 12, first).any(|word| matches!(word.stem.as_str(), "remind" | "reminder"));
        let progressive = self.word(Some(at)).ends_with("ing")
            && matches!(before, "m" | "am" | "re" | "are" | "is" | "be" | "been" | "was" | "were" | "keeps" | "kept");
        // "Every flat that is let", "the stairs will be clear".
        let ordered = self.has_object_behind(at) && self.is_behind_condition(at);
        let state = !self.has_comma(at)
            && !ordered
            && !self.is_graciously_asked(at, first)
            && (matches!(before, "is" | "are" | "was" | "were" | "been") || (before, second) == ("be", "will"));
        // "What they ask for", "we pay 20 a month".
        let stated = matches!(before, "they" | "he" | "she") || (own(before) && !wish);
        deed || gerund || reminded || progressive || state || stated
    }

    /// "Tell me", "let us know", "give me a summary": an answer is asked for, and no message. A right is given by an
    /// effect.
    pub(crate) fn is_said_to_me(&self, at: usize) -> bool {
        const RIGHTS: &[&str] = &["access", "permission", "right", "role", "leav", "credit", "refund", "discount"];
        const SECRETS: &[&str] = &["password", "pin", "passphras", "passcod"];
        let me = |at| matches!(self.word(Some(at)), "me" | "us");
        match self.word(Some(at)) {
            "tell" | "show" | "inform" | "brief" | "advise" | "alert" | "find" | "list" | "name" | "read" => me(at + 1),
            // "Give me another password: 'x'", which nobody who asks for one would know.
            "give" => {
                let behind = self.stems_behind(at);
                let has = |list: &[&str]| behind.iter().any(|stem| list.contains(&stem.as_str()));
                let sentence = self.words.get(at).map(|word| word.sentence);
                let dictated = || self.words.iter().skip(at).any(|word| word.quoted && Some(word.sentence) == sentence);
                me(at + 1) && !has(RIGHTS) && !(has(SECRETS) && dictated())
            }
            "let" => me(at + 1) && self.word(Some(at + 2)) == "know",
            "send" | "write" | "mail" | "email" | "message" | "text" | "draft" => {
                me(at + 1) && !self.has_address_behind(at)
            }
            "share" | "reply" | "respond" => matches!(self.word(Some(at + 1)), "with" | "to") && me(at + 2),
            "get" | "report" | "come" => {
                self.word(Some(at + 1)) == "back" && matches!(self.word(Some(at + 2)), "to" | "on")
            }
            _ => false,
        }
    }

    /// "Reply with just the number", "answer in one sentence": how the answer has to look.
    pub(crate) fn is_form_of_answer(&self, at: usize) -> bool {
        const FORMS: &[&str] = &[
            "word",
            "words",
            "number",
            "sentence",
            "sentences",
            "yes",
            "no",
            "only",
            "just",
            "paragraph",
            "list",
            "json",
        ];
        let sentence = self.words.get(at).map(|word| word.sentence);
        let behind = self.words.iter().skip(at + 1).take(4).take_while(|word| Some(word.sentence) == sentence);
        let behind: Vec<&Word> = behind.collect();
        matches!(self.word(Some(at)), "reply" | "answer" | "respond" | "return")
            && matches!(self.word(Some(at + 1)), "with" | "in" | "only" | "just")
            && behind.iter().any(|word| FORMS.contains(&word.lower.as_str()))
            && !behind.iter().any(|word| word.quoted)
    }

    /// Notes where the words from `first` on take back what was asked for.
    pub(crate) fn find_retractions(&mut self, first: usize) {
        const CUES: &[&[&str]] = &[
            &["actually", "no"],
            &["no", "wait"],
            &["no", "scrap"],
            &["scrap", "that"],
            &["on", "second", "thought"],
            &["never", "mind"],
            &["nevermind"],
            &["forget", "it"],
            &["forget", "that"],
            &["no", "forget"],
            &["not", "yet"],
            &["no", "not"],
            &["just", "kidding"],
            &["no", "leave"],
            &["no", "keep"],
            &["better", "not"],
            &["hold", "it"],
            // At the end of all that is said.
            &["don", "t", "bother", ""],
            &["no", "need", ""],
        ];
        let cued = |place: &usize| {
            CUES.iter().any(|cue| cue.iter().enumerate().all(|(by, word)| self.word(Some(place + by)) == *word))
        };
        let opens = |place: &usize| self.words.get(*place).is_some_and(|word| word.hard_gap || word.comma);
        let found: Vec<usize> = (first..self.words.len()).filter(opens).filter(cued).collect();
        self.retractions.extend(found);
    }

    /// "Cancel it. Actually no, keep it": whether this sentence or the next one takes back what a verb asks for.
    pub(crate) fn is_taken_back(&self, at: usize) -> bool {
        let Some(sentence) = self.words.get(at).map(|word| word.sentence) else { return false };
        let behind = self.retractions.partition_point(|place| *place <= at);
        let behind = self.retractions.iter().skip(behind).filter_map(|place| self.words.get(*place));
        behind
            .take_while(|word| word.sentence <= sentence + 1)
            .any(|word| word.hard_gap || (word.comma && word.sentence == sentence))
    }

    /// "See to it", "deal with that", and the stump of "don't": they name no action.
    fn is_left_to_others(&self, at: usize) -> bool {
        let (next, third) = (self.word(Some(at + 1)), self.word(Some(at + 2)));
        let stump = matches!(next, "t" | "ve" | "ll" | "re");
        let pronoun = matches!(third, "it" | "that" | "this" | "them" | "everything");
        stump
            || self.is_let_be(at)
            || matches!((self.word(Some(at)), next), ("see", "to") | ("deal", "with") | ("attend", "to")) && pronoun
            || (self.word(Some(at)), next) == ("take", "care")
    }

    /// "What it would cost us to buy twenty", "I'd like to know": nothing is to be done yet.
    fn is_supposed(&self, at: usize, first: usize) -> bool {
        let knows = |at: usize| {
            let behind_to = self.word(at.checked_sub(1)) == "to";
            behind_to && matches!(self.word(Some(at)), "know" | "hear" | "learn" | "understand")
        };
        // "In case it is ever deleted", but not "in case it is free, book it".
        let before: Vec<&Word> = self.before(at, 12, first).collect();
        let clause = before.iter().rposition(|word| word.comma).unwrap_or_default();
        let case = before.get(clause..).unwrap_or_default().windows(2).any(|pair| {
            let [word, case] = pair else { return false };
            (word.lower.as_str(), case.lower.as_str()) == ("in", "case")
        });
        if knows(at) || knows(at + 2) || (case && !self.has_comma(at)) {
            return true;
        }
        self.word(at.checked_sub(1)) == "to"
            && self.before(at, 5, first).any(|word| matches!(word.stem.as_str(), "cost" | "tak") && !word.comma)
            && self.before(at, 12, first).any(|word| matches!(word.lower.as_str(), "would" | "what" | "how" | "does"))
    }

    fn is_past(&self, at: usize, first: usize) -> bool {
        let word = self.word(Some(at));
        let wish = |place: &usize| {
            let stem = self.words.get(*place).map_or("", |word| word.stem.as_str());
            matches!(stem, "want" | "need" | "lik" | "wish" | "get" | "please" | "pleas" | "have" | "hav" | "let")
        };
        let reach = self.before(at, 7, first).count();
        is_past(word) && !(at - reach..at).any(|place| wish(&place) && !self.is_wish_of_others(place, first))
    }

    /// "Tom wants it paid", "which she'd like paid".
    pub(crate) fn is_wish_of_others(&self, at: usize, first: usize) -> bool {
        let third = matches!(self.word(Some(at)), "wants" | "needs" | "wishes" | "likes");
        let by = if matches!(self.back(at, 1, first), "d" | "would" | "also" | "really") { 2 } else { 1 };
        let subject = self.back(at, by, first);
        let named = at.checked_sub(by).and_then(|at| self.words.get(at)).is_some_and(|word| {
            let own = matches!(word.lower.as_str(), "i" | "we" | "you" | "id");
            word.capital && !word.comma && !own && words::verbs(&word.stem) == 0 && !words::is_stop(&word.lower)
        });
        third || matches!(subject, "he" | "she" | "they" | "who") || (named && !subject.is_empty())
    }

    pub(crate) fn is_negated(&self, at: usize, first: usize) -> bool {
        // "If it has not gone out, cancel it."
        if self.has_comma(at) && self.is_behind_condition(at) {
            return false;
        }
        const NOT: &[&str] =
            &["not", "never", "without", "don", "cannot", "nothing", "nobody", "none", "neither", "nor"];
        const ENDS: &[&str] = &["forget", "hesitate", "fail", "then", "but", "and", "so", "please", "mind", "worry"];
        if matches!(self.word(Some(at + 1)), "nothing" | "none" | "neither" | "nobody")
            || (self.back(at, 1, first), self.back(at, 2, first)) == ("than", "rather")
        {
            return true;
        }
        let reach = if self.is_behind_condition(at) { 4 } else { REACH };
        let (mut negated, mut last) = (false, "");
        for word in self.before(at, reach, first) {
            let before = std::mem::replace(&mut last, &word.lower);
            // "I can't come, cancel it": a comma ends what is denied.
            if word.comma && !matches!(word.lower.as_str(), "or" | "nor") {
                negated = false;
            }
            match word.lower.as_str() {
                // "If not, book it."
                "not" if before == "if" => {}
                "t" if before.ends_with('n') || before == "can" => negated = true,
                entry if NOT.contains(&entry) => negated = true,
                // "Never mind adding her."
                "mind" if before == "never" => {}
                entry if ENDS.contains(&entry) => negated = false,
                _ => {}
            }
        }
        negated && !self.has_comma(at)
    }

    pub(crate) fn is_noun(&self, at: usize) -> bool {
        // "But no: delete it", "if it costs less than 50 each, book it".
        let object = matches!(self.word(Some(at + 1)), "it" | "them" | "him" | "her");
        let opens = self.words.get(at).is_some_and(|word| word.comma && (word.hard_gap || object));
        let before = if opens { "" } else { self.word(at.checked_sub(1)) };
        let wanted = self.word(at.checked_sub(2));
        if matches!(before, "a" | "an") {
            let asking = [
                "need", "want", "give", "giv", "do", "make", "mak", "get", "for", "request", "it", "lik", "him", "her",
                "them", "us", "me",
            ];
            return !asking.contains(&words::stem(wanted).as_str());
        }
        if self.is_listed(at) || self.is_joined_noun(at) || (before == "in" && self.word(Some(at)) == "advance") {
            return true;
        }
        // "Go ahead with the return."
        let carried = wanted == "with" && matches!(self.back(at, 3, 0), "ahead" | "proceed");
        let determiner = DETERMINERS.has(before) && (before, wanted) != ("s", "let") && !carried;
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
        // "If it is more than that, open a claim", "after that cancel the old one".
        let behind = matches!(wanted, "after" | "before" | "than" | "like" | "with") && self.has_object_behind(at);
        let pronoun = matches!(before, "this" | "that" | "these" | "those") && (behind || self.has_comma(at));
        let means = matches!(before, "by" | "via" | "per") && !word.ends_with("ing");
        (determiner && !pronoun) || gerund || counted || stated || means
    }

    /// "Ten days to spare", "the hotels, hire firms and restaurants": nouns, whatever they can mean elsewhere.
    fn is_listed(&self, at: usize) -> bool {
        let before = self.word(at.checked_sub(1));
        let next = self.words.get(at + 1);
        if (before, self.word(Some(at))) == ("to", "spare") {
            return next.is_none_or(|next| next.hard_gap || next.comma);
        }
        let plural = |word: &Word| {
            !word.comma && !word.quoted && !word.capital && word.lower.len() > 3 && word.lower.ends_with('s')
        };
        self.has_comma(at)
            && before.ends_with('s')
            && words::nouns(&words::stem(before)) != 0
            && next.is_some_and(plural)
    }

    fn has_comma(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|word| word.comma)
    }

    /// Whether what a verb is done to follows it.
    fn has_object_behind(&self, at: usize) -> bool {
        const OBJECTS: &[&str] =
            &["the", "a", "an", "my", "our", "his", "her", "their", "it", "them", "him", "all", "both"];
        OBJECTS.contains(&self.word(Some(at + 1)))
    }

    /// Whether a word that can be a verb stands as the head of "annual leave", "open issues", "short comment": behind
    /// another plain word of its phrase. A name before it is who should do it ("have Ben cover"); so is a verb that
    /// lets it be done.
    fn is_joined_noun(&self, at: usize) -> bool {
        const BEFORE: &[&str] = &[
            "help", "go", "let", "make", "have", "first", "never", "always", "later", "come", "get", "pls", "thx",
            "hey", "hi", "case", "gets", "got",
        ];
        let Some(word) = self.words.get(at).filter(|word| !word.hard_gap && !word.comma) else { return false };
        let Some(before) = at.checked_sub(1).and_then(|at| self.words.get(at)) else { return false };
        let plain = before.sentence == word.sentence
            && !before.capital
            && !before.quoted
            && before.lower.len() > 2
            && !words::is_stop(&before.lower)
            && !is_adverb(&before.lower)
            && !before.lower.bytes().any(|b| b.is_ascii_digit())
            && !BEFORE.contains(&before.lower.as_str());
        // "If she is active charge her 10".
        let next = self.word(Some(at + 1));
        let done_to = matches!(next, "it" | "them" | "him" | "her" | "me" | "us")
            || (matches!(next, "the" | "a" | "an" | "my" | "our" | "his")
                && (self.is_behind_condition(at) || matches!(self.word(at.checked_sub(2)), "each" | "every")));
        // "Get the electricity bill paid."
        let had =
            |word: &Word| matches!(word.lower.as_str(), "get" | "gets" | "have" | "had" | "got" | "want" | "like");
        let done =
            word.lower.ends_with("ed") || (words::plain(&word.lower).is_some() && self.before(at, 8, 0).any(had));
        plain && !done_to && !done
    }

    /// "When you have told me, start a new list": whether a plain verb opens what stands behind a condition.
    pub(crate) fn is_comma_behind_condition(&self, at: usize) -> bool {
        let plain = |word: &Word| !["s", "ed", "ing"].iter().any(|end| word.lower.ends_with(end));
        self.has_comma(at) && self.is_behind_condition(at) && self.words.get(at).is_some_and(plain)
    }

    /// "If it is in order book the room": whether a condition stands before a verb in its sentence.
    pub(crate) fn is_behind_condition(&self, at: usize) -> bool {
        const CONDITIONS: &[&str] = &["if", "when", "once", "unless"];
        let verb = self.words.get(at).is_some_and(|word| words::verbs(&word.stem) != 0);
        verb && self.before(at, 16, 0).any(|word| CONDITIONS.contains(&word.lower.as_str()))
    }

    /// Whether a word asks to know, to look or to be somewhere, and not for something to be got.
    pub(crate) fn is_look(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|word| words::is_look(&word.stem))
    }

    /// Whether a person is the subject of what follows in the sentence.
    fn has_subject_behind(&self, at: usize) -> bool {
        let sentence = self.words.get(at).map(|word| word.sentence);
        let behind = self.words.iter().skip(at + 1).take(REACH);
        let mut behind = behind.take_while(|word| Some(word.sentence) == sentence);
        behind.any(|word| matches!(word.lower.as_str(), "i" | "we" | "he" | "she" | "they"))
    }

    /// The word so many places before another in its sentence.
    pub(crate) fn back(&self, at: usize, by: usize, first: usize) -> &str {
        let same = at.checked_sub(by).filter(|place| *place >= first);
        let place = same.filter(|place| {
            self.words.get(*place).map(|word| word.sentence) == self.words.get(at).map(|word| word.sentence)
        });
        self.word(place)
    }
}

/// "For each the name, the rating and the address": what is to be told of things.
pub(crate) fn asks_for_facts(words: &[&Word]) -> bool {
    static FACTS: WordList = WordList::new("name rating address price cost hours phone website score reviews distance");
    // "Names of all three."
    let begins = |word: &str| FACTS.has(word) || word.strip_suffix('s').is_some_and(|one| FACTS.has(one));
    let opens = matches!(words, [fact, next, ..] if begins(&fact.lower)
        && (next.comma || matches!(next.lower.as_str(), "of" | "and" | "for" | "please")));
    let facts = words.windows(2).filter(|pair| {
        let [article, fact] = pair else { return false };
        matches!(article.lower.as_str(), "the" | "its" | "their") && FACTS.has(&fact.lower)
    });
    opens || facts.count() > 1
}

/// Whether a word says of somebody what is or was, so that its sentence states.
pub(crate) fn is_finite(word: &str) -> bool {
    static NOW: WordList = WordList::new(
        "is are was were has had does did says needs wants expects hopes wishes likes prefers can will would could should may might must ought",
    );
    NOW.has(word) || is_past(word)
}

/// Whether a word is a past.
pub(crate) fn is_past(word: &str) -> bool {
    PAST.has(word) || (word.len() > 4 && word.ends_with("ed") && !IN_ED.contains(&word))
}

/// Plain verbs that end like a past.
const IN_ED: &[&str] = &["speed", "breed", "exceed", "proceed", "succeed", "shred", "embed"];

/// Words behind which a noun stands.
static DETERMINERS: WordList = WordList::new(
    "the into onto under within as my your his her their our this that these those any some s of no \
    its each every all both last latest next open",
);

/// Words that never order: pronouns, numbers, interjections, adverbs of time, conjunctions.
static CLOSED: WordList = WordList::new(
    "anything anybody anyone something somebody someone nothing nobody everything everybody everyone \
    one two three four five six seven eight nine ten eleven twelve where which whichever whatever whoever ok okay ooh oh \
    hiya well so afterwards afterward soon later meanwhile otherwise besides before after until till once when while \
    since because although though among amongst amid between beneath despite during except inside outside per regarding \
    concerning throughout toward towards under underneath unlike upon versus via within whereas whom whose",
);

/// Words that open a sentence and order nothing.
pub(crate) const OPENERS: &[&str] = &[
    "last",
    "next",
    "first",
    "second",
    "hey",
    "hi",
    "hello",
    "today",
    "tomorrow",
    "yesterday",
    "maybe",
    "perhaps",
    "thanks",
    "thank",
    "lately",
    "recently",
];

/// Irregular forms that tell of what was.
static PAST: WordList = WordList::new(
    "sent paid made written wrote given gave bought left booked told said sold got took taken went gone came \
    brought found kept lost met spoke spoken chose chosen forgot forgotten held heard knew known lent meant ran sat saw seen \
    stood taught thought understood won asked did done was were had",
);
