//! Mixed traffic for a soak: whole answers, streams, forms, tools, nonsense, and clients that leave.
//!
//! What each request is follows from its number and the seed alone. Clients keep their connection until they leave it,
//! as clients do; whoever leaves closes it without a word.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::Failure;

/// How much of it, and by how many.
#[derive(Args, Clone)]
pub(crate) struct Soak {
    /// Where to.
    address: SocketAddr,
    /// Requests in all.
    #[arg(long, default_value_t = 10_000)]
    requests: u64,
    /// The number of the first one; what was sent before is not sent again.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Which traffic it is.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A task whose tools the gateway runs.
    #[arg(long)]
    task: Option<String>,
}

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Stream,
    /// A stream that is left after its first bytes.
    LeftStream,
    /// A request that is left before its answer.
    LeftRequest,
    /// An answer that must keep a schema.
    Form,
    /// Tools of the client.
    Offered,
    /// Tools that the gateway runs.
    Task,
    /// No request at all.
    Nonsense,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Stream => "stream",
            Self::LeftStream => "stream left",
            Self::LeftRequest => "request left",
            Self::Form => "form",
            Self::Offered => "tools offered",
            Self::Task => "tools run",
            Self::Nonsense => "nonsense",
        }
    }

    const fn leaves(self) -> bool {
        matches!(self, Self::LeftStream | Self::LeftRequest)
    }
}

/// What came of the requests of one kind.
#[derive(Default)]
struct Came {
    sent: u64,
    /// Ended as a request of this kind should.
    well: u64,
    statuses: BTreeMap<u16, u64>,
    slowest: Duration,
}

/// Sends the traffic and prints what came of it as a line of JSON.
pub(crate) fn run(soak: &Soak) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let started = Instant::now();
    let next = Arc::new(AtomicU64::new(soak.from));
    let came = runtime.block_on(async {
        let clients: Vec<_> =
            (0..soak.connections).map(|_| tokio::spawn(client(soak.clone(), Arc::clone(&next)))).collect();
        let mut all = BTreeMap::<&str, Came>::new();
        for done in clients {
            for (kind, came) in done.await?? {
                let sum = all.entry(kind).or_default();
                sum.sent += came.sent;
                sum.well += came.well;
                sum.slowest = sum.slowest.max(came.slowest);
                for (status, count) in came.statuses {
                    *sum.statuses.entry(status).or_default() += count;
                }
            }
        }
        Ok::<_, Failure>(all)
    })?;
    let kinds: serde_json::Map<String, Value> = came
        .iter()
        .map(|(kind, came)| {
            let slowest_ms = came.slowest.as_secs_f64() * 1e3;
            let row =
                json!({ "sent": came.sent, "well": came.well, "statuses": came.statuses, "slowest_ms": slowest_ms });
            ((*kind).to_owned(), row)
        })
        .collect();
    println!("{}", json!({ "seconds": started.elapsed().as_secs_f64(), "kinds": kinds }));
    Ok(())
}

/// One client: its requests, one after the other.
async fn client(soak: Soak, next: Arc<AtomicU64>) -> Result<BTreeMap<&'static str, Came>, Failure> {
    let mut came = BTreeMap::<&str, Came>::new();
    let mut line: Option<Line> = None;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= soak.from + soak.requests {
            return Ok(came);
        }
        let kind = kind_of(mix(soak.seed, number), soak.task.is_some());
        let began = Instant::now();
        let mut open = match line.take() {
            Some(open) => open,
            None => Line::open(soak.address).await?,
        };
        let said = open.ask(kind, body(kind, &soak, number)).await;
        let row = came.entry(kind.name()).or_default();
        row.sent += 1;
        if let Ok(said) = &said {
            row.well += u64::from(said.well);
            *row.statuses.entry(said.status).or_default() += 1;
        }
        if !kind.leaves() {
            row.slowest = row.slowest.max(began.elapsed());
        }
        if said.is_ok_and(|said| said.kept) {
            line = Some(open);
        }
    }
}

/// What an answer was.
struct Said {
    status: u16,
    well: bool,
    /// Whether the connection can be used again.
    kept: bool,
}

