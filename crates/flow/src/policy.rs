//! The operator's policy as data: contracts, rules, trusted hosts and corpora, standing grants.
//!
//! Rules come on top of the guard's own. A `deny` wins over everything, an `ask` over every `allow`, and an `allow`
//! frees a call from the guard's questions about the arguments that it reads, or about all where it reads none; the
//! linter proves that no `allow` opens a sink to untrusted values. What speaks against a call counts where one of
//! several values gives it, and in any disguise; what speaks for it where all do, as they stand. A grant
//! names one argument of one tool and the tool whose results may fill it: the declared way for untrusted data to
//! choose.
//!
//! What never happens here: no rule reads the model's words, and no file is opened.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use steersman_core::{Contract, Effect};

use crate::decision::{ProposedCall, Rule as Broken, Witness};
use crate::judge::whole;
use crate::leaf::Leaf;
use crate::number::Micro;
use crate::predicate::{Comparison, Literal, Path, Predicate, PredicateError};
use crate::text;
use crate::tool::Tool;
use crate::transcript::Transcript;
use crate::value::{Standing, Values};

/// What to do with a call that the guard does not allow outright.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Ask a person.
    #[default]
    Ask,
    /// Refuse, where nobody can be asked.
    Deny,
}

/// What a rule does when its predicate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The guard asks nothing more.
    Allow,
    /// A person is asked.
    Ask,
    /// The call is refused.
    Deny,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, for witnesses.
    pub name: String,
    /// The tools it speaks of: a name, or a name that ends with `*`.
    pub tool: String,
    /// What it does.
    pub then: Outcome,
    /// When.
    pub when: Predicate,
}

impl Rule {
    pub(crate) fn speaks_of(&self, tool: &str) -> bool {
        let speaks =
            |tool: &str| self.tool.strip_suffix('*').map_or_else(|| self.tool == tool, |start| tool.starts_with(start));
        speaks(tool) || (self.then > Outcome::Allow && speaks(&text::folded(tool)))
    }
}

/// What an `allow` frees from the guard's questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clearance {
    /// The whole call: the rule reads no argument.
    Whole,
    /// These arguments.
    Of(BTreeSet<String>),
}

impl Clearance {
    pub(crate) fn covers(&self, argument: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Of(names) => names.contains(argument),
        }
    }

    fn with(self, rule: &Rule) -> Self {
        match (self, rule.when.arguments()) {
            (Self::Of(mut names), more) if !more.is_empty() => {
                names.extend(more);
                Self::Of(names)
            }
            _ => Self::Whole,
        }
    }
}

/// Results of one tool may fill one argument of another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingGrant {
    /// The tool whose argument is filled.
    pub tool: String,
    /// The argument.
    pub argument: String,
    /// The tool whose untrusted results may fill it.
    pub source: String,
}

/// Whether a corpus of retrieved passages is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorpusTrust {
    /// Written by the operator alone.
    Operator,
    /// Others may write into it.
    Untrusted,
}

/// A policy.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What to do in doubt.
    pub on_doubt: Doubt,
    /// Hosts to which links may lead; a leading dot stands for all hosts below.
    pub trusted_hosts: BTreeSet<String>,
    /// The trust of corpora; one that is not named is untrusted.
    pub corpora: BTreeMap<String, CorpusTrust>,
    /// Tools each use of which a person approves.
    pub always_ask: BTreeSet<String>,
    /// The contracts.
    pub contracts: Vec<Contract>,
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// The standing grants.
    pub grants: Vec<StandingGrant>,
}

