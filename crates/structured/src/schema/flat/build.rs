//! From a schema to its tables.
//!
//! What never happens here: no keyword is passed over in silence. One that the tables cannot hold marks its rule.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{ANYTHING, AT_LEAST, AT_MOST, Bound, Choice, Flat, Member, NOTHING, Range, Rule, Want, exact, part};
use crate::document::Kind;
use crate::schema::shape::Types;

/// Members of one object: each has a bit.
const MEMBERS_MAX: usize = 64;
/// Drafts in which the keywords below mean the same, but for what stands beside a reference.
pub(super) const DRAFT_7: &str = "http://json-schema.org/draft-07/schema";
const DRAFT_2020: &str = "https://json-schema.org/draft/2020-12/schema";
/// Keywords that give a part of a schema an address, or look one up while validating.
const ADDRESSED: [&str; 7] =
    ["$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef", "$vocabulary"];
/// Keywords whose members are names of schemas and no keywords.
const NAMED: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// Keywords that speak to people.
const REMARKS: [&str; 11] = [
    "$schema",
    "title",
    "description",
    "default",
    "examples",
    "$comment",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$defs",
    "definitions",
];

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Puts entries in a row at the end of a table.
fn append<T>(table: &mut Vec<T>, entries: impl IntoIterator<Item = T>) -> Range {
    let start = narrow(table.len());
    table.extend(entries);
    (start, narrow(table.len()))
}

/// The entries of a row and more, in a row of their own.
fn extended<T: Copy>(table: &mut Vec<T>, row: Range, more: impl IntoIterator<Item = T>) -> Range {
    let before = part(table, row).to_vec();
    append(table, before.into_iter().chain(more))
}

impl Flat {
    /// The tables of a schema that is known to be one; none where another draft or an address changes what words mean.
    pub(in crate::schema) fn of(schema: &Value) -> Option<Self> {
        let draft = schema.get("$schema").map(|draft| draft.as_str().map(|draft| draft.trim_end_matches('#')));
        let lone_references = match draft {
            None | Some(Some(DRAFT_2020)) => false,
            Some(Some(DRAFT_7)) => true,
            Some(_) => return None,
        };
        if is_addressed(schema, true) {
            return None;
        }
        let flat = Self {
            root: ANYTHING,
            rules: Vec::new(),
            members: Vec::new(),
            names: String::new(),
            listed: Vec::new(),
            bounds: Vec::new(),
            ways: Vec::new(),
            choices: Vec::new(),
        };
        let mut builder = Builder { schema, lone_references, known: BTreeMap::new(), flat };
        builder.flat.root = builder.want(schema, 0);
        Some(builder.flat)
    }
}

/// Whether any part of it has an address of its own or another draft. A member that is called `$id` has none.
fn is_addressed(schema: &Value, root: bool) -> bool {
    let mut left = vec![(schema, root)];
    while let Some((value, root)) = left.pop() {
        match value {
            Value::Object(map) => {
                if ADDRESSED.iter().any(|key| map.contains_key(*key)) || (!root && map.contains_key("$schema")) {
                    return true;
                }
                for (keyword, value) in map {
                    match value.as_object().filter(|_| NAMED.contains(&keyword.as_str())) {
                        Some(named) => left.extend(named.values().map(|value| (value, false))),
                        None => left.push((value, false)),
                    }
                }
            }
            Value::Array(items) => left.extend(items.iter().map(|value| (value, false))),
            _ => {}
        }
    }
    false
}

struct Builder<'s> {
    schema: &'s Value,
    /// Nothing beside a reference counts.
    lone_references: bool,
    /// Targets of references.
    known: BTreeMap<&'s str, Want>,
    flat: Flat,
}

impl<'s> Builder<'s> {
    fn want(&mut self, schema: &'s Value, depth: usize) -> Want {
        let map = match schema {
            Value::Bool(true) => return ANYTHING,
            Value::Bool(false) => return Want::Types(Types::NONE),
            Value::Object(map) if depth < super::DEPTH_MAX => map,
            _ => return self.push(Rule { whole: false, ..Rule::new() }),
        };
        if let Some(target) = map.get("$ref").and_then(Value::as_str)
            && (self.lone_references || map.keys().all(|key| key == "$ref" || REMARKS.contains(&key.as_str())))
        {
            return self.reference(target, depth);
        }
        if map.keys().all(|key| key == "type" || REMARKS.contains(&key.as_str()))
            && let Some(types) = map.get("type").map_or(Some(Types::ALL), types)
        {
            return Want::Types(types);
        }
        // The place is taken first: what stands inside may refer to it.
        let want = self.push(Rule::new());
        self.fill(want, map, depth);
        want
    }

    fn push(&mut self, rule: Rule) -> Want {
        self.flat.rules.push(rule);
        Want::Rule(narrow(self.flat.rules.len() - 1))
    }

    fn reference(&mut self, target: &'s str, depth: usize) -> Want {
        if let Some(&known) = self.known.get(target) {
            return known;
        }
        let pointer = target.strip_prefix('#').filter(|pointer| !pointer.contains('%'));
        let found = pointer.and_then(|pointer| self.schema.pointer(pointer));
        let want = self.push(Rule { whole: false, ..Rule::new() });
        self.known.insert(target, want);
        if let Some(schema) = found {
            let inner = self.want(schema, depth + 1);
            let all = append(&mut self.flat.ways, [inner]);
            self.set(want, Rule { all, ..Rule::new() });
            self.known.insert(target, inner);
            return inner;
        }
        want
    }

