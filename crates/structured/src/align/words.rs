//! How near two names are: case style, inflection, an added or left-out word, an abbreviation, a synonym, a typing
//! error.
//!
//! Nearness is linguistic, and so is distance: a word that sets names apart (`first` and `last`, `min` and `max`) is
//! never bridged, a negating prefix never dropped, a digit never taken for another, nor a unit.
//!
//! What never happens here: no statistics and no embedding. The rules are listed, and each has a price.

use super::letters::{folded, latin};
use super::vocabulary::{ADDS_NOTHING, FILLERS, GENERICS, NOBODY, PERSONAL, RECORDS, RELATIVES, SORTS, is_contrast};
use super::{synonyms, units};

/// Prices in quarters of an ordinary edit; see `docs/structured.md` for how they were chosen.
pub(super) const STYLE: u32 = 1;
pub(super) const INFLECTION: u32 = 3;
const ORDER: u32 = 4;
const WORD: u32 = 5;
const ABBREVIATION: u32 = 5;
const TYPING: u32 = 5;
const GENERIC: u32 = 6;
const SYNONYM: u32 = 6;
/// A word that stands for another in most records: enough only for a member that must be there.
pub(super) const LOOSE: u32 = 9;

/// The words of a name in lower case.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut current = String::new();
    let chars: Vec<char> = name.chars().map(folded).collect();
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|p| chars.get(p)).copied();
        let hump = c.is_uppercase() && before.is_some_and(|b| b.is_lowercase() || b.is_ascii_digit());
        let acronym = c.is_uppercase()
            && before.is_some_and(char::is_uppercase)
            && chars.get(i + 1).is_some_and(|n| n.is_lowercase());
        if (hump || acronym || !c.is_alphanumeric()) && !current.is_empty() {
            out.push(std::mem::take(&mut current));
        }
        if c.is_alphanumeric() {
            current.extend(c.to_lowercase().map(folded));
        }
    }
    if !current.is_empty() {
        out.push(current);
    }
    out
}

/// The stems of its words.
pub(crate) fn stems(name: &str) -> Vec<String> {
    words(name).iter().map(|word| stem(word)).collect()
}

/// A name taken apart, once.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    words: Vec<String>,
    stems: Vec<String>,
    joined: String,
    digits: String,
    /// What the name as a whole may mean, as bits of the table of synonyms.
    meanings: u128,
    unit: Option<units::UnitId>,
}

impl Name {
    pub(crate) fn of(text: &str) -> Self {
        let words = words(text);
        let joined = words.concat();
        Self {
            stems: stems(text),
            digits: digits(&joined),
            meanings: synonyms::meanings(&joined),
            unit: units::named(&words),
            joined,
            words,
        }
    }
}

impl Name {
    /// Whether it names what only a person has.
    pub(super) fn is_personal(&self) -> bool {
        PERSONAL.contains(&self.joined.as_str())
    }

    /// Whether it is the declared name with words before it that name something that is no person: `company_name` for
    /// `name`.
    pub(super) fn is_of_nobody(&self, declared: &Name) -> bool {
        let extra = self.words.len().saturating_sub(declared.words.len());
        self.words.ends_with(&declared.words)
            && self.words.iter().take(extra).any(|word| NOBODY.contains(&word.as_str()))
    }

    /// Whether it is the other name but for one letter.
    pub(super) fn is_slip_of(&self, other: &Name) -> bool {
        typing_error(&self.joined, &other.joined, 2)
    }

    /// Whether it is called a unit.
    pub(super) fn is_unit(&self) -> bool {
        matches!(self.joined.as_str(), "unit" | "units" | "uom" | "einheit" | "unidad" | "unité")
    }

    /// Whether it says a unit, and the mark is another one.
    pub(super) fn has_another_unit(&self, mark: &str) -> bool {
        units::is_another(mark, &self.words)
    }

    /// Whether it is the other name with an `is` before it.
    pub(super) fn is_predicate_of(&self, other: &Name) -> bool {
        matches!(self.words.split_first(), Some((first, rest)) if first == "is" && rest == other.words.as_slice())
    }

    /// The one word behind the other name.
    pub(super) fn kind_of(&self, other: &Name) -> Option<&str> {
        let (last, rest) = self.words.split_last()?;
        (!rest.is_empty() && rest == other.words.as_slice()).then_some(last.as_str())
    }

