//! The fold over a transcript: everything a decision looks up, kept current message by message.
//!
//! Pushing a message costs time linear in its length; deciding reads only what is kept here. The fold has no clock and
//! no randomness: the same messages give the same state, so a gateway needs no session.
//!
//! What never happens here: no decision. Text of the assistant is not folded, since nothing it says is a source: what
//! it may say is the join of what stood before it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;
use smallvec::SmallVec;

use crate::binding;
use crate::calls::{Awaited, PastCall};
use crate::hashed::{HashMap, HashSet};
use crate::label::{Integrity, Label, Readers};
use crate::moment;
use crate::naming::{Name, Names};
use crate::number::Micro;
use crate::record::{self, Family, Field, Row, bind};
use crate::request::Request;
use crate::text;
use crate::tool::{Tool, Toolbox};
use crate::vocabulary::Vocabulary;

/// One tool result or one marked segment.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The id of the call that brought it.
    pub(crate) call: Box<str>,
    pub(crate) message: u32,
    pub(crate) tool: Arc<str>,
    pub(crate) trusted: bool,
    pub(crate) private: bool,
    /// Whether a read by arguments of the user's brought it.
    pub(crate) query: Query,
    /// Whether what nobody said narrows it.
    pub(crate) narrowed: bool,
    /// Whether it is the user's own record: what a trusted tool says when it is asked nothing, in one row.
    pub(crate) own: bool,
    pub(crate) rows: Range<u32>,
    /// Sorted values of each attested field that can be compared, over the sibling rows.
    pub(crate) scales: BTreeMap<(Family, Arc<Name>), Vec<i64>>,
    /// The texts that the call was given, in strict form.
    pub(crate) given: Vec<String>,
    /// Stems of what it is called and of what its fields are called: the kinds of things in it.
    pub(crate) kinds: BTreeSet<String>,
    /// The most of the user's words that an attested row has.
    pub(crate) most: u16,
    /// Whether others call a row of it by a name that the user gave.
    pub(crate) called: bool,
    /// Whether an effect that was carried out brought it.
    pub(crate) created: bool,
    delegated: bool,
}

/// Where the arguments of a read came from.
/// What several arguments give is the greatest of what each gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Query {
    /// There were none that choose.
    None,
    /// All from trusted sources and at least one from the user.
    User,
    /// At least one from a list of which the user wants the whole.
    Group,
    /// At least one that a platform attests and nobody chose.
    Listed,
    /// At least one from a document to which the user delegated.
    Delegated,
    /// At least one from nowhere that is trusted.
    Other,
}

/// A day and a time of day that a platform attests.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) day: Option<moment::Day>,
    pub(crate) minute: Option<moment::Minute>,
    /// The first rows that have it.
    pub(crate) rows: SmallVec<[u32; 4]>,
}

/// The folded transcript.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transcript {
    pub(crate) user: Request,
    pub(crate) operator: Request,
    pub(crate) delegated: Request,
    pub(crate) sources: Vec<Source>,
    pub(crate) rows: Vec<Row>,
    pub(crate) fields: Vec<Field>,
    pub(crate) vocabulary: Vocabulary,
    names: Names,
    attested: HashMap<String, SmallVec<[u32; 2]>>,
    numbers: HashMap<Micro, SmallVec<[u32; 2]>>,
    /// What look-ups by values that nobody vouched for gave back of them.
    confirmed: HashMap<String, SmallVec<[u32; 2]>>,
    sums: HashSet<Micro>,
    /// Attested days and times.
    pub(crate) moments: Vec<Moment>,
    /// The days of the user's own records: today.
    pub(crate) today: Vec<moment::Day>,
    /// The values of the user's own records, in strict form.
    pub(crate) own: HashSet<String>,
    /// Minutes between two attested moments of one row: how long something takes.
    pub(crate) durations: Vec<i64>,
    pub(crate) calls: Vec<PastCall>,
    /// The calls that wait for their results, by id; those of earlier turns too.
    pub(crate) awaited: HashMap<String, Awaited>,
    /// Whether a result has come since the last call.
    pub(crate) heard_result: bool,
    messages: u32,
    /// How often the user has spoken.
    pub(crate) turns: u32,
    pub(crate) label: Label,
    pub(crate) struck: bool,
    pub(crate) used_quotes: HashMap<String, HashSet<String>>,
    /// Attested addresses that carry a name of the user's.
    pub(crate) called: Vec<u32>,
}

