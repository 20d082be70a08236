//! From a document to the one its schema asks for, by the cheapest edits, if they are cheap and alone.
//!
//! Each edit has a price in quarters (a change of case costs 1, a renamed key 5). A value is aligned if the price of
//! its edits stays under a threshold and no other way is within the margin; ambiguity is an error that names both.
//! Names may differ by rules of language, values by conversions that lose nothing.
//!
//! What never happens here: no value is invented and no default filled in, so a required member that the text does
//! not hold is missing. The validator sees the result; alignment cannot overrule it.

mod coerce;
mod currency;
mod enums;
mod format;
mod frame;
mod letters;
mod memo;
mod numbers;
mod object;
mod regroup;
mod synonyms;
mod units;
mod vocabulary;
mod words;

use crate::code::Code;
use crate::document::{Document, Kind, Node, encode};
use crate::record::Edit;
use crate::schema::{Place, Shape, ShapeId, Shapes, Types, equals};
use enums::Match;
use memo::{Memo, Seen};

pub(crate) use enums::Listed;
pub(crate) use numbers::integral;
pub(crate) use words::{Name, stems};

/// Two ways whose prices differ by less are equally good.
pub(crate) const MARGIN: u32 = 2;
/// The price of a conversion that is undone at a glance.
const EASY: u32 = 2;
/// The price of another spelling of a date, a number or a code.
const FORMAT: u32 = 3;
/// The price of taking a frame off.
const FRAME: u32 = 4;
/// A document in a string in a string: so many strings.
const ENCLOSURES_MAX: usize = 4;
/// Items of a list are names; from so many words on a part is a clause.
const CLAUSE_WORDS: usize = 4;

/// Why a value cannot be aligned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Byte offset of the value in the document.
    pub(crate) at: usize,
    pub(crate) rule: &'static str,
    pub(crate) message: String,
    /// The two ways that are equally good, where that is the reason.
    pub(crate) readings: Vec<String>,
}

impl Misfit {
    fn new(node: Node<'_>, rule: &'static str, message: String) -> Self {
        Self { at: node.span().0, rule, message, readings: Vec::new() }
    }

    fn tie(node: Node<'_>, rule: &'static str, what: &str, a: &str, b: &str) -> Self {
        let message = format!("{what} could be `{a}` or `{b}`");
        Self { at: node.span().0, rule, message, readings: vec![a.to_owned(), b.to_owned()] }
    }
}

/// The edits that lead to the schema's form, in order, and their price.
pub(crate) fn align(document: &Document, shapes: &Shapes) -> Result<(Vec<Edit>, u32), Misfit> {
    align_within(document, shapes, Memo::for_nodes(document.nodes()))
}

fn align_within(document: &Document, shapes: &Shapes, memo: Memo) -> Result<(Vec<Edit>, u32), Misfit> {
    let mut aligner = Aligner { shapes, edits: Vec::new(), memo };
    let price = aligner.value(document.root(), 0, 0);
    if aligner.memo.is_spent() {
        let message = "too much to align: so many forms come into question that the search was given up".to_owned();
        return Err(Misfit::new(document.root(), "too_much", message));
    }
    let price = price?;
    let mut edits = aligner.edits;
    edits.sort_by_key(|edit| (edit.start, edit.end));
    match currency::contradiction(document, &edits) {
        Some(misfit) => Err(misfit),
        None => Ok((edits, price)),
    }
}

struct Aligner<'s> {
    shapes: &'s Shapes,
    edits: Vec<Edit>,
    memo: Memo,
}

