//! Node packages.

use std::path::PathBuf;
use std::process::Command;

use super::{apt, once};
use crate::{Failure, house};

/// A folder whose `node_modules` holds these packages (`name@version`). No package runs code of its own on the way.
pub(crate) fn packages(name: &str, packages: &[&str]) -> Result<PathBuf, Failure> {
    if house::on_path("node").is_none() || house::on_path("npm").is_none() {
        apt::install(&["nodejs", "npm"])?;
    }
    once(name, &packages.join(" "), |folder| {
        eprintln!("fetching {} with npm", packages.join(", "));
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        npm.arg("--prefix").arg(folder).args(packages).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
        house::output(&mut npm).map(drop)
    })
}
