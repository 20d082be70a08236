//! Finding and reading the configuration, for every command that needs it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config::{Config, Document};

use super::Failure;

/// The file that is read when none is named: in the working folder, if it is there.
pub(super) const DEFAULT_FILE: &str = "steersman.toml";

/// Where a configuration came from.
pub(super) struct Loaded {
    /// The checked configuration.
    pub(super) config: Config,
    /// The file, if there is one.
    pub(super) file: Option<PathBuf>,
}

/// Reads `file`, or `steersman.toml` in the working folder, or nothing at all.
pub(super) fn load(file: Option<&Path>) -> Result<Loaded, Failure> {
    let file = match file {
        Some(file) => Some(file.to_owned()),
        None => Some(PathBuf::from(DEFAULT_FILE)).filter(|default| default.exists()),
    };
    let document = match &file {
        None => Document::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                let hint = match error.kind() {
                    ErrorKind::NotFound => "`steersman init` writes one with every key explained",
                    ErrorKind::InvalidData => "save it as UTF-8 text",
                    ErrorKind::IsADirectory => "name a file in it",
                    _ => "make it readable for the user that runs this, or name another with `--config FILE`",
                };
                Failure::new(format!("the configuration `{}` cannot be read: {error}", path.display())).hint(hint)
            })?;
            Document::parse(&path.display().to_string(), &text)?
        }
    };
    let config = Config::from_document(&document, &|name| std::env::var(name).ok())?;
    Ok(Loaded { config, file })
}

/// The data folder: as configured, else `steersman` in the user's data folder.
pub(super) fn data_folder(config: &Config, flag: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(folder) = flag.map(Path::to_owned).or_else(|| config.data.clone()) {
        return Ok(folder);
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    base.map(|base| base.join("steersman")).ok_or_else(|| {
        Failure::new("there is no user's data folder: neither `XDG_DATA_HOME` nor `HOME` is set")
            .hint("name one with `--data FOLDER` or `store.path`")
    })
}
