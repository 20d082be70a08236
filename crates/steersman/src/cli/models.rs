//! `steersman models`: fetch weights for local models, and list what there is.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use steersman_models::{CATALOGUE, Model, ModelFolder, Wanted, pull, pull_url, stderr_progress};

use super::config_file::{data_folder, load};
use super::download::Download;
use super::records::Where;
use super::{Command, Failure, parse};
use crate::local::{binary, models_folder};

pub(crate) static COMMAND: Command = Command {
    name: "models",
    about: "Fetch and list the weights of local models",
    examples: &["steersman models pull smollm2-135m", "steersman models list --json"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    place: Where,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Fetch a model and check its sha256
    Pull {
        /// A name of the catalogue, or the path or address (`https://`) of a GGUF file
        model: String,
        /// What the sha256 of the file must be, in hexadecimal digits
        #[arg(long)]
        sha256: Option<String>,
    },
    /// List the catalogue and what is here
    List,
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let loaded = load(arguments.place.config.as_deref())?;
    let folder = models_folder(&data_folder(&loaded.config, arguments.place.data.as_deref())?);
    match &arguments.action {
        Action::List => list(&folder, arguments.json)?,
        Action::Pull { model, sha256 } => {
            fetch(&folder, model, sha256.as_deref(), arguments.json)?;
            if binary(&loaded.config).is_none() {
                anstream::eprintln!("hint: serving it needs `steersman-local` beside `steersman`:");
                anstream::eprintln!("      cargo build --release -p steersman-local --features llama");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn fetch(folder: &ModelFolder, model: &str, sha256: Option<&str>, json: bool) -> Result<(), Failure> {
    let mut progress = stderr_progress(model);
    let installed = match Wanted::parse(model)? {
        Wanted::Url(url) => {
            let client = Download::new()?;
            pull_url(folder, &url, sha256, &mut |url, part| client.open(url, part), &mut progress)?
        }
        wanted => pull(folder, &wanted, sha256, &mut progress)?,
    };
    let path = folder.path_of(&installed);
    if json {
        anstream::println!("{}", serde_json::json!({ "installed": installed, "path": path }));
    } else {
        anstream::println!("{} is here: {}", installed.name, path.display());
    }
    Ok(())
}

fn list(folder: &ModelFolder, json: bool) -> Result<(), Failure> {
    let installed = folder.list()?;
    let here = |name: &str| installed.iter().any(|one| one.name == name);
    if json {
        let row = |model: &Model| {
            serde_json::json!({
                "name": model.name, "bytes": model.bytes, "licence": model.licence, "about": model.about,
                "here": here(model.name),
            })
        };
        let known: Vec<_> = CATALOGUE.iter().map(row).collect();
        anstream::println!("{}", serde_json::json!({ "catalogue": known, "installed": installed }));
        return Ok(());
    }
    for model in CATALOGUE {
        let mark = if here(model.name) { "here" } else { "    " };
        anstream::println!("{mark}  {:<22} {:>5} MB  {}", model.name, model.bytes / 1_000_000, model.licence);
        anstream::println!("      {}", model.about);
    }
    for one in installed.iter().filter(|one| Model::named(&one.name).is_none()) {
        anstream::println!("here  {:<22} {:>5} MB  {}", one.name, one.bytes / 1_000_000, one.source);
    }
    Ok(())
}
