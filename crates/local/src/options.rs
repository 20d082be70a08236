//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Serves a GGUF file on the CPU in the OpenAI format.
#[derive(Debug, Parser)]
#[command(name = "steersman-local", version, about)]
pub struct Options {
    /// The weights, a GGUF file.
    #[arg(long, value_name = "PATH")]
    pub model: PathBuf,

    /// The name to serve them under; by default the file's name without `.gguf`.
    #[arg(long)]
    pub name: Option<String>,

    /// Where to listen; only loopback addresses, and port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", conflicts_with = "unix")]
    pub listen: std::net::SocketAddr,

    /// Listen on a Unix socket at this path instead.
    #[arg(long, value_name = "PATH")]
    pub unix: Option<PathBuf>,

    /// Threads for inference; by default one less than there are cores.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: Option<u32>,

    /// The context window in tokens, at most what the model was trained for.
    #[arg(long, default_value_t = 8192, value_parser = clap::value_parser!(u32).range(64..))]
    pub context: u32,

    /// Requests that may wait while one runs; more are answered with 503.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub queue: u32,

    /// The most tokens of an answer to a request that names no limit.
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_tokens: u32,

    /// Exit when standard input ends: a parent that dies closes it.
    #[arg(long)]
    pub exit_with_stdin: bool,

    /// Do not serve: measure speed and memory, print them as JSON, and exit.
    #[arg(long)]
    pub bench: bool,

    /// Show what llama.cpp says, on standard error.
    #[arg(long)]
    pub verbose: bool,
}

impl Options {
    /// The name to serve under.
    #[must_use]
    pub fn served_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| {
            self.model.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned())
        })
    }
}