impl Default for Label {
    fn default() -> Self {
        Self::operator()
    }
}

/// The most of a document that is read when the user delegates to it, in bytes.
const DELEGATED_LIMIT: usize = 1 << 14;
/// The longest untrusted field that is searched for a whole value when a witness is sought, in bytes.
const WHOLE_LIMIT: usize = 1 << 12;
/// How many rows of one attested moment are kept.
const ROWS_LIMIT: usize = 8;
/// The most attested moments kept for resolving relative words.
const MOMENTS_LIMIT: usize = 64;
/// The most addresses kept that carry a name of the user's.
const NAMESAKES_LIMIT: usize = 256;

impl Transcript {
    pub(crate) fn push_system(&mut self, text: &str) {
        self.messages += 1;
        self.operator.push(text);
    }

    pub(crate) fn push_user(&mut self, text: &str) {
        self.messages += 1;
        self.turns += 1;
        self.user.push(text);
        self.join(&Label::public(Integrity::User));
        self.called.clear();
        self.vocabulary.forget();
        for source in 0..self.sources.len() {
            self.bind(source);
        }
    }

    pub(crate) fn push_assistant(&mut self) {
        self.messages += 1;
    }

    fn join(&mut self, label: &Label) {
        self.label = self.label.join(label);
    }

    /// Whether anything that an attacker may have written stands before the next call.
    pub(crate) fn is_tainted(&self) -> bool {
        self.label.integrity.is_tainted()
    }

    /// Folds the result of a call.
    pub(crate) fn push_result(&mut self, id: &str, tools: &Toolbox, result: &Value) {
        self.messages += 1;
        let call = self.answered(id);
        let name = call.as_ref().map_or("", |call| call.tool.as_str());
        let unknown = Tool::unknown(name);
        let tool = tools.named(name).unwrap_or(&unknown);
        let unvouched = call.as_ref().map_or(&[][..], |call| call.unvouched.as_slice());
        let echoes = |raw: &str| {
            if unvouched.is_empty() {
                return false;
            }
            let raw = text::exact(raw);
            let within = |leaf: &str| tool.has_effect() && leaf.len() > 3 && raw.contains(leaf);
            unvouched.iter().any(|leaf| raw == *leaf || within(leaf))
        };
        let integrity = match (tool.is_trusted(), tool.known) {
            (true, _) => Integrity::Attested(crate::label::Issuer::Tool(tools.index(name).unwrap_or(u32::MAX))),
            (false, true) => Integrity::Untrusted,
            (false, false) => Integrity::Unknown,
        };
        let readers = if tool.contract.private { Readers::user_alone() } else { Readers::Public };
        let created = tool.has_effect() && call.as_ref().is_some_and(|call| !call.refused);
        let query = call.as_ref().map_or(Query::Other, |call| call.query);
        let bare = call.as_ref().is_some_and(|call| call.bare) && tool.is_trusted() && !tool.has_effect();
        let given = call.as_ref().map_or_else(Vec::new, |call| call.given.clone());
        let narrowed = call.as_ref().is_some_and(|call| call.narrowed);
        let header = Header { call: id, tool, created, query, narrowed, bare, given };
        self.push_value(&header, result, &echoes);
        self.join(&Label { integrity, readers });
    }

    /// Folds text that somebody else wrote: a passage of an untrusted corpus, a quoted segment, a file.
    pub(crate) fn push_untrusted(&mut self, origin: &str, text: &str) {
        self.messages += 1;
        let tool = Tool::unknown(origin);
        self.push_value(
            &Header {
                call: "",
                tool: &tool,
                created: false,
                query: Query::Other,
                narrowed: false,
                bare: false,
                given: Vec::new(),
            },
            &Value::String(text.to_owned()),
            &|_| true,
        );
        self.join(&Label::public(Integrity::Untrusted));
    }

