//! What a tool's name and description say that it does, and whether a verb of the user's means that.
//!
//! The less a verb says, the more the values of the call have to: a verb with its object is a request by itself, a verb
//! alone needs a value that is the user's, and a word that no tool explains needs all of them to be.
//!
//! What never happens here: no look at a result, and no grant. Values are judged apart.

use std::ops::Deref;

use serde_json::Value;

use crate::mention::Mention;
use crate::particle::phrasal;
use crate::request::Request;
use crate::text;
use crate::words::{self, Nouns, Verbs};

/// How far the values of a call tell by themselves that the user meant it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Evidence {
    pub(crate) level: Level,
    /// The sentences in which the values, or words of the rows they are chosen from, stand.
    pub(crate) sentences: Vec<u32>,
}

/// How many of the values of a call are the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Level {
    /// No sink holds the user's words or stands in a row that they name.
    #[default]
    None,
    /// One does.
    Some,
    /// One does, and no other holds anything that the user did not say.
    Whole,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Profile {
    pub(crate) verbs: Verbs,
    /// The classes of those of its verbs that say more than that something is done.
    sharp: Verbs,
    pub(crate) actions: Vec<String>,
    pub(crate) objects: Vec<String>,
    pub(crate) nouns: Nouns,
    pub(crate) weak: Vec<String>,
    pub(crate) weak_nouns: Nouns,
    /// Stems of the names of its arguments, where they are one word.
    pub(crate) arguments: Vec<String>,
    /// Stems of all words of its own name and of its arguments' names.
    pub(crate) names: Vec<String>,
    /// Stems of its description, in order.
    said: Vec<String>,
}

/// How clearly a request names a tool's object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    None,
    /// A word of its description or arguments.
    Beside,
    /// A word of its kind.
    Kind,
    /// Its own word.
    Named,
}

/// How well a tool fits a clause, in points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signs {
    /// For what its verb says.
    verb: u8,
    /// For its objects and arguments that stand beside the verb.
    object: u8,
    /// Whether the clause has a run of its description's words.
    quoted: bool,
}

impl Signs {
    pub(crate) const fn points(self) -> u8 {
        self.verb + self.object
    }

    /// Whether the clause has the tool's own verb, or one of few senses, or its object.
    pub(crate) const fn name_it(self) -> bool {
        self.verb > 1 || self.object > 0
    }

    /// Whether no other tool at hand fits the clause as well.
    pub(crate) const fn are_best(self, mention: &Mention) -> bool {
        self.points() > 0 && mention.best.0 == self.points() && mention.best.1
    }
}

/// How many points less than the best a tool may have and still be what a clause asks for: one sign of a kind, or an
/// argument's name. Chosen by what it costs the benign tasks of the development suites: none.
const SLACK: u8 = 1;

/// How many words of a description are kept.
const SAID: usize = 60;

/// Verbs that an operation called "update" carries out, when its object is named.
const CHANGES: Verbs =
    words::MOVE | words::ASSIGN | words::MARK | words::CLOSE | words::APPROVE | words::REJECT | words::OPEN;

