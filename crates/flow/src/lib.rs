//! Information flow around tool calls.
//!
//! The model is assumed to obey its attacker. What it can cause is decided here, outside it, from where each value came
//! from: a pure fold over the transcript labels every value ([`Guard`] takes it message by message), a deterministic
//! matcher re-derives argument values from sources of higher integrity, and a decision ([`Decision`]) comes with a
//! witness. [`Policy`] is the operator's word as data, [`lint()`] tries everything that it can say, [`replay()`]
//! measures a guard on recorded tasks and attacks, and [`attack()`] plays an adaptive attacker.
//!
//! What never happens here: no I/O, no clock, no model and no classifier. A detector may watch; it is never the reason
//! for a decision.

mod asking;
mod attack;
mod baseline;
mod bidden;
mod binding;
mod borrowed;
mod bound;
mod calls;
mod clock;
mod codes;
mod corrected;
mod counted;
mod decision;
mod derive;
mod described;
mod dictated;
mod egress;
mod figure;
mod gracious;
mod guard;
mod hashed;
mod joined;
mod judge;
mod label;
mod layout;
mod leaf;
mod left;
mod lexicon;
mod licence;
mod lint;
mod mention;
mod moment;
mod naming;
mod number;
mod parameter;
mod particle;
mod passive;
mod people;
mod policy;
mod predicate;
mod profile;
mod prompts;
mod purse;
mod query;
mod record;
mod replay;
mod request;
mod rivals;
mod rows;
mod selection;
mod sentence;
mod shown;
mod suite;
mod text;
mod tool;
mod transcript;
mod unasked;
mod value;
mod vocabulary;
mod wordlist;
mod words;

pub use attack::{AttackReport, attack};
pub use borrowed::{Borrowed, borrowed};
pub use calls::call_hash;
pub use decision::{Decision, Origin, Place, PlanSlot, ProposedCall, Rule, Witness};
pub use egress::{Answer, settled};
pub use guard::Guard;
pub use label::{Integrity, Issuer, Label, Readers};
pub use lint::{Edges, Lint, lint};
pub use policy::{CorpusTrust, Doubt, Outcome, Policy, PolicyError, Rule as PolicyRule, StandingGrant};
pub use predicate::{Comparison, Literal, Path, Predicate, PredicateError};
pub use prompts::{PromptFinding, PromptReport, Prompts};
pub use replay::{Clock, Figures, Finding, Report, replay};
pub use suite::{Call, Injection, Suite, SuiteError, UserTask};
pub use tool::{Tool, Toolbox};
