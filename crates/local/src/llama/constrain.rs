//! JSON Schema enforced token by token, by `llguidance`.
//!
//! The schema is compiled to a grammar over the model's own vocabulary; before each choice, every token that could not
//! begin a valid continuation is ruled out. What the grammar cannot express is either refused or named in the answer.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llguidance::api::TopLevelGrammar;
use llguidance::{JsonCompileOptions, Matcher, ParserFactory};

use crate::job::{Constraint, JobError, Unenforceable};

use super::load::LoadError;

/// Compiles schemas for one vocabulary.
pub(super) struct Constrainer {
    factory: ParserFactory,
}

/// A compiled schema, and what of it is not enforced.
pub(super) struct Compiled {
    pub(super) matcher: Matcher,
    pub(super) unenforced: Vec<String>,
}

impl Constrainer {
    /// Reads the whole vocabulary once, which takes some tens of milliseconds.
    pub(super) fn new(model: &LlamaModel) -> Result<Self, LoadError> {
        let mut factory = ParserFactory::new_simple(&LlamaSampler::llguidance_tok_env(model))
            .map_err(|error| LoadError::Vocabulary(format!("{error:#}")))?;
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        // Warnings are collected, not printed.
        factory.set_buffer_log_level(1);
        Ok(Self { factory })
    }

    /// Compiles a schema.
    pub(super) fn compile(&self, constraint: &Constraint) -> Result<Compiled, JobError> {
        match (self.matcher(constraint, false), constraint.unenforceable) {
            (Ok(matcher), _) => Ok(Compiled { matcher, unenforced: Vec::new() }),
            (Err(reason), Unenforceable::Refuse) => Err(JobError::Schema { param: constraint.param, reason }),
            (Err(strict_reason), Unenforceable::Report) => {
                // If even the superset cannot be compiled, the first reason is the one that names the keyword.
                let lenient = self.matcher(constraint, true);
                let mut matcher =
                    lenient.map_err(|_| JobError::Schema { param: constraint.param, reason: strict_reason.clone() })?;
                let mut unenforced = matcher.grammar_warnings();
                if unenforced.is_empty() {
                    unenforced.push(strict_reason);
                }
                Ok(Compiled { matcher, unenforced })
            }
        }
    }

    fn matcher(&self, constraint: &Constraint, lenient: bool) -> Result<Matcher, String> {
        let mut schema = constraint.schema.clone();
        // One spelling of the space between members, or a small model may fill its answer with line ends.
        JsonCompileOptions {
            item_separator: ", ".to_owned(),
            key_separator: ": ".to_owned(),
            whitespace_flexible: false,
            coerce_one_of: lenient,
            lenient,
            ..JsonCompileOptions::default()
        }
        .apply_to(&mut schema);
        let parser = self.factory.create_parser(TopLevelGrammar::from_json_schema(schema));
        let matcher = Matcher::new(parser);
        match matcher.get_error() {
            Some(error) => Err(error.lines().next().unwrap_or_default().to_owned()),
            None => Ok(matcher),
        }
    }
}
