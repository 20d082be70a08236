//! Which row of a result the user meant: by a literal, a name, a query, or a checked selection.
//!
//! An attested value says that it exists, not that it was asked for: an attacker who cannot forge an id can still
//! choose one. So an attested value needs a reason that lies in the user's words. Untrusted text takes part in one way
//! only: a whole field that equals a literal of the user's is the name of its own row.
//!
//! What never happens here: no similarity, no threshold. A reason holds or it does not.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::bound;
use crate::described;
use crate::hashed::{HashMap, HashSet};
use crate::layout::looks_like_data;
use crate::naming::{Name, Naming};
use crate::record::{Family, Field, Row, bind};
use crate::request::Request;
use crate::selection::Selection;
use crate::text;
use crate::transcript::{Query, Source, Transcript};
use crate::words::{self, End, Measure};

/// The reasons by which a row is named.
const NAMES: u16 = bind::LITERAL | bind::NAMED;
/// The most rows whose lengths of time are compared.
const SPANS: usize = 400;
/// Longer than any word for all of a group, in bytes.
const QUANTIFIER_LIMIT: usize = 16;
/// The most ways in which rows of one list are described that are compared with each other.
const KINDS: usize = 64;
/// The longest field that can be a name, in bytes.
const NAME_LIMIT: usize = 120;

/// The reasons that hold for each row of a source, in order, each with how many of the user's words are attested there.
pub(crate) fn marks(transcript: &Transcript, source: &Source) -> Vec<(u16, u16)> {
    let rows = transcript.rows_of(source);
    let mut siblings: HashMap<Family, usize> = HashMap::default();
    for row in rows {
        *siblings.entry(row.family).or_default() += 1;
    }
    let by_user = matches(transcript, rows, &transcript.user, source.query == Query::Other);
    let by_document = matches(transcript, rows, &transcript.delegated, false);
    let described = described::marks(transcript, rows, source.query == Query::Other);
    rows.iter()
        .zip(by_user.iter().zip(&by_document).zip(&described))
        .map(|(row, ((user, document), (described, hits)))| {
            let mut mark = *user | *described;
            mark |= match source.query {
                Query::User => bind::QUERY,
                Query::Delegated => bind::DELEGATED,
                Query::Group => bind::GROUP,
                Query::None | Query::Listed | Query::Other => 0,
            };
            // The only row of what somebody else's words asked for was chosen by them.
            let single = siblings.get(&row.family) == Some(&1) && (row.parent.is_none() || rows.len() <= 2);
            let narrowed = source.narrowed && source.query == Query::None;
            if single && !narrowed && !matches!(source.query, Query::Group | Query::Listed | Query::Other) {
                mark |= bind::SINGLE;
            }
            if source.own {
                mark |= bind::OWN;
            }
            if *document != 0 && transcript.user.delegation.figures {
                mark |= bind::DELEGATED;
            }
            (mark, *hits)
        })
        .collect()
}

/// What a row holds of the user's words: the field, the literal, and whether the platform vouches for the field.
type Hit<'a> = (&'a str, Cow<'a, str>, bool);

