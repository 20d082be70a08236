//! Which row the user's words describe best: "the Linz depot", "the printer ticket", "invoice 1043" for `INV-1043`.
//!
//! A person seldom writes a whole field. So each row is scored by which of the user's words stand in its short fields,
//! words that stand in all its siblings aside. A row is described if a telling word (a name, a number, a day, "me")
//! stands in it alone, or if no sibling has as many words. Over attested fields an attacker has no part in this: the
//! scores are functions of the user's words and of what the platform says. Over other short fields a row gets a weaker
//! mark, like a name: whoever writes the title of a row can be taken for that row.
//!
//! What never happens here: no threshold on likeness, and no text long enough to be a message.

use std::collections::{BTreeMap, BTreeSet};

use crate::bound::{self, Bound};
use crate::derive;
use crate::hashed::HashMap;
use crate::moment;
use crate::number::Micro;
use crate::record::{Family, Field, Row, bind};
use crate::request::Request;
use crate::text;
use crate::transcript::Transcript;
use crate::vocabulary::Reading;
use crate::words;

/// The longest field that is read, in bytes: names, titles, labels, states.
pub(crate) const SHORT: usize = 80;
/// The longest text in which the user's words are looked for, in bytes.
const TEXT: usize = 2000;
/// The most rows whose siblings are compared.
const ROWS: usize = 400;
/// What the user calls the own person, as fields have it.
const SELF: &[&str] = &["self", "me", "myself"];

/// The words of the user's that a row holds, each with whether it is telling.
#[derive(Debug, Default)]
struct Score {
    attested: BTreeMap<String, bool>,
    any: BTreeMap<String, bool>,
    /// Words of all fields, texts too.
    text: BTreeSet<String>,
}

impl Score {
    fn hit(&mut self, word: String, telling: bool, attested: bool) {
        if attested {
            *self.attested.entry(word.clone()).or_default() |= telling;
        }
        *self.any.entry(word).or_default() |= telling;
    }
}

/// The marks of the rows of one result, in order, each with the number of the user's words that are attested in it.
///
/// Of a single row that somebody else's words asked for, a day or a month says nothing.
pub(crate) fn marks(transcript: &Transcript, rows: &[Row], foreign: bool) -> Vec<(u16, u16)> {
    let request = &transcript.user;
    let mut marks = vec![(0, 0); rows.len()];
    if rows.len() > ROWS || request.words.is_empty() {
        return marks;
    }
    let of_self = OfSelf::of(request);
    let mut families: BTreeMap<Family, Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        families.entry(row.family).or_default().push(at);
    }
    for family in families.into_values() {
        let dated = !foreign || family.len() > 1;
        let members: Vec<&Row> = family.iter().filter_map(|at| rows.get(*at)).collect();
        let mut scores: Vec<Score> = members.iter().map(|row| score(transcript, row, dated, &of_self)).collect();
        let hits: Vec<usize> = scores.iter().map(|score| score.attested.len()).collect();
        if family.len() > 1 {
            drop_common(&mut scores);
        }
        let attested = Best::of(&scores, &|score| &score.attested);
        let any = Best::of(&scores, &|score| &score.any);
        let spoken = scores.iter().map(|score| score.text.len()).max().filter(|most| *most > 1).unwrap_or(usize::MAX);
        let alone = scores.iter().filter(|score| score.text.len() == spoken).nth(1).is_none();
        for ((at, score), hits) in family.iter().zip(&scores).zip(hits) {
            let Some((mark, own)) = marks.get_mut(*at) else {
                continue;
            };
            *own = u16::try_from(hits).unwrap_or(u16::MAX);
            if attested.is_alone(&score.attested) {
                *mark |= bind::DESCRIBED;
            } else if attested.is_best(&score.attested) && score.attested.keys().any(|word| !word.starts_with('~')) {
                *mark |= bind::ALIKE;
            }
            // A word of no general kind, which a status or a category would be.
            let rare = |word: &String| {
                word.len() > 4
                    && word.bytes().all(|b| b.is_ascii_alphabetic())
                    && words::nouns(word) | words::verbs(word) == 0
            };
            if score.attested.keys().any(rare) {
                *mark |= bind::HINTED;
            }
            if any.is_alone(&score.any) {
                *mark |= bind::TITLED;
            }
            if alone && score.text.len() == spoken {
                *mark |= bind::SPOKEN;
            }
            if score.any.len() > 1 {
                *mark |= bind::MENTIONED;
            }
        }
    }
    marks
}

