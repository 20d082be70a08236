//! Typed reads of the document: the value that stands in the file, else the default of the key's row.
//!
//! A document was held against the table of keys when it was parsed, so a value of another kind does not get here.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use steersman_core::{Price, nearest};

use super::document::{Document, Value};
use super::error::ConfigError;
use super::keys::{Key, default, find};
use super::secret::SecretSource;

/// Typed reads: the value in the file, else the default of the key's row.
pub(super) struct Reader<'a> {
    pub(super) document: &'a Document,
}

impl Reader<'_> {
    pub(super) fn text(&self, path: &[&str]) -> Option<String> {
        match self.document.find(path) {
            Some((Value::Text(text), _)) => Some(text.clone()),
            Some(_) => None,
            None => default(path).filter(|text| !text.is_empty()).map(str::to_owned),
        }
    }

    pub(super) fn texts(&self, path: &[&str]) -> Option<Vec<String>> {
        match self.document.find(path) {
            Some((Value::Texts(texts), _)) => Some(texts.clone()),
            _ => None,
        }
    }

    pub(super) fn parsed<T: std::str::FromStr>(&self, path: &[&str], form: &str) -> Result<T, ConfigError> {
        let text = self.text(path).unwrap_or_default();
        text.parse().map_err(|_| {
            let error = self.wrong(path, &format!("`{text}` is not {form}"));
            let written = find(&path.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>()).map(Key::written);
            written.into_iter().fold(error, ConfigError::hint)
        })
    }

    pub(super) fn integer(&self, path: &[&str]) -> Result<u64, ConfigError> {
        match self.document.find(path) {
            Some((Value::Integer(number), _)) => Ok(*number),
            _ => default(path)
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| self.wrong(path, &format!("`{}` must be a whole number", path.join(".")))),
        }
    }

    pub(super) fn positive(&self, path: &[&str]) -> Result<u64, ConfigError> {
        match self.integer(path)? {
            0 => Err(self.wrong(path, &format!("`{}` must be at least 1", path.join(".")))),
            number => Ok(number),
        }
    }

    pub(super) fn size(&self, path: &[&str]) -> Result<usize, ConfigError> {
        self.positive(path).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
    }

    pub(super) fn optional_size(&self, path: &[&str]) -> Result<Option<usize>, ConfigError> {
        self.document.find(path).map(|_| self.size(path)).transpose()
    }

    pub(super) fn millis(&self, path: &[&str]) -> Result<Duration, ConfigError> {
        self.positive(path).map(Duration::from_millis)
    }

    pub(super) fn secret(&self, path: &[&str]) -> Result<Option<SecretSource>, ConfigError> {
        let Some(text) = self.text(path) else { return Ok(None) };
        SecretSource::parse(&text).map(Some).map_err(|error| {
            let name = path.last().copied().unwrap_or_default();
            self.wrong(path, &format!("`{}`: {error}", path.join(".")))
                .hint(format!("put it into an environment variable, and write `{name} = \"env:VARIABLE\"`"))
        })
    }

    pub(super) fn flag(&self, path: &[&str]) -> bool {
        self.given_flag(path).unwrap_or_else(|| default(path) == Some("true"))
    }

    /// What the file says; `None` where it says nothing.
    pub(super) fn given_flag(&self, path: &[&str]) -> Option<bool> {
        match self.document.find(path) {
            Some((Value::Flag(flag), _)) => Some(*flag),
            _ => None,
        }
    }

    /// One of these words; `None` where the file has none and the key no default.
    pub(super) fn word<T: Copy>(&self, path: &[&str], words: &[(&str, T)]) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(path) else { return Ok(None) };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*value));
        }
        let allowed: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let error = self.wrong(path, &format!("`{}` must be {}", path.join("."), allowed.join(" or ")));
        Err(match nearest(&text, words.iter().map(|(word, _)| *word)).first() {
            Some(close) => error.hint(format!("did you mean `{close}`?")),
            None => error,
        })
    }

    pub(super) fn number(&self, path: &[&str]) -> Option<f64> {
        match self.document.find(path) {
            Some((Value::Number(number), _)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn price(&self, path: &[&str]) -> Result<Option<Price>, ConfigError> {
        match self.document.find(path) {
            Some((Value::Number(usd), _)) => Price::from_usd_per_million(*usd)
                .map(Some)
                .ok_or_else(|| self.wrong(path, &format!("`{}` is no price", path.join(".")))),
            _ => Ok(None),
        }
    }

    /// The text of a file that stands at this path, read from the configuration's folder, and where it is.
    pub(super) fn file(&self, path: &[&str], what: &str, file: &str) -> Result<(String, PathBuf), ConfigError> {
        let place = self.document.folder().join(file);
        match std::fs::read_to_string(&place) {
            Ok(text) => Ok((text, place)),
            Err(error) => Err(self
                .wrong(path, &format!("the {what} `{}` cannot be read: {error}", place.display()))
                .hint("a path is taken from the folder of the configuration")),
        }
    }

    /// An error at the value; at no place where the file does not have it.
    pub(super) fn wrong(&self, path: &[&str], message: &str) -> ConfigError {
        self.document.wrong(path, message)
    }

    pub(super) fn place(&self, path: &[&str]) -> Option<Range<usize>> {
        self.document.find(path).map(|(_, span)| span.clone())
    }
}
