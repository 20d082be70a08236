//! Who begins when the gateway is full: requests wait by key, and the keys take turns.
//!
//! Two things are bounded: requests under way, and the bytes of their bodies. While both have room a request begins at
//! once, at the cost of one lock. Else it waits, with its body unread, in the queue of its key; queues are served by
//! deficit round robin (Shreedhar and Varghese, *Efficient fair queueing using deficit round robin*, SIGCOMM 1995,
//! section 3), where a request costs its bytes but at least one turn. When too many wait, the newest of the longest
//! queue goes (longest queue drop: Suter et al., *Buffer management schemes for supporting TCP in gigabit routers with
//! per-flow queueing*, 1999), so that whoever floods pushes out its own.
//!
//! What never happens here: a wait without an end, a lock across an await.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steersman_core::ContentHash;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What a turn is worth: most bodies are smaller, so most requests cost one turn.
const QUANTUM_BYTES: u64 = 64 << 10;

/// What may be under way and what may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadLimits {
    /// Requests under way.
    pub in_flight: usize,
    /// Bytes of their bodies.
    pub held_bytes: u64,
    /// Requests that wait.
    pub waiting: usize,
    /// How long each may.
    pub wait: Duration,
}

/// Whose request it is: the hash of a virtual key; `None` for all that come without one.
pub type Flow = Option<ContentHash>;

/// The queue. Cheap to clone.
#[derive(Clone)]
pub struct FairQueue {
    limits: LoadLimits,
    state: Arc<Mutex<State>>,
}

/// A request's place. Dropped, it is the next one's.
pub struct Pass {
    state: Arc<Mutex<State>>,
    limits: LoadLimits,
    bytes: u64,
    waited: Duration,
    is_held: bool,
}

/// Why a request did not get a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// Too many wait, and none of a longer queue could go instead.
    Full,
    /// It waited as long as it may.
    TooLong,
}

/// How things stand, and what happened since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Requests under way.
    pub in_flight: usize,
    /// Bytes of their bodies.
    pub held_bytes: u64,
    /// Requests that wait, by key, the longest queue first.
    pub waiting: Vec<(Flow, usize)>,
    /// Requests that began at once.
    pub at_once: u64,
    /// Requests that waited and began.
    pub waited: u64,
    /// Requests that were refused because too many waited.
    pub refused_full: u64,
    /// Requests that were refused after their wait.
    pub refused_late: u64,
    /// The longest wait of one that began.
    pub longest_wait: Duration,
}

/// How fast requests end while others wait.
#[derive(Default)]
struct Rate {
    since: Option<Instant>,
    ended: u32,
}

/// What ended longer ago than this says little about now.
const REMEMBERED: Duration = Duration::from_secs(10);
/// The longest hint; things change.
const LONGEST_HINT: Duration = Duration::from_secs(60);

impl Rate {
    fn end(&mut self, now: Instant) {
        let Some(since) = self.since else { return };
        self.ended += 1;
        let span = now.saturating_duration_since(since);
        if span > REMEMBERED * 2 {
            (self.since, self.ended) = (now.checked_sub(span / 2), self.ended / 2);
        }
    }

    /// How long so many take to end.
    fn time_of(&self, requests: usize, now: Instant) -> Duration {
        let Some(since) = self.since else { return Duration::ZERO };
        let span = now.saturating_duration_since(since);
        // While none has ended, one takes as long as this at least.
        let requests = u32::try_from(requests).unwrap_or(u32::MAX);
        span.checked_mul(requests).map_or(LONGEST_HINT, |all| if self.ended == 0 { span } else { all / self.ended })
    }
}

#[derive(Default)]
struct State {
    rate: Rate,
    in_flight: usize,
    held_bytes: u64,
    /// Keys with requests that wait, in the order of their turns.
    turns: VecDeque<Flow>,
    queues: BTreeMap<Option<[u8; 32]>, Queue>,
    waiting: usize,
    next_id: u64,
    told: LoadReport,
}

