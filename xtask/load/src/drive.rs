//! The load generator: a fixed number of connections, each sending its next request when the last answer is whole.
//!
//! One thread, one connection each without a pool, so that what is measured is the other side.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

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
    /// The model that is asked for.
    #[arg(long, default_value = "canned")]
    model: String,
    /// Ask for a stream.
    #[arg(long)]
    stream: bool,
}

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
    let body = Bytes::from(request(load.bytes, &load.model, load.stream));
    let share = load.requests.div_ceil(load.connections.max(1));
    let drivers: Vec<_> =
        (0..load.connections.max(1)).map(|_| tokio::spawn(drive(load.address, body.clone(), share))).collect();
    let mut samples = Vec::with_capacity(load.requests);
    for driver in drivers {
        samples.extend(driver.await??);
    }
    Ok(samples)
}

async fn drive(address: SocketAddr, body: Bytes, requests: usize) -> Result<Vec<Sample>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut samples = Vec::with_capacity(requests);
    for _ in 0..requests {
        samples.push(ask(&mut sender, address, body.clone()).await?);
    }
    drop(sender);
    connection.await??;
    Ok(samples)
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>, address: SocketAddr, body: Bytes) -> Result<Sample, Failure> {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/v1/chat/completions")
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

/// A request of about `bytes` bytes.
fn request(bytes: usize, model: &str, stream: bool) -> String {
    let head = format!(
        "{{\"model\":\"{model}\",\"stream\":{stream},\"messages\":[{{\"role\":\"system\",\"content\":\"Sort the ticket.\"}},{{\"role\":\"user\",\"content\":\""
    );
    let tail = "\"}],\"temperature\":0}";
    let line = r"The parcel that was promised for Monday has not come. \n";
    let room = bytes.saturating_sub(head.len() + tail.len());
    let text = line.repeat(room / line.len());
    format!("{head}{text}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_json_of_the_stated_size() {
        for bytes in [2_000, 100_000] {
            let request = request(bytes, "canned", true);
            assert!(serde_json::from_str::<serde_json::Value>(&request).is_ok());
            assert!(request.len().abs_diff(bytes) < 100, "{}", request.len());
        }
    }
}
