//! The `steersman` binary: command line, configuration, HTTP surface and the place where the rooms are put together.

mod answers;
mod approvals;
mod cli;
mod cloud;
mod compose;
mod config;
mod drift;
mod http;
mod instance;
mod keys;
mod local;
mod objectives;
mod tool_runs;
mod tools;

use std::process::ExitCode;

/// The system allocator loses 10 to 25 % at a hundred connections.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
