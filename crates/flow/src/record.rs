//! Tool results as rows of fields, each field with its label, its place and the call that brought it.
//!
//! A row is what a person would point at: an element of a list, an entry of a table, a line of a bare text, or the
//! whole result. Fields of objects nested in it belong to it; lists of objects nested in it make rows of their own
//! below it. Attested is the whole value of a field and never a part; only what a wholly trusted tool returns as a
//! bare text, or as the column of a table, is also split.
//!
//! What never happens here: no meaning is read from untrusted text. It is indexed so that a witness can name its
//! source.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use smallvec::SmallVec;
use steersman_core::pointer_token;

use crate::described::SHORT;
use crate::hashed::HashSet;
use crate::layout::{are_alike, header, is_flat_table, is_list, is_table, labelled, looks_like_data, tidy, unit};
use crate::moment;
use crate::naming::{Name, Names};
use crate::number::Micro;
use crate::text;
use crate::tool::Tool;
use crate::vocabulary::Occurrence;

/// One leaf of a tool result.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) source: u32,
    pub(crate) row: u32,
    /// The nearest object key; empty for a bare value.
    pub(crate) name: Arc<Name>,
    /// RFC 6901 pointer into the result.
    pub(crate) pointer: Box<str>,
    pub(crate) raw: Box<str>,
    pub(crate) number: Option<Micro>,
    /// The day and the time of day that the value is.
    pub(crate) moment: Option<moment::Parsed>,
    pub(crate) attested: bool,
    /// Whether somebody else wrote it, and it is a sentence: no name of a row.
    pub(crate) speech: bool,
    /// Its words, each once; none of a long value that a platform attests.
    pub(crate) words: Box<[Occurrence]>,
    /// Whether it would be attested, were it not what the call was given: a look-up confirms it, and vouches no
    /// further.
    pub(crate) confirmed: bool,
}

impl Field {
    /// The value on a scale on which dates and numbers can be compared.
    pub(crate) fn magnitude(&self) -> Option<i64> {
        if let Some(number) = self.number {
            return Some(number.0);
        }
        if let Some(place) = crate::words::scale(&self.raw.to_lowercase()).filter(|_| self.raw.len() < 12) {
            return Some(place);
        }
        if let Some(least) = least_of_range(&self.raw) {
            return Some(least.0);
        }
        let (day, minute) = self.moment?;
        let days = day.map_or(Some(0), moment::Day::number)?;
        Some(days * 1440 + i64::from(minute.unwrap_or_default()))
    }

    /// Whether the value names its row, so that it is no figure that could be compared.
    pub(crate) fn is_name(&self) -> bool {
        self.name.naming.is_key()
    }
}

/// Why a row is the one the user meant.
pub(crate) mod bind {
    /// An attested field equals a literal of the user's, and not in every row.
    pub(crate) const LITERAL: u16 = 1;
    /// Another whole field does: the row bears a name that the user gave.
    pub(crate) const NAMED: u16 = 2;
    /// A read with arguments of the user's brought it.
    pub(crate) const QUERY: u16 = 4;
    /// It is the only row of its result.
    pub(crate) const SINGLE: u16 = 8;
    /// An allowed effect of this run made it.
    pub(crate) const CREATED: u16 = 16;
    /// A read with arguments from a document to which the user delegated brought it, or such a document names it.
    pub(crate) const DELEGATED: u16 = 32;
    /// Of its siblings it alone has the most of the user's words in its attested fields.
    pub(crate) const DESCRIBED: u16 = 64;
    /// Of its siblings it has the most of them, together with others.
    pub(crate) const ALIKE: u16 = 128;
    /// Of its siblings it alone has the most of the user's words in fields short enough to be names.
    pub(crate) const TITLED: u16 = 256;
    /// It holds two or more of the user's words.
    pub(crate) const MENTIONED: u16 = 512;
    /// It attests the key of a row of another result that the user's words choose.
    pub(crate) const JOINED: u16 = 1024;
    /// Of its siblings it alone has the most of the user's words in all that stands in it, two or more.
    pub(crate) const SPOKEN: u16 = 4096;
    /// A word of the user's stands in one of its attested fields.
    pub(crate) const HINTED: u16 = 8192;
    /// A read for one of a group that the user speaks of brought it.
    pub(crate) const GROUP: u16 = 16384;
    /// It is the user's own record: what a trusted tool says when it is asked nothing.
    pub(crate) const OWN: u16 = 2048;
}

