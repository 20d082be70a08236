//! What tests and the demo need from outside, fetched once into the build folder and used again from there.
//!
//! Python and Node packages come by their own clients at pinned versions; nothing is installed outside the build folder
//! but Chromium and Node themselves, by apt, and only where they are missing.

mod apt;
mod chromium;
mod llama;
mod node;
mod python;

use std::path::{Path, PathBuf};

pub(crate) use chromium::chromium;
pub(crate) use llama::{local_binary, pulled};
pub(crate) use node::packages;
pub(crate) use python::{environment, sdk_python};

use crate::{Failure, house};

/// A folder that `make` fills, unless it was filled for the same `content` before. What is half made is made anew.
fn once(name: &str, content: &str, make: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<PathBuf, Failure> {
    let folder = house::target("setup").join(name);
    let done = folder.join("done");
    if std::fs::read_to_string(&done).is_ok_and(|known| known == content) {
        return Ok(folder);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    make(&folder)?;
    std::fs::write(done, content)?;
    Ok(folder)
}
