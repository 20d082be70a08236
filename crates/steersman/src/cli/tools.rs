//! `steersman tools`: what the configured servers list, what is said of each tool, and whether it answers.
//!
//! What never happens here: a server's words reach the terminal as more than words.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use steersman_core::{Contract, Effect, Idempotency};
use steersman_scope::{Child, Dispatch, Root, Scope};
use steersman_tools::{Listing, Lock, Offer, Standing};

use super::config_file::{Loaded, load};
use super::shown::{shown, shown_json};
use super::{Command, Failure, parse};
use crate::{compose, tools};

pub(crate) static COMMAND: Command = Command {
    name: "tools",
    about: "List, review and try the tools of the configured servers",
    examples: &["steersman tools list", "steersman tools contract find_order"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The configuration [default: steersman.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Every tool with its effect, its idempotency and whether it is as it was reviewed
    List,
    /// What is said of one tool: its contract, its description, its schema
    Contract {
        /// The tool, as models see it
        name: String,
    },
    /// Call one tool now, with these arguments (JSON); a tool that is not `read` needs `--really`
    Test {
        /// The tool, as models see it
        name: String,
        /// Its arguments
        #[arg(default_value = "{}")]
        arguments: String,
        /// Call it although it changes something
        #[arg(long)]
        really: bool,
    },
    /// Write down that the tools were reviewed as they are listed now
    Pin {
        /// Only these
        names: Vec<String>,
    },
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Loaded { config, file } = load(arguments.config.as_deref())?;
    if config.tool_servers.is_empty() {
        return Err(
            Failure::new("no tool server is configured").hint("add `[tool_servers.NAME]` with `command` or `url`")
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let toolbox = tools::toolbox(&config, file.as_deref(), &compose::client(&config))?;
        let listings = toolbox.listings().await;
        let done = match &arguments.what {
            What::List => Ok(list(&listings, arguments.json)),
            What::Contract { name } => contract(find(&listings, name)?, arguments.json),
            What::Test { name, arguments: text, really } => test(find(&listings, name)?, text, *really).await,
            What::Pin { names } => pin(&listings, names, &tools::lock_path(file.as_deref())),
        };
        toolbox.shutdown().await;
        done
    })
}

fn find<'l>(listings: &'l [Listing], name: &str) -> Result<&'l Offer, Failure> {
    let offers = || listings.iter().flat_map(|listing| &listing.tools);
    offers().find(|offer| offer.spec.name == name).ok_or_else(|| {
        let names: Vec<_> = offers().map(|offer| offer.spec.name.as_str()).collect();
        let close = steersman_core::nearest(name, names.iter().copied());
        let hint = close
            .first()
            .map_or_else(|| "`steersman tools list` shows all".to_owned(), |close| format!("did you mean `{close}`?"));
        let silent: Vec<_> = listings.iter().filter(|listing| listing.error.is_some()).map(silence).collect();
        let silent = silent.iter().map(|why| format!("; {why}")).collect::<String>();
        Failure::new(format!("no server lists the tool `{name}`{silent}")).hint(shown(&hint))
    })
}

/// Why a server's tools are not known.
fn silence(listing: &Listing) -> String {
    format!("`{}` cannot be asked: {}", listing.server, shown(listing.error.as_deref().unwrap_or("it was")))
}

const fn effect(contract: &Contract) -> &'static str {
    match contract.effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Irreversible => "irreversible",
    }
}

fn idempotency(contract: &Contract) -> String {
    match &contract.idempotency {
        Idempotency::Keyed { header: Some(name), .. } | Idempotency::Keyed { argument: Some(name), .. } => {
            format!("keyed:{name}")
        }
        Idempotency::Keyed { .. } => "keyed".to_owned(),
        Idempotency::Lookup { tool } => format!("lookup:{tool}"),
        Idempotency::Opaque if contract.effect == Effect::Read => "-".to_owned(),
        Idempotency::Opaque => "opaque".to_owned(),
    }
}