/// Why a policy could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The text is no TOML of the expected form.
    #[error("the policy does not parse")]
    Parse(#[from] toml::de::Error),
    /// A rule's predicate does not parse.
    #[error("the predicate of rule `{rule}` does not parse")]
    Predicate {
        /// The rule.
        rule: String,
        /// Why.
        source: PredicateError,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    #[serde(default)]
    on_doubt: Doubt,
    #[serde(default)]
    trusted_hosts: BTreeSet<String>,
    #[serde(default)]
    corpora: BTreeMap<String, CorpusTrust>,
    #[serde(default)]
    always_ask: BTreeSet<String>,
    #[serde(default, rename = "contract")]
    contracts: Vec<Contract>,
    #[serde(default, rename = "rule")]
    rules: Vec<RawRule>,
    #[serde(default, rename = "grant")]
    grants: Vec<StandingGrant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    name: String,
    #[serde(default = "every_tool")]
    tool: String,
    then: Outcome,
    #[serde(default = "always")]
    when: String,
}

fn every_tool() -> String {
    "*".to_owned()
}

fn always() -> String {
    "true".to_owned()
}

impl Policy {
    /// Reads a policy from TOML.
    ///
    /// # Errors
    /// [`PolicyError`] for text of another form, an unknown key, or a predicate that does not parse.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let raw: RawPolicy = toml::from_str(text)?;
        let mut rules = Vec::with_capacity(raw.rules.len());
        for rule in raw.rules {
            let when = Predicate::parse(&rule.when)
                .map_err(|source| PolicyError::Predicate { rule: rule.name.clone(), source })?;
            rules.push(Rule { name: rule.name, tool: rule.tool, then: rule.then, when });
        }
        Ok(Self {
            on_doubt: raw.on_doubt,
            trusted_hosts: raw.trusted_hosts,
            corpora: raw.corpora,
            always_ask: raw.always_ask,
            contracts: raw.contracts,
            rules,
            grants: raw.grants,
        })
    }

    pub(crate) fn trusts_corpus(&self, corpus: &str) -> bool {
        self.corpora.get(corpus) == Some(&CorpusTrust::Operator)
    }

    /// What the rules say of a call: a refusal, a question, a clearance, or nothing.
    pub(crate) fn check(
        &self,
        call: &ProposedCall,
        leaves: &[Leaf<'_>],
        values: &Values<'_>,
    ) -> Result<Option<Clearance>, Box<Witness>> {
        let bare = !matches!(call.arguments, Value::Object(_) | Value::Null);
        let mut cleared: Option<Clearance> = None;
        let mut strongest: Option<(Outcome, &str)> = None;
        if self.always_ask.contains(&call.tool) && values.transcript.is_tainted() {
            strongest = Some((Outcome::Ask, "always_ask"));
        }
        for rule in self.rules.iter().filter(|rule| rule.speaks_of(&call.tool)) {
            let test = |path: &Path, comparison: Comparison, literal: &Literal, negated: bool| {
                let look = Look { leaves, values, wide: (rule.then > Outcome::Allow) != negated };
                look.tests(path, comparison, literal)
            };
            // Of arguments without names nobody says what a rule for it asks for.
            let blind = || bare && rule.then == Outcome::Allow && !rule.when.arguments().is_empty();
            let counts = rule.then == Outcome::Allow || strongest.is_none_or(|(outcome, _)| rule.then > outcome);
            if !counts || !rule.when.holds(&test) || blind() {
                continue;
            }
            if rule.then == Outcome::Allow {
                cleared = Some(cleared.unwrap_or_else(|| Clearance::Of(BTreeSet::new())).with(rule));
            } else {
                strongest = Some((rule.then, &rule.name));
            }
        }
        match strongest {
            Some((Outcome::Deny, name)) => Err(whole(call, Broken::Policy(name.to_owned()))),
            Some((Outcome::Ask, name)) => Err(whole(call, Broken::PolicyAsks(name.to_owned()))),
            Some((Outcome::Allow, _)) | None => Ok(cleared),
        }
    }

    /// Whether a standing grant lets this tainted value fill this argument.
    pub(crate) fn grants(&self, tool: &Tool, leaf: &Leaf<'_>, transcript: &Transcript) -> bool {
        let mut grants = self
            .grants
            .iter()
            .filter(|grant| grant.tool == tool.contract.name && grant.argument == leaf.argument.as_str());
        let text = leaf.text();
        grants.any(|grant| {
            transcript.tainted_source(&text).is_some_and(|field| {
                let from = transcript.source(field.source).is_some_and(|source| *source.tool == *grant.source);
                from && text.len() > 2 && field.raw.contains(&*text)
            })
        })
    }
}

/// The word for a standing, as predicates have it.
const fn integrity(standing: Standing) -> &'static str {
    match standing {
        Standing::Said | Standing::Constant => "user",
        Standing::Chosen(_) | Standing::Quantity | Standing::NotChosen => "attested",
        Standing::Untrusted => "untrusted",
    }
}