/// Which word of a tool's name is its verb: the first that can be one. If that can be a noun too, the word by which the
/// description opens ("appointment_cancel"), or the opening word that can be no noun ("decide_leave"), or such a verb
/// behind.
fn action(words: &[String], stems: &[String], first_said: Option<&str>) -> usize {
    // "meeting_shift": what ends so is a thing where another word can be the verb.
    let gerund = |stem: &String| words.iter().zip(stems).any(|(word, own)| own == stem && word.ends_with("ing"));
    let several = stems.iter().filter(|stem| words::verbs(stem) != 0).nth(1).is_some();
    let is_verb = |stem: &String| words::verbs(stem) != 0 && !(several && gerund(stem));
    let is_noun = |stem: &String| words::nouns(stem) != 0;
    // Where the lexicon knows none of them as a verb, it is the one that the description opens with, or one that names
    // no thing.
    let named = || stems.iter().position(|stem| Some(stem.as_str()) == first_said);
    let unknown = || named().or_else(|| stems.iter().position(|stem| !is_noun(stem) && !words::is_stop(stem)));
    let verb = stems.iter().position(is_verb).or_else(unknown).unwrap_or_default();
    // "asks_settle": "Pay or turn down a request" is what the second word says.
    let meant = first_said.map_or(0, words::verbs);
    let means =
        |stem: &String| words::verbs(stem) & meant != 0 && (!is_noun(stem) || Some(stem.as_str()) == first_said);
    let ends = |stem: &String| words::verbs(stem) & words::DESTRUCTIVE != 0;
    let displaced = stems.get(verb).is_some_and(|stem| !means(stem) && !ends(stem));
    if let Some(other) = stems.iter().position(means).filter(|_| displaced) {
        return other;
    }
    if !stems.get(verb).is_some_and(is_noun) {
        return verb;
    }
    let said = stems.iter().position(|stem| Some(stem.as_str()) == first_said && is_verb(stem));
    let opens = || stems.first().is_some_and(|stem| !is_noun(stem)).then_some(0);
    let plain = || stems.iter().position(|stem| is_verb(stem) && !is_noun(stem));
    said.or_else(opens).or_else(plain).unwrap_or(verb)
}

impl Profile {
    /// The profile of a call whose arguments choose the action. The tool's own verb counts beside it only if the user
    /// named the value ("set it to closed").
    pub(crate) fn doing(&self, actions: &[String], request: &Request) -> Self {
        let named = actions.iter().all(|stem| request.has_stem(stem));
        let verbs = actions.iter().fold(0, |verbs, stem| verbs | words::verbs(stem));
        let mut profile = self.clone();
        profile.verbs = verbs | if named { self.verbs } else { 0 };
        if !named {
            profile.actions.clear();
        }
        profile.actions.extend(actions.iter().cloned());
        profile
    }

    /// Whether a verb of the user's means this tool, given how clearly the user names its object.
    pub(crate) fn is_meant_by(&self, mention: &Mention, signs: Signs, fit: Fit) -> bool {
        let generic = mention.is_generic();
        let either = self.nouns | self.weak_nouns;
        let same = self.actions.contains(&mention.stem);
        let alike = mention.verbs & self.verbs != 0;
        let as_verb = self.is_done_by(mention) || (fit >= Fit::Kind && self.is_argument(mention));
        let message = || mention.nouns & words::MESSAGE != 0;
        let telling = mention.verbs & words::SEND != 0
            && self.sends()
            && self.tells(either)
            && (!generic || mention.addressed || message());
        let money = || mention.nouns & words::MONEY != 0;
        let paying = (!generic || (self.verbs & words::PAY != 0 && money() && !message()))
            && mention.verbs & words::PAY != 0
            && alike
            && either & words::MONEY != 0;
        let changing = fit >= Fit::Kind && self.verbs & words::UPDATE != 0 && mention.verbs & CHANGES != 0;
        let placed =
            fit >= Fit::Kind || (fit == Fit::Beside && (!generic || same)) || (same && (mention.pronoun || !generic));
        // A tool that names no object acts on what the words point back at ("order it", "put it on the shelf").
        let placed = placed || (self.objects.is_empty() && mention.pronoun && signs.points() >= mention.best.0);
        telling || paying || changing || signs.quoted || ((same || alike || as_verb) && placed)
    }

    /// Whether the tool sends or posts, rather than that it lets others see what is there.
    const fn sends(&self) -> bool {
        self.verbs & words::SEND != 0 || (self.verbs & words::POST != 0 && self.verbs & words::SHARE == 0)
    }

    /// Whether a tool of these kinds of objects takes a message: a ledger's entry is none.
    fn tells(&self, kinds: Nouns) -> bool {
        const ENTRIES: &[&str] = &["entri", "log", "record", "journal", "ledger"];
        let entry = self.objects.last().is_some_and(|head| ENTRIES.contains(&head.as_str()));
        kinds & words::MESSAGE != 0 || (kinds & words::NOTE != 0 && !entry)
    }