/// Which rows stand side by side: those below one row or, where a table's keys only group its records, the records of
/// all its groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Family {
    /// All that stands for itself.
    Root,
    Below(u32),
    /// Below all entries of the table that this row is.
    Grouped(u32),
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) source: u32,
    pub(crate) parent: Option<u32>,
    pub(crate) family: Family,
    pub(crate) fields: SmallVec<[u32; 8]>,
    pub(crate) bind: u16,
    /// Where the user names it: the literals, in strict form, each with whether it is what a thing is called.
    pub(crate) literals: Vec<(String, bool)>,
    /// How many keys of rows that the user named it holds.
    pub(crate) joins: u16,
    /// How many of the user's words its attested fields hold.
    pub(crate) hits: u16,
}

/// The rows and fields of one result, numbered from the given offsets.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) rows: Vec<Row>,
    pub(crate) fields: Vec<Field>,
}

/// How deep a result may nest before the rest is kept as text.
const DEPTH_LIMIT: usize = 24;
/// The most values of one result that are told apart; of what stands behind them the beginning is kept as text.
const FIELDS_LIMIT: usize = 50_000;
/// The longest text of a wholly trusted tool that is split into items, in bytes.
const SPLIT_LIMIT: usize = 1 << 14;

struct Folder<'a> {
    tool: &'a Tool,
    source: u32,
    first_row: u32,
    first_field: u32,
    out: Folded,
    /// The row of the table of which the value that is walked next is an entry.
    groups: Option<u32>,
    names: &'a mut Names,
    /// The texts that the call was given, in strict form.
    given: HashSet<&'a str>,
    /// Whether a value attested here may be one that an earlier argument carried in.
    echoes: &'a dyn Fn(&str) -> bool,
}

/// Folds a result. `given` are the texts of the call's arguments, in strict form; `echoes` tells whether a text repeats
/// one of them that nobody vouched for.
pub(crate) fn fold(
    tool: &Tool,
    result: &Value,
    source: u32,
    offsets: (u32, u32),
    given: &[String],
    echoes: &dyn Fn(&str) -> bool,
    names: &mut Names,
) -> Folded {
    let given = given.iter().map(String::as_str).collect();
    let mut folder = Folder {
        tool,
        source,
        first_row: offsets.0,
        first_field: offsets.1,
        out: Folded::default(),
        groups: None,
        names,
        given,
        echoes,
    };
    let root = folder.row(None);
    let mut keys: Vec<&str> = Vec::new();
    folder.walk(result, root, &mut keys, &mut String::new(), 0);
    folder.out
}

