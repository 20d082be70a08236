//! The command line: one file a command, one line in [`COMMANDS`].
//!
//! Help, man page, completions, `docs/cli.md` and dispatch all come from that slice, so nothing can drift. stdout is
//! data and stderr is talk; every command that prints data takes `--json`.

mod aliases;
mod approvals;
mod cache;
mod canaries;
mod care;
mod check;
mod completions;
mod config_file;
mod docs;
mod doctor;
mod download;
mod explain;
mod explain_code;
mod failure;
mod guard;
mod init;
pub(crate) mod keys;
mod listeners;
mod log;
mod man;
mod mcp;
mod models;
mod records;
mod route;
mod shown;
mod sim;
mod structure;
mod talk;
mod tools;
mod up;

use std::process::ExitCode;

use clap::ArgMatches;

pub(crate) use failure::Failure;

/// One command.
pub(crate) struct Command {
    /// Its name.
    pub(crate) name: &'static str,
    /// One line of help.
    pub(crate) about: &'static str,
    /// Command lines as a person writes them; its subcommands share them.
    pub(crate) examples: &'static [&'static str],
    /// Adds its arguments (usually `Args::augment_args`).
    pub(crate) arguments: fn(clap::Command) -> clap::Command,
    /// Runs it.
    pub(crate) run: fn(&ArgMatches) -> Result<ExitCode, Failure>,
}

/// Every command, in the order of the help.
pub(crate) static COMMANDS: &[&Command] = &[
    &up::COMMAND,
    &init::COMMAND,
    &check::COMMAND,
    &doctor::COMMAND,
    &log::COMMAND,
    &explain::COMMAND,
    &explain_code::COMMAND,
    &models::COMMAND,
    &sim::COMMAND,
    &keys::COMMAND,
    &cache::COMMAND,
    &guard::COMMAND,
    &route::COMMAND,
    &structure::COMMAND,
    &canaries::COMMAND,
    &tools::COMMAND,
    &mcp::COMMAND,
    &approvals::COMMAND,
    &completions::COMMAND,
    &man::COMMAND,
    &docs::COMMAND,
];

/// What every command ends with.
const EXIT_CODES: &str = "Exit codes:
  0  done
  1  it failed, or what was asked about is not so (`doctor`, `check`, `structure repair`, `canaries`)
  2  the command line cannot be read";

/// The whole command line, as clap sees it.
pub(crate) fn definition() -> clap::Command {
    let root = clap::Command::new("steersman")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The production runtime around LLM calls: one binary between an application and its model providers")
        .after_help(EXIT_CODES)
        .subcommand_required(true)
        .arg_required_else_help(true);
    COMMANDS.iter().fold(root, |root, command| {
        // Last, because a flattened group of arguments brings a text of its own.
        let whole = (command.arguments)(clap::Command::new(command.name)).about(command.about).long_about(None);
        root.subcommand(whole.after_help(format!("Examples:\n  {}", command.examples.join("\n  "))))
    })
}

/// Parses the arguments, runs the command and turns a failure into a message, a hint and an exit code.
pub(crate) fn run() -> ExitCode {
    let matches = definition().try_get_matches().unwrap_or_else(|error| with_tip(error).exit());
    let Some((name, arguments)) = matches.subcommand() else {
        return ExitCode::from(2);
    };
    // A gateway has requests under way and records to write, also when nobody reads its log any more.
    if name != up::COMMAND.name {
        end_quietly_with_the_pipe();
    }
    let command = COMMANDS.iter().find(|command| command.name == name);
    let result = command.map_or(Ok(ExitCode::from(2)), |command| (command.run)(arguments));
    result.unwrap_or_else(|failure| failure.report())
}

/// `steersman up prod.toml` is told how a file is named.
fn with_tip(mut error: clap::Error) -> clap::Error {
    use clap::error::{ContextKind, ContextValue, ErrorKind};

    let file = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(given)) if error.kind() == ErrorKind::UnknownArgument => given.clone(),
        _ => return error,
    };
    if file.ends_with(".toml") {
        let tip = format!("a configuration is named with `--config {file}`").into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// `steersman log | head` is no failure: whoever reads may stop reading, and the macros that print would panic then.
fn end_quietly_with_the_pipe() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to") && said.contains("Broken pipe") {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

/// Reads a command's typed arguments out of clap's matches.
pub(crate) fn parse<T: clap::FromArgMatches>(matches: &ArgMatches) -> Result<T, Failure> {
    T::from_arg_matches(matches).map_err(|error| Failure::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_well_formed_and_says_what_it_does() {
        definition().debug_assert();
        for command in COMMANDS {
            assert!(!command.about.is_empty() && !command.about.ends_with('.'), "`{}`", command.name);
            let defined = definition();
            let shown = defined.find_subcommand(command.name).and_then(clap::Command::get_about);
            assert_eq!(shown.map(ToString::to_string).as_deref(), Some(command.about));
            assert!(!command.examples.is_empty(), "`{}` shows no example", command.name);
            for example in command.examples {
                let read = definition().try_get_matches_from(example.split(' '));
                assert!(read.is_ok(), "`{example}` is no command line: {read:?}");
            }
        }
    }

    #[test]
    fn a_file_without_its_option_is_told_which() {
        let error = definition().try_get_matches_from(["steersman", "up", "prod.toml"]).unwrap_err();
        assert!(with_tip(error).to_string().contains("tip: a configuration is named with `--config prod.toml`"));
    }
}
