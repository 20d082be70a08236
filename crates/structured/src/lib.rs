//! The value that a model meant, or a precise refusal.
//!
//! [`read()`] takes a model's text, perhaps a [`CompiledSchema`], and what is known about how the text ended. It gives
//! [`Reading::Accepted`] with an exact [`Document`] and a record of each change, or says why there is no value:
//! rejected at a named layer, refused by the model, or cut.
//!
//! What never happens here: no I/O, no clock, no network reference in a schema, no value invented, no number
//! rounded, no choice among equals.

mod advice;
mod alias;
mod align;
mod announce;
mod batch;
mod behind;
mod choose;
mod code;
mod document;
mod join;
mod literal;
mod locate;
mod lower;
mod memory;
mod merge;
mod notation;
mod outcome;
mod outline;
mod prefix;
mod read;
mod record;
mod refusal;
mod repair;
mod rewrite;
mod rules;
mod schema;
mod settle;
mod stream;
mod subschema;
mod subset;
mod template;
mod vouch;

pub use advice::{Advice, advice};
pub use alias::{Alias, evidence, read_with};
pub use batch::{answer, batch_line};
pub use code::Code;
pub use document::{Document, Kind, Node, NotJson};
pub use lower::{Change, Lowered, What, lower, lower_for};
pub use memory::{Alarm, DriftMemory, Form, Row};
pub use merge::{find, merge};
pub use outcome::{Accepted, Layer, Reading, Rejected, Truncated, Violation};
pub use outline::{Difference, Outline};
pub use read::{Conditions, Finish, Mode, read};
pub use record::{Repair, Risk, replay};
pub use refusal::is_refusal;
pub use rules::{Rule, RuleError, RuleTable, Rules, Source, is_placeholder};
pub use schema::{CompiledSchema, SchemaError};
pub use stream::{Growth, Previews, Step, Stream, is_continued};
pub use subschema::{examples, is_free_text, is_required, subschema};
pub use subset::{
    ANTHROPIC, AS_SENT, Asking, DEEPSEEK, Forced, GEMINI, GRAMMAR, JSON_MODE, Level, Models, OPENAI, SUBSETS, Subset,
    TOOL,
};

/// The examples of the README run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