/// For each row whether a field of it equals a literal of the request's that does not stand in all its siblings. Where
/// the user's words describe a row by several literals, one that lacks any of them is not the one that was meant.
fn matches(transcript: &Transcript, rows: &[Row], request: &Request, foreign: bool) -> Vec<u16> {
    if request.words.is_empty() {
        return vec![0; rows.len()];
    }
    let mut counts: HashMap<(Family, &str, Cow<'_, str>), usize> = HashMap::default();
    let mut siblings: HashMap<Family, usize> = HashMap::default();
    let mut hits: Vec<Vec<Hit<'_>>> = Vec::with_capacity(rows.len());
    for row in rows {
        *siblings.entry(row.family).or_default() += 1;
        let fields = row.fields.iter().filter_map(|at| transcript.field(*at));
        // In what somebody else's words asked for, a word that only names a kind tells nothing.
        let tells = |literal: &str| !foreign || request.is_telling(literal);
        let fields = fields.filter(|field| tells(&field.raw));
        let found: Vec<Hit<'_>> = fields
            .filter_map(|field| Some((field.name.as_str(), literal_of(request, field)?, field.attested)))
            .collect();
        for (name, literal, _) in &found {
            *counts.entry((row.family, name, literal.clone())).or_default() += 1;
        }
        hits.push(found);
    }
    for (row, found) in rows.iter().zip(&mut hits) {
        let all = siblings.get(&row.family).copied().unwrap_or(1);
        found.retain(|(name, literal, _)| {
            all == 1 || counts.get(&(row.family, name, literal.clone())).is_some_and(|count| *count < all)
        });
    }
    let mut described: HashMap<Family, HashSet<Literals<'_>>> = HashMap::default();
    for (row, found) in rows.iter().zip(&hits).filter(|(_, found)| !found.is_empty()) {
        described.entry(row.family).or_default().insert(literals(found));
    }
    let is_meant = |row: &Row, found: &[Hit<'_>]| {
        let own = literals(found);
        let Some(others) = described.get(&row.family) else { return true };
        let mut more = others.iter().filter(|other| own.len() < other.len());
        // Among so many nobody was meant who lacks what another has.
        if others.len() > KINDS { more.next().is_none() } else { !more.any(|other| own.is_subset(other)) }
    };
    let mark = |found: &[Hit<'_>]| {
        found.iter().fold(0, |mark, (.., attested)| mark | if *attested { bind::LITERAL } else { bind::NAMED })
    };
    let mark_of = |(row, found): (&Row, &Vec<Hit<'_>>)| {
        if !found.is_empty() && is_meant(row, found) { mark(found) } else { 0 }
    };
    rows.iter().zip(&hits).map(mark_of).collect()
}

/// Which literals describe a row, by field.
type Literals<'a> = BTreeSet<(&'a str, &'a str)>;

fn literals<'a>(found: &'a [Hit<'_>]) -> Literals<'a> {
    found.iter().map(|(name, literal, _)| (*name, &**literal)).collect()
}

/// The literal of the user's that a field equals; a day that is said is one literal at whatever time of it.
fn literal_of<'a>(request: &Request, field: &'a Field) -> Option<Cow<'a, str>> {
    let quantifier = || field.raw.len() < QUANTIFIER_LIMIT && words::is_quantifier(&field.raw.to_lowercase());
    if field.raw.len() > NAME_LIMIT || field.raw.len() < 2 || quantifier() {
        return None;
    }
    // What a column is called names no row.
    let column = || field.pointer.rsplit('/').next() == Some(&*field.raw) && !looks_like_data(&field.raw);
    if column() {
        return None;
    }
    let raw = || Cow::Borrowed(&*field.raw);
    if field.attested {
        if let Some(number) = field.number {
            return request.says_number(number).then(raw);
        }
        if let Some((Some(day), _)) = field.moment {
            let said = request.moments.iter().any(|said| said.day.is_some_and(|said| said.matches(day)));
            return said.then(|| Cow::Owned(format!("{day:?}")));
        }
    }
    // Another inflection of a verb is another state: "lock what is open" names no row that is locked.
    let state = || text::tokens(&field.raw).any(|token| words::verbs(&words::stem(token.text)) != 0);
    let inflected = || field.attested && field.raw.len() > 3 && request.composes(&field.raw) && !state();
    let said = (request.says(&field.raw) && !request.is_told(&field.raw)) || inflected();
    said.then(raw)
}

/// The outcome of checking a selection ("the largest") against the rows of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// The row is among those selected.
    Holds,
    /// It is not.
    Fails,
    /// No attested field tells.
    Unprovable,
}

/// Checks the user's selections against an attested field of the row: the query is run here, over what is attested.
pub(crate) fn check<'a>(
    transcript: &Transcript,
    row_at: u32,
    selections: impl IntoIterator<Item = &'a Selection>,
) -> Checked {
    let Some(row) = transcript.row(row_at) else { return Checked::Unprovable };
    let mut checked = Checked::Unprovable;
    for selection in selections {
        match check_one(transcript, row, selection) {
            Checked::Holds => return Checked::Holds,
            Checked::Fails => checked = Checked::Fails,
            Checked::Unprovable => {}
        }
    }
    checked
}

/// Whether a row is among those that a selection takes.
pub(crate) fn is_selected(transcript: &Transcript, row: &Row, selections: &[Selection]) -> bool {
    selections.iter().any(|selection| check_one(transcript, row, selection) == Checked::Holds)
}

