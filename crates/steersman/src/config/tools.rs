//! Tool contracts from `[tools.NAME]` tables: what the operator says of each tool, in the one schema of the house.
//!
//! What never happens here: nothing is taken from a tool server's own hints, and no field is guessed.

use steersman_core::{Contract, Effect, Idempotency, Usd};

use super::error::ConfigError;
use super::typed::Reader;

const EFFECTS: &[(&str, Effect)] =
    &[("read", Effect::Read), ("write", Effect::Write), ("irreversible", Effect::Irreversible)];

/// Every contract of the file, in its order.
pub(super) fn contracts(read: &Reader<'_>) -> Result<Vec<Contract>, ConfigError> {
    read.document.names("tools").into_iter().map(|name| contract(read, name)).collect()
}

/// The tools of a task; `SERVER/*` is one of the file's servers.
pub(super) fn of_task(read: &Reader<'_>, task: &str) -> Result<Vec<String>, ConfigError> {
    let place = ["tasks", task, "tools"];
    let tools = read.texts(&place).unwrap_or_default();
    let servers = read.document.names("tool_servers");
    let unknown = tools.iter().filter_map(|name| name.strip_suffix("/*")).find(|server| !servers.contains(server));
    match unknown {
        None => Ok(tools),
        Some(server) => {
            let known = if servers.is_empty() { "none".to_owned() } else { servers.join(", ") };
            Err(read
                .wrong(&place, &format!("there is no tool server `{server}`"))
                .hint(format!("add `[tool_servers.{server}]`; configured: {known}")))
        }
    }
}

fn contract(read: &Reader<'_>, name: &str) -> Result<Contract, ConfigError> {
    let at = |key| ["tools", name, key];
    let list = |key| read.texts(&["tools", name, key]).unwrap_or_default();
    let effect = read.word(&at("effect"), EFFECTS)?.ok_or_else(|| {
        read.wrong(&at("effect"), &format!("`tools.{name}` needs an `effect`"))
            .hint("write `effect = \"read\"`, `\"write\"` (can be changed back) or `\"irreversible\"`")
    })?;
    let cost = read.number(&at("cost_usd")).map(|usd| {
        Usd::from_decimal(usd)
            .ok_or_else(|| read.wrong(&at("cost_usd"), &format!("`tools.{name}.cost_usd` is no price")))
    });
    let timeout = read.document.find(&at("timeout_ms")).map(|_| read.positive(&at("timeout_ms"))).transpose()?;
    let contract = Contract {
        idempotency: idempotency(read, name)?,
        sink: list("sink"),
        content: list("content"),
        untrusted: read.flag(&at("untrusted")),
        attested: list("attested"),
        private: read.flag(&at("private")),
        cost: cost.transpose()?,
        timeout_ms: timeout,
        attempts: u32::try_from(read.positive(&at("attempts"))?).unwrap_or(u32::MAX),
        effect,
        ..Contract::unknown(name)
    };
    match contract.sink.iter().find(|argument| contract.content.contains(argument)) {
        None => Ok(contract),
        Some(both) => {
            Err(read.wrong(&at("content"), &format!("the argument `{both}` of `{name}` is both a sink and content")))
        }
    }
}

/// `header:NAME`, `argument:NAME` or `lookup:TOOL`, in the manner of `env:NAME`.
fn idempotency(read: &Reader<'_>, name: &str) -> Result<Idempotency, ConfigError> {
    let path = ["tools", name, "idempotency"];
    let text = read.text(&path).unwrap_or_default();
    let named = text.split_once(':').map(|(kind, name)| (kind, name.trim().to_owned()));
    match named {
        _ if text.is_empty() || text == "opaque" => Ok(Idempotency::Opaque),
        Some(("header", header)) if !header.is_empty() => {
            Ok(Idempotency::Keyed { header: Some(header), argument: None })
        }
        Some(("argument", argument)) if !argument.is_empty() => {
            Ok(Idempotency::Keyed { header: None, argument: Some(argument) })
        }
        Some(("lookup", tool)) if !tool.is_empty() => Ok(Idempotency::Lookup { tool }),
        _ => Err(read
            .wrong(&path, &format!("`{text}` does not say what makes a repeated call safe"))
            .hint("write `header:NAME`, `argument:NAME`, `lookup:TOOL` or `opaque`")),
    }
}
