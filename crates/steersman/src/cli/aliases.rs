//! `steersman structure aliases`: other names that models use for declared members, and a person's word on them. A
//! gateway that runs sees a change within half a second.

use std::process::ExitCode;

use clap::Args;
use steersman_engine::Evidence;
use steersman_store::now_us;

use super::Failure;
use super::records::{Where, with_config_and_state};
use crate::drift::{self, StoredAlias};

/// What is wanted of aliases.
#[derive(Args)]
pub(super) struct Wanted {
    /// Put the alias of this number in force
    #[arg(long, conflicts_with = "forget")]
    confirm: Option<usize>,
    /// Forget the alias of this number
    #[arg(long)]
    forget: Option<usize>,
    #[command(flatten)]
    place: Where,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Does it, and lists what stands then.
pub(super) fn run(wanted: &Wanted) -> Result<ExitCode, Failure> {
    let (settings, listed) = with_config_and_state(&wanted.place, async |config, state| {
        let listed = drift::aliases(&state).await?;
        if let Some(number) = wanted.confirm {
            drift::confirm(&state, &numbered(&listed, number)?, Some("cli"), now_us()).await?;
        }
        if let Some(number) = wanted.forget {
            drift::forget(&state, &numbered(&listed, number)?).await?;
        }
        Ok::<_, Failure>((config.aliases, drift::aliases(&state).await?))
    })?;
    let lines = listed.iter().enumerate().map(|(index, stored)| {
        let in_force = stored.in_force(&settings, now_us());
        if wanted.json { as_json(index + 1, stored, in_force) } else { as_text(index + 1, stored, in_force) }
    });
    lines.for_each(|line| anstream::println!("{line}"));
    if listed.is_empty() && !wanted.json {
        anstream::eprintln!("none; answers that were asked for again give evidence for them");
    }
    Ok(ExitCode::SUCCESS)
}

fn numbered(listed: &[StoredAlias], number: usize) -> Result<Evidence, Failure> {
    let stored = number.checked_sub(1).and_then(|index| listed.get(index));
    let stored =
        stored.ok_or_else(|| Failure::new(format!("there is no alias {number}; the list has {}", listed.len())))?;
    Ok(Evidence { model: stored.model.clone(), schema: stored.schema.clone(), alias: stored.alias.clone() })
}

fn as_json(number: usize, stored: &StoredAlias, in_force: bool) -> String {
    let mut line = serde_json::json!(stored);
    if let Some(members) = line.as_object_mut() {
        members.insert("number".to_owned(), number.into());
        members.insert("in_force".to_owned(), in_force.into());
    }
    line.to_string()
}

fn as_text(number: usize, stored: &StoredAlias, in_force: bool) -> String {
    let StoredAlias { model, schema, alias, support, person, .. } = stored;
    let place = if alias.pointer.is_empty() { "/" } else { &alias.pointer };
    let person = person.as_ref().map_or_else(String::new, |person| format!(", a person ({person})"));
    let state = if in_force { "in force" } else { "not in force" };
    format!(
        "{number:>3}  {} -> {} at {place}, {model}, schema {schema}: {support} answers{person}; {state}",
        alias.old, alias.new
    )
}