impl Folder<'_> {
    fn row(&mut self, parent: Option<u32>) -> u32 {
        self.row_among(parent, parent.map_or(Family::Root, Family::Below))
    }

    fn row_among(&mut self, parent: Option<u32>, family: Family) -> u32 {
        let at = self.first_row + u32::try_from(self.out.rows.len()).unwrap_or(u32::MAX);
        let fields = SmallVec::new();
        self.out.rows.push(Row {
            source: self.source,
            parent,
            family,
            fields,
            bind: 0,
            literals: Vec::new(),
            joins: 0,
            hits: 0,
        });
        at
    }

    fn walk<'v>(&mut self, value: &'v Value, row: u32, keys: &mut Vec<&'v str>, pointer: &mut String, depth: usize) {
        let length = pointer.len();
        let groups = self.groups.take();
        match value {
            Value::Object(map) if depth < DEPTH_LIMIT => {
                // What stands in a row of a list is said of it.
                let whole = row == self.first_row;
                let flat = whole && is_flat_table(map, &self.given);
                let table = flat || is_table(map);
                let owner = row;
                for (at, (key, inner)) in map.iter().enumerate() {
                    if self.is_full() {
                        let rest = map.iter().skip(at).map(|(key, inner)| format!("{key}: {inner} "));
                        self.leaf(&beginning(rest), None, row, keys, pointer);
                        break;
                    }
                    pointer.push('/');
                    pointer.push_str(&pointer_token(key));
                    let row = if table { self.row(Some(row)) } else { row };
                    let vouched = table && self.is_record(inner) && is_identifier(key);
                    if vouched || (table && self.tool.is_trusted() && !self.tool.has_effect()) {
                        self.key(key, row, pointer);
                    } else if looks_like_data(key) || (self.tool.is_trusted() && !self.tool.has_effect()) {
                        self.leaf(key, None, row, keys, pointer);
                    }
                    keys.push(key);
                    // What is compared over the rows has one name in all of them.
                    let column = flat && !inner.is_object();
                    keys.extend(column.then_some(""));
                    self.groups = table.then_some(owner);
                    self.walk(inner, row, keys, pointer, depth + 1);
                    keys.truncate(keys.len() - 1 - usize::from(column));
                    pointer.truncate(length);
                }
            }
            Value::Array(list) if depth < DEPTH_LIMIT => {
                // What one may choose from: what stands in a row of a list is said of it.
                let choice = row == self.first_row && list.len() > 1;
                for (at, inner) in list.iter().enumerate() {
                    if self.is_full() {
                        let rest = list.iter().skip(at).map(|inner| format!("{inner} "));
                        self.leaf(&beginning(rest), None, row, keys, pointer);
                        break;
                    }
                    pointer.push('/');
                    pointer.push_str(&at.to_string());
                    let family = groups.map_or(Family::Below(row), Family::Grouped);
                    let own = if inner.is_object() || choice { self.row_among(Some(row), family) } else { row };
                    self.walk(inner, own, keys, pointer, depth + 1);
                    pointer.truncate(length);
                }
            }
            Value::String(text) => self.text(text, row, keys, pointer),
            Value::Number(number) => {
                let micro = number.as_i64().and_then(|n| n.checked_mul(Micro::ONE)).map(Micro);
                let micro = micro.or_else(|| number.as_f64().and_then(Micro::from_f64));
                self.leaf(&number.to_string(), micro, row, keys, pointer);
            }
            // A flag that is set describes its row by its name ("paid").
            Value::Bool(set) => self.flag(*set, row, keys, pointer),
            Value::Null => {}
            Value::Object(_) | Value::Array(_) => self.leaf(&value.to_string(), None, row, keys, pointer),
        }
    }

    /// Whether so many values were told apart that the rest is one.
    fn is_full(&self) -> bool {
        self.out.fields.len() >= FIELDS_LIMIT
    }

    /// Whether the contract attests a field of a record.
    fn is_record(&self, record: &Value) -> bool {
        record.as_object().is_some_and(|map| map.keys().any(|name| self.tool.attests(&[name])))
    }

    fn flag(&mut self, set: bool, row: u32, keys: &[&str], pointer: &str) {
        let Some(name) = keys.last().filter(|_| self.tool.attests(keys)) else { return };
        let words = text::identifier_words(name);
        let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !matches!(*word, "is" | "has")).collect();
        let said = if set { words.join(" ") } else { format!("not {0}; un{0}", words.join(" ")) };
        self.leaf(&said, None, row, keys, pointer);
    }

    fn text(&mut self, text: &str, row: u32, keys: &[&str], pointer: &str) {
        self.leaf(text, None, row, keys, pointer);
        if !self.tool.is_trusted() || self.tool.has_effect() || text.len() > SPLIT_LIMIT {
            return;
        }
        if keys.is_empty() {
            self.lines(text, row, pointer);
        } else if keys.last() == Some(&"")
            && let Some((label, value)) = labelled(text).filter(|_| !text.contains('\n'))
        {
            self.part(value, row, (label, pointer));
        }
    }

    /// A part of what a tool says that nobody else writes into.
    fn part(&mut self, raw: &str, row: u32, place: (&str, &str)) {
        if !raw.is_empty() {
            self.push(raw, Micro::parse(raw).filter(|_| raw.len() < 20), row, place, true);
        }
    }

    /// A bare text is a record if each of its lines has a label of its own, a table if they are of as many parts as the
    /// first, which names them, and otherwise a list: of its lines, or of the parts of the one that it has.
    fn lines(&mut self, text: &str, row: u32, pointer: &str) {
        let lines: Vec<&str> = text.split('\n').map(tidy).filter(|line| !line.is_empty()).collect();
        let labels: BTreeSet<&str> = lines.iter().filter_map(|line| labelled(line)).map(|(label, _)| label).collect();
        if lines.len() > 1 && labels.len() == lines.len() && !are_alike(&lines) {
            for (label, value) in lines.iter().filter_map(|line| labelled(line)) {
                self.part(value, row, (label, pointer));
            }
            return;
        }
        let names = header(&lines);
        let list = is_list(&lines);
        let items = if lines.len() == 1 { text.split([',', ';']).map(tidy).collect() } else { lines };
        for item in items.iter().skip(usize::from(!names.is_empty())) {
            let row = if list { self.row(Some(row)) } else { row };
            let marks: &[char] = if names.is_empty() { &[',', ';', '|', '\t'] } else { &[','] };
            for (at, part) in item.split(marks).map(tidy).enumerate() {
                let unit = unit(part).filter(|_| item.contains(['|', '\t']));
                if let Some((unit, value)) = unit {
                    self.part(value, row, (unit, pointer));
                }
                let name = names.get(at).copied().unwrap_or_default();
                let (label, value) = labelled(part).unzip();
                for part in [Some(part), label, value].into_iter().flatten().map(tidy) {
                    if part != text {
                        self.part(part, row, (name, pointer));
                    }
                }
            }
        }
    }

    fn leaf(&mut self, raw: &str, number: Option<Micro>, row: u32, keys: &[&str], pointer: &str) {
        let number = number.or_else(|| Micro::parse(raw).filter(|_| raw.len() < 20));
        let name = keys.last().copied().unwrap_or_default();
        self.push(raw, number, row, (name, pointer), self.tool.attests(keys));
    }

    /// The key under which a table holds a record of which the platform attests something: it names the record.
    fn key(&mut self, key: &str, row: u32, pointer: &str) {
        self.push(key, None, row, (KEY, pointer), true);
    }

    fn push(&mut self, raw: &str, number: Option<Micro>, row: u32, (name, pointer): (&str, &str), vouched: bool) {
        let at = self.first_field + u32::try_from(self.out.fields.len()).unwrap_or(u32::MAX);
        // An answer may repeat what it was given, and that of an effect quote the object that it touched at length.
        let quotes = self.tool.has_effect() && raw.split_whitespace().nth(8).is_some();
        let repeats = quotes || (self.echoes)(raw);
        let attested = vouched && !repeats;
        self.out.fields.push(Field {
            source: self.source,
            row,
            name: self.names.get(name),
            pointer: pointer.into(),
            raw: raw.into(),
            number,
            moment: moment::parse(raw),
            attested,
            speech: !attested && raw.len() <= SHORT && is_speech(raw),
            words: Box::default(),
            confirmed: vouched && repeats && !self.tool.has_effect(),
        });
        let local = row.checked_sub(self.first_row).and_then(|at| self.out.rows.get_mut(at as usize));
        if let Some(row) = local {
            row.fields.push(at);
        }
    }
}

