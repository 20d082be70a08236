//! What the user asked for, read once: literals, actions, quantifiers, selections, delegations.
//!
//! Everything here is computed from trusted text when it arrives, so that a decision only looks things up. A literal is
//! a value the user wrote: matching is strict (see `text`), at word borders, and never across a sentence.
//!
//! What never happens here: no look at tool results, no grant. The same reading of a document to which the user
//! delegated is kept apart from the user's own.

use smallvec::SmallVec;

use crate::bound::{self, Bound};
use crate::clock;
use crate::corrected::corrected;
use crate::derive;
use crate::dictated;
use crate::hashed::{HashMap, HashSet};
use crate::mention::{Mention, Quote, quotes};
use crate::moment::{self, Relative};
use crate::number::{self, Micro};
use crate::selection::Selection;
use crate::text::{self, Token};
use crate::words::{self, Nouns, Verbs};

/// One word of a trusted text.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) lower: String,
    pub(crate) stem: String,
    pub(crate) sentence: u32,
    /// Whether punctuation that ends a phrase stands before it.
    pub(crate) hard_gap: bool,
    /// Whether it stands between quotation marks.
    pub(crate) quoted: bool,
    /// Whether it begins with a capital letter.
    pub(crate) capital: bool,
    /// Whether a comma or another mark stands before it.
    pub(crate) comma: bool,
    /// Whether the user excludes it ("not Bob", "except the parental one").
    pub(crate) excluded: bool,
    /// Whether its sentence only asks to know.
    pub(crate) question: bool,
    /// Whether it is the host of an address.
    pub(crate) host: bool,
    /// Whether it is a later part of one ("com").
    pub(crate) inside: bool,
    /// Whether it stands in a text that is to be told to somebody, or that somebody told.
    pub(crate) told: bool,
}

/// How far the user handed the choice of actions or values to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Delegation {
    /// "Do what it says": actions.
    pub(crate) actions: bool,
    /// "Accordingly": figures.
    pub(crate) figures: bool,
}

/// A trusted text, read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    exact: String,
    chunks: HashSet<String>,
    pub(crate) words: Vec<Word>,
    pub(crate) positions: HashMap<String, Vec<u32>>,
    /// The sentences in which each stem stands.
    pub(crate) stems: HashMap<String, SmallVec<[u32; 2]>>,
    /// How the words begin, so that most of another text's words need not be stemmed.
    beginnings: Beginnings,
    pub(crate) nouns: Nouns,
    pub(crate) verbs: Verbs,
    /// Objects that literals imply: an address something to send, an account or a currency money.
    pub(crate) implied: Nouns,
    pub(crate) numbers: Vec<number::Found>,
    number_set: HashSet<Micro>,
    pub(crate) moments: Vec<moment::Found>,
    pub(crate) relatives: Vec<Relative>,
    /// Days of a month that is not said ("the 27th").
    pub(crate) days_of_month: Vec<u32>,
    pub(crate) quotes: Vec<Quote>,
    /// What the user dictates without quotation marks, in strict form and with the place of its first word.
    pub(crate) dictations: Vec<(String, usize)>,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) quantified: HashSet<u32>,
    /// The sentences that speak of several who receive something: of all, or of people in the plural.
    pub(crate) several: HashSet<u32>,
    pub(crate) selections: Vec<Selection>,
    pub(crate) delegation: Delegation,
    /// Lengths of time in minutes ("4 hours", "three days").
    pub(crate) spans: Vec<i64>,
    /// Lengths of time in months.
    pub(crate) months: Vec<i64>,
    /// Numbers with the stem of what they count ("20 packs").
    pub(crate) counts: Vec<(String, Micro)>,
    /// What the user calls a part of what ("two of the six").
    pub(crate) shares: Vec<(Micro, Micro)>,
    /// Bounds on a group ("below 100").
    pub(crate) bounds: Vec<Bound>,
    sentences: u32,
    /// What the user excludes and speaks of nowhere else.
    pub(crate) excluded: HashSet<String>,
    pub(crate) lacking: HashSet<String>,
    /// The words with which the user takes back what was asked for.
    pub(crate) retractions: Vec<usize>,
}

