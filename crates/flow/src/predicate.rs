//! Predicates of policy rules: a small subset of the Common Expression Language, made to be decided completely.
//!
//! The grammar is `or`, `and`, `!`, parentheses and the comparisons `==`, `!=` between a path and a literal, and
//! `.startsWith`, `.endsWith`, `.contains` on a value (CEL specification, "Syntax"). Paths are `tool.name`,
//! `tool.effect`, `session.tainted`, `arg.NAME.integrity`, `arg.NAME.present`, `arg.NAME.value`. The full language is
//! not taken since the linter has to enumerate every way in which a predicate can hold, and since no crate for it is
//! small.
//!
//! What never happens here: no recursion deeper than the text, no side effect, no error at evaluation: what is absent
//! compares unequal.

use std::collections::BTreeSet;

/// Why a predicate could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredicateError {
    /// Something else was expected here.
    #[error("expected {expected} at character {at}")]
    Expected {
        /// What.
        expected: &'static str,
        /// Where, in characters from the start.
        at: usize,
    },
    /// A path that does not exist.
    #[error("unknown path `{path}`")]
    Path {
        /// The path.
        path: String,
    },
    /// The predicate nests too deeply.
    #[error("nested deeper than {limit}")]
    Depth {
        /// The limit.
        limit: usize,
    },
}

/// What a path reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// The tool's name.
    ToolName,
    /// Its effect: `read`, `write` or `irreversible`.
    ToolEffect,
    /// Whether untrusted text stands in the context.
    Tainted,
    /// The integrity of an argument: `user`, `attested`, `untrusted`, `absent`.
    Integrity(String),
    /// Whether an argument is given.
    Present(String),
    /// Its value as text.
    Value(String),
}

/// A literal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A truth value.
    Bool(bool),
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `.startsWith`
    StartsWith,
    /// `.endsWith`
    EndsWith,
    /// `.contains`
    Contains,
}

/// A predicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// Always.
    Always,
    /// A comparison.
    Test(Path, Comparison, Literal),
    /// Not.
    Not(Box<Predicate>),
    /// All of these.
    All(Vec<Predicate>),
    /// Any of these.
    Any(Vec<Predicate>),
}

const DEPTH_LIMIT: usize = 32;

impl Predicate {
    /// Reads a predicate.
    ///
    /// # Errors
    /// [`PredicateError`] with the place.
    pub fn parse(text: &str) -> Result<Self, PredicateError> {
        let mut parser = Parser { chars: text.chars().collect(), at: 0, depth: 0 };
        let predicate = parser.any()?;
        parser.blanks();
        if parser.at < parser.chars.len() {
            return Err(parser.expected("the end"));
        }
        Ok(predicate)
    }

    /// Whether it holds, given what its tests give. A test is told whether it stands under an odd number of `!`.
    pub fn holds(&self, test: &dyn Fn(&Path, Comparison, &Literal, bool) -> bool) -> bool {
        self.holds_under(false, test)
    }

    fn holds_under(&self, negated: bool, test: &dyn Fn(&Path, Comparison, &Literal, bool) -> bool) -> bool {
        match self {
            Self::Always => true,
            Self::Test(path, comparison, literal) => test(path, *comparison, literal, negated),
            Self::Not(inner) => !inner.holds_under(!negated, test),
            Self::All(all) => all.iter().all(|inner| inner.holds_under(negated, test)),
            Self::Any(any) => any.iter().any(|inner| inner.holds_under(negated, test)),
        }
    }

    /// The arguments that it reads.
    pub(crate) fn arguments(&self) -> BTreeSet<String> {
        let name = |(path, ..): (Path, Comparison, Literal)| match path {
            Path::Integrity(name) | Path::Present(name) | Path::Value(name) => Some(name),
            Path::ToolName | Path::ToolEffect | Path::Tainted => None,
        };
        self.tests().into_iter().filter_map(name).collect()
    }

