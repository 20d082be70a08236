//! `steersman completions`: the script that completes commands and options in a shell.

use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use super::{Command, Failure, definition, parse, talk};

pub(crate) static COMMAND: Command = Command {
    name: "completions",
    about: "Print the completion script of a shell",
    examples: &["steersman completions zsh"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut definition(), "steersman", &mut script);
    talk::write(&script)?;
    Ok(ExitCode::SUCCESS)
}
