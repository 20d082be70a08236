//! Every task's objective: its evidence, the policy it has posted, and the loop that feeds it.
//!
//! What never happens here: a lock that is held while something is awaited.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use steersman_core::{RequestRecord, Usd};
use steersman_engine::{Board, Candidate, unit};
use steersman_routing::{Objective, ObjectivePlan, RouterFile, Standing, Watched};
use steersman_store::rows::RequestStory;
use steersman_store::{Redactor, State, StoreError, now_us};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::labels::Row;
use crate::shadow::Panel;
use crate::today::{ShadowDay, Today};
use crate::{purse, shadow};

/// Kinds of documents in the durable state.
pub(crate) const LABEL: &str = "label";
const UNGRADED: &str = "label_ungraded";
pub(crate) const TRUTH: &str = "truth";
pub(crate) const SCORE: &str = "score";

/// Shadow calls under way at once, over all tasks.
const AT_ONCE: usize = 4;
/// How long one shadow call may take.
const SHADOW_LIMIT: Duration = Duration::from_secs(120);
/// Answers that wait to be watched for drift while a label is counted; more are not.
const MAX_UNSEEN: usize = 4_096;
const DAY_US: i64 = 86_400_000_000;
/// How long a client's word waits for a label, or a label for a client's word.
const UNMATCHED_DAYS: i64 = 30;

/// How an answer is graded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evaluator {
    /// By whether it agrees with the reference's answer to the same request.
    Agreement,
    /// By whether it is what a client later says is right (`POST /v1/feedback`).
    Truth,
}

/// One task's objective, as configured.
pub struct ObjectiveSettings {
    /// Floor, confidence, reference and candidates.
    pub plan: ObjectivePlan,
    /// How answers are graded.
    pub evaluator: Evaluator,
    /// The member of a JSON answer by which answers are compared; `None`: all of it.
    pub answer: Option<String>,
    /// Whether candidates' answers are also weighed by the likelihood of their tokens.
    pub likelihood: bool,
    /// Whether streamed requests get a policy of their own, which looks at the prompt alone.
    pub streams_apart: bool,
    /// Who says whether an answer is as good as the reference's, and for what share of the labels; it grades nothing.
    pub judge: Option<(Candidate, f64)>,
    /// Words that may put the floor out of force: the judge's, clients' scores.
    pub watched: Watched,
    /// Share of requests that get shadow calls.
    pub shadow_share: f64,
    /// At most so many requests a day get shadow calls.
    pub shadow_per_day: u64,
    /// At most this much a day is spent on them, by all gateways on one state together; every arm has a price then.
    pub shadow_usd_per_day: Option<Usd>,
    /// A router to use as it is, in place of one fitted to the first labels.
    pub router: Option<RouterFile>,
    /// Candidates and reference by name, the reference last.
    pub arms: Vec<(String, Candidate)>,
}

/// What became of a client's word on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It made a label.
    Labelled,
    /// It is kept; the request has no shadow answers (yet).
    Kept,
}

/// One task's part.
struct Task {
    settings: ObjectiveSettings,
    /// Held by a thread of its own for the second that a fit takes, and by nobody else for longer than a moment.
    objective: Mutex<Objective>,
    /// How it stood before the label that is being counted.
    standing: Mutex<Standing>,
    /// What was heard while a label was counted.
    unseen: Mutex<Vec<Heard>>,
    board: Arc<Board>,
    today: Mutex<Today>,
}

/// What an objective hears beside labels.
enum Heard {
    /// A prompt that was served, and whether a candidate's answer kept its form.
    Served(String, Option<bool>),
    /// A client's score of an answer, and whether it was the reference's.
    Scored(bool, f64),
}

/// All objectives.
pub struct Objectives {
    tasks: BTreeMap<String, Arc<Task>>,
    state: State,
    redactor: Redactor,
}