    /// Whether all words of the declared name stand in it, among others.
    pub(super) fn says_all_of(&self, declared: &Name) -> bool {
        self.stems.len() > declared.stems.len() && declared.stems.iter().all(|word| self.stems.contains(word))
    }

    /// Whether it names somebody or something beside the thing itself: what belongs to it belongs to nobody else.
    pub(super) fn is_of_another(&self) -> bool {
        self.words.iter().any(|word| RELATIVES.contains(&word.as_str()) || is_contrast(word))
    }
}

/// The price of taking one key for another; `None` if they are not near. A word before the declared name has to be one
/// of `nouns`, which are the schema's own words for the object, or to add nothing: `tax_total` is no `total`.
pub(super) fn key_distance(found: &Name, declared: &Name, nouns: &Nouns<'_>) -> Option<u32> {
    let (a, b) = (found.words.as_slice(), declared.words.as_slice());
    let (joined_a, joined_b) = (found.joined.as_str(), declared.joined.as_str());
    if joined_a == joined_b {
        return Some(STYLE);
    }
    if joined_a.is_empty() || joined_b.is_empty() || found.digits != declared.digits {
        return None;
    }
    // `timeout_s` is no `timeout_ms`, however near the letters are.
    if let (Some(ours), Some(theirs)) = (found.unit, declared.unit)
        && ours != theirs
    {
        return None;
    }
    if !joined_a.is_ascii() && joined_b.is_ascii() && latin(joined_a) == joined_b {
        return Some(INFLECTION);
    }
    let (stems_a, stems_b) = (found.stems.as_slice(), declared.stems.as_slice());
    if stems_a == stems_b {
        return a.iter().zip(b).all(|(x, y)| x == y || inflected(x, y)).then_some(INFLECTION);
    }
    let telling = |words: &'_ [String]| -> Vec<String> {
        words.iter().filter(|word| !FILLERS.contains(&word.as_str())).cloned().collect()
    };
    if a.len() != b.len() && a.len().min(b.len()) > 1 && telling(a) == telling(b) {
        return Some(INFLECTION);
    }
    if a.len() == b.len() && a.len() > 1 && a.iter().all(|w| b.contains(w)) {
        let directed = a.iter().any(|w| ["to", "from", "of", "by", "per", "in"].contains(&w.as_str()));
        return (!directed).then_some(ORDER);
    }
    if found.meanings & declared.meanings != 0 {
        return Some(if synonyms::is_same_word(found.meanings, declared.meanings) { SYNONYM } else { LOOSE });
    }
    let partial = if a.len() < b.len() {
        added(found, declared, &|word| !nouns.boolean || nouns.add_nothing(word))
    } else {
        added(declared, found, &|word| nouns.add_nothing(word) || SORTS.contains(&joined_b))
    };
    partial
        .or_else(|| unit_added(found, declared))
        .or_else(|| abbreviated(found, declared))
        .or_else(|| one_word_synonym(a, b))
        .or_else(|| typing_error(joined_a, joined_b, 5).then_some(TYPING))
}

/// The schema's own words for an object.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Nouns<'s> {
    /// Stems.
    pub(super) stems: &'s [String],
    /// The member says yes or no: a word more may turn it round, whoever adds it.
    pub(super) boolean: bool,
}

impl Nouns<'_> {
    /// Whether a word before the name of a member says nothing that the schema does not.
    fn add_nothing(&self, word: &str) -> bool {
        let known = [&ADDS_NOTHING[..], &RECORDS[..], &FILLERS[..]];
        known.iter().any(|words| words.contains(&word)) || self.stems.contains(&stem(word))
    }
}

/// The same name with the unit spelled otherwise, or with one that the declared name leaves open: `duration_in_minutes`
/// for `duration_min` or `duration`. The other way round nobody knows what was counted.
fn unit_added(found: &Name, declared: &Name) -> Option<u32> {
    let bare = |name: &Name| {
        let mut words = name.words.clone();
        if name.unit.is_some() {
            words.pop();
        }
        if words.last().is_some_and(|word| word == "in") {
            words.pop();
        }
        words
    };
    let (ours, theirs) = (bare(found), bare(declared));
    if found.unit.is_some_and(|unit| units::is_unnatural(unit, &declared.words)) {
        return None;
    }
    (found.unit.is_some() && !ours.is_empty() && ours == theirs).then_some(GENERIC)
}

