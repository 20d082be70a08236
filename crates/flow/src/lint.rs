//! The policy's linter: what a policy can never do, by trying everything it can say.
//!
//! A predicate reads a handful of tests; for each tool the linter runs through every combination of what those tests
//! can give and so decides, not guesses, whether some combination lets an untrusted value into a sink, whether a rule
//! can ever hold, and whether it holds only for the wrong side. The trifecta check (Willison, "The lethal trifecta for
//! AI agents", 2025) refuses an agent that holds private data, untrusted input and an exit together.
//!
//! What never happens here: no policy is repaired.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use steersman_core::{Contract, Effect};

use crate::policy::{Outcome, Policy, Rule, compare, effect};
use crate::predicate::{Comparison, Literal, Path};

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "problem")]
pub enum Lint {
    /// An `allow` lets an untrusted value into a sink.
    #[error("rule `{rule}` allows `{tool}` with an untrusted `{argument}`")]
    OpensSink {
        /// The rule.
        rule: String,
        /// The tool.
        tool: String,
        /// The sink.
        argument: String,
    },
    /// A rule that can never hold, or that speaks of no tool.
    #[error("rule `{rule}` can never hold")]
    Dead {
        /// The rule.
        rule: String,
    },
    /// A rule that holds only on the side it should not: an `allow` only for untrusted values, a `deny` only for
    /// trusted.
    #[error("rule `{rule}` is the wrong way round: it holds for `{tool}` only if `{argument}` is {side}")]
    Inverted {
        /// The rule.
        rule: String,
        /// The tool.
        tool: String,
        /// The argument.
        argument: String,
        /// The side on which it holds.
        side: String,
    },
    /// A rule has too many tests to try all their combinations.
    #[error("rule `{rule}` has more than {limit} tests")]
    TooLarge {
        /// The rule.
        rule: String,
        /// The limit.
        limit: usize,
    },
    /// A standing grant names a tool or an argument that no contract has.
    #[error("the grant for `{tool}` names no contract and no sink of it")]
    IdleGrant {
        /// The tool.
        tool: String,
    },
    /// A tool changes something, and its contract names no argument as a sink and none as content.
    #[error("the contract of `{tool}` names no argument; all of them are sinks")]
    BareContract {
        /// The tool.
        tool: String,
    },
    /// Private data, untrusted input and an exit in one agent.
    #[error("the agent reads private data ({}), reads untrusted text ({}) and has exits that nobody approves ({})", private.join(", "), untrusted.join(", "), exits.join(", "))]
    Trifecta {
        /// Tools with private output.
        private: Vec<String>,
        /// Tools with untrusted output.
        untrusted: Vec<String>,
        /// Tools through which data can leave and that are not always asked about.
        exits: Vec<String>,
    },
}

impl Lint {
    /// Whether the policy must not be used.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        !matches!(self, Self::BareContract { .. } | Self::IdleGrant { .. })
    }
}

/// The most distinct tests of a rule that are tried in all combinations.
const TEST_LIMIT: usize = 12;

/// Everything that is wrong with a policy, most serious first within a rule. Cost: two to the number of tests a rule.
#[must_use]
pub fn lint(policy: &Policy) -> Vec<Lint> {
    let mut found = BTreeSet::new();
    for rule in &policy.rules {
        lint_rule(policy, rule, &mut found);
    }
    for grant in &policy.grants {
        let named =
            policy.contracts.iter().any(|contract| contract.name == grant.tool && is_sink(contract, &grant.argument));
        if !named || !policy.contracts.iter().any(|contract| contract.name == grant.source) {
            found.insert(Lint::IdleGrant { tool: grant.tool.clone() });
        }
    }
    for contract in &policy.contracts {
        if contract.effect != Effect::Read && contract.sink.is_empty() && contract.content.is_empty() {
            found.insert(Lint::BareContract { tool: contract.name.clone() });
        }
    }
    found.extend(Edges::of(policy, &policy.contracts).trifecta());
    found.into_iter().collect()
}