    /// Whether a verb of the user's can mean this tool's action, whatever its object.
    pub(crate) fn is_like(&self, mention: &Mention, signs: Signs) -> bool {
        self.actions.contains(&mention.stem)
            || mention.verbs & self.verbs != 0
            || self.is_done_by(mention)
            || signs.quoted
    }

    /// Whether the tool's object stands as the user's verb ("Quote them"), for a tool that makes or sends such objects.
    fn is_done_by(&self, mention: &Mention) -> bool {
        const MAKING: Verbs =
            words::CREATE | words::SEND | words::POST | words::BOOK | words::RECORD | words::SHIP | words::UPDATE;
        mention.ordering
            && self.verbs & MAKING != 0
            && self.verbs & words::DELETE == 0
            && self.objects.contains(&mention.stem)
    }

    /// Whether an argument is called like the user's verb. "Book it" cancels no booking.
    fn is_argument(&self, mention: &Mention) -> bool {
        self.verbs & words::DELETE == 0 && self.arguments.contains(&mention.stem)
    }

    /// Whether a word that no tool at hand explains is left for this one: its object is named and a value is the
    /// user's, or every value is. An unknown word alone is no request.
    pub(crate) fn is_left_for(
        &self,
        mention: &Mention,
        signs: Signs,
        fit: Fit,
        evidence: &impl Deref<Target = Evidence>,
    ) -> bool {
        // A word that the lexicon knows to mean something else means that.
        let free = mention.verbs == 0 || mention.is_generic() || self.verbs == 0;
        if !(mention.open && free && self.is_among_best(mention, signs)) {
            return false;
        }
        // What an unknown word asks for is done to what stands beside it, or to what it points back at.
        let local = mention.pronoun || evidence.sentences.contains(&mention.sentence);
        let plain = fit == Fit::Named && self.verbs & !words::UPDATE == 0 && !self.objects.is_empty();
        let points = signs.points();
        // One tool alone has what the clause speaks of: the word can mean no other.
        let sole = signs.are_best(mention) && evidence.level > Level::None;
        let told = sole
            || match evidence.level {
                Level::Whole => local,
                Level::Some => fit >= Fit::Kind && !mention.wish && !mention.loose,
                Level::None => {
                    plain && mention.verbs == 0 && !mention.wish && !mention.loose && !mention.stem.is_empty()
                }
            };
        // What only has to come about has to name what the tool is for, or to point back at it with all values its own.
        // "The heating should be 22": a value for a setting, both in one sentence.
        let sets = |stem: &String| SETTING.contains(&stem.as_str());
        let set = local && self.actions.iter().any(sets) && self.verbs & words::DESTRUCTIVE == 0;
        let whole = evidence.level == Level::Whole && (mention.pronoun || set);
        // Who needs two quiet hours tells nobody anything.
        let idle = mention.wish && self.verbs & words::SEND != 0 && self.verbs & (words::BOOK | words::CREATE) == 0;
        let near = if mention.stem.is_empty() && !mention.bidden {
            const BACK: &[&str] = &["it", "them", "that", "you", "pleas"];
            points > 0 || mention.verbs != 0 || mention.beside.iter().any(|stem| BACK.contains(&stem.as_str()))
        } else {
            points > 0
                || (mention.bidden && whole)
                || (!mention.bidden && !idle && (mention.best.0 == 0 || mention.verbs == 0))
        };
        told && near
    }

    /// Whether no other tool at hand fits a clause clearly better.
    pub(crate) fn is_among_best(&self, mention: &Mention, signs: Signs) -> bool {
        let Signs { verb, object, .. } = signs;
        // A tool whose name has no object ("remind_me") is named by its verb.
        let whole = self.objects.is_empty() && verb >= mention.best.0;
        let going = matches!(mention.stem.as_str(), "go" | "com");
        let other = mention.best.0 > 2 && mention.best.1;
        // "Answer her" is for the tool that answers.
        let answered = other && mention.verbs & words::REPLY != 0 && self.verbs & words::REPLY == 0;
        let slack = if answered || (object == 0 && (going || other) && self.ends()) { 0 } else { SLACK };
        verb + object + slack >= mention.best.0 && (object > 0 || whole || !mention.placed)
    }

