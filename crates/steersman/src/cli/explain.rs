//! `steersman explain`: the story of one request.
//!
//! What never happens here: words of a client, a model or a tool reach the terminal as more than words.

use std::process::ExitCode;

use clap::Args;
use steersman_core::{Code, RequestId};
use steersman_store::rows::{AttemptRow, RequestRow, RequestStory};

use super::records::{Where, with_reader};
use super::shown::shown;
use super::{Command, Failure, parse};

pub(crate) static COMMAND: Command = Command {
    name: "explain",
    about: "Tell the story of one request",
    examples: &["steersman explain req_01m8fmsa4jnhck8je14qy88h1f"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// The request's id, as the `x-request-id` header gives it
    id: String,
    #[command(flatten)]
    place: Where,
    /// Print JSON, bodies included.
    #[arg(long)]
    json: bool,
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let id = RequestId::parse(&arguments.id).ok_or_else(|| {
        Failure::new(format!("`{}` is not a request id", arguments.id))
            .hint("an id begins with `req_`; `steersman log` lists the newest")
    })?;
    let story = with_reader(&arguments.place, |reader| async move { Ok(reader.request(&id).await?) })?;
    let story = story.ok_or_else(|| {
        Failure::new(format!("there is no record of `{}`", arguments.id))
            .hint("it may be older than the store keeps, or less than a tenth of a second old")
    })?;
    if arguments.json {
        anstream::println!("{}", shown(&serde_json::to_string(&story)?));
    } else {
        tell(&story);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(story: &RequestStory) {
    let row = &story.request;
    let streamed = if row.streamed { ", streamed" } else { "" };
    anstream::println!("{}  {} ({}{streamed})", row.id, row.outcome.as_str(), row.protocol);
    anstream::println!("  asked for   {}, as task {}", shown(&row.requested_model), shown(row.task.as_str()));
    for (index, attempt) in story.attempts.iter().enumerate() {
        tell_attempt(index + 1, attempt);
    }
    for (room, content) in &story.notes {
        for (index, line) in steersman_console::told(room, content).iter().enumerate() {
            let label = if index == 0 { room.as_str() } else { "" };
            anstream::println!("  {label:<11} {}", shown(line));
        }
    }
    tell_bill(row);
    if let Some(code) = row.code.as_deref().and_then(Code::named) {
        anstream::println!("  ended with  {} ({}): {}", code.name, row.status, code.meaning);
        anstream::println!("  do          {}", code.hint);
    }
}

fn tell_bill(row: &RequestRow) {
    let tokens = |count: Option<u64>| count.map_or_else(|| "unknown".to_owned(), |count| count.to_string());
    anstream::println!("  tokens      {} in, {} out", tokens(row.usage.input_tokens), tokens(row.usage.output_tokens));
    let cost = row.cost.map_or_else(|| "unknown: a price or a count is missing".to_owned(), |cost| cost.to_string());
    anstream::println!("  cost        {cost}");
    anstream::println!("  took        {}", times(row.timing.first_token_us, row.timing.total_us));
}

fn tell_attempt(number: usize, attempt: &AttemptRow) {
    let status = attempt.status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"));
    let end = attempt.code.as_deref().or(attempt.finish_reason.as_deref()).unwrap_or("no finish reason");
    anstream::println!(
        "  attempt {number}   {} to {}/{}: {status}, {end}, {}",
        attempt.reason,
        attempt.provider,
        shown(&attempt.requested_model),
        times(attempt.timing.first_token_us, attempt.timing.total_us)
    );
    if let Some(served) = attempt.served_model.as_deref().filter(|served| *served != attempt.requested_model) {
        anstream::println!("              served by {}", shown(served));
    }
}

fn times(first_token_us: Option<u64>, total_us: u64) -> String {
    let ms = |us: u64| format!("{}.{} ms", us / 1_000, us % 1_000 / 100);
    match first_token_us {
        Some(first) => format!("{}, first token after {}", ms(total_us), ms(first)),
        None => ms(total_us),
    }
}
