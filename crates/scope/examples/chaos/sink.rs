//! A tool server in memory that outlives its callers and remembers every time it acted: the truth of the simulation.
//!
//! A request that was sent arrives after its delay whether or not the caller still lives. What the caller sees of it is
//! another matter, and scripted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use steersman_core::{BoxFuture, Contract, Effect, Idempotency};
use steersman_scope::{Clock, Dice, Dispatch, EffectKey, Lookup, Tool, ToolFault};
use tokio::time::{Instant, sleep};

/// How a sink treats a request that comes twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Keyed,
    Lookup,
    Opaque,
    Read,
}

impl Class {
    pub const ALL: [Self; 4] = [Self::Keyed, Self::Lookup, Self::Opaque, Self::Read];

    pub fn name(self) -> &'static str {
        match self {
            Self::Keyed => "keyed",
            Self::Lookup => "lookup",
            Self::Opaque => "opaque",
            Self::Read => "read",
        }
    }
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Lost on its way; the caller sees a broken connection.
    LostBefore,
    /// The sink acts, its answer is lost.
    LostAfter,
    /// The caller sees a broken connection; the sink acts later.
    Late(u64),
    /// The sink acts or not; the caller never hears of it.
    Hang,
    /// It never left.
    NotSent,
    /// The sink is overloaded and does not act.
    Throttle,
    /// The sink says no.
    Refuse,
    /// The tool's own code panics after the request was sent.
    Panic,
    /// The tool's own code panics while it is dropped, after it never heard of the request again.
    Bomb,
    /// The sink acts; its answer is larger than anybody wants.
    Huge,
}

/// Virtual time that goes on from process to process, and a wall clock that may jump.
#[derive(Debug, Default)]
pub struct WorldClock {
    base_ms: AtomicU64,
    started: Mutex<Option<Instant>>,
    pub jump_ms: std::sync::atomic::AtomicI64,
}

impl WorldClock {
    pub fn now_ms(&self) -> u64 {
        let ran = self.started.lock().unwrap().map_or(Duration::ZERO, |started| started.elapsed());
        self.base_ms.load(Ordering::SeqCst) + u64::try_from(ran.as_millis()).unwrap()
    }

    pub fn process_starts(&self) {
        *self.started.lock().unwrap() = Some(Instant::now());
    }

    pub fn process_ends(&self) {
        let now = self.now_ms();
        *self.started.lock().unwrap() = None;
        self.base_ms.store(now, Ordering::SeqCst);
    }

    /// Time in which no process runs.
    pub fn pass(&self, ms: u64) {
        self.base_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for WorldClock {
    fn unix_millis(&self) -> i64 {
        1_700_000_000_000 + i64::try_from(self.now_ms()).unwrap() + self.jump_ms.load(Ordering::SeqCst)
    }
}

#[derive(Debug, Default)]
struct Truth {
    script: VecDeque<Fault>,
    /// Requests on their way: when they arrive, their key, their intent.
    on_the_way: Vec<(u64, Option<EffectKey>, String)>,
    keys: BTreeMap<EffectKey, String>,
    acted: BTreeMap<String, u32>,
    requests: u32,
    in_flight: u32,
}

/// The sink that outlives processes.
#[derive(Debug, Clone)]
pub struct SimSink {
    pub class: Class,
    /// What its contract says it is; only the harness's own test makes it lie.
    pub claims: Class,
    truth: Arc<Mutex<Truth>>,
    pub clock: Arc<WorldClock>,
}

impl SimSink {
    pub fn new(class: Class, clock: Arc<WorldClock>) -> Self {
        Self { class, claims: class, truth: Arc::default(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap()
    }

    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().script = faults.into_iter().collect();
    }

    fn arrive(&self, until_ms: u64) {
        let mut truth = self.lock();
        let (due, later) = std::mem::take(&mut truth.on_the_way).into_iter().partition(|(at, ..)| *at <= until_ms);
        truth.on_the_way = later;
        for (_, key, intent) in Vec::from_iter::<Vec<_>>(due) {
            let known = key.and_then(|key| truth.keys.insert(key, intent.clone())).is_some();
            if !(known && self.class == Class::Keyed) {
                *truth.acted.entry(intent).or_default() += 1;
            }
        }
    }

    fn send(&self, after_ms: u64, key: Option<EffectKey>, intent: &str) {
        let at = self.clock.now_ms() + after_ms;
        self.lock().on_the_way.push((at, key, intent.to_owned()));
    }

    /// How often it acted on each intent, when everything on its way has arrived.
    pub fn truth(&self) -> BTreeMap<String, u32> {
        self.arrive(u64::MAX);
        self.lock().acted.clone()
    }

    pub fn requests(&self) -> u32 {
        self.lock().requests
    }

    /// Calls that were begun and neither ended nor dropped.
    pub fn in_flight(&self) -> u32 {
        self.lock().in_flight
    }
}

struct InFlight(SimSink);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "boom");
    }
}

