//! What is known of a task beyond its standing: what other rungs would be worth, from decisions that somebody has
//! graded, and what each dearer arm adds, from the labels.
//!
//! It is reckoned when somebody asks, from what the store and the state hold, on a thread that serves nobody.
//!
//! What never happens here: a change of the policy.

use serde::Serialize;
use serde_json::Value;
use steersman_routing::{Lift, OffPolicy, Traffic, lift, off_policy};
use steersman_store::{Reader, StoreError};

use crate::objectives::Objectives;

/// Of decisions and labels so many of the newest are looked at: a second of reckoning at the most.
const MOST: usize = 1_000;
/// A step up the ladder is this share of it.
const STEP: usize = 10;
const CONFIDENCE: f64 = 0.95;

/// Another rung, as the graded decisions show it.
#[derive(Debug, Serialize)]
pub struct Ahead {
    /// The rung.
    pub rung: usize,
    /// What it is.
    pub what: &'static str,
    /// What it would be worth.
    pub estimate: OffPolicy,
}

/// What a dearer arm adds on the labels.
#[derive(Debug, Serialize)]
pub struct Added {
    /// The cheaper arm.
    pub from: String,
    /// The dearer arm.
    pub to: String,
    /// What it adds.
    pub lift: Lift,
}

/// All of it.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Other rungs of the policy that is posted.
    pub ahead: Vec<Ahead>,
    /// Arms, each beside the next dearer one.
    pub added: Vec<Added>,
}

impl Objectives {
    /// A task's report; empty where nothing is graded yet. Cost: reads of the store and up to a second of a thread.
    ///
    /// # Errors
    /// The store or the state cannot be read.
    pub async fn report(&self, task: &str, reader: &Reader) -> Result<Report, StoreError> {
        let (Some(board), Some(settings)) = (self.board(task), self.settings(task)) else {
            return Ok(Report::default());
        };
        let arms: Vec<String> = settings.arms.iter().map(|(name, _)| name.clone()).collect();
        let decisions = self.newest_decisions(task, reader, MOST).await?;
        let mut labels = self.recording(task).await?;
        labels.drain(..labels.len().saturating_sub(MOST));
        let policy = board.read();
        let reckoned = tokio::task::spawn_blocking(move || {
            let mut report = Report::default();
            if let (Some(router), Some(log)) = (&policy.router, traffic(&decisions)) {
                let mut rungs = vec![
                    (0, "everything to the reference"),
                    (policy.rung, "in force"),
                    ((policy.rung + (router.rungs() / STEP).max(1)).min(router.rungs()), "a step up the ladder"),
                    (router.rungs(), "the thriftiest"),
                ];
                rungs.dedup_by_key(|(rung, _)| *rung);
                let estimate = |rung| off_policy(router, rung, &log, CONFIDENCE);
                report.ahead =
                    rungs.into_iter().map(|(rung, what)| Ahead { rung, what, estimate: estimate(rung) }).collect();
            }
            if let Some(recorded) = traffic(&labels) {
                let pairs = arms.iter().zip(arms.iter().skip(1));
                report.added = pairs.filter_map(|(from, to)| added(&recorded, from, to)).collect();
            }
            report
        });
        // A thread that panicked has said so; the page shows what else there is.
        Ok(reckoned.await.unwrap_or_default())
    }
}

fn traffic(lines: &[Value]) -> Option<Traffic> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Traffic::parse(&text).ok()
}

fn added(recorded: &Traffic, from: &str, to: &str) -> Option<Added> {
    let lift = lift(recorded, [from, to], None, 1)?.into_iter().next().filter(|lift| lift.requests > 0)?;
    Some(Added { from: from.to_owned(), to: to.to_owned(), lift })
}