/// How the tests of a rule look at a call.
struct Look<'a, 'l, 'v> {
    leaves: &'a [Leaf<'l>],
    values: &'a Values<'v>,
    /// Whether what is found speaks against the call: then one of several values is enough, in whatever disguise, and a
    /// value without a name may be that of any argument.
    wide: bool,
}

impl<'a, 'l> Look<'a, 'l, '_> {
    fn of(&self, name: &str) -> Vec<&'a Leaf<'l>> {
        let named = |leaf: &&Leaf<'_>| {
            let own = leaf.argument.as_str();
            own == name || (self.wide && own.is_empty())
        };
        self.leaves.iter().filter(named).collect()
    }

    fn tests(&self, path: &Path, comparison: Comparison, literal: &Literal) -> bool {
        let values = self.values;
        let found: String = match path {
            Path::ToolName => values.tool.contract.name.clone(),
            Path::ToolEffect => effect(values.tool.contract.effect).to_owned(),
            Path::Tainted => return *literal == Literal::Bool(values.transcript.is_tainted()),
            Path::Present(name) => return *literal == Literal::Bool(!self.of(name).is_empty()),
            // The least trusted of the values of an argument speaks for it.
            Path::Integrity(name) => {
                let words: Vec<&str> = self.of(name).iter().map(|leaf| integrity(values.standing(leaf))).collect();
                let worst = ["untrusted", "attested", "user"].into_iter().find(|word| words.contains(word));
                worst.unwrap_or("absent").to_owned()
            }
            Path::Value(name) => {
                let Literal::Text(text) = literal else { return false };
                let leaves = self.of(name);
                let matches = |leaf: &&Leaf<'_>| compare(&leaf.text(), comparison, text);
                let passes = |leaf: &&Leaf<'_>| passes_for(&leaf.text(), comparison, text);
                return if self.wide {
                    leaves.iter().any(|leaf| matches(leaf) || passes(leaf))
                } else {
                    !leaves.is_empty() && leaves.iter().all(matches)
                };
            }
        };
        matches!(literal, Literal::Text(text) if compare(&found, comparison, text))
    }
}

/// Whether a value compares so in a disguise: other letters that look alike, other case, blanks around it, an address
/// with a name before it, a number that is written otherwise.
fn passes_for(found: &str, comparison: Comparison, text: &str) -> bool {
    let (loose, wanted) = (text::folded(found), text::folded(text));
    let numbers = || Micro::parse(&loose).is_some_and(|number| Some(number) == Micro::parse(&wanted));
    let mut addresses = loose.split(|c: char| c.is_whitespace() || "<>‹›()[],;\"'".contains(c));
    compare(&loose, comparison, &wanted)
        || addresses.any(|part| part.contains('@') && compare(part, comparison, &wanted))
        || (comparison == Comparison::Equal && numbers())
}

pub(crate) const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Irreversible => "irreversible",
    }
}

pub(crate) fn compare(found: &str, comparison: Comparison, text: &str) -> bool {
    match comparison {
        Comparison::Equal => found == text,
        Comparison::StartsWith => found.starts_with(text),
        Comparison::EndsWith => found.ends_with(text),
        Comparison::Contains => found.contains(text),
    }
}
