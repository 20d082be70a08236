//! Which listeners there are and who may be there: `admin.listen`, `server.hosts`, `[tls]`.
//!
//! The console and `/admin` stand on the address of the clients where only this machine reaches that, and on an address
//! of their own where others do, so that no client's network leads to them unless the file says so.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use steersman_engine::LoadLimits;

use super::document::Document;
use super::error::ConfigError;
use super::secret::SecretSource;
use super::settings::Config;
use super::typed::Reader;
use crate::http::TlsFiles;

/// Where the console and `/admin` stand when clients of other machines reach `server.listen`.
const ADMIN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4181);

/// What the file says of listeners.
#[derive(Debug)]
pub(crate) struct SurfaceConfig {
    pub(super) admin_listen: Option<SocketAddr>,
    /// Hosts beside loopback names and addresses by which the gateway is reached, lower case.
    pub(crate) hosts: Vec<String>,
    /// The certificate of `server.listen`, and of `admin.listen` where that is not loopback.
    pub(crate) tls: Option<TlsFiles>,
    /// What may be under way and what may wait.
    pub(crate) load: LoadLimits,
}

/// Reads it.
pub(super) fn read(read: &Reader<'_>) -> Result<SurfaceConfig, ConfigError> {
    let place = ["admin", "listen"];
    let admin_listen = match read.text(&place) {
        Some(_) => Some(read.parsed(&place, "an address and port such as `127.0.0.1:4181`")?),
        None => None,
    };
    let place = ["server", "hosts"];
    let hosts = read.texts(&place).unwrap_or_default();
    if let Some(wrong) = hosts.iter().find(|host| host.is_empty() || host.contains(['/', '*', ' '])) {
        return Err(read
            .wrong(&place, &format!("`{wrong}` is no host"))
            .hint("write a name as in `gateway.example.com` or `localhost:3000`, without scheme and path"));
    }
    let hosts = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
    let load = LoadLimits {
        in_flight: read.size(&["server", "max_in_flight"])?,
        held_bytes: read.positive(&["server", "max_held_mb"])?.saturating_mul(1 << 20),
        waiting: read.size(&["server", "max_waiting"])?,
        wait: read.millis(&["server", "max_wait_ms"])?,
    };
    Ok(SurfaceConfig { admin_listen, hosts, tls: tls(read)?, load })
}

/// Both files or none, relative to the configuration's own.
fn tls(read: &Reader<'_>) -> Result<Option<TlsFiles>, ConfigError> {
    let file = |key| read.text(&["tls", key]).map(|path| read.document.folder().join(path));
    match (file("certificate"), file("key")) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        _ => Err(read
            .wrong(&["tls", ""], "`[tls]` names only one of its two files")
            .hint("set both `tls.certificate` and `tls.key`, PEM files")),
    }
}

impl SurfaceConfig {
    /// The address of the console and `/admin`; `None`: they stand beside the API at `listen`.
    pub(crate) fn admin_apart(&self, listen: SocketAddr) -> Option<SocketAddr> {
        match self.admin_listen {
            // Port 0 is another one each time.
            Some(own) => (own != listen || own.port() == 0).then_some(own),
            None => (!listen.ip().is_loopback()).then_some(ADMIN_DEFAULT),
        }
    }

    /// Refuses an address for the console that other machines reach without a key of its own.
    pub(super) fn check(
        &self,
        listen: SocketAddr,
        (api_key, admin_key): (Option<&SecretSource>, Option<&SecretSource>),
        document: &Document,
    ) -> Result<(), ConfigError> {
        let admin = self.admin_apart(listen).unwrap_or(listen);
        if admin.ip().is_loopback() || (admin_key.is_some() && admin_key != api_key) {
            return Ok(());
        }
        let message = format!(
            "the console and `/admin` at `{admin}` are reachable from other machines without a key of their own"
        );
        let error = match document.find(&["admin", "listen"]) {
            Some((_, span)) => document.error(message, span),
            None => ConfigError::new(message),
        };
        Err(error.hint(
            "set `admin.api_key` to another secret than `server.api_key`, or `admin.listen` to a loopback address",
        ))
    }
}

impl Config {
    /// Where the console and `/admin` are and what they want, in words.
    pub(crate) fn describe_admin(&self) -> String {
        let place = match self.surface.admin_apart(self.listen) {
            Some(at) => format!("the console and `/admin` listen on {at}"),
            None => "the console and `/admin` are on the same port".to_owned(),
        };
        let key = match (&self.admin_key, &self.api_key) {
            (Some(source), _) => format!("with the key from {source}"),
            (None, Some(source)) => {
                format!("with the clients' key from {source}; `admin.api_key` gives them their own")
            }
            (None, None) => "without a key; only loopback names and `server.hosts` lead there".to_owned(),
        };
        format!("{place}, {key}")
    }
}
