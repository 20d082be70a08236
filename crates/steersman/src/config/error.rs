//! A configuration error shows file, line and caret, and says what would be right.

use std::fmt;
use std::ops::Range;

use super::snippet::{HIDDEN, shown};

/// One error in a configuration file.
#[derive(Debug)]
pub(crate) struct ConfigError {
    /// What is wrong, lower case, names in backticks.
    pub(crate) message: String,
    /// What would be right.
    pub(crate) hint: Option<String>,
    /// Where it stands, if it stands in a file.
    place: Option<Box<Place>>,
}

#[derive(Debug)]
struct Place {
    file: String,
    line: usize,
    column: usize,
    /// What is shown of the line.
    text: String,
    /// What is marked of that, in characters.
    caret: Range<usize>,
}

impl ConfigError {
    /// An error that stands nowhere in the file.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, place: None }
    }

    /// Adds what would be right.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds where it stands: a byte range of the file's text. Of its line only what holds no secret is shown.
    #[must_use]
    pub(crate) fn at(mut self, file: &str, source: &str, span: &Range<usize>) -> Self {
        let before = source.get(..span.start).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let whole = source.get(line_start..).unwrap_or("").lines().next().unwrap_or("");
        let column = before.get(line_start..).unwrap_or("").chars().count();
        let marked = source.get(span.clone()).unwrap_or("").lines().next().unwrap_or("").chars().count();
        let line = before.matches('\n').count() + 1;
        let mut text = whole.get(..shown(whole)).unwrap_or("").to_owned();
        let mut caret = column..column + marked.max(1);
        if text.len() < whole.len() {
            let hidden = text.chars().count();
            text.push_str(HIDDEN);
            caret = if column < hidden { column..caret.end.min(hidden) } else { hidden..hidden + HIDDEN.len() };
        }
        self.place = Some(Box::new(Place { file: file.to_owned(), line, column, text, caret }));
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(Place { file, line, column, text, caret }) = self.place.as_deref() {
            let gutter = line.to_string().len();
            write!(f, "\n{:gutter$}--> {file}:{line}:{}", "", column + 1)?;
            write!(f, "\n{:gutter$} |\n{line} | {text}", "")?;
            write!(f, "\n{:gutter$} | {:indent$}{}", "", "", "^".repeat(caret.len()), indent = caret.start)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
