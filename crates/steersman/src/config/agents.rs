//! The trifecta check of each agent: of every task with tools, and of the clients that run the other tools themselves.
//!
//! An agent with private data, untrusted input and an exit that nobody approves is refused. What a server lists is not
//! known before it is asked: tools that no contract names are looked at when a run begins.

use std::collections::BTreeSet;

use serde::Serialize;
use steersman_core::Contract;
use steersman_flow::{Edges, Lint, Policy};

use super::typed::Reader;

/// One agent and what it holds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Agent {
    /// The task whose tools the gateway runs; `None`: clients that run theirs.
    pub(crate) task: Option<String>,
    #[serde(flatten)]
    pub(crate) edges: Edges,
}

impl Agent {
    /// How it is called in a sentence.
    pub(crate) fn name(&self) -> String {
        self.task
            .as_ref()
            .map_or_else(|| "a client that runs its own tools".to_owned(), |task| format!("task `{task}`"))
    }

    /// What is wrong with it.
    pub(super) fn trifecta(&self) -> Option<Lint> {
        self.edges.clone().trifecta()
    }
}

/// Every agent of a configuration that holds a tool with a contract.
pub(super) fn read(read: &Reader<'_>, policy: &Policy) -> Vec<Agent> {
    let mut held = BTreeSet::new();
    let mut agents = Vec::new();
    for task in read.document.names("tasks") {
        let wanted = read.texts(&["tasks", task, "tools"]).unwrap_or_default();
        let own: Vec<&Contract> =
            policy.contracts.iter().filter(|contract| wanted.iter().any(|name| names(read, name, contract))).collect();
        held.extend(own.iter().map(|contract| contract.name.as_str()));
        let mut edges = Edges::of(policy, own);
        let unknown =
            |name: &&String| !name.ends_with("/*") && !policy.contracts.iter().any(|known| known.name == **name);
        wanted.iter().filter(unknown).for_each(|name| edges.add_unknown(name));
        if edges != Edges::default() {
            agents.push(Agent { task: Some(task.to_owned()), edges });
        }
    }
    let others = policy.contracts.iter().filter(|contract| !held.contains(contract.name.as_str()));
    let edges = Edges::of(policy, others);
    if edges != Edges::default() {
        agents.push(Agent { task: None, edges });
    }
    agents
}

/// Whether a task that wants `name` holds the tool: by its own name, or as one of a server whose prefix it has.
fn names(read: &Reader<'_>, name: &str, contract: &Contract) -> bool {
    let Some(server) = name.strip_suffix("/*") else { return contract.name == name };
    let prefix = |server: &str| read.text(&["tool_servers", server, "prefix"]).unwrap_or_default();
    let own = prefix(server);
    if !own.is_empty() {
        return contract.name.starts_with(&own);
    }
    // Without a prefix it may be any tool that no other server's prefix claims.
    let others = read.document.names("tool_servers").into_iter().map(prefix);
    !others.filter(|prefix| !prefix.is_empty()).any(|prefix| contract.name.starts_with(&prefix))
}
