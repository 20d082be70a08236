//! Effort is off until a report shows that it pays: a task that is served by a model with an effort names the report.
//!
//! Reasoning that is on by default is what makes bills five to ten times as large for answers that are no better. A
//! client that names such a model itself is served, as is an escalation to one, and under an objective the labels
//! decide.
//!
//! What never happens here: an effort that is switched on by a word in a file alone.

use steersman_engine::Effort;
use steersman_routing::{LiftReport, Lifting};

use super::error::ConfigError;
use super::settings::{Config, TaskConfig};
use super::typed::Reader;

/// Efforts that ask for no thinking worth naming.
const OFF: [&str; 2] = ["none", "minimal"];

fn is_on(effort: &Effort) -> bool {
    match effort {
        Effort::Level(word) => !OFF.contains(&&**word),
        Effort::Tokens(most) => *most > 0,
    }
}

/// Holds every task against the report that it names.
pub(super) fn check(read: &Reader<'_>, config: &Config) -> Result<(), ConfigError> {
    config.tasks.iter().filter(|task| task.objective.is_none()).try_for_each(|task| check_task(read, config, task))
}

fn check_task(read: &Reader<'_>, config: &Config, task: &TaskConfig) -> Result<(), ConfigError> {
    let first = task.models.first().and_then(|name| config.models.iter().find(|model| &model.name == name));
    let thinks = first.and_then(|model| Some((&model.name, model.thought.effort.as_ref()?)));
    let place = ["tasks", task.name.as_str(), "effort_report"];
    let Some((model, effort)) = thinks.filter(|(_, effort)| is_on(effort)) else {
        return Ok(());
    };
    let Some(path) = read.text(&place) else {
        let message = format!(
            "`tasks.{}` is served by `{model}`, whose effort is `{effort}`, and no report shows that it pays",
            task.name
        );
        let hint = format!(
            "`steersman route lift FILE --from CHEAPER --to {model} --worth USD --out lift.json` measures it on recorded \
             requests; then `tasks.{}.effort_report = \"lift.json\"`. Or put it in `escalate_to`, or make it the reference \
             of an objective",
            task.name
        );
        return Err(read.wrong(&["tasks", task.name.as_str(), "model"], &message).hint(hint));
    };
    let report = report(read, &place, &path)?;
    if report.to != *model {
        let message = format!("`{path}` is about `{}`, and `tasks.{}` is served by `{model}`", report.to, task.name);
        return Err(read.wrong(&place, &message).hint(format!("measure it with `--to {model}`")));
    }
    match report.of(&task.name).map(|lift| &lift.verdict) {
        Some(Lifting::Pays) => Ok(()),
        verdict => {
            let said = verdict.map_or_else(|| "it says nothing of this task".to_owned(), Lifting::describe);
            let message =
                format!("`{path}` does not show that the effort of `{model}` pays on `{}`: {said}", task.name);
            Err(read.wrong(&place, &message).hint(format!("serve the task with `{}`", report.from)))
        }
    }
}

fn report(read: &Reader<'_>, place: &[&str], path: &str) -> Result<LiftReport, ConfigError> {
    let (text, file) = read.file(place, "report", path)?;
    LiftReport::read(&text).map_err(|error| {
        let message = format!("`{}`: {error}", file.display());
        read.wrong(place, &message)
            .hint("`steersman route lift FILE --from A --to B --worth USD --out lift.json` writes one")
    })
}

#[cfg(test)]
mod tests {
    use steersman_routing::{Lineage, Traffic, lift};

    use super::super::document::Document;
    use super::*;

    /// Requests that the high effort gets right and the low one does not, in this many of ten.
    fn kept(folder: &std::path::Path, better_in_ten: usize, worth: Option<f64>) {
        let line = |number: usize| {
            let cell = |right: bool, cost: f64| serde_json::json!({ "quality": right, "cost_usd": cost });
            let arms =
                serde_json::json!({ "o-low": cell(number % 10 >= better_in_ten, 0.001), "o-high": cell(true, 0.01) });
            serde_json::json!({ "text": "x", "group": "proofs", "arms": arms }).to_string()
        };
        let lines: Vec<String> = (0..200).map(line).collect();
        let pair = ["o-low", "o-high"];
        let groups = lift(&Traffic::parse(&lines.join("\n")).unwrap(), pair, worth, 1).unwrap();
        let (source, recording, fitted_by) = ("r".to_owned(), "h".to_owned(), "t".to_owned());
        let report = LiftReport::seal(Lineage { source, recording, parent: None, fitted_by }, pair, worth, groups);
        std::fs::write(folder.join("lift.json"), serde_json::to_string(&report.unwrap()).unwrap()).unwrap();
    }

    #[test]
    fn a_task_that_thinks_by_default_names_a_report_that_shows_a_gain() {
        let folder = tempfile::tempdir().unwrap();
        let verdict = |task: &str| -> String {
            let text = format!("[models.o-high]\neffort = \"high\"\n[models.o-low]\neffort = \"minimal\"\n{task}");
            let file = folder.path().join("steersman.toml");
            let document = Document::parse(file.to_str().unwrap(), &text).unwrap();
            let read = Config::from_document(&document, &|_| None);
            read.map_or_else(
                |error| format!("{error} | {}", error.hint.as_deref().unwrap_or_default()),
                |_| "fine".to_owned(),
            )
        };
        let of = |effort: &str| {
            let text = format!("[models.o-high]\neffort = {effort}\n[tasks.proofs]\nmodel = \"o-high\"\n");
            let document = Document::parse(folder.path().join("steersman.toml").to_str().unwrap(), &text).unwrap();
            Config::from_document(&document, &|_| None).map_or_else(|error| error.to_string(), |_| "fine".to_owned())
        };
        assert!(of("2048").contains("whose effort is `2048 tokens`, and no report"), "{}", of("2048"));
        assert_eq!(of("0"), "fine", "a cap of nothing is no thinking");
        assert!(of("\"hihg\"").contains("`hihg` is no effort"), "{}", of("\"hihg\""));
        let by_default = "[tasks.proofs]\nmodel = \"o-high\"\n";
        let refused = verdict(by_default);
        assert!(refused.contains("no report shows that it pays") && refused.contains("--to o-high"), "{refused}");
        assert_eq!(verdict("[tasks.proofs]\nmodel = \"o-low\"\nescalate_to = [\"o-high\"]\n"), "fine");
        assert_eq!(
            verdict(
                "[tasks.proofs.objective]\nreference = \"o-high\"\ncandidates = [\"o-low\"]\nevaluator = \"truth\"\n"
            ),
            "fine"
        );
        let named = format!("{by_default}effort_report = \"lift.json\"\n");
        assert!(verdict(&named).contains("cannot be read"), "{}", verdict(&named));
        kept(folder.path(), 4, Some(0.05));
        assert_eq!(verdict(&named), "fine");
        kept(folder.path(), 0, Some(0.05));
        assert!(verdict(&named).contains("does not show that the effort of `o-high` pays"), "{}", verdict(&named));
        kept(folder.path(), 4, None);
        assert!(verdict(&named).contains("nobody has said what"), "{}", verdict(&named));
        std::fs::write(folder.path().join("lift.json"), "{}").unwrap();
        assert!(verdict(&named).contains("is no report of"), "{}", verdict(&named));
    }
}
