//! TLS on a listener: a certificate and its key from two files, looked at again while the gateway runs.
//!
//! A renewed pair is in force for the next connection; what is under way goes on. A pair that cannot be used (a file
//! half written, a key of another certificate) leaves the old one in force until it can.
//!
//! What never happens here: a key in a message.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate and those between it and its root, PEM.
    pub(crate) certificate: PathBuf,
    /// Its private key, PEM.
    pub(crate) key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// The certificate's file.
    #[error("the certificate `{path}` cannot be read: {cause}")]
    Certificate {
        /// The file.
        path: String,
        /// Why.
        cause: rustls::pki_types::pem::Error,
    },
    /// A file without a certificate in it.
    #[error("there is no certificate in `{0}`; it must be PEM, `-----BEGIN CERTIFICATE-----`")]
    Empty(String),
    /// The key's file.
    #[error("the private key `{path}` cannot be read: {cause}")]
    Key {
        /// The file.
        path: String,
        /// Why.
        cause: rustls::pki_types::pem::Error,
    },
    /// They do not go together.
    #[error("the certificate `{path}` cannot be used with its key: {cause}")]
    Pair {
        /// The certificate's file.
        path: String,
        /// Why.
        cause: rustls::Error,
    },
}

impl TlsFiles {
    /// Reads both.
    pub(crate) fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let Self { certificate, key } = self;
        let path = shown(certificate);
        let unreadable = |cause| TlsError::Certificate { path: path.clone(), cause };
        let chain = CertificateDer::pem_file_iter(certificate).map_err(unreadable)?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        if chain.is_empty() {
            return Err(TlsError::Empty(path));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|cause| TlsError::Key { path: shown(key), cause })?;
        let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("invariant: ring supports the default protocol versions");
        let pair = builder.with_no_client_auth().with_single_cert(chain, key);
        let mut config = pair.map_err(|cause| TlsError::Pair { path, cause })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn changed_at(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.key].map(|file| std::fs::metadata(file).ok()?.modified().ok())
    }
}

/// The pair that is in force.
pub(crate) struct Tls {
    config: RwLock<Arc<ServerConfig>>,
    /// The files, and when those in force were changed.
    seen: Mutex<(TlsFiles, [Option<SystemTime>; 2])>,
}

impl Tls {
    /// Reads the pair for the first time.
    pub(crate) fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let changed = files.changed_at();
        Ok(Self { config: RwLock::new(files.load()?), seen: Mutex::new((files, changed)) })
    }

    /// For the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Takes these files instead.
    pub(crate) fn replace(&self, files: TlsFiles) -> Result<(), TlsError> {
        let changed = files.changed_at();
        let config = files.load()?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = (files, changed);
        Ok(())
    }

    /// Reads the files again if they were changed. Gives whether that was so.
    pub(crate) fn refresh(&self) -> Result<bool, TlsError> {
        let (files, seen) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if files.changed_at() == seen {
            return Ok(false);
        }
        self.replace(files).map(|()| true)
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
