//! Every task's objective: its evidence, the policy it has posted, and the loop that feeds it.
//!
//! What never happens here: a lock that is held while something is awaited.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use steersman_core::{RequestRecord, Usd};
use steersman_engine::{Board, unit};
use steersman_routing::Standing;
use steersman_store::rows::RequestStory;
use steersman_store::state::documents::Document;
use steersman_store::{Redactor, State, StoreError, now_us};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::labels::Row;
use crate::measured::Measured;
use crate::settings::{Evaluator, ObjectiveSettings};
use crate::shadow::Panel;
use crate::task::{Alarmed, Heard, Task};
use crate::today::ShadowDay;
use crate::{purse, shadow};

/// Kinds of documents in the durable state.
pub(crate) const LABEL: &str = "label";
const UNGRADED: &str = "label_ungraded";
pub(crate) const TRUTH: &str = "truth";
pub(crate) const SCORE: &str = "score";
const ALARM: &str = "objective_alarm";

/// Shadow calls under way at once, over all tasks.
const AT_ONCE: usize = 4;
/// How long one shadow call may take.
const SHADOW_LIMIT: Duration = Duration::from_secs(120);
pub(crate) const DAY_US: i64 = 86_400_000_000;
/// How long a client's word waits for a label, or a label for a client's word.
const UNMATCHED_DAYS: i64 = 30;

