//! Secrets come from the environment or from a file, never from the configuration's own text.

use std::path::Path;

use steersman_core::Secret;

use super::settings::Config;

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The text is neither `env:` nor `file:`; it may be the secret itself, so it is not shown.
    #[error("a secret must be written as `env:NAME` or `file:path`, never as the secret itself")]
    Literal,
    /// The variable is not set, or empty.
    #[error("the environment variable `{0}` is not set")]
    Unset(String),
    /// The file is there and holds nothing: a mount that was not filled.
    #[error("the secret file `{0}` is empty; write the secret into it")]
    Empty(String),
    /// The file cannot be read.
    #[error("the secret file `{path}` cannot be read: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's own words.
        cause: std::io::Error,
    },
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// In this environment variable.
    Environment(String),
    /// In this file.
    File(String),
}

impl SecretSource {
    /// Reads `env:NAME` or `file:path`.
    pub(crate) fn parse(text: &str) -> Result<Self, SecretError> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Environment(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            _ => Err(SecretError::Literal),
        }
    }

    /// Fetches the secret, without its trailing line break.
    pub(crate) fn fetch(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Secret, SecretError> {
        match self {
            Self::Environment(name) => environment(name)
                .filter(|value| !value.trim().is_empty())
                .map(|value| Secret::new(value.trim()))
                .ok_or_else(|| SecretError::Unset(name.clone())),
            Self::File(path) => match std::fs::read_to_string(Path::new(path)) {
                // An empty key would be equal to the one that nobody sent.
                Ok(text) if text.trim().is_empty() => Err(SecretError::Empty(path.clone())),
                Ok(text) => Ok(Secret::new(text.trim())),
                Err(cause) => Err(SecretError::Unreadable { path: path.clone(), cause }),
            },
        }
    }
}

impl std::fmt::Display for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

impl Config {
    /// The secrets that cannot be fetched, each with the key that names it and why.
    pub(crate) fn missing_secrets(&self, environment: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let own = [
            ("server.api_key".to_owned(), self.api_key.as_ref()),
            ("admin.api_key".to_owned(), self.admin_key.as_ref()),
            ("store.database_url".to_owned(), self.database_url.as_ref()),
        ];
        let of_tools = self
            .tool_servers
            .iter()
            .flat_map(|server| server.secrets().map(|source| (format!("tool_servers.{}", server.name), Some(source))));
        let missing = |(place, source): (String, Option<&SecretSource>)| {
            let error = source?.fetch(&environment).err()?;
            Some(format!("`{place}`: {error}"))
        };
        let mut all: Vec<_> = own.into_iter().filter_map(missing).collect();
        all.extend(self.missing_keys(&environment));
        all.extend(of_tools.filter_map(missing));
        all
    }

    /// The keys of providers that cannot be fetched, likewise.
    pub(crate) fn missing_keys(&self, environment: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let missing = self.providers.iter().filter_map(|provider| {
            let source = provider.api_key.as_ref().or_else(|| provider.cloud.source())?;
            Some(format!("`providers.{}`: {}", provider.name, source.fetch(&environment).err()?))
        });
        missing.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_empty_is_none_wherever_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = |content: &str| {
            let path = folder.path().join("secret");
            std::fs::write(&path, content).unwrap();
            SecretSource::File(path.display().to_string()).fetch(|_| None)
        };
        assert!(matches!(file(""), Err(SecretError::Empty(_))));
        assert!(matches!(file(" \n"), Err(SecretError::Empty(_))));
        assert_eq!(file("key\n").unwrap().expose(), "key");
        let variable = SecretSource::Environment("K".into()).fetch(|_| Some(" ".into()));
        assert!(matches!(variable, Err(SecretError::Unset(_))));
    }
}