/// What an agent holds of the trifecta, by the names of its tools.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Edges {
    /// Tools with private output.
    pub private: Vec<String>,
    /// Tools with untrusted output.
    pub untrusted: Vec<String>,
    /// Tools through which data can leave without anybody's word.
    pub exits: Vec<String>,
    /// Tools through which data can leave once a person approved, or not at all once untrusted text was read.
    pub closed: Vec<String>,
}

impl Edges {
    /// The edges of an agent with these contracts.
    #[must_use]
    pub fn of<'a>(policy: &Policy, tools: impl IntoIterator<Item = &'a Contract>) -> Self {
        let mut edges = Self::default();
        for contract in tools {
            let name = || contract.name.clone();
            edges.private.extend(contract.private.then(name));
            edges.untrusted.extend(contract.untrusted.then(name));
            if contract.effect != Effect::Read || !contract.sink.is_empty() {
                if is_closed(policy, contract) { &mut edges.closed } else { &mut edges.exits }.push(name());
            }
        }
        edges
    }

    /// Adds a tool without a contract. What it says is untrusted; each use after that is asked about in any case.
    pub fn add_unknown(&mut self, name: &str) {
        self.untrusted.push(name.to_owned());
        self.closed.push(name.to_owned());
    }

    /// The trifecta, if it is whole: private data, untrusted input and an exit that nobody approves.
    #[must_use]
    pub fn trifecta(self) -> Option<Lint> {
        let Self { private, untrusted, exits, .. } = self;
        let whole = !private.is_empty() && !untrusted.is_empty() && !exits.is_empty();
        whole.then_some(Lint::Trifecta { private, untrusted, exits })
    }
}

/// Whether each use of a tool is approved once untrusted text was read, or denied, whatever its arguments are.
fn is_closed(policy: &Policy, contract: &Contract) -> bool {
    let world = World { contract, integrity: BTreeMap::new(), tainted: true, free: BTreeMap::new() };
    let closes = |rule: &Rule| {
        let about_all = rule.when.tests().iter().all(|(path, ..)| argument(path).is_none());
        rule.then != Outcome::Allow
            && rule.speaks_of(&contract.name)
            && about_all
            && rule.when.holds(&|path, comparison, literal, _| world.test(path, comparison, literal))
    };
    policy.always_ask.contains(&contract.name) || policy.rules.iter().any(closes)
}

/// Whether an argument is a sink. Of a read only those that its contract names.
fn is_sink(contract: &Contract, argument: &str) -> bool {
    if contract.effect == Effect::Read {
        contract.sink.iter().any(|name| name == argument)
    } else {
        contract.is_sink(argument)
    }
}

/// One world in which a rule is tried: the integrity of each argument, and which free tests hold.
struct World<'a> {
    contract: &'a Contract,
    integrity: BTreeMap<&'a str, &'static str>,
    tainted: bool,
    free: BTreeMap<&'a (Path, Comparison, Literal), bool>,
}

impl World<'_> {
    fn test(&self, path: &Path, comparison: Comparison, literal: &Literal) -> bool {
        let text = |found: &str| matches!(literal, Literal::Text(text) if compare(found, comparison, text));
        match path {
            Path::ToolName => text(&self.contract.name),
            Path::ToolEffect => text(effect(self.contract.effect)),
            Path::Tainted => *literal == Literal::Bool(self.tainted),
            Path::Integrity(name) => text(self.integrity.get(name.as_str()).copied().unwrap_or("absent")),
            Path::Present(name) => {
                *literal == Literal::Bool(self.integrity.get(name.as_str()).is_some_and(|word| *word != "absent"))
            }
            Path::Value(name) => {
                let present = self.integrity.get(name.as_str()).is_some_and(|word| *word != "absent");
                present && self.free.get(&(path.clone(), comparison, literal.clone())).copied().unwrap_or_default()
            }
        }
    }
}

