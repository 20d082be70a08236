//! A configuration error shows file, line and caret, and says what would be right.

use std::fmt;
use std::ops::Range;

/// One error in a configuration file.
#[derive(Debug)]
pub(crate) struct ConfigError {
    /// What is wrong, lower case, names in backticks.
    pub(crate) message: String,
    /// What would be right.
    pub(crate) hint: Option<String>,
    /// Where it stands, if it stands in a file.
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    file: String,
    line: usize,
    column: usize,
    text: String,
    width: usize,
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

    /// Shows this in place of the line, which may hold a secret.
    #[must_use]
    pub(crate) fn showing(mut self, name: &str) -> Self {
        if let Some(Place { column, text, width, .. }) = &mut self.place {
            let key = format!("{name} = ");
            (*text, *width) = (format!("{key:>width$}...", width = *column), 3);
        }
        self
    }

    /// Adds where it stands: a byte range of the file's text.
    #[must_use]
    pub(crate) fn at(mut self, file: &str, source: &str, span: &Range<usize>) -> Self {
        let before = source.get(..span.start).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let text = source.get(line_start..).unwrap_or("").lines().next().unwrap_or("").to_owned();
        let column = before.get(line_start..).unwrap_or("").chars().count();
        let marked = source.get(span.clone()).unwrap_or("").lines().next().unwrap_or("").chars().count();
        let line = before.matches('\n').count() + 1;
        self.place = Some(Place { file: file.to_owned(), line, column, text, width: marked.max(1) });
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(Place { file, line, column, text, width }) = &self.place {
            let gutter = line.to_string().len();
            write!(f, "\n{:gutter$}--> {file}:{line}:{}", "", column + 1)?;
            write!(f, "\n{:gutter$} |\n{line} | {text}", "")?;
            write!(f, "\n{:gutter$} | {:column$}{}", "", "", "^".repeat(*width))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
