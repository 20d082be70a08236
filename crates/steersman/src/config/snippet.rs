//! A line of the configuration as an error may show it. Errors go to logs, and a file holds secrets before it is right:
//! a key typed where its name should stand, a quote that is missing, an address with a password in it.
//!
//! So a line is shown whole only where it is the header of a table, or where its key is known and holds no secret. What
//! never happens here: a value that is shown because nobody knew its key.

use super::keys::{KEYS, Kind};

/// What a hidden value looks like.
pub(super) const HIDDEN: &str = "...";
/// Keys whose values may hold a secret of somebody else.
const FOREIGN: &[&str] = &["args", "env"];

/// How many bytes of a line may be shown.
pub(super) fn shown(line: &str) -> usize {
    let Some((key, value)) = line.split_once('=') else {
        return if line.trim_start().starts_with('[') { line.len() } else { line.len() - line.trim_start().len() };
    };
    let key_end = key.len() + 1 + usize::from(value.starts_with(' '));
    let key = key.trim_end().trim_end_matches(['"', '\'']);
    let name = key.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').next().unwrap_or_default();
    if is_open(name) && !value.trim_start().starts_with('{') && !holds_credentials(value) {
        line.len()
    } else {
        key_end
    }
}

/// Whether a key of this name is known, and never one of a secret.
fn is_open(name: &str) -> bool {
    let mut kinds = KEYS.iter().filter(|key| key.path.rsplit('.').next() == Some(name)).map(|key| key.kind).peekable();
    kinds.peek().is_some() && kinds.all(|kind| kind != Kind::Secret) && !FOREIGN.contains(&name)
}

/// Whether an address has a user's name or a query in it.
fn holds_credentials(value: &str) -> bool {
    value.split_once("://").is_some_and(|(_, rest)| rest.contains(['@', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_a_value_only_where_its_key_is_known_and_holds_no_secret() {
        let shows = |line: &str| {
            format!("{}{}", line.get(..shown(line)).unwrap(), if shown(line) < line.len() { HIDDEN } else { "" })
        };
        for whole in
            ["[providers.openai]", "listen = 4180", "check = \"a == b ? c : d\"", "base_url = \"https://h/v1\""]
        {
            assert_eq!(shows(whole), whole);
        }
        for (line, kept) in [
            ("api_key = sk-planted", "api_key = ..."),
            ("  \"api_key\"=\"sk-planted", "  \"api_key\"=..."),
            ("providers.openai.api_key = 'sk-planted'", "providers.openai.api_key = ..."),
            ("api_kye = \"sk-planted\"", "api_kye = ..."),
            ("openai = { models = [], api_key = \"sk-planted\" }", "openai = ..."),
            ("[providers.openai] api_key = \"sk-planted\"", "[providers.openai] api_key = ..."),
            ("database_url=postgres://user:planted@db/x", "database_url=..."),
            ("base_url = \"https://user:planted@h/v1\"", "base_url = ..."),
            ("base_url = https://h/v1?key=planted", "base_url = ..."),
            ("args = [\"--token\", \"planted\"]", "args = ..."),
            ("  sk-planted", "  ..."),
            ("api_key: sk-planted", "..."),
        ] {
            assert_eq!(shows(line), kept);
        }
    }
}
