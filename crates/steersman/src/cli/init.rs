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
    examples: &["steersman init", "steersman init -"],
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
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{Config, Document};

    /// The text with the comment marks taken from the lines of these keys (`section.key`), and the keys.
    fn uncommented(is_wanted: impl Fn(&str) -> bool) -> (String, BTreeSet<String>) {
        let (mut out, mut section, mut keys) = (String::new(), String::new(), BTreeSet::new());
        let mut header = None;
        for line in commented().lines().filter_map(|line| line.strip_prefix("# ")) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.replace(".NAME", ".*");
                header = Some(line.replace(".NAME]", ".openai]") + "\n");
            } else if let Some((name, _)) = line.split_once(" = ")
                && KEYS.iter().any(|key| key.path == format!("{section}.{name}"))
                && is_wanted(&format!("{section}.{name}"))
            {
                keys.insert(format!("{section}.{name}"));
                out.push_str(&header.take().unwrap_or_default());
                out.push_str(line);
                out.push('\n');
            }
        }
        (out.replace(".NAME.", ".openai."), keys)
    }

    fn read(folder: &std::path::Path, text: &str) -> Result<Config, String> {
        let file = folder.join("steersman.toml").display().to_string();
        let document = Document::parse(&file, text).map_err(|error| error.to_string())?;
        Config::from_document(&document, &|_| None).map_err(|error| error.to_string())
    }

    #[test]
    fn the_written_file_is_valid_as_it_is_and_with_every_line_uncommented() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.toml"), "").unwrap();
        let input = serde_json::json!({"id": "a", "messages": []}).to_string();
        std::fs::write(folder.path().join("canaries.jsonl"), input).unwrap();
        std::fs::write(folder.path().join("mail.json"), "{\"type\":\"object\"}").unwrap();
        read(folder.path(), &commented()).unwrap_or_else(|error| panic!("{error}"));
        // A source of tools is reached in one of three ways; the other ways' lines stay out each time.
        let ways: [&[&str]; 3] = [&["command", "args", "env"], &["url", "api_key"], &["url", "openapi", "api_key"]];
        let router = "tasks.*.objective.router";
        // A task has tools or a reader, or an objective; here the latter is tried.
        let runs = ["tasks.*.tools", "tasks.*.reader"];
        let mut tried: BTreeSet<String> = runs.into_iter().chain([router]).map(str::to_owned).collect();
        for way in ways {
            let other = |key: &str| {
                let own = key.strip_prefix("tool_servers.*.");
                own.is_some_and(|own| ways.concat().contains(&own) && !way.contains(&own))
            };
            let (text, keys) = uncommented(|key| key != router && !runs.contains(&key) && !other(key));
            read(folder.path(), &text).unwrap_or_else(|error| panic!("{error}"));
            tried.extend(keys);
        }
        // `route fit` writes a router's file; its line must lead to a look for it.
        let tasks = |key: &str| key.starts_with("tasks.*") && !runs.contains(&key);
        let (text, _) = uncommented(|key| tasks(key) || key.starts_with("providers.*"));
        let missed = read(folder.path(), &text).unwrap_err();
        assert!(missed.contains("router.json` cannot be read"), "{missed}");
        assert_eq!(tried, KEYS.iter().map(|key| key.path.to_owned()).collect(), "a line that nobody tried");
    }
}
