//! Answers that are given again to the same request, where a task or a client asks for that.
//!
//! The same request is the same in everything that could change its answer (`key.rs`), in whichever dialect. A hit
//! costs no call and no token; a miss asks as ever, and its answer is kept only if it is whole, accepted and no tool
//! call. Of several that ask the same at once one asks the provider and the others wait for its answer; if that one's
//! client leaves, the next takes its place, and if it fails, each asks for itself.
//!
//! Whether something is kept is known in memory, so that a miss waits for no database. Answers and counts are written
//! behind the requests, by [`Cache::flush`].
//!
//! What never happens here: the answer of a run with tools, or of a task whose objective weighs each answer anew; an
//! answer of one key for another, unless the operator shares them.

mod flight;
mod key;
mod purge;
mod replay;
mod shelf;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
pub(crate) use flight::Lease;
use flight::{Flights, Joined};
pub use purge::Purge;
use serde::{Deserialize, Serialize};
use serde_json::json;
use steersman_core::{BoxFuture, Code, ContentHash, TaskName, Usage, Usd};
use steersman_wire::Loss;

use crate::engine::Engine;
use crate::prepare::Prepared;
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::reply::{Inbound, Reply, ReplyBody};
use crate::stored::BookError;
use shelf::{Found, Shelf};

/// Answers that wait to be written; more are kept in memory alone.
const MAX_PENDING_BYTES: usize = 16 << 20;
/// How far a look for the answers of other gateways reaches back before the last one.
const OVERLAP_US: i64 = 5_000_000;

/// What the operator decided about answers that are given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// Whether keys share their answers.
    pub shared: bool,
    /// How long an answer is good, where nothing else is said.
    pub ttl: Duration,
    /// Tasks whose answers are kept, and for how long.
    pub tasks: BTreeMap<String, Duration>,
    /// A hash of every setting that could change an answer: after a change nothing kept before is given.
    pub epoch: ContentHash,
}

impl Default for CacheSettings {
    /// No task; an hour.
    fn default() -> Self {
        let epoch = ContentHash::from_bytes([0; 32]);
        Self { shared: false, ttl: Duration::from_secs(3_600), tasks: BTreeMap::new(), epoch }
    }
}

/// An answer that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The hash of the request.
    #[serde(skip, default = "no_key")]
    pub key: ContentHash,
    /// The task that it belongs to.
    pub task: String,
    /// The dialect of the body.
    pub dialect: String,
    /// Whether the body is a stream's frames.
    pub streamed: bool,
    /// Whether those frames tell the usage.
    pub include_usage: bool,
    /// Provider and model that answered.
    pub model: String,
    /// The request whose answer it is.
    pub request: String,
    /// When it was asked for, in microseconds since the Unix epoch: a purge covers what was asked before it.
    #[serde(default)]
    pub asked_at_us: i64,
    /// When it was kept, in microseconds since the Unix epoch: others look for what was kept since they last looked.
    pub kept_at_us: i64,
    /// Until when it is good.
    pub good_until_us: i64,
    /// What it took.
    pub usage: Usage,
    /// What it cost; `None` where that is not known.
    pub cost: Option<Usd>,
    /// What the client received.
    #[serde(skip)]
    pub body: Bytes,
}

fn no_key() -> ContentHash {
    ContentHash::from_bytes([0; 32])
}

/// What a task's answers did in one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that got an answer that was kept.
    pub hits: u64,
    /// Requests that did not.
    pub misses: u64,
    /// What the hits would have cost, as far as that is known.
    pub saved: Usd,
    /// The tokens that they would have taken.
    pub saved_tokens: u64,
}

impl Tally {
    fn add(&mut self, more: Self) {
        self.hits += more.hits;
        self.misses += more.misses;
        self.saved += more.saved;
        self.saved_tokens += more.saved_tokens;
    }
}

/// That there is an answer: its request's hash, when it was kept, and until when it is good.
pub type Listed = (ContentHash, i64, i64);

