//! The rivals: fetched at pinned versions by pip, npm and cargo into the build folder, and run over the same sets.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{Failure, house, setup};

const PYTHON: &[&str] = &["json_repair==0.64.6", "jiter==0.19.0", "jsonschema==4.26.0"];
const BAML: &[&str] = &["baml-py==0.226.3", "pydantic==2.14.4", "typing-extensions==4.16.0"];
const NODE: &[&str] = &["jsonrepair@3.15.0"];
const RUST: &str = "[package]\nname = \"rivals\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
    jsonrepair-rs = \"=0.2.6\"\nllm_json = \"=1.0.3\"\nserde_json = { version = \"1\", features = [\"preserve_order\"] }\n";

/// A rival's place, or why it could not be fetched.
type Fetched = Result<PathBuf, String>;

/// All rivals, ready to run or with the cause of their absence.
pub(super) struct Rivals {
    python: Fetched,
    baml: Fetched,
    node: Fetched,
    rust: Fetched,
    scripts: PathBuf,
}

/// What a rival can be asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    All,
    /// Nothing without a schema.
    Schemas,
}

impl Asked {
    fn sets(self) -> impl Iterator<Item = &'static str> {
        let syntax = (self == Self::All).then_some("syntax");
        syntax.into_iter().chain(["bracket", "drift", "must_refuse"]).chain(super::BLIND)
    }
}

/// Each rival's name. `jiter` repairs nothing: it is there for what reading without repair gives, and for its previews.
const ROWS: &[(&str, Asked)] = &[
    ("json_repair", Asked::All),
    ("json_repair-schema", Asked::Schemas),
    ("json_repair-salvage", Asked::Schemas),
    ("baml", Asked::Schemas),
    ("jsonrepair", Asked::All),
    ("jsonrepair-rs", Asked::All),
    ("llm_json", Asked::All),
    ("jiter", Asked::All),
];

impl Rivals {
    /// Fetches what is not there yet.
    pub(super) fn fetch() -> Self {
        let scripts = house::root().join("xtask/src/bench/structured");
        let python = |name: &str, packages: &[&str]| {
            setup::environment(name, packages)
                .map(|folder| folder.join("bin/python"))
                .map_err(|why| why.message().to_owned())
        };
        Self {
            python: python("rivals-python", PYTHON),
            baml: python("rivals-baml", BAML),
            node: setup::packages("rivals-node", NODE).map_err(|why| why.message().to_owned()),
            rust: built(&scripts).map_err(|why| why.message().to_owned()),
            scripts,
        }
    }

    /// Runs every rival over the sets of a folder and has its answers judged by `judge SET ANSWERS`.
    pub(super) fn run(
        &self,
        folder: &Path,
        judge: impl Fn(&Path, &Path) -> Result<Value, Failure>,
    ) -> Result<Value, Failure> {
        let mut rows = serde_json::Map::new();
        for (name, asked) in ROWS {
            let mut row = serde_json::Map::new();
            for set in asked.sets() {
                let (cases, answers) =
                    (folder.join(format!("{set}.jsonl")), folder.join(format!("{set}.{name}.jsonl")));
                eprintln!("{name} on {set}");
                let spent = self
                    .command(name, &cases, &answers)
                    .and_then(|mut command| house::output(&mut command).map_err(|why| why.message().to_owned()));
                let figures = match spent {
                    Ok(spent) => {
                        let mut figures = judge(&cases, &answers)?;
                        let spent: Value = serde_json::from_str(spent.trim())?;
                        figures.as_object_mut().map(|figures| figures.insert("cpu".to_owned(), spent));
                        figures
                    }
                    Err(why) => json!({"absent": why}),
                };
                row.insert(set.to_owned(), figures);
            }
            rows.insert((*name).to_owned(), Value::Object(row));
        }
        for name in ["jiter-previews", "json_repair-previews"] {
            let Ok(python) = &self.python else { continue };
            let mut command = Command::new(python);
            command.arg(self.scripts.join("rivals.py")).arg(name).arg(folder.join("valid.jsonl")).arg("-");
            rows.insert(name.to_owned(), serde_json::from_str(house::output(&mut command)?.trim())?);
        }
        Ok(json!(rows))
    }

    fn command(&self, name: &str, cases: &Path, answers: &Path) -> Result<Command, String> {
        let mut command = match name {
            "jsonrepair" => {
                let mut node = Command::new("node");
                node.arg(self.scripts.join("rivals.mjs")).arg(self.node.as_ref().map_err(Clone::clone)?);
                node
            }
            "jsonrepair-rs" | "llm_json" => {
                let mut rust = Command::new(self.rust.as_ref().map_err(Clone::clone)?);
                rust.arg(name);
                rust
            }
            "baml" => {
                let mut python = Command::new(self.baml.as_ref().map_err(Clone::clone)?);
                python.env("BAML_LOG", "off").arg(self.scripts.join("baml.py"));
                python
            }
            _ => {
                let mut python = Command::new(self.python.as_ref().map_err(Clone::clone)?);
                python.arg(self.scripts.join("rivals.py")).arg(name);
                python
            }
        };
        command.arg(cases).arg(answers);
        Ok(command)
    }
}

/// The Rust rivals are a package of their own, so that they stay out of the lock file.
fn built(scripts: &Path) -> Result<PathBuf, Failure> {
    let folder = house::target("setup/rivals-rust");
    std::fs::create_dir_all(folder.join("src"))?;
    std::fs::write(folder.join("Cargo.toml"), RUST)?;
    std::fs::copy(scripts.join("rivals_main.rs.txt"), folder.join("src/main.rs"))?;
    let mut cargo = house::cargo();
    cargo.current_dir(&folder).args(["build", "--release", "--quiet", "--target-dir", "target"]);
    house::run(&mut cargo)?;
    Ok(folder.join("target/release/rivals"))
}

/// The JSON-Schema-Test-Suite, as it comes in the source package of `jsonschema` on PyPI.
pub(super) fn schema_suite() -> Result<PathBuf, Failure> {
    let folder = house::target("setup/schema-suite");
    let suite = folder.join("jsonschema-4.26.0/json");
    if !suite.exists() {
        std::fs::create_dir_all(&folder)?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest"]);
        house::output(pip.arg(&folder).arg("jsonschema==4.26.0"))?;
        let mut tar = Command::new("tar");
        house::output(tar.arg("-xzf").arg(folder.join("jsonschema-4.26.0.tar.gz")).arg("-C").arg(&folder))?;
    }
    Ok(suite)
}