/// The longer name is the shorter one with words before it that may stand there, or with an empty word behind it.
fn added(short: &Name, long: &Name, may_lead: &dyn Fn(&str) -> bool) -> Option<u32> {
    let extra = long.stems.len().checked_sub(short.stems.len()).filter(|n| *n > 0)?;
    if short.stems.is_empty() {
        return None;
    }
    let mut leading = long.words.iter().take(extra);
    if long.stems.ends_with(&short.stems) && leading.all(|word| !is_contrast(word) && may_lead(word)) {
        return Some(WORD + u32::try_from(extra).unwrap_or(9) - 1);
    }
    let mut trailing = long.words.iter().skip(short.stems.len());
    let generic = trailing.all(|word| GENERICS.contains(&word.as_str()));
    (long.stems.starts_with(&short.stems) && generic && extra == 1).then_some(GENERIC)
}

/// Word by word the same, where one may be the beginning of the other (`desc`, `max_temp`) or its usual abbreviation.
fn abbreviated(a: &Name, b: &Name) -> Option<u32> {
    if a.words.len() != b.words.len() {
        return None;
    }
    let mut short = 0;
    let stems = a.stems.iter().zip(&b.stems);
    for ((x, y), _) in a.words.iter().zip(&b.words).zip(stems).filter(|(_, (x, y))| x != y) {
        if !is_abbreviation(x, y) || is_contrast(x) || is_contrast(y) {
            return None;
        }
        short += 1;
    }
    (short > 0).then_some(ABBREVIATION + short - 1)
}

/// One word is the beginning of the other, of three letters at least, or is known to stand for it.
fn is_abbreviation(x: &str, y: &str) -> bool {
    let (s, l) = if x.len() < y.len() { (x, y) } else { (y, x) };
    (s.len() >= 3 && l.starts_with(s) && l.len() >= s.len() + 2) || synonyms::is_short_for(s, l)
}

