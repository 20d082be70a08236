//! The `steersman` binary: command line, configuration, HTTP surface and the place where the rooms are put together.

mod answers;
mod approvals;
mod canaries;
mod cli;
mod cloud;
mod compose;
mod config;
mod drift;
mod http;
mod instance;
mod keys;
mod local;
mod new_key;
mod objectives;
mod purges;
mod regions;
mod served;
mod tool_runs;
mod tools;

use std::process::ExitCode;

/// The system allocator loses 10 to 25 % at a hundred connections. Without huge pages (`no_thp`): each is cleared whole
/// for the little that is used of it, and they made up a third of the memory at its highest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