/// A connection.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
    host: String,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Line {
    async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver: tokio::spawn(connection), host: address.to_string() })
    }

    async fn ask(&mut self, kind: Kind, body: Bytes) -> Result<Said, Failure> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/chat/completions")
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request);
        if kind == Kind::LeftRequest {
            // Long enough that the gateway has begun, too short for most answers.
            let left = tokio::time::timeout(Duration::from_millis(2), answer).await.is_err();
            return Ok(Said { status: 0, well: left, kept: false });
        }
        let answer = answer.await?;
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        if kind == Kind::LeftStream {
            let first = body.frame().await.is_some();
            return Ok(Said { status, well: first && status == 200, kept: false });
        }
        let whole = body.collect().await?.to_bytes();
        Ok(Said { status, well: is_well(kind, status, &whole), kept: true })
    }
}

fn is_well(kind: Kind, status: u16, body: &[u8]) -> bool {
    match kind {
        Kind::Nonsense => status == 400,
        Kind::Stream => status == 200 && body.ends_with(b"data: [DONE]\n\n"),
        _ => status == 200 && serde_json::from_slice::<Value>(body).is_ok(),
    }
}

/// A number that follows from both and looks like chance (G. Steele et al., *Fast Splittable Pseudorandom Number
/// Generators*, OOPSLA 2014, `mix64`).
const fn mix(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const fn kind_of(chance: u64, with_task: bool) -> Kind {
    match chance % 100 {
        40..=64 => Kind::Stream,
        65..=74 => Kind::LeftStream,
        75..=79 => Kind::LeftRequest,
        80..=87 => Kind::Form,
        88..=93 => Kind::Offered,
        94..=95 if with_task => Kind::Task,
        0..=39 | 94..=96 => Kind::Whole,
        _ => Kind::Nonsense,
    }
}

fn body(kind: Kind, soak: &Soak, number: u64) -> Bytes {
    if kind == Kind::Nonsense {
        return Bytes::from_static(b"{\"model\":\"m\",\"messages\":[{\"role\":");
    }
    let words = (0..mix(number, 7) % 200).map(|word| WORDS.get((mix(number, word) % 16) as usize).copied());
    let text: String = words.flatten().collect::<Vec<_>>().join(" ");
    let leaving = if kind.leaves() { "leaving " } else { "" };
    let stream = matches!(kind, Kind::Stream | Kind::LeftStream);
    let mut request = json!({
        "model": "m", "stream": stream,
        "messages": [
            { "role": "system", "content": format!("You sort tickets for shop {}.", mix(number, 3) % 8) },
            { "role": "user", "content": format!("{leaving}Ticket {number}: {text}") },
        ],
    });
    let (key, value) = match kind {
        Kind::Form => ("response_format", form()),
        Kind::Offered => ("tools", tools()),
        Kind::Task => ("model", json!(format!("task/{}", soak.task.as_deref().unwrap_or_default()))),
        _ => return request.to_string().into(),
    };
    if let Some(members) = request.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
    request.to_string().into()
}

const WORDS: [&str; 16] = [
    "the", "parcel", "has", "not", "come", "and", "nobody", "answers", "please", "refund", "my", "order", "of",
    "Monday", "or", "call",
];

fn form() -> Value {
    json!({ "type": "json_schema", "json_schema": { "name": "ticket", "strict": true, "schema": {
        "type": "object", "additionalProperties": false, "required": ["category", "order"],
        "properties": { "category": { "enum": ["delivery", "refund", "other"] }, "order": { "type": "integer" } },
    } } })
}

fn tools() -> Value {
    json!([{ "type": "function", "function": { "name": "find_order", "description": "Looks an order up.",
        "parameters": { "type": "object", "required": ["order"], "properties": { "order": { "type": "integer" } } } } }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_holds_every_kind_and_depends_on_the_seed_alone() {
        let kinds: Vec<_> = (0..1_000).map(|number| kind_of(mix(1, number), true)).collect();
        for kind in
            [Kind::Whole, Kind::Stream, Kind::LeftStream, Kind::LeftRequest, Kind::Form, Kind::Task, Kind::Nonsense]
        {
            assert!(kinds.contains(&kind), "{kind:?}");
        }
        assert_eq!(kinds, (0..1_000).map(|number| kind_of(mix(1, number), true)).collect::<Vec<_>>());
        assert_ne!(kinds, (0..1_000).map(|number| kind_of(mix(2, number), true)).collect::<Vec<_>>());
    }
}
