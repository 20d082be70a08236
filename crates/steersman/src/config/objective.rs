//! A task's objective: floor, reference, candidates, how answers are graded, and what finding out may cost.

use std::time::Duration;

use steersman_core::Usd;
use steersman_engine::Limits;
use steersman_jobs::Evaluator;
use steersman_routing::{Method, ObjectivePlan, RouterFile, Watched};

use super::document::Value;
use super::error::ConfigError;
use super::typed::Reader;

/// An objective, checked as far as that needs no model.
#[derive(Debug, Clone)]
pub(crate) struct ObjectiveConfig {
    pub(crate) plan: ObjectivePlan,
    pub(crate) evaluator: Evaluator,
    pub(crate) answer: Option<String>,
    pub(crate) likelihood: bool,
    pub(crate) judge: Option<(String, f64)>,
    pub(crate) watched: Watched,
    pub(crate) shadow_share: f64,
    pub(crate) shadow_per_day: u64,
    pub(crate) shadow_usd_per_day: Option<Usd>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) streams_apart: bool,
    pub(crate) router: Option<RouterFile>,
}

/// Whether streams have a policy of their own.
const STREAMS: &[(&str, bool)] = &[("hold", false), ("prompt", true)];
const EVALUATORS: &[(&str, Evaluator)] = &[("agreement", Evaluator::Agreement), ("truth", Evaluator::Truth)];

/// Whether a task may have an objective beside what else it has: both of these answer in runs, which nobody grades.
///
/// # Errors
/// It may not.
pub(super) fn stands_alone(read: &Reader<'_>, task: &str, has_tools: bool) -> Result<(), ConfigError> {
    let refused = |key: &str, why: &str, hint: &str| {
        let message = format!("`tasks.{task}` has `{key}` and an `objective`; {why}");
        Err(read.wrong(&["tasks", task, key], &message).hint(hint.to_owned()))
    };
    if has_tools {
        return refused("tools", "a run of several steps cannot be graded", "give the tools to a task of their own");
    }
    if read.text(&["tasks", task, "reader"]).is_some() {
        return refused(
            "reader",
            "its answers come from runs, which nobody grades, so its floor would neither be proved nor used",
            "give the reader to a task of its own, or let requests ask for one (`guard.reader`); those are answered by the reference",
        );
    }
    Ok(())
}

