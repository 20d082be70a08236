//! What the name of an argument or of a field says of the values under it: a quantity, the number of a thing, somebody.
//!
//! What never happens here: no value is looked at.

use std::sync::Arc;

use crate::hashed::HashMap;
use crate::text;
use crate::wordlist::WordList;
use crate::words;

/// What a name says of the values under it. Making one costs a stem for each of its words, asking it nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Naming(u8);

impl Naming {
    const PRINCIPAL: u8 = 1;
    const IDENTIFIER: u8 = 2;
    const IDENTIFYING: u8 = 4;
    const COUNT: u8 = 8;
    const QUANTITY: u8 = 16;
    const KEY: u8 = 32;
    const LABEL: u8 = 64;
    const PAYER: u8 = 128;

    /// Reads a name in any style of identifiers.
    pub(crate) fn of(name: &str) -> Self {
        let words = text::identifier_words(name);
        let stems: Vec<String> = words.iter().map(|word| words::stem(word)).collect();
        Self::read(&words, &stems)
    }

    /// Reads the words of a name, with their stems.
    fn read(words: &[String], stems: &[String]) -> Self {
        let has = |list: &WordList| stems.iter().any(|stem| list.has(stem));
        let payer = matches!(words, [from, .., what] if PAYING.has(from) && PURSES.has(what));
        let marks = [
            (Self::PRINCIPAL, has(&PRINCIPALS) && !payer),
            (Self::PAYER, payer),
            (Self::IDENTIFYING, has(&IDENTIFYING)),
            (Self::COUNT, has(&COUNTS)),
            (Self::QUANTITY, has(&QUANTITIES)),
            (Self::IDENTIFIER, stems.last().is_some_and(|last| IDENTIFYING.has(last))),
            (Self::KEY, words.last().is_some_and(|last| KEYS.has(last))),
            (Self::LABEL, words.iter().all(|word| LABELS.has(word))),
        ];
        Self(marks.iter().filter(|(_, holds)| *holds).fold(0, |flags, (mark, _)| flags | mark))
    }

    const fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }

    /// Whether it says who receives or is addressed.
    pub(crate) const fn is_principal(self) -> bool {
        self.has(Self::PRINCIPAL)
    }

    /// Whether it says which of the user's own accounts something is taken from.
    pub(crate) const fn is_payer(self) -> bool {
        self.has(Self::PAYER)
    }

    /// Whether it ends as the number or code of a thing does.
    pub(crate) const fn is_identifier(self) -> bool {
        self.has(Self::IDENTIFIER)
    }

    /// Whether any word of it is that of a number or code of a thing.
    pub(crate) const fn is_identifying(self) -> bool {
        self.has(Self::IDENTIFYING)
    }

    /// Whether it counts whole things, so that one of them is the least that can be asked for.
    pub(crate) const fn is_count(self) -> bool {
        self.has(Self::COUNT)
    }

    /// Whether it is that of a quantity.
    pub(crate) const fn is_quantity(self) -> bool {
        self.has(Self::QUANTITY)
    }

    /// Whether a field so called names its row, so that it is no figure that could be compared.
    pub(crate) const fn is_key(self) -> bool {
        self.has(Self::KEY)
    }

    /// Whether a value so called only says what somebody is called.
    pub(crate) const fn is_label(self) -> bool {
        self.has(Self::LABEL)
    }
}

static IDENTIFYING: WordList = WordList::new("id number no num code pin key ref referenc index iban phone zip");
/// The name of a field or an argument, read once for all that are so called.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    text: Box<str>,
    /// Its words, in lower case.
    pub(crate) words: Vec<String>,
    /// Their stems, in order.
    pub(crate) stems: Vec<String>,
    pub(crate) naming: Naming,
}

impl Name {
    /// Reads a name. Cost: a stem for each of its words.
    pub(crate) fn of(text: &str) -> Arc<Self> {
        let words = text::identifier_words(text);
        let stems: Vec<String> = words.iter().map(|word| words::stem(word)).collect();
        let naming = Naming::read(&words, &stems);
        Arc::new(Self { text: text.into(), words, stems, naming })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of a bare value.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether its last word is one of these.
    pub(crate) fn ends_in(&self, words: &[&str]) -> bool {
        self.words.last().is_some_and(|word| words.contains(&word.as_str()))
    }
}

/// The names that were met so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(HashMap<Box<str>, Arc<Name>>);

impl Names {
    pub(crate) fn get(&mut self, text: &str) -> Arc<Name> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let name = Name::of(text);
        self.0.insert(text.into(), Arc::clone(&name));
        name
    }
}

static QUANTITIES: WordList = WordList::new(
    "amount pric total quantit quantiti quantity qti qty count sum cost fe limit budget valu rat percent \
    percentag duration dur night guest peopl siz hour minut dai day week month replica euro dollar usd eur gbp \
    cent celsiu degre temperatur level scor star discount tip weight kg km mil pag copi credit point mark \
    capaciti volum length width height distanc speed dos mg ml gram liter litr unit item piec tim repeat \
    interval timeout threshold balanc deposit rent salari wag fin charg interest bonu seat adult parti pack \
    target goal min max minimum maximum brightnes humiditi hr second sec stock reorder portion serving share \
    monthli yearli daili hourli",
);
static COUNTS: WordList = WordList::new(
    "quantit quantiti quantity qti qty count guest peopl siz night adult seat parti copi unit item piec pack \
    portion",
);
static PRINCIPALS: WordList = WordList::new(
    "recipient addressee addresse to cc bcc user email mail phon phone account iban paye payee addres participant invite invitee \
    member assigne assignee owner destination contact attende attendee guest url link webhook host domain \
    receiver target login handl usernam holder approver agent colleagu peopl employe collabor",
);
/// Words with which the name of a payer begins, and those with which it ends.
static PAYING: WordList = WordList::new("from source debit debited own");
static PURSES: WordList = WordList::new("account acct pot wallet card purse");
static KEYS: WordList = WordList::new("id number no nr code ref key phone zip iban fax");
static LABELS: WordList = WordList::new("name display label nick nickname full first last given family person contact");