#[derive(Default)]
struct Queue {
    waiters: VecDeque<Waiter>,
    /// What it may still spend in this turn.
    deficit: u64,
}

struct Waiter {
    id: u64,
    bytes: u64,
    since: Instant,
    answer: oneshot::Sender<Result<Pass, Crowded>>,
}

impl FairQueue {
    /// An empty one.
    #[must_use]
    pub fn new(limits: LoadLimits) -> Self {
        Self { limits, state: Arc::default() }
    }

    /// What may be under way and what may wait.
    #[must_use]
    pub const fn limits(&self) -> LoadLimits {
        self.limits
    }

    /// Gives a place for a request with so many bytes, at once or when its turn comes.
    ///
    /// # Errors
    /// [`Crowded`], at once or after the wait. Dropping the future leaves the queue.
    pub async fn enter(&self, flow: Flow, bytes: u64) -> Result<Pass, Crowded> {
        // One that is larger than the bound passes when it is alone.
        let bytes = bytes.min(self.limits.held_bytes);
        let (id, receiver) = {
            let mut state = lock(&self.state);
            if state.waiting == 0 && state.has_room(&self.limits, bytes) {
                state.told.at_once += 1;
                return Ok(self.begin(&mut state, bytes, Duration::ZERO));
            }
            if state.waiting >= self.limits.waiting && !state.push_out(flow) {
                state.told.refused_full += 1;
                return Err(Crowded::Full);
            }
            state.next_id += 1;
            let (answer, receiver) = oneshot::channel();
            let waiter = Waiter { id: state.next_id, bytes, since: Instant::now(), answer };
            state.wait(flow, waiter);
            (state.next_id, receiver)
        };
        let _leaves = Leaves { state: &self.state, flow, id };
        match tokio::time::timeout(self.limits.wait, receiver).await {
            Ok(answer) => answer.unwrap_or(Err(Crowded::Full)),
            Err(_) => {
                lock(&self.state).told.refused_late += 1;
                Err(Crowded::TooLong)
            }
        }
    }

    /// When one that found no place should come again: once those that wait have begun, at the rate at which requests
    /// end. Between a second and a minute.
    #[must_use]
    pub fn come_again(&self) -> Duration {
        let state = lock(&self.state);
        state.rate.time_of(state.waiting + 1, Instant::now()).clamp(Duration::from_secs(1), LONGEST_HINT)
    }

    /// How things stand.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        let state = lock(&self.state);
        let mut waiting: Vec<(Flow, usize)> =
            state.queues.iter().map(|(key, queue)| (key.map(ContentHash::from_bytes), queue.waiters.len())).collect();
        waiting.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        LoadReport { in_flight: state.in_flight, held_bytes: state.held_bytes, waiting, ..state.told.clone() }
    }

    fn begin(&self, state: &mut State, bytes: u64, waited: Duration) -> Pass {
        state.begin(bytes);
        Pass { state: Arc::clone(&self.state), limits: self.limits, bytes, waited, is_held: true }
    }
}

impl Pass {
    /// How long it was waited for.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        self.waited
    }

    /// Says how many bytes the body turned out to have; what was held beyond them is free.
    pub fn holds(&mut self, bytes: u64) {
        if bytes < self.bytes {
            let mut state = lock(&self.state);
            state.held_bytes -= self.bytes - bytes;
            self.bytes = bytes;
            State::serve(&self.state, &mut state, &self.limits);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_held {
            let mut state = lock(&self.state);
            state.end(self.bytes);
            state.rate.end(Instant::now());
            State::serve(&self.state, &mut state, &self.limits);
        }
    }
}

/// Takes a waiter out of its queue, however its wait ends.
struct Leaves<'a> {
    state: &'a Mutex<State>,
    flow: Flow,
    id: u64,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        lock(self.state).leave(self.flow, self.id);
    }
}

