//! A small general lexicon of English: stems, classes of action verbs, classes of objects, measures.
//!
//! It serves one question: did the user's words ask for an action of this kind, on an object of this kind? The classes
//! are groups of near-synonyms as a thesaurus has them (Roget's heads of giving, ending, changing, telling and so on),
//! not the words of any tool set. Being in a class grants nothing by itself: values are checked apart.
//!
//! What never happens here: no look at untrusted text, no statistics, no model.

use std::sync::LazyLock;

use crate::hashed::{HashMap, HashSet};
pub(crate) use crate::lexicon::*;
use crate::naming::Name;
use crate::wordlist::WordList;

/// The direction in which a superlative points, and what it measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superlative {
    /// Where the best value lies.
    pub(crate) end: End,
    /// What is compared.
    pub(crate) measure: Measure,
}

/// At which end of a scale the selected values lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Greatest,
    Least,
    /// The word does not tell ("the priority 1 ticket", "the tastiest").
    Either,
}

/// What a superlative compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Measure {
    /// Bytes, metres, anything large or small.
    Size,
    /// Dates and times.
    Time,
    /// Prices.
    Price,
    /// Ratings.
    Rating,
    /// Distances and durations.
    Length,
    /// Priorities.
    Urgency,
    /// Degrees.
    Heat,
    /// Whatever the noun beside it says, or the one figure that the rows have.
    Named,
}

/// What is compared, with the words for its greatest and its least value. Comparatives stand here too ("the cheaper
/// one").
const SUPERLATIVES: &[(Measure, &str, &str)] = &[
    (
        Measure::Size,
        "largest biggest heaviest fullest roomiest bulkiest hugest fattest larger bigger heavier widest thickest tallest taller",
        "smallest tiniest lightest emptiest littlest slimmest smaller lighter narrowest thinnest",
    ),
    (
        Measure::Time,
        "latest newest recent last freshest youngest later newer younger",
        "oldest earliest first soonest next older earlier sooner overdue",
    ),
    (Measure::Price, "expensive priciest dearest costliest pricier dearer costlier", "cheapest affordable cheaper"),
    (Measure::Rating, "best top finest better strongest popular", "worst weakest poorest"),
    (
        Measure::Length,
        "longest slowest farthest furthest remotest longer slower",
        "nearest closest shortest fastest quickest shorter faster quicker nearer closer",
    ),
    (Measure::Urgency, "urgent critical pressing important severe", "trivial"),
    (Measure::Heat, "hottest warmest hotter warmer", "coldest coolest colder cooler"),
    (Measure::Named, "highest greatest most maximum busiest richest higher", "lowest fewest least minimum lower fewer"),
];

/// Superlatives that need "most" or "least" before them.
static WITH_MOST: WordList =
    WordList::new("expensive recent affordable urgent critical pressing important severe trivial popular overdue");
/// Comparatives: they select only where two things are compared ("the cheaper one", not "cheaper than").
static COMPARATIVES: WordList = WordList::new(
    "larger bigger heavier taller smaller lighter later newer younger older earlier sooner pricier dearer \
    costlier cheaper better longer slower shorter faster quicker nearer closer hotter warmer colder cooler higher lower fewer",
);
/// Words in "-est" that compare nothing.
static NO_SUPERLATIVE: WordList = WordList::new(
    "interest request guest forest west harvest contest invest suggest digest honest modest chest quest \
    protest arrest manifest earnest latest test rest nest conquest ingest attest detest tempest budapest bucharest",
);

const MEASURES: &[(Measure, &str)] = &[
    (
        Measure::Size,
        "size byte kb mb gb weight kg volume count pages capacity seats beds length height width area sqm quantity copies \
         units amount total headcount",
    ),
    (
        Measure::Time,
        "date time timestamp created updated modified received sent at on due start day opened posted placed departure depart departs arrival arrives since when begins ends until deadline born",
    ),
    (
        Measure::Price,
        "price cost amount total fee fare value charge nightly usd eur gbp rent premium estimate quote sum tariff",
    ),
    (Measure::Rating, "rating rated score star stars reviews review points votes rank"),
    (Measure::Length, "distance duration length minutes hours km miles metres meters travel days eta"),
    (Measure::Urgency, "priority urgency severity importance level"),
    (Measure::Heat, "temperature celsius fahrenheit degrees temp"),
];