/// What became of a client's word on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It made a label.
    Labelled,
    /// It is kept; the request has no shadow answers (yet).
    Kept,
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
        let mut last: BTreeMap<String, Alarmed> = BTreeMap::new();
        let mut kept = Vec::new();
        if !settings.is_empty() {
            let alarms = state.documents(ALARM).await?.into_iter();
            last.extend(alarms.filter_map(|one| Some((one.name, serde_json::from_str(&one.content).ok()?))));
            kept = rows(&state).await?;
        }
        let task = |(name, settings): (String, ObjectiveSettings)| {
            let task = Task::new(settings, last.get(&name).copied());
            let own = kept.iter().filter(|(_, row)| row.task == name);
            task.recount(own.cloned());
            (name, Arc::new(task))
        };
        let tasks = settings.into_iter().map(task).collect();
        let objectives = Self { tasks, state, redactor };
        for name in objectives.tasks.keys() {
            objectives.keep_alarm(name).await?;
        }
        Ok(objectives)
    }

    /// Makes an alarm durable that a task has raised, so that no restart lifts it.
    async fn keep_alarm(&self, name: &str) -> Result<(), StoreError> {
        let Some(task) = self.tasks.get(name) else { return Ok(()) };
        let Some(alarmed) = task.alarmed() else { return Ok(()) };
        if self.put_over(ALARM, name, &serde_json::json!(alarmed).to_string()).await? {
            task.alarm_is_kept(alarmed);
        }
        Ok(())
    }

    /// The same, where nobody waits for it: it is tried again with the next request.
    async fn try_to_keep_alarm(&self, name: &str) {
        if let Err(error) = self.keep_alarm(name).await {
            tracing::warn!(%error, task = name, "an alarm is in force and not kept yet");
        }
    }

    /// Writes a document in the place of one that may be there. `false` where another was written meanwhile.
    async fn put_over(&self, kind: &'static str, name: &str, content: &str) -> Result<bool, StoreError> {
        let before = self.state.document(kind, name).await?.map(|before| before.version);
        Ok(self.state.put_document(kind, name, before, content, now_us()).await?.is_some())
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
            (name.clone(), task.told(today, booked))
        };
        Ok(self.tasks.iter().map(of).collect())
    }

    /// A task's labels as recorded traffic, oldest first: those that are about its models as they are now, graded as
    /// they are now. Nothing for a task without an objective.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn recording(&self, task: &str) -> Result<Vec<serde_json::Value>, StoreError> {
        let Some(of) = self.tasks.get(task) else { return Ok(Vec::new()) };
        let counts = |row: &Row| row.task == task && row.measured.otherwise(&of.measured).is_none();
        let kept = rows(&self.state).await?.into_iter().filter(|(_, row)| counts(row));
        Ok(kept.map(|(_, row)| row.recorded(&of.settings.arms)).collect())
    }

    /// Whether a task has an objective.
    #[must_use]
    pub fn has(&self, task: &str) -> bool {
        self.tasks.contains_key(task)
    }

    /// Whether what is measured under these settings is what is measured since the start.
    #[must_use]
    pub fn measures(&self, task: &str, settings: &ObjectiveSettings) -> bool {
        self.tasks.get(task).is_some_and(|task| task.measured == Measured::of(settings))
    }

    /// Sets all other tasks aside: nothing is routed by them, so nothing is asked for them and nothing is heard.
    pub fn keep_to(&self, in_use: impl Fn(&str) -> bool) {
        self.tasks.iter().for_each(|(name, task)| task.set_aside(!in_use(name)));
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
                    let is_sampled = self.look(&record);
                    self.try_to_keep_alarm(record.task.as_str()).await;
                    if !is_sampled {
                        continue;
                    }
                    // A queue of calls would only grow: where all places are taken, this request gives no label.
                    if let Ok(place) = Arc::clone(&places).try_acquire_owned() && self.may_ask(&record) {
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

    /// Whether the request is within the day's number. It counts from now on, so whoever asks has a place.
    fn may_ask(&self, record: &RequestRecord) -> bool {
        self.tasks.get(record.task.as_str()).is_some_and(|task| task.may_ask(record.started_at_us / DAY_US))
    }

    /// Watches for drift, and says whether the request is sampled.
    fn look(&self, record: &RequestRecord) -> bool {
        let Some(task) = self.tasks.get(record.task.as_str()).filter(|task| !task.is_aside()) else { return false };
        let Some(served) = shadow::served(record, &task.settings) else { return false };
        served.pin(&task.board, &task.settings.plan.reference, record.request_body.len());
        let valid = served.candidate_valid(&task.settings.plan.reference);
        task.hear(Heard::Served(served.text, valid));
        unit(&record.id, "shadow") < task.settings.shadow_share && Panel::of(&record.notes, &task.settings).is_some()
    }

    /// Holds what the shadow calls of a request may cost. Where the day's money does not cover it, the request does not
    /// count among the day's.
    async fn hold(&self, name: &str, task: &Task, day: i64, most: Option<Usd>) -> Option<purse::Held> {
        let held = purse::hold(&self.state, name, task.settings.shadow_usd_per_day, most).await;
        match held {
            Ok(Some(held)) => return Some(held),
            Ok(None) => task.did_not_ask(day, true),
            Err(error) => {
                tracing::warn!(%error, task = name, "no shadow calls: their cost cannot be held");
                task.did_not_ask(day, false);
            }
        }
        None
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
        task.spent(day, gathered.spent);
        if let Err(error) = held.settle(&self.state, gathered.spent).await {
            tracing::warn!(%error, request = %record.id, "what shadow calls cost stays held as it was estimated");
        }
        let Some(mut row) = gathered.row else { return };
        let reference = row.arms.last().and_then(|(_, cell)| cell.answer.clone());
        let done = match (task.settings.evaluator, reference) {
            (Evaluator::Agreement, Some(reference)) => {
                row.grade(&reference);
                self.keep(task, &row).await
            }
            (Evaluator::Agreement, None) => {
                task.gave_no_answer();
                Ok(())
            }
            (Evaluator::Truth, _) => self.wait_for_truth(task, row).await,
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
        self.put_over(TRUTH, request, right).await?;
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
        if let Some((task, answered)) = task.zip(answered).filter(|(task, _)| !task.is_aside()) {
            task.hear(Heard::Scored(answered == task.settings.plan.reference, score));
            self.keep_alarm(&story.request.task).await?;
        }
        Ok(())
    }

    /// Makes a label durable and then counts it; a second label of one request changes nothing.
    async fn keep(&self, task: &Arc<Task>, row: &Row) -> Result<(), StoreError> {
        let content = self.clean(&serde_json::json!(row).to_string());
        let name = format!("{}/{}", row.task, row.id);
        let place = task.line.begin(now_us());
        let written = self.state.put_document(LABEL, &name, None, &content, place.at_us()).await;
        // What is counted is what a restart will read.
        match serde_json::from_str(&content).ok().filter(|_| matches!(written, Ok(Some(_)))) {
            Some(kept) => place.fill(kept),
            None => drop(place),
        }
        // Labels behind a place that came to nothing have waited for it.
        let counting = Arc::clone(task);
        // The label that fits the router costs a second; the runtime's threads have requests to serve.
        if let Err(error) = tokio::task::spawn_blocking(move || counting.count()).await {
            tracing::error!(%error, "a label was kept and could not be counted; it will be after a restart");
        }
        self.try_to_keep_alarm(&row.task).await;
        if written?.is_some() { self.matched(&row.id).await } else { Ok(()) }
    }
}

/// All labels with their times, oldest first.
async fn rows(state: &State) -> Result<Vec<(i64, Row)>, StoreError> {
    let mut kept = state.documents(LABEL).await?;
    kept.sort_by_key(|document| document.updated_at_us);
    let row = |document: Document| Some((document.updated_at_us, serde_json::from_str(&document.content).ok()?));
    Ok(kept.into_iter().filter_map(row).collect())
}

impl Objectives {
    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// A task's settings; `None` for a task without an objective.
    pub(crate) fn settings(&self, task: &str) -> Option<&ObjectiveSettings> {
        self.tasks.get(task).map(|task| &task.settings)
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

#[cfg(test)]
mod tests {
    use steersman_routing::Phase;

    use super::*;
    use crate::fixtures::{keep_labels, label, nobody, opened, priced, state};

    #[tokio::test]
    async fn a_clients_word_is_kept_without_secrets_and_a_later_one_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path()).await;
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
        let state = state(folder.path()).await;
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

    #[tokio::test]
    async fn a_request_that_the_days_money_does_not_cover_is_not_one_of_the_days() {
        let folder = tempfile::tempdir().unwrap();
        let settings = ObjectiveSettings { shadow_usd_per_day: Some(Usd::ZERO), ..nobody() };
        let objectives = opened(&state(folder.path()).await, settings).await;
        let task = &objectives.tasks["triage"];
        let account =
            steersman_core::Account { name: "shadow/triage".into(), period: steersman_engine::day_now().into() };
        // Another gateway holds all that there is, and more.
        let held = Usd::from_nanos(1);
        assert!(steersman_core::Bank::take(&objectives.state, account, held, held).await.unwrap());
        let day = now_us() / DAY_US;
        for _ in 0..3 {
            assert!(task.may_ask(day), "nobody was asked so far");
            assert!(objectives.hold("triage", task, day, Some(Usd::ZERO)).await.is_none());
        }
        let told = objectives.standings()["triage"].next_step.clone();
        assert!(told.ends_with("; today's money for shadow calls is used up"), "{told}");
    }

    #[tokio::test]
    async fn a_request_is_one_of_the_days_once_it_has_a_place_and_the_last_of_them_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let settings = ObjectiveSettings { shadow_share: 1.0, ..priced(["a", "b"]) };
        let objectives = opened(&state(folder.path()).await, settings).await;
        let record = crate::fixtures::record("where is my parcel", "delivery");
        assert!(objectives.look(&record) && objectives.look(&record), "looking spends nothing");
        assert!(!objectives.standings()["triage"].next_step.contains("used up"));
        assert!(objectives.may_ask(&record) && !objectives.may_ask(&record));
        let told = objectives.standings()["triage"].next_step.clone();
        assert!(told.ends_with("; today's shadow calls are used up (`shadow_per_day = 1`)"), "{told}");
    }

    #[tokio::test]
    async fn labels_about_another_model_or_by_another_measure_arm_nothing_and_that_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path()).await;
        let here = priced(["a", "b"]);
        keep_labels(&state, &here, 0..300).await;
        let objectives = opened(&state, here.clone()).await;
        assert_eq!(objectives.board("triage").unwrap().read().phase, Phase::Armed);
        assert_eq!(objectives.recording("triage").await.unwrap().len(), 300);
        for other in [
            priced(["a2", "b"]),
            ObjectiveSettings { evaluator: Evaluator::Truth, ..here.clone() },
            ObjectiveSettings { answer: Some("/kind".to_owned()), ..here.clone() },
        ] {
            assert!(!objectives.measures("triage", &other) && objectives.measures("triage", &here));
            let other = opened(&state, other).await;
            let standing = &other.standings()["triage"];
            assert_eq!((standing.phase, standing.fitted_on), (Phase::Collecting, 0));
            assert!(standing.next_step.contains("; 300 kept labels do not count: the last "), "{}", standing.next_step);
            assert!(other.recording("triage").await.unwrap().is_empty());
        }
    }

    #[tokio::test]
    async fn an_alarm_outlives_the_process_and_labels_before_it_prove_nothing_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path()).await;
        let settings = priced(["a", "b"]);
        keep_labels(&state, &settings, 0..300).await;
        let objectives = opened(&state, settings.clone()).await;
        let armed = objectives.board("triage").unwrap().read();
        assert_eq!(armed.phase, Phase::Armed);
        let task = &objectives.tasks["triage"];
        for number in 0..200 {
            task.hear(Heard::Served(format!("#include <vector> std::move 0x{number} template {{}}"), Some(true)));
        }
        assert_eq!(objectives.board("triage").unwrap().read().phase, Phase::Disarmed);
        objectives.try_to_keep_alarm("triage").await;
        assert_eq!(task.alarmed(), None, "it is kept once");
        for _ in 0..2 {
            let again = opened(&state, settings.clone()).await;
            let standing = &again.standings()["triage"];
            assert_eq!((standing.phase, standing.rung, standing.fitted_on), (Phase::Disarmed, 0, 0));
            assert_eq!(standing.alarm, Some(steersman_routing::Alarm::Input));
        }
        for number in 300..330 {
            objectives.keep(task, &label(&settings, number)).await.unwrap();
        }
        let again = opened(&state, settings).await;
        assert_eq!(again.standings()["triage"].fitted_on, 30, "labels from then on count");
    }

    #[tokio::test]
    async fn a_restart_comes_to_the_same_policy_in_whatever_order_labels_became_durable() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path()).await;
        let settings = priced(["a", "b"]);
        let objectives = Arc::new(opened(&state, settings.clone()).await);
        let mut keeping = JoinSet::new();
        for number in 0..130 {
            let (objectives, row) = (Arc::clone(&objectives), label(&settings, number));
            keeping.spawn(async move {
                let task = Arc::clone(&objectives.tasks["triage"]);
                objectives.keep(&task, &row).await.unwrap();
            });
        }
        keeping.join_all().await;
        let live = objectives.standings()["triage"].clone();
        assert_eq!((live.fitted_on, live.proved_on), (120, 10));
        let again = opened(&state, settings).await.standings()["triage"].clone();
        assert_eq!((&again.version, again.evidence), (&live.version, live.evidence));
    }

    #[tokio::test]
    async fn labels_are_reckoned_at_the_prices_of_today() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path()).await;
        let settings = priced(["a", "b"]);
        keep_labels(&state, &settings, 0..300).await;
        let standing = opened(&state, settings.clone()).await.standings()["triage"].clone();
        assert!(standing.relative_cost.is_some_and(|cost| cost < 0.9), "{standing:?}");
        // The dear model and the cheap one change prices: nobody is asked for the sake of a saving of yesterday.
        let turned = crate::fixtures::repriced(settings, [20.0, 1.0]);
        let objectives = opened(&state, turned).await;
        let standing = &objectives.standings()["triage"];
        assert_eq!((standing.rung, standing.rungs), (0, 0), "{standing:?}");
        assert!(standing.next_step.contains("no policy is cheaper"), "{}", standing.next_step);
        let cost = objectives.recording("triage").await.unwrap()[0]["arms"]["small"]["cost_usd"].as_f64().unwrap();
        assert!((cost - 0.002).abs() < 1e-9, "{cost}");
    }

    #[tokio::test]
    async fn a_reference_without_an_answer_gives_no_label_and_that_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let settings = ObjectiveSettings { answer: Some("/kind".to_owned()), ..priced(["a", "b"]) };
        let objectives = opened(&state(folder.path()).await, settings).await;
        objectives.shadow(&crate::fixtures::record("where is my parcel", "delivery")).await;
        let told = objectives.standings()["triage"].next_step.clone();
        assert!(
            told.ends_with(
                "; 1 request since the start gave no usable label: the reference's answer has nothing at `/kind`"
            ),
            "{told}"
        );
    }

    #[tokio::test]
    async fn what_was_changed_under_it_asks_nobody_until_a_restart_and_that_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let settings = ObjectiveSettings { shadow_share: 1.0, ..priced(["a", "b"]) };
        let objectives = opened(&state(folder.path()).await, settings).await;
        let record = crate::fixtures::record("where is my parcel", "delivery");
        objectives.keep_to(|_| false);
        assert!(!objectives.look(&record));
        assert!(objectives.standings()["triage"].next_step.contains("until a restart"));
        objectives.keep_to(|task| task == "triage");
        assert!(objectives.look(&record), "it is as it was");
    }
}
