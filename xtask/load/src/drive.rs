//! The load generator: a fixed number of connections, each sending its next request when the last answer is whole.
//!
//! One thread, one connection each without a pool, so that what is measured is the other side. Each request has a text
//! of its own, cut from real prose: a gateway that keeps what it has seen already must not get it for nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use clap::Args;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use serde_json::json;
use tokio::net::TcpStream;

use crate::Failure;

/// What to send, how often and by how many.
#[derive(Args, Clone)]
pub(crate) struct Load {
    /// Where to.
    address: SocketAddr,
    /// Requests in all.
    #[arg(long, default_value_t = 1_000)]
    requests: usize,
    /// Connections at once.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// About how large a request is.
    #[arg(long, default_value_t = 2_000)]
    bytes: usize,
    /// The path that is asked for.
    #[arg(long, default_value = "/v1/chat/completions")]
    path: String,
    /// The model that is asked for.
    #[arg(long, default_value = "canned")]
    model: String,
    /// Ask for a stream.
    #[arg(long)]
    stream: bool,
    /// At most so many requests a second, all connections together; as many as there can be where none is named.
    #[arg(long)]
    rate: Option<f64>,
    /// Send one and the same request again and again.
    #[arg(long, conflicts_with = "new")]
    same: bool,
    /// Put the words in an order of chance, so that no part of a text was ever sent before.
    #[arg(long)]
    new: bool,
}

/// Prose in English, with headings, tables and code.
const PROSE: &[&str] = &[
    include_str!("../../../docs/guard.md"),
    include_str!("../../../docs/routing.md"),
    include_str!("../../../docs/structured.md"),
    include_str!("../../../docs/operating.md"),
    include_str!("../../../docs/config.md"),
    include_str!("../../../docs/tools-and-effects.md"),
    include_str!("../../../docs/local-models.md"),
    include_str!("../../../docs/providers.md"),
    include_str!("../../../docs/sim.md"),
    include_str!("../../../docs/records.md"),
    include_str!("../../../SECURITY.md"),
    include_str!("../../../ARCHITECTURE.md"),
    include_str!("../../../README.md"),
];

/// What one request took.
struct Sample {
    first: Duration,
    whole: Duration,
    pieces: usize,
}

/// Sends the load and prints what it took as a line of JSON; times are in microseconds.
pub(crate) fn run(load: &Load) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let started = Instant::now();
    let samples = runtime.block_on(send_all(load))?;
    let seconds = started.elapsed().as_secs_f64();
    let pieces: usize = samples.iter().map(|sample| sample.pieces).sum();
    println!(
        "{}",
        json!({
            "requests": samples.len(), "pieces": pieces, "seconds": seconds,
            "first_us": shape(samples.iter().map(|sample| sample.first).collect()),
            "whole_us": shape(samples.iter().map(|sample| sample.whole).collect()),
        })
    );
    Ok(())
}

async fn send_all(load: &Load) -> Result<Vec<Sample>, Failure> {
    let requests = Arc::new(Requests::new(load));
    let share = load.requests.div_ceil(load.connections.max(1));
    let drivers: Vec<_> =
        (0..load.connections.max(1)).map(|_| tokio::spawn(drive(load.address, Arc::clone(&requests), share))).collect();
    let mut samples = Vec::with_capacity(load.requests);
    for driver in drivers {
        samples.extend(driver.await??);
    }
    Ok(samples)
}

async fn drive(address: SocketAddr, requests: Arc<Requests>, share: usize) -> Result<Vec<Sample>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut samples = Vec::with_capacity(share);
    for _ in 0..share {
        if let Some(due) = requests.due() {
            tokio::time::sleep_until(due).await;
        }
        samples.push(ask(&mut sender, address, &requests.path, requests.next()).await?);
    }
    drop(sender);
    connection.await??;
    Ok(samples)
}

async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    address: SocketAddr,
    path: &str,
    body: Bytes,
) -> Result<Sample, Failure> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, address.to_string())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))?;
    let started = Instant::now();
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let mut body = answer.into_body();
    let (mut first, mut pieces) = (None, 0);
    let mut refusal = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        first.get_or_insert_with(|| started.elapsed());
        pieces += memmem::find_iter(&data, b"data: ").count();
        if !status.is_success() {
            refusal.extend_from_slice(&data);
        }
    }
    let whole = started.elapsed();
    if !status.is_success() {
        return Err(format!("{address} answered {status}: {}", String::from_utf8_lossy(&refusal)).into());
    }
    Ok(Sample { first: first.unwrap_or(whole), whole, pieces })
}