/// The most of one text that is read for meaning, in bytes; beyond it only literals are found.
const READ_LIMIT: usize = 1 << 16;
/// The most quotations of one text that are kept as dictated: nobody dictates more.
const QUOTES_LIMIT: usize = 1000;

impl Request {
    /// Reads one more trusted text. Linear in its length.
    pub(crate) fn push(&mut self, text: &str) {
        let text = &*corrected(text);
        let tokens: Vec<Token<'_>> = text::tokens(text).collect();
        let first = self.words.len();
        let quotes = quotes(text);
        self.push_words(text, &tokens, &quotes);
        self.exclude(first);
        self.find_questions(first, text, &tokens);
        self.exact.push(' ');
        self.exact.push_str(&text::exact(text));
        self.push_chunks(text);
        let moments = moment::find(text, &tokens);
        let mut taken: Vec<(usize, usize)> = moments.iter().map(|found| (found.start, found.end)).collect();
        taken.sort_unstable();
        let numbers = number::find(text, &tokens, &taken);
        self.push_spans(text, &tokens, &numbers);
        self.shares.extend(numbers.windows(2).filter_map(|pair| derive::share(text, pair)));
        self.bounds.extend(bound::find(text, &numbers, &moments));
        self.number_set.extend(numbers.iter().filter(|found| !found.percent).map(|found| found.value));
        self.numbers.extend(numbers);
        self.days_of_month.extend(clock::days_of_month(text, &tokens, &moments));
        self.moments.extend(moments);
        self.moments.extend(clock::spoken(text, &tokens));
        self.relatives.extend(clock::phrases(text));
        for (start, end) in quotes.into_iter().take(QUOTES_LIMIT) {
            let at = tokens.partition_point(|token| token.start < start);
            let at = if at < tokens.len() { at } else { 0 };
            let place = first + at;
            let sentence = self.words.get(place).map_or(0, |word| word.sentence);
            let quote = text.get(start..end).map(text::exact);
            self.quotes.extend(quote.map(|text| Quote { text, sentence, place }));
        }
        if text.len() <= READ_LIMIT {
            for (own, start) in dictated::find(text) {
                let at = tokens.partition_point(|token| token.start < start);
                self.dictations.push((own, first + at));
            }
            self.find_told(first, text, &tokens);
            self.read(first);
        }
    }

