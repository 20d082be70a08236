//! `steersman structure`: the value that a model's text meant, one text or a file of cases at a time.
//!
//! Texts are read here; everything is decided in `steersman-structured`, which opens no file.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use steersman_structured::{
    Asking, CompiledSchema, Conditions, Finish, Level, Mode, Reading, Rejected, Rules, SUBSETS, Source, Subset, advice,
    answer, batch_line, lower, lower_for, read,
};

use super::{Command, Failure, parse};
use crate::config::read_rules as read_rules_file;

pub(crate) static COMMAND: Command = Command {
    name: "structure",
    about: "Repair a model's JSON, one text or a file of cases, or say why there is no value",
    examples: &["steersman structure repair answer.txt --schema ticket.json", "steersman structure lint ticket.json"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Read one text and print the value that was meant; exit code 1 if there is none.
    Repair {
        /// The text; standard input where none is named.
        file: Option<PathBuf>,
        /// The JSON Schema that the value must satisfy.
        #[arg(long, value_name = "FILE")]
        schema: Option<PathBuf>,
        /// Rules that the value must satisfy: TOML tables, as in `[tasks.NAME.rules.ID]`.
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
        /// The text that the model was given, for rules about what it says.
        #[arg(long, value_name = "FILE")]
        source: Option<PathBuf>,
        /// How far a repair may go.
        #[arg(long, value_enum, default_value_t = ModeArgument::Safe)]
        mode: ModeArgument,
        /// How the provider says that the text ended (`stop`, `length`, `end_turn`, ...).
        #[arg(long)]
        finish_reason: Option<String>,
        /// Print the outcome, each repair and each violation as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say how strongly each provider can enforce a schema, what it would have to drop, and what is worth changing.
    Lint {
        /// The JSON Schema.
        schema: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Answer a file of cases, a line of JSON each, with a line of JSON each.
    Batch {
        /// Lines of `id`, `input`, `schema` or null, and perhaps `finish_reason`, `mode`, `prompt` and `rules`; `-` is
        /// standard input.
        file: PathBuf,
        /// Rules for every line, beside its own: TOML tables, as in `[tasks.NAME.rules.ID]`.
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
    },
    /// List other names that models use for declared members; confirm or forget one by its number in the list.
    Aliases(super::aliases::Wanted),
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeArgument {
    /// Lossless changes of spelling only.
    Strict,
    /// Also the reading that is clearly ahead of the runner-up.
    Safe,
    /// Also the last of several documents.
    Lenient,
}

impl From<ModeArgument> for Mode {
    fn from(mode: ModeArgument) -> Self {
        match mode {
            ModeArgument::Strict => Self::Strict,
            ModeArgument::Safe => Self::Safe,
            ModeArgument::Lenient => Self::Lenient,
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    match &arguments.action {
        Action::Repair { file, schema, rules, source, mode, finish_reason, json } => {
            let text = read_text(file.as_deref())?;
            let schema = schema.as_deref().map(read_schema).transpose()?;
            let finish = finish_reason.as_deref().map_or(Finish::Unknown, Finish::from_reason);
            let rules = read_rules(rules.as_deref())?;
            let source = source.as_deref().map(|path| read_text(Some(path))).transpose()?;
            let reading = read(&text, schema.as_ref(), Conditions { mode: (*mode).into(), finish });
            let reading = rules.judge(reading, &Source::of(source.as_deref()));
            if *json {
                anstream::println!("{}", answer("null", &reading));
            } else {
                tell(&reading);
            }
            Ok(ExitCode::from(u8::from(!matches!(reading, Reading::Accepted(_)))))
        }
        Action::Lint { schema, json } => run_lint(schema, *json),
        Action::Aliases(wanted) => super::aliases::run(wanted),
        Action::Batch { file, rules } => run_batch(file, &read_rules(rules.as_deref())?),
    }
}

/// One row for each subset, then advice. Exit code 1 if the schema cannot be compiled.
fn run_lint(path: &Path, as_json: bool) -> Result<ExitCode, Failure> {
    read_schema(path)?;
    let schema: Value = serde_json::from_str(&read_text(Some(path))?)?;
    let found = advice(&schema);
    if as_json {
        let rows = SUBSETS.iter().map(|subset| {
            let lowered = lower(&schema, subset);
            json!({"provider": subset.name, "level": lowered.level, "changes": lowered.changes, "obstacle": lowered.obstacle, "schema": lowered.schema, "models": others(&schema, subset).into_iter().map(|(level, models)| json!({"level": level, "models": models})).collect::<Vec<_>>()})
        });
        anstream::println!("{}", json!({"providers": rows.collect::<Vec<_>>(), "advice": found}));
        return Ok(ExitCode::SUCCESS);
    }
    for subset in SUBSETS {
        let lowered = lower(&schema, subset);
        let level = word(&lowered.level);
        let note = match (&lowered.obstacle, lowered.changes.len()) {
            (Some(obstacle), _) => obstacle.clone(),
            (None, 0) => "as it stands".to_owned(),
            (None, n) => format!("{n} changes"),
        };
        anstream::println!("{:<10} {level:<10} {note}", subset.name);
        for (level, models) in others(&schema, subset) {
            anstream::println!("  {:<8} {:<10} for {}", "", word(&level), models.join(", "));
        }
        for change in &lowered.changes {
            let place = if change.pointer.is_empty() { "/" } else { &change.pointer };
            anstream::println!("  {:<9} {} at `{place}`", word(&change.what), change.keyword);
        }
    }
    for line in &found {
        let place = if line.pointer.is_empty() { "/" } else { &line.pointer };
        anstream::println!("advice: at `{place}`: {}", line.message);
    }
    Ok(ExitCode::SUCCESS)
}

/// Levels that models of a provider have instead, with the parts of their names.
fn others(schema: &Value, subset: &Subset) -> Vec<(Level, Vec<&'static str>)> {
    let usual = lower(schema, subset).level;
    let mut found: Vec<(Level, Vec<&'static str>)> = Vec::new();
    for row in subset.models {
        let level = lower_for(schema, subset, &Asking { model: row.named, ..Asking::default() }).level;
        match found.iter_mut().find(|(known, _)| *known == level) {
            _ if level == usual => {}
            Some((_, models)) => models.push(row.named),
            None => found.push((level, vec![row.named])),
        }
    }
    found
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn read_text(path: Option<&Path>) -> Result<String, Failure> {
    let named = path.filter(|path| *path != Path::new("-"));
    let mut bytes = Vec::new();
    let read = match named {
        Some(path) => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
        None => std::io::stdin().lock().read_to_end(&mut bytes),
    };
    let name = named.map_or("standard input".into(), Path::to_string_lossy);
    read.map_err(|error| Failure::new(format!("reading `{name}`: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        Failure::new(format!("`{name}` is no UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
    })
}

fn read_rules(path: Option<&Path>) -> Result<Rules, Failure> {
    let Some(path) = path else { return Ok(Rules::default()) };
    Ok(read_rules_file(&path.to_string_lossy(), &read_text(Some(path))?)?)
}

fn read_schema(path: &Path) -> Result<CompiledSchema, Failure> {
    let value: Value = serde_json::from_str(&read_text(Some(path))?)
        .map_err(|error| Failure::new(format!("`{}` is no JSON: {error}", path.display())))?;
    let hint = "references to other documents are never fetched; put them under `$defs`";
    CompiledSchema::new(&value).map_err(|error| Failure::from(error).hint(format!("in `{}`; {hint}", path.display())))
}

/// The value on stdout, and on stderr what was changed for it or why there is none.
fn tell(reading: &Reading) {
    match reading {
        Reading::Accepted(accepted) => {
            for repair in accepted.repairs() {
                let code = serde_json::to_value(repair.code).unwrap_or_default();
                let place = if repair.pointer.is_empty() { "/" } else { &repair.pointer };
                let (before, after) = (clipped(&repair.before), clipped(&repair.after));
                anstream::eprintln!("{} at `{place}`: `{before}` -> `{after}`", code.as_str().unwrap_or_default());
            }
            for key in accepted.duplicates() {
                anstream::eprintln!("warning: `{key}` stands twice in one object with different values");
            }
            anstream::println!("{}", accepted.document().text().trim());
        }
        Reading::Rejected(rejected) => tell_rejected(rejected),
        Reading::Refused(words) => anstream::eprintln!("refused: the model declined: {}", clipped(words)),
        Reading::Truncated(cut) => {
            anstream::eprintln!("truncated: the text was cut before its document ended");
            if let Some(prefix) = &cut.prefix {
                anstream::eprintln!("hint: certain so far: {prefix}");
            }
        }
    }
}

fn tell_rejected(rejected: &Rejected) {
    anstream::eprintln!("the first failing layer is {}", word(&rejected.layer));
    for violation in &rejected.violations {
        let place = if violation.pointer.is_empty() { "/" } else { &violation.pointer };
        anstream::eprintln!("rejected at `{place}` ({}): {}", violation.rule, violation.message);
        if let Some(suggestion) = &violation.suggestion {
            anstream::eprintln!("hint: perhaps {suggestion}");
        }
    }
    for reading in &rejected.readings {
        anstream::eprintln!("hint: a reading: {}", clipped(reading));
    }
}

/// Cut to what a line of a terminal bears.
fn clipped(text: &str) -> String {
    const MAX_CHARS: usize = 120;
    let flat = text.replace('\n', "\\n");
    match flat.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}...", flat.get(..end).unwrap_or_default()),
        None => flat,
    }
}

/// One answer a line, in the order of the lines; blank lines are skipped. A line that is no case is answered too.
fn run_batch(path: &Path, rules: &Rules) -> Result<ExitCode, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("reading `{}`: {error}", path.display()));
    let mut lines: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::with_capacity(1 << 16, std::fs::File::open(path).map_err(failed)?))
    };
    let mut out = std::io::BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        if !line.trim_ascii().is_empty() {
            let answered = batch_line(&line, rules);
            if let Err(error) = out.write_all(answered.as_bytes()).and_then(|()| out.write_all(b"\n")) {
                return ended(&error);
            }
        }
        line.clear();
    }
    out.flush().map_or_else(|error| ended(&error), |()| Ok(ExitCode::SUCCESS))
}

/// Whoever reads may stop reading: that is no failure.
fn ended(error: &std::io::Error) -> Result<ExitCode, Failure> {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(format!("writing the answers: {error}")))
}