/// Reads `[tasks.NAME.objective]`, if it is there.
pub(super) fn read(read: &Reader<'_>, task: &str) -> Result<Option<ObjectiveConfig>, ConfigError> {
    let at = |key: &'static str| ["tasks", task, "objective", key];
    let keys = ["floor", "reference", "candidates", "evaluator", "router"];
    if keys.iter().all(|key| read.document.find(&at(key)).is_none()) {
        return Ok(None);
    }
    let needs = |key: &'static str, hint: &str| {
        read.wrong(&at(key), &format!("`tasks.{task}.objective` needs `{key}`")).hint(hint.to_owned())
    };
    let reference = read.text(&at("reference"));
    let reference = reference.ok_or_else(|| needs("reference", "name the model whose quality is the measure"))?;
    let candidates = read.texts(&at("candidates")).filter(|names| !names.is_empty());
    let candidates = candidates.ok_or_else(|| needs("candidates", "list the cheaper models, cheapest first"))?;
    if candidates.contains(&reference) {
        let message = format!("`{reference}` is the reference of `tasks.{task}.objective` and a candidate at once");
        return Err(read.wrong(&at("candidates"), &message));
    }
    if let Some(twice) = candidates
        .iter()
        .enumerate()
        .find_map(|(at, one)| candidates.iter().take(at).any(|before| before == one).then_some(one))
    {
        return Err(
            read.wrong(&at("candidates"), &format!("`{twice}` is a candidate of `tasks.{task}.objective` twice"))
        );
    }
    let evaluator = read.word(&at("evaluator"), EVALUATORS)?.ok_or_else(|| {
        needs(
            "evaluator",
            "no cheaper model is used without somebody who grades it: `agreement` (with the reference) or `truth` (`POST /v1/feedback`)",
        )
    })?;
    let answer = read.text(&at("answer")).map(|pointer| pointer_of(read, &at("answer"), pointer)).transpose()?;
    let router = read.text(&at("router")).map(|path| router(read, &at("router"), &path)).transpose()?;
    let streams_apart = read.word(&at("streams"), STREAMS)?.unwrap_or_default();
    if streams_apart && router.as_ref().is_some_and(|file| file.router.method == Method::Cascade) {
        let message = "`streams = \"prompt\"` needs a policy that is fitted live, and this router looks at answers";
        return Err(read.wrong(&at("streams"), message).hint("leave `router` out, or hold streamed answers back"));
    }
    Ok(Some(ObjectiveConfig {
        plan: ObjectivePlan {
            reference,
            candidates,
            floor: share(read, &at("floor"), 0.97)?,
            confidence: share(read, &at("confidence"), 0.95)?,
        },
        evaluator,
        answer,
        likelihood: read.flag(&at("likelihood")),
        judge: read.text(&at("judge")).map(|judge| Ok((judge, share(read, &at("judge_share"), 0.2)?))).transpose()?,
        watched: watched(read, &at("watch"), read.text(&at("judge")).is_some())?,
        shadow_share: share(read, &at("shadow_share"), 0.1)?,
        shadow_per_day: whole(read, &at("shadow_per_day"))?.unwrap_or(1_000),
        shadow_usd_per_day: number(read, &at("shadow_usd_per_day")).and_then(Usd::from_decimal),
        deadline: whole(read, &at("deadline_ms"))?.map(Duration::from_millis),
        streams_apart,
        router,
    }))
}

/// A pointer that finds nothing in any answer would cost shadow calls and label nothing.
fn pointer_of(read: &Reader<'_>, place: &[&str], pointer: String) -> Result<String, ConfigError> {
    let token = |token: &str| token.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    if pointer.starts_with('/') && pointer.split('/').all(token) {
        return Ok(pointer);
    }
    let message = format!("`answer` is `{pointer}`, which is no JSON pointer to a member (RFC 6901)");
    let name = pointer.trim_start_matches(['$', '.', '#', '/']);
    let like = if name.is_empty() { "category".to_owned() } else { name.replace('.', "/").replace('~', "~0") };
    Err(read
        .wrong(place, &message)
        .hint(format!("such as `answer = \"/{like}\"`; leave it out to compare whole answers")))
}

/// Words that may put the floor out of force.
fn watched(read: &Reader<'_>, place: &[&str], has_judge: bool) -> Result<Watched, ConfigError> {
    let mut watched = Watched::default();
    for word in read.texts(place).unwrap_or_default() {
        match word.as_str() {
            "judge" if has_judge => watched.judge = true,
            "judge" => {
                return Err(read
                    .wrong(place, "`judge` is to be watched and there is none")
                    .hint("name one in `judge`"));
            }
            "scores" => watched.scores = true,
            _ => return Err(read.wrong(place, &format!("`{word}` is nothing to watch")).hint("known: judge, scores")),
        }
    }
    Ok(watched)
}

/// What a model is said to take.
pub(super) fn limits(read: &Reader<'_>, model: &str) -> Result<Limits, ConfigError> {
    let at = |key: &'static str| ["models", model, key];
    let flag = |key| read.document.find(&at(key)).map(|_| read.flag(&at(key)));
    Ok(Limits { context_tokens: whole(read, &at("context_tokens"))?, images: flag("images"), tools: flag("tools") })
}

fn number(read: &Reader<'_>, path: &[&str]) -> Option<f64> {
    match read.document.find(path) {
        Some((Value::Number(number), _)) => Some(*number),
        _ => None,
    }
}