    fn push_words(&mut self, text: &str, tokens: &[Token<'_>], quotes: &[(usize, usize)]) {
        let mut end = 0;
        self.sentences += 1;
        for token in tokens {
            let gap = text.get(end..token.start).unwrap_or_default();
            let numbered = token.text.starts_with(|c: char| c.is_ascii_digit())
                && text::is_numbered(text.get(..token.start).unwrap_or_default());
            let ends = !numbered && (gap.contains(". ") || gap.contains(".\n"));
            if ends || gap.contains(['\n', '!', '?', ';']) {
                self.sentences += 1;
            }
            let lower = text::exact(token.text);
            let stem = words::stem(&lower);
            self.nouns |= words::nouns(&stem);
            // "Take eleven instead" approves of nothing.
            let taken = if stem == words::stem("take") { words::APPROVE } else { 0 };
            self.verbs |= words::verbs(&stem) & !taken;
            self.beginnings.insert(&stem);
            let sentences = self.stems.entry(stem.clone()).or_default();
            if sentences.last() != Some(&self.sentences) {
                sentences.push(self.sentences);
            }
            if let Ok(at) = u32::try_from(self.words.len()) {
                self.positions.entry(lower.clone()).or_default().push(at);
            }
            self.words.push(Word {
                lower,
                stem,
                sentence: self.sentences,
                hard_gap: end == 0 || gap.contains(|c: char| ".!?;:\n@/\\=<>|→⇒".contains(c) || text::is_invisible(c)),
                quoted: is_within(token, quotes),
                capital: token.text.starts_with(char::is_uppercase),
                comma: gap.contains([',', '(', ')', ';', ':', '\n']) || gap.contains(". ") || gap.contains(" - "),
                excluded: false,
                question: false,
                host: gap == "@",
                told: false,
                inside: gap == "." && self.words.last().is_some_and(|word| word.host || word.inside),
            });
            end = token.end;
        }
    }

    fn push_chunks(&mut self, text: &str) {
        let edge = |c: char| "'\"‘’“”«»()[]{},;:!?<>`*.".contains(c);
        for chunk in text.split_whitespace() {
            let chunk = chunk.trim_matches(edge);
            let chunk =
                chunk.strip_suffix("'s").or_else(|| chunk.strip_suffix("’s")).unwrap_or(chunk).trim_matches(edge);
            if chunk.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.')) {
                self.implied |= words::MESSAGE;
            }
            let account = chunk.len() > 14 && chunk.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
            if account || chunk.starts_with(['$', '€', '£']) {
                self.implied |= words::MONEY;
            }
            if !chunk.is_empty() {
                self.chunks.insert(text::exact(chunk));
            }
            // `owner/name#412` names both.
            if let Some((whole, part)) =
                chunk.split_once('#').filter(|(whole, part)| !whole.is_empty() && !part.is_empty())
            {
                self.chunks.extend([text::exact(whole), text::exact(part)]);
            }
        }
    }