fn list(listings: &[Listing], json: bool) -> ExitCode {
    let failed = listings.iter().any(|listing| listing.error.is_some());
    if json {
        let server = |listing: &Listing| {
            let tools: Vec<Value> = listing.tools.iter().map(row).collect();
            json!({ "server": listing.server, "error": listing.error, "tools": tools })
        };
        let servers = json!({ "servers": listings.iter().map(server).collect::<Vec<_>>() });
        anstream::println!("{}", shown_json(&servers));
    } else {
        anstream::println!("{}", table(listings).join("\n"));
        let offers = || listings.iter().flat_map(|listing| &listing.tools);
        offers().flat_map(tools::doubts).for_each(|doubt| anstream::eprintln!("{}", shown(&doubt)));
        if offers().any(|offer| matches!(offer.standing, Standing::Changed { .. })) {
            anstream::eprintln!(
                "a changed tool is not offered: see `steersman tools contract NAME`, then `steersman tools pin NAME`"
            );
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn table(listings: &[Listing]) -> Vec<String> {
    let mut lines = vec![format!("{:26}{:14}{:18}{:16}contract", "tool", "effect", "idempotency", "standing")];
    for listing in listings {
        let error = listing.error.as_ref();
        lines.extend(error.map(|error| format!("{:26}cannot be asked: {}", listing.server, shown(error))));
        lines.extend(listing.tools.iter().map(|offer| {
            let said = if offer.has_contract { "yes" } else { "none" };
            let (effect, idempotency) = (effect(&offer.contract), idempotency(&offer.contract));
            format!("{:26}{effect:14}{idempotency:18}{:16}{said}", shown(&offer.spec.name), offer.standing.word())
        }));
    }
    lines
}

fn row(offer: &Offer) -> Value {
    json!({
        "name": offer.spec.name, "server": offer.server, "digest": offer.digest, "standing": offer.standing.word(),
        "has_contract": offer.has_contract, "contract": offer.contract, "doubts": tools::doubts(offer),
    })
}

fn contract(offer: &Offer, json: bool) -> Result<ExitCode, Failure> {
    let schema: Value =
        offer.spec.parameters.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    if json {
        let mut row = row(offer);
        if let Some(members) = row.as_object_mut() {
            members.insert("description".to_owned(), json!(offer.spec.description));
            members.insert("parameters".to_owned(), schema);
        }
        anstream::println!("{}", shown_json(&row));
        return Ok(ExitCode::SUCCESS);
    }
    let contract = &offer.contract;
    let untrusted = if contract.untrusted { "untrusted" } else { "trusted" };
    let lines = [
        format!("{} of `{}`, {} ({})", shown(&offer.spec.name), offer.server, offer.standing.word(), offer.digest),
        format!("  effect          {}", effect(contract)),
        format!("  idempotency     {}", idempotency(contract)),
        format!("  sinks           {}", contract.sink.join(", ")),
        format!("  content         {}", contract.content.join(", ")),
        format!("  its output      {untrusted}"),
        format!("  says of itself  {}", shown(offer.spec.description.as_deref().unwrap_or("nothing"))),
        shown_json(&schema),
    ];
    anstream::println!("{}", lines.join("\n"));
    tools::doubts(offer).iter().for_each(|doubt| anstream::eprintln!("{}", shown(doubt)));
    if !offer.has_contract {
        let name = &offer.spec.name;
        anstream::eprintln!(
            "hint: no contract: untrusted, irreversible, opaque. Add `[tools.{name}]` with an `effect`"
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn test(offer: &Offer, arguments: &str, really: bool) -> Result<ExitCode, Failure> {
    if offer.contract.effect != Effect::Read && !really {
        return Err(Failure::new(format!(
            "`{}` is {}, so this would do something",
            offer.spec.name,
            effect(&offer.contract)
        ))
        .hint("`--really` calls it; no ledger keeps this call"));
    }
    let arguments: Value =
        serde_json::from_str(arguments).map_err(|error| Failure::new(format!("the arguments are no JSON: {error}")))?;
    let (tool, root) = (Arc::clone(&offer.tool), Root::unlimited("test"));
    let child = Child::<String, steersman_scope::ToolFault>::new("test", move |scope: Scope| async move {
        tool.call(Dispatch { key: None, arguments, scope }).await
    });
    let limit = offer.contract.timeout().unwrap_or(std::time::Duration::from_secs(60));
    let called = root.scope("test").deadline(limit).run(child).await;
    root.shutdown().await;
    match called {
        Ok(text) => {
            anstream::println!("{}", text.lines().map(shown).collect::<Vec<_>>().join("\n"));
            Ok(ExitCode::SUCCESS)
        }
        Err(failures) => {
            Err(Failure::new(format!("`{}` gave no result: {}", offer.spec.name, shown(&failures.to_string()))))
        }
    }
}

fn pin(listings: &[Listing], names: &[String], path: &std::path::Path) -> Result<ExitCode, Failure> {
    names.iter().try_for_each(|name| find(listings, name).map(drop))?;
    let mut lock = Lock::read(path)?;
    let chosen = |offer: &&Offer| names.is_empty() || names.contains(&offer.spec.name);
    let mut count = 0;
    for offer in listings.iter().flat_map(|listing| &listing.tools).filter(chosen) {
        lock.pin(&offer.server, &offer.remote, &offer.digest);
        count += 1;
    }
    lock.write(path)?;
    anstream::eprintln!("pinned {count} tools in `{}`; a running gateway reads it at its next start", path.display());
    // Named tools were all found. Whoever pins everything counts on it.
    let silent: Vec<String> =
        listings.iter().filter(|listing| names.is_empty() && listing.error.is_some()).map(silence).collect();
    if silent.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(format!("not every server's tools are pinned: {}", silent.join("; "))))
}
