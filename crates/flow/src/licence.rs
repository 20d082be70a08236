//! Whose deed a verb is: what gives it the force of an order.
//!
//! A verb that opens its clause orders. Any other needs a licence from what governs it: "I'd like you to cancel it" and
//! "please remember to cancel it" order, "the way to cancel it", "Tom will cancel it" and "do I have to cancel it?" do
//! not. So an infinitive, a verb behind an auxiliary and a verb behind its subject order only where a word before them
//! makes them the assistant's.
//!
//! What never happens here: no look at what a verb means.

use crate::bidden::SELVES;
use crate::request::{Request, Word};
use crate::wordlist::WordList;
use crate::words;

/// Auxiliaries that a plain verb follows.
const MODALS: &[&str] =
    &["can", "could", "will", "would", "shall", "should", "may", "might", "must", "ll", "d", "do", "does", "did"];
/// Verbs by which somebody wants something done.
const WISHES: &[&str] = &["want", "need", "like", "love", "wish", "prefer", "ask", "request", "trust", "expect", "beg"];
/// Forms by which somebody else wants something.
const OTHERS_WISHES: &[&str] = &["wants", "want", "asked", "asks", "wishes", "like", "hopes", "needs", "requested"];
/// Forms by which somebody else demands something.
const DEMANDS: &[&str] = &["wants", "asks", "asked", "told", "tells", "keeps", "wanted", "says"];
/// Words that stand before the infinitive of what is not to be left out.
const CARES: &[&str] =
    &["forget", "remember", "sure", "try", "kind", "please", "proceed", "help", "hesitate", "fail", "certain", "good"];
/// Words that only colour what they stand beside.
static ADVERBS: WordList = WordList::new(
    "also just please then now still kindly even only already maybe perhaps first rather simply quickly really \
     actually probably ever therefore thus hence instead anyway \
     finally lastly afterwards afterward additionally secondly thirdly",
);

impl Request {
    /// Whether the verb at `at` is not the assistant's to carry out.
    pub(crate) fn is_unlicensed(&self, at: usize, first: usize) -> bool {
        if self.is_passive_order(at) || self.is_going(at) {
            return false;
        }
        let lead = self.lead(at, first);
        let before = lead.map_or("", |lead| self.word(Some(lead)));
        (before == "to"
            && !(self.comes_about(at) && self.is_bidden(at, first))
            && lead.is_some_and(|to| !self.is_governed(to, first)))
            || (MODALS.contains(&before)
                && !self.comes_about(at)
                && lead.is_some_and(|modal| self.is_of_another(modal, first)))
            || (!self.comes_about(at) && self.is_asked_of_another(at, first))
            || self.is_gerund(at, first)
            || (before == "you" && self.is_awaited(at, first))
            || self.is_joined_to_another(at, first)
            || self.is_left_to_another(at, first)
            || self.is_told_of_names(at, first)
            || self.is_told_of_things(at, first)
            || self.is_made_to(at, first)
            || self.is_alternative(at)
    }

    /// "They should have it back", "could she get a key", "I would like": what has to come about, or is wished for.
    fn comes_about(&self, at: usize) -> bool {
        const COMING: &[&str] =
            &["be", "have", "get", "receive", "go", "come", "like", "love", "prefer", "appreciate", "want", "need"];
        COMING.contains(&self.word(Some(at)))
    }

    /// The place of the word before another in its sentence, adverbs aside.
    fn lead(&self, at: usize, first: usize) -> Option<usize> {
        let sentence = self.words.get(at)?.sentence;
        let same = |place: &usize| self.words.get(*place).is_some_and(|word| word.sentence == sentence);
        let ends = |place: &usize| self.words.get(place + 1).is_some_and(|next| next.comma || next.hard_gap);
        (first..at)
            .rev()
            .take_while(same)
            .take_while(|place| !ends(place))
            .find(|place| !is_adverb(self.word(Some(*place))))
    }