    /// Its tests, each once, in order.
    #[must_use]
    pub fn tests(&self) -> BTreeSet<(Path, Comparison, Literal)> {
        match self {
            Self::Always => BTreeSet::new(),
            Self::Test(path, comparison, literal) => [(path.clone(), *comparison, literal.clone())].into(),
            Self::Not(inner) => inner.tests(),
            Self::All(inner) | Self::Any(inner) => inner.iter().flat_map(Self::tests).collect(),
        }
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn expected(&self, expected: &'static str) -> PredicateError {
        PredicateError::Expected { expected, at: self.at }
    }

    fn blanks(&mut self) {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        let found = token.chars().enumerate().all(|(offset, c)| self.chars.get(self.at + offset) == Some(&c));
        if found {
            self.at += token.chars().count();
        }
        found
    }

    fn any(&mut self) -> Result<Predicate, PredicateError> {
        let mut parts = vec![self.all()?];
        while self.eat("||") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Predicate::Any(parts) })
    }

    fn all(&mut self) -> Result<Predicate, PredicateError> {
        let mut parts = vec![self.one()?];
        while self.eat("&&") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Predicate::All(parts) })
    }

    fn one(&mut self) -> Result<Predicate, PredicateError> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(PredicateError::Depth { limit: DEPTH_LIMIT });
        }
        let predicate = if self.eat("!") {
            Predicate::Not(Box::new(self.one()?))
        } else if self.eat("(") {
            let inner = self.any()?;
            if !self.eat(")") {
                return Err(self.expected("`)`"));
            }
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(predicate)
    }

    fn word(&mut self) -> String {
        self.blanks();
        let start = self.at;
        while self.chars.get(self.at).is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$')) {
            self.at += 1;
        }
        self.chars.get(start..self.at).unwrap_or_default().iter().collect()
    }

    fn test(&mut self) -> Result<Predicate, PredicateError> {
        let mut words = vec![self.word()];
        while self.eat(".") {
            words.push(self.word());
        }
        if words == ["true"] {
            return Ok(Predicate::Always);
        }
        let method = match words.last().map(String::as_str) {
            Some("startsWith") => Some(Comparison::StartsWith),
            Some("endsWith") => Some(Comparison::EndsWith),
            Some("contains") => Some(Comparison::Contains),
            _ => None,
        };
        if let Some(comparison) = method {
            words.pop();
            let path = path(&words)?;
            if !self.eat("(") {
                return Err(self.expected("`(`"));
            }
            let literal = self.literal()?;
            return if self.eat(")") {
                Ok(Predicate::Test(path, comparison, literal))
            } else {
                Err(self.expected("`)`"))
            };
        }
        let path = path(&words)?;
        if self.eat("==") {
            return Ok(Predicate::Test(path, Comparison::Equal, self.literal()?));
        }
        if self.eat("!=") {
            let test = Predicate::Test(path, Comparison::Equal, self.literal()?);
            return Ok(Predicate::Not(Box::new(test)));
        }
        match path {
            Path::Tainted | Path::Present(_) => Ok(Predicate::Test(path, Comparison::Equal, Literal::Bool(true))),
            _ => Err(self.expected("a comparison")),
        }
    }

    fn literal(&mut self) -> Result<Literal, PredicateError> {
        self.blanks();
        let Some(quote) = self.chars.get(self.at).copied().filter(|c| matches!(c, '\'' | '"')) else {
            return match self.word().as_str() {
                "true" => Ok(Literal::Bool(true)),
                "false" => Ok(Literal::Bool(false)),
                _ => Err(self.expected("a literal")),
            };
        };
        self.at += 1;
        let start = self.at;
        while self.chars.get(self.at).is_some_and(|c| *c != quote) {
            self.at += 1;
        }
        let text = self.chars.get(start..self.at).unwrap_or_default().iter().collect();
        if self.at >= self.chars.len() {
            return Err(self.expected("a closing quotation mark"));
        }
        self.at += 1;
        Ok(Literal::Text(text))
    }
}

fn path(words: &[String]) -> Result<Path, PredicateError> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(match words.as_slice() {
        ["tool", "name"] => Path::ToolName,
        ["tool", "effect"] => Path::ToolEffect,
        ["session", "tainted"] => Path::Tainted,
        ["arg", name, "integrity"] => Path::Integrity((*name).to_owned()),
        ["arg", name, "present"] => Path::Present((*name).to_owned()),
        ["arg", name, "value"] => Path::Value((*name).to_owned()),
        _ => return Err(PredicateError::Path { path: words.join(".") }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predicate_reads_as_it_is_written() {
        let predicate =
            Predicate::parse("!(arg.to.integrity == 'user') && (session.tainted || arg.to.value.endsWith('@x.io'))")
                .unwrap();
        assert_eq!(predicate.tests().len(), 3);
        assert!(predicate.holds(&|path, _, _, _| matches!(path, Path::Tainted)));
        assert!(!predicate.holds(&|path, _, _, _| matches!(path, Path::Integrity(_) | Path::Tainted)));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_place() {
        for (text, expected) in [
            ("arg.to.integrity = 'user'", "expected a comparison at character 17"),
            ("session.mood == 'x'", "unknown path `session.mood`"),
            ("tool.name == 'x", "expected a closing quotation mark at character 15"),
            ("tool.name == 'x' tool", "expected the end at character 17"),
        ] {
            assert_eq!(Predicate::parse(text).unwrap_err().to_string(), expected);
        }
    }
}