/// Whoever keeps answers beyond the process, for all gateways.
pub trait AnswerBook: Send + Sync {
    /// Keeps answers and adds to what tasks did (by name), within its own bounds.
    fn keep<'a>(
        &'a self,
        answers: &'a [Arc<KeptAnswer>],
        tallies: &'a [(String, Tally)],
    ) -> BoxFuture<'a, Result<(), BookError>>;

    /// The answer to the request with this hash.
    fn recall<'a>(&'a self, key: &'a ContentHash) -> BoxFuture<'a, Result<Option<KeptAnswer>, BookError>>;

    /// What was kept since then and is still good.
    fn since(&self, since_us: i64) -> BoxFuture<'_, Result<Vec<Listed>, BookError>>;

    /// The last purges.
    fn purges(&self) -> BoxFuture<'_, Result<Vec<Purge>, BookError>>;
}

/// The answers, those under way, and what is to be written. It outlives a reload of the configuration.
pub struct Cache {
    book: Arc<dyn AnswerBook>,
    shelf: Mutex<Shelf>,
    flights: Flights,
    pending: Mutex<Pending>,
    purges: Mutex<Vec<Purge>>,
}

#[derive(Default)]
struct Pending {
    answers: Vec<Arc<KeptAnswer>>,
    bytes: usize,
    tallies: BTreeMap<String, Tally>,
    seen_us: i64,
}

/// What a request wants of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish {
    ttl: Duration,
    /// Whether a kept answer may be given; else only the new one is kept.
    reads: bool,
}

/// How a request goes on.
pub(crate) enum GivenAgain {
    /// With this answer.
    Reply(Reply),
    /// As ever; the word is for the header.
    Ask(Recording, Option<&'static str>),
    /// Not at all: what it asks of the cache is nonsense.
    Refused(Recording, Refusal),
}

impl Cache {
    /// Over this book.
    #[must_use]
    pub fn new(book: Arc<dyn AnswerBook>) -> Self {
        Self {
            book,
            shelf: Mutex::default(),
            flights: Flights::default(),
            pending: Mutex::default(),
            purges: Mutex::default(),
        }
    }

    /// Writes what was kept and counted since the last time, and learns of what others kept. Call it every half second
    /// or so.
    pub async fn flush(&self, now_us: i64) {
        self.heed().await;
        let (mut answers, tallies, seen_us) = {
            let mut pending = lock(&self.pending);
            pending.bytes = 0;
            (std::mem::take(&mut pending.answers), std::mem::take(&mut pending.tallies), pending.seen_us)
        };
        answers.retain(|answer| !self.is_purged(answer));
        let tallies: Vec<_> = tallies.into_iter().collect();
        if !(answers.is_empty() && tallies.is_empty())
            && let Err(error) = self.book.keep(&answers, &tallies).await
        {
            tracing::warn!(%error, "answers are kept in memory alone");
            let mut pending = lock(&self.pending);
            tallies.into_iter().for_each(|(task, tally)| pending.tallies.entry(task).or_default().add(tally));
        }
        match self.book.since(seen_us - OVERLAP_US).await {
            Ok(listed) => {
                let mut shelf = lock(&self.shelf);
                shelf.forget_old(now_us);
                listed.iter().for_each(|(key, _, good_until_us)| shelf.list(*key, *good_until_us));
                drop(shelf);
                let newest = listed.iter().map(|(_, kept_at_us, _)| *kept_at_us).max();
                let mut pending = lock(&self.pending);
                pending.seen_us = newest.unwrap_or(0).max(pending.seen_us);
            }
            Err(error) => tracing::debug!(%error, "what other gateways kept is not known"),
        }
    }

    /// Learns what is to be forgotten; from then on nothing of it is given.
    pub async fn heed(&self) {
        match self.book.purges().await {
            Ok(purges) => *lock(&self.purges) = purges,
            Err(error) => tracing::debug!(%error, "what is to be forgotten is not known"),
        }
    }

    fn is_purged(&self, answer: &KeptAnswer) -> bool {
        lock(&self.purges).iter().any(|purge| purge.covers(answer))
    }

