//! What was measured on what.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::house;

/// Processor, cores, load, kernel, compiler and the commit. Runs that were kept since it change nothing that is
/// measured.
pub(crate) fn describe() -> Value {
    let said = |command: &mut Command| house::output(command).map(|text| text.trim().to_owned()).unwrap_or_default();
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let git = |words: &[&str]| said(Command::new("git").current_dir(house::root()).args(words));
    json!({
        "processor": model, "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "load_before": load.split_whitespace().next(), "kernel": said(Command::new("uname").arg("-sr")),
        "rustc": said(Command::new("rustc").arg("--version")), "profile": "release, no LTO",
        "commit": git(&["rev-parse", "--short", "HEAD"]), "changed": !git(&["status", "--porcelain", "--", ":!bench/runs"]).is_empty(),
    })
}