/// The place of a word on a scale of urgency, size or rank; attested words are compared by it.
pub(crate) fn scale(word: &str) -> Option<i64> {
    const SCALE: &[&str] = &[
        "lowest trivial p5",
        "low minor small p4 bronze",
        "normal medium moderate standard p3 silver",
        "high major large important p2 gold",
        "urgent critical severe highest blocker emergency p1 platinum",
    ];
    let at = SCALE.iter().position(|words| words.split(' ').any(|entry| entry == word))?;
    i64::try_from(at).ok()
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::build);

struct Tables {
    verbs: HashMap<String, Verbs>,
    nouns: HashMap<String, Nouns>,
    generic: HashSet<String>,
    reading: HashSet<String>,
    light: HashSet<String>,
    nominal: HashSet<String>,
    /// Superlatives and comparatives, with the end that each means.
    superlatives: HashMap<&'static str, Superlative>,
    /// What fields are called that hold what is compared, by their stems.
    measured: HashSet<(Measure, String)>,
}

impl Tables {
    fn build() -> Self {
        let mut verbs: HashMap<String, Verbs> = HashMap::default();
        for (class, words) in VERBS {
            for word in words.split_whitespace() {
                *verbs.entry(stem(word)).or_default() |= class;
            }
        }
        for (class, words) in FOREIGN {
            for word in words.split_whitespace() {
                *verbs.entry(stem(word)).or_default() |= class;
            }
        }
        let mut nouns: HashMap<String, Nouns> = HashMap::default();
        for (class, words) in NOUNS {
            for word in words.split_whitespace() {
                *nouns.entry(stem(word)).or_default() |= class;
            }
        }
        let set = |words: &str| words.split_whitespace().map(stem).collect();
        let mut superlatives = HashMap::default();
        for (measure, greatest, least) in SUPERLATIVES {
            for (end, words) in [(End::Greatest, greatest), (End::Least, least)] {
                for word in words.split_whitespace() {
                    superlatives.entry(word).or_insert(Superlative { end, measure: *measure });
                }
            }
        }
        let fields = |(measure, words): &(Measure, &'static str)| {
            let measure = *measure;
            words.split_whitespace().map(move |word| (measure, stem(word)))
        };
        Self {
            verbs,
            nouns,
            generic: set(GENERIC),
            reading: set(READING),
            light: set(LIGHT_VERBS),
            nominal: set(NOMINAL),
            superlatives,
            measured: MEASURES.iter().flat_map(fields).collect(),
        }
    }
}

/// The classes of a verb by its stem; none for a word that is no known verb.
pub(crate) fn verbs(stem: &str) -> Verbs {
    TABLES.verbs.get(stem).copied().unwrap_or_default()
}

/// The plain form of an irregular participle.
pub(crate) fn plain(word: &str) -> Option<&'static str> {
    static PLAIN: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
        const IRREGULAR: &str = "paid:pay sent:send made:make given:give taken:take bought:buy sold:sell written:write \
            told:tell held:hold lent:lend brought:bring kept:keep put:put set:set cut:cut shut:shut let:let drawn:draw \
            withdrawn:withdraw chosen:choose left:leave met:meet thrown:throw frozen:freeze broken:break hidden:hide";
        IRREGULAR.split_whitespace().filter_map(|pair| pair.split_once(':')).collect()
    });
    PLAIN.get(word).copied()
}

/// The classes of a noun by its stem.
pub(crate) fn nouns(stem: &str) -> Nouns {
    TABLES.nouns.get(stem).copied().unwrap_or_default()
}