impl<'s> Aligner<'s> {
    /// Aligns a value; on failure the edits are as before. Branches and renamed members ask for the same value under
    /// the same shape again and again, so what came of it is kept.
    fn value(&mut self, node: Node<'_>, id: ShapeId, depth: usize) -> Result<u32, Misfit> {
        if !self.memo.spend(1) {
            return Err(Misfit::new(node, "too_much", "too much to align".to_owned()));
        }
        if depth == 0 || !matches!(node.kind(), Kind::Object | Kind::Array) {
            return self.searched(node, id, depth);
        }
        let seen = Seen::new(node, id, depth, self.at_root(depth));
        if let Some(known) = self.memo.known(&seen) {
            return known.map(|(price, edits)| {
                self.edits.extend(edits.iter().cloned());
                price
            });
        }
        let before = self.edits.len();
        let found = self.searched(node, id, depth);
        let kept = self.edits.get(before..).unwrap_or_default();
        self.memo.keep(seen, found.as_ref().map(|price| (*price, kept)).map_err(Clone::clone));
        found
    }

    fn searched(&mut self, node: Node<'_>, id: ShapeId, depth: usize) -> Result<u32, Misfit> {
        let before = self.edits.len();
        let direct = self.direct(node, id, depth);
        let Err(misfit) = direct else { return direct };
        self.edits.truncate(before);
        if let Some(price) = self.unframed(node, id, depth) {
            return Ok(price);
        }
        self.edits.truncate(before);
        if let Some(price) = self.framed(node, id, depth) {
            return Ok(price);
        }
        self.edits.truncate(before);
        if let Some(price) = self.relevelled(node, id, depth) {
            return Ok(price);
        }
        Err(misfit)
    }

    fn direct(&mut self, node: Node<'_>, id: ShapeId, depth: usize) -> Result<u32, Misfit> {
        let shapes = self.shapes;
        let Some(shape) = shapes.shape(id) else { return Ok(0) };
        if !shape.branches.is_empty() && shape.properties.is_empty() {
            return self.branches(node, shape, depth);
        }
        if let Some(listed) = &shape.listed {
            return self.listed(node, shape, listed);
        }
        match node.kind() {
            Kind::Object if shape.types.has(Types::OBJECT) => self.object(node, shape, depth),
            Kind::Array if shape.types.has(Types::ARRAY) => self.array(node, shape, depth),
            Kind::String if shape.types.has(Types::STRING) => self.string(node, shape),
            Kind::Null if shape.types.has(Types::NULL) => Ok(0),
            Kind::Bool if shape.types.has(Types::BOOL) => Ok(0),
            Kind::Number if shape.types.has(Types::NUMBER) => Ok(0),
            Kind::Number if shape.types.has(Types::INTEGER) => {
                if numbers::integral(node.raw()) {
                    Ok(0)
                } else {
                    Err(Misfit::new(
                        node,
                        "type",
                        format!("`{}` is no integer, and rounding would lose something", node.raw()),
                    ))
                }
            }
            _ => self.convert(node, shape, depth),
        }
    }

    fn convert(&mut self, node: Node<'_>, shape: &Shape, depth: usize) -> Result<u32, Misfit> {
        if let Some(coerced) = coerce::scalar(node, shape) {
            self.replace(node, coerced.text, coerced.code);
            return Ok(coerced.price);
        }
        if let Some(text) = stringified(node, shape) {
            self.replace(node, text, Code::Decoded);
            return Ok(EASY);
        }
        if let Some(price) = self.regrouped(node, shape) {
            return Ok(price);
        }
        if shape.types.has(Types::ARRAY)
            && node.kind() != Kind::Null
            && let Some(price) = self.array_of_one(node, shape, depth)
        {
            return Ok(price);
        }
        if node.kind() == Kind::Array && node.len() == 1 {
            return self.out_of_array(node, shape, depth);
        }
        let message = coerce::unit_of_another(node, shape);
        Err(Misfit::new(node, "type", message.unwrap_or_else(|| format!("`{}` is of another type", excerpt(node)))))
    }

