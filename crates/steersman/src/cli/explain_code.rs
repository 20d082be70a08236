//! `steersman explain-code`: the table of outward error codes, or one row of it.

use std::process::ExitCode;

use clap::Args;
use steersman_core::{Code, nearest};

use super::{Command, Failure, parse};

pub(crate) static COMMAND: Command = Command {
    name: "explain-code",
    about: "Say what an error code means and what to do about it",
    examples: &["steersman explain-code output_rejected"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// The code, as the error's `code` member gives it; all codes if left out.
    code: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let codes: Vec<&Code> = match &arguments.code {
        None => Code::ALL.to_vec(),
        Some(name) => vec![Code::named(name).ok_or_else(|| unknown(name))?],
    };
    if arguments.json {
        let rows: Vec<_> = codes.iter().map(|code| row(code)).collect();
        anstream::println!("{}", serde_json::Value::Array(rows));
    } else {
        for code in codes {
            anstream::println!("{} ({})\n  {}\n  {}", code.name, code.status, code.meaning, code.hint);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(code: &Code) -> serde_json::Value {
    serde_json::json!({
        "code": code.name, "status": code.status, "type": code.openai_type,
        "retryable": code.retryable, "meaning": code.meaning, "hint": code.hint,
    })
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::new(format!("there is no code `{name}`"));
    match nearest(name, Code::ALL.iter().map(|code| code.name)).first() {
        Some(close) => failure.hint(format!("did you mean `{close}`?")),
        None => failure.hint("`steersman explain-code` lists all codes"),
    }
}