    fn push_value(&mut self, header: &Header<'_>, value: &Value, echoes: &dyn Fn(&str) -> bool) {
        let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let source = size(self.sources.len());
        let offsets = (size(self.rows.len()), size(self.fields.len()));
        let mut folded = record::fold(header.tool, value, source, offsets, &header.given, echoes, &mut self.names);
        for (at, field) in (offsets.1..).zip(&mut folded.fields) {
            field.words = self.vocabulary.occurrences(field);
            self.index(at, field);
        }
        self.rows.extend(folded.rows);
        self.fields.extend(folded.fields);
        let rows = offsets.0..size(self.rows.len());
        let scales = self.scales(rows.clone());
        let kinds = self.kinds(&header.tool.contract.name, &rows);
        self.sources.push(Source {
            call: header.call.into(),
            message: self.messages.saturating_sub(1),
            tool: header.tool.contract.name.as_str().into(),
            trusted: header.tool.is_trusted(),
            private: header.tool.contract.private,
            query: header.query,
            narrowed: header.narrowed,
            scales,
            rows,
            kinds,
            most: 0,
            called: false,
            given: header.given.clone(),
            created: header.created,
            delegated: false,
            own: header.bare && offsets.0 + 1 == size(self.rows.len()),
        });
        self.own_record(source as usize);
        if header.bare && header.tool.tells_today() {
            self.today.extend(self.day_told(offsets.1));
        }
        self.bind(source as usize);
    }

    /// What a result is of, by its tool's name and the names of its fields.
    fn kinds(&self, tool: &str, rows: &Range<u32>) -> BTreeSet<String> {
        let fields = self.rows_at(rows).iter().flat_map(|row| &row.fields).filter_map(|at| self.field(*at));
        let own = text::identifier_words(tool).into_iter().map(|word| crate::words::stem(&word));
        let names: BTreeSet<&Arc<Name>> = fields.map(|field| &field.name).collect();
        names.into_iter().flat_map(|name| name.stems.iter().cloned()).chain(own).collect()
    }

    fn index(&mut self, at: u32, field: &Field) {
        if field.attested {
            self.attested.entry(text::exact(&field.raw)).or_default().push(at);
            if let Some(number) = field.number {
                self.numbers.entry(number).or_default().push(at);
            }
            if self.moments.len() < MOMENTS_LIMIT
                && let Some((day, minute)) = field.moment
            {
                let known = self.moments.iter_mut().find(|known| (known.day, known.minute) == (day, minute));
                match known {
                    Some(known) if known.rows.len() < ROWS_LIMIT => known.rows.push(field.row),
                    Some(_) => {}
                    None => self.moments.push(Moment { day, minute, rows: smallvec::smallvec![field.row] }),
                }
            }
        } else {
            if field.confirmed {
                self.confirmed.entry(text::exact(&field.raw)).or_default().push(at);
            }
            self.vocabulary.place(at, field);
        }
    }

    fn scales(&mut self, rows: Range<u32>) -> BTreeMap<(Family, Arc<Name>), Vec<i64>> {
        let mut scales: BTreeMap<(Family, Arc<Name>), Vec<i64>> = BTreeMap::new();
        for row in self.rows.get(rows.start as usize..rows.end as usize).unwrap_or_default() {
            for field in row.fields.iter().filter_map(|at| self.fields.get(*at as usize)).filter(|field| field.attested)
            {
                if let Some(magnitude) = field.magnitude() {
                    scales.entry((row.family, field.name.clone())).or_default().push(magnitude);
                }
            }
            if self.durations.len() < MOMENTS_LIMIT {
                let span = record::duration(row, &self.fields);
                self.durations.extend(span.filter(|span| !self.durations.contains(span)));
            }
        }
        for values in scales.values_mut() {
            values.sort_unstable();
            let sum = values.iter().try_fold(0_i64, |sum, value| sum.checked_add(*value));
            self.sums.extend(sum.map(Micro));
        }
        scales
    }

