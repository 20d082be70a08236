//! Failure as traffic sees it: the pipeline over real sockets, against providers that fail, stall and are left.
//!
//! What the providers would invoice is held against what the records say, token by token.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use steersman_core::{AttemptRecord, Recorder, RequestId, RequestRecord};
use steersman_engine::{
    Backoff, BreakerSettings, Catalog, Engine, HedgeSettings, Inbound, Provider, Reply, ReplyBody, Resilience,
    Settings, Strategy,
};
use steersman_net::{BaseUrl, Client, Limits};
use steersman_providers::{HttpUpstream, Vendor};
use steersman_sim::{Bill, Script, Sim};
use steersman_wire::openai_chat;

#[derive(Default)]
struct Records(Mutex<Vec<RequestRecord>>);

impl Recorder for Records {
    fn record(&self, record: RequestRecord) {
        self.0.lock().unwrap().push(record);
    }
}

/// An engine whose model `m` is served by two simulators.
struct House {
    engine: Arc<Engine>,
    records: Arc<Records>,
    sims: Vec<Sim>,
}

impl House {
    async fn new(scripts: [&str; 2], resilience: Resilience) -> Self {
        let client = Client::new(Limits::default());
        let mut catalog = Catalog::default();
        let mut sims = Vec::new();
        for (name, script) in ["flaky", "steady"].into_iter().zip(scripts) {
            let sim = Sim::start(Script::from_toml(script).unwrap()).await.unwrap();
            let vendor = Vendor::named("openai-compatible").unwrap();
            let base = BaseUrl::parse(&format!("{}/v1", sim.base_url())).unwrap();
            let upstream = HttpUpstream::new(vendor, &base, None, None, client.clone()).unwrap();
            let provider = Provider::new(name, vendor.dialect, Arc::new(upstream));
            catalog.add_provider(provider, []);
            sims.push(sim);
        }
        assert!(catalog.add_deployments("m", &[("flaky/m".to_owned(), 1), ("steady/m".to_owned(), 1)]));
        let settings = Settings {
            first_token: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(60),
            attempts: 3,
            backoff: Backoff { base: Duration::from_millis(2), max: Duration::from_secs(1) },
        };
        let records = Arc::new(Records::default());
        let engine = Engine::new(catalog, settings, Arc::clone(&records) as _).resilient(resilience, None);
        Self { engine: Arc::new(engine), records, sims }
    }

