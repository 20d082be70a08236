//! Pulls a model and prints where it is: `cargo run -p steersman-models --example pull -- smollm2-135m FOLDER`.
//!
//! The last line on standard output is the path of the weights; all else goes to standard error.

use std::env;
use std::process::ExitCode;

use steersman_models::{CATALOGUE, ModelFolder, PullError, Wanted, pull, stderr_progress};

fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let (Some(name), Some(folder)) = (words.next(), words.next()) else {
        eprintln!("usage: pull NAME|PATH FOLDER, where NAME is one of:");
        for model in CATALOGUE {
            eprintln!("  {:20} {:>5} MB  {}", model.name, model.bytes / 1_000_000, model.about);
        }
        return ExitCode::from(2);
    };
    match pulled(&name, &ModelFolder::at(folder)) {
        Ok(path) => {
            println!("{path}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn pulled(name: &str, folder: &ModelFolder) -> Result<String, PullError> {
    let installed = pull(folder, &Wanted::parse(name)?, None, &mut stderr_progress(name))?;
    Ok(folder.path_of(&installed).display().to_string())
}