fn whole(read: &Reader<'_>, path: &[&str]) -> Result<Option<u64>, ConfigError> {
    read.document.find(path).map(|_| read.integer(path)).transpose()
}

fn share(read: &Reader<'_>, path: &[&str], default: f64) -> Result<f64, ConfigError> {
    let value = number(read, path).unwrap_or(default);
    let name = path.last().copied().unwrap_or_default();
    let most = if name == "shadow_share" { value <= 1.0 } else { value < 1.0 };
    if value > 0.0 && most {
        return Ok(value);
    }
    Err(read.wrong(path, &format!("`{name}` is {value}; it must lie between 0 and 1")))
}

fn router(read: &Reader<'_>, place: &[&str], path: &str) -> Result<RouterFile, ConfigError> {
    let (text, file) = read.file(place, "router", path)?;
    RouterFile::read(&text).map_err(|error| {
        read.wrong(place, &format!("`{}`: {error}", file.display())).hint("`steersman route fit` writes a router")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Document};

    fn read_one(objective: &str) -> Result<Option<ObjectiveConfig>, String> {
        let text = format!("[tasks.triage.objective]\n{objective}");
        let document = Document::parse("steersman.toml", &text).map_err(|error| error.to_string())?;
        let config = Config::from_document(&document, &|_| None)
            .map_err(|error| format!("{error}\n{}", error.hint.clone().unwrap_or_default()))?;
        Ok(config.tasks.into_iter().next().and_then(|task| task.objective))
    }

    #[test]
    fn an_objective_needs_somebody_who_grades_it() {
        let bare = "reference = \"big\"\ncandidates = [\"small\"]\n";
        assert!(read_one(bare).unwrap_err().starts_with("`tasks.triage.objective` needs `evaluator`\n --> "));
        let graded = read_one(&format!("{bare}evaluator = \"agreement\"\n")).unwrap().unwrap();
        assert_eq!((graded.plan.floor, graded.plan.confidence), (0.97, 0.95));
    }

    #[test]
    fn a_floor_is_a_share_and_the_reference_is_no_candidate() {
        let with = |more: &str| format!("reference = \"big\"\nevaluator = \"truth\"\n{more}");
        let error = read_one(&with("candidates = [\"big\"]\n")).unwrap_err();
        assert!(error.starts_with("`big` is the reference"), "{error}");
        let error = read_one(&with("candidates = [\"small\"]\nwatch = [\"judge\"]\n")).unwrap_err();
        assert!(error.contains("there is none"), "{error}");
        let error = read_one(&with("candidates = [\"small\", \"tiny\", \"small\"]\n")).unwrap_err();
        assert!(error.starts_with("`small` is a candidate of `tasks.triage.objective` twice"), "{error}");
        let error = read_one(&with("candidates = [\"small\"]\nfloor = 97\n")).unwrap_err();
        assert!(error.starts_with("`floor` is 97"), "{error}");
    }

    #[test]
    fn an_answer_is_pointed_at_by_a_json_pointer_and_nothing_else() {
        let with = |answer: &str| {
            let text = format!(
                "reference = \"big\"\ncandidates = [\"small\"]\nevaluator = \"truth\"\nanswer = \"{answer}\"\n"
            );
            read_one(&text).map(|objective| objective.unwrap().answer.unwrap())
        };
        for good in ["/category", "/a/0/b~1c~0d", "/"] {
            assert_eq!(with(good).unwrap(), good);
        }
        for (bad, like) in [("category", "/category"), ("$.a.b", "/a/b"), ("/a~2", "/a~02"), ("", "/category")] {
            let error = with(bad).unwrap_err();
            assert!(error.starts_with(&format!("`answer` is `{bad}`, which is no JSON pointer")), "{error}");
            assert!(error.contains(&format!("such as `answer = \"{like}\"`")), "{error}");
        }
    }
}
