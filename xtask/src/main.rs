//! `cargo xtask`: the project's own tasks, one file and one line in [`TASKS`] each.
//!
//! Nothing here runs in production, and nothing here is needed to use what does.

mod bench;
mod chaos;
mod demo;
mod domains;
mod example;
mod failure;
mod fuzz;
mod house;
mod http;
mod server;
mod setup;
mod soak;
mod task;
mod test;
mod tidy;

use std::process::ExitCode;

use crate::failure::Failure;
use crate::task::Task;

/// Every task, in the order of the help.
static TASKS: &[&Task] =
    &[&test::TASK, &tidy::TASK, &demo::TASK, &example::TASK, &bench::TASK, &chaos::TASK, &soak::TASK, &fuzz::TASK];

/// The whole command line, as clap sees it.
fn definition() -> clap::Command {
    task::commands(clap::Command::new("cargo xtask").about("The project's own tasks").bin_name("cargo xtask"), TASKS)
}

fn main() -> ExitCode {
    let matches = definition().get_matches();
    task::dispatch(&matches, TASKS).map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_well_formed_and_says_what_it_does() {
        definition().debug_assert();
        for task in TASKS.iter().chain(bench::BENCHES) {
            assert!(!task.about.is_empty() && !task.about.ends_with('.'), "`{}`", task.name);
        }
    }
}
