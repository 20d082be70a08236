//! `cargo xtask example`: the programs of `examples/`, each with the gateway and the simulated provider that it wants.
//!
//! An example is a folder: `provider.toml` for the provider, `steersman.toml` for the gateway, `run.py` for the client.
//! What is run here is what its reader starts by hand; only the ports and the data folder are others.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::bench::release;
use crate::server::{Gateway, Server};
use crate::task::{Task, parse};
use crate::{Failure, house, setup};

pub(crate) static TASK: Task = Task {
    name: "example",
    about: "Run one of the examples, or all, against a gateway of their own",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// Folders of `examples/` [default: all]
    names: Vec<String>,
}

/// Where the provider stands in the configurations, as `steersman sim` does by default.
const PROVIDER: &str = "127.0.0.1:4190";

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let all = names()?;
    if let Some(unknown) = arguments.names.iter().find(|name| !all.contains(name)) {
        return Err(Failure::new(format!("there is no example `{unknown}`; there are: {}", all.join(", "))));
    }
    let chosen = if arguments.names.is_empty() { &all } else { &arguments.names };
    chosen.iter().try_for_each(|name| one(name))
}

/// Every example, by name.
pub(crate) fn names() -> Result<Vec<String>, Failure> {
    let folders = std::fs::read_dir(house::root().join("examples"))?;
    let mut names = Vec::new();
    for folder in folders {
        let folder = folder?;
        if folder.path().join("run.py").exists() {
            names.push(folder.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Runs one; it fails if its program does.
pub(crate) fn one(name: &str) -> Result<(), Failure> {
    let (steersman, python) = (release("steersman", "steersman")?, setup::sdk_python()?);
    eprintln!("\n-- {name}");
    let folder = copied(name)?;
    let mut sim = Command::new(&steersman);
    sim.args(["sim", "--json", "--listen", "127.0.0.1:0"]).arg(folder.join("provider.toml"));
    let mut provider = Server::start(&mut sim)?;
    let config = folder.join("steersman.toml");
    let written = std::fs::read_to_string(&config)?;
    std::fs::write(&config, written.replace(PROVIDER, &place(&provider.line()?)?))?;
    let mut up = Command::new(&steersman);
    up.current_dir(&folder).env("PATH", path_with(&steersman)?);
    up.stderr(std::fs::File::create(folder.join("stderr"))?);
    let gateway = Gateway::start(&mut up, Some(&config), &folder.join("data"))?;
    let mut client = Command::new(python);
    client.current_dir(&folder).arg("-B").arg("run.py");
    house::run(client.env("STEERSMAN_URL", format!("http://{}", gateway.address)))?;
    gateway.server.end()
}

/// The example in a folder of the build, where its gateway may write.
fn copied(name: &str) -> Result<PathBuf, Failure> {
    let (from, to) = (house::root().join("examples").join(name), house::target("examples").join(name));
    if to.exists() {
        std::fs::remove_dir_all(&to)?;
    }
    std::fs::create_dir_all(&to)?;
    for file in std::fs::read_dir(from)? {
        let file = file?;
        std::fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(to)
}

/// Host and port, from the line that the provider prints once it is ready.
fn place(ready: &str) -> Result<String, Failure> {
    let ready: serde_json::Value = serde_json::from_str(ready)?;
    let address = ready.get("base_url").and_then(serde_json::Value::as_str);
    let address = address.ok_or_else(|| Failure::new("the simulated provider did not say where it is"))?;
    Ok(address.trim_start_matches("http://").to_owned())
}

/// The search path with the built binary first, for configurations that start `steersman`.
fn path_with(binary: &Path) -> Result<std::ffi::OsString, Failure> {
    let own = binary.parent().map(Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = own.into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(all).map_err(|error| Failure::new(format!("the search path cannot be extended: {error}")))
}