    /// Whether what stands before an infinitive makes it an order: the user's wish, or a word of care.
    fn is_governed(&self, to: usize, first: usize) -> bool {
        const REACH: usize = 9;
        let own = |word: &Word| matches!(word.lower.as_str(), "i" | "we" | "d" | "id" | "would" | "please" | "you");
        let before: Vec<&Word> = self.before(to, REACH, first).collect();
        let Some(last) = before.last() else { return false };
        let demanded = before.iter().any(|word| DEMANDS.contains(&word.lower.as_str()));
        if self.is_by_means(to, first) || (self.is_told_to(to, first) && !demanded) {
            return true;
        }
        if last.lower == "you" {
            return !demanded;
        }
        // "Make sure I remember to", "he keeps asking me to".
        let reminds_me = matches!(self.back(to, 2, first), "i" | "we") && CARES.contains(&last.lower.as_str());
        if matches!(last.lower.as_str(), "me" | "us") || reminds_me {
            return false;
        }
        if CARES.contains(&last.lower.as_str())
            || (last.lower == "as" && before.iter().any(|word| matches!(word.lower.as_str(), "kind" | "good")))
        {
            return true;
        }
        let wanted = |word: &&Word| OTHERS_WISHES.contains(&word.lower.as_str());
        if before.iter().any(wanted) && self.is_agreed(to) {
            return true;
        }
        let wish = before.iter().rposition(|word| WISHES.contains(&word.lower.as_str()));
        let Some(wish) = wish else {
            // "The check-up has to move", "I'll use the card to pay".
            let due = matches!(last.lower.as_str(), "has" | "have" | "needs" | "need");
            let thing = before.first().is_some_and(|word| matches!(word.lower.as_str(), "the" | "my" | "our" | "this"));
            return due && thing;
        };
        // "Ask Petra to pay it", "find the mail that I need to pay it".
        let told =
            before.get(wish).is_some_and(|word| matches!(word.lower.as_str(), "ask" | "request" | "beg" | "expect"));
        let looks = before.get(..wish).unwrap_or_default().iter().any(|word| words::is_look(&word.stem) && !own(word));
        if told || looks {
            return false;
        }
        let subject = before.get(..wish).unwrap_or_default().iter().rev().take(3).any(|word| own(word)) || wish == 0;
        // "I need to cancel it at some point. What did it cost?"
        let due = before.get(wish).is_some_and(|word| word.lower == "need") && wish + 1 == before.len();
        subject && !(due && self.is_asking_behind(to))
    }

    /// "You are therefore to send it": whether a clause tells the assistant what is to be done.
    fn is_told_to(&self, to: usize, first: usize) -> bool {
        let are = self.lead(to, first).filter(|are| matches!(self.word(Some(*are)), "are" | "re"));
        let you = are.and_then(|are| self.lead(are, first)).filter(|you| self.word(Some(*you)) == "you");
        you.is_some_and(|you| {
            let opens = self.words.get(you).is_some_and(|word| word.hard_gap || word.comma);
            opens || matches!(self.back(you, 1, first), "" | "and" | "then" | "so")
        })
    }

    /// "Use that list to make me a new file", but not "I'll use the card to pay".
    fn is_by_means(&self, to: usize, first: usize) -> bool {
        let near = (first..to).rev().take(12);
        let same = |place: &usize| {
            self.words.get(*place).map(|word| word.sentence) == self.words.get(to).map(|to| to.sentence)
        };
        let used = near.take_while(same).find(|place| self.word(Some(*place)) == "use");
        used.is_some_and(|used| {
            let opens = self.words.get(used).is_some_and(|word| word.hard_gap || word.comma);
            opens || matches!(self.back(used, 1, first), "" | "and" | "then" | "please")
        })
    }

    /// "She wants to move it to Friday, that's fine": whether the user agrees to what somebody wants, behind it.
    fn is_agreed(&self, at: usize) -> bool {
        const AGREEING: &[&str] = &["fine", "ok", "okay", "agreed", "agree", "sure", "yes", "granted", "alright"];
        let Some(sentence) = self.words.get(at).map(|word| word.sentence) else { return false };
        let behind = self.words.iter().skip(at).take_while(|word| word.sentence <= sentence + 1 && !word.question);
        behind.take(24).any(|word| AGREEING.contains(&word.lower.as_str()) && !word.quoted)
    }

    /// Whether a later sentence only asks to know.
    fn is_asking_behind(&self, at: usize) -> bool {
        let Some(sentence) = self.words.get(at).map(|word| word.sentence) else { return false };
        self.words.iter().skip(at).any(|word| word.sentence > sentence && word.question)
    }

    /// Whether the subject of an auxiliary is somebody else than the assistant.
    fn is_of_another(&self, modal: usize, first: usize) -> bool {
        let Some(subject) = self.lead(modal, first) else { return false };
        let word = self.word(Some(subject));
        // "Show me what you would write."
        (word == "you" && self.is_awaited(modal, first)) || !matches!(word, "you" | "and" | "or" | "but" | "then")
    }

