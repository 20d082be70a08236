//! `steersman man`: the manual page, written from the same table as the help.

use std::process::ExitCode;

use super::{Command, Failure, definition, talk};

pub(crate) static COMMAND: Command = Command {
    name: "man",
    about: "Print the manual page (roff): `steersman man | man -l -`",
    examples: &["steersman man"],
    arguments: |command| command,
    run: |_| run(),
};

fn run() -> Result<ExitCode, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(definition()).render(&mut page)?;
    talk::write(&page)?;
    Ok(ExitCode::SUCCESS)
}