/// Stands for an argument that no list of the contract's names.
const ANY_ARGUMENT: &str = "(any argument)";

const SIDES: [&str; 4] = ["user", "attested", "untrusted", "absent"];

fn lint_rule(policy: &Policy, rule: &Rule, found: &mut BTreeSet<Lint>) {
    let tests = rule.when.tests();
    let named: BTreeSet<&str> = tests.iter().filter_map(|(path, ..)| argument(path)).collect();
    let free: Vec<_> = tests.iter().filter(|(path, ..)| matches!(path, Path::Value(_))).collect();
    if named.len() * 2 + free.len() > TEST_LIMIT {
        found.insert(Lint::TooLarge { rule: rule.name.clone(), limit: TEST_LIMIT });
        return;
    }
    let mut alive = false;
    for contract in policy.contracts.iter().filter(|contract| rule.speaks_of(&contract.name)) {
        // An `allow` frees the arguments that it reads, or all where it reads none: then one of them is tried too,
        // be it one that no list names.
        let unread = named.is_empty().then(|| contract.sink.first().map_or(ANY_ARGUMENT, String::as_str));
        let arguments: Vec<&str> = named.iter().copied().chain(unread).collect();
        let mut sides: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for world in worlds(contract, &arguments, &free) {
            let holds = rule.when.holds(&|path, comparison, literal, _| world.test(path, comparison, literal));
            if !holds {
                continue;
            }
            alive = true;
            for (argument, side) in world.integrity.iter().filter(|(_, side)| **side != "absent") {
                sides.entry(argument).or_default().insert(side);
                if rule.then == Outcome::Allow
                    && *side == "untrusted"
                    && is_sink(contract, argument)
                    && !always_denied(policy, &world)
                {
                    let argument = (*argument).to_owned();
                    found.insert(Lint::OpensSink { rule: rule.name.clone(), tool: contract.name.clone(), argument });
                }
            }
        }
        inverted(rule, contract, &sides, found);
    }
    if !alive {
        found.insert(Lint::Dead { rule: rule.name.clone() });
    }
}

fn argument(path: &Path) -> Option<&str> {
    match path {
        Path::Integrity(name) | Path::Present(name) | Path::Value(name) => Some(name),
        Path::ToolName | Path::ToolEffect | Path::Tainted => None,
    }
}

/// Whether the other rules deny or ask in this world whatever the values are.
fn always_denied(policy: &Policy, world: &World<'_>) -> bool {
    policy.rules.iter().filter(|rule| rule.then > Outcome::Allow && rule.speaks_of(&world.contract.name)).any(|rule| {
        let reads_values = rule.when.tests().iter().any(|(path, ..)| matches!(path, Path::Value(_)));
        !reads_values && rule.when.holds(&|path, comparison, literal, _| world.test(path, comparison, literal))
    })
}

fn inverted(rule: &Rule, contract: &Contract, sides: &BTreeMap<&str, BTreeSet<&str>>, found: &mut BTreeSet<Lint>) {
    for (argument, sides) in sides.iter().filter(|(argument, _)| is_sink(contract, argument)) {
        let wrong = match rule.then {
            Outcome::Allow => sides.iter().all(|side| *side == "untrusted"),
            Outcome::Deny | Outcome::Ask => !sides.contains("untrusted"),
        };
        if wrong {
            found.insert(Lint::Inverted {
                rule: rule.name.clone(),
                tool: contract.name.clone(),
                argument: (*argument).to_owned(),
                side: sides.iter().copied().collect::<Vec<_>>().join(" or "),
            });
        }
    }
}

