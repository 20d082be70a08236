//! From starting the process to its first whole answer, with a new data folder and with the one it left.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use super::round::median;
use crate::server::Gateway;
use crate::{Failure, http};

/// Measures both, in milliseconds.
pub(super) fn measure(steersman: &Path, config: &Path, folder: &Path, rounds: usize) -> Result<Value, Failure> {
    let (mut new, mut known) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let data = fresh(folder, "start")?;
        new.push(once(steersman, config, &data)?);
        known.push(once(steersman, config, &data)?);
    }
    Ok(json!({ "new_data": median(new), "known_data": median(known) }))
}

/// An empty data folder.
pub(super) fn fresh(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let data = folder.join(name);
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    std::fs::create_dir_all(&data)?;
    Ok(data)
}

fn once(steersman: &Path, config: &Path, data: &Path) -> Result<f64, Failure> {
    let started = Instant::now();
    let mut command = Command::new(steersman);
    command.stderr(std::process::Stdio::null());
    let gateway = Gateway::start(&mut command, Some(config), data)?;
    let body = r#"{"model":"canned","messages":[{"role":"user","content":"hello"}]}"#;
    let answer = http::post(&gateway.address, "/v1/chat/completions", body, |body| !body.is_empty())?;
    let took_ms = started.elapsed().as_secs_f64() * 1e3;
    if answer.status != 200 {
        return Err(Failure::new(format!("the first answer was {}: {}", answer.status, answer.body)));
    }
    gateway.server.end()?;
    Ok(took_ms)
}