impl Objectives {
    /// Objectives with the labels that the state holds. The boards are posted before this returns.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn open(
        settings: BTreeMap<String, ObjectiveSettings>,
        state: State,
        redactor: Redactor,
    ) -> Result<Self, StoreError> {
        let task = |(name, settings): (String, ObjectiveSettings)| {
            let pinned = settings.router.as_ref().map(|file| file.router.clone());
            let objective = Objective::new(settings.plan.clone(), pinned);
            let objective = objective.watching(settings.watched);
            let objective = if settings.streams_apart { objective.with_streams_apart() } else { objective };
            let (standing, objective) = (Mutex::new(objective.standing()), Mutex::new(objective));
            let (unseen, board, today) = (Mutex::default(), Arc::default(), Mutex::default());
            (name, Arc::new(Task { settings, objective, standing, unseen, board, today }))
        };
        let tasks: BTreeMap<String, Arc<Task>> = settings.into_iter().map(task).collect();
        let objectives = Self { tasks, state, redactor };
        if !objectives.tasks.is_empty() {
            let mut kept = objectives.state.documents(LABEL).await?;
            kept.sort_by_key(|document| document.updated_at_us);
            for row in kept.iter().filter_map(|document| serde_json::from_str::<Row>(&document.content).ok()) {
                if let Some(task) = objectives.tasks.get(&row.task) {
                    lock(&task.objective).label(&row.labelled());
                }
            }
        }
        objectives.tasks.values().for_each(|task| task.catch_up(&mut lock(&task.objective)));
        Ok(objectives)
    }

    /// Deletes what has waited for its other half since before `until_us`.
    async fn forget(&self, until_us: i64) -> Result<(), StoreError> {
        for kind in [TRUTH, UNGRADED, SCORE] {
            let old = self.state.documents(kind).await?.into_iter().filter(|one| one.updated_at_us < until_us);
            for document in old {
                self.state.delete_document(kind, &document.name, document.version).await?;
            }
        }
        Ok(())
    }

    /// Forgets once a day; a failure is tried again the next day.
    async fn forget_daily(&self) {
        let mut days = tokio::time::interval(Duration::from_hours(24));
        loop {
            days.tick().await;
            if let Err(error) = self.forget(now_us() - UNMATCHED_DAYS * DAY_US).await {
                tracing::warn!(%error, "what waited too long for a label could not be deleted");
            }
        }
    }

    /// Where a task's policy is posted.
    #[must_use]
    pub fn board(&self, task: &str) -> Option<Arc<Board>> {
        self.tasks.get(task).map(|task| Arc::clone(&task.board))
    }

    /// Where every objective stands, by task. Waits for no fit.
    #[must_use]
    pub fn standings(&self) -> BTreeMap<String, Standing> {
        self.tasks.iter().map(|(name, task)| (name.clone(), task.standing())).collect()
    }

    /// What shadow calls took today, by task.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn shadow_day(&self) -> Result<BTreeMap<String, ShadowDay>, StoreError> {
        if self.tasks.is_empty() {
            return Ok(BTreeMap::new());
        }
        let booked = purse::booked_today(&self.state).await?;
        let today = now_us() / DAY_US;
        let of = |(name, task): (&String, &Arc<Task>)| {
            let booked = booked.get(name).copied().unwrap_or_default();
            (name.clone(), lock(&task.today).told(today, booked))
        };
        Ok(self.tasks.iter().map(of).collect())
    }

    /// A task's labels as recorded traffic, oldest first.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn recording(&self, task: &str) -> Result<Vec<serde_json::Value>, StoreError> {
        let mut kept = self.state.documents(LABEL).await?;
        kept.sort_by_key(|document| document.updated_at_us);
        let rows = kept.iter().filter_map(|document| serde_json::from_str::<Row>(&document.content).ok());
        Ok(rows.filter(|row| row.task == task).map(|row| row.recorded()).collect())
    }

    /// Feeds the objectives until `stop`: each finished request is looked at, and some are asked again of other models.
    pub async fn run(self: Arc<Self>, mut finished: mpsc::Receiver<Box<RequestRecord>>, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut calls = JoinSet::new();
        let forgetting = self.forget_daily();
        tokio::pin!(forgetting);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = &mut forgetting => {}
                Some(_) = calls.join_next() => {}
                record = finished.recv() => {
                    let Some(record) = record else { break };
                    if !self.look(&record) {
                        continue;
                    }
                    // A queue of calls would only grow: where all places are taken, this request gives no label.
                    if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                        let objectives = Arc::clone(&self);
                        calls.spawn(async move {
                            objectives.shadow(&record).await;
                            drop(place);
                        });
                    }
                }
            }
        }
        calls.shutdown().await;
    }

    /// Watches for drift, and says whether the request is sampled and within the day's budget.
    fn look(&self, record: &RequestRecord) -> bool {
        let Some(task) = self.tasks.get(record.task.as_str()) else { return false };
        let Some(served) = shadow::served(record, &task.settings) else { return false };
        served.pin(&task.board, &task.settings.plan.reference, record.request_body.len());
        let valid = served.candidate_valid(&task.settings.plan.reference);
        task.hear(Heard::Served(served.text, valid));
        unit(&record.id, "shadow") < task.settings.shadow_share
            && Panel::of(&record.notes, &task.settings).is_some()
            && task.may_ask(record.started_at_us / DAY_US)
    }

    /// Holds what the shadow calls of a request may cost. Where the day's money does not cover it, the request does not
    /// count among the day's.
    async fn hold(&self, name: &str, task: &Task, day: i64, most: Option<Usd>) -> Option<purse::Held> {
        let held = purse::hold(&self.state, name, task.settings.shadow_usd_per_day, most).await;
        let held = held.unwrap_or_else(|error| {
            tracing::warn!(%error, task = name, "no shadow calls: their cost cannot be held");
            None
        });
        if held.is_none() {
            lock(&task.today).did_not_ask(day);
        }
        held
    }

    async fn shadow(&self, record: &RequestRecord) {
        let Some(task) = self.tasks.get(record.task.as_str()) else { return };
        let Some(mut served) = shadow::served(record, &task.settings) else { return };
        let Some(panel) = Panel::of(&record.notes, &task.settings) else { return };
        if let Some(clean) = self.redactor.text(&served.text) {
            served.text = clean;
        }
        let most = purse::estimate(&panel, record.request_body.len());
        let day = record.started_at_us / DAY_US;
        let Some(held) = self.hold(record.task.as_str(), task, day, most).await else { return };
        let gathered = shadow::gather(record, served, &task.settings, &panel, SHADOW_LIMIT).await;
        lock(&task.today).spent(day, gathered.spent);
        if let Err(error) = held.settle(&self.state, gathered.spent).await {
            tracing::warn!(%error, request = %record.id, "what shadow calls cost stays held as it was estimated");
        }
        let Some(mut row) = gathered.row else { return };
        let done = match task.settings.evaluator {
            Evaluator::Agreement => match row.arms.last().and_then(|(_, cell)| cell.answer.clone()) {
                Some(reference) => {
                    row.grade(&reference);
                    self.keep(task, &row).await
                }
                None => Ok(()),
            },
            Evaluator::Truth => self.wait_for_truth(task, row).await,
        };
        if let Err(error) = done {
            tracing::warn!(%error, request = %record.id, "a label could not be kept");
        }
    }

    /// Keeps an ungraded row until a client says what is right, which may have happened already.
    async fn wait_for_truth(&self, task: &Arc<Task>, mut row: Row) -> Result<(), StoreError> {
        self.state
            .put_document(UNGRADED, &row.id, None, &self.clean(&serde_json::json!(row).to_string()), now_us())
            .await?;
        // Read after the write, as `truth` does: of the two at least one sees both.
        if let Some(truth) = self.state.document(TRUTH, &row.id).await? {
            row.grade(&truth.content);
            self.keep(task, &row).await?;
        }
        Ok(())
    }

    /// A text without the secrets that this process knows.
    fn clean(&self, text: &str) -> String {
        self.redactor.text(text).unwrap_or_else(|| text.to_owned())
    }

    /// Takes a client's word on what the right answer to a request was; until it made a label, a later one takes its
    /// place. Durable before this returns.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn truth(&self, request: &str, right: &str) -> Result<Truth, StoreError> {
        let right = &*self.clean(right);
        if self.state.put_document(TRUTH, request, None, right, now_us()).await?.is_none()
            && let Some(before) = self.state.document(TRUTH, request).await?
        {
            self.state.put_document(TRUTH, request, Some(before.version), right, now_us()).await?;
        }
        let Some(ungraded) = self.state.document(UNGRADED, request).await? else { return Ok(Truth::Kept) };
        let Ok(mut row) = serde_json::from_str::<Row>(&ungraded.content) else { return Ok(Truth::Kept) };
        let Some(task) = self.tasks.get(&row.task) else { return Ok(Truth::Kept) };
        row.grade(right);
        self.keep(task, &row).await?;
        Ok(Truth::Labelled)
    }

    /// Takes a client's grade of the answer that it got, in `[0, 1]`. The first one of a request stands. It compares
    /// nothing with the reference and so proves no floor; it is a reward in the log of decisions, and where scores are
    /// watched it may put a floor out of force. What was heard before a restart is not heard again.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn score(&self, story: &RequestStory, score: f64) -> Result<(), StoreError> {
        let id = story.request.id.to_string();
        if self.state.put_document(SCORE, &id, None, &score.to_string(), now_us()).await?.is_none() {
            return Ok(());
        }
        let task = self.tasks.get(&story.request.task);
        let answered = story.notes.get("route").and_then(|note| note.pointer("/served/answered")?.as_str());
        if let Some((task, answered)) = task.zip(answered) {
            task.hear(Heard::Scored(answered == task.settings.plan.reference, score));
        }
        Ok(())
    }

    /// Makes a label durable and then counts it; a second label of one request changes nothing.
    async fn keep(&self, task: &Arc<Task>, row: &Row) -> Result<(), StoreError> {
        let content = self.clean(&serde_json::json!(row).to_string());
        let name = format!("{}/{}", row.task, row.id);
        if self.state.put_document(LABEL, &name, None, &content, now_us()).await?.is_some() {
            self.matched(&row.id).await?;
            let (task, labelled) = (Arc::clone(task), row.labelled());
            // The label that fits the router costs a second; the runtime's threads have requests to serve.
            let counted = tokio::task::spawn_blocking(move || {
                let mut objective = lock(&task.objective);
                *lock(&task.standing) = objective.standing();
                objective.label(&labelled);
                task.catch_up(&mut objective);
            });
            if let Err(error) = counted.await {
                tracing::error!(%error, "a label was kept and could not be counted; it will be after a restart");
            }
        }
        Ok(())
    }
}

