//! What the operator decides about the guard: mode, policy, contracts, and what becomes of a denied call.
//!
//! The policy is linted here, so that `steersman check` and the start refuse the same: a rule that opens a sink to
//! untrusted values, a rule that can never hold, and an agent with private data, untrusted input and an open exit.

use std::collections::BTreeSet;
use std::sync::Arc;

use steersman_core::Contract;
use steersman_engine::{GuardMode, History, OnDeny};
use steersman_flow::{Lint, Policy, lint};

use super::agents::{self, Agent};
use super::error::ConfigError;
use super::tools;
use super::typed::Reader;

/// The guard's part of the configuration, checked.
#[derive(Debug)]
pub(crate) struct GuardConfig {
    /// For requests whose task says nothing else.
    pub(crate) mode: GuardMode,
    /// What becomes of a call that is not allowed.
    pub(crate) on_deny: OnDeny,
    /// Who writes the messages of a request.
    pub(crate) history: History,
    /// The policy, with every contract there is.
    pub(crate) policy: Arc<Policy>,
    /// What each agent holds of private data, untrusted input and exits.
    pub(crate) agents: Vec<Agent>,
    /// What is odd about the policy and no reason to refuse it.
    pub(crate) warnings: Vec<Lint>,
}

/// Words of the configuration for the modes.
pub(crate) const MODES: &[(&str, GuardMode)] =
    &[("on", GuardMode::On), ("observe", GuardMode::Observe), ("off", GuardMode::Off)];
const ON_DENY: &[(&str, OnDeny)] = &[("refuse", OnDeny::Refuse), ("strip", OnDeny::Strip), ("error", OnDeny::Error)];
const HISTORY: &[(&str, History)] = &[("application", History::Application), ("end_users", History::EndUsers)];

const CUT_AN_EDGE: &str = "cut an edge: `untrusted = false` or `private = false` where that is true of a tool, drop an exit, or have \
     each use of the exits approved with `guard.always_ask = [...]`";

/// Reads contracts, policy and guard. Every contract is there once, whichever file it stands in.
pub(super) fn read(read: &Reader<'_>) -> Result<(Vec<Contract>, GuardConfig), ConfigError> {
    let mut policy = policy(read)?;
    for contract in tools::contracts(read)? {
        if policy.contracts.iter().any(|known| known.name == contract.name) {
            return Err(read.wrong(
                &["tools", &contract.name, "effect"],
                &format!("the tool `{}` has a contract in the policy file too", contract.name),
            ));
        }
        policy.contracts.push(contract);
    }
    let texts = |key| read.texts(&["guard", key]).into_iter().flatten().collect::<BTreeSet<_>>();
    policy.trusted_hosts.append(&mut texts("trusted_hosts"));
    policy.always_ask.append(&mut texts("always_ask"));
    let (errors, warnings): (Vec<_>, Vec<_>) = lint(&policy).into_iter().partition(Lint::is_error);
    if let Some(error) = errors.iter().find(|error| !matches!(error, Lint::Trifecta { .. })) {
        return Err(ConfigError::new(format!("the guard's policy is refused: {error}"))
            .hint("`steersman guard lint POLICY` lists everything that is wrong with a policy"));
    }
    let agents = agents::read(read, &policy);
    if let Some((agent, error)) = agents.iter().find_map(|agent| Some((agent, agent.trifecta()?))) {
        return Err(ConfigError::new(format!("{} is refused: {error}", agent.name())).hint(CUT_AN_EDGE));
    }
    let given = !policy.contracts.is_empty() || read.text(&["guard", "policy"]).is_some();
    let default_mode = if given { GuardMode::On } else { GuardMode::Off };
    let contracts = policy.contracts.clone();
    let config = GuardConfig {
        mode: read.word(&["guard", "mode"], MODES)?.unwrap_or(default_mode),
        on_deny: read.word(&["guard", "on_deny"], ON_DENY)?.unwrap_or_default(),
        history: read.word(&["guard", "history"], HISTORY)?.unwrap_or_default(),
        policy: Arc::new(policy),
        agents,
        warnings,
    };
    Ok((contracts, config))
}

