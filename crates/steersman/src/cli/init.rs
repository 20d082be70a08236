//! `steersman init`: a configuration with every key explained and commented out.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Command, Failure, config_file, parse};
use crate::config::{KEYS, SECTIONS};

pub(crate) static COMMAND: Command = Command {
    name: "init",
    about: "Write a configuration with every key explained",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// Where to write it; `-` prints it.
    #[arg(default_value = config_file::DEFAULT_FILE)]
    file: PathBuf,
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let text = commented();
    if arguments.file.as_os_str() == "-" {
        anstream::print!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    let name = arguments.file.display();
    let mut file = std::fs::File::create_new(&arguments.file).map_err(|error| {
        let failure = Failure::new(format!("`{name}` cannot be written: {error}"));
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => failure.hint("it is left as it is; name another file, or `-`"),
            _ => failure,
        }
    })?;
    file.write_all(text.as_bytes())?;
    anstream::eprintln!("wrote {name}; every key in it is commented out, so it changes nothing yet");
    Ok(ExitCode::SUCCESS)
}

/// The file's text. Uncommenting any line gives a valid configuration.
pub(super) fn commented() -> String {
    let mut text = String::from(
        "# Steersman. Every key is optional; what stands here commented out is the default or an example.\n",
    );
    for (section, doc) in SECTIONS {
        let header = section.replace(".*", ".NAME");
        let _infallible = write!(text, "\n# {doc}\n# [{header}]\n");
        for key in KEYS {
            let Some((parent, name)) = key.path.rsplit_once('.') else { continue };
            if parent == *section {
                let value = if key.default.is_empty() { key.example } else { key.default };
                let _infallible = write!(text, "# {}\n# {name} = {}\n", key.doc, key.kind.literal(value));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Document};

    #[test]
    fn the_written_file_is_valid_as_it_is_and_with_every_line_uncommented() {
        let text = commented();
        assert!(Document::parse("steersman.toml", &text).is_ok());
        let uncommented: String = text
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| line.starts_with('[') || line.contains(" = "))
            // A router's file cannot be made up: `route fit` writes it. And a server of tools has an address or a program.
            .filter(|line| {
                !["router = ", "command = ", "args = ", "openapi = "].iter().any(|key| line.starts_with(key))
            })
            .map(|line| line.replace(".NAME]", ".openai]") + "\n")
            .collect();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.toml"), "").unwrap();
        let file = folder.path().join("steersman.toml").display().to_string();
        let document = Document::parse(&file, &uncommented).unwrap_or_else(|error| panic!("{error}"));
        Config::from_document(&document, &|_| None).unwrap_or_else(|error| panic!("{error}"));
    }
}