    /// Notes the lengths of time that numbers with a unit spell.
    fn push_spans(&mut self, text: &str, tokens: &[Token<'_>], numbers: &[number::Found]) {
        for found in numbers {
            let rest = text.get(found.end..).unwrap_or_default().trim_start_matches(['-', ' ']);
            // "Two more nights" are two.
            let mut words = rest.split(|c: char| !c.is_alphabetic());
            let unit = words.find(|word| !matches!(*word, "more" | "extra" | "further" | "additional"));
            let unit = words::stem(unit.unwrap_or_default());
            if unit.len() > 2 && !found.percent {
                self.counts.push((unit.clone(), found.value));
            }
            if let Some(minutes) = moment::minutes(&unit) {
                self.spans.push(found.value.0.saturating_mul(minutes) / Micro::ONE);
            }
            if let Some(months) = moment::months(&unit) {
                self.months.push(found.value.0.saturating_mul(months) / Micro::ONE);
            }
        }
        let (spans, months) = clock::lengths(tokens);
        self.spans.extend(spans);
        self.months.extend(months);
    }

    /// Whether the user wrote this value. Cost: a few hash look-ups.
    pub(crate) fn says(&self, value: &str) -> bool {
        if value.chars().any(|c| text::is_invisible(c) || (c.is_control() && !c.is_whitespace())) {
            return false;
        }
        let value = text::exact(value);
        if self.excluded.contains(&value) {
            return false;
        }
        if value.is_empty() || (words::is_stop(&value) && !self.names_inside(&value)) {
            return false;
        }
        if words::is_stop(&value) {
            return true;
        }
        let structured = value.contains(|c: char| {
            !c.is_alphanumeric() && !c.is_whitespace() && !matches!(c, '-' | '\'' | ',' | '&' | '_' | '’')
        });
        if structured {
            let trimmed = value.trim_end_matches(['.', '!', '?']);
            return self.chunks.contains(&value)
                || (value.contains(' ') && self.contains_at_borders(trimmed))
                || (value != trimmed && !trimmed.contains(['.', '/', '@', ':']) && self.phrase(trimmed));
        }
        self.chunks.contains(&value) && !value.bytes().all(|b| b.is_ascii_digit())
            || self.phrase(&value)
            || self.joined(&value)
    }

    fn contains_at_borders(&self, value: &str) -> bool {
        self.exact.match_indices(value).any(|(at, _)| {
            let before = self.exact.get(..at).and_then(|text| text.chars().next_back());
            let after = self.exact.get(at + value.len()..).and_then(|text| text.chars().next());
            let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '@' | '/' | '_' | '\\'));
            !joins(before) && !joins(after)
        })
    }

    /// Whether the words of `value` stand side by side in one phrase. Bare digits are numbers, not phrases.
    fn phrase(&self, value: &str) -> bool {
        let wanted: Vec<&str> = text::tokens(value).map(|token| token.text).collect();
        let Some(first) = wanted.first() else {
            return false;
        };
        if wanted.iter().all(|word| word.bytes().all(|b| b.is_ascii_digit()) || words::is_stop(word) || word.len() < 2)
        {
            return false;
        }
        let starts = self.positions.get(*first).map_or(&[][..], Vec::as_slice);
        starts.iter().any(|start| {
            let window = self.words.get(*start as usize..).unwrap_or_default();
            window.len() >= wanted.len()
                && window
                    .iter()
                    .zip(&wanted)
                    .enumerate()
                    .all(|(at, (word, wanted))| word.lower == *wanted && (at == 0 || !word.hard_gap))
        })
    }

    /// Whether a code without blanks is what the user wrote in groups (`DE02 1203 0000`).
    fn joined(&self, value: &str) -> bool {
        let code: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
        if code.len() < 8 || !code.bytes().any(|b| b.is_ascii_digit()) || code.len() + 8 < value.len() {
            return false;
        }
        let starts = (1..=code.len().min(8)).filter_map(|length| self.positions.get(code.get(..length)?));
        starts.flatten().any(|start| {
            let mut rest = code.as_str();
            let words = self.words.get(*start as usize..).unwrap_or_default();
            for (at, word) in words.iter().enumerate() {
                match rest.strip_prefix(word.lower.as_str()) {
                    Some(shorter) if at == 0 || !word.hard_gap => rest = shorter,
                    _ => return false,
                }
                if rest.is_empty() {
                    // A group that follows belongs to the code: a part of it is another code.
                    let goes_on = |next: &Word| !next.hard_gap && next.lower.starts_with(|c: char| c.is_ascii_digit());
                    return !words.get(at + 1).is_some_and(goes_on);
                }
            }
            false
        })
    }

    /// Whether the user wrote this number, in digits or words, other than as part of a date or a code.
    pub(crate) fn says_number(&self, value: Micro) -> bool {
        self.number_set.contains(&value)
    }

    /// Whether the user wrote this number as a percentage.
    pub(crate) fn says_percent(&self, value: Micro) -> bool {
        self.numbers.iter().any(|found| found.percent && found.value == value)
    }

    /// Whether a word with this stem occurs.
    pub(crate) fn has_stem(&self, stem: &str) -> bool {
        self.stems.contains_key(stem)
    }

    /// Whether a plain name is made of the user's words: all of them in one sentence, in whatever order and inflection
    /// ("kitchen_lamps" of "the lamps in the kitchen"). Addresses and links are never read so.
    pub(crate) fn composes(&self, value: &str) -> bool {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '#' | '&' | '\'');
        if value.len() > 60 || !value.chars().all(plain) {
            return false;
        }
        let mut common: Option<SmallVec<[u32; 2]>> = None;
        let mut meaning = false;
        for word in text::tokens(value).flat_map(|token| self.parts(token.text)) {
            if words::is_stop(&word) && common.is_some() {
                continue;
            }
            let stem = words::stem(&word);
            let Some(sentences) = self.stems.get(&stem).filter(|_| !self.is_excluded(&stem)) else {
                return false;
            };
            let shared = common.map_or_else(
                || sentences.clone(),
                |common| common.into_iter().filter(|sentence| sentences.contains(sentence)).collect(),
            );
            if shared.is_empty() {
                return false;
            }
            meaning |= word.len() > 2 && !words::is_stop(&word) && word.chars().any(char::is_alphabetic);
            common = Some(shared);
        }
        meaning
    }

    /// A word of a name as the user has it, or its parts ("livingRoom").
    fn parts(&self, word: &str) -> Vec<String> {
        let lower = text::exact(word);
        if self.stems.contains_key(&words::stem(&lower)) { vec![lower] } else { text::identifier_words(word) }
    }

    /// Whether a word occurs as written, in any case.
    pub(crate) fn has_word(&self, word: &str) -> bool {
        self.positions.contains_key(word)
    }

    /// Whether a word stands where an order stands, whatever it means.
    pub(crate) fn opens_order(&self, stem: &str) -> bool {
        self.mentions.iter().any(|mention| (mention.ordering || mention.verbs != 0) && mention.stem == stem)
    }

    /// Whether a word is one by which the user orders something.
    pub(crate) fn orders(&self, stem: &str) -> bool {
        self.mentions.iter().any(|mention| mention.verbs != 0 && mention.stem == stem)
    }

    /// Whether a sign occurs ("€").
    pub(crate) fn has_sign(&self, sign: &str) -> bool {
        self.exact.contains(sign)
    }

    /// Whether the user named any time of day.
    pub(crate) fn has_time(&self) -> bool {
        self.moments.iter().any(|said| said.minute.is_some())
    }

    /// Whether a word occurs capitalised or in quotation marks: as a name.
    pub(crate) fn names(&self, word: &str) -> bool {
        let starts = self.positions.get(word).map_or(&[][..], Vec::as_slice);
        starts.iter().any(|at| self.words.get(*at as usize).is_some_and(|word| word.capital || word.quoted))
    }

    /// Whether a word bears a capital letter inside a phrase, so that one without meaning too is a name ("into Done").
    fn names_inside(&self, word: &str) -> bool {
        let starts = self.positions.get(word).map_or(&[][..], Vec::as_slice);
        word != "i"
            && starts.iter().any(|at| self.words.get(*at as usize).is_some_and(|word| word.capital && !word.hard_gap))
    }

    /// Whether a value says who or what is meant: it has a name, a figure or a sign in it.
    pub(crate) fn is_telling(&self, value: &str) -> bool {
        value.contains(|c: char| c.is_ascii_digit() || "@./#:".contains(c))
            || text::tokens(value).any(|token| self.names(&text::exact(token.text)))
    }

    /// Whether a word of another text can be one of these: they begin alike.
    pub(crate) fn may_have(&self, word: &str) -> bool {
        self.beginnings.may_hold(word)
    }

    /// Whether the user has a word of the same family as this one ("plumbers" for `plumbing`).
    pub(crate) fn has_kin(&self, stem: &str) -> bool {
        stem.len() > 4
            && stem.is_ascii()
            && self.may_have(stem)
            && self.stems.keys().any(|own| words::are_kin(own, stem))
    }

    /// Whether a word with this stem occurs in a sentence.
    pub(crate) fn has_stem_in(&self, stem: &str, sentence: u32) -> bool {
        self.stems.get(stem).is_some_and(|sentences| sentences.contains(&sentence))
    }

    /// Whether the sentence speaks of all members of a group.
    pub(crate) fn is_quantified(&self, sentence: u32) -> bool {
        self.quantified.contains(&sentence)
    }
}