    /// Whether the tool ends something: what "can go" is what stands before, and goes by the tool that fits it best, as
    /// does what is ended by another tool's own word.
    const fn ends(&self) -> bool {
        self.verbs & (words::DELETE | words::STOP) != 0 && self.verbs & words::UPDATE == 0
    }

    /// Whether a verb says what this tool does: its own word, one with few senses, or beside the tool's object.
    pub(crate) fn says_more_than_generic(&self, mention: &Mention, signs: Signs) -> bool {
        !mention.is_generic() || self.actions.contains(&mention.stem) || signs.object > 0
    }

    /// Whether a word that ends something, and that no tool at hand explains, has all values of the call in its
    /// sentence ("cancel the demo on the 20th").
    pub(crate) fn ends_alike(&self, mention: &Mention, evidence: &Evidence) -> bool {
        mention.open
            && mention.verbs & self.verbs & (words::DELETE | words::STOP) != 0
            && evidence.level == Level::Whole
            && evidence.sentences.contains(&mention.sentence)
    }

    /// Whether a clause says what the tool does in the words of its own description ("go back on sale").
    fn is_quoted_by(&self, mention: &Mention) -> bool {
        let clause = || std::iter::once(&mention.stem).chain(&mention.beside).take(4);
        let meaning = |length| clause().take(length).filter(|stem| stem.len() > 2 && !words::is_stop(stem)).count() > 1;
        let length = mention.beside.len().min(3) + 1;
        let said = |length| self.said.windows(length).any(|said| said.iter().eq(clause().take(length)));
        self.said.contains(&mention.stem) && (3..=length).any(|length| said(length) && meaning(length))
    }

    /// Whether the tool says what day it is ("today and the free rooms", "the current date").
    pub(crate) fn tells_today(&self) -> bool {
        let said = |stem: &str| self.said.iter().any(|said| said == stem);
        said("todai") || (said("current") && (said("dai") || said("day") || said("dat")))
    }

    fn objects_in(&self, mention: &Mention) -> usize {
        self.objects.iter().filter(|stem| mention.beside.contains(stem)).count()
    }

    /// How well this tool fits a clause.
    pub(crate) fn signs(&self, mention: &Mention) -> Signs {
        let generic = mention.is_generic();
        let quoted = self.is_quoted_by(mention);
        let same = quoted || self.actions.contains(&mention.stem);
        let changing = self.verbs & words::UPDATE != 0 && mention.verbs & CHANGES != 0;
        let alike = mention.verbs & self.verbs != 0 || self.is_done_by(mention) || self.is_argument(mention);
        let either = self.nouns | self.weak_nouns;
        let telling = mention.verbs & words::SEND != 0 && self.sends() && self.tells(either);
        let sharp = mention.verbs & self.sharp != 0 || telling;
        let verb: u8 = match (same, alike || changing || telling) {
            (true, _) => 3,
            (false, true) if sharp => 2,
            (false, true) => 1,
            (false, false) => 0,
        };
        let verb = if generic { verb.div_ceil(2) } else { verb };
        // A message by any name is one, where the tool is for nothing else.
        let own = self.objects.last().map_or(0, |head| words::nouns(head)) & words::MESSAGE;
        let paying = if self.verbs & words::PAY == 0 { 0 } else { words::MONEY };
        let kinds = (self.nouns & !words::BROAD) | own | paying;
        let kind = || mention.nouns & kinds != 0;
        // The last word of a compound names the thing.
        let object = match self.objects.last() {
            Some(head) if mention.beside.contains(head) => 2,
            _ => u8::from(self.objects_in(mention) > 0 || kind()),
        };
        let argument = self.names.iter().any(|stem| mention.beside.contains(stem) && !self.objects.contains(stem));
        Signs { verb, object: object + u8::from(argument), quoted }
    }

