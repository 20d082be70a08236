//! `steersman log`: the newest requests as lines, filtered, followed.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use steersman_core::{OutcomeKind, RequestId, Usd};
use steersman_store::rows::RequestRow;
use steersman_store::{Page, Reader, RequestFilter};

use super::records::{Where, with_reader};
use super::{Command, Failure, parse};

/// How often `--follow` looks.
const FOLLOW_PAUSE: Duration = Duration::from_millis(500);

pub(crate) static COMMAND: Command = Command {
    name: "log",
    about: "Show the newest requests, filtered, and follow them",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    #[command(flatten)]
    place: Where,
    /// How many
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    lines: u32,
    /// Keep showing new ones.
    #[arg(short, long)]
    follow: bool,
    /// Only this model
    #[arg(long)]
    model: Option<String>,
    /// Only this provider
    #[arg(long)]
    provider: Option<String>,
    /// Only this task
    #[arg(long)]
    task: Option<String>,
    /// Only this outcome
    #[arg(long, value_parser = OutcomeKind::ALL.map(OutcomeKind::as_str))]
    outcome: Option<String>,
    /// Only this error code
    #[arg(long)]
    code: Option<String>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let filter = RequestFilter {
        model: arguments.model.clone(),
        provider: arguments.provider.clone(),
        task: arguments.task.clone(),
        outcome: arguments.outcome.as_deref().and_then(OutcomeKind::named),
        code: arguments.code.clone(),
        ..RequestFilter::default()
    };
    with_reader(&arguments.place, |reader| async move { show(&reader, &filter, arguments).await })
}

async fn show(reader: &Reader, filter: &RequestFilter, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut page = Page::newest(arguments.lines);
    loop {
        let found = reader.requests(filter, &page).await?;
        for row in found.requests.iter().rev() {
            print(row, arguments.json)?;
        }
        if !arguments.follow {
            return Ok(ExitCode::SUCCESS);
        }
        let newest: Option<RequestId> = found.requests.first().map(|row| row.id.clone());
        page = Page { limit: Page::MAX_LIMIT, before: None, after: newest.or(page.after) };
        tokio::time::sleep(FOLLOW_PAUSE).await;
    }
}

fn print(row: &RequestRow, json: bool) -> Result<(), Failure> {
    if json {
        anstream::println!("{}", serde_json::to_string(row)?);
        return Ok(());
    }
    let model = row.model.as_deref().unwrap_or(&row.requested_model);
    let tokens = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    anstream::println!(
        "{} {:<9} {:<24.24} {:>6}>{:<6} {:>10} {:>7} ms",
        row.id,
        row.outcome.as_str(),
        model,
        tokens(row.usage.input_tokens),
        tokens(row.usage.output_tokens),
        row.cost.map_or_else(|| "?".to_owned(), |cost: Usd| cost.to_string()),
        row.timing.total_us / 1_000,
    );
    Ok(())
}