impl Objectives {
    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// A task's candidates in their order and its reference behind them; `None` for a task without an objective.
    pub(crate) fn arms(&self, task: &str) -> Option<Vec<String>> {
        let task = self.tasks.get(task)?;
        Some(task.settings.arms.iter().map(|(name, _)| name.clone()).collect())
    }

    /// The member by which a task's answers are compared; `None` for a task without an objective.
    pub(crate) fn pointer(&self, task: &str) -> Option<Option<&str>> {
        self.tasks.get(task).map(|task| task.settings.answer.as_deref())
    }

    /// A label holds all that its halves held.
    async fn matched(&self, request: &str) -> Result<(), StoreError> {
        for kind in [UNGRADED, TRUTH] {
            if let Some(half) = self.state.document(kind, request).await? {
                self.state.delete_document(kind, request, half.version).await?;
            }
        }
        Ok(())
    }
}

impl Task {
    /// Watches for drift; while a label is counted it waits, and nobody with it.
    fn hear(&self, heard: Heard) {
        {
            let mut unseen = lock(&self.unseen);
            if unseen.len() < MAX_UNSEEN {
                unseen.push(heard);
            }
        }
        if let Some(mut objective) = self.at_once() {
            self.catch_up(&mut objective);
        }
    }

    /// Looks at what was served meanwhile, and posts the policy.
    fn catch_up(&self, objective: &mut Objective) {
        for heard in std::mem::take(&mut *lock(&self.unseen)) {
            match heard {
                Heard::Served(text, valid) => objective.served(&text, valid),
                Heard::Scored(by_reference, score) => objective.scored(by_reference, score),
            }
        }
        self.board.post(objective.policy());
    }

