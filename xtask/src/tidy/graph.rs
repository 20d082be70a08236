//! The packages of the workspace, as `cargo metadata` and `cargo tree` tell them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Findings, Repository};
use crate::{Failure, house};

/// The most packages that a plain build for Linux may take, and that the lock file may hold.
const MOST_BUILT: usize = 350;
const MOST_LOCKED: usize = 650;
const LINUX: &str = "x86_64-unknown-linux-gnu";

/// One package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    /// Its name.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// Its licence expression, if it states one.
    pub(super) licence: Option<String>,
    /// Where it comes from; none for a member of the workspace.
    pub(super) source: Option<String>,
    /// The names it depends on in a build (not in tests).
    pub(super) needs: Vec<String>,
}

/// All packages for all platforms and features.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// In the order of their names.
    pub(super) packages: Vec<Package>,
}

impl Graph {
    /// Reads the graph.
    pub(super) fn read() -> Result<Self, Failure> {
        let json =
            house::output(house::cargo().args(["metadata", "--format-version", "1", "--all-features", "--locked"]))?;
        let metadata: Value = serde_json::from_str(&json)?;
        let packages = metadata.get("packages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Ok(Self { packages: packages.iter().map(Package::read).collect() })
    }

    /// The members of the workspace.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.source.is_none())
    }
}

impl Package {
    fn read(json: &Value) -> Self {
        let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        let needs = json.get("dependencies").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let in_build = needs.iter().filter(|need| need.get("kind").and_then(Value::as_str) != Some("dev"));
        Self {
            name: text("name").unwrap_or_default(),
            version: text("version").unwrap_or_default(),
            licence: text("license"),
            source: text("source"),
            needs: in_build.filter_map(|need| need.get("name").and_then(Value::as_str).map(str::to_owned)).collect(),
        }
    }
}

/// The packages that a plain build of `selection` (arguments of `cargo tree`) links on Linux.
pub(super) fn linked(selection: &[&str]) -> Result<BTreeSet<String>, Failure> {
    let fixed = ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--target", LINUX];
    let lines = house::output(house::cargo().args(fixed).args(selection))?;
    Ok(lines.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect())
}

/// The graph stays light.
pub(super) fn sizes(repository: &Repository) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    let built = linked(&["--workspace"])?.len();
    let lock = std::fs::read_to_string(house::root().join("Cargo.lock"))?;
    let locked = lock.lines().filter(|line| *line == "[[package]]").count();
    findings.remarks.push(format!("{built} packages in a plain build, {locked} in the lock file"));
    for (count, most, what) in [(built, MOST_BUILT, "a plain build takes"), (locked, MOST_LOCKED, "the lock file has")]
    {
        if count > most {
            findings.complaints.push(format!("{what} {count} packages; {most} is the limit"));
        }
    }
    let mut twice: Vec<&str> = Vec::new();
    for pair in repository.graph.packages.windows(2) {
        if let [one, two] = pair
            && one.name == two.name
        {
            twice.push(&one.name);
        }
    }
    twice.dedup();
    if !twice.is_empty() {
        findings.remarks.push(format!("in more than one version: {}", twice.join(", ")));
    }
    Ok(findings)
}