/// The quantiles of durations, in microseconds.
fn shape(mut times: Vec<Duration>) -> serde_json::Value {
    times.sort_unstable();
    let at = |per_mille: usize| {
        let index = (times.len() * per_mille / 1000).min(times.len().saturating_sub(1));
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    json!({ "p50": at(500), "p90": at(900), "p99": at(990) })
}

/// What is sent, one request after the other.
struct Requests {
    path: String,
    head: String,
    /// Prose as it stands inside of a JSON string, cut at its spaces.
    words: Vec<String>,
    bytes: usize,
    same: bool,
    new: bool,
    sent: AtomicUsize,
    /// When the first may leave, and the pause between two.
    pace: Option<(tokio::time::Instant, Duration)>,
    begun: AtomicUsize,
}

impl Requests {
    fn new(load: &Load) -> Self {
        let Load { model, stream, bytes, same, new, .. } = load;
        let head = format!(
            "{{\"model\":\"{model}\",\"stream\":{stream},\"messages\":[{{\"role\":\"system\",\"content\":\"Sort the ticket.\"}},{{\"role\":\"user\",\"content\":\""
        );
        let words = PROSE.iter().flat_map(|text| text.split(' ')).map(|word| {
            let quoted = json!(word).to_string();
            quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
        });
        // Where runs begin differs, or a second run would send what the first has sent.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let first = usize::try_from(now.as_nanos() % 1_000_003).unwrap_or(0);
        let pace = load.rate.map(|rate| (tokio::time::Instant::now(), Duration::from_secs_f64(1.0 / rate.max(0.1))));
        Self {
            path: load.path.clone(),
            head,
            words: words.collect(),
            bytes: *bytes,
            same: *same,
            new: *new,
            sent: AtomicUsize::new(first),
            pace,
            begun: AtomicUsize::new(0),
        }
    }

    /// When the next request may leave.
    fn due(&self) -> Option<tokio::time::Instant> {
        let (start, pause) = self.pace?;
        let turn = u32::try_from(self.begun.fetch_add(1, Ordering::Relaxed)).unwrap_or(u32::MAX);
        Some(start + pause * turn)
    }

    /// The next request, of about the wanted size: its number, and the prose from another word on or its words mixed.
    fn next(&self) -> Bytes {
        const TAIL: &str = "\"}],\"temperature\":0}";
        let number = if self.same { 0 } else { self.sent.fetch_add(1, Ordering::Relaxed) };
        let mut text = String::with_capacity(self.bytes + 64);
        text.push_str(&self.head);
        text.push_str(&number.to_string());
        let count = self.words.len().max(1);
        let mut at = number.wrapping_mul(7_919) % count;
        let mut chance = number as u64;
        while let Some(word) = self.words.get(at) {
            // D. Knuth, MMIX, the generator of its library.
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            at = if self.new { (chance >> 33) as usize % count } else { (at + 1) % count };
            if text.len() + word.len() + 1 + TAIL.len() > self.bytes {
                break;
            }
            text.push(' ');
            text.push_str(word);
        }
        text.push_str(TAIL);
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_json_of_the_stated_size_and_has_a_text_of_its_own() {
        for (bytes, same, new) in
            [(2_000, false, false), (100_000, false, false), (50_000, false, true), (2_000, true, false)]
        {
            let (address, model) = (SocketAddr::from(([127, 0, 0, 1], 1)), "canned".to_owned());
            let path = String::new();
            let load =
                Load { address, path, requests: 1, connections: 1, bytes, model, stream: true, rate: None, same, new };
            let requests = Requests::new(&load);
            let (one, other) = (requests.next(), requests.next());
            assert!(serde_json::from_slice::<serde_json::Value>(&one).is_ok());
            assert!(one.len().abs_diff(bytes) < 200, "{}", one.len());
            assert_eq!(one == other, same);
        }
    }
}