fn policy(read: &Reader<'_>) -> Result<Policy, ConfigError> {
    let place = ["guard", "policy"];
    let Some(file) = read.text(&place) else { return Ok(Policy::default()) };
    let (text, path) = read.file(&place, "policy", &file)?;
    Policy::parse(&text).map_err(|error| {
        let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
        read.wrong(&place, &format!("`{}`: {error}{cause}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use steersman_core::{Effect, Idempotency};

    use super::*;
    use crate::config::{Config, Document};

    fn config(source: &str) -> Result<Config, ConfigError> {
        Config::from_document(&Document::parse("steersman.toml", source)?, &|_| None)
    }

    fn refusal(source: &str) -> String {
        config(source).map_or_else(|error| error.to_string(), |_| "fine".to_owned())
    }

    #[test]
    fn a_table_of_a_tool_is_its_contract_and_turns_the_guard_on() {
        let text = "[tools.pay]\neffect = \"irreversible\"\nsink = [\"to\"]\nuntrusted = false\nidempotency = \"header:Idempotency-Key\"\ntimeout_ms = 500\n";
        let config = config(text).unwrap();
        let [pay] = config.contracts.as_slice() else { panic!("one contract") };
        assert_eq!((pay.name.as_str(), pay.effect, pay.untrusted), ("pay", Effect::Irreversible, false));
        let key = Idempotency::Keyed { header: Some("Idempotency-Key".to_owned()), argument: None };
        assert_eq!((&pay.idempotency, pay.timeout_ms, pay.attempts), (&key, Some(500), 1));
        assert_eq!((config.guard.mode, config.guard.policy.contracts.len()), (GuardMode::On, 1));
        assert_eq!(super::tests::config("").unwrap().guard.mode, GuardMode::Off);
    }

    #[test]
    fn a_contract_without_an_effect_or_with_an_argument_on_both_sides_is_refused() {
        assert!(refusal("[tools.pay]\nsink = [\"to\"]\n").contains("`tools.pay` needs an `effect`"));
        let both = "[tools.pay]\neffect = \"write\"\nsink = [\"to\"]\ncontent = [\"to\"]\n";
        assert!(refusal(both).contains("both a sink and content"));
        assert!(refusal("[tools.pay]\neffect = \"writes\"\n").contains("must be `read` or `write`"));
    }

    #[test]
    fn an_agent_with_private_data_untrusted_text_and_an_exit_is_refused_until_an_edge_is_cut() {
        let agent = "[tools.inbox]\neffect = \"read\"\nprivate = true\n[tools.send]\neffect = \"irreversible\"\nsink = [\"to\"]\n";
        let refused = refusal(agent);
        assert!(refused.contains("private data (inbox)") && refused.contains("exits that nobody approves (send)"));
        assert_eq!(refusal(&format!("{agent}[guard]\nalways_ask = [\"send\"]\n")), "fine");
        assert_eq!(
            refusal(&agent.replace("private = true", "untrusted = false").replace("sink", "untrusted = false\nsink")),
            "fine"
        );
    }

    #[test]
    fn each_task_is_an_agent_of_its_own() {
        let contracts = "[tools.crm_find]\neffect = \"read\"\nprivate = true\nuntrusted = false\n\
             [tools.read_web]\neffect = \"read\"\n\
             [tools.send]\neffect = \"irreversible\"\nsink = [\"to\"]\nuntrusted = false\n\
             [tool_servers.crm]\ncommand = \"crm\"\nprefix = \"crm_\"\n";
        let task = |name: &str, tools: &str| format!("[tasks.{name}]\nmodel = \"m\"\ntools = [{tools}]\n");
        let apart = [task("a", "\"crm/*\", \"send\""), task("b", "\"read_web\", \"send\"")].concat();
        assert_eq!(refusal(&format!("{contracts}{apart}")), "fine");
        let whole = refusal(&format!("{contracts}{apart}{}", task("c", "\"crm/*\", \"read_web\", \"send\"")));
        assert!(whole.starts_with("task `c` is refused: the agent reads private data (crm_find)"), "{whole}");
        let unknown = refusal(&format!("{contracts}{}", task("d", "\"crm/*\", \"somebodys\", \"send\"")));
        assert!(unknown.contains("untrusted text (somebodys)"), "a tool without a contract is untrusted: {unknown}");
        let clients = refusal(contracts);
        assert!(clients.starts_with("a client that runs its own tools is refused"), "{clients}");
    }

    #[test]
    fn a_policy_file_is_found_beside_the_configuration_and_linted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("steersman.toml");
        let read = |policy: &str| {
            std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
            let document = Document::parse(&file.display().to_string(), "[guard]\npolicy = \"policy.toml\"\n").unwrap();
            Config::from_document(&document, &|_| None).map_err(|error| error.to_string())
        };
        let contract = "[[contract]]\nname = \"pay\"\neffect = \"irreversible\"\nsink = [\"to\"]\n";
        assert_eq!(read(contract).unwrap().contracts.len(), 1);
        let open = format!("{contract}[[rule]]\nname = \"all\"\nthen = \"allow\"\n");
        assert!(read(&open).unwrap_err().contains("allows `pay` with an untrusted `to`"));
        assert!(read("contracts = 1\n").unwrap_err().contains("does not parse"));
    }
}