    /// A kept answer that is still good.
    async fn find(&self, key: &ContentHash, now_us: i64) -> Option<Arc<KeptAnswer>> {
        let found = lock(&self.shelf).find(key, now_us);
        match found {
            Found::Nothing => return None,
            Found::Here(answer) if !self.is_purged(&answer) => return Some(answer),
            Found::Here(_) => {
                lock(&self.shelf).forget(key);
                return None;
            }
            Found::Listed => {}
        }
        let is_good = |answer: &KeptAnswer| answer.good_until_us > now_us && !self.is_purged(answer);
        let recalled = self.book.recall(key).await.ok().flatten().filter(is_good);
        let mut shelf = lock(&self.shelf);
        match recalled.map(Arc::new) {
            Some(answer) => {
                shelf.put(Arc::clone(&answer));
                Some(answer)
            }
            // Its bytes went for newer ones, or the database is out of reach: the request asks as ever.
            None => {
                shelf.forget(key);
                None
            }
        }
    }

    fn keep(&self, answer: Arc<KeptAnswer>) {
        if self.is_purged(&answer) {
            return;
        }
        lock(&self.shelf).put(Arc::clone(&answer));
        let mut pending = lock(&self.pending);
        if pending.bytes + answer.body.len() <= MAX_PENDING_BYTES {
            pending.bytes += answer.body.len();
            pending.answers.push(answer);
        }
    }

    fn count(&self, task: &TaskName, hit: Option<&KeptAnswer>) {
        let mut pending = lock(&self.pending);
        let tally = pending.tallies.entry(task.as_str().to_owned()).or_default();
        match hit {
            None => tally.misses += 1,
            Some(answer) => {
                tally.hits += 1;
                tally.saved += answer.cost.unwrap_or(Usd::ZERO);
                tally.saved_tokens += answer.usage.total_tokens().unwrap_or(0);
            }
        }
    }
}

impl Engine {
    /// With a place for answers that are given again to the same request.
    #[must_use]
    pub fn with_cache(mut self, cache: Arc<Cache>) -> Self {
        self.cache = Some(cache);
        self
    }

    /// With these settings for answers that are given again.
    #[must_use]
    pub fn caching(mut self, settings: CacheSettings) -> Self {
        self.cache_settings = Arc::new(settings);
        self
    }

    /// The answers that are given again, where there is a place for them.
    #[must_use]
    pub const fn kept_answers(&self) -> Option<&Arc<Cache>> {
        self.cache.as_ref()
    }

    /// Gives an answer that was kept, waits for one that is under way, or lets the request go on, whose answer is kept
    /// then.
    pub(crate) async fn give_again(
        &self,
        inbound: &Inbound,
        prepared: &Prepared,
        mut recording: Recording,
    ) -> GivenAgain {
        let Some(cache) = &self.cache else { return GivenAgain::Ask(recording, None) };
        let settings = &*self.cache_settings;
        let wish = match wish(settings, inbound, &prepared.task) {
            Ok(Some(wish)) => wish,
            Ok(None) => return GivenAgain::Ask(recording, None),
            Err(refusal) => return GivenAgain::Refused(recording, refusal),
        };
        if let Some(why) = self.never_kept(prepared) {
            recording.note("cache", &json!({ "state": "bypass", "why": why }));
            return GivenAgain::Ask(recording, Some("bypass"));
        }
        let owner = if settings.shared { String::new() } else { self.admit().owner_of(inbound.credential.as_ref()) };
        let Some(key) = key::of(settings, inbound, prepared, &owner) else { return GivenAgain::Ask(recording, None) };
        let now_us = inbound.started_at_us;
        let good_until_us = now_us.saturating_add(i64::try_from(wish.ttl.as_micros()).unwrap_or(i64::MAX));
        let (mut waited, mut ticket) = (false, None);
        let mut looks = wish.reads;
        while looks {
            let kept = cache.find(&key, now_us).await;
            let body = kept.as_deref().and_then(|answer| replay::body(answer, inbound, prepared));
            if let (Some(answer), Some(body)) = (kept, body) {
                return GivenAgain::Reply(hit(cache, inbound, prepared, &answer, body, waited, recording));
            }
            // Whoever goes first looks once more: the answer may have come between the look and the turn.
            if ticket.is_some() {
                break;
            }
            match cache.flights.join(key, self.settings().idle).await {
                Joined::First(first) => ticket = Some(first),
                Joined::Again => waited = true,
                Joined::Alone => (waited, looks) = (true, false),
            }
        }
        cache.count(&prepared.task, None);
        recording.note("cache", &json!({ "state": "miss", "key": short(&key), "waited": waited }));
        recording.lead(Lease::new(Arc::clone(cache), key, good_until_us, prepared.include_usage, ticket));
        GivenAgain::Ask(recording, Some("miss"))
    }

