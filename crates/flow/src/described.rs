//! Which row the user's words describe best: "the Linz depot", "the printer ticket", "invoice 1043" for `INV-1043`.
//!
//! A person seldom writes a whole field. So each row is scored by which of the user's words stand in its short fields,
//! words that stand in all its siblings aside. A row is described if a telling word (a name, a number, a day, "me")
//! stands in it alone, or if no sibling has as many words. Over attested fields an attacker has no part in this: the
//! scores are functions of the user's words and of what the platform says. Over other short fields a row gets a weaker
//! mark, like a name: whoever writes the title of a row can be taken for that row.
//!
//! What never happens here: no threshold on likeness, and no text long enough to be a message.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::bound::{self, Bound};
use crate::derive;
use crate::moment;
use crate::number::Micro;
use crate::record::{Family, Field, Row, bind};
use crate::request::Request;
use crate::text;
use crate::transcript::Transcript;
use crate::words;

/// The longest field that is read, in bytes: names, titles, labels, states.
const SHORT: usize = 80;
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
pub(crate) fn marks(transcript: &Transcript, rows: &[Row], request: &Request, foreign: bool) -> Vec<(u16, u16)> {
    let mut marks = vec![(0, 0); rows.len()];
    if rows.len() > ROWS || request.words.is_empty() {
        return marks;
    }
    let mut families: BTreeMap<Family, Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        families.entry(row.family).or_default().push(at);
    }
    for family in families.into_values() {
        let dated = !foreign || family.len() > 1;
        let members: Vec<&Row> = family.iter().filter_map(|at| rows.get(*at)).collect();
        let mut scores: Vec<Score> = members.iter().map(|row| score(transcript, row, request, dated)).collect();
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
        let mut telling: HashMap<&str, usize> = HashMap::new();
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

fn score(transcript: &Transcript, row: &Row, request: &Request, dated: bool) -> Score {
    let mut score = Score::default();
    for field in row.fields.iter().filter_map(|at| transcript.field(*at)) {
        if !field.attested && field.raw.len() <= TEXT {
            let near = text::tokens(&field.raw).filter(|token| token.text.len() > 2 && request.may_have(token.text));
            let stems = near.map(|token| text::exact(token.text));
            let stems =
                stems.filter(|lower| lower.len() > 2 && !words::is_stop(lower)).map(|lower| words::stem(&lower));
            score.text.extend(stems.filter(|stem| request.has_stem(stem) && !request.opens_order(stem)));
        }
        // The parts of an address are no words: a name in one is looked for where the address itself is asked for.
        if field.raw.len() > SHORT || field.raw.contains("://") {
            continue;
        }
        if field.attested {
            if dated {
                moment_hits(transcript, field, request, &mut score);
            }
            own_hits(transcript, field, request, &mut score);
            lack_hits(field, request, &mut score);
            has_hits(field, request, &mut score);
        }
        if !field.attested && is_speech(&field.raw) {
            continue;
        }
        // A flag that is not set is spoken of by what it is not ("unpaid").
        let raw =
            field.raw.strip_prefix("not ").and_then(|raw| raw.split_once("; ")).map_or(&*field.raw, |(_, raw)| raw);
        for token in text::tokens(raw) {
            let lower = text::exact(token.text);
            let digits = lower.bytes().all(|b| b.is_ascii_digit());
            let dated = field.raw.contains('-') && field.raw.len() == 10;
            let figure = digits && (lower.len() < 3 || dated || is_fraction(raw, &token));
            if words::is_stop(&lower) || lower.len() < 2 || figure {
                continue;
            }
            let stem = words::stem(&lower);
            if request.is_excluded(&stem) || (!field.attested && request.orders(&stem)) {
                continue;
            }
            if request.has_stem(&stem) || (digits && request.has_word(&lower)) {
                score.hit(stem, digits || request.names(&lower), field.attested);
            } else if field.attested && field.raw.len() < 16 && !digits && is_alike(request, &stem) {
                score.hit(format!("~{stem}"), false, true);
            } else if field.attested
                && field.raw.len() < 24
                && !digits
                && (request.has_kin(&stem) || request.is_coded(&lower))
            {
                score.hit(stem, false, true);
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

/// Whether digits are those of a figure with nothing but noughts behind its point ("500.0"), and no part of a name.
fn is_fraction(text: &str, digits: &text::Token<'_>) -> bool {
    let behind = text.get(digits.end..).and_then(|behind| behind.strip_prefix('.')).unwrap_or_default();
    let noughts = behind.bytes().take_while(|b| *b == b'0').count();
    noughts > 0 && !behind.get(noughts..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// Whether a text is a sentence, or long enough to be one, and so no name of a row.
fn is_speech(text: &str) -> bool {
    let marks =
        text.contains(['.', '!', '?', ';']) && (text.contains(". ") || text.trim_end().ends_with(['.', '!', '?', ';']));
    let short = !text.contains(". ") && text.split_whitespace().nth(6).is_none();
    (marks && !short) || text.split_whitespace().nth(8).is_some()
}

/// Whether the user spoke of a thing of this kind in another word ("the place" for a hotel, "my wife" for a spouse).
fn is_alike(request: &Request, stem: &str) -> bool {
    let kinds = words::nouns(stem) & !words::BROAD;
    kinds != 0
        && request.words.iter().any(|word| words::nouns(&word.stem) & kinds != 0 && words::verbs(&word.stem) == 0)
}

/// The day, the month, the time or the part of the day that the user named.
fn moment_hits(transcript: &Transcript, field: &Field, request: &Request, score: &mut Score) {
    let Some((day, minute)) = moment::parse(&field.raw) else {
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

/// What is the user's own: a row that holds a value of the own record, or says "self".
fn own_hits(transcript: &Transcript, field: &Field, request: &Request, score: &mut Score) {
    let value = text::exact(&field.raw);
    let person = SELF.contains(&value.as_str()) && ["me", "myself", "i"].iter().any(|word| request.has_word(word));
    if person || (request.speaks_of_self() && transcript.own.contains(&value)) {
        score.hit("my".to_owned(), true, true);
    }
}

/// "The fine on her book" for the row that has one.
fn has_hits(field: &Field, request: &Request, score: &mut Score) {
    if field.number.is_none_or(|number| number.0 == 0) || field.is_name() {
        return;
    }
    for word in text::identifier_words(&field.name) {
        let stem = words::stem(&word);
        // "A 1-star review."
        if request.counts.iter().any(|(unit, count)| *unit == stem && Some(*count) == field.number) {
            score.hit(format!("{word} counted"), true, true);
        }
        if word.len() > 2 && !words::is_stop(&word) && request.has_stem(&stem) {
            score.hit(format!("has {word}"), false, true);
        }
    }
}

/// "No stops" and "non-stop" for a figure that is nought.
fn lack_hits(field: &Field, request: &Request, score: &mut Score) {
    if field.number.is_none_or(|number| number.0 != 0) {
        return;
    }
    for word in text::identifier_words(&field.name) {
        let direct =
            words::stem(&word) == "stop" && ["direct", "nonstop", "non"].iter().any(|said| request.has_word(said));
        if direct || request.lacks(&words::stem(&word)) {
            score.hit(format!("no {word}"), false, true);
        }
    }
}