/// How words begin, in a filter of 4 KiB (Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970,
/// with one hash): it may take a word for one that begins so, and never misses one.
#[derive(Debug, Clone)]
struct Beginnings(Box<[u64; 512]>);

impl Default for Beginnings {
    fn default() -> Self {
        Self(Box::new([0; 512]))
    }
}

impl Beginnings {
    /// The place of the first three letters of an ASCII word, whatever their case.
    fn place(word: &str) -> Option<(usize, u64)> {
        let [a, b, c, ..] = word.as_bytes() else { return None };
        let (a, b, c) = (a | 0x20, b | 0x20, c | 0x20);
        let hash = usize::from(a & 31) << 10 | usize::from(b & 31) << 5 | usize::from(c & 31);
        (a | b | c).is_ascii().then_some((hash / 64, 1 << (hash % 64)))
    }

    fn insert(&mut self, word: &str) {
        if let Some((at, bit)) = Self::place(word)
            && let Some(bits) = self.0.get_mut(at)
        {
            *bits |= bit;
        }
    }

    fn may_hold(&self, word: &str) -> bool {
        Self::place(word).is_none_or(|(at, bit)| self.0.get(at).is_some_and(|bits| bits & bit != 0))
    }
}

/// Whether a token stands in one of these quotations, which are in order and lie apart.
fn is_within(token: &Token<'_>, quotes: &[(usize, usize)]) -> bool {
    let behind = quotes.partition_point(|(start, _)| *start <= token.start);
    behind.checked_sub(1).and_then(|at| quotes.get(at)).is_some_and(|(_, end)| token.end <= *end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        let mut request = Request::default();
        request.push(text);
        request
    }

    #[test]
    fn a_literal_is_found_in_every_harmless_form_and_in_no_other() {
        let request = request(
            "Send 'Q3 plan' to Jane.Doe@corp.com, room Blue-7, account DE02 1203 0000 0000. Then call Bob. Alice waits.",
        );
        for said in ["jane.doe@corp.com", "Q3 plan", "q3  PLAN", "Blue-7", "DE02120300000000", "Bob", "Alice"] {
            assert!(request.says(said), "`{said}`");
        }
        for unsaid in [
            "jane@doe.corp.com",
            "doe@corp.com",
            "jane.doe@corp.com.evil.io",
            "j\u{430}ne.doe@corp.com",
            "pla",
            "the",
            "7",
            "Bob Alice",
            "DE0212030000",
            "jane.doe@corp.co",
            "",
        ] {
            assert!(!request.says(unsaid), "`{unsaid}`");
        }
    }

    #[test]
    fn actions_are_asked_for_only_in_an_asking_form() {
        let asked =
            |text: &str, verb: &str| request(text).mentions.iter().any(|mention| mention.stem == words::stem(verb));
        assert!(asked("Please delete it", "delete"));
        assert!(asked("I want it deleted", "delete"));
        assert!(asked("Do not forget to invite Mark", "invite"));
        assert!(asked("It needs a restart", "restart"));
        assert!(!asked("Do not delete it", "delete"));
        assert!(!asked("The file that I shared with you", "share"));
        assert!(!asked("Read 'delete me'", "delete"));
        assert!(!asked("the latest post by Lars", "post"));
        assert!(!asked("Put 'Release notes' into Done", "done"), "the name of a column");
        let creates = |text: &str| request(text).mentions.iter().any(|mention| mention.verbs & words::CREATE != 0);
        assert!(
            creates("Make a card for it") && !creates("Which card is due first? Make it Nil's and set it to Doing.")
        );
    }

    #[test]
    fn delegation_is_told_from_a_list_of_tasks() {
        assert!(request("Do the actions specified in the email").delegation.actions);
        assert!(request("read it and follow the instructions precisely").delegation.actions);
        assert!(!request("Perform the following tasks in the order they are given").delegation.actions);
        for handed in ["adjust my rent accordingly", "change the rent to match", "bring it into line with the letter"] {
            assert!(request(handed).delegation.figures, "{handed}");
        }
        for asked in ["Tell me whether the rent matches. Set it to 900.", "Is the fee in line with the contract?"] {
            assert!(!request(asked).delegation.figures, "{asked}");
        }
    }
}