    /// Sends requests from 32 clients. With streams among them each third is one, and of those each tenth is left after
    /// its first bytes. Gives how many of those that were not left were answered whole.
    async fn send(&self, requests: u64, streams: Streams) -> Sent {
        let (next, answered, left) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let client = async || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return;
                }
                let streamed = streams == Streams::Some && number.is_multiple_of(3);
                let reply = self.engine.serve(inbound(number, streamed)).await;
                if streamed && leaves(number) {
                    left.fetch_add(1, Ordering::Relaxed);
                    leave(reply).await;
                } else {
                    answered.fetch_add(u64::from(is_whole(reply).await), Ordering::Relaxed);
                }
            }
        };
        futures_util::future::join_all((0..32).map(|_| client())).await;
        Sent { answered: answered.into_inner(), stayed: requests - left.into_inner() }
    }

    fn attempts(&self) -> Vec<AttemptRecord> {
        self.records.0.lock().unwrap().iter().flat_map(|record| record.attempts.clone()).collect()
    }

    /// Ends the simulators and gives what they charged, once every answer under way has its end on the bill.
    async fn bills(self) -> Vec<Bill> {
        // A cancelled call is noticed when the connection is found closed; wait until nothing is open.
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.sims.iter().any(|sim| !is_settled(&sim.bill())) {
            assert!(Instant::now() < deadline, "the simulator still has answers under way");
            tokio::task::yield_now().await;
        }
        self.sims.iter().map(Sim::bill).collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Streams {
    Some,
    None,
}

struct Sent {
    answered: u64,
    stayed: u64,
}

fn is_settled(bill: &Bill) -> bool {
    bill.models.values().all(|account| {
        account.requests == account.answered + account.cut + account.cancelled + account.errors.values().sum::<u64>()
    })
}

/// Whether the client leaves after the first bytes.
const fn leaves(number: u64) -> bool {
    number.is_multiple_of(30)
}

fn inbound(number: u64, streamed: bool) -> Inbound {
    let words = if streamed && leaves(number) { "leaving ".to_owned() } else { String::new() };
    let words = words + &"word ".repeat(usize::try_from(number % 17).unwrap() + 1);
    let body = format!(r#"{{"model":"m","stream":{streamed},"messages":[{{"role":"user","content":"{words}"}}]}}"#);
    Inbound::new(RequestId::new(number), 1, &openai_chat::OpenAiChat, Bytes::from(body))
}

async fn leave(reply: Reply) {
    if let ReplyBody::Stream(mut stream) = reply.body {
        assert!(stream.next().await.is_some());
    }
}

async fn is_whole(reply: Reply) -> bool {
    match reply.body {
        ReplyBody::Whole(_) => reply.status == 200,
        ReplyBody::Stream(stream) => stream.collect::<Vec<_>>().await.concat().ends_with(b"data: [DONE]\n\n"),
        ReplyBody::Raw(_) => false,
    }
}

/// Every token that was reported to the gateway is on its records, and every charge without a report is an attempt
/// whose usage the records call unknown.
fn assert_bill_is_recorded(attempts: &[AttemptRecord], bills: &[Bill]) {
    let accounts: Vec<_> = bills.iter().flat_map(|bill| bill.models.values()).collect();
    let reported_input: u64 = accounts.iter().map(|a| a.input_tokens - a.unreported.input_tokens).sum();
    let reported_output: u64 = accounts.iter().map(|a| a.output_tokens - a.unreported.output_tokens).sum();
    assert_eq!(attempts.iter().filter_map(|a| a.usage.input_tokens).sum::<u64>(), reported_input);
    assert_eq!(attempts.iter().filter_map(|a| a.usage.output_tokens).sum::<u64>(), reported_output);
    // A hedge can be overtaken before its connection stands; then it is an attempt that nobody heard of.
    let unheard = attempts.iter().filter(|a| a.status.is_none()).count() as u64;
    let calls = bills.iter().map(|bill| bill.requests).sum::<u64>();
    assert!(calls <= attempts.len() as u64 && calls + unheard >= attempts.len() as u64, "{calls} calls");
    let unknown = |a: &&AttemptRecord| a.status == Some(200) && a.usage.output_tokens.is_none();
    let unreported: u64 = accounts.iter().map(|a| a.unreported.answers).sum();
    assert_eq!(attempts.iter().filter(unknown).count() as u64, unreported);
}

/// Three attempts of ten fail: with an error, with a connection that is cut before anything was said, or since it is
/// busy.
const FLAKY: &str = r#"
seed = 7
[default]
answer = { text = "one two three four five six seven eight" }
tokens_per_second = 4000
[[rules]]
when = { probability = 0.15 }
then = { fault = { error = { status = 503 } } }
[[rules]]
when = { probability = 0.1 }
then = { fault = { cut_after_bytes = 10 } }
[[rules]]
when = { probability = 0.08 }
then = { fault = { error = { status = 429 } } }
[[rules]]
when = { contains = "leaving" }
then = { answer = { text = "an answer that takes so long that nobody waits until its end has come at last" }, tokens_per_second = 2.0 }
"#;
const STEADY: &str = r#"
seed = 8
[default]
answer = { text = "one two three four five six seven eight" }
tokens_per_second = 4000
[[rules]]
when = { contains = "leaving" }
then = { answer = { text = "an answer that takes so long that nobody waits until its end has come at last" }, tokens_per_second = 2.0 }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_three_of_ten_attempts_failing_at_one_provider_clients_do_not_notice_and_the_bill_is_ours() {
    const REQUESTS: u64 = 3_000;
    // Without a breaker, or the flaky one would soon be left alone.
    let breaker = BreakerSettings { failures: 0, ..BreakerSettings::default() };
    let house = House::new([FLAKY, STEADY], Resilience { breaker, ..Resilience::default() }).await;
    let sent = house.send(REQUESTS, Streams::Some).await;
    assert!(sent.answered * 1_000 >= sent.stayed * 999, "{} of {} answered", sent.answered, sent.stayed);
    let attempts = house.attempts();
    let failed = attempts.iter().filter(|a| a.code.is_some_and(|code| code.name.starts_with("upstream"))).count();
    assert!(failed > 100, "the provider failed only {failed} times, so nothing was shown");
    // A fifth of the traffic, ten every ten seconds, and what the budget starts with.
    assert!(attempts.len() as u64 <= REQUESTS + REQUESTS / 5 + 40, "{} attempts", attempts.len());
    let (attempts, bills) = (attempts, house.bills().await);
    assert_bill_is_recorded(&attempts, &bills);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_keeps_traffic_away_from_the_failing_provider() {
    let house = House::new([FLAKY, STEADY], Resilience::default()).await;
    let sent = house.send(1_000, Streams::Some).await;
    assert_eq!(sent.answered, sent.stayed);
    let places = house.engine.places().report();
    let flaky = places.iter().find(|place| place.provider.as_str() == "flaky").unwrap();
    assert_ne!(flaky.breaker, "closed", "{places:?}");
    let attempts = house.attempts();
    let flaky = attempts.iter().filter(|a| a.provider.as_str() == "flaky").count();
    assert!(flaky < 400, "{flaky} of {} attempts went to a provider that fails", attempts.len());
}

/// One answer of twenty takes two seconds.
const STALLING: &str = r#"
seed = 9
[default]
answer = { text = "one two three four" }
tokens_per_second = 4000
[[rules]]
when = { probability = 0.05 }
then = { latency = { constant_ms = 2000 } }
[[rules]]
when = { contains = "leaving" }
then = { answer = { text = "an answer that takes so long that nobody waits until its end has come at last" }, tokens_per_second = 2.0 }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_call_is_overtaken_by_a_hedge_and_both_stand_on_the_record() {
    let hedge = HedgeSettings { quantile: 0.9, percent: 15 };
    let resilience = Resilience { hedge: Some(hedge), strategy: Strategy::LeastOutstanding, ..Resilience::default() };
    let house = House::new([STALLING, STALLING], resilience).await;
    let sent = house.send(1_500, Streams::None).await;
    assert_eq!(sent.answered, sent.stayed);
    let records = house.records.0.lock().unwrap().clone();
    let lost = |a: &AttemptRecord| a.code.is_some_and(|code| code.name == "hedge_lost");
    let overtaken = records.iter().filter(|r| r.attempts.iter().any(|a| lost(a) && a.reason != "hedge")).count();
    let hedges = records.iter().flat_map(|r| &r.attempts).filter(|a| a.reason == "hedge").count();
    assert!(overtaken >= 20, "{overtaken} stalled calls were overtaken");
    assert!(hedges <= 1_500 * 15 / 100 + 10, "{hedges} hedges are beyond their budget");
    for record in &records {
        assert!(record.attempts.iter().filter(|a| a.code.is_none()).count() <= 1, "two attempts were settled");
    }
    let slow = |record: &&RequestRecord| record.timing.total_us > 1_500_000;
    let waited = records.iter().filter(slow).count();
    assert!(waited < 40, "{waited} requests waited for a stalled call");
    let (attempts, bills) = (house.attempts(), house.bills().await);
    assert_bill_is_recorded_but_for_overtaken_answers(&attempts, &bills);
}

/// As above, where an answer may have been on its way when its call was overtaken: complete for the provider, unread by
/// the gateway. Each of those is an attempt that the records call lost; its answer has five tokens like all others.
fn assert_bill_is_recorded_but_for_overtaken_answers(attempts: &[AttemptRecord], bills: &[Bill]) {
    let accounts: Vec<_> = bills.iter().flat_map(|bill| bill.models.values()).collect();
    let answered: u64 = accounts.iter().map(|a| a.answered).sum();
    let reported_output: u64 = accounts.iter().map(|a| a.output_tokens - a.unreported.output_tokens).sum();
    let known = attempts.iter().filter(|a| a.usage.output_tokens.is_some()).count() as u64;
    let lost = attempts.iter().filter(|a| a.code.is_some_and(|code| code.name == "hedge_lost")).count() as u64;
    let unread = answered - known;
    assert!(unread <= lost, "{unread} answers were not read, {lost} calls were overtaken");
    let recorded: u64 = attempts.iter().filter_map(|a| a.usage.output_tokens).sum();
    assert_eq!(recorded + 5 * unread, reported_output);
}

/// Every client leaves in the middle of its stream. What a provider charges for that without saying so cannot be known;
/// it is on the records as unknown, answer by answer, and never as nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_that_were_left_are_on_the_bill_or_called_unknown() {
    const STREAMS: u64 = 1_000;
    let house = House::new([STEADY, STEADY], Resilience::default()).await;
    let left = futures_util::stream::iter(0..STREAMS).map(|number| {
        let engine = Arc::clone(&house.engine);
        async move { leave(engine.serve(inbound(number * 30, true)).await).await }
    });
    left.buffer_unordered(64).collect::<Vec<()>>().await;
    let attempts = house.attempts();
    let bills = house.bills().await;
    let cancelled: usize = bills.iter().map(|bill| bill.cancelled.len()).sum();
    assert_eq!((attempts.len() as u64, cancelled as u64), (STREAMS, STREAMS));
    assert_bill_is_recorded(&attempts, &bills);
}
