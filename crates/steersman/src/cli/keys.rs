//! `steersman keys`: virtual keys, made, listed, rotated and revoked. A gateway that runs sees a change within half a
//! second.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use steersman_core::nearest;
use steersman_engine::KeyRules;
use steersman_store::{State, now_us};

use super::config_file::{data_folder, load};
use super::records::{Where, with_state};
use super::{Command, Failure, parse};
use crate::compose;
use crate::keys::{self, Made, StoredKey};
use crate::local::LocalModels;
use crate::new_key::{self, NewKey, NewKeyError};

pub(crate) static COMMAND: Command = Command {
    name: "keys",
    about: "Make, list, rotate and revoke the keys that clients send",
    examples: &[
        "steersman keys create search --model gpt-4o-mini --requests-per-minute 60 --usd-per-day 5",
        "steersman keys list --json",
    ],
    arguments: Arguments::augment_args,
    run: |matches| run(parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    place: Where,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Make a key; its secret is printed once and kept nowhere.
    Create(Box<Wanted>),
    /// List all keys, their limits, and what is used of every budget.
    List,
    /// Give a key a new secret; the old one is good no more.
    Rotate {
        /// Its id or name
        key: String,
    },
    /// Revoke a key for good.
    Revoke {
        /// Its id or name
        key: String,
    },
    /// List who changed which key and when.
    Audit,
}

#[derive(Args)]
struct Wanted {
    /// What a person calls it
    name: String,
    /// The team that it belongs to
    #[arg(long)]
    team: Option<String>,
    /// A model that it may use, `*` at the end for any; may be given more than once [default: all]
    #[arg(long = "model")]
    models: Vec<String>,
    /// A region in which its requests may be processed; may be given more than once [default: anywhere]
    #[arg(long = "region")]
    regions: Vec<String>,
    /// Its end users write the messages themselves: the guard trusts no tool result in them
    #[arg(long)]
    end_users: bool,
    /// Requests a minute
    #[arg(long)]
    requests_per_minute: Option<u64>,
    /// Tokens a minute
    #[arg(long)]
    tokens_per_minute: Option<u64>,
    /// Dollars a day (UTC)
    #[arg(long)]
    usd_per_day: Option<String>,
    /// Dollars a month (UTC)
    #[arg(long)]
    usd_per_month: Option<String>,
    /// Dollars ever
    #[arg(long)]
    usd_total: Option<String>,
}

fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { action, place, json } = arguments;
    let now_us = now_us();
    match action {
        Action::Create(wanted) => {
            let rules = wanted.rules().map_err(|error| Failure::new(error.to_string()))?;
            doubts(&place, &rules)?.iter().for_each(|doubt| anstream::eprintln!("warning: {doubt}"));
            let made = with_state(&place, async move |state| keys::create(&state, "cli", rules, now_us).await)?;
            show_made(&made, json);
        }
        Action::Rotate { key } => {
            let made = with_state(&place, async move |state| keys::rotate(&state, "cli", &key, now_us).await)?;
            show_made(&made, json);
        }
        Action::Revoke { key } => {
            let key = with_state(&place, async move |state| keys::revoke(&state, "cli", &key, now_us).await)?;
            if json {
                anstream::println!("{}", describe(&key));
            } else {
                anstream::eprintln!("revoked `{}` ({})", key.rules.name, key.rules.id);
            }
        }
        Action::List => {
            let read =
                async |state: State| Ok::<_, keys::KeyError>((keys::list(&state).await?, state.budgets().await?));
            let (keys, budgets) = with_state(&place, read)?;
            if json {
                let budgets: Vec<_> = budgets.iter().map(describe_budget).collect();
                let keys: Vec<_> = keys.iter().map(describe).collect();
                anstream::println!("{}", json!({ "keys": keys, "budgets": budgets }));
            } else {
                show_all(&keys, &budgets);
            }
        }
        Action::Audit => {
            for line in with_state(&place, async |state| keys::audit(&state).await)? {
                if json {
                    anstream::println!("{}", json!(line));
                } else {
                    let at = steersman_console::time(line.at_us);
                    anstream::println!("{at}  {:<8} {:<8} {}", line.by, line.what, line.key);
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Wanted {
    fn rules(self) -> Result<KeyRules, NewKeyError> {
        let money = |field, text: Option<String>| new_key::dollars(field, text.as_deref().unwrap_or_default());
        let wanted = NewKey {
            usd_per_day: money("usd_per_day", self.usd_per_day)?,
            usd_per_month: money("usd_per_month", self.usd_per_month)?,
            usd_total: money("usd_total", self.usd_total)?,
            name: self.name,
            team: self.team,
            models: self.models,
            regions: self.regions,
            end_users: self.end_users,
            requests_per_minute: self.requests_per_minute,
            tokens_per_minute: self.tokens_per_minute,
        };
        wanted.rules()
    }
}

/// What of a key's rules names nothing in the configuration. It may be there later, or at another gateway.
fn doubts(place: &Where, rules: &KeyRules) -> Result<Vec<String>, Failure> {
    let config = load(place.config.as_deref())?.config;
    let mut doubts = Vec::new();
    if let Some(team) = rules.team.as_ref().filter(|team| !config.admission.teams.iter().any(|(name, _)| name == *team))
    {
        doubts.push(format!("there is no `[teams.{team}]`, so the team of this key has no budget"));
    }
    let client = compose::client(&config);
    let local = LocalModels::unstarted(&config, &data_folder(&config, place.data.as_deref())?, &client);
    // What is wrong with the file itself, `check` and `up` say.
    let Ok(compose::Providers { catalog, .. }) = compose::providers(&config, &client, &local) else {
        return Ok(doubts);
    };
    let mut names: Vec<String> = catalog.models().map(|(name, _)| name.to_owned()).collect();
    names.extend(catalog.tasks().map(|task| format!("task/{task}")));
    for model in &rules.models {
        let is_there = match model.strip_suffix('*') {
            Some(start) => {
                names.iter().any(|name| name.starts_with(start)) || catalog.candidate(&format!("{start}x")).is_ok()
            }
            None => names.contains(model) || catalog.candidate(model).is_ok(),
        };
        if !is_there {
            let close = nearest(model, names.iter().map(String::as_str));
            let close = close.first().map_or_else(String::new, |close| format!("; did you mean `{close}`?"));
            doubts.push(format!("no model or task is called `{model}`{close}"));
        }
    }
    Ok(doubts)
}

fn show_made(made: &Made, json: bool) {
    if json {
        anstream::println!("{}", describe_made(made));
        return;
    }
    anstream::println!("{}", made.secret);
    anstream::eprintln!(
        "the key `{}` ({}); the secret above is shown this once",
        made.key.rules.name,
        made.key.rules.id
    );
}

fn show_all(keys: &[StoredKey], budgets: &[steersman_store::BudgetRow]) {
    anstream::println!("{:<20} {:<16} {:<12} {:<8} limits", "id", "name", "team", "ends");
    for key in keys {
        let rules = &key.rules;
        let team = rules.team.as_deref().unwrap_or("-");
        let limits = if key.revoked_at_us.is_some() { "revoked".to_owned() } else { limits(rules) };
        anstream::println!("{:<20} {:<16} {team:<12} {:<8} {limits}", rules.id, rules.name, key.ends);
    }
    if !budgets.is_empty() {
        anstream::println!("\n{:<32} {:<12} {:>14} {:>14} {:>12}", "budget", "period", "spent", "held", "overrun");
    }
    for row in budgets {
        let (spent, held, over) = (row.spent.to_string(), row.held.to_string(), row.overrun.to_string());
        anstream::println!("{:<32} {:<12} {spent:>14} {held:>14} {over:>12}", row.name, row.period);
    }
}

/// The limits of a key in a few words.
pub(crate) fn limits(rules: &KeyRules) -> String {
    let counts = [(rules.requests_per_minute, "requests/min"), (rules.tokens_per_minute, "tokens/min")];
    let money = [(rules.usd_per_day, "a day"), (rules.usd_per_month, "a month"), (rules.usd_total, "in all")];
    let counts = counts.iter().filter_map(|(count, words)| Some(format!("{} {words}", (*count)?)));
    let money = money.iter().filter_map(|(usd, words)| Some(format!("{} {words}", (*usd)?)));
    let models = (!rules.models.is_empty()).then(|| rules.models.join(" "));
    let regions = (!rules.regions.is_empty()).then(|| format!("in {}", rules.regions.join(" or ")));
    let users = rules.end_users.then(|| "messages by end users".to_owned());
    let words: Vec<_> = counts.chain(money).chain(models).chain(regions).chain(users).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// A key as JSON, without its hash.
pub(crate) fn describe(key: &StoredKey) -> serde_json::Value {
    let mut value = json!(key.rules);
    let more = [
        ("ends", json!(key.ends)),
        ("created_at_us", json!(key.created_at_us)),
        ("revoked_at_us", json!(key.revoked_at_us)),
    ];
    if let Some(members) = value.as_object_mut() {
        members.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    value
}

/// A key that was just made, with its secret.
pub(crate) fn describe_made(made: &Made) -> serde_json::Value {
    let mut value = describe(&made.key);
    if let Some(members) = value.as_object_mut() {
        members.insert("secret".to_owned(), json!(made.secret));
    }
    value
}

/// A budget as JSON, in nano-dollars.
pub(crate) fn describe_budget(row: &steersman_store::BudgetRow) -> serde_json::Value {
    let (name, period) = (&row.name, &row.period);
    json!({ "name": name, "period": period, "spent": row.spent, "held": row.held, "overrun": row.overrun })
}