    /// "Tom will come and cancel it": a second deed of somebody with whom the sentence opens.
    fn is_joined_to_another(&self, at: usize, first: usize) -> bool {
        let before: Vec<&Word> = self.before(at, 24, first).collect();
        let [rest @ .., and] = before.as_slice() else { return false };
        let modal = rest.iter().position(|word| MODALS.contains(&word.lower.as_str()) && word.lower != "do");
        let Some((subject, behind)) = modal.and_then(|modal| rest.split_at_checked(modal)) else { return false };
        let another = |word: &&Word| {
            (word.capital && !matches!(word.lower.as_str(), "i" | "we" | "you") && !words::is_stop(&word.lower))
                || matches!(word.lower.as_str(), "he" | "she" | "they")
        };
        and.lower == "and"
            && !behind.iter().chain([and]).any(|word| word.comma)
            && matches!(subject, [own] if another(own))
    }

    /// "Petra, not you, is to approve it", "Clara has to share it herself".
    fn is_left_to_another(&self, at: usize, first: usize) -> bool {
        let before: Vec<&str> = self.before(at, 16, first).map(|word| word.lower.as_str()).collect();
        let sentence = self.words.get(at).map(|word| word.sentence);
        let behind = self.words.iter().skip(at).take_while(|word| Some(word.sentence) == sentence);
        let due = matches!(self.back(at, 2, first), "has" | "is" | "ought" | "needs" | "have" | "are");
        before.windows(2).any(|pair| pair == ["not", "you"])
            || (due && behind.take(16).any(|word| SELVES.contains(&word.lower.as_str())))
    }

    /// "Could Tom cancel it?", "do I have to cancel it?": whether the clause of a verb opens with an auxiliary whose
    /// subject is not the assistant.
    fn is_asked_of_another(&self, at: usize, first: usize) -> bool {
        const OPENS: &[&str] = &["can", "could", "will", "would", "should", "may", "might", "do", "does", "did", "am"];
        const SHARED: &[&str] = &["you", "we", "u", "ya", "someone", "somebody", "anyone"];
        let Some(start) = self.clause(at, first).filter(|start| start + 1 < at) else { return false };
        let subject = self.word(Some(start + 1));
        let opens = self.word(Some(start));
        let knows = matches!(opens, "do" | "does" | "did" | "am");
        // "Might I trouble you to cancel it?"
        let troubled = || {
            let to = self.lead(at, first).filter(|to| self.word(Some(*to)) == "to");
            let own = matches!(subject, "i" | "we");
            own && to.is_some_and(|to| self.back(to, 1, first) == "you" && self.is_governed(to, first))
        };
        // "Would it be possible to have it cancelled?"
        const POSSIBLE: &[&str] = &["possible", "okay", "ok", "feasible", "alright"];
        let possible = || {
            let before: Vec<&str> = self.before(at, 8, first).map(|word| word.lower.as_str()).collect();
            let others = before.windows(2).any(|pair| pair.first() == Some(&"for") && pair.get(1) != Some(&"you"));
            subject == "it" && !others && before.iter().any(|word| POSSIBLE.contains(word))
        };
        // "Do not forget to" asks nothing.
        OPENS.contains(&opens)
            && !matches!(subject, "not" | "me" | "us")
            && (knows || !SHARED.contains(&subject))
            && !troubled()
            && !possible()
    }

    /// The place at which the clause of a word begins: behind a comma, or with the sentence.
    pub(crate) fn clause(&self, at: usize, first: usize) -> Option<usize> {
        let sentence = self.words.get(at)?.sentence;
        let same = |place: &usize| self.words.get(*place).is_some_and(|word| word.sentence == sentence);
        let starts = |place: &usize| self.words.get(*place).is_some_and(|word| word.comma || word.hard_gap);
        let opens = (first..=at).rev().take_while(same).find(starts);
        opens.or_else(|| (first..=at).find(same))
    }

