//! What the fast path costs: `cargo run --release -p steersman-wire --example cost`.
//!
//! Prints the CPU time of one call of each step that every request takes, as the median of rounds that are interleaved,
//! so that a busy machine slows all of them alike; and, beside them, of reading the same bytes into a document tree.
//! CPU time is Linux's (`/proc/thread-self/schedstat`); elsewhere it is the time on the clock.

use std::hint::black_box;
use std::time::{Duration, Instant};

use steersman_wire::sse::SseDecoder;
use steersman_wire::{FactsReader, anthropic, fingerprint, openai_chat};

const ROUNDS: usize = 21;
const ROUND: Duration = Duration::from_millis(20);

const CHUNK: &[u8] = br#"{"id":"chatcmpl-BqTzD0x8","object":"chat.completion.chunk","created":1772000000,"model":"gpt-5.4-mini-2026-03-05","service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":" world"},"logprobs":null,"finish_reason":null}],"usage":null}"#;
const DELTA: &[u8] = br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" world"}}"#;

type Step<'a> = (&'static str, usize, Box<dyn FnMut() + 'a>);

/// A request of about this many bytes: a system prompt with its date, tools, and a long conversation.
fn request(bytes: usize) -> String {
    let turn = "The quick brown fox said \\\"jump\\\" over 13 lazy dogs, and then some.\\n".repeat(12);
    let tool = r#"{"type":"function","function":{"name":"get_weather","description":"Weather.","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}"#;
    let turns = bytes / (turn.len() + 40);
    let messages: String = (0..turns).map(|_| format!(r#",{{"role":"user","content":"{turn}"}}"#)).collect();
    format!(
        r#"{{"model":"gpt-5.4-mini","messages":[{{"role":"system","content":"Today is 2026-03-01. Triage the ticket."}}{messages}],"tools":[{tool},{tool}],"stream":true,"temperature":0.2}}"#
    )
}

fn main() {
    let (small, large) = (request(1_000), request(100_000));
    let mut steps = request_steps(&small, &large);
    steps.extend(answer_steps());
    let mut times = vec![Vec::new(); steps.len()];
    for _ in 0..ROUNDS {
        for ((_, _, step), times) in steps.iter_mut().zip(&mut times) {
            times.push(time(step));
        }
    }
    println!("{:<30} {:>9} {:>12} {:>9}", "step", "bytes", "CPU ns", "GB/s");
    for ((name, bytes, _), times) in steps.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
        #[expect(clippy::cast_precision_loss, reason = "bytes of a request")]
        let rate = *bytes as f64 / median;
        println!("{name:<30} {bytes:>9} {median:>12.0} {rate:>9.2}");
    }
}

fn request_steps<'a>(small: &'a str, large: &'a str) -> Vec<Step<'a>> {
    let head = || openai_chat::request_head(large.as_bytes()).expect("a request");
    let (spliced, read) = (head(), head());
    vec![
        (
            "head of a small request",
            small.len(),
            Box::new(|| drop(black_box(openai_chat::request_head(small.as_bytes())))),
        ),
        (
            "head of a large request",
            large.len(),
            Box::new(|| drop(black_box(openai_chat::request_head(large.as_bytes())))),
        ),
        ("  the same, as a tree", large.len(), Box::new(|| drop(black_box(tree(large.as_bytes()))))),
        ("splice of a large request", large.len(), {
            Box::new(move || drop(black_box(spliced.object.splice().set("model", "gpt-5").finish())))
        }),
        ("fingerprint of its task", large.len(), {
            Box::new(move || {
                black_box(fingerprint(&read));
            })
        }),
        ("  all of it, canonical", large.len(), {
            Box::new(|| drop(black_box(openai_chat::decode_request(large.as_bytes()))))
        }),
    ]
}

fn answer_steps() -> Vec<Step<'static>> {
    let frame: bytes::Bytes = [b"data: ", CHUNK, b"\n\n"].concat().into();
    let (mut chat, mut messages) = (openai_chat::ChatFacts::default(), anthropic::MessagesFacts::default());
    vec![
        ("frame out of a chunk", frame.len(), {
            Box::new(move || {
                let mut decoder = SseDecoder::new(1 << 20);
                decoder.push(frame.clone());
                drop(black_box(decoder.next_frame()));
            })
        }),
        ("facts of an OpenAI delta", CHUNK.len(), Box::new(move || drop(black_box(chat.frame(black_box(CHUNK)))))),
        ("  the same, as a tree", CHUNK.len(), Box::new(|| drop(black_box(tree(CHUNK))))),
        (
            "facts of an Anthropic delta",
            DELTA.len(),
            Box::new(move || drop(black_box(messages.frame(black_box(DELTA))))),
        ),
        ("  the same, as a tree", DELTA.len(), Box::new(|| drop(black_box(tree(DELTA))))),
    ]
}

fn tree(bytes: &[u8]) -> serde_json::Result<serde_json::Value> {
    serde_json::from_slice(bytes)
}

/// Nanoseconds of CPU time of one call, from as many as fit a round.
fn time(step: &mut dyn FnMut()) -> f64 {
    let (begun, used, mut calls) = (Instant::now(), cpu_ns(), 0u32);
    while begun.elapsed() < ROUND {
        for _ in 0..8 {
            step();
        }
        calls += 8;
    }
    let clock = begun.elapsed().as_secs_f64() * 1e9;
    let spent = used.zip(cpu_ns()).map_or(clock, |(before, after)| after - before);
    spent / f64::from(calls)
}

/// CPU time of this thread so far.
fn cpu_ns() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}
