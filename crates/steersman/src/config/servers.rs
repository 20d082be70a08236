//! Where tools come from: `[tool_servers.NAME]`, one table a source.
//!
//! What never happens here: no program is started, no document is read, no secret is fetched.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use steersman_net::BaseUrl;

use super::error::ConfigError;
use super::secret::SecretSource;
use super::typed::Reader;

/// One source of tools.
#[derive(Debug, Clone)]
pub(crate) struct SourceConfig {
    pub(crate) name: String,
    pub(crate) kind: SourceKind,
    pub(crate) prefix: String,
    pub(crate) in_flight: usize,
}

/// How it is reached.
#[derive(Debug, Clone)]
pub(crate) enum SourceKind {
    /// An MCP server as a child process.
    Command { command: String, args: Vec<String>, env: Vec<(String, SecretSource)> },
    /// An MCP server over streamable HTTP.
    Http { url: BaseUrl, key: Option<SecretSource> },
    /// The operations of a document, served at an address.
    OpenApi { document: PathBuf, url: BaseUrl, key: Option<SecretSource> },
}

impl SourceConfig {
    /// What of it is not on this machine. It may be where the gateway runs.
    pub(crate) fn absent(&self, path: Option<&OsStr>) -> Option<String> {
        let place = format!("`tool_servers.{}`", self.name);
        match &self.kind {
            SourceKind::Command { command, .. } => {
                let folders = || path.into_iter().flat_map(std::env::split_paths);
                let found = match Path::new(command).components().count() {
                    1 => folders().any(|folder| folder.join(command).is_file()),
                    _ => Path::new(command).is_file(),
                };
                (!found).then(|| format!("{place}: the program `{command}` is not here"))
            }
            SourceKind::OpenApi { document, .. } => {
                (!document.is_file()).then(|| format!("{place}: the document `{}` is not here", document.display()))
            }
            SourceKind::Http { .. } => None,
        }
    }

    /// Where its secrets are.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretSource> {
        let (key, env) = match &self.kind {
            SourceKind::Command { env, .. } => (None, env.as_slice()),
            SourceKind::Http { key, .. } | SourceKind::OpenApi { key, .. } => (key.as_ref(), &[][..]),
        };
        key.into_iter().chain(env.iter().map(|(_, source)| source))
    }
}

/// Every source of the file, in its order.
pub(super) fn read(read: &Reader<'_>) -> Result<Vec<SourceConfig>, ConfigError> {
    read.document.names("tool_servers").into_iter().map(|name| source(read, name)).collect()
}

fn source(read: &Reader<'_>, name: &str) -> Result<SourceConfig, ConfigError> {
    let at = |key| ["tool_servers", name, key];
    let url = read
        .text(&at("url"))
        .map(|text| BaseUrl::parse(&text).map_err(|error| read.wrong(&at("url"), &error.to_string())))
        .transpose()?;
    let key = read.secret(&at("api_key"))?;
    let kind = match (read.text(&at("command")), url, read.text(&at("openapi"))) {
        (Some(command), None, None) => {
            let args = read.texts(&at("args")).unwrap_or_default();
            SourceKind::Command { command, args, env: environment(read, name)? }
        }
        (None, Some(url), None) => SourceKind::Http { url, key },
        (None, Some(url), Some(file)) => SourceKind::OpenApi { document: read.document.folder().join(file), url, key },
        _ => {
            return Err(read
                .wrong(&at(""), &format!("`tool_servers.{name}` does not say how it is reached"))
                .hint("write `command` (an MCP server as a program), `url` (one over HTTP), or `openapi` with `url`"));
        }
    };
    let prefix = read.text(&at("prefix")).unwrap_or_default();
    Ok(SourceConfig { name: name.to_owned(), kind, prefix, in_flight: read.size(&at("in_flight"))? })
}

fn environment(read: &Reader<'_>, name: &str) -> Result<Vec<(String, SecretSource)>, ConfigError> {
    let place = ["tool_servers", name, "env"];
    let entry = |text: String| {
        let broken = || {
            read.wrong(&place, &format!("`tool_servers.{name}.env` holds an entry that is no `NAME=env:VARIABLE`"))
                .hint("write `NAME=env:VARIABLE` or `NAME=file:path`; a value itself does not belong into this file")
        };
        let (variable, source) = text.split_once('=').ok_or_else(broken)?;
        Ok((variable.to_owned(), SecretSource::parse(source).map_err(|_| broken())?))
    };
    read.texts(&place).unwrap_or_default().into_iter().map(entry).collect()
}
