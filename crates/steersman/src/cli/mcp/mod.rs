//! `steersman mcp`: one MCP server over stdio in front of all configured ones, with the guard between.
//!
//! A client that speaks MCP names this program instead of its servers. It sees their tools under their prefixes, as
//! they were reviewed, and each call is decided from what the session has read so far before it goes on.
//!
//! What never happens here: no decision (`session` asks the guard), and nothing but messages on standard output.

mod session;
mod wire;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use steersman_scope::{DiskFiles, Journal, JournalOptions, Ledger, OpenError, Runner};

use super::config_file::{Loaded, data_folder, load};
use super::records::Where;
use super::{Command, Failure, parse};
use crate::{compose, tools};
use session::Session;
use wire::Client;

pub(crate) static COMMAND: Command = Command {
    name: "mcp",
    about: "Serve the configured tool servers as one MCP server over stdio, guarded",
    examples: &["steersman mcp --config steersman.toml"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    #[command(flatten)]
    place: Where,
    /// What the user asked for, in the user's own words: calls that it covers need no question
    #[arg(long)]
    request: Option<String>,
}

/// How many sessions may use one data folder at once, each with a ledger of its own.
const SESSIONS: usize = 64;

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Loaded { config, file } = load(arguments.place.config.as_deref())?;
    if config.tool_servers.is_empty() {
        return Err(
            Failure::new("no tool server is configured").hint("add `[tool_servers.NAME]` with `command` or `url`")
        );
    }
    let data = data_folder(&config, arguments.place.data.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let toolbox = tools::toolbox(&config, file.as_deref(), &compose::client(&config))?;
        let runner = Runner::over(ledger(&data.join("mcp-effects")).await?).build();
        left_open(&runner).await;
        let mut client = Client::of_stdio();
        let mut session = Session::new(&config.guard, &toolbox, runner, arguments.request.as_deref()).await;
        let trifecta = session.trifecta(&config.guard);
        if trifecta.is_none() {
            serve(&mut session, &mut client).await;
        }
        session.end().await;
        toolbox.shutdown().await;
        if let Some(trifecta) = trifecta {
            return Err(Failure::new(format!("a client with all these tools is refused: {trifecta}"))
                .hint("cut an edge in the contracts, or have each use of the exits approved with `guard.always_ask`"));
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Reads messages while calls are made. When the client is gone, what it has begun is made to its end.
async fn serve(session: &mut Session, client: &mut Client) {
    let mut is_there = true;
    loop {
        tokio::select! {
            message = client.next(), if is_there => match message {
                Some(message) => session.answer(&message, client),
                None => is_there = false,
            },
            Some(landed) = session.next() => session.tell(landed, client),
            else => return,
        }
    }
}

/// The first ledger of the folder that no other session has.
async fn ledger(folder: &std::path::Path) -> Result<Arc<dyn Ledger>, Failure> {
    for at in 0..SESSIONS {
        let place = folder.join(at.to_string());
        let unusable = |error: &dyn std::fmt::Display| {
            Failure::new(format!("the effect ledger `{}` cannot be opened: {error}", place.display()))
        };
        let files = DiskFiles::open(&place).map_err(|error| unusable(&error))?;
        match Journal::open(Arc::new(files), JournalOptions::default()).await {
            Ok(journal) => return Ok(Arc::new(journal)),
            Err(OpenError::Owned) => {}
            Err(other) => return Err(unusable(&other)),
        }
    }
    Err(Failure::new(format!("{SESSIONS} sessions use `{}` already", folder.display()))
        .hint("name another with `--data`"))
}

/// Says what an earlier session left without an outcome. It is never sent again by itself.
async fn left_open(runner: &Runner) {
    if let Ok(open) = runner.open_effects().await
        && !open.is_empty()
    {
        anstream::eprintln!(
            "{} effects of an earlier session have no known outcome; they are not repeated",
            open.len()
        );
    }
}