    fn set(&mut self, want: Want, rule: Rule) {
        if let Want::Rule(id) = want
            && let Some(slot) = self.flat.rules.get_mut(id as usize)
        {
            *slot = rule;
        }
    }

    fn fill(&mut self, want: Want, map: &'s Map<String, Value>, depth: usize) {
        let mut rule = Rule::new();
        for (keyword, value) in map {
            let understood = self.keyword(&mut rule, keyword, value, depth);
            rule.whole &= understood.is_some();
        }
        rule.whole &= self.object(&mut rule, map, depth).is_some();
        // What a rule for some of them says is no rule for the rest.
        if map.contains_key("patternProperties") {
            rule.additional = ANYTHING;
        }
        if map.contains_key("prefixItems") {
            rule.items = ANYTHING;
        }
        self.set(want, rule);
    }

    /// What one keyword says; `None` if the tables cannot hold it.
    fn keyword(&mut self, rule: &mut Rule, keyword: &str, value: &'s Value, depth: usize) -> Option<()> {
        match keyword {
            "type" => rule.types = types(value)?,
            "enum" if rule.listed == NOTHING && value.as_array().is_some_and(|all| !all.is_empty()) => {
                rule.listed = append(&mut self.flat.listed, value.as_array()?.iter().cloned());
            }
            "const" if rule.listed == NOTHING => rule.listed = append(&mut self.flat.listed, [value.clone()]),
            "items" if value.is_object() || value.is_boolean() => rule.items = self.want(value, depth + 1),
            "minLength" => self.bound(rule, value, Bound { of: Kind::String, ..AT_LEAST })?,
            "maxLength" => self.bound(rule, value, Bound { of: Kind::String, ..AT_MOST })?,
            "minItems" => self.bound(rule, value, Bound { of: Kind::Array, ..AT_LEAST })?,
            "maxItems" => self.bound(rule, value, Bound { of: Kind::Array, ..AT_MOST })?,
            "minProperties" => self.bound(rule, value, Bound { of: Kind::Object, ..AT_LEAST })?,
            "maxProperties" => self.bound(rule, value, Bound { of: Kind::Object, ..AT_MOST })?,
            "minimum" => self.bound(rule, value, AT_LEAST)?,
            "maximum" => self.bound(rule, value, AT_MOST)?,
            "exclusiveMinimum" => self.bound(rule, value, Bound { or_equal: false, ..AT_LEAST })?,
            "exclusiveMaximum" => self.bound(rule, value, Bound { or_equal: false, ..AT_MOST })?,
            "allOf" => rule.all = self.ways(value, depth, rule.all)?,
            "$ref" => {
                let target = self.reference(value.as_str()?, depth);
                rule.all = extended(&mut self.flat.ways, rule.all, [target]);
            }
            "anyOf" | "oneOf" => {
                let choice = Choice { ways: self.ways(value, depth, NOTHING)?, only: keyword == "oneOf" };
                rule.choices = extended(&mut self.flat.choices, rule.choices, [choice]);
            }
            "uniqueItems" if value == &Value::Bool(false) => {}
            // Read together, below.
            "properties" | "required" | "additionalProperties" => {}
            _ if REMARKS.contains(&keyword) => {}
            _ => return None,
        }
        Some(())
    }

    fn ways(&mut self, value: &'s Value, depth: usize, before: Range) -> Option<Range> {
        let ways: Vec<Want> = value.as_array()?.iter().map(|way| self.want(way, depth + 1)).collect();
        Some(extended(&mut self.flat.ways, before, ways))
    }

    fn bound(&mut self, rule: &mut Rule, value: &Value, bound: Bound) -> Option<()> {
        let limit = exact(&value.to_string())?;
        rule.bounds = extended(&mut self.flat.bounds, rule.bounds, [Bound { limit, ..bound }]);
        Some(())
    }

    fn member(&mut self, name: &str, want: Want) -> Member {
        let start = narrow(self.flat.names.len());
        self.flat.names.push_str(name);
        Member { name: (start, narrow(self.flat.names.len())), want }
    }

    fn object(&mut self, rule: &mut Rule, map: &'s Map<String, Value>, depth: usize) -> Option<()> {
        let mut required: Vec<&str> =
            map.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut members = Vec::new();
        let properties = map.get("properties").and_then(Value::as_object);
        if let Some(additional) = map.get("additionalProperties") {
            rule.additional = self.want(additional, depth + 1);
        }
        for (name, schema) in properties.into_iter().flatten().take(MEMBERS_MAX) {
            let want = self.want(schema, depth + 1);
            let bit = 1_u64 << members.len();
            if required.contains(&name.as_str()) {
                rule.required |= bit;
                required.retain(|other| other != name);
            }
            members.push(self.member(name, want));
        }
        // What is required and not declared is what any other member is; a pattern may speak of it as well.
        let other = if map.contains_key("patternProperties") { ANYTHING } else { rule.additional };
        let declared = properties.map_or(0, Map::len);
        let all_known = declared + required.len() <= MEMBERS_MAX;
        for name in required.into_iter().filter(|_| all_known) {
            rule.required |= 1_u64 << members.len();
            members.push(self.member(name, other));
        }
        if !all_known {
            // A member that has no entry here is no additional one.
            rule.additional = ANYTHING;
        }
        rule.members = append(&mut self.flat.members, members);
        all_known.then_some(())
    }
}

fn types(value: &Value) -> Option<Types> {
    match value {
        Value::String(name) => Types::of(name),
        Value::Array(names) => {
            names.iter().try_fold(Types::NONE, |all, name| Some(all.either(Types::of(name.as_str()?)?)))
        }
        _ => None,
    }
}