    /// A lone value where a list is asked for. A text with separators may itself be a list.
    fn array_of_one(&mut self, node: Node<'_>, shape: &Shape, depth: usize) -> Option<u32> {
        if node.as_str().is_some_and(|text| may_be_list(&text)) || node.kind() == Kind::Array {
            return None;
        }
        let before = self.edits.len();
        let inner = match shape.items {
            Some(items) => self.direct(node, items, depth + 1).ok(),
            None => Some(0),
        };
        let Some(price) = inner else {
            self.edits.truncate(before);
            return None;
        };
        let (start, end) = node.span();
        self.edits.push(Edit::new(start, start, "[", Code::ArrayOfOne));
        self.edits.push(Edit::new(end, end, "]", Code::ArrayOfOne));
        Some(price + EASY)
    }

    fn out_of_array(&mut self, node: Node<'_>, shape: &Shape, depth: usize) -> Result<u32, Misfit> {
        let misfit = || Misfit::new(node, "type", "an array of one stands for something else".to_owned());
        let inner = node.items().next().ok_or_else(misfit)?;
        // A map takes any object: one in a list is no map by itself.
        let map = inner.kind() == Kind::Object && shape.properties.is_empty();
        if inner.kind() == Kind::Array || map || depth > 3 {
            return Err(misfit());
        }
        self.peel(node, inner, Code::ArrayOfOne);
        let price = match inner.kind() {
            Kind::Object if shape.types.has(Types::OBJECT) => self.object(inner, shape, depth + 1)?,
            Kind::String if shape.types.has(Types::STRING) => self.string(inner, shape)?,
            Kind::Bool if shape.types.has(Types::BOOL) => 0,
            Kind::Number
                if shape.types.has(Types::NUMBER)
                    || (shape.types.has(Types::INTEGER) && numbers::integral(inner.raw())) =>
            {
                0
            }
            _ => return Err(misfit()),
        };
        Ok(price + EASY)
    }

    /// Takes away what of `outer` stands around `inner`.
    fn peel(&mut self, outer: Node<'_>, inner: Node<'_>, code: Code) {
        let ((start, end), (from, to)) = (outer.span(), inner.span());
        self.edits.push(Edit::new(start, from, "", code));
        self.edits.push(Edit::new(to, end, "", code));
    }

    fn replace(&mut self, node: Node<'_>, text: String, code: Code) {
        let (start, end) = node.span();
        self.edits.push(Edit::new(start, end, text, code));
    }

    /// A string that the schema objects to is taken in another form only if it has one that passes: without the space
    /// around it, or, under a pattern, as the same date, number or code in other spelling.
    fn string(&mut self, node: Node<'_>, shape: &Shape) -> Result<u32, Misfit> {
        let (Some(check), Some(text)) = (&shape.string_check, node.as_str()) else { return Ok(0) };
        let trimmed = text.trim();
        let valid = |s: &str| check.is_valid(Place::Name(s));
        if valid(&text) {
            return Ok(0);
        }
        if shape.types.has(Types::NULL) && coerce::says_nothing(trimmed) {
            self.replace(node, "null".to_owned(), Code::NullWord);
            return Ok(EASY);
        }
        if trimmed.len() < text.len() && valid(trimmed) {
            self.replace(node, encode(trimmed), Code::Trimmed);
            return Ok(EASY);
        }
        match shape.patterned.then(|| format::reshaped(trimmed, &valid)).flatten() {
            Some(form) => {
                self.replace(node, encode(&form), Code::Format);
                Ok(FORMAT)
            }
            None => {
                Err(Misfit::new(node, "pattern", format!("`{}` is not of the form that is asked for", excerpt(node))))
            }
        }
    }

    fn array(&mut self, node: Node<'_>, shape: &Shape, depth: usize) -> Result<u32, Misfit> {
        let Some(items) = shape.items else { return Ok(0) };
        if let Some(inner) = self.only_list(node, items) {
            self.peel(node, inner, Code::ArrayOfOne);
            return Ok(self.array(inner, shape, depth + 1)? + EASY);
        }
        let mut price = 0;
        for item in node.items() {
            price += self.value(item, items, depth + 1)?;
        }
        Ok(price)
    }

