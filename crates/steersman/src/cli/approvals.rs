//! `steersman approvals`: what waits for a person at a running gateway, and the person's word on it.
//!
//! What never happens here: a decision on a call that was not named.

use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, Subcommand};
use futures_util::StreamExt;
use http_body_util::Full;
use serde_json::{Value, json};
use steersman_net::{BaseUrl, Client, Limits};

use super::shown::{shown, shown_json};
use super::{Command, Failure, parse};
use crate::compose;

pub(crate) static COMMAND: Command = Command {
    name: "approvals",
    about: "See and decide what waits for a person at a running gateway",
    examples: &["steersman approvals list", "steersman approvals approve 5f5694f7"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The gateway's console: `admin.listen`, where that stands apart
    #[arg(long, global = true, default_value = "http://127.0.0.1:4180")]
    url: String,
    /// The admin's key, if the console wants one; `STEERSMAN_API_KEY` is looked at next
    #[arg(long, global = true, env = "STEERSMAN_ADMIN_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Calls that wait for an approval, and calls whose outcome is unknown
    List,
    /// Send a call that waits, with exactly the arguments that `list` shows
    Approve(Which),
    /// Refuse a call that waits
    Deny(Which),
    /// Ask the tool whether a call of unknown outcome happened
    LookUp(Which),
    /// Say that a call of unknown outcome happened
    MarkDone(Which),
    /// Say that a call of unknown outcome did not happen
    MarkNotDone(Which),
    /// Send a call of unknown outcome again; it may happen twice
    Resend(Which),
}

#[derive(Args)]
struct Which {
    /// The effect's key, or the beginning of it: eight characters at least
    #[arg(value_name = "KEY", value_parser = beginning_of_key)]
    effect: String,
    /// Who decides
    #[arg(long, env = "USER", default_value = "the command line")]
    by: String,
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let gateway = Gateway::new(arguments)?;
        let listed = gateway.ask("GET", "/api/effects", None).await?;
        let effects = listed.get("effects").and_then(Value::as_array).cloned().unwrap_or_default();
        let (action, which) = match &arguments.what {
            What::List => return Ok(list(&effects, arguments.json)),
            What::Approve(which) => ("approve", which),
            What::Deny(which) => ("deny", which),
            What::LookUp(which) => ("look_up", which),
            What::MarkDone(which) => ("happened", which),
            What::MarkNotDone(which) => ("did_not", which),
            What::Resend(which) => ("resend", which),
        };
        let effect = find(&effects, &which.effect)?;
        let order = json!({ "action": action, "arguments_hash": text(effect, "arguments_hash"), "by": which.by });
        let done = gateway.ask("POST", &format!("/api/effects/{}", text(effect, "key")), Some(&order)).await?;
        if arguments.json {
            anstream::println!("{}", shown_json(&done));
        } else {
            let [tool, state, detail] = ["tool", "state", "detail"].map(|key| shown(text(&done, key)));
            anstream::println!("{tool} is {state} now: {detail}");
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What is long enough to name a call. An empty variable of a script would decide on whatever waits.
fn beginning_of_key(text: &str) -> Result<String, String> {
    const FEWEST: usize = 8;
    if text.chars().count() < FEWEST {
        return Err(format!("write at least {FEWEST} characters of the key that `steersman approvals list` shows"));
    }
    Ok(text.to_owned())
}

fn find<'e>(effects: &'e [Value], key: &str) -> Result<&'e Value, Failure> {
    let mut found = effects.iter().filter(|effect| text(effect, "key").starts_with(key));
    match (found.next(), found.next()) {
        (Some(effect), None) => Ok(effect),
        (None, _) => Err(Failure::new(format!("nothing that waits has the key `{key}`"))
            .hint("`steersman approvals list` shows all")),
        (Some(_), Some(_)) => Err(Failure::new(format!("several keys begin with `{key}`")).hint("write more of it")),
    }
}

fn list(effects: &[Value], json: bool) -> ExitCode {
    if json {
        anstream::println!("{}", shown_json(&json!({ "effects": effects })));
        return ExitCode::SUCCESS;
    }
    if effects.is_empty() {
        anstream::eprintln!("nothing waits for a person");
    }
    for effect in effects {
        let key: String = text(effect, "key").chars().take(12).collect();
        let [state, tool, arguments, detail] =
            ["state", "tool", "arguments", "detail"].map(|key| shown(text(effect, key)));
        anstream::println!("{key}  {state:11}{tool}({arguments})");
        if !detail.is_empty() {
            anstream::println!("              {detail}");
        }
    }
    ExitCode::SUCCESS
}

struct Gateway {
    base: BaseUrl,
    key: Option<String>,
    client: Client,
}

impl Gateway {
    fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let base = BaseUrl::parse(&arguments.url)?;
        let key = arguments.key.clone().or_else(|| compose::environment("STEERSMAN_API_KEY"));
        Ok(Self { base, key, client: Client::new(Limits::default()) })
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let address = self.base.join(path).ok_or_else(|| Failure::new("the address is broken"))?;
        let mut request = axum::http::Request::builder().method(method).uri(address);
        request = request.header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let body = Full::new(Bytes::from(body.map(Value::to_string).unwrap_or_default()));
        let request = request.body(body).map_err(|error| Failure::new(error.to_string()))?;
        let mut answer = self.client.send(request).await.map_err(|error| {
            Failure::new(format!("the gateway cannot be asked: {error}")).hint("name a running one with `--url`")
        })?;
        let mut whole = Vec::new();
        while let Some(piece) = answer.body.next().await {
            whole.extend_from_slice(&piece.map_err(|error| Failure::new(error.to_string()))?);
        }
        let value: Value = serde_json::from_slice(&whole).unwrap_or_default();
        if answer.status < 400 {
            return Ok(value);
        }
        let message = value.pointer("/error/message").and_then(Value::as_str).unwrap_or("without words");
        Err(Failure::new(format!("the gateway refused with HTTP {}: {message}", answer.status)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[&str]) -> Option<(String, Option<String>)> {
        let command = Arguments::augment_args(clap::Command::new("approvals"));
        let matches = command.try_get_matches_from([&["approvals"], line].concat()).ok()?;
        let arguments: Arguments = parse(&matches).ok()?;
        let What::Approve(which) = arguments.what else { return None };
        Some((which.effect, arguments.key))
    }

    #[test]
    fn a_call_is_named_by_eight_characters_and_the_admins_key_is_another_word() {
        let key = "5f5694f7a1";
        assert_eq!(read(&["approve", key, "--key", "admin"]), Some((key.to_owned(), Some("admin".to_owned()))));
        assert_eq!(read(&["approve", key]), Some((key.to_owned(), None)));
        assert_eq!((read(&["approve", ""]), read(&["approve", "5f5694f"])), (None, None));
    }
}
