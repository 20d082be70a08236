//! What a running gateway does beside serving: it looks for changed keys, settles budgets, and takes over a changed
//! configuration.
//!
//! A new configuration becomes a new pipeline beside the old one: requests under way end in the one they began in, and
//! what is known of places, keys and budgets goes on. A file that is not valid changes nothing; the log says why, and
//! `/readyz` that it is so. What never happens here: a word of the file on the clients' port.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use steersman_core::Secret;
use steersman_net::Client;
use steersman_store::now_us;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::config_file::{Loaded, load};
use super::{Failure, talk};
use crate::canaries::CanarySettings;
use crate::config::{AtStart, Config};
use crate::drift::{AliasSettings, DriftKeeper};
use crate::http::{Part, Surface, Tls};
use crate::local::LocalModels;
use crate::{compose, keys, objectives};

/// How often keys and the file are looked at, and budgets settled.
const ROUND: Duration = Duration::from_millis(500);

/// What it needs.
pub(super) struct Care<'a> {
    pub(super) surface: Arc<Surface>,
    pub(super) file: Option<PathBuf>,
    /// The file that is in force, as it looked.
    pub(super) seen: Look,
    /// What the start took over for good.
    pub(super) at_start: &'a AtStart,
    pub(super) client: Client,
    pub(super) local: &'a LocalModels,
    /// Every key and password that the records' redactor knows.
    pub(super) secrets: Vec<Secret>,
    /// The keys of providers that could not be had at the start, and why.
    pub(super) missing: Vec<String>,
    /// What is done about other names of members.
    pub(super) aliases: AliasSettings,
    /// Where the settings of canaries go.
    pub(super) canaries: watch::Sender<CanarySettings>,
    /// The certificate of the listener, if it has one.
    pub(super) tls: Option<Arc<Tls>>,
}

impl Care<'_> {
    /// Goes on until `stop`.
    pub(super) async fn until(self, stop: CancellationToken) -> Result<(), Failure> {
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut watched = Watched { in_force: self.seen, last: self.seen };
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
            let now = look(self.file.as_deref());
            if watched.has_settled(now) || asked {
                watched.in_force = now;
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
            Ok((aliases, waiting)) => {
                self.surface.stale.set(Part::Configuration, None);
                talk::say(match waiting.as_slice() {
                    [] => "the new configuration is in force".to_owned(),
                    waiting => format!(
                        "the new configuration is in force but for what changed in {}, which wants a restart",
                        waiting.join(", ")
                    ),
                });
                Some(aliases)
            }
            Err(failure) => {
                talk::say(format!("the old configuration stays in force: {}", failure.whole()));
                self.surface.stale.set(Part::Configuration, Some("`steersman check` and the log say why"));
                None
            }
        }
    }

    /// Takes over a certificate whose files were changed, as soon as they can be used.
    fn renew(&self) {
        let Some(renewed) = self.tls.as_ref().map(|tls| tls.refresh()) else { return };
        let why = renewed.as_ref().err().map(ToString::to_string);
        let is_news = self.surface.stale.set(Part::Certificate, why.as_deref());
        match renewed {
            Ok(true) => talk::say("the new certificate is in force"),
            Err(error) if is_news => talk::say(format!("the old certificate stays in force: {error}")),
            Ok(false) | Err(_) => {}
        }
    }

    /// Builds the new pipeline, then puts it in force, so that a file of which any part is refused changes nothing.
    /// Gives what waits for a restart beside the aliases.
    fn try_reload(&self) -> Result<(AliasSettings, Vec<String>), Failure> {
        let Loaded { config, .. } = load(self.file.as_deref())?;
        let providers = compose::providers(&config, &self.client, self.local)?;
        self.check_keys(&config, &providers.secrets)?;
        let now = AtStart::of(&config);
        let runs = |task: &str| self.at_start.has_objective(&now, task);
        let routes = objectives::routes(&config, &providers.catalog, &self.surface.objectives, runs)?;
        let before = self.surface.engine();
        let recorder = Arc::clone(before.recorder());
        let admit = Arc::clone(before.admit());
        let engine = compose::engine(&config, providers.catalog, recorder, None, admit, Some(&before));
        if let (Some(tls), Some(files)) = (&self.tls, &config.surface.tls) {
            tls.replace(files.clone())?;
        }
        self.surface.objectives.keep_to(|task| routes.contains_key(task));
        self.surface.replace_engine(engine.rerouted(routes));
        drop(self.canaries.send_replace(CanarySettings::of(&config)));
        Ok((config.aliases, self.at_start.waiting(&now)))
    }
}

impl Care<'_> {
    /// Refuses a provider's key that the start did not have: the records' redactor does not know it. One that cannot be
    /// had is no better, unless the start had to do without it too.
    fn check_keys(&self, config: &Config, of_providers: &[Secret]) -> Result<(), Failure> {
        let wants_restart = |failure: Failure| failure.hint("a provider's new key wants a restart");
        if let Some(missing) =
            config.missing_keys(compose::environment).into_iter().find(|one| !self.missing.contains(one))
        {
            return Err(wants_restart(Failure::new(missing)));
        }
        let is_known = |secret: &Secret| self.secrets.iter().any(|known| known.expose() == secret.expose());
        let own = config.providers.iter().filter_map(|provider| Some((&provider.name, provider.api_key.as_ref()?)));
        for (name, source) in own {
            if source.fetch(compose::environment).is_ok_and(|key| !is_known(&key)) {
                let message = format!("`providers.{name}`: the key from `{source}` was not there at the start");
                return Err(wants_restart(Failure::new(message)));
            }
        }
        if of_providers.iter().all(is_known) {
            return Ok(());
        }
        Err(wants_restart(Failure::new("an account of a provider has a key that was not there at the start")))
    }
}

/// When a file was last changed, and its length.
pub(super) type Look = Option<(SystemTime, u64)>;

/// How a file looks.
pub(super) fn look(file: Option<&Path>) -> Look {
    let known = std::fs::metadata(file?).ok()?;
    Some((known.modified().ok()?, known.len()))
}

/// A file that somebody may be writing.
struct Watched {
    in_force: Look,
    last: Look,
}

impl Watched {
    /// Whether it is another one than that in force, and has not changed since the last look: the half of a file may be
    /// a valid file.
    fn has_settled(&mut self, now: Look) -> bool {
        let is_still = std::mem::replace(&mut self.last, now) == now;
        is_still && now != self.in_force
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_over_once_nobody_writes_it_any_more() {
        let at = |second: u64, bytes| Some((SystemTime::UNIX_EPOCH + Duration::from_secs(second), bytes));
        let mut watched = Watched { in_force: at(1, 90), last: at(1, 90) };
        assert!(!watched.has_settled(at(1, 90)), "it is in force");
        assert!(!watched.has_settled(at(2, 40)), "the half of it may stand there");
        assert!(!watched.has_settled(at(2, 95)), "within one tick of the clock it has grown");
        assert!(watched.has_settled(at(2, 95)));
        watched.in_force = at(2, 95);
        assert!(!watched.has_settled(at(2, 95)));
        assert!(!watched.has_settled(None) && watched.has_settled(None), "it is gone");
    }
}
