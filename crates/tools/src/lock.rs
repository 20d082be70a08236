//! What was reviewed: `steersman.tools.lock`, a file beside the configuration, one digest a tool.
//!
//! The digest covers all that a server says of a tool and that a model reads (name, title, description, schemas). A
//! tool whose digest differs is not offered until somebody has looked at it and run `steersman tools pin`: a server
//! that turns bad after its review changes its words first.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The file's name.
pub const LOCK_FILE: &str = "steersman.tools.lock";

/// Digests by server and tool (the server's own name of it).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lock(BTreeMap<String, BTreeMap<String, String>>);

/// Why a lock cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file system refused.
    #[error("`{path}` cannot be used")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no lock file.
    #[error("`{path}` is not a list of digests: {cause}")]
    Malformed {
        /// The file.
        path: String,
        /// The parser's word.
        cause: String,
    },
}

impl Lock {
    /// Reads a lock; one that does not exist pins nothing.
    ///
    /// # Errors
    /// A file that cannot be read: pins that were lost must not look like pins that never were.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let shown = || path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => {
                toml::from_str(&text).map_err(|error| LockError::Malformed { path: shown(), cause: error.to_string() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(LockError::File { path: shown(), source }),
        }
    }

    /// Writes it, whole.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, path: &Path) -> Result<(), LockError> {
        let head = "# What was reviewed of each tool server; `steersman tools pin` writes it. Keep it under review.\n";
        let body = toml::to_string(self).unwrap_or_default();
        let fresh = path.with_extension("lock.new");
        let written = std::fs::write(&fresh, format!("{head}{body}")).and_then(|()| std::fs::rename(&fresh, path));
        written.map_err(|source| LockError::File { path: path.display().to_string(), source })
    }

    /// The reviewed digest.
    #[must_use]
    pub fn digest(&self, server: &str, tool: &str) -> Option<&str> {
        self.0.get(server)?.get(tool).map(String::as_str)
    }

    /// The tools of a server that were reviewed, by its own names.
    pub fn tools(&self, server: &str) -> impl Iterator<Item = &str> {
        self.0.get(server).into_iter().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// Pins a tool at this digest.
    pub fn pin(&mut self, server: &str, tool: &str, digest: &str) {
        self.0.entry(server.to_owned()).or_default().insert(tool.to_owned(), digest.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_read_as_it_was_written_and_a_broken_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK_FILE);
        assert_eq!(Lock::read(&path).unwrap(), Lock::default());
        let mut lock = Lock::default();
        lock.pin("files", "read_file", "abc");
        lock.write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap().digest("files", "read_file"), Some("abc"));
        std::fs::write(&path, "files = 3").unwrap();
        assert!(Lock::read(&path).unwrap_err().to_string().contains("not a list of digests"));
    }
}