/// What the rows of one family have in common.
struct Best<'a> {
    most: usize,
    holders: usize,
    /// How many rows hold each telling word.
    telling: HashMap<&'a str, usize>,
    several: bool,
}

impl<'a> Best<'a> {
    fn of(scores: &'a [Score], pick: &dyn Fn(&'a Score) -> &'a BTreeMap<String, bool>) -> Self {
        let most = scores.iter().map(|score| pick(score).len()).max().unwrap_or_default();
        let holders = scores.iter().filter(|score| pick(score).len() == most).count();
        let mut telling: HashMap<&str, usize> = HashMap::default();
        for (word, _) in scores.iter().flat_map(pick).filter(|(_, telling)| **telling) {
            *telling.entry(word).or_default() += 1;
        }
        Self { most, holders, telling, several: scores.len() > 1 }
    }

    fn is_best(&self, words: &BTreeMap<String, bool>) -> bool {
        self.most > 0 && words.len() == self.most
    }

    /// Whether a row has more words than all others, or a telling word that no other has.
    fn is_alone(&self, words: &BTreeMap<String, bool>) -> bool {
        let only = |word: &String| self.telling.get(word.as_str()) == Some(&1);
        let most = self.is_best(words) && self.holders == 1 && self.several;
        most || words.iter().any(|(word, telling)| *telling && only(word))
    }
}

/// A word that every sibling has tells none of them apart.
fn drop_common(scores: &mut [Score]) {
    let common = |pick: &dyn Fn(&Score) -> &BTreeMap<String, bool>| -> BTreeSet<String> {
        let mut sets = scores.iter().map(pick);
        let first: BTreeSet<String> = sets.next().into_iter().flat_map(BTreeMap::keys).cloned().collect();
        sets.fold(first, |common, set| common.into_iter().filter(|word| set.contains_key(word)).collect())
    };
    let (attested, any) = (common(&|score| &score.attested), common(&|score| &score.any));
    for score in scores.iter_mut() {
        score.attested.retain(|word, _| !attested.contains(word));
        score.any.retain(|word, _| !any.contains(word));
    }
}

fn score(transcript: &Transcript, row: &Row, dated: bool, of_self: &OfSelf) -> Score {
    let request = &transcript.user;
    let mut score = Score::default();
    let vocabulary = &transcript.vocabulary;
    for field in row.fields.iter().filter_map(|at| transcript.field(*at)) {
        let known =
            field.words.iter().map(|own| (own, vocabulary.reading(own.word))).filter(|(_, read)| !read.is_idle());
        if !field.attested && field.raw.len() <= TEXT {
            let spoken = known.clone().filter(|(_, read)| read.has(Reading::SPOKEN));
            score.text.extend(spoken.map(|(own, _)| vocabulary.stem(own.word).to_owned()));
        }
        // The parts of an address are no words: a name in one is looked for where the address itself is asked for.
        if field.raw.len() > SHORT || field.raw.contains("://") {
            continue;
        }
        if field.attested {
            if dated {
                moment_hits(transcript, field, request, &mut score);
            }
            own_hits(transcript, field, of_self, &mut score);
            lack_hits(field, request, &mut score);
            has_hits(field, request, &mut score);
        }
        if field.speech {
            continue;
        }
        for (own, read) in known.filter(|(own, _)| !own.figure) {
            if read.has(Reading::EXCLUDED) || (!field.attested && read.has(Reading::ORDERS)) {
                continue;
            }
            let (stem, digits) = (vocabulary.stem(own.word), read.has(Reading::DIGITS));
            if read.has(Reading::SAID) {
                score.hit(stem.to_owned(), read.has(Reading::TELLING), field.attested);
            } else if field.attested && field.raw.len() < 16 && read.has(Reading::ALIKE) {
                score.hit(format!("~{stem}"), false, true);
            } else if field.attested && field.raw.len() < 24 && !digits && read.has(Reading::KIN) {
                score.hit(stem.to_owned(), false, true);
            }
        }
    }
    // A row that the words speak of and that lies within what the user demands is meant rather than one that does not.
    if !score.attested.is_empty() {
        for (at, bound) in request.bounds.iter().enumerate() {
            if bound::holds(transcript, row, std::slice::from_ref(bound)) {
                score.hit(format!("bound {at}"), false, true);
            }
        }
    }
    score
}

