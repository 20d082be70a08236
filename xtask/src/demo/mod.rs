//! `cargo xtask demo`: from a clone to real answers of a real model, with their records on the console.
//!
//! It fetches the small model's weights, builds the gateway and the server of local models, starts the gateway and goes
//! through [`SECTIONS`]. Each section is one file and one line: it sends requests and gives rows of the table.

mod cascade;
mod chat;
mod effects;
mod extraction;
mod guard;
mod objective;
mod session;
mod stream;
mod table;
mod tool;

use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use serde_json::json;

use crate::bench::release;
use crate::server::Gateway;
use crate::task::{Task, parse};
use crate::{Failure, domains, house, setup};
use session::{Row, Session};

pub(crate) static TASK: Task = Task {
    name: "demo",
    about: "Set everything up and show real answers, with the console left open",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// End after the table instead of leaving the console open
    #[arg(long)]
    exit: bool,
    /// Print the table's data as JSON
    #[arg(long)]
    json: bool,
    /// The data folder [default: a new one in the build folder]
    #[arg(long)]
    data: Option<PathBuf>,
    /// The local model, a name of `steersman models list`
    #[arg(long, default_value = "smollm2-135m")]
    model: String,
}

/// One part of the demo.
struct Section {
    name: &'static str,
    run: fn(&Session) -> Result<Vec<Row>, Failure>,
}

/// Every part, in order.
static SECTIONS: &[Section] = &[
    Section { name: "chat", run: chat::run },
    Section { name: "stream", run: stream::run },
    Section { name: "extraction", run: extraction::run },
    Section { name: "tool", run: tool::run },
    Section { name: "tools and effects", run: effects::run },
    Section { name: "guard", run: guard::run },
    Section { name: "quality floor", run: objective::run },
    Section { name: "cascade", run: cascade::run },
];

fn run(arguments: &Arguments) -> Result<(), Failure> {
    eprintln!("building the gateway and the server of local models (minutes at the first time)");
    let steersman = release("steersman", "steersman")?;
    setup::local_binary()?;
    let models = setup::pulled(&steersman, &arguments.model)?;
    let data = match &arguments.data {
        Some(data) => std::path::absolute(data)?,
        None => fresh()?,
    };
    let mut command = Command::new(&steersman);
    command.env("STEERSMAN_MODELS", &models);
    let two = models.join(format!("{}.json", domains::REFERENCE)).is_file();
    let config = data.join("steersman.toml");
    std::fs::create_dir_all(&data)?;
    let cascade = if two { domains::CONFIG } else { "" };
    let text = [extraction::CONFIG, guard::CONFIG, effects::CONFIG, objective::CONFIG, cascade]
        .concat()
        .replace("MODEL", &arguments.model);
    let text = text.replace("STEERSMAN", &steersman.display().to_string());
    std::fs::write(&config, text.replace("SHOP_LOG", &data.join(effects::LOG).display().to_string()))?;
    let gateway = Gateway::start(&mut command, Some(&config), &data)?;
    let session = Session::new(steersman, gateway.address.clone(), arguments.model.clone(), data);
    let mut rows = Vec::new();
    for section in SECTIONS {
        eprintln!("asking for: {}", section.name);
        rows.extend((section.run)(&session).map_err(|failure| failure.while_doing(section.name))?);
    }
    let console = format!("http://{}/console", gateway.address);
    if arguments.json {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        println!(
            "{:#}",
            json!({ "rows": rows, "console": console, "base_url": format!("http://{}/v1", gateway.address) })
        );
    } else {
        println!("{}", table::lines(&rows).join("\n"));
    }
    if arguments.exit {
        return gateway.server.end();
    }
    eprintln!("\nthe console is open at {console} (base_url http://{}/v1); Ctrl-C ends it", gateway.address);
    gateway.server.wait()
}

fn fresh() -> Result<PathBuf, Failure> {
    let data = house::target("demo");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    std::fs::create_dir_all(&data)?;
    Ok(data)
}
