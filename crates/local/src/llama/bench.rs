//! Speed and memory of a model on this machine.

use std::time::{Duration, Instant};

use llama_cpp_2::token::LlamaToken;
use serde::Serialize;

use crate::prompt::Prompt;

use super::generate::Generator;
use super::load::{EngineOptions, LoadError, LoadedModel};

/// Tokens of the prompt that is read.
const PROMPT_TOKENS: usize = 512;
/// Tokens that are produced after it.
const ANSWER_TOKENS: u32 = 128;
/// The best of this many rounds counts: others may want the cores too.
const ROUNDS: u32 = 3;

/// What was measured. Speeds are tokens a second, the best of three rounds.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// Threads for inference.
    pub threads: u32,
    /// The size of the weights.
    pub weights_bytes: u64,
    /// How long the file took to open.
    pub load_ms: u64,
    /// Speed of reading a prompt of 512 tokens.
    pub prefill_tokens_per_s: f64,
    /// Speed of producing 128 tokens after it, one at a time.
    pub decode_tokens_per_s: f64,
    /// Most memory held at any time, where the system tells (Linux).
    pub peak_rss_bytes: Option<u64>,
}

/// Measures a model: reads a fixed text and produces greedy tokens after it, three times.
///
/// # Errors
/// [`LoadError::Context`] and [`LoadError::Evaluate`].
pub fn bench(model: &LoadedModel, options: &EngineOptions, load_ms: u64) -> Result<BenchReport, LoadError> {
    let mut generator = Generator::new(model, options)?;
    let mut text = Prompt::default();
    text.push_template(&"The quick brown fox jumps over the lazy dog, and then it rests for a while. ".repeat(64));
    let mut tokens = generator.tokenize(&text);
    tokens.truncate(PROMPT_TOKENS);
    let (mut prefill, mut decode) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        generator.forget_all();
        let started = Instant::now();
        generator.read_all(&tokens)?;
        prefill = prefill.min(started.elapsed());
        let started = Instant::now();
        for _ in 0..ANSWER_TOKENS {
            let token: LlamaToken = generator.greedy();
            generator.evaluate(&[token])?;
        }
        decode = decode.min(started.elapsed());
    }
    let read = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
    Ok(BenchReport {
        threads: options.threads,
        weights_bytes: model.size_bytes(),
        load_ms,
        prefill_tokens_per_s: rounded(f64::from(read) / prefill.as_secs_f64()),
        decode_tokens_per_s: rounded(f64::from(ANSWER_TOKENS) / decode.as_secs_f64()),
        peak_rss_bytes: peak_rss_bytes(),
    })
}

fn rounded(speed: f64) -> f64 {
    (speed * 10.0).round() / 10.0
}

fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