/// The tool by which a process reaches the sink.
pub struct SinkTool {
    pub sink: SimSink,
    pub contract: Contract,
    pub dice: Dice,
}

impl SinkTool {
    pub fn new(sink: SimSink, seed: u64) -> Self {
        let mut contract = Contract::unknown("act");
        contract.attempts = 3;
        contract.timeout_ms = Some(2_000);
        match sink.claims {
            Class::Read => contract.effect = Effect::Read,
            Class::Keyed => {
                contract.idempotency = Idempotency::Keyed { header: Some("idempotency-key".into()), argument: None };
            }
            Class::Lookup => contract.idempotency = Idempotency::Lookup { tool: "find".into() },
            Class::Opaque => {}
        }
        Self { sink, contract, dice: Dice::seeded(seed) }
    }
}

impl Tool for SinkTool {
    fn contract(&self) -> &Contract {
        &self.contract
    }

    fn call(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<String, ToolFault>> {
        let sink = self.sink.clone();
        Box::pin(async move {
            let intent = dispatch.arguments["intent"].as_str().unwrap_or_default().to_owned();
            let fault = {
                let mut truth = sink.lock();
                truth.requests += 1;
                truth.in_flight += 1;
                truth.script.pop_front().unwrap_or(Fault::None)
            };
            let _in_flight = InFlight(sink.clone());
            let latency = 1 + self.dice.below(40);
            match fault {
                Fault::NotSent => return Err(ToolFault::NotSent("connection refused".into())),
                Fault::Throttle => {
                    sleep(Duration::from_millis(latency)).await;
                    return Err(ToolFault::Throttled { retry_after: Some(Duration::from_millis(500)) });
                }
                Fault::Refuse => {
                    sleep(Duration::from_millis(latency)).await;
                    return Err(ToolFault::Failed("the sink says no".into()));
                }
                Fault::LostBefore => {}
                Fault::Hang | Fault::Bomb if self.dice.below(2) == 0 => {}
                Fault::Late(ms) => sink.send(latency + ms, dispatch.key, &intent),
                _ => sink.send(latency, dispatch.key, &intent),
            }
            sleep(Duration::from_millis(latency)).await;
            sink.arrive(sink.clock.now_ms());
            let _bomb = (fault == Fault::Bomb).then(|| Bomb);
            match fault {
                Fault::LostBefore | Fault::LostAfter | Fault::Late(_) => {
                    return Err(ToolFault::Lost("connection reset".into()));
                }
                Fault::Hang | Fault::Bomb => std::future::pending().await,
                Fault::Panic => panic!("boom"),
                Fault::Huge => return Ok("x".repeat(1 << 20)),
                _ => {}
            }
            sleep(Duration::from_millis(self.dice.below(20))).await;
            Ok(format!("did {intent}"))
        })
    }

    fn look_up(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<Lookup, ToolFault>> {
        let sink = self.sink.clone();
        Box::pin(async move {
            sleep(Duration::from_millis(1 + self.dice.below(10))).await;
            sink.arrive(sink.clock.now_ms());
            let found = dispatch.key.and_then(|key| sink.lock().keys.get(&key).cloned());
            Ok(found.map_or(Lookup::Absent, |intent| Lookup::Happened(format!("did {intent}"))))
        })
    }
}
