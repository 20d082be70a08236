//! Where objectives meet the rest: models found in the catalogue, labels in the state, records on their way to the
//! store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use steersman_core::{Recorder, RequestRecord, Secret};
use steersman_engine::{Candidate, Catalog, Limits, RouteTask, Routes};
use steersman_jobs::{ObjectiveSettings, Objectives, Watcher};
use steersman_store::{Redactor, Store};
use tokio::sync::mpsc;

use crate::cli::Failure;
use crate::config::{Config, ConfigError, ObjectiveConfig};
use crate::served;

/// The objectives and what they need of the rest of the house.
pub(crate) struct Objected {
    /// The evidence, and what runs beside the server.
    pub(crate) objectives: Arc<Objectives>,
    /// Step 4 of the pipeline.
    pub(crate) routes: Routes,
    /// Where the engine puts finished requests.
    pub(crate) recorder: Arc<dyn Recorder>,
    /// Where the objectives hear of them.
    pub(crate) finished: mpsc::Receiver<Box<RequestRecord>>,
}

/// Sets up every configured objective with the labels that are there.
pub(crate) async fn compose(
    config: &Config,
    catalog: &Catalog,
    store: &Arc<Store>,
    secrets: &[Secret],
) -> Result<Objected, Failure> {
    let mut settings = BTreeMap::new();
    for task in &config.tasks {
        if let Some(objective) = &task.objective {
            let arms = arms(config, &task.name, objective, catalog)?;
            let judge = judge(config, &task.name, objective, catalog)?;
            settings.insert(task.name.clone(), ObjectiveSettings { judge, ..with_arms(objective, arms) });
        }
    }
    let tasks: BTreeSet<String> = settings.keys().cloned().collect();
    let objectives = Arc::new(Objectives::open(settings, store.state().clone(), Redactor::new(secrets)).await?);
    let routes = Routes::new(routes(config, catalog, &objectives, |_| true)?);
    let (watcher, finished) = Watcher::new(Arc::clone(store) as _, tasks);
    Ok(Objected { objectives, routes, recorder: Arc::new(watcher), finished })
}

/// Step 4 for every task with an objective that runs, as this configuration and these models have it. One whose
/// objective is not `in_force`, or whose labels are about other models than these, has none: its requests go to its own
/// models, the reference first.
pub(crate) fn routes(
    config: &Config,
    catalog: &Catalog,
    objectives: &Objectives,
    in_force: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, RouteTask>, ConfigError> {
    let mut routes = BTreeMap::new();
    for task in config.tasks.iter().filter(|task| in_force(&task.name)) {
        let (Some(objective), Some(board)) = (&task.objective, objectives.board(&task.name)) else { continue };
        let settings = with_arms(objective, arms(config, &task.name, objective, catalog)?);
        if !objectives.measures(&task.name, &settings) {
            continue;
        }
        let route = RouteTask {
            board,
            arms: settings.arms,
            answer: objective.answer.clone(),
            deadline: objective.deadline,
            likelihood: objective.likelihood,
            limits: limits(config, objective),
        };
        routes.insert(task.name.clone(), route);
    }
    Ok(routes)
}

/// Candidates and reference by name, the reference last.
fn arms(
    config: &Config,
    task: &str,
    objective: &ObjectiveConfig,
    catalog: &Catalog,
) -> Result<Vec<(String, Candidate)>, ConfigError> {
    let arm = |key, name: &String| {
        let candidate = served::candidate(config, catalog, &["tasks", task, "objective", key], name)?;
        Ok((name.clone(), candidate))
    };
    let candidates = objective.plan.candidates.iter().map(|name| arm("candidates", name));
    candidates.chain([arm("reference", &objective.plan.reference)]).collect()
}

fn judge(
    config: &Config,
    task: &str,
    objective: &ObjectiveConfig,
    catalog: &Catalog,
) -> Result<Option<(Candidate, f64)>, ConfigError> {
    let Some((model, share)) = &objective.judge else { return Ok(None) };
    let judge = served::candidate(config, catalog, &["tasks", task, "objective", "judge"], model)?;
    Ok(Some((judge, *share)))
}

/// What is said of each arm's reach, in the order of the arms.
fn limits(config: &Config, objective: &ObjectiveConfig) -> Vec<Limits> {
    let said = |name: &String| config.models.iter().find(|model| &model.name == name).map(|model| model.limits);
    let names = objective.plan.candidates.iter().chain([&objective.plan.reference]);
    names.map(|name| said(name).unwrap_or_default()).collect()
}

fn with_arms(objective: &ObjectiveConfig, arms: Vec<(String, Candidate)>) -> ObjectiveSettings {
    ObjectiveSettings {
        plan: objective.plan.clone(),
        evaluator: objective.evaluator,
        answer: objective.answer.clone(),
        likelihood: objective.likelihood,
        streams_apart: objective.streams_apart,
        judge: None,
        watched: objective.watched,
        shadow_share: objective.shadow_share,
        shadow_per_day: objective.shadow_per_day,
        shadow_usd_per_day: objective.shadow_usd_per_day,
        router: objective.router.clone(),
        arms,
    }
}
