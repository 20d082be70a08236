//! A task is a name, a line of help, its arguments and a function; help and dispatch come from slices of them.

use clap::ArgMatches;

use crate::Failure;

/// One task, or one benchmark.
pub(crate) struct Task {
    /// Its name.
    pub(crate) name: &'static str,
    /// One line of help.
    pub(crate) about: &'static str,
    /// Adds its arguments (usually `Args::augment_args`).
    pub(crate) arguments: fn(clap::Command) -> clap::Command,
    /// Runs it.
    pub(crate) run: fn(&ArgMatches) -> Result<(), Failure>,
}

/// Adds one subcommand for each task.
pub(crate) fn commands(root: clap::Command, tasks: &[&Task]) -> clap::Command {
    let root = root.subcommand_required(true).arg_required_else_help(true);
    tasks
        .iter()
        .fold(root, |root, task| root.subcommand((task.arguments)(clap::Command::new(task.name).about(task.about))))
}

/// Runs the task that the arguments name.
pub(crate) fn dispatch(matches: &ArgMatches, tasks: &[&Task]) -> Result<(), Failure> {
    let (name, arguments) = matches.subcommand().ok_or_else(|| Failure::new("no task was named"))?;
    let task = tasks.iter().find(|task| task.name == name);
    task.map_or_else(|| Err(Failure::new(format!("no task is called `{name}`"))), |task| (task.run)(arguments))
}

/// Reads a task's typed arguments out of clap's matches.
pub(crate) fn parse<T: clap::FromArgMatches>(matches: &ArgMatches) -> Result<T, Failure> {
    T::from_arg_matches(matches).map_err(|error| Failure::new(error.to_string()))
}