/// What the known verbs have in common that a word of no meaning is a slip away from ("cancell", "shedule"): a letter
/// too many, too few, wrong or swapped. Only ever asked of the user's own words.
pub(crate) fn misspelt(stem: &str) -> Verbs {
    if stem.len() < 5 || verbs(stem) != 0 || nouns(stem) != 0 || is_reading(stem) || is_stop(stem) || !stem.is_ascii() {
        return 0;
    }
    let slips = TABLES.verbs.iter().filter(|(verb, _)| verb.len() > 4 && is_slip(stem.as_bytes(), verb.as_bytes()));
    slips.map(|(_, classes)| *classes).reduce(|all, classes| all & classes).unwrap_or_default()
}

/// Whether two words differ by one edit (Damerau, "A technique for computer detection and correction of spelling
/// errors", 1964: insertion, deletion, substitution, transposition), their first letter aside.
fn is_slip(a: &[u8], b: &[u8]) -> bool {
    if a.first() != b.first() || a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
    match (a, b) {
        ([_, rest @ ..], other) if rest == other => true,
        (other, [_, rest @ ..]) if rest == other => true,
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([a, b, rest @ ..], [c, d, other @ ..]) => a == d && b == c && rest == other,
        _ => false,
    }
}

/// Whether two stems are of one family: most of the longer one is their common beginning ("plumber", "plumb").
pub(crate) fn are_kin(a: &str, b: &str) -> bool {
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    common >= 5 && common * 3 >= a.len().max(b.len()) * 2
}

/// Whether a verb says nothing about its object.
pub(crate) fn is_generic(stem: &str) -> bool {
    TABLES.generic.contains(stem)
}

/// The verb that the object of a light verb is ("refill" in "request a refill"): its classes, none for other pairs.
pub(crate) fn nominal(light: &str, object: &str) -> Verbs {
    if TABLES.light.contains(light) && TABLES.nominal.contains(object) { verbs(object) } else { 0 }
}

/// Whether a verb only asks to read: to find, to show, to work out.
pub(crate) fn is_reading(stem: &str) -> bool {
    TABLES.reading.contains(stem)
}

/// Whether a verb only asks to look or to know, and not for something to be got.
pub(crate) fn is_look(stem: &str) -> bool {
    is_reading(stem) && !matches!(stem, "get" | "hav" | "mak" | "ask" | "giv" | "see")
}

/// Whether a lower-case word carries no meaning of its own.
pub(crate) fn is_stop(word: &str) -> bool {
    STOP_WORDS.has(word)
}

/// Whether a word speaks of all members of a group.
pub(crate) fn is_quantifier(word: &str) -> bool {
    QUANTIFIERS.has(word)
}

/// Whether a part of an address names nobody in particular.
pub(crate) fn is_address_noise(word: &str) -> bool {
    TLD_OR_PROVIDER.has(word)
}

/// The superlative that a word expresses, given the words around it.
pub(crate) fn superlative(before: &str, word: &str, behind: &str) -> Option<Superlative> {
    let Some(found) = TABLES.superlatives.get(word).copied() else {
        let unknown = word.len() > 5 && word.ends_with("est") && !NO_SUPERLATIVE.has(word);
        // "The most space" is the most of a thing.
        let rare = before == "most" && word.len() > 4 && !is_stop(word) && nouns(&stem(word)) == 0;
        return (unknown || rare).then_some(Superlative { end: End::Either, measure: Measure::Named });
    };
    let reversed = Superlative { end: if found.end == End::Greatest { End::Least } else { End::Greatest }, ..found };
    match word {
        "most" | "least" => {
            (matches!(before, "the" | "with" | "has" | "have") && !is_stop(behind) && !WITH_MOST.has(behind))
                .then_some(found)
        }
        _ if COMPARATIVES.has(word) => (before == "the" && behind != "than").then_some(found),
        _ if !WITH_MOST.has(word) => Some(found),
        _ if before == "most" => Some(found),
        _ if before == "least" => Some(reversed),
        _ => None,
    }
}

/// Whether a field by this name holds what `measure` compares. `nouns` are the words that the superlative stands
/// beside.
pub(crate) fn measures(measure: Measure, nouns: &[String], field: &Name) -> bool {
    let beside =
        |(word, stem): (&String, &String)| nouns.contains(stem) && !(measure == Measure::Rating && is_rate(word));
    field.words.iter().zip(&field.stems).any(beside) || is_measured(measure, field)
}

