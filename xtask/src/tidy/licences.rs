//! Every package has a licence that `deny.toml` allows and comes from the registry.
//!
//! `cargo deny` checks the same and more; this is the part that needs nothing installed.

use super::{Findings, Repository};
use crate::{Failure, house};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks every package of the lock file.
pub(super) fn check(repository: &Repository) -> Result<Findings, Failure> {
    let deny: toml::Table = std::fs::read_to_string(house::root().join("deny.toml"))?.parse()?;
    let allowed = strings(&deny, &["licenses", "allow"]);
    let bans: Vec<Ban> = at(&deny, &["bans", "deny"]).into_iter().flatten().filter_map(Ban::read).collect();
    let mut findings = Findings::default();
    for package in &repository.graph.packages {
        let name = format!("{} {}", package.name, package.version);
        match &package.licence {
            None => findings.complaints.push(format!("{name} states no licence")),
            Some(licence) if !permitted(licence, &allowed) => {
                findings.complaints.push(format!("{name} has the licence `{licence}`, which deny.toml does not allow"));
            }
            Some(_) => {}
        }
        if package.source.as_deref().is_some_and(|source| source != REGISTRY) {
            findings.complaints.push(format!("{name} does not come from crates.io"));
        }
        if let Some(ban) = bans.iter().find(|ban| ban.name == package.name) {
            let users = repository.graph.packages.iter().filter(|user| user.needs.contains(&package.name));
            let users: Vec<&str> = users
                .map(|user| user.name.as_str())
                .filter(|user| !ban.wrappers.iter().any(|one| one == user))
                .collect();
            if ban.wrappers.is_empty() || !users.is_empty() {
                findings.complaints.push(format!("{name} is banned by deny.toml; it is used by {}", users.join(", ")));
            }
        }
    }
    Ok(findings)
}

/// Whether an SPDX expression can be satisfied with the allowed licences: one side of each `OR`, both of each `AND`.
fn permitted(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed)
}

fn any_of(rest: &mut &[&str], allowed: &[String]) -> bool {
    let mut holds = all_of(rest, allowed);
    while let [word, after @ ..] = *rest
        && *word == "OR"
    {
        *rest = after;
        holds |= all_of(rest, allowed);
    }
    holds
}

fn all_of(rest: &mut &[&str], allowed: &[String]) -> bool {
    let mut holds = one(rest, allowed);
    while let [word, after @ ..] = *rest
        && *word == "AND"
    {
        *rest = after;
        holds &= one(rest, allowed);
    }
    holds
}

fn one(rest: &mut &[&str], allowed: &[String]) -> bool {
    match *rest {
        ["(", after @ ..] => {
            *rest = after;
            let holds = any_of(rest, allowed);
            *rest = rest.get(1..).unwrap_or_default();
            holds
        }
        [licence, "WITH", exception, after @ ..] => {
            *rest = after;
            allowed.contains(&format!("{licence} WITH {exception}"))
        }
        [licence, after @ ..] => {
            *rest = after;
            allowed.iter().any(|known| known == licence)
        }
        [] => false,
    }
}

fn at<'t>(table: &'t toml::Table, path: &[&str]) -> Option<&'t Vec<toml::Value>> {
    let (last, parents) = path.split_last()?;
    let mut here = table;
    for parent in parents {
        here = here.get(*parent)?.as_table()?;
    }
    here.get(*last)?.as_array()
}

fn strings(table: &toml::Table, path: &[&str]) -> Vec<String> {
    at(table, path).into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

/// A crate that may not come in, but for what these others need of it inside.
struct Ban {
    name: String,
    wrappers: Vec<String>,
}

impl Ban {
    fn read(value: &toml::Value) -> Option<Self> {
        let table = value.as_table()?;
        Some(Self { name: table.get("crate")?.as_str()?.to_owned(), wrappers: strings(table, &["wrappers"]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_holds_if_its_allowed_side_suffices() {
        let allowed: Vec<String> =
            ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
        let check =
            |expression: &str, wanted: bool| assert_eq!(permitted(expression, &allowed), wanted, "{expression}");
        check("MIT", true);
        check("MIT/Apache-2.0", true);
        check("GPL-3.0", false);
        check("GPL-3.0 OR MIT", true);
        check("GPL-3.0 AND MIT", false);
        check("(GPL-3.0 OR MIT) AND Unicode-3.0", true);
        check("MIT OR GPL-3.0 AND GPL-2.0", true);
        check("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true);
        check("GPL-2.0 WITH Classpath-exception-2.0", false);
        check("", false);
    }
}