fn check_one(transcript: &Transcript, row: &Row, selection: &Selection) -> Checked {
    let Some(source) = transcript.source(row.source) else { return Checked::Unprovable };
    if !speaks_of(transcript, source, selection) {
        return Checked::Unprovable;
    }
    let fields = || row.fields.iter().filter_map(|at| transcript.field(*at)).filter(|field| field.attested);
    // A price is no day, and a day no price.
    let timed = selection.superlative.measure == Measure::Time;
    let is_day = |field: &Field| field.number.is_none() && field.moment.is_some();
    let of_kind = |field: &&Field| !field.is_name() && field.magnitude().is_some() && (timed || !is_day(field));
    let comparable = || fields().filter(of_kind);
    let named = |field: &&Field| {
        let as_moment = selection.superlative.measure == Measure::Time && field.moment.is_some();
        as_moment || words::measures(selection.superlative.measure, &selection.nouns, &field.name)
    };
    let mut checked = Checked::Unprovable;
    for field in fields().filter(named) {
        match extreme(transcript, source, row, field, selection, selection.superlative.end) {
            Some(true) => return Checked::Holds,
            Some(false) => checked = Checked::Fails,
            None => {}
        }
    }
    // No field bears the word's name: then the one figure that the rows have is what is compared, unless it is of
    // another kind: a price is no rating.
    if checked == Checked::Unprovable
        && comparable().count() == 1
        && let Some(field) = comparable().next()
        && words::may_measure(selection.superlative.measure, &selection.nouns, &field.name)
    {
        return match extreme(transcript, source, row, field, selection, selection.superlative.end) {
            Some(true) => Checked::Holds,
            _ => Checked::Fails,
        };
    }
    if checked == Checked::Unprovable && selection.superlative.measure == Measure::Length {
        checked = longest(transcript, row, selection);
    }
    checked
}

/// Checks "the longest" by the time between the two moments of each row, where each has two.
fn longest(transcript: &Transcript, row: &Row, selection: &Selection) -> Checked {
    let span = |row: &Row| {
        let fields = row.fields.iter().filter_map(|at| transcript.field(*at)).filter(|field| field.attested);
        let mut moments = fields.filter(|field| field.moment.is_some());
        let (start, end) = (moments.next()?, moments.next().filter(|end| is_end(end))?);
        let (start, end) = (start.magnitude()?, end.magnitude()?);
        (start < end && moments.next().is_none()).then_some(end - start)
    };
    let Some(own) = span(row) else { return Checked::Unprovable };
    let scale: Option<Vec<i64>> = transcript.family_of(row).take(SPANS + 1).map(span).collect();
    let Some(mut scale) = scale.filter(|scale| scale.len() <= SPANS) else { return Checked::Unprovable };
    scale.sort_unstable();
    if is_extreme(selection, own, &scale, selection.superlative.end) { Checked::Holds } else { Checked::Fails }
}

/// Whether a field says when something ends, by its name.
fn is_end(field: &Field) -> bool {
    const ENDS: &[&str] = &[
        "end",
        "ends",
        "to",
        "until",
        "till",
        "closes",
        "close",
        "departure",
        "departs",
        "out",
        "return",
        "returns",
        "finish",
        "finishes",
        "due",
        "back",
        "last",
        "stop",
        "expires",
        "checkout",
    ];
    field.name.words.iter().any(|word| ENDS.contains(&word.as_str()))
}

/// Whether a row lies at an end of the scale that a field makes with those of its siblings.
fn extreme(
    transcript: &Transcript,
    source: &Source,
    row: &Row,
    field: &Field,
    selection: &Selection,
    end: End,
) -> Option<bool> {
    let own = field.magnitude()?;
    if is_left_out(transcript, row, selection) {
        return Some(false);
    }
    let bounded = !transcript.user.bounds.is_empty()
        && source.scales.keys().any(|(family, name)| *family == row.family && bound::is_measured(transcript, name));
    if bounded && bound::is_outside(transcript, row) {
        return Some(false);
    }
    let scale = narrowed(transcript, source, row, field, bounded);
    // Of a priority in figures nobody knows whether 1 is the most urgent.
    let open = selection.superlative.measure == Measure::Urgency && field.number.is_some();
    Some(is_extreme(selection, own, &scale, if open { End::Either } else { end }))
}

/// Whether the selection speaks of siblings by name ("the latest invoice from Delta"), and this row is none of them.
fn is_left_out(transcript: &Transcript, row: &Row, selection: &Selection) -> bool {
    const NAMES: u16 = bind::LITERAL | bind::DESCRIBED | bind::ALIKE;
    let spoken = |field: &Field| {
        text::tokens(&field.raw).any(|token| {
            let word = text::exact(token.text);
            transcript.user.names(&word) && transcript.user.has_stem_in(&words::stem(&word), selection.sentence)
        })
    };
    let named = |other: &Row| {
        let fields = other.fields.iter().filter_map(|at| transcript.field(*at));
        fields.filter(|field| field.attested && field.raw.len() < NAME_LIMIT).any(spoken)
    };
    row.bind & NAMES == 0 && transcript.family_of(row).any(|other| other.bind & NAMES != 0 && named(other))
}