    fn standing(&self) -> Standing {
        let now = self.at_once().map(|objective| objective.standing());
        now.unwrap_or_else(|| lock(&self.standing).clone())
    }

    /// The objective, unless somebody has it.
    fn at_once(&self) -> Option<MutexGuard<'_, Objective>> {
        match self.objective.try_lock() {
            Ok(objective) => Some(objective),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn may_ask(&self, day: i64) -> bool {
        lock(&self.today).may_ask(day, self.settings.shadow_per_day)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An objective without arms, for tests.
#[cfg(test)]
pub(crate) fn nobody() -> ObjectiveSettings {
    ObjectiveSettings {
        plan: ObjectivePlan {
            floor: 0.97,
            confidence: 0.95,
            reference: "big".to_owned(),
            candidates: vec!["small".to_owned()],
        },
        evaluator: Evaluator::Agreement,
        answer: None,
        likelihood: false,
        judge: None,
        watched: Watched::default(),
        shadow_share: 0.1,
        shadow_per_day: 1,
        shadow_usd_per_day: None,
        router: None,
        streams_apart: false,
        arms: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_clients_word_is_kept_without_secrets_and_a_later_one_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let engine = steersman_store::Engine::Sqlite { path: folder.path().join("steersman.db") };
        let state = State::open(&engine).await.unwrap();
        let redactor = Redactor::new(&[steersman_core::Secret::new("sk-planted-secret")]);
        let objectives = Objectives::open(BTreeMap::new(), state.clone(), redactor).await.unwrap();
        for said in ["delivery", "the key is sk-planted-secret"] {
            assert_eq!(objectives.truth("req_1", said).await.unwrap(), Truth::Kept);
        }
        let kept = state.document(TRUTH, "req_1").await.unwrap().unwrap().content;
        assert!(kept.starts_with("the key is") && !kept.contains("planted"), "{kept}");
    }

    #[tokio::test]
    async fn halves_that_found_no_other_are_forgotten_after_their_time_and_labels_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let engine = steersman_store::Engine::Sqlite { path: folder.path().join("steersman.db") };
        let state = State::open(&engine).await.unwrap();
        let objectives = Objectives::open(BTreeMap::new(), state.clone(), Redactor::new(&[])).await.unwrap();
        for kind in [LABEL, UNGRADED, TRUTH, SCORE] {
            state.put_document(kind, "old", None, "1", 10 * DAY_US).await.unwrap();
            state.put_document(kind, "new", None, "1", 45 * DAY_US).await.unwrap();
        }
        objectives.forget((50 - UNMATCHED_DAYS) * DAY_US).await.unwrap();
        let mut left = Vec::new();
        for kind in [LABEL, UNGRADED, TRUTH, SCORE] {
            let names = state.documents(kind).await.unwrap().into_iter().map(|document| document.name);
            left.push(names.collect::<Vec<_>>());
        }
        assert_eq!(left, [vec!["new", "old"], vec!["new"], vec!["new"], vec!["new"]]);
    }

    /// Objectives of one task that may ask once a day.
    async fn objectives(folder: &std::path::Path, usd: Option<Usd>) -> Objectives {
        let engine = steersman_store::Engine::Sqlite { path: folder.join("steersman.db") };
        let state = State::open(&engine).await.unwrap();
        let settings = ObjectiveSettings { shadow_usd_per_day: usd, ..nobody() };
        let settings = BTreeMap::from([("triage".to_owned(), settings)]);
        Objectives::open(settings, state, Redactor::new(&[])).await.unwrap()
    }

    #[tokio::test]
    async fn a_request_that_the_days_money_does_not_cover_is_not_one_of_the_days() {
        let folder = tempfile::tempdir().unwrap();
        let objectives = objectives(folder.path(), Some(Usd::ZERO)).await;
        let task = &objectives.tasks["triage"];
        let account =
            steersman_core::Account { name: "shadow/triage".into(), period: steersman_engine::day_now().into() };
        // Another gateway holds all that there is, and more.
        let held = Usd::from_nanos(1);
        assert!(steersman_core::Bank::take(&objectives.state, account, held, held).await.unwrap());
        for _ in 0..3 {
            assert!(task.may_ask(1), "nobody was asked so far");
            assert!(objectives.hold("triage", task, 1, Some(Usd::ZERO)).await.is_none());
        }
    }

    #[tokio::test]
    async fn who_looks_while_a_label_is_counted_does_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let objectives = objectives(folder.path(), None).await;
        let task = &objectives.tasks["triage"];
        let fitting = lock(&task.objective);
        task.hear(Heard::Served("where is my parcel".to_owned(), Some(true)));
        assert_eq!(objectives.standings()["triage"].phase, steersman_routing::Phase::Collecting);
        assert_eq!(lock(&task.unseen).len(), 1);
        drop(fitting);
        task.hear(Heard::Served("and my refund".to_owned(), None));
        assert!(lock(&task.unseen).is_empty(), "what waited was looked at");
    }
}