    /// Why this request's answer is given to nobody else, if so.
    fn never_kept(&self, prepared: &Prepared) -> Option<&'static str> {
        if self.agent(&prepared.task).is_some() {
            return Some("the gateway runs tools for this task");
        }
        self.routes.has(&prepared.task).then_some("the task's objective weighs each answer anew")
    }
}

fn hit(
    cache: &Cache,
    inbound: &Inbound,
    prepared: &Prepared,
    answer: &KeptAnswer,
    body: (replay::Body, Vec<Loss>),
    waited: bool,
    mut recording: Recording,
) -> Reply {
    cache.count(&prepared.task, Some(answer));
    let (body, losses) = body;
    recording.lost_in_answer(&losses);
    recording.note(
        "cache",
        &json!({
            "state": "hit", "key": short(&answer.key), "of": answer.request, "model": answer.model,
            "age_s": (inbound.started_at_us - answer.kept_at_us).max(0) / 1_000_000, "waited": waited,
            "saved_usd": answer.cost.map(Usd::as_f64), "saved_tokens": answer.usage.total_tokens(),
        }),
    );
    let mut headers = vec![
        ("x-request-id", inbound.id.to_string()),
        ("x-steersman-model", answer.model.clone()),
        ("x-steersman-task", prepared.task.to_string()),
        ("x-steersman-cost-usd", Usd::ZERO.to_string().replace('$', "")),
        ("x-steersman-cache", "hit".to_owned()),
    ];
    headers.extend(recording.losses_header().map(|losses| ("x-steersman-losses", losses)));
    let body = match body {
        replay::Body::Whole(bytes) => {
            recording.release(&bytes, true);
            ReplyBody::Whole(bytes)
        }
        replay::Body::Frames(frames) => {
            frames.iter().for_each(|frame| recording.release(frame, true));
            ReplyBody::Stream(Box::pin(futures_util::stream::iter(frames)))
        }
    };
    recording.deliver();
    Reply { status: 200, headers, body }
}

/// What the client says in its header, else what its task says.
fn wish(settings: &CacheSettings, inbound: &Inbound, task: &TaskName) -> Result<Option<Wish>, Refusal> {
    let own = settings.tasks.get(task.as_str()).copied();
    let Some(said) = &inbound.cache else { return Ok(own.map(|ttl| Wish { ttl, reads: true })) };
    let mut wish = Wish { ttl: own.unwrap_or(settings.ttl), reads: true };
    for word in said.split(',').map(str::trim) {
        match (word, word.strip_prefix("ttl=").map(str::parse)) {
            ("on", _) => {}
            ("off", _) => return Ok(None),
            ("refresh", _) => wish.reads = false,
            (_, Some(Ok(seconds @ 1..))) => wish.ttl = Duration::from_secs(seconds),
            _ => {
                let shown: String = word.chars().take(40).collect();
                let message =
                    format!("`x-steersman-cache` must be `on`, `off`, `refresh` or `ttl=SECONDS`, not `{shown}`");
                return Err(Refusal::new(Code::INVALID_REQUEST, message));
            }
        }
    }
    Ok(Some(wish))
}

fn short(key: &ContentHash) -> String {
    key.to_string().chars().take(12).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