    /// The attested fields whose whole value this is.
    pub(crate) fn attested(&self, value: &str) -> &[u32] {
        self.attested.get(&text::exact(value)).map_or(&[], SmallVec::as_slice)
    }

    /// The fields in which a look-up repeats this value.
    pub(crate) fn confirmed(&self, value: &str) -> impl Iterator<Item = &Field> {
        let places = self.confirmed.get(&text::exact(value)).map_or(&[][..], SmallVec::as_slice);
        places.iter().filter_map(|at| self.field(*at))
    }

    /// The attested fields with this number.
    pub(crate) fn attested_number(&self, value: Micro) -> &[u32] {
        self.numbers.get(&value).map_or(&[], SmallVec::as_slice)
    }

    /// All attested numbers, in no order.
    pub(crate) fn figures(&self) -> impl Iterator<Item = Micro> {
        self.numbers.keys().copied()
    }

    /// Whether this is the sum of an attested field over all rows of a result.
    pub(crate) fn is_sum(&self, value: Micro) -> bool {
        self.sums.contains(&value)
    }

    /// The field of untrusted text in which a value, or its rarest word, stands first.
    pub(crate) fn tainted_source(&self, value: &str) -> Option<&Field> {
        let folded = text::folded(value);
        let mut words: Vec<&str> = text::tokens(&folded).map(|token| token.text).take(64).collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let places: Vec<&Field> = words
            .iter()
            .take(8)
            .flat_map(|word| self.vocabulary.places(word))
            .filter_map(|at| self.field(*at))
            .collect();
        let whole = places.iter().find(|field| field.raw.contains(value));
        let disguised = || {
            places
                .iter()
                .take(4)
                .find(|field| field.raw.len() < WHOLE_LIMIT && text::folded(&field.raw).contains(&folded))
        };
        whole.or_else(disguised).or(places.first()).copied()
    }

    /// Whether a value was given to the read that brought what an allowed effect of this run touched ("in the same
    /// channel").
    pub(crate) fn is_around_touched(&self, value: &str) -> bool {
        let value = text::exact(value);
        let brought = |given: &String| {
            self.attested(given).iter().filter_map(|at| self.field(*at)).any(|field| {
                self.source(field.source).is_some_and(|source| source.given == [value.as_str()] && !source.created)
            })
        };
        self.calls.iter().filter(|past| past.effect && !past.refused).any(|past| past.given.iter().any(brought))
    }

    /// Whether a link stands in what a tool that nobody else writes into said of an effect of this run.
    pub(crate) fn is_link_made(&self, link: &str) -> bool {
        let made = self.sources.iter().filter(|source| source.created && source.trusted);
        made.flat_map(|source| self.rows_of(source))
            .flat_map(|row| &row.fields)
            .filter_map(|at| self.field(*at))
            .any(|field| field.attested && crate::egress::links(&field.raw).iter().any(|found| found.whole == link))
    }

    /// Whether a value is a day or time that the user named.
    pub(crate) fn is_user_moment(&self, value: &str) -> bool {
        crate::derive::is_users(self, value, None)
    }

    /// Notes what the user's own record says: who the user is, and what day it is.
    fn own_record(&mut self, at: usize) {
        let Some(source) = self.sources.get(at).filter(|source| source.own) else { return };
        let rows = self.rows.get(source.rows.start as usize..source.rows.end as usize).unwrap_or_default();
        let fields = rows.iter().flat_map(|row| &row.fields).filter_map(|at| self.fields.get(*at as usize));
        for field in fields.filter(|field| field.attested) {
            match field.moment {
                Some((Some(day), _)) => self.today.push(day),
                None if field.number.is_none() || field.is_name() => {
                    self.own.insert(text::exact(&field.raw));
                }
                Some(_) | None => {}
            }
        }
    }

