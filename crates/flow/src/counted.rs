//! What the user's words select by how much there is of it, which no field holds: "the room with the fewest messages",
//! "who wrote the most".
//!
//! A read counts once, however often it is repeated, and a count is the platform's word only where it attests something
//! of each record. Where all are alike nothing is selected.
//!
//! What never happens here: nobody who receives is chosen by a name that no platform attests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::binding::{self, Checked};
use crate::leaf::Leaf;
use crate::naming::Name;
use crate::record::{Field, Row};
use crate::selection::Selection;
use crate::text;
use crate::transcript::{Source, Transcript};
use crate::words::{self, Measure};

/// Whether an attested value is what came back most or least where it was asked about ("the channel with the most
/// members") or, for somebody who receives, who wrote the most. Not where a field proves that another is meant.
pub(crate) fn is_selected(transcript: &Transcript, leaf: &Leaf<'_>, value: &str) -> bool {
    let user = &transcript.user;
    let fields = || transcript.attested(value).iter().filter_map(|at| transcript.field(*at)).take(64);
    let fails = |field: &Field| binding::check(transcript, field.row, &user.selections) == Checked::Fails;
    by_count(transcript).any(|selection| match selection.of_whom {
        true => leaf.name.naming.is_principal() && is_most_borne(transcript, value, selection),
        false => is_most_returned(transcript, value, selection, &|_| true) && !fields().any(fails),
    })
}

/// Whether a value that no platform attests is selected so by trusted reads that are named like its argument, where the
/// user speaks of that kind: a room, since others may write the names of rooms, but not how many are in.
pub(crate) fn is_selected_by_name(transcript: &Transcript, leaf: &Leaf<'_>, value: &str) -> bool {
    let named = |source: &Source| {
        let words: Vec<String> = text::identifier_words(&source.tool).iter().map(|word| words::stem(word)).collect();
        let spoken = leaf.name.stems.iter().any(|kind| words.contains(kind) && transcript.user.has_stem(kind));
        source.trusted && size(transcript, source) > 0 && spoken
    };
    let mut selections = by_count(transcript).filter(|selection| !selection.of_whom);
    !leaf.name.naming.is_principal()
        && !value.contains(['@', '/', ':'])
        && selections.any(|selection| is_most_returned(transcript, value, selection, &named))
}

fn by_count(transcript: &Transcript) -> impl Iterator<Item = &Selection> {
    let counts = |selection: &&Selection| matches!(selection.superlative.measure, Measure::Named | Measure::Size);
    transcript.user.selections.iter().filter(counts)
}

/// How many records a read brought: the rows below its own, or the items of a bare list.
fn size(transcript: &Transcript, source: &Source) -> i64 {
    let rows = transcript.rows_of(source);
    let below = |row: &&Row| row.parent == Some(source.rows.start);
    let size =
        if rows.len() > 1 { rows.iter().filter(below).count() } else { rows.first().map_or(0, |row| row.fields.len()) };
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Whether the platform says how many records there are: it attests something of each, or writes the whole result.
fn tells(transcript: &Transcript, source: &Source) -> bool {
    let attested = |row: &Row| row.fields.iter().filter_map(|at| transcript.field(*at)).any(|field| field.attested);
    let rows = transcript.rows_of(source);
    let records = match rows {
        [only] => only.fields.is_empty(),
        rows => rows.iter().skip(1).all(attested),
    };
    source.trusted || records
}

/// The reads of a tool, each once: of those that were given the same, the last.
fn reads<'a>(transcript: &'a Transcript, tool: &str) -> Vec<&'a Source> {
    let mut once: BTreeMap<&[String], &Source> = BTreeMap::new();
    let alike = transcript.sources.iter().filter(|source| &*source.tool == tool);
    once.extend(alike.map(|source| (source.given.as_slice(), source)));
    once.into_values().collect()
}

fn is_most_returned(
    transcript: &Transcript,
    value: &str,
    selection: &Selection,
    of_kind: &dyn Fn(&Source) -> bool,
) -> bool {
    let value = text::exact(value);
    let asked = |source: &&Source| source.given == [value.as_str()] && of_kind(source);
    let mut own = transcript.sources.iter().filter(asked);
    own.any(|source| {
        let all = reads(transcript, &source.tool);
        let alike = || all.iter().filter(|source| source.given.len() == 1);
        let mut scale: Vec<i64> = alike().map(|source| size(transcript, source)).collect();
        scale.sort_unstable();
        let own = size(transcript, source);
        alike().all(|source| tells(transcript, source))
            && scale.first() != scale.last()
            && binding::is_extreme(selection, own, &scale, selection.superlative.end)
    })
}

/// Whether more records of a kind bear a name as that of their author than bear any other.
fn is_most_borne(transcript: &Transcript, value: &str, selection: &Selection) -> bool {
    let own = transcript.attested(value).iter().filter_map(|at| transcript.field(*at)).take(256);
    let kinds: BTreeSet<(&str, &Arc<Name>)> = own
        .filter(|field| field.attested && is_author(field))
        .filter_map(|field| Some((&*transcript.source(field.source)?.tool, &field.name)))
        .collect();
    kinds.into_iter().any(|(tool, name)| {
        let mut borne: BTreeMap<String, i64> = BTreeMap::new();
        let rows = reads(transcript, tool).into_iter().flat_map(|source| transcript.rows_of(source));
        let fields = rows.flat_map(|row| &row.fields).filter_map(|at| transcript.field(*at));
        for field in fields.filter(|field| field.attested && field.name == *name) {
            *borne.entry(text::exact(&field.raw)).or_default() += 1;
        }
        let mut scale: Vec<i64> = borne.values().copied().collect();
        scale.sort_unstable();
        let own = borne.get(&text::exact(value)).copied().unwrap_or_default();
        own > 0
            && scale.first() != scale.last()
            && binding::is_extreme(selection, own, &scale, selection.superlative.end)
    })
}

/// Whether a field says who wrote its record.
fn is_author(field: &Field) -> bool {
    const AUTHORS: &[&str] =
        &["author", "sender", "from", "by", "who", "writer", "poster", "user", "member", "written", "posted", "handle"];
    let words = &field.name.words;
    !field.is_name() && words.iter().any(|word| AUTHORS.contains(&word.as_str()))
}
