//! Python packages in a virtual environment of their own.

use std::path::PathBuf;
use std::process::Command;

use super::once;
use crate::{Failure, house};

/// The folder of an environment that holds these packages (`name==version`).
pub(crate) fn environment(name: &str, packages: &[&str]) -> Result<PathBuf, Failure> {
    once(name, &packages.join(" "), |folder| {
        eprintln!("fetching {} with pip", packages.join(", "));
        let hint = "Python 3 with venv and pip is needed (Debian: python3-venv)";
        let venv = house::output(Command::new("python3").args(["-m", "venv"]).arg(folder));
        venv.map_err(|failure| failure.hint(hint))?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
        house::output(&mut pip).map(drop)
    })
}

/// An interpreter with the official SDKs, as tests and examples use them.
pub(crate) fn sdk_python() -> Result<PathBuf, Failure> {
    let packages = ["openai==3.54.0", "anthropic==2.12.0", "google-genai==3.6.1", "mcp==2.3.0"];
    Ok(environment("sdk-python", &packages)?.join("bin/python"))
}
