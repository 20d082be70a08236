//! The processes of the gateway's benchmark that are not the gateway.
//!
//! `floor` is what any proxy must cost: it forwards bytes and looks at none. `sim` is the simulated provider with a
//! script. `drive` sends requests and measures, `soak` sends a mix of all that clients do. Each is a process of its
//! own, so that its CPU time is its own.

mod drive;
mod floor;
mod soak;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use steersman_sim::{Script, Sim};

/// What failed, as a person reads it: this binary has no caller that would look closer.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The gateway has the same one, so that the floor is not higher for want of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "The processes of the gateway's benchmark that are not the gateway")]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Forward everything to an address; print the own address.
    Floor {
        /// Where to.
        upstream: SocketAddr,
    },
    /// Simulate a provider; print its address.
    Sim {
        /// What it does, in TOML.
        script: PathBuf,
    },
    /// Send requests to an address; print a line of JSON.
    Drive(drive::Load),
    /// Send mixed traffic to an address; print what came of it as a line of JSON.
    Soak(soak::Soak),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().role {
        Role::Floor { upstream } => floor::run(upstream),
        Role::Sim { script } => simulate(&script),
        Role::Drive(load) => drive::run(&load),
        Role::Soak(soak) => soak::run(&soak),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Simulates a provider until the process is ended.
fn simulate(script: &std::path::Path) -> Result<(), Failure> {
    let script = Script::from_toml(&std::fs::read_to_string(script)?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let sim = Sim::start(script).await?;
        println!("{}", sim.addr());
        std::future::pending::<()>().await;
        drop(sim);
        Ok(())
    })
}