/// Whether a text is a sentence, or long enough to be one, and so no name of a row.
fn is_speech(text: &str) -> bool {
    let marks =
        text.contains(['.', '!', '?', ';']) && (text.contains(". ") || text.trim_end().ends_with(['.', '!', '?', ';']));
    let short = !text.contains(". ") && text.split_whitespace().nth(6).is_none();
    (marks && !short) || text.split_whitespace().nth(8).is_some()
}

/// The name of the field that a table's key is.
pub(crate) const KEY: &str = "key";

/// The longest time between two moments of one row that counts as how long something takes, in minutes.
const DURATION_LIMIT: i64 = 1440;

/// The minutes between the first two attested moments of a row that have a time of day.
pub(crate) fn duration(row: &Row, fields: &[Field]) -> Option<i64> {
    let mut times =
        row.fields.iter().filter_map(|at| fields.get(*at as usize)).filter(|field| field.attested).filter_map(
            |field| {
                let (day, minute) = field.moment?;
                Some(day.map_or(Some(0), moment::Day::number)? * 1440 + i64::from(minute?))
            },
        );
    let (start, end) = (times.next()?, times.next()?);
    Some((end - start).abs()).filter(|span| (1..DURATION_LIMIT).contains(span))
}

/// The lower end of "20.0 - 45.0" or "480 - 590 EUR": what a thing is had for.
fn least_of_range(text: &str) -> Option<Micro> {
    let (least, most) = text.split_once(" - ").or_else(|| text.split_once(" – "))?;
    let plain = text.len() < 40 && !text.contains(':');
    let (least, most) = (Micro::parse(least)?, Micro::parse(most)?);
    (plain && least.0 <= most.0).then_some(least)
}

