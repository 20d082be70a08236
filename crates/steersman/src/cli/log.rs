//! `steersman log`: the newest requests as lines, filtered, followed.
//!
//! A record is written when its request ends and is named by when it began, so what is new is not what has the newest
//! name: who follows is shown what ended since the last look, slow requests too, each once.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use steersman_core::{OutcomeKind, RequestId, Usd};
use steersman_store::rows::RequestRow;
use steersman_store::{Page, Reader, RequestFilter, TimeRange, now_us};

use super::records::{Where, with_config_and_reader};
use super::shown::shown;
use super::{Command, Failure, parse};

/// How often `--follow` looks.
const FOLLOW_PAUSE: Duration = Duration::from_millis(500);
/// How long after its end a record may be written and is still shown: the writer is 100 ms behind, a full disk longer.
const WRITTEN_WITHIN: Duration = Duration::from_secs(30);

pub(crate) static COMMAND: Command = Command {
    name: "log",
    about: "Show the newest requests, filtered, and follow them",
    examples: &["steersman log -n 50 --outcome rejected", "steersman log --follow --json"],
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
    with_config_and_reader(&arguments.place, |config, reader| async move {
        let page = Page::newest(arguments.lines);
        if !arguments.follow {
            return show(&reader.requests(&filter, &page).await?.requests, arguments.json);
        }
        let mut follow = Follow { reader: &reader, filter, longest: config.total_timeout, shown: BTreeMap::new() };
        // Older ones than the first page holds are not new, however short ago they ended.
        follow.fresh().await?;
        let first = reader.requests(&follow.filter, &page).await?.requests;
        follow.shown.extend(first.iter().map(|row| (row.id.clone(), ended_us(row))));
        show(&first, arguments.json)?;
        loop {
            tokio::time::sleep(FOLLOW_PAUSE).await;
            show(&follow.fresh().await?, arguments.json)?;
        }
    })
}

/// What has been shown of a log that goes on.
struct Follow<'a> {
    reader: &'a Reader,
    filter: RequestFilter,
    /// How long a request may take.
    longest: Duration,
    /// When those ended that were shown and could be found again.
    shown: BTreeMap<RequestId, i64>,
}

impl Follow<'_> {
    /// What ended a short while ago and was not shown, newest first.
    async fn fresh(&mut self) -> Result<Vec<RequestRow>, Failure> {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let ended_from_us = now_us().saturating_sub(micros(WRITTEN_WITHIN));
        self.shown.retain(|_, ended| *ended >= ended_from_us);
        let from_us = Some(ended_from_us.saturating_sub(micros(self.longest)));
        let range = TimeRange { from_us, until_us: None };
        let filter = RequestFilter { range, ended_from_us: Some(ended_from_us), ..self.filter.clone() };
        let (mut rows, mut page) = (Vec::new(), Page::newest(Page::MAX_LIMIT));
        loop {
            let found = self.reader.requests(&filter, &page).await?;
            rows.extend(found.requests);
            match found.next {
                Some(next) => page.before = Some(next),
                None => break,
            }
        }
        rows.retain(|row| self.shown.insert(row.id.clone(), ended_us(row)).is_none());
        Ok(rows)
    }
}

fn ended_us(row: &RequestRow) -> i64 {
    row.started_at_us.saturating_add(i64::try_from(row.timing.total_us).unwrap_or(i64::MAX))
}

/// Prints rows that come newest first.
fn show(rows: &[RequestRow], json: bool) -> Result<ExitCode, Failure> {
    rows.iter().rev().try_for_each(|row| print(row, json))?;
    Ok(ExitCode::SUCCESS)
}

fn print(row: &RequestRow, json: bool) -> Result<(), Failure> {
    if json {
        anstream::println!("{}", shown(&serde_json::to_string(row)?));
        return Ok(());
    }
    let model = shown(row.model.as_deref().unwrap_or(&row.requested_model));
    let tokens = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    anstream::println!(
        "{} {:<9} {:<24.24} {:>6}>{:<6} {:>10} {:>7} ms{}",
        row.id,
        row.outcome.as_str(),
        model,
        tokens(row.usage.input_tokens),
        tokens(row.usage.output_tokens),
        row.cost.map_or_else(|| "?".to_owned(), |cost: Usd| cost.to_string()),
        row.timing.total_us / 1_000,
        row.code.as_ref().map_or_else(String::new, |code| format!(" {code}")),
    );
    Ok(())
}