/// The same words but for one that a synonym replaces (`customer_mail`, `customer_email`).
fn one_word_synonym(a: &[String], b: &[String]) -> Option<u32> {
    if a.len() != b.len() || a.len() < 2 {
        return None;
    }
    let mut differing = a.iter().zip(b).filter(|(x, y)| x != y);
    let (x, y) = differing.next()?;
    (synonyms::meanings(x) & synonyms::meanings(y) != 0 && differing.next().is_none()).then_some(SYNONYM)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// One letter added, left out, replaced or swapped with its neighbour; not the first, and no digit.
pub(super) fn typing_error(a: &str, b: &str, least: usize) -> bool {
    // A character has one to four bytes: lengths further apart than that are no slip.
    if a.len().abs_diff(b.len()) > 4 || a.chars().next() != b.chars().next() {
        return false;
    }
    let (x, y): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if x.len().min(y.len()) < least || x.len().abs_diff(y.len()) > 1 || a == b || digits(a) != digits(b) {
        return false;
    }
    let head = x.iter().zip(&y).take_while(|(p, q)| p == q).count();
    let tail = x.iter().rev().zip(y.iter().rev()).take_while(|(p, q)| p == q).count().min(x.len().min(y.len()) - head);
    let (rest_x, rest_y) = (x.len() - head - tail, y.len() - head - tail);
    let swapped = rest_x == 2 && rest_y == 2 && x.get(head) == y.get(head + 1) && x.get(head + 1) == y.get(head);
    let replaced = rest_x == 1 && rest_y == 1;
    match (x.get(head), y.get(head)) {
        // Another letter at the end is grammar or meaning (`employer`, `employee`).
        (Some(p), Some(q)) if replaced => tail > 0 && mistaken(*p, *q, x.len()),
        _ => (rest_x <= 1 && rest_y <= 1) || swapped,
    }
}

/// Whether one letter is written for another by a slip: its neighbour on the keyboard, or another vowel in a long word.
/// Any other letter makes another word (`shipped`, `skipped`).
fn mistaken(a: char, b: char, letters: usize) -> bool {
    const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
    const LONG_WORD: usize = 7;
    let place = |c: char| ROWS.iter().zip(0_usize..).find_map(|(row, y)| Some((row.find(c)?, y)));
    let vowel = |c: char| "aeiouy".contains(c);
    let (Some((ax, ay)), Some((bx, by))) = (place(a), place(b)) else { return true };
    // Each row stands half a key further to the right than the one above it.
    let upper = if ay < by { (ax, bx) } else { (bx, ax) };
    let near = match ay.abs_diff(by) {
        0 => ax.abs_diff(bx) == 1,
        1 => upper.0 == upper.1 || upper.0 == upper.1 + 1,
        _ => false,
    };
    near || matches!((a, b), ('y', 'z') | ('z', 'y')) || (letters >= LONG_WORD && vowel(a) && vowel(b))
}

/// The stem of an English word: plural, past and progressive endings off, doubled consonants single.
pub(super) fn stem(word: &str) -> String {
    let mut w = word.to_owned();
    let cut = |w: &mut String, n: usize| w.truncate(w.len() - n);
    let ends = |w: &str, suffix: &str, least: usize| w.ends_with(suffix) && w.len() >= suffix.len() + least;
    if !w.is_ascii() || w.len() < 4 {
        return w;
    }
    if ends(&w, "ies", 2) {
        cut(&mut w, 3);
        w.push('y');
    } else if ends(&w, "sses", 1) || ends(&w, "xes", 2) || ends(&w, "shes", 1) || ends(&w, "ches", 1) {
        cut(&mut w, 2);
    } else if ends(&w, "s", 3) && !w.ends_with("ss") && !w.ends_with("us") && !w.ends_with("is") {
        cut(&mut w, 1);
    } else if ends(&w, "ied", 2) {
        cut(&mut w, 3);
        w.push('y');
    } else if ends(&w, "ing", 3) {
        cut(&mut w, 3);
    } else if ends(&w, "ed", 3) && !w.ends_with("eed") {
        cut(&mut w, 2);
    }
    let doubled = {
        let mut tail = w.bytes().rev();
        let (last, before) = (tail.next(), tail.next());
        last == before && !matches!(last, Some(b's' | b'e' | b'o'))
    };
    if doubled {
        cut(&mut w, 1);
    }
    if w.ends_with('e') && w.len() > 3 {
        cut(&mut w, 1);
    }
    for (british, american) in [("isation", "ization"), ("colour", "color"), ("grey", "gray")] {
        if w.contains(british) {
            w = w.replace(british, american);
        }
    }
    w
}

/// Of two words with one stem: is one the base of the other, so that they do not contrast (`sent`, `sending`)?
pub(super) fn inflected(a: &str, b: &str) -> bool {
    let form = |w: &str| {
        let bare = stem(w);
        let doubled_or_e = |n: usize| w.len() <= bare.len() + n;
        if w.ends_with("ing") && w.len() > bare.len() + 1 {
            'i'
        } else if w.ends_with("ed") && w.len() > bare.len() + 1 {
            'd'
        } else if w.ends_with('s') && !doubled_or_e(0) {
            's'
        } else {
            'b'
        }
    };
    let (x, y) = (form(a), form(b));
    x == 'b' || y == 'b' || x == y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_same_thing_are_near_and_siblings_are_not() {
        let stems = ["ticket".to_owned()];
        let ticket = Nouns { stems: &stems, boolean: false };
        let near = [
            "ticketCategory ticket_category",
            "category ticket_category",
            "ticket_category category",
            "tags tag",
            "number_of_bed number_of_beds",
            "desc description",
            "e_mail email",
            "emial email",
            "phone_number number_phone",
            "userEmail user_mail",
            "duration_in_minutes duration_min",
            "Vorname first_name",
        ];
        for pair in near {
            let (a, b) = pair.split_once(' ').expect("a pair");
            assert!(key_distance(&Name::of(a), &Name::of(b), &ticket).is_some(), "{pair}");
        }
        let far = [
            "first_name last_name",
            "first_name name",
            "min_price price",
            "enabled disabled",
            "active inactive",
            "price prize1",
            "item1 item2",
            "banana age",
            "start_date end_date",
            "timeout_s timeout_ms",
            "timeout timeout_ms",
            "tax_total total",
            "fathers_age age",
            "refunded_amount amount",
        ];
        for pair in far {
            let (a, b) = pair.split_once(' ').expect("a pair");
            assert_eq!(key_distance(&Name::of(a), &Name::of(b), &ticket), None, "{pair}");
        }
    }

    #[test]
    fn inflections_share_a_stem_and_contrasting_ones_are_told_apart() {
        for pair in [
            "complete completed",
            "cancel cancelled",
            "cancelled canceled",
            "category categories",
            "process processing",
            "refund refunded",
        ] {
            let (a, b) = pair.split_once(' ').expect("a pair");
            assert_eq!(stem(a), stem(b), "{pair}");
            assert!(inflected(a, b), "{pair}");
        }
        assert!(!inflected("processed", "processing"));
    }
}
