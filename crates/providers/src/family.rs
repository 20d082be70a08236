//! Which name of the price table a model has whose id says more than that: a date, a version, a place.
//!
//! What never happens here: two models that a vendor prices apart become one.

/// How a vendor's ids are read. (No function: settings are hashed as they print, and an address is another each time.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// As they are: dated ids have prices of their own.
    AsNamed,
    /// Claude's, at home and at Google.
    Claude,
    /// Claude's at Amazon.
    Bedrock,
}

impl Family {
    pub(crate) const fn reader(self) -> fn(&str) -> &str {
        match self {
            Self::AsNamed => as_named,
            Self::Claude => of_claude,
            Self::Bedrock => of_bedrock,
        }
    }
}

const fn as_named(model: &str) -> &str {
    model
}

/// Claude: `claude-sonnet-4-5-20250929`, at Google `claude-sonnet-4-5@20250929`. All ids of a version have one price.
fn of_claude(model: &str) -> &str {
    let name = model.split('@').next().unwrap_or(model);
    match name.rsplit_once('-') {
        Some((name, date)) if date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => name,
    }
}

/// Claude at Amazon: `eu.anthropic.claude-sonnet-4-5-20250929-v1:0`, alone or at the end of a profile's address. A
/// geography has the price of its regions; only `global.` has its own.
fn of_bedrock(model: &str) -> &str {
    let id = model.rsplit('/').next().unwrap_or(model);
    let unversioned = match id.rsplit_once("-v") {
        Some((name, version)) if version.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') => name,
        _ => id,
    };
    let name = of_claude(unversioned);
    let home = name.find("anthropic.").and_then(|at| name.get(at..));
    home.filter(|_| !name.starts_with("global.")).unwrap_or(name)
}
