//! A Chromium to look at the console with.

use std::path::PathBuf;

use super::apt;
use crate::{Failure, house};

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The browser's path; installs one where there is none. `CHROMIUM` names another.
pub(crate) fn chromium() -> Result<PathBuf, Failure> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Ok(path.into());
    }
    if let Some(path) = found() {
        return Ok(path);
    }
    apt::install(&["chromium"])?;
    found().ok_or_else(|| Failure::new("there is no Chromium, though apt has installed one").hint("set CHROMIUM"))
}

fn found() -> Option<PathBuf> {
    NAMES.iter().find_map(|name| house::on_path(name))
}
