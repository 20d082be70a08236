//! Rows that the user's words choose by way of another result: "Yuki's request", where one result says that Yuki is
//! `E-2051` and another which request is of `E-2051`.
//!
//! A key is an attested value that stands in one row of its result alone. A row that attests the key of a row which the
//! user's words name is joined to it, as a database would join them. Only attested values take part, so an attacker
//! does not.
//!
//! What never happens here: no join over a join, so a chain has to be asked for link by link.

use crate::record::{Field, Row, bind};
use crate::transcript::Transcript;

/// What makes a row one that the user named, so that its keys count.
const NAMED: u16 = bind::LITERAL | bind::DESCRIBED;
/// The most places of one key that are joined.
const PLACES: usize = 64;

/// Joins the rows of one result with those of the others, both ways.
pub(crate) fn mark(transcript: &mut Transcript, at: usize) {
    // What is one's own is no key to what else is one's own.
    let Some(source) = transcript.sources.get(at).filter(|source| !source.own) else { return };
    let (first, last, tool) = (source.rows.start, source.rows.end, source.tool.clone());
    let alone = |row: &Row| row.bind & bind::NAMED != 0 && crate::binding::is_alone(transcript, row, bind::NAMED);
    let mut joined: Vec<u32> = Vec::new();
    for (row_at, row) in (first..last).zip(transcript.rows.get(first as usize..last as usize).unwrap_or_default()) {
        let named = row.bind & NAMED != 0 || alone(row);
        for field in row.fields.iter().filter_map(|at| transcript.field(*at)).filter(|field| field.attested) {
            let places = transcript.attested(&field.raw);
            if places.len() < 2 || places.len() > PLACES {
                continue;
            }
            let others = places.iter().filter_map(|at| transcript.field(*at)).filter(|other| {
                transcript.source(other.source).is_some_and(|source| !source.own && source.tool != tool)
            });
            for other in others {
                let other_named = transcript.row(other.row).is_some_and(|row| row.bind & NAMED != 0 || alone(row));
                let key = |a: &Field, b: &Field| {
                    is_key(a)
                        || b.name.as_str() == crate::record::KEY
                        || (a.name.words.last() == b.name.words.last() && is_reference(a))
                };
                // Either side can be the one that the value identifies: "her tickets", "the maker of these pots".
                let linked = || stands_once(transcript, field) || stands_once(transcript, other);
                let refers = |a: &Field, b: &Field| is_link(a) && is_key(b) && stands_once(transcript, b);
                if named && ((key(field, other) && linked()) || refers(field, other)) {
                    joined.push(other.row);
                }
                if other_named && ((key(other, field) && linked()) || refers(other, field)) {
                    joined.push(row_at);
                }
            }
        }
    }
    for row in joined {
        if let Some(row) = transcript.rows.get_mut(row as usize) {
            row.bind |= bind::JOINED;
            row.joins = row.joins.saturating_add(1);
        }
    }
}

/// Whether a value can be a key of its row: attested, short, and a name by its field or an address.
fn is_key(field: &Field) -> bool {
    const NAMES: &[&str] = &["handle", "login", "user", "username", "email", "mail", "sku", "slug", "account", "uid"];
    let named = || field.name.ends_in(NAMES);
    field.attested && (2..64).contains(&field.raw.len()) && (field.is_name() || named())
}

/// Whether a value can be the key of another row, by whatever name ("assignedDriver"): no figure, and not too short to
/// be one.
fn is_link(field: &Field) -> bool {
    (3..64).contains(&field.raw.len()) && !field.name.naming.is_quantity() && is_plain(&field.raw)
}

fn is_plain(raw: &str) -> bool {
    raw.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/' | b'#'))
}

/// Whether a value refers to a thing, and is no figure, day or state.
fn is_reference(field: &Field) -> bool {
    let digit = field.raw.bytes().any(|b| b.is_ascii_digit());
    (2..64).contains(&field.raw.len())
        && is_plain(&field.raw)
        && digit
        && field.attested
        && !field.name.naming.is_quantity()
        && field.moment.is_none()
}

/// Whether a value stands in one row of its result alone.
fn stands_once(transcript: &Transcript, field: &Field) -> bool {
    let places = transcript.attested(&field.raw).iter().filter_map(|at| transcript.field(*at));
    let mut rows = places.filter(|place| place.source == field.source).map(|place| place.row);
    rows.next().is_some_and(|first| rows.all(|row| row == first))
}