    /// The day with which a result opens that says what day it is ("Friday 2025-06-06, free: ...").
    fn day_told(&self, first: u32) -> Option<moment::Day> {
        let raw = &*self.field(first)?.raw;
        let tokens: Vec<_> = text::tokens(raw).take(8).collect();
        moment::find(raw, &tokens).first()?.day
    }

    /// Works out which rows of a source the user meant, and reads it if the user delegated to it.
    fn bind(&mut self, at: usize) {
        self.vocabulary.read(&self.user);
        let Some(source) = self.sources.get(at) else { return };
        let (first, created) = (source.rows.start, source.created);
        let range = first as usize..source.rows.end as usize;
        // "Do what they ask for, and look whether the 12th is free": what was looked up by days alone asks for nothing.
        let dated = !source.given.is_empty() && source.given.iter().all(|given| moment::parse(given).is_some());
        let wanted = self.user.delegation.figures
            && !source.delegated
            && !dated
            && source.query == Query::User
            && !source.trusted;
        let marks = binding::marks(self, source);
        let rows = self.rows.get(range.clone()).unwrap_or_default();
        let named = binding::is_called(self, rows);
        let called = rows.iter().flat_map(|row| row.fields.iter().copied()).filter(|at| {
            self.field(*at).is_some_and(|field| {
                field.attested && field.raw.contains('@') && binding::carries_name(&self.user, &field.raw)
            })
        });
        let called: Vec<u32> = called.take(NAMESAKES_LIMIT.saturating_sub(self.called.len())).collect();
        self.called.extend(called);
        let mut parents: HashMap<u32, u16> = HashMap::default();
        let mut most = 0;
        for (number, (row, mark)) in (first..).zip(self.rows.get_mut(range.clone()).into_iter().flatten().zip(marks)) {
            let inherited = row.parent.and_then(|parent| parents.get(&parent)).copied().unwrap_or_default();
            let (mark, hits) = mark;
            row.hits = hits;
            most = most.max(hits);
            row.bind = mark | (inherited & (bind::LITERAL | bind::NAMED | bind::DESCRIBED));
            if created {
                row.bind |= bind::CREATED;
            }
            // What a text holds says nothing of its parts.
            let whole = |at: &u32| self.fields.get(*at as usize).is_some_and(|field| field.pointer.is_empty());
            let text = row.parent.is_none() && row.fields.len() == 1 && row.fields.iter().all(whole);
            parents.insert(number, if text { 0 } else { row.bind });
        }
        for at in range.clone() {
            let named = self.rows.get(at).filter(|row| row.bind & (bind::LITERAL | bind::NAMED) != 0);
            let literals = named.map_or_else(Vec::new, |row| binding::literals_of(self, row));
            if let Some(row) = self.rows.get_mut(at) {
                row.literals = literals;
            }
        }
        if let Some(source) = self.sources.get_mut(at) {
            (source.most, source.called) = (most, named);
        }
        crate::joined::mark(self, at);
        if wanted {
            self.delegate(at, range);
        }
    }

    /// Reads the untrusted text of the rows that the user named, as the words of somebody the user asked to obey.
    fn delegate(&mut self, at: usize, rows: std::ops::Range<usize>) {
        let mut said = String::new();
        let meant = |row: &&Row| row.bind & (bind::LITERAL | bind::NAMED | bind::SINGLE) != 0;
        for row in self.rows.get(rows).unwrap_or_default().iter().filter(meant) {
            for field in
                row.fields.iter().filter_map(|at| self.fields.get(*at as usize)).filter(|field| !field.attested)
            {
                if said.len() + field.raw.len() < DELEGATED_LIMIT {
                    said.push_str(&field.raw);
                    said.push('\n');
                }
            }
        }
        self.delegated.push(&said);
        if let Some(source) = self.sources.get_mut(at) {
            source.delegated = true;
        }
    }
}

struct Header<'a> {
    call: &'a str,
    tool: &'a Tool,
    created: bool,
    query: Query,
    narrowed: bool,
    bare: bool,
    given: Vec<String>,
}