    /// The list in a list of one, where no element can be a list.
    fn only_list<'n>(&self, node: Node<'n>, items: ShapeId) -> Option<Node<'n>> {
        let shape = self.shapes.shape(items).filter(|shape| shape.branches.is_empty())?;
        let inner = node.items().next().filter(|inner| node.len() == 1 && inner.kind() == Kind::Array)?;
        let plain = !shape.types.has(Types::ARRAY) && inner.items().all(|item| item.kind() != Kind::Array);
        (plain && inner.len() > 1).then_some(inner)
    }

    fn listed(&mut self, node: Node<'_>, shape: &Shape, listed: &[serde_json::Value]) -> Result<u32, Misfit> {
        if listed.iter().any(|member| equals(node, member)) {
            return Ok(0);
        }
        let only_number = listed.len() == 1 && listed.iter().any(serde_json::Value::is_number);
        if !only_number || node.kind() != Kind::String {
            let others: Vec<&serde_json::Value> = listed.iter().filter(|m| !m.is_string()).collect();
            if let Some(same) = others.iter().find(|m| same_scalar(node, m)) {
                self.replace(node, same.to_string(), Code::Type);
                return Ok(EASY);
            }
        }
        if !self.memo.spend(listed.len()) {
            return Err(Misfit::new(node, "enum", format!("`{}` is no listed value", excerpt(node))));
        }
        let found = match node.kind() {
            Kind::String => node.as_str().unwrap_or_default().into_owned(),
            Kind::Number | Kind::Bool => node.raw().to_owned(),
            Kind::Array if node.len() == 1 => {
                let inner =
                    node.items().next().ok_or_else(|| Misfit::new(node, "enum", "an empty array".to_owned()))?;
                self.peel(node, inner, Code::ArrayOfOne);
                return self.listed(inner, shape, listed).map(|price| price + EASY);
            }
            _ => return Err(Misfit::new(node, "enum", format!("`{}` is no listed value", excerpt(node)))),
        };
        let members = shape.words();
        match enums::nearest(&found, members, &shape.name) {
            Match::One(i, price) => {
                let member = members.text(i);
                self.replace(
                    node,
                    encode(member),
                    if price <= words::STYLE { Code::EnumStyle } else { Code::EnumNear },
                );
                Ok(price)
            }
            Match::Two(a, b) => {
                let (a, b) = (members.text(a), members.text(b));
                Err(Misfit::tie(node, "enum", &format!("`{}`", excerpt(node)), a, b))
            }
            _ => Err(Misfit::new(node, "enum", format!("`{}` is near no listed value", excerpt(node)))),
        }
    }

    /// The branches that list the very word which the node has under a name, where the others list only other words
    /// under it: `{"type": "text"}` is no `div`.
    fn told_by_a_tag(&self, node: Node<'_>, union: &Shape) -> Option<Vec<ShapeId>> {
        let lists = |branch: ShapeId, name: &str| {
            let property = self.shapes.shape(branch)?.property(name).filter(|p| p.required)?;
            self.shapes.shape(property.shape)?.listed.as_ref()
        };
        node.members().filter(|(_, value)| value.kind() == Kind::String).find_map(|(key, value)| {
            let name = key.as_str()?;
            let listed: Option<Vec<_>> = union.branches.iter().map(|id| Some((*id, lists(*id, &name)?))).collect();
            let takes = |listed: &[serde_json::Value]| listed.iter().any(|word| equals(value, word));
            let taken = listed?.into_iter().filter(|(_, listed)| takes(listed)).map(|(id, _)| id);
            let taken: Vec<ShapeId> = taken.collect();
            (!taken.is_empty()).then_some(taken)
        })
    }

    /// The cheapest branch, if no other is within the margin.
    fn branches(&mut self, node: Node<'_>, shape: &Shape, depth: usize) -> Result<u32, Misfit> {
        let before = self.edits.len();
        let mut ways: Vec<(u32, Vec<Edit>)> = Vec::new();
        let mut last = None;
        let told = self.told_by_a_tag(node, shape);
        for &branch in &shape.branches {
            if depth > crate::schema::DEPTH_MAX {
                break;
            }
            if told.as_ref().is_some_and(|told| !told.contains(&branch)) {
                continue;
            }
            match self.value(node, branch, depth + 1) {
                Ok(price) => {
                    let edits = self.edits.split_off(before);
                    if price == 0 {
                        return Ok(0);
                    }
                    ways.push((price, edits));
                }
                Err(misfit) => last = Some(misfit),
            }
            self.edits.truncate(before);
        }
        if ways.is_empty()
            && let Some(price) = self.tagged_outside(node, shape)
        {
            return Ok(price);
        }
        ways.sort_by_key(|(price, _)| *price);
        let mut ways = ways.into_iter();
        let Some((price, edits)) = ways.next() else {
            return Err(last.unwrap_or_else(|| Misfit::new(node, "anyOf", "no branch fits".to_owned())));
        };
        if let Some((other, rival)) = ways.find(|(_, rival)| *rival != edits)
            && other < price + MARGIN
        {
            let text = |edits: &[Edit]| edits.first().map(|e| e.after.to_string()).unwrap_or_default();
            return Err(Misfit::tie(node, "anyOf", "the branch", &text(&edits), &text(&rival)));
        }
        self.edits.extend(edits);
        Ok(price)
    }
}