/// Whether a field by this name, which does not hold what `measure` compares, may do so all the same: not a price where
/// something is rated, nor a rating where it is priced.
pub(crate) fn may_measure(measure: Measure, nouns: &[String], field: &Name) -> bool {
    let beside = |measure: Measure| nouns.iter().any(|noun| TABLES.measured.contains(&(measure, noun.clone())));
    let rated = measure == Measure::Rating || (measure == Measure::Named && beside(Measure::Rating));
    let priced = measure == Measure::Price || (measure == Measure::Named && beside(Measure::Price));
    !(rated && is_measured(Measure::Price, field) || priced && is_measured(Measure::Rating, field))
}

fn is_measured(measure: Measure, field: &Name) -> bool {
    field.words.iter().zip(&field.stems).any(|(word, stem)| {
        if is_rate(word) { measure == Measure::Price } else { TABLES.measured.contains(&(measure, stem.clone())) }
    })
}

/// Whether a word is that of a price, and not "rating" or "rated", which have the same stem.
fn is_rate(word: &str) -> bool {
    matches!(word, "rate" | "rates")
}

/// A light suffix stemmer (after Porter, "An algorithm for suffix stripping", 1980, steps 1a to 1c and a few endings
/// of step 3). Its stems are keys for equality, not words.
pub(crate) fn stem(word: &str) -> String {
    let mut s = if word.is_ascii() { word.to_ascii_lowercase() } else { word.to_lowercase() };
    if s.len() <= 3 {
        return s;
    }
    // "Comment" is no form of "come", and "note" none of "not".
    let forms_of = |own: &&&str| {
        let end = s.strip_prefix(own.trim_end_matches('e'));
        s == ***own || matches!(end, Some("s" | "es" | "ed" | "ing"))
    };
    if let Some(own) = ["comment", "note"].iter().find(forms_of) {
        return (*own).to_owned();
    }
    for (suffix, with) in [("sses", "ss"), ("ies", "y"), ("ss", "ss"), ("us", "us"), ("s", "")] {
        if s.ends_with(suffix) {
            s.truncate(s.len() - suffix.len());
            s.push_str(with);
            break;
        }
    }
    for suffix in ["ation", "ing", "ed", "ment"] {
        let Some(rest) = s.strip_suffix(suffix) else { continue };
        if rest.len() >= 3 && rest.chars().any(|c| "aeiouy".contains(c)) {
            s.truncate(rest.len());
            undouble(&mut s);
            break;
        }
    }
    if s.len() > 3 && s.ends_with('e') {
        s.pop();
    }
    if s.len() > 3 && s.ends_with('y') {
        s.pop();
        s.push('i');
    }
    s
}

fn undouble(s: &mut String) {
    let mut last = s.chars().rev();
    let (a, b) = (last.next(), last.next());
    if a == b && s.len() > 3 && a.is_some_and(|c| !"aeious".contains(c) && (c != 'l' || s.len() > 5)) {
        s.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_word_share_a_stem() {
        for (a, b) in [
            ("schedule", "scheduled"),
            ("delete", "deletes"),
            ("cancel", "cancelling"),
            ("reply", "replies"),
            ("move", "moving"),
            ("reserve", "reservation"),
            ("pin", "pinned"),
            ("add", "added"),
            ("adjust", "adjustment"),
        ] {
            assert_eq!(stem(a).trim_end_matches('l'), stem(b).trim_end_matches('l'), "{a} {b}");
        }
    }

    #[test]
    fn a_superlative_that_needs_most_is_none_without_it() {
        let end = |before: &str, word: &str, behind: &str| superlative(before, word, behind).map(|found| found.end);
        assert_eq!(end("", "recent", "mail"), None);
        assert_eq!(end("most", "recent", "mail"), Some(End::Greatest));
        assert_eq!(end("least", "expensive", "room"), Some(End::Least));
        assert_eq!(end("the", "most", "points"), Some(End::Greatest));
        assert_eq!(end("the", "cheaper", "one"), Some(End::Least));
        assert_eq!(end("is", "cheaper", "than"), None);
        assert_eq!(end("a", "request", "from"), None);
    }
}
