//! The stages that cargo's own tools do.

use super::counts::{Counts, ONE, counted};
use super::{Length, Stopped};
use crate::{Failure, chaos, house, soak, tidy};

/// Cases of each law when there is time.
const MANY_CASES: &str = "4096";

/// The layout of the sources.
pub(super) fn fmt(_: Length) -> Result<Counts, Stopped> {
    house::run(house::cargo().args(["fmt", "--all", "--check"]))?;
    Ok(ONE)
}

/// The rules of the house.
pub(super) fn tidy(_: Length) -> Result<Counts, Stopped> {
    tidy::run()?;
    Ok(ONE)
}

/// `cargo deny`, where it is installed; its licences, bans and sources are in [`mod@tidy`] too.
pub(super) fn deny(_: Length) -> Result<Counts, Stopped> {
    if house::output(house::cargo().args(["deny", "--version"])).is_err() {
        eprintln!("cargo-deny is not installed: tidy has checked licences, bans and sources from deny.toml");
        return Ok(Counts::default());
    }
    house::run(house::cargo().args(["deny", "--all-features", "check", "bans", "licenses", "sources"]))?;
    Ok(ONE)
}

/// Clippy with the lints of the workspace; the engine of local models is left to the stage `local`.
pub(super) fn clippy(_: Length) -> Result<Counts, Stopped> {
    house::run(house::cargo().args(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    Ok(ONE)
}

/// Documentation without a broken link.
pub(super) fn docs(_: Length) -> Result<Counts, Stopped> {
    let mut doc = house::cargo();
    doc.args(["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"]);
    house::run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(ONE)
}

/// All tests, doctests too. The store's run on SQLite and on a PostgreSQL that they start themselves.
pub(super) fn tests(length: Length) -> Result<Counts, Stopped> {
    let mut test = house::cargo();
    test.args(["test", "--locked", "--release", "--workspace", "--no-fail-fast"]);
    if length == Length::Full {
        test.env("PROPTEST_CASES", MANY_CASES).env("STEERSMAN_TEST_FULL", "1");
    }
    counted(&mut test)
}

/// Real processes, killed at every fail point, once each; the simulation is among the tests.
pub(super) fn chaos(length: Length) -> Result<Counts, Stopped> {
    let seeds = if length == Length::Full { 20 } else { 1 };
    let run = chaos::scenarios(seeds, true, None)?;
    let cells = run.get("scenarios").ok_or_else(|| Failure::new("the scenarios printed no cells"))?;
    let broken = chaos::broken(cells);
    let passed = cells.as_array().map_or(0, Vec::len).saturating_sub(broken.len());
    if broken.is_empty() && passed > 0 {
        return Ok(Counts { passed, failed: 0 });
    }
    let failure = Failure::new(format!("broken promises in: {}", broken.join("; ")));
    Err(Stopped { counts: Counts { passed, failed: broken.len() }, failure })
}

/// Mixed traffic with faults; with time, ten times as much.
pub(super) fn soak(length: Length) -> Result<Counts, Stopped> {
    let times = if length == Length::Full { 10 } else { 1 };
    let (_, broken) = soak::soak(times * soak::FEW_REQUESTS)?;
    if broken.is_empty() {
        return Ok(ONE);
    }
    Err(Failure::new(format!("over the bar: {}", broken.join("; "))).into())
}

/// The chapters that the binary writes are as it would write them.
pub(super) fn generated(_: Length) -> Result<Counts, Stopped> {
    house::run(house::cargo().args([
        "run",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "steersman",
        "--",
        "docs",
        "--check",
    ]))?;
    Ok(ONE)
}

/// The benchmark's bars on processor time.
pub(super) fn bars(_: Length) -> Result<Counts, Stopped> {
    house::run(house::cargo().args(["run", "--quiet", "--package", "xtask", "--", "bench", "gateway", "--gate"]))?;
    Ok(ONE)
}
