//! Whose words asked for a result, and whose name an address bears.
//!
//! Who chooses a query chooses which rows stand side by side, and who chooses an own address can put another's name
//! into it. So a result that others' words asked for is compared with all that its tool gave, and a name counts for the
//! address that the most trusted source gives it to.
//!
//! What never happens here: no row is chosen. Reasons are found elsewhere; this takes some away.

use crate::binding::{self, Checked};
use crate::codes;
use crate::moment;
use crate::number::Micro;
use crate::record::{Field, Row, bind};
use crate::text;
use crate::transcript::{Query, Source, Transcript};
use crate::words;

impl Transcript {
    /// Where a text that a read is given comes from.
    pub(crate) fn query_of(&self, leaf: &str) -> Query {
        let stems = || text::tokens(leaf).map(|token| words::stem(token.text));
        let mut number = Micro::parse(leaf).into_iter();
        if self.user.says(leaf)
            || self.is_user_moment(leaf)
            || self.is_user_weekday(leaf)
            || number.any(|n| self.user.says_number(n))
        {
            Query::User
        } else if !self.attested(leaf).is_empty() {
            self.query_of_fields(self.attested(leaf))
        } else if self.operator.says(leaf) {
            Query::None
        } else if leaf.len() < 200 && stems().all(|stem| self.user.has_stem(&stem) || self.user.has_kin(&stem))
            || codes::means(&self.user, leaf)
            || self.user.runs_together(leaf)
        {
            Query::User
        } else if self.delegated.says(leaf) {
            Query::Delegated
        } else {
            self.query_of_parts(leaf).unwrap_or(Query::Other)
        }
    }

    /// A query that is put together from values of rows that the user's words chose, and words of the user's
    /// ("perf:3102").
    fn query_of_parts(&self, leaf: &str) -> Option<Query> {
        const PARTS: usize = 4;
        let tokens: Vec<_> = text::tokens(leaf).map(|token| token.text).take(PARTS + 1).collect();
        let said = |word: &&str| self.user.has_stem(&words::stem(word)) || self.user.begins_a_word(word);
        let chosen = |word: &str| self.query_of_fields(self.attested(word)) == Query::User;
        let values: Vec<&&str> = tokens.iter().filter(|word| !said(word)).collect();
        let follows = tokens.len() <= PARTS && !values.is_empty() && values.iter().all(|word| chosen(word));
        follows.then_some(Query::User)
    }

    /// A number chooses only if the user wrote it or a platform did; any other says how many, or nothing.
    pub(crate) fn query_of_number(&self, number: Micro) -> Query {
        if self.user.says_number(number) { Query::User } else { self.query_of_fields(self.attested_number(number)) }
    }

    /// A value of a row that the user's words chose carries the choice on: what it brings is the user's query too.
    fn query_of_fields(&self, fields: &[u32]) -> Query {
        let chosen = fields.iter().take(64).filter_map(|at| self.field(*at)).any(|field| {
            let (Some(row), Some(source)) = (self.row(field.row), self.source(field.source)) else { return false };
            let single = row.bind & bind::SINGLE != 0 && source.query == Query::User;
            let selections = &self.user.selections;
            let selected = || !selections.is_empty() && binding::check(self, field.row, selections) == Checked::Holds;
            let joined = || row.bind & bind::JOINED != 0 && binding::is_best_joined(self, row);
            single || row.bind & (bind::LITERAL | bind::DESCRIBED | bind::CREATED) != 0 || joined() || selected()
        });
        let few = || fields.iter().take(64).filter_map(|at| self.field(*at));
        let sources = || few().filter_map(|field| self.source(field.source));
        let group = |source: &Source| source.trusted && source.query == Query::User && self.is_group(source);
        match chosen {
            true => Query::User,
            false if sources().any(group) => Query::Group,
            // What nobody chose in a result that others asked for is theirs.
            false if !fields.is_empty() && sources().all(|source| source.query == Query::Other) => Query::Other,
            false if !fields.is_empty() => Query::Listed,
            false => Query::None,
        }
    }

    /// Whether the user speaks of all of the kind that a result is of, by the name of the tool that brought it.
    pub(crate) fn is_group(&self, source: &Source) -> bool {
        let kinds: Vec<String> = text::identifier_words(&source.tool).iter().map(|word| words::stem(word)).collect();
        let spoken = |sentence: &u32| kinds.iter().any(|kind| self.user.has_stem_in(kind, *sentence));
        self.user.quantified.iter().any(spoken)
    }

    /// Whether somebody else's words may have asked for a result: they are in its query, or it has none and they came
    /// before.
    pub(crate) fn is_unbidden(&self, source: &Source) -> bool {
        let earlier = |other: &Source| !other.trusted && other.message < source.message;
        source.query == Query::Other || (source.query == Query::None && self.sources.iter().any(earlier))
    }

    /// Whether the very same had been asked for before, when nobody else's words had been read.
    pub(crate) fn is_asked_anew(&self, source: &Source) -> bool {
        let same = |other: &Source| other.tool == source.tool && other.given == source.given;
        self.sources.iter().any(|other| same(other) && !self.is_unbidden(other))
    }

    /// Whether another result of the tool has a row with more of the user's words: whoever chooses a query chooses the
    /// siblings.
    pub(crate) fn is_outdone(&self, source: &Source, row: &Row) -> bool {
        self.sources.iter().any(|other| other.tool == source.tool && other.most > row.hits)
    }

    /// Whether another attested address carries the names of the user's that this one carries, and deserves no less
    /// trust: one of a tool that nobody else writes into counts before all others. Whoever may choose an own address
    /// takes no name so.
    pub(crate) fn has_namesake(&self, field: &Field) -> bool {
        let vouched = |field: &Field| self.source(field.source).is_some_and(|source| source.trusted);
        let trusted = vouched(field);
        field.raw.contains('@')
            && binding::carries_name(&self.user, &field.raw)
            && !self.user.says(&field.raw)
            && self.called.iter().filter_map(|at| self.field(*at)).any(|other| {
                (!trusted || vouched(other))
                    && !other.raw.eq_ignore_ascii_case(&field.raw)
                    && binding::carries_as_much(&self.user, &field.raw, &other.raw)
            })
    }

    /// Whether the user's own word finds a row in a trusted directory, be it no name ("forward it to my mum").
    pub(crate) fn is_looked_up(&self, source: &Source, row: &Row) -> bool {
        const KIN: &[&str] = &["mum", "mom", "mother", "dad", "father", "wife", "husband", "boss", "sister", "brother"];
        let tells = |given: &String| self.user.is_telling(given) || KIN.contains(&given.as_str());
        let asked = source.query == Query::User && source.given.iter().any(tells);
        source.trusted && row.bind & bind::SINGLE != 0 && asked
    }

    /// Whether an address carries no name of the user's where others do.
    pub(crate) fn is_stranger(&self, address: &str) -> bool {
        address.contains('@') && !self.called.is_empty() && !binding::carries_name(&self.user, address)
    }

    /// Whether a value is a day of the week that the user named, where no record says what day it is: enough to look
    /// there.
    fn is_user_weekday(&self, value: &str) -> bool {
        let day = moment::parse(value).and_then(|(day, _)| day?.number()).filter(|_| self.today.is_empty());
        day.is_some_and(|day| self.user.relatives.contains(&moment::Relative::Weekday(moment::weekday(day))))
    }
}
