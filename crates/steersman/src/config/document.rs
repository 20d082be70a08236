//! A configuration file as a flat list of values with their places, checked against [`keys`].

use std::ops::Range;
use std::path::Path;

use steersman_core::nearest;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::keys::{self, Kind};

/// One value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A string.
    Text(String),
    /// A whole number that is not negative.
    Integer(u64),
    /// Any other number that is not negative.
    Number(f64),
    /// A list of strings.
    Texts(Vec<String>),
    /// `true` or `false`.
    Flag(bool),
}

/// A parsed file: every value has a known key and the right kind.
#[derive(Debug, Default, Clone)]
pub(crate) struct Document {
    file: String,
    source: String,
    entries: Vec<Entry>,
    /// The names of tables, where their headers have them.
    headers: Vec<(Vec<String>, Range<usize>)>,
}

#[derive(Debug, Clone)]
struct Entry {
    path: Vec<String>,
    value: Value,
    span: Range<usize>,
}

impl Document {
    /// Reads a file's text.
    pub(crate) fn parse(file: &str, source: &str) -> Result<Self, ConfigError> {
        let mut document = Self::bare(file, source);
        let table = DeTable::parse(source).map_err(|error| {
            let hint = match error.message() {
                "duplicate key" => "write each table and each key once",
                _ => "the file is TOML: `key = value` below a `[section]`; `steersman init -` prints every key",
            };
            document.error(error.message().to_owned(), &error.span().unwrap_or(0..0)).hint(hint)
        })?;
        let mut path = Vec::new();
        document.walk(table.get_ref(), &mut path)?;
        Ok(document)
    }

    /// A text whose values are read by somebody else.
    pub(super) fn bare(file: &str, source: &str) -> Self {
        Self { file: file.to_owned(), source: source.to_owned(), ..Self::default() }
    }

    /// Whether a string stands in the file as it is: on one line, without an escape.
    pub(super) fn is_plain(&self, span: &Range<usize>) -> bool {
        let text = self.source.get(span.clone()).unwrap_or_default();
        !text.contains(['\n', '\\']) && !text.starts_with("\"\"\"") && !text.starts_with("'''")
    }

    /// The names that the operator chose below a path (`tasks.NAME.rules`), in order of the file.
    pub(crate) fn names_below(&self, path: &[&str]) -> Vec<&str> {
        let below = self.entries.iter().filter(|entry| {
            entry.path.len() > path.len() + 1 && entry.path.iter().zip(path).all(|(step, name)| step == name)
        });
        let mut names: Vec<(usize, &str)> = Vec::new();
        for entry in below {
            if let Some(name) = entry.path.get(path.len())
                && !names.iter().any(|(_, known)| known == name)
            {
                names.push((entry.span.start, name));
            }
        }
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// An error at a place of this file.
    pub(crate) fn error(&self, message: String, span: &Range<usize>) -> ConfigError {
        ConfigError::new(message).at(&self.file, &self.source, span)
    }

    /// An error at the value of a path, else at the header of the table that it is missing from.
    pub(crate) fn wrong(&self, path: &[&str], message: &str) -> ConfigError {
        let table = path.split_last().map_or(path, |(_, table)| table);
        let header = || self.headers.iter().find(|(path, _)| path == table).map(|(_, span)| span);
        match self.find(path).map(|(_, span)| span).or_else(header) {
            Some(span) => self.error(message.to_owned(), span),
            None => ConfigError::new(message),
        }
    }

    /// The folder that paths in this file start from.
    pub(crate) fn folder(&self) -> &Path {
        Path::new(&self.file).parent().unwrap_or(Path::new(""))
    }

    /// The value at a path and its place.
    pub(crate) fn find(&self, path: &[&str]) -> Option<(&Value, &Range<usize>)> {
        let entry = self.entries.iter().find(|entry| entry.path == path)?;
        Some((&entry.value, &entry.span))
    }

    /// The names that the operator chose below a section (`providers`), in order of the file; also of empty tables.
    pub(crate) fn names(&self, section: &str) -> Vec<&str> {
        let below = self.headers.iter().filter_map(|(path, span)| match path.as_slice() {
            [first, name] if first == section => Some((span.start, name.as_str())),
            _ => None,
        });
        let mut names: Vec<(usize, &str)> = below.collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }

    fn walk(&mut self, table: &DeTable<'_>, path: &mut Vec<String>) -> Result<(), ConfigError> {
        for (key, value) in table {
            let name = key.get_ref().to_string();
            if let Some(allowed) = keys::allowed_below(path)
                && !allowed.contains(&name.as_str())
            {
                return Err(self.unknown(&name, path, &allowed, &key.span()));
            }
            path.push(name);
            if let DeValue::Table(inner) = value.get_ref() {
                if let Some(known) = keys::find(path) {
                    return Err(self
                        .error(format!("`{}` is a value, not a section", path.join(".")), &key.span())
                        .hint(known.written()));
                }
                self.headers.push((path.clone(), key.span()));
                self.walk(inner, path)?;
            } else {
                let entry = self.entry(path, value.get_ref(), value.span())?;
                self.entries.push(entry);
            }
            path.pop();
        }
        Ok(())
    }

    fn unknown(&self, name: &str, path: &[String], allowed: &[&str], span: &Range<usize>) -> ConfigError {
        let place = if path.is_empty() { String::new() } else { format!(" in `[{}]`", path.join(".")) };
        let list = allowed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let close = nearest(name, allowed.iter().copied());
        let hint = match (close.first(), keys::sections_of(name).first().filter(|_| path.is_empty())) {
            (Some(close), _) => format!("did you mean `{close}`? allowed here: {list}"),
            (None, Some(section)) => format!("it belongs below `[{section}]`"),
            (None, None) => format!("allowed here: {list}"),
        };
        self.error(format!("unknown key `{name}`{place}"), span).hint(hint)
    }

    fn entry(&self, path: &[String], value: &DeValue<'_>, span: Range<usize>) -> Result<Entry, ConfigError> {
        let dotted = path.join(".");
        let Some(key) = keys::find(path) else {
            return Err(self
                .error(format!("`{dotted}` is a section, not a value"), &span)
                .hint(format!("write it as a table: `[{dotted}]`")));
        };
        let read = match (key.kind, value) {
            (Kind::Text | Kind::Secret | Kind::Effort, DeValue::String(text)) => Some(Value::Text(text.to_string())),
            (Kind::Integer | Kind::Effort, DeValue::Integer(number)) => {
                number.to_string().parse().ok().map(Value::Integer)
            }
            (Kind::Number, DeValue::Integer(number)) => read_number(&number.to_string()),
            (Kind::Number, DeValue::Float(number)) => read_number(&number.to_string()),
            (Kind::Flag, DeValue::Boolean(flag)) => Some(Value::Flag(*flag)),
            (Kind::Texts, DeValue::Array(items)) => items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .map(Value::Texts),
            _ => None,
        };
        match read {
            Some(value) => Ok(Entry { path: path.to_vec(), value, span }),
            None => {
                let negative = matches!(value, DeValue::Integer(_) | DeValue::Float(_))
                    && self.source.get(span.clone()).is_some_and(|text| text.starts_with('-'));
                let must = if negative { "not be negative".to_owned() } else { format!("be {}", key.kind.describe()) };
                Err(self.error(format!("`{dotted}` must {must}"), &span).hint(key.written()))
            }
        }
    }
}

fn read_number(text: &str) -> Option<Value> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0).map(Value::Number)
}