/// A number, boolean or null written as a string, or a number in another spelling, that equals a listed value.
fn same_scalar(node: Node<'_>, member: &serde_json::Value) -> bool {
    let text = node.as_str().map_or_else(|| node.raw().to_owned(), std::borrow::Cow::into_owned);
    match member {
        serde_json::Value::Number(n) => {
            text.trim() == n.to_string() || (node.kind() == Kind::Number && text.parse::<f64>().ok() == n.as_f64())
        }
        serde_json::Value::Bool(b) => {
            node.kind() == Kind::String && text.trim().eq_ignore_ascii_case(if *b { "true" } else { "false" })
        }
        serde_json::Value::Null => {
            node.kind() == Kind::String && matches!(text.trim().to_ascii_lowercase().as_str(), "null" | "none" | "n/a")
        }
        _ => false,
    }
}

/// A document inside a string, where a document is asked for.
fn stringified(node: Node<'_>, shape: &Shape) -> Option<String> {
    let text = enclosed(node)?;
    let wanted = (text.starts_with('{') && shape.types.has(Types::OBJECT))
        || (text.starts_with('[') && shape.types.has(Types::ARRAY));
    wanted.then_some(text)
}

/// The object or array that a string holds, perhaps as a string inside the string.
fn enclosed(node: Node<'_>) -> Option<String> {
    let mut text = node.as_str()?.trim().to_owned();
    for _ in 0..ENCLOSURES_MAX {
        if !text.starts_with(['{', '[', '"']) {
            return None;
        }
        let inner = Document::parse(text).ok()?;
        match inner.root().as_str() {
            None => return Some(inner.into_text()),
            Some(string) => text = string.trim().to_owned(),
        }
    }
    None
}

/// A text that may itself be a list of several things. A sentence is none: it ends like one, and its parts are clauses.
fn may_be_list(text: &str) -> bool {
    const SEPARATORS: [char; 4] = [',', ';', '\n', '|'];
    let text = text.trim();
    let clause = |part: &str| part.split_whitespace().count() >= CLAUSE_WORDS;
    let parted = text.contains(SEPARATORS) || [" and ", " or ", " & "].iter().any(|word| text.contains(word));
    let sentence = text.ends_with(['.', '!', '?'])
        && !text.contains([';', '\n', '|'])
        && text.split(SEPARATORS).next().is_some_and(clause);
    text.is_empty() || text.starts_with('[') || (parted && !sentence)
}

fn excerpt(node: Node<'_>) -> String {
    node.raw().chars().take(80).collect()
}