/// The day, the month, the time or the part of the day that the user named.
fn moment_hits(transcript: &Transcript, field: &Field, request: &Request, score: &mut Score) {
    let Some((day, minute)) = field.moment else {
        return;
    };
    if let Some(day) = day {
        let counted =
            !request.relatives.is_empty() && !transcript.today.is_empty() && derive::is_user_day(transcript, day);
        // "Before 1 March" speaks of no day in March.
        let bounds = |said: moment::Day| {
            request.bounds.iter().any(|bound| matches!(bound, Bound::Day { day, .. } if day.month == said.month))
        };
        let said = || request.moments.iter().filter_map(|said| said.day).filter(|said| !bounds(*said));
        let numbered = request.days_of_month.contains(&day.day);
        if counted || numbered || said().any(|said| said.matches(day)) {
            score.hit("a day".to_owned(), true, true);
        }
        let week = |day: moment::Day| day.number().map(|number| (number + 3).div_euclid(7));
        let apart = week(day).zip(transcript.today.first().and_then(|today| week(*today))).map(|(own, now)| own - now);
        let words = match apart {
            Some(0) => "this week",
            Some(1) => "next week",
            Some(-1) => "last week",
            _ => "",
        };
        if request.says(words) {
            score.hit(words.to_owned(), true, true);
        }
        // "The one from 2019".
        let year = day.year.and_then(|year| i64::from(year).checked_mul(Micro::ONE)).map(Micro);
        if year.is_some_and(|year| request.says_number(year)) {
            score.hit("a year".to_owned(), true, true);
        }
        // Where no record says what day it is, a weekday is one of the week all the same.
        let weekday = day.number().map(moment::weekday).filter(|_| transcript.today.is_empty());
        if weekday.is_some_and(|weekday| request.relatives.contains(&moment::Relative::Weekday(weekday))) {
            score.hit("a weekday".to_owned(), false, true);
        }
        let month = usize::try_from(day.month).ok().and_then(|month| moment::LONG.get(month.checked_sub(1)?));
        if month.is_some_and(|month| request.names(month)) && !bounds(day) {
            score.hit("a month".to_owned(), true, true);
        }
    }
    if let Some(minute) = minute {
        let parts = [
            ("morning", 0..720),
            ("noon", 690..840),
            ("afternoon", 720..1080),
            ("matinee", 600..1080),
            ("evening", 1020..1440),
            ("tonight", 1020..1440),
        ];
        for (part, range) in parts {
            if request.has_word(part) && range.contains(&minute) {
                score.hit(part.to_owned(), false, true);
            }
        }
        if request.moments.iter().any(|said| said.minute == Some(minute)) {
            score.hit("a time".to_owned(), true, true);
        }
    }
}

/// How the user speaks of the own person.
struct OfSelf {
    person: bool,
    things: bool,
}

impl OfSelf {
    fn of(request: &Request) -> Self {
        let person = ["me", "myself", "i"].iter().any(|word| request.has_word(word));
        Self { person, things: request.speaks_of_self() }
    }
}

/// What is the user's own: a row that holds a value of the own record, or says "self".
fn own_hits(transcript: &Transcript, field: &Field, of_self: &OfSelf, score: &mut Score) {
    let person = || of_self.person && SELF.iter().any(|word| field.raw.trim().eq_ignore_ascii_case(word));
    let own = || of_self.things && !transcript.own.is_empty() && transcript.own.contains(&text::exact(&field.raw));
    if person() || own() {
        score.hit("my".to_owned(), true, true);
    }
}

/// "The fine on her book" for the row that has one.
fn has_hits(field: &Field, request: &Request, score: &mut Score) {
    if field.number.is_none_or(|number| number.0 == 0) || field.is_name() {
        return;
    }
    for (word, stem) in field.name.words.iter().zip(&field.name.stems) {
        // "A 1-star review."
        if request.counts.iter().any(|(unit, count)| unit == stem && Some(*count) == field.number) {
            score.hit(format!("{word} counted"), true, true);
        }
        if word.len() > 2 && !words::is_stop(word) && request.has_stem(stem) {
            score.hit(format!("has {word}"), false, true);
        }
    }
}

/// "No stops" and "non-stop" for a figure that is nought.
fn lack_hits(field: &Field, request: &Request, score: &mut Score) {
    if field.number.is_none_or(|number| number.0 != 0) {
        return;
    }
    for (word, stem) in field.name.words.iter().zip(&field.name.stems) {
        let direct = stem == "stop" && ["direct", "nonstop", "non"].iter().any(|said| request.has_word(said));
        if direct || request.lacks(stem) {
            score.hit(format!("no {word}"), false, true);
        }
    }
}
