//! The words of all results, each read once: what the user's words make of it.
//!
//! Results repeat themselves, and every message of the user's gives all of them another meaning. So the fields of a
//! result hold numbers of words, and what a word is to the request is worked out once for each word and not for each
//! place.
//!
//! What never happens here: no row is looked at, and nothing is decided.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::described::SHORT;
use crate::hashed::HashMap;
use crate::record::Field;
use crate::request::Request;
use crate::text::{self, Token};
use crate::words;

/// A word of a field, with whether it is a figure that names nothing there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Occurrence {
    pub(crate) word: u32,
    pub(crate) figure: bool,
}

/// What a word is to the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reading(u8);

impl Reading {
    /// The user has a word with its stem.
    pub(crate) const SAID: u8 = 1;
    /// The user writes it as a name, or in digits.
    pub(crate) const TELLING: u8 = 2;
    /// The user excludes it, or what it is like.
    pub(crate) const EXCLUDED: u8 = 4;
    /// The user orders something by it.
    pub(crate) const ORDERS: u8 = 8;
    /// It has a meaning of its own, which the user spoke of, and opens no order.
    pub(crate) const SPOKEN: u8 = 16;
    /// The user speaks of a thing of its kind in another word.
    pub(crate) const ALIKE: u8 = 32;
    /// The user has a word of its family, or one that it abbreviates.
    pub(crate) const KIN: u8 = 64;
    /// It is written in digits.
    pub(crate) const DIGITS: u8 = 128;

    pub(crate) const fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }

    /// Whether the request has nothing to do with it.
    pub(crate) const fn is_idle(self) -> bool {
        self.0 & !Self::DIGITS == 0
    }

    fn of(request: &Request, word: &Word) -> Self {
        let (lower, stem) = (&*word.lower, &*word.stem);
        let digits = lower.bytes().all(|b| b.is_ascii_digit());
        let known = request.has_stem(stem);
        let mut marks = if digits { Self::DIGITS } else { 0 };
        let mut mark = |holds: bool, mark: u8| marks |= if holds { mark } else { 0 };
        if words::is_stop(lower) {
            return Self(marks);
        }
        mark(known && lower.len() > 2 && !request.opens_order(stem), Self::SPOKEN);
        if lower.len() < 2 {
            return Self(marks);
        }
        let said = known || (digits && request.has_word(lower));
        let alike = !said && !digits && request.has_alike(stem);
        let kin = !said && !digits && (request.has_kin(stem) || request.is_coded(lower));
        mark(said, Self::SAID);
        mark(said && (digits || request.names(lower)), Self::TELLING);
        mark(said && request.orders(stem), Self::ORDERS);
        mark(alike, Self::ALIKE);
        mark(kin, Self::KIN);
        mark((said || alike || kin) && request.is_excluded(stem), Self::EXCLUDED);
        Self(marks)
    }
}

#[derive(Debug, Clone)]
struct Word {
    lower: Box<str>,
    stem: Box<str>,
}

/// The words of all results.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vocabulary {
    numbers: HashMap<Box<str>, u32>,
    words: Vec<Word>,
    readings: Vec<Reading>,
    /// The first fields of others' text in which each word stands, disguises undone.
    places: Vec<SmallVec<[u32; 4]>>,
}

/// How many places of one word are kept.
const PLACES_LIMIT: usize = 8;

impl Vocabulary {
    /// The number of a word in strict form.
    fn number(&mut self, lower: &str) -> u32 {
        if let Some(known) = self.numbers.get(lower) {
            return *known;
        }
        let number = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.numbers.insert(lower.into(), number);
        self.words.push(Word { lower: lower.into(), stem: words::stem(lower).into() });
        self.places.push(SmallVec::new());
        number
    }

    /// The words of a field, each once: of what somebody else wrote, or of a short value.
    pub(crate) fn occurrences(&mut self, field: &Field) -> Box<[Occurrence]> {
        if field.attested && field.raw.len() > SHORT {
            return Box::default();
        }
        // A flag that is not set is spoken of by what it is not ("unpaid").
        let unset = field.raw.strip_prefix("not ").filter(|_| field.raw.len() <= SHORT);
        let raw = unset.and_then(|raw| raw.split_once("; ")).map_or(&*field.raw, |(_, raw)| raw);
        let dated = raw.len() == field.raw.len() && raw.len() == 10 && raw.contains('-');
        let occurrence = |token: Token<'_>| {
            let lower = strict(token.text);
            let digits = lower.bytes().all(|b| b.is_ascii_digit());
            let figure = digits && (lower.len() < 3 || dated || is_fraction(raw, &token));
            Occurrence { word: self.number(&lower), figure }
        };
        let mut words: Vec<Occurrence> = text::tokens(raw).map(occurrence).collect();
        words.sort_unstable();
        words.dedup();
        words.into()
    }

    /// Notes in which field of others' text its words stand, so that a witness can name it.
    pub(crate) fn place(&mut self, at: u32, field: &Field) {
        if field.raw.is_ascii() {
            field.words.iter().for_each(|own| self.note(own.word, at));
        } else {
            for token in text::tokens(&text::folded(&field.raw)) {
                let word = self.number(token.text);
                self.note(word, at);
            }
        }
    }

    fn note(&mut self, word: u32, at: u32) {
        if let Some(places) = self.places.get_mut(word as usize)
            && places.len() < PLACES_LIMIT
            && places.last() != Some(&at)
        {
            places.push(at);
        }
    }

    /// The first fields of others' text in which a word stands, in strict form and with disguises undone.
    pub(crate) fn places(&self, word: &str) -> &[u32] {
        let number = self.numbers.get(word).map_or(usize::MAX, |number| *number as usize);
        self.places.get(number).map_or(&[], SmallVec::as_slice)
    }

    /// Forgets what the words are to the request, since that has changed.
    pub(crate) fn forget(&mut self) {
        self.readings.clear();
    }

    /// Reads the words that were not read since. Cost: a few look-ups a word.
    pub(crate) fn read(&mut self, request: &Request) {
        let unread = self.words.get(self.readings.len()..).unwrap_or_default();
        let readings: Vec<Reading> = unread.iter().map(|word| Reading::of(request, word)).collect();
        self.readings.extend(readings);
    }

    pub(crate) fn reading(&self, word: u32) -> Reading {
        self.readings.get(word as usize).copied().unwrap_or_default()
    }

    pub(crate) fn stem(&self, word: u32) -> &str {
        self.words.get(word as usize).map_or("", |word| &word.stem)
    }
}

/// The strict form of a word, which most have already.
fn strict(word: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if word.bytes().all(plain) { Cow::Borrowed(word) } else { Cow::Owned(text::exact(word)) }
}

/// Whether digits are those of a figure with nothing but noughts behind its point ("500.0"), and no part of a name.
fn is_fraction(text: &str, digits: &Token<'_>) -> bool {
    let behind = text.get(digits.end..).and_then(|behind| behind.strip_prefix('.')).unwrap_or_default();
    let noughts = behind.bytes().take_while(|b| *b == b'0').count();
    noughts > 0 && !behind.get(noughts..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}