/// Every combination of sides of the arguments, of the taint, and of the free tests.
fn worlds<'a>(
    contract: &'a Contract,
    arguments: &[&'a str],
    free: &[&'a (Path, Comparison, Literal)],
) -> Vec<World<'a>> {
    let bits = 1_usize << (arguments.len() * 2 + 1 + free.len());
    (0..bits)
        .map(|code| World {
            contract,
            tainted: code & 1 == 1,
            integrity: arguments
                .iter()
                .enumerate()
                .filter_map(|(at, name)| Some((*name, *SIDES.get(code >> (1 + at * 2) & 3)?)))
                .collect(),
            free: free
                .iter()
                .enumerate()
                .map(|(at, test)| (*test, code >> (1 + arguments.len() * 2 + at) & 1 == 1))
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACTS: &str = r#"
        [[contract]]
        name = "mail_send"
        effect = "irreversible"
        sink = ["to"]
        content = ["body"]
        [[contract]]
        name = "mail_read"
        effect = "read"
    "#;

    fn check(rules: &str, expected: &[&str]) {
        let found = lint(&Policy::parse(&format!("{rules}\n{CONTRACTS}")).unwrap());
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{rules}");
    }

    fn rule(then: &str, when: &str) -> String {
        format!("[[rule]]\nname = \"r\"\ntool = \"mail_*\"\nthen = \"{then}\"\nwhen = \"{when}\"")
    }

    #[test]
    fn an_allow_that_opens_a_sink_is_found_however_it_is_put() {
        let opens = "rule `r` allows `mail_send` with an untrusted `to`";
        check(&rule("allow", "true"), &[opens]);
        check(&rule("allow", "arg.to.value.endsWith('@x.io')"), &[opens]);
        check(&rule("allow", "tool.effect == 'irreversible'"), &[opens]);
        check(&rule("allow", "arg.body.integrity == 'user'"), &[]);
        check(&rule("allow", "!(arg.to.integrity == 'attested')"), &[opens]);
        check(&rule("allow", "arg.to.integrity == 'user' || arg.to.integrity == 'attested'"), &[]);
    }

    #[test]
    fn a_deny_that_covers_the_hole_closes_it() {
        let deny = "[[rule]]\nname = \"no\"\nthen = \"deny\"\nwhen = \"arg.to.integrity == 'untrusted'\"\n";
        check(&format!("{deny}{}", rule("allow", "true")), &[]);
    }

    #[test]
    fn dead_and_inverted_rules_are_named() {
        check(&rule("deny", "tool.name == 'mail_send' && tool.effect == 'read'"), &["rule `r` can never hold"]);
        check(
            &rule("deny", "arg.to.integrity == 'user'"),
            &["rule `r` is the wrong way round: it holds for `mail_send` only if `to` is user"],
        );
    }

    #[test]
    fn the_trifecta_is_refused_until_an_edge_is_cut() {
        let contracts = r#"
            [[contract]]
            name = "web"
            effect = "read"
            [[contract]]
            name = "payroll"
            effect = "read"
            untrusted = false
            private = true
            [[contract]]
            name = "mail"
            effect = "write"
            sink = ["to"]
            untrusted = false
        "#;
        let errors = |head: &str, text: &str| {
            lint(&Policy::parse(&format!("{head}\n{text}")).unwrap()).iter().filter(|lint| lint.is_error()).count()
        };
        assert_eq!(errors("", contracts), 1);
        assert_eq!(errors("always_ask = [\"mail\"]", contracts), 0);
        assert_eq!(errors("", &contracts.replace("private = true", "private = false")), 0);
        let rule = |then: &str, when: &str| {
            format!("[[rule]]\nname = \"r\"\ntool = \"mail\"\nthen = \"{then}\"\nwhen = \"{when}\"")
        };
        assert_eq!(errors(&rule("deny", "session.tainted"), contracts), 0, "a rule cuts the edge as well");
        assert_eq!(errors(&rule("ask", "tool.effect == 'write'"), contracts), 0);
        assert_eq!(errors(&rule("deny", "arg.to.integrity == 'untrusted'"), contracts), 1, "to others it still leaves");
        assert_eq!(errors("", &contracts.replacen("effect = \"read\"", "effect = \"read\"\nuntrusted = false", 1)), 0);
    }
}