/// Whether a value is among those that a selection takes from one end of a sorted scale.
pub(crate) fn is_extreme(selection: &Selection, own: i64, scale: &[i64], end: End) -> bool {
    let above = scale.len() - scale.partition_point(|value| *value <= own);
    let below = scale.partition_point(|value| *value < own);
    let within = |better: usize| better >= selection.skipped && better < selection.count + selection.skipped;
    match end {
        End::Either => within(above) || within(below),
        End::Greatest => within(above),
        End::Least => within(below),
    }
}

/// Whether the user's words narrow a result to a few rows of which this is one, and a selection that no field can prove
/// is to tell them apart: it stands in a sentence with a word of the row.
pub(crate) fn is_narrowed(transcript: &Transcript, row: &Row) -> bool {
    const FEW: usize = 3;
    let user = &transcript.user;
    let alike = transcript.family_of(row).filter(|other| other.bind & bind::ALIKE != 0).count();
    let fields = || row.fields.iter().filter_map(|at| transcript.field(*at)).filter(|field| field.attested);
    alike <= FEW
        && user.selections.iter().any(|selection| {
            check_one(transcript, row, selection) == Checked::Unprovable
                && fields().any(|field| {
                    text::tokens(&field.raw).any(|token| {
                        let stem = words::stem(&text::exact(token.text));
                        stem.len() > 2 && !words::is_stop(&stem) && user.has_stem_in(&stem, selection.sentence)
                    })
                })
        })
}

/// Whether a selection speaks of the rows of this result: not if its noun names what another result is of, and not this
/// one, nor if somebody else's words may have asked for a result that it does not name.
fn speaks_of(transcript: &Transcript, source: &Source, selection: &Selection) -> bool {
    let nouns = || selection.nouns.iter().filter(|noun| !words::is_stop(noun));
    let lists = |source: &Source| nouns().any(|noun| source.kinds.contains(noun));
    let others = || transcript.sources.iter().filter(|other| other.rows.len() > 1 && other.tool != source.tool);
    let anaphor = || selection.nouns.iter().any(|noun| noun == "one" || noun == "ones");
    lists(source) || ((anaphor() || transcript.is_asked_anew(source)) && !others().any(lists))
}

/// The values to compare with, sorted: of the siblings that the user named, if this row is one of them, or else of all.
/// By what a platform attests alone: whoever writes a title does not say among which rows his own is the largest.
fn narrowed<'a>(
    transcript: &'a Transcript,
    source: &'a Source,
    row: &Row,
    field: &Field,
    bounded: bool,
) -> Cow<'a, [i64]> {
    const NAMES: u16 = bind::LITERAL | bind::DESCRIBED | bind::ALIKE | bind::JOINED;
    if row.bind & NAMES == 0 && !bounded {
        let scale = source.scales.get(&(row.family, Arc::clone(&field.name)));
        return Cow::Borrowed(scale.map_or(&[], Vec::as_slice));
    }
    let named = |other: &&Row| row.bind & NAMES == 0 || other.bind & row.bind & NAMES != 0;
    let within = |other: &&Row| !bounded || !bound::is_outside(transcript, other);
    let siblings = transcript.family_of(row).filter(named).filter(within);
    let fields = siblings.flat_map(|other| other.fields.iter().filter_map(|at| transcript.field(*at)));
    let alike = fields.filter(|other| other.attested && other.name == field.name);
    let mut scale: Vec<i64> = alike.filter_map(Field::magnitude).collect();
    scale.sort_unstable();
    Cow::Owned(scale)
}

/// Whether no sibling of a row has this reason too.
pub(crate) fn is_alone(transcript: &Transcript, row: &Row, reason: u16) -> bool {
    transcript.family_of(row).filter(|other| other.bind & reason != 0).nth(1).is_none()
}

/// Whether no sibling of a row has this reason.
pub(crate) fn is_unmarked(transcript: &Transcript, row: &Row, reason: u16) -> bool {
    !transcript.family_of(row).any(|other| other.bind & reason != 0)
}

/// Whether no sibling shares as many keys with rows that the user named.
pub(crate) fn is_best_joined(transcript: &Transcript, row: &Row) -> bool {
    let rival = |other: &&Row| other.bind & bind::JOINED != 0 && other.joins >= row.joins;
    transcript.family_of(row).filter(rival).nth(1).is_none()
}