    /// "Cancelling it would be a mistake": a deed that is only spoken of.
    fn is_gerund(&self, at: usize, first: usize) -> bool {
        const BEHIND: &[&str] = &["mind", "about", "appreciate", "consider", "try", "start", "you", "your"];
        let word = self.words.get(at).filter(|word| word.lower.len() > 5 && word.lower.ends_with("ing"));
        let states = |word: &Word| {
            let sentence = word.sentence;
            let behind =
                self.words.iter().skip(at + 1).take_while(move |word| word.sentence == sentence && !word.comma);
            let mut behind = behind.take(10);
            behind.any(|word| crate::unasked::is_finite(&word.lower) || word.lower == "seems")
        };
        word.is_some_and(states) && !self.before(at, 3, first).any(|word| BEHIND.contains(&word.lower.as_str()))
    }

    /// "Before you pay it, ask me", "if you cancel it": what is not yet to be done.
    fn is_awaited(&self, at: usize, first: usize) -> bool {
        const AWAITING: &[&str] =
            &["before", "until", "till", "when", "once", "after", "if", "unless", "what", "whatever"];
        let you = self.lead(at, first);
        let before = you.and_then(|you| self.lead(you, first));
        before.is_some_and(|place| AWAITING.contains(&self.word(Some(place))))
    }

    /// "I had Tom cancel it", "thanks for helping me cancel it", "they let us cancel it".
    fn is_made_to(&self, at: usize, first: usize) -> bool {
        const MAKERS: &[&str] = &["had", "helping", "helped", "made", "saw", "watched", "lets", "letting"];
        let Some(who) = self.lead(at, first) else { return false };
        let person = self.words.get(who).is_some_and(|word| word.capital)
            || matches!(self.word(Some(who)), "me" | "us" | "him" | "her" | "them");
        let maker = self.back(who, 1, first);
        person && (MAKERS.contains(&maker) || (maker == "let" && matches!(self.word(Some(who)), "me" | "us")))
    }

    /// "Approve or reject it?": one of two, and nobody says which.
    fn is_alternative(&self, at: usize) -> bool {
        let verb = |at: Option<usize>| {
            at.and_then(|at| self.words.get(at))
                .map_or(0, |word| if word.quoted { 0 } else { words::verbs(&word.stem) })
        };
        let own = verb(Some(at));
        let differs = |other: words::Verbs| own != 0 && other != 0 && own & other == 0;
        (self.word(Some(at + 1)) == "or" && differs(verb(Some(at + 2))))
            || (self.word(at.checked_sub(1)) == "or" && differs(verb(at.checked_sub(2))))
    }

    /// "My colleagues usually cancel it": whether a verb follows the noun in the plural with which its sentence opens.
    fn is_told_of_things(&self, at: usize, first: usize) -> bool {
        const OPENS: &[&str] = &["my", "our", "the", "their", "his", "her", "some", "many", "most"];
        let before: Vec<&Word> = self.before(at, 5, first).filter(|word| !is_adverb(&word.lower)).collect();
        let ([opener, .., last], Some(own)) = (before.as_slice(), self.words.get(at)) else { return false };
        let whole = self.before(at, 24, first).count() <= 5;
        let acts = |word: &&Word| word.comma || (words::verbs(&word.stem) != 0 && words::nouns(&word.stem) == 0);
        whole
            && !own.comma
            && OPENS.contains(&opener.lower.as_str())
            && last.lower.ends_with('s')
            && !last.lower.ends_with("ss")
            && !before.iter().any(acts)
    }

    /// "Petra and Tom share the file": whether all that stands before a verb in its sentence are names.
    fn is_told_of_names(&self, at: usize, first: usize) -> bool {
        let mut before = self.before(at, 6, first).peekable();
        let dated = |word: &Word| crate::moment::relative(&word.lower).is_some();
        let means =
            |word: &Word| words::is_stop(&word.lower) || words::is_reading(&word.stem) || ADVERBS.has(&word.lower);
        let name = |word: &Word| {
            word.capital && word.lower.len() > 1 && words::verbs(&word.stem) == 0 && !dated(word) && !means(word)
        };
        let comma = self.words.get(at).is_some_and(|word| word.comma || word.capital);
        let opens = before.peek().is_some_and(|word| name(word));
        !comma && opens && before.all(|word| name(word) || (word.lower == "and" && !word.capital))
    }
}

/// Whether a word only colours the verb beside it.
pub(crate) fn is_adverb(word: &str) -> bool {
    ADVERBS.has(word) || is_manner(word)
}

/// Whether a word says how, by its end.
pub(crate) fn is_manner(word: &str) -> bool {
    word.len() > 4 && word.ends_with("ly") && word != "reply"
}