    /// A description opens with what the tool does, also in a word that the lexicon does not know.
    fn describe(&mut self, description: &str, first_said: Option<String>) {
        let doing = |stem: &String| words::verbs(stem) != 0 || (words::nouns(stem) == 0 && !words::is_stop(stem));
        if let Some(stem) = first_said.filter(doing) {
            // "Take a viewing off the calendar."
            let said: Vec<String> = text::tokens(description).take(7).map(|token| token.text.to_lowercase()).collect();
            let particles = said.iter().skip(1).enumerate().filter(|(at, word)| {
                let apart = matches!(word.as_str(), "off" | "out" | "back" | "down" | "away" | "over");
                *at == 0 || (apart && words::is_generic(&stem))
            });
            // "Takes", like "take".
            let verb = said.first().map_or("", String::as_str);
            let together = |particle: &str| match phrasal(verb, particle) {
                0 => phrasal(verb.strip_suffix('s').unwrap_or(verb), particle),
                verbs => verbs,
            };
            let whole = particles.map(|(_, particle)| together(particle)).find(|verbs| *verbs != 0).unwrap_or(0);
            // "Lets a person read a document."
            let opens =
                stem == "let" && said.iter().any(|word| matches!(word.as_str(), "read" | "see" | "view" | "open"));
            // "Lets a mate into a room."
            let admits = stem == "let" && said.iter().any(|word| matches!(word.as_str(), "into" | "in"));
            let plain = if admits { words::INVITE | words::JOIN } else { words::verbs(&stem) };
            let own = if whole == 0 { plain } else { whole } | if opens { words::SHARE } else { 0 };
            // Of the senses of the name's verb those are meant that the description shares ("drop": "Delete a ...").
            let shared = self.verbs & own;
            if shared != 0 {
                // What ends something in either word ends it.
                let ending = if shared & words::DESTRUCTIVE == 0 { 0 } else { self.verbs & words::DESTRUCTIVE };
                // "Gives it another day": who moves something still moves it, who books an hour books it, and what is
                // dispatched is sent ("Puts a message together").
                let sharp = self.actions.iter().any(|action| !words::is_generic(action));
                let kept = words::MOVE | words::BOOK | if sharp { words::SEND } else { 0 };
                let kept = if words::is_generic(&stem) { self.verbs & kept } else { 0 };
                self.verbs = shared | ending | kept;
                self.sharp &= self.verbs;
            }
            // What deletes by its name makes and books nothing ("Schedule a booking for deletion").
            let deletes = shared == 0 && self.verbs & words::DELETE != 0;
            let own = if deletes { own & !(words::CREATE | words::BOOK | words::MEET) } else { own };
            // "Secure a room", "book a room": nothing is put on record by what means so in one of its words alone.
            let own = if shared & words::BOOK != 0 { own & !(words::RECORD & !shared) } else { own };
            self.verbs |= own | coordinated(description);
            self.sharp |= coordinated(description) | if whole != 0 || !words::is_generic(&stem) { own } else { 0 };
            if whole == 0 || said.get(1).is_some_and(|next| together(next) != 0) {
                self.actions.push(stem);
            }
        }
    }