/// Whether a key can be a number or code that a platform gave: no words, and nothing that money or a message can be
/// sent to (the shortest IBAN has 15 characters).
fn is_identifier(key: &str) -> bool {
    let is_code = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts = key.split_once('.');
    key.len() < 15
        && key.bytes().any(|b| b.is_ascii_digit())
        && parts.map_or_else(|| is_code(key), |(whole, part)| is_number(whole) && is_number(part))
}

/// The beginning of a text that is long: nothing that stands behind it is vouched for by anybody.
fn beginning(parts: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(&part);
        if text.len() > SPLIT_LIMIT {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use steersman_core::Contract;

    use super::*;

    fn tool(untrusted: bool, attested: &[&str]) -> Tool {
        let contract = json!({"name": "look", "effect": "read", "untrusted": untrusted, "attested": attested});
        Tool::new(serde_json::from_value::<Contract>(contract).unwrap(), "", &Value::Null)
    }

    fn attested(tool: &Tool, result: &Value) -> Vec<String> {
        let folded = fold(tool, result, 0, (0, 0), &[], &|_| false, &mut Names::default());
        folded.fields.iter().filter(|field| field.attested).map(|field| field.raw.to_string()).collect()
    }

    #[test]
    fn only_named_fields_are_attested_and_only_as_a_whole() {
        let result = json!([{"id": 7, "from": "ann@a.io, bob@b.io", "body": "id 9"}, {"id": 8, "meta": {"id": "x"}}]);
        assert_eq!(attested(&tool(true, &["id"]), &result), ["7", "8", "x"]);
        assert_eq!(attested(&tool(true, &["from"]), &result), ["ann@a.io, bob@b.io"]);
    }

    #[test]
    fn the_key_of_a_record_is_attested_with_it_if_nothing_can_be_sent_there() {
        let table = |key: &str| {
            let record = json!({"id": 7});
            attested(&tool(true, &["id"]), &json!({ key: record, "INV-2": {"id": 8} }))
        };
        assert_eq!(table("INV-1"), ["INV-1", "7", "INV-2", "8"]);
        assert_eq!(table("1966.20"), ["1966.20", "7", "INV-2", "8"]);
        for place in ["eve@x7.test", "x7.test/pay", "LT601010012345678901", "https://x7.test", "10.0.0.1"] {
            assert_eq!(table(place), ["7", "INV-2", "8"], "{place}");
        }
    }

    /// The rows of a result, each as the names and values of its fields.
    fn rows(result: &Value, given: &[String]) -> Vec<Vec<String>> {
        let folded = fold(&tool(false, &["*"]), result, 0, (0, 0), given, &|_| false, &mut Names::default());
        let field = |at: &u32| {
            let field = &folded.fields[*at as usize];
            format!("{}={}", field.name.as_str(), field.raw)
        };
        folded.rows.iter().map(|row| row.fields.iter().map(field).collect()).collect()
    }

    #[test]
    fn what_names_several_things_has_a_row_for_each() {
        let lines = rows(&json!("Inns: Blue Inn\nRed Inn"), &[]);
        assert_eq!(lines[1..], [vec!["=Inns: Blue Inn", "=Inns", "=Blue Inn"], vec!["=Red Inn"]]);
        assert_eq!(rows(&json!({"asOf": "now", "slots": ["Sat 10", "Mon 6"]}), &[]).len(), 3);
        let sheet = rows(&json!("shelf,title\nM1,Ewer\nM2,Basin"), &[]);
        assert_eq!(sheet[1..], [["shelf=M1", "title=Ewer"], ["shelf=M2", "title=Basin"]]);
        let quotes = rows(&json!({"Blue Inn": "Price: 20 - 30", "Red Inn": "Price: 15 - 45"}), &[]);
        assert_eq!(quotes.len(), 3);
        assert_eq!(quotes[2], ["key=Red Inn", "=Price: 15 - 45", "Price=15 - 45"]);
        let given = ["red inn", "spa"].map(str::to_owned);
        assert_eq!(rows(&json!({"Red Inn": "Hill 4", "Spa": "Quay 2"}), &given).len(), 3);
        assert_eq!(rows(&json!({"Red Inn": "Hill 4", "Spa": "Quay 2"}), &given[..1]).len(), 1);
    }

    #[test]
    fn what_is_said_of_one_thing_is_one_row() {
        assert_eq!(rows(&json!([{"seats": ["A1", "A2"]}, {"seats": ["B7"]}]), &[]).len(), 3);
        assert_eq!(rows(&json!("Name: Ann\nRoom: 7"), &[]), [["=Name: Ann\nRoom: 7", "Name=Ann", "Room=7"]]);
        assert_eq!(rows(&json!({"First Name": "Ann", "Last Name": "Lee"}), &[]).len(), 1);
        assert_eq!(rows(&json!({"Total Balance": 3, "Credit Limit": 9}), &[]).len(), 1);
        assert_eq!(rows(&json!("2025-03-11 09:05, Tuesday"), &[]).len(), 1);
    }

    #[test]
    fn a_range_counts_by_its_lower_end() {
        let least = |text| least_of_range(text).map(|least| least.0 / Micro::ONE);
        assert_eq!([least("480 - 590 EUR"), least("20.0 - 45.0"), least("$5 – $9")], [Some(480), Some(20), Some(5)]);
        assert_eq!([least("590 - 480"), least("2025-01-02"), least("9:00 - 10:00"), least("no")], [None; 4]);
    }

    #[test]
    fn a_bare_text_is_split_only_when_nobody_else_can_write_into_it() {
        let result = json!("- Blue Inn\n- Red Inn");
        assert_eq!(attested(&tool(false, &["*"]), &result), ["- Blue Inn\n- Red Inn", "Blue Inn", "Red Inn"]);
        assert_eq!(attested(&tool(true, &[]), &result), [""; 0]);
    }

    #[test]
    fn a_list_of_objects_gives_a_row_for_each_and_nested_objects_stay_in_theirs() {
        let folded = fold(
            &tool(true, &[]),
            &json!({"hits": [{"p": {"id": 1}}, {"p": {"id": 2}}]}),
            0,
            (0, 0),
            &[],
            &|_| false,
            &mut Names::default(),
        );
        assert_eq!(folded.rows.len(), 3);
        assert_eq!(folded.fields.iter().map(|field| field.row).collect::<Vec<_>>(), [1, 2]);
    }
}