impl State {
    const fn has_room(&self, limits: &LoadLimits, bytes: u64) -> bool {
        self.in_flight < limits.in_flight && self.held_bytes.saturating_add(bytes) <= limits.held_bytes
    }

    const fn begin(&mut self, bytes: u64) {
        self.in_flight += 1;
        self.held_bytes += bytes;
    }

    const fn end(&mut self, bytes: u64) {
        self.in_flight -= 1;
        self.held_bytes -= bytes;
    }

    fn wait(&mut self, flow: Flow, waiter: Waiter) {
        if self.waiting == 0 {
            self.rate = Rate { since: Some(waiter.since), ended: 0 };
        }
        let queue = self.queues.entry(name(flow)).or_default();
        if queue.waiters.is_empty() {
            self.turns.push_back(flow);
        }
        queue.waiters.push_back(waiter);
        self.waiting += 1;
    }

    /// Lets requests begin, one key after the other, while there is room.
    fn serve(own: &Arc<Mutex<Self>>, state: &mut Self, limits: &LoadLimits) {
        while let Some(flow) = state.turns.front().copied() {
            let Some(queue) = state.queues.get_mut(&name(flow)) else {
                state.turns.pop_front();
                continue;
            };
            let Some(bytes) = queue.waiters.front().map(|waiter| waiter.bytes) else {
                state.queues.remove(&name(flow));
                state.turns.pop_front();
                continue;
            };
            let cost = bytes.max(QUANTUM_BYTES);
            if queue.deficit < cost {
                queue.deficit += QUANTUM_BYTES;
                if queue.deficit < cost {
                    state.turns.rotate_left(1);
                    continue;
                }
            }
            // Nobody overtakes one whose turn it is: else a large body would wait for ever.
            if !state.has_room(limits, bytes) {
                return;
            }
            let Some(queue) = state.queues.get_mut(&name(flow)) else { return };
            queue.deficit -= cost;
            let Some(waiter) = queue.waiters.pop_front() else { return };
            if queue.waiters.is_empty() {
                state.queues.remove(&name(flow));
                state.turns.pop_front();
            } else {
                state.turns.rotate_left(1);
            }
            state.waiting -= 1;
            state.begin(bytes);
            let waited = waiter.since.elapsed();
            let pass = Pass { state: Arc::clone(own), limits: *limits, bytes, waited, is_held: true };
            match waiter.answer.send(Ok(pass)) {
                Ok(()) => {
                    state.told.waited += 1;
                    state.told.longest_wait = state.told.longest_wait.max(waited);
                }
                // Its client left in this very moment.
                Err(unwanted) => {
                    state.end(bytes);
                    if let Ok(mut pass) = unwanted {
                        pass.is_held = false;
                    }
                }
            }
        }
    }

    /// Pushes the newest of the longest queue out, if that is longer than the newcomer's own.
    fn push_out(&mut self, newcomer: Flow) -> bool {
        let own = self.queues.get(&name(newcomer)).map_or(0, |queue| queue.waiters.len());
        let Some(longest) = self.queues.values_mut().max_by_key(|queue| queue.waiters.len()) else { return false };
        if longest.waiters.len() <= own + 1 {
            return false;
        }
        let Some(newest) = longest.waiters.pop_back() else { return false };
        self.waiting -= 1;
        self.told.refused_full += 1;
        // One that has gone needs no answer.
        drop(newest.answer.send(Err(Crowded::Full)));
        true
    }

    fn leave(&mut self, flow: Flow, id: u64) {
        let Some(queue) = self.queues.get_mut(&name(flow)) else { return };
        let before = queue.waiters.len();
        queue.waiters.retain(|waiter| waiter.id != id);
        self.waiting -= before - queue.waiters.len();
        if queue.waiters.is_empty() {
            self.queues.remove(&name(flow));
            self.turns.retain(|turn| *turn != flow);
        }
    }
}

fn name(flow: Flow) -> Option<[u8; 32]> {
    flow.map(|hash| *hash.as_bytes())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
