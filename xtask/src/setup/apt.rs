//! Debian packages, where something is missing that no other client brings.

use std::process::Command;

use crate::{Failure, house};

/// Installs packages with apt, by sudo where this is not root.
pub(super) fn install(packages: &[&str]) -> Result<(), Failure> {
    eprintln!("installing {} with apt", packages.join(" and "));
    let hint = format!("install {} by hand, then run this again", packages.join(" and "));
    let root = house::output(Command::new("id").arg("-u"))?.trim() == "0";
    for words in [&["update", "-qq"][..], &[&["install", "-y", "-qq", "--no-install-recommends"], packages].concat()] {
        let mut command = Command::new(if root { "apt-get" } else { "sudo" });
        if !root {
            command.args(["-n", "apt-get"]);
        }
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        house::output(&mut command).map_err(|failure| failure.hint(&hint))?;
    }
    Ok(())
}
