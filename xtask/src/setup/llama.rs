//! `steersman-local` with its inference engine, and weights for it.
//!
//! llama.cpp is built by cmake, and its binding reads headers through libclang; both come by pip, so that a C and C++
//! compiler is all that must be there.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment;
use crate::{Failure, house};

const TOOLS: &[&str] = &["cmake==4.4.4", "libclang==18.1.1"];

/// Builds `steersman-local` with the feature `llama` (five minutes of processor time at the first call) and gives its
/// path.
pub(crate) fn local_binary() -> Result<PathBuf, Failure> {
    let hint = "a C and C++ compiler is needed (Debian: build-essential)";
    let headers = house::output(Command::new("gcc").arg("-print-file-name=include"));
    let headers = headers.map_err(|failure| failure.hint(hint))?;
    let tools = environment("llama", TOOLS)?;
    let mut path = tools.join("bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut build = house::cargo();
    build.args(["build", "--release", "--package", "steersman-local", "--features", "llama"]);
    build.env("PATH", path).env("LIBCLANG_PATH", libclang(&tools)?);
    // The wheel has the library without its own headers.
    build.env("BINDGEN_EXTRA_CLANG_ARGS", format!("-I{}", headers.trim()));
    house::run(&mut build)?;
    Ok(house::target("release/steersman-local"))
}

fn libclang(tools: &Path) -> Result<PathBuf, Failure> {
    for python in std::fs::read_dir(tools.join("lib"))? {
        let folder = python?.path().join("site-packages/clang/native");
        if folder.is_dir() {
            return Ok(folder);
        }
    }
    Err(Failure::new("the libclang package holds no library").hint("remove the folder `setup` of the build folder"))
}

/// Fetches a model of the catalogue into the models' folder of the build folder, with `steersman` itself.
pub(crate) fn pulled(steersman: &Path, model: &str) -> Result<PathBuf, Failure> {
    let folder = house::target("models");
    std::fs::create_dir_all(&folder)?;
    let mut pull = Command::new(steersman);
    pull.args(["models", "pull", model, "--data"]).arg(house::target("setup")).env("STEERSMAN_MODELS", &folder);
    pull.stdout(std::io::stderr());
    house::run(&mut pull)?;
    Ok(folder)
}
