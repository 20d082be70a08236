//! The stages that look at the gateway from outside: the official SDKs, a browser, a real model.

use std::process::Command;

use super::counts::{Counts, ONE, counted};
use super::fixture::Fixture;
use super::{Length, Stopped};
use crate::bench::release;
use crate::{Failure, example, house, setup};

const NODE_PACKAGES: &[&str] = &["openai@7.57.0"];
const BROWSER_PACKAGES: &[&str] = &["playwright-core@1.65.1"];

/// The official SDKs, unchanged.
pub(super) fn sdk(_: Length) -> Result<Counts, Stopped> {
    let python = setup::sdk_python()?;
    let node_packages = setup::packages("sdk-node", NODE_PACKAGES)?;
    let fixture = Fixture::start("sdk")?;
    let mut counts = Counts::default();
    for script in ["tests/sdk/openai_sdk.py", "tests/sdk/anthropic_sdk.py", "tests/sdk/google_sdk.py"] {
        eprintln!("{script}");
        counts += counted(fixture.command(&python).arg("-B").arg(script))?;
    }
    eprintln!("tests/sdk/mcp_sdk.py");
    let mut proxy = fixture.command(&python);
    proxy.arg("-B").arg("tests/sdk/mcp_sdk.py").env("STEERSMAN", release("steersman", "steersman")?);
    counts += counted(&mut proxy)?;
    eprintln!("tests/sdk/openai_sdk.mjs");
    counts += counted(fixture.command("node").arg("tests/sdk/openai_sdk.mjs").env("NODE_PACKAGES", node_packages))?;
    let leaks = fixture.leaks()?;
    if !leaks.is_empty() {
        return Err(Failure::new(format!("the planted key stands in {leaks:?}")).into());
    }
    counts += ONE;
    Ok(counts)
}

/// Every program of `examples/`.
pub(super) fn examples(_: Length) -> Result<Counts, Stopped> {
    let mut counts = Counts::default();
    for name in example::names()? {
        example::one(&name)?;
        counts += ONE;
    }
    Ok(counts)
}

/// Every page of the console in a browser, with and without script; pictures are left in the build folder.
pub(super) fn browser(_: Length) -> Result<Counts, Stopped> {
    let chromium = setup::chromium()?;
    let node_packages = setup::packages("browser", BROWSER_PACKAGES)?;
    let fixture = Fixture::start("browser")?;
    let pictures = house::target("screenshots");
    std::fs::create_dir_all(&pictures)?;
    let mut test = fixture.command("node");
    test.arg("tests/browser/console.mjs").env("NODE_PACKAGES", node_packages).env("CHROMIUM", chromium);
    let counts = counted(test.env("PICTURES", &pictures))?;
    eprintln!("pictures are in {}", pictures.display());
    Ok(counts)
}

/// A real model on this machine: the engine of local models, linted, and the demo's requests answered by it.
pub(super) fn local(_: Length) -> Result<Counts, Stopped> {
    setup::local_binary()?;
    let mut demo: Command = house::cargo();
    demo.args(["run", "--quiet", "--package", "xtask", "--", "demo", "--exit", "--json"]);
    house::output(&mut demo)?;
    Ok(ONE)
}
