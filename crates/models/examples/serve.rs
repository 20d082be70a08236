//! Pulls a model, keeps a server for it alive, and ends when standard input does:
//! `cargo run -p steersman-models --example serve -- target/release/steersman-local smollm2-135m target/models`.
//!
//! This is all that an application has to do to have a local model of its own; kill the child and see it come back.

use std::env;
use std::error::Error;
use std::io::Read;
use std::time::Duration;

use steersman_models::{LocalProcess, LocalSpec, ModelFolder, Wanted, pull, stderr_progress};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [binary, name, folder] = words.as_slice() else {
        return Err("usage: serve BINARY NAME FOLDER".into());
    };
    let folder = ModelFolder::at(folder);
    let installed = pull(&folder, &Wanted::parse(name)?, None, &mut stderr_progress(name))?;
    let spec = LocalSpec::new(binary, folder.path_of(&installed), name);
    let mut process = LocalProcess::spawn(spec, |line| eprintln!("model: {line}"))?;
    let ready = process.wait_ready(Duration::from_secs(120))?;
    println!("http://{}/v1", ready.address);
    std::io::stdin().read_to_end(&mut Vec::new())?;
    process.stop();
    Ok(())
}