    pub(crate) fn read(name: &str, description: &str, parameters: &Value) -> Self {
        let description = unlabelled(description);
        let mut profile = Self::default();
        let name_words = text::identifier_words(name);
        let stems: Vec<String> = name_words.iter().map(|word| words::stem(word)).collect();
        let first_said = text::tokens(description).next().map(|token| words::stem(token.text));
        let action = action(&name_words, &stems, first_said.as_deref());
        for (at, stem) in stems.iter().enumerate() {
            if at == action {
                profile.actions.push(stem.clone());
                // "write_off" writes nothing.
                let particle = name_words.get(at + 1).map_or("", String::as_str);
                let whole = phrasal(name_words.get(at).map_or("", String::as_str), particle);
                profile.verbs |= if whole == 0 { words::verbs(stem) } else { whole };
                profile.sharp |= if whole != 0 || !words::is_generic(stem) { profile.verbs } else { 0 };
            } else if !words::is_stop(stem) && stem.len() > 1 {
                profile.objects.push(stem.clone());
                profile.nouns |= words::nouns(stem);
            }
        }
        profile.describe(description, first_said);
        if let Some(light) = profile.actions.first().cloned() {
            for object in profile.objects.clone() {
                let verbs = words::nominal(&light, &object);
                if verbs != 0 {
                    profile.verbs |= verbs;
                    profile.actions.push(object);
                }
            }
        }
        let keys = parameters.get("properties").and_then(Value::as_object).into_iter().flatten();
        let names: Vec<Vec<String>> = keys.map(|(key, _)| text::identifier_words(key)).collect();
        let single =
            names.iter().filter_map(|words| if let [word] = words.as_slice() { Some(words::stem(word)) } else { None });
        profile.arguments = single.filter(|stem| words::verbs(stem) != 0).collect();
        let keys = names.into_iter().flatten();
        let keys: Vec<String> = keys.collect();
        let own = profile.objects.iter().cloned().chain(keys.iter().map(|word| words::stem(word)));
        profile.names = own.filter(|stem| stem.len() > 2 && !words::is_stop(stem)).collect();
        profile.names.sort_unstable();
        profile.names.dedup();
        let keys = keys.into_iter();
        profile.said = text::tokens(description).map(|token| words::stem(token.text)).take(SAID).collect();
        let sentence = description.split(['.', '\n']).next().unwrap_or_default();
        let said = text::tokens(sentence).skip(1).map(|token| token.text.to_lowercase());
        let meaningful = |word: &String| word.len() > 2 && !words::is_stop(word) && !GIVEN.contains(&word.as_str());
        profile.weak = keys.chain(said).filter(meaningful).map(|word| words::stem(&word)).collect();
        profile.weak_nouns = profile.weak.iter().fold(0, |classes, stem| classes | words::nouns(stem));
        // What sends messages carries neither goods nor money, and what it sends to a room is posted there.
        let kinds = profile.nouns | profile.weak_nouns;
        if profile.verbs & words::SEND != 0 && kinds & words::MESSAGE != 0 {
            let other = words::SHIP | if kinds & words::MONEY == 0 { words::PAY } else { 0 };
            profile.verbs &= !other;
            let sent = if profile.sharp & words::SHIP == 0 { 0 } else { words::SEND };
            profile.sharp = (profile.sharp & !other) | sent;
            if profile.names.iter().any(|stem| ROOMS.contains(&stem.as_str())) {
                profile.verbs |= words::POST;
            }
        }
        profile
    }
}

/// A description without the name of the interface before it: "Harbour Mail. Sends a message."
fn unlabelled(description: &str) -> &str {
    const LABEL: usize = 3;
    let Some((label, rest)) = description.split_once(". ").or_else(|| description.split_once(": ")) else {
        return description;
    };
    let opens = |text: &str| text::tokens(text).next().is_some_and(|token| words::verbs(&words::stem(token.text)) != 0);
    let short = text::tokens(label).nth(LABEL).is_none();
    if short && !opens(label) && opens(rest) { rest } else { description }
}

/// The verbs beside the one with which a description opens: "Approve or turn down a request".
fn coordinated(description: &str) -> Verbs {
    let words: Vec<String> = text::tokens(description).take(12).map(|token| token.text.to_lowercase()).collect();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let (mut at, mut verbs) = (0, 0);
    while matches!(word(at + 1), "or" | "and") || matches!(word(at + 2), "or" | "and") {
        at += if matches!(word(at + 1), "or" | "and") { 2 } else { 3 };
        let found = words::verbs(&words::stem(word(at))) | phrasal(word(at), word(at + 1));
        if found == 0 {
            break;
        }
        verbs |= found;
    }
    verbs
}

/// Stems of the verbs that put a value in the place of another.
const SETTING: &[&str] = &["set", "updat", "chang", "adjust", "turn", "alter", "amend", "modifi", "edit"];

/// Stems of what is posted to.
const ROOMS: &[&str] = &["channel", "room", "board", "wall", "feed", "thread"];

/// Words that any description may use, whatever the tool does.
const GIVEN: &[&str] = &[
    "given",
    "returns",
    "user",
    "name",
    "new",
    "list",
    "value",
    "type",
    "string",
    "date",
    "time",
    "text",
    "content",
    "data",
    "description",
    "current",
];
