//! `steersman sim`: a simulated provider on loopback, for testing what an application does when a provider fails.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use steersman_sim::{Script, Sim};

use super::{Command, Failure, parse};

pub(crate) static COMMAND: Command = Command {
    name: "sim",
    about: "Start a simulated provider, or tool server, with faults on demand",
    examples: &["steersman sim examples/failover/provider.toml --listen 127.0.0.1:4190"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// The script, TOML or JSON [default: echoes every request]
    script: Option<PathBuf>,
    /// Address and port
    #[arg(long, default_value = "127.0.0.1:4190")]
    listen: SocketAddr,
    /// Be a tool server (MCP over standard streams) whose effects are synced lines of this file, instead of a provider
    #[arg(long, value_name = "LOG")]
    tools: Option<PathBuf>,
    /// End the tool server after so many effects, before the last one is answered
    #[arg(long, value_name = "N", requires = "tools")]
    die_after: Option<u64>,
    /// Print the ready line as JSON on stdout.
    #[arg(long)]
    json: bool,
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if let Some(log) = &arguments.tools {
        steersman_sim::serve_tools(log, arguments.die_after)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.listen.ip().is_loopback() {
        return Err(Failure::new(format!("`{}` is not loopback", arguments.listen))
            .hint("a simulated provider answers anyone; listen on 127.0.0.1"));
    }
    let script = script(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let sim = Sim::start_at(arguments.listen, script).await?;
        let base_url = sim.base_url();
        if arguments.json {
            anstream::println!("{}", serde_json::json!({ "base_url": base_url }));
        }
        anstream::eprintln!("a simulated provider answers at {base_url} (bill: GET /sim/bill); Ctrl-C ends it");
        tokio::signal::ctrl_c().await?;
        sim.shutdown().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn script(arguments: &Arguments) -> Result<Script, Failure> {
    let Some(path) = &arguments.script else { return Ok(Script::default()) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("the script `{}` cannot be read: {error}", path.display())))?;
    let json = path.extension().is_some_and(|extension| extension == "json");
    let script = if json { Script::from_json(&text) } else { Script::from_toml(&text) };
    script.map_err(|error| Failure::from(error).hint("docs/sim.md explains every key of a script"))
}