/// Whether all that a row has of the user's words are figures.
pub(crate) fn is_of_figures(transcript: &Transcript, row: &Row) -> bool {
    let said = |field: &&Field| field.number.is_some_and(|number| transcript.user.says_number(number));
    let fields = row.fields.iter().filter_map(|at| transcript.field(*at)).filter(|field| field.attested);
    let figures = fields.filter(|field| !field.is_name()).filter(said).count();
    row.bind & bind::LITERAL != 0
        && row.bind & (bind::NAMED | bind::JOINED) == 0
        && figures >= usize::from(row.hits.max(1))
}

/// The last words of fields that hold what a thing is called.
const CALLED: &[&str] = &["label", "name", "subject", "title"];

/// Whether some sibling is named by the user, so that another row is not the one that was meant. What the call itself
/// puts somewhere names no row, unless it is what a row is called: "make Tom a seller" is not about those who are
/// sellers.
pub(crate) fn has_named_sibling(transcript: &Transcript, row: &Row, given: &[String]) -> bool {
    let elsewhere = |(literal, is_called): &(String, bool)| *is_called || !given.contains(literal);
    let mut named = transcript.family_of(row).filter(|other| other.bind & NAMES != 0);
    named.any(|other| given.is_empty() || other.literals.iter().any(elsewhere))
}

/// The literals of the user's that a row holds, in strict form, each with whether it is what a thing is called.
pub(crate) fn literals_of(transcript: &Transcript, row: &Row) -> Vec<(String, bool)> {
    let fields = row.fields.iter().filter_map(|at| transcript.field(*at));
    let found = fields
        .filter_map(|field| Some((text::exact(&literal_of(&transcript.user, field)?), field.name.ends_in(CALLED))));
    found.collect()
}

/// Whether what others write calls one of these rows by a name that the user gave, be it all of them: whoever adds one
/// more so called widens no group.
pub(crate) fn is_called(transcript: &Transcript, rows: &[Row]) -> bool {
    let mut fields = rows.iter().flat_map(|row| &row.fields).filter_map(|at| transcript.field(*at));
    fields.any(|field| !field.attested && literal_of(&transcript.user, field).is_some())
}

/// Whether a short field of a row has what the user excludes ("all but the one from Korvex").
pub(crate) fn is_excepted(transcript: &Transcript, row: &Row) -> bool {
    let user = &transcript.user;
    let mut fields =
        row.fields.iter().filter_map(|at| transcript.field(*at)).filter(|field| field.raw.len() < NAME_LIMIT);
    !user.excluded.is_empty()
        && fields.any(|field| text::tokens(&field.raw).any(|token| user.excluded.contains(&text::exact(token.text))))
}

/// Whether a field holds the number of a thing that is nobody ("entry_id"), and the argument is not called like it.
pub(crate) fn is_of_a_thing(argument: &Name, field: &Field) -> bool {
    let Some((_, of)) = field.name.words.split_last().filter(|(_, of)| !of.is_empty() && field.is_name()) else {
        return false;
    };
    let thing = |word: &String| {
        !argument.words.contains(word)
            && !Naming::of(word).is_principal()
            && words::nouns(&words::stem(word)) & words::PAPERS != 0
    };
    !field.raw.contains('@') && of.iter().all(thing)
}

/// Whether a value carries a name that the user wrote ("Mark" in `mark.davies@hotmail.com`).
pub(crate) fn carries_name(request: &Request, value: &str) -> bool {
    names_in(value).any(|word| request.names_somebody(&word))
}

/// Whether a value carries the name of somebody of whom the user only says what they did.
pub(crate) fn is_of_a_source(request: &Request, value: &str) -> bool {
    names_in(value).any(|word| request.is_only_source(&word))
}

/// Whether every name of the user's that one value carries is carried by another too.
pub(crate) fn carries_as_much(request: &Request, value: &str, other: &str) -> bool {
    let others: Vec<String> = names_in(other).collect();
    names_in(value).filter(|word| request.names_somebody(word)).all(|word| others.contains(&word))
}

/// The words of a value that can be a name, in lower case; of an address those before its host.
fn names_in(value: &str) -> impl Iterator<Item = String> {
    let local = value.split('@').next().unwrap_or(value);
    text::tokens(local).map(|token| token.text.to_lowercase()).filter(|word| {
        word.len() > 2
            && !word.bytes().all(|b| b.is_ascii_digit())
            && !words::is_stop(word)
            && !words::is_address_noise(word)
    })
}
