//! Values as the programs of Python and MongoDB print them: `Decimal('18.40')`, `ObjectId("65a..")`,
//! `datetime.date(2024, 3, 15)`.
//!
//! Only constructors that are listed and hold one plain literal, or the parts of a day: what is inside is the value.
//!
//! What never happens here: no call is evaluated, no digit changed, no name taken for a constructor because it looks
//! like one.

use super::cursor::Cursor;
use super::lexer::{Expect, Lexer};
use super::token::Kind;
use crate::code::Code;
use crate::document::number_len;
use crate::record::Edit;

/// What holds a number, perhaps in quotes.
const NUMBERS: [&str; 8] =
    ["Decimal", "NumberDecimal", "NumberLong", "NumberInt", "BigDecimal", "Int32", "Int64", "Double"];
/// What holds a text.
const TEXTS: [&str; 9] =
    ["UUID", "ObjectId", "ISODate", "Timestamp", "Path", "PosixPath", "PurePosixPath", "WindowsPath", "Url"];
/// Modules that may stand before them.
const MODULES: [&str; 6] = ["decimal", "uuid", "bson", "pathlib", "datetime", "pd"];

impl Lexer<'_> {
    /// Reads the constructor at the current offset; false if there is none.
    pub(super) fn constructed(&mut self) -> bool {
        let c = self.cursor;
        if self.stack.is_empty() || self.expect == Expect::Key {
            return false;
        }
        let Some((name, open)) = constructor(c, self.i) else { return false };
        let (at, _) = c.skip(open + 1);
        let found = if name == "date" {
            day(c, at).map(|(text, end)| (at, end, Some(text)))
        } else if NUMBERS.contains(&name) {
            number(c, at).map(|(from, to, end)| (from, end, Some(c.slice(from, to).to_owned())))
        } else {
            c.plain_string(at).or_else(|| single_quoted(c, at)).map(|end| (at, end, None))
        };
        let Some((from, end, text)) = found else { return false };
        let (close, _) = c.skip(end);
        if c.at(close) != b')' || !c.delimiter(c.skip(close + 1).0) {
            return false;
        }
        let text = text.unwrap_or_else(|| format!("\"{}\"", c.slice(from + 1, end - 1)));
        let (start, code) = (self.i, if NUMBERS.contains(&name) { Code::Number } else { Code::BareString });
        self.edits.push(Edit::new(start, close + 1, text, code));
        self.push(Kind::Scalar, start, close + 1);
        self.after_value();
        true
    }
}

/// The listed name at the offset without its module, and where its bracket opens.
fn constructor(c: Cursor<'_>, at: usize) -> Option<(&str, usize)> {
    const LONGEST: usize = 32;
    // How the names and modules begin.
    const FIRST: &[u8] = b"DNBIUOTPWdubp";
    if !FIRST.contains(&c.at(at)) {
        return None;
    }
    let end = c.bytes.get(at..)?.iter().take(LONGEST).position(|byte| *byte == b'(')?;
    let path = c.slice(at, at + end);
    let name = path.split_once('.').filter(|(module, _)| MODULES.contains(module)).map_or(path, |(_, name)| name);
    let dated = name == "date" && path.starts_with("datetime.");
    (dated || NUMBERS.contains(&name) || TEXTS.contains(&name)).then_some((name, at + end))
}

/// A number as JSON writes it, perhaps in quotes: where it stands, and where what holds it ends.
fn number(c: Cursor<'_>, at: usize) -> Option<(usize, usize, usize)> {
    let quote = matches!(c.at(at), b'"' | b'\'').then(|| c.at(at));
    let from = at + usize::from(quote.is_some());
    let to = from + number_len(c.bytes.get(from..)?)?;
    let closed = quote.is_none_or(|quote| c.at(to) == quote);
    closed.then_some((from, to, to + usize::from(quote.is_some())))
}

/// The end of a text in single quotes that JSON can say as it stands.
fn single_quoted(c: Cursor<'_>, at: usize) -> Option<usize> {
    let rest = c.bytes.get(at..)?.strip_prefix(b"'")?;
    let len = rest.iter().position(|byte| matches!(byte, b'\'' | b'"' | b'\\' | 0..0x20))?;
    (rest.get(len) == Some(&b'\'')).then_some(at + len + 2)
}

/// `2024, 3, 15`: year, month and day.
fn day(c: Cursor<'_>, at: usize) -> Option<(String, usize)> {
    const LONGEST: usize = 16;
    let end = c.bytes.get(at..)?.iter().take(LONGEST).position(|byte| *byte == b')')?;
    let inner = c.slice(at, at + end);
    let mut parts = inner.split(',').map(str::trim);
    let mut part = |digits: usize| {
        parts
            .next()
            .filter(|part| part.len() <= digits && part.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|p| p.parse::<u16>().ok())
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    parts.next().is_none().then(|| (format!("\"{year:04}-{month:02}-{day:02}\""), at + inner.len()))
}

#[cfg(test)]
mod tests {
    use crate::{Conditions, Reading, read};

    #[test]
    fn what_a_listed_constructor_holds_is_the_value_and_other_calls_are_none() {
        let value = |text: &str| match read(text, None, Conditions::default()) {
            Reading::Accepted(accepted) => Some(accepted.document().text().to_owned()),
            _ => None,
        };
        for (text, want) in [
            ("{'price': Decimal('7.50'), 'n': 1}", r#"{"price": 7.50, "n": 1}"#),
            ("{'price': Decimal('7.50'), 'by': '€€€€€€€€€€'}", r#"{"price": 7.50, "by": "€€€€€€€€€€"}"#),
            ("{'price': decimal.Decimal(\"-3\")}", r#"{"price": -3}"#),
            ("[NumberLong(5), NumberInt('6')]", "[5, 6]"),
            (
                "{'_id': ObjectId('65a1'), 'at': ISODate(\"2024-05-01T10:00:00Z\")}",
                r#"{"_id": "65a1", "at": "2024-05-01T10:00:00Z"}"#,
            ),
            ("{'day': datetime.date(2024, 3, 5)}", r#"{"day": "2024-03-05"}"#),
            ("{'file': PosixPath('/tmp/a b')}", r#"{"file": "/tmp/a b"}"#),
        ] {
            assert_eq!(value(text).as_deref(), Some(want), "{text}");
        }
        for text in ["{'a': Decimal('x')}", "{'a': compute('7')}", "{'a': Decimal('7') + 1}", "{'a': date(2024, 3, 5)}"]
        {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
