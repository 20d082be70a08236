//! What a running gateway does beside serving: it looks for changed keys, settles budgets, and takes over a changed
//! configuration.
//!
//! A new configuration becomes a new pipeline beside the old one: requests under way end in the one they began in, and
//! what is known of places, keys and budgets goes on. A file that is not valid changes nothing, and `/readyz` says why.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use steersman_core::Secret;
use steersman_net::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::config_file::{Loaded, load};
use crate::drift::{AliasSettings, DriftKeeper};
use crate::http::{Surface, Tls, now_us};
use crate::local::LocalModels;
use crate::{compose, keys};

/// How often keys and the file are looked at, and budgets settled.
const ROUND: Duration = Duration::from_millis(500);

/// What it needs.
pub(super) struct Care<'a> {
    pub(super) surface: Arc<Surface>,
    pub(super) file: Option<PathBuf>,
    /// When the file that is in force was changed.
    pub(super) seen: Option<SystemTime>,
    pub(super) client: Client,
    pub(super) local: &'a LocalModels,
    /// Keys of providers that the records' redactor knows.
    pub(super) secrets: Vec<Secret>,
    /// What is done about other names of members.
    pub(super) aliases: AliasSettings,
    /// The certificate of the listener, if it has one.
    pub(super) tls: Option<Arc<Tls>>,
}

impl Care<'_> {
    /// Goes on until `stop`.
    pub(super) async fn until(self, stop: CancellationToken) -> Result<(), Failure> {
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut seen = self.seen;
        let (mut aliases, state) = (self.aliases, self.surface.store.state());
        let mut drift = DriftKeeper::open(state, &self.surface.engine()).await?;
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => {
                    drift.round(state, &self.surface.engine(), &aliases, now_us()).await;
                    return Ok(());
                }
                _ = hang_up.recv() => true,
                () = tokio::time::sleep(ROUND) => false,
            };
            let now = changed_at(self.file.as_deref());
            if asked || now != seen {
                seen = now;
                aliases = self.reload().unwrap_or(aliases);
            }
            self.renew();
            match keys::ring(self.surface.store.state()).await {
                Ok(ring) => self.surface.engine().admit().replace_keys(ring),
                Err(error) => tracing::warn!(%error, "the keys that are known stay in force"),
            }
            self.surface.engine().admit().flush().await;
            if let Some(cache) = self.surface.engine().kept_answers() {
                cache.flush(now_us()).await;
            }
            drift.round(state, &self.surface.engine(), &aliases, now_us()).await;
        }
    }

    /// Gives what is to be done about aliases now, if the file is in force.
    fn reload(&self) -> Option<AliasSettings> {
        match self.try_reload() {
            Ok(aliases) => {
                self.surface.set_stale(None);
                anstream::eprintln!(
                    "the new configuration is in force; `[server]`, `[admin]` and `[store]` want a restart"
                );
                Some(aliases)
            }
            Err(failure) => {
                anstream::eprintln!("the old configuration stays in force: {}", failure.message());
                self.surface.set_stale(Some(failure.message().to_owned()));
                None
            }
        }
    }

    /// Takes over a certificate whose files were changed, as soon as they can be used.
    fn renew(&self) {
        match self.tls.as_ref().map(|tls| tls.refresh()) {
            None | Some(Ok(false)) => {}
            Some(Ok(true)) => {
                self.surface.set_stale(None);
                anstream::eprintln!("the new certificate is in force");
            }
            Some(Err(error)) => {
                let why = Some(error.to_string());
                if self.surface.stale() != why {
                    anstream::eprintln!("the old certificate stays in force: {error}");
                    self.surface.set_stale(why);
                }
            }
        }
    }

    fn try_reload(&self) -> Result<AliasSettings, Failure> {
        let Loaded { config, .. } = load(self.file.as_deref())?;
        let providers = compose::providers(&config, &self.client, self.local)?;
        if let (Some(tls), Some(files)) = (&self.tls, &config.surface.tls) {
            tls.replace(files.clone())?;
        }
        let is_known = |secret: &Secret| self.secrets.iter().any(|known| known.expose() == secret.expose());
        if !providers.secrets.iter().all(is_known) {
            return Err(Failure::new("a provider has a key that was not there at the start")
                .hint("restart, so that the records' redactor knows it"));
        }
        let before = self.surface.engine();
        let recorder = Arc::clone(before.recorder());
        let admit = Arc::clone(before.admit());
        self.surface.replace_engine(compose::engine(&config, providers.catalog, recorder, None, admit, Some(&before)));
        Ok(config.aliases)
    }
}

/// When a file was last changed.
pub(super) fn changed_at(file: Option<&Path>) -> Option<SystemTime> {
    file.and_then(|file| std::fs::metadata(file).ok()?.modified().ok())
}
