//! One task's objective as it runs: its evidence, the policy it has posted, and what is spent of its day.
//!
//! What never happens here: a wait for somebody who fits a router, a question to the state.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use serde::{Deserialize, Serialize};
use steersman_core::Usd;
use steersman_engine::Board;
use steersman_routing::{Alarm, Objective, Standing};
use steersman_store::now_us;

use crate::labels::Row;
use crate::line::Line;
use crate::measured::Measured;
use crate::objectives::DAY_US;
use crate::purse::Spent;
use crate::settings::ObjectiveSettings;
use crate::today::{ShadowDay, Today};

/// Answers that wait to be watched for drift while a label is counted; more are not.
const MAX_UNSEEN: usize = 4_096;

/// An alarm as it is kept: labels up to that time prove nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alarmed {
    pub(crate) alarm: Alarm,
    pub(crate) after_us: i64,
}

/// One task's part.
pub(crate) struct Task {
    pub(crate) settings: ObjectiveSettings,
    /// What its labels measure; others do not count.
    pub(crate) measured: Measured,
    pub(crate) board: Arc<Board>,
    /// Labels on their way to the evidence.
    pub(crate) line: Arc<Line<Row>>,
    /// Held by a thread of its own for the second that a fit takes, and by nobody else for longer than a moment.
    evidence: Mutex<Evidence>,
    /// How it stood before the label that is being counted.
    standing: Mutex<Standing>,
    /// What was heard while a label was counted.
    unseen: Mutex<Vec<Heard>>,
    /// An alarm that is not durable yet.
    alarmed: Mutex<Option<Alarmed>>,
    today: Mutex<Today>,
    /// Whether its configuration was changed under it, so that nothing is routed by it until a restart.
    aside: AtomicBool,
    /// Requests since the start on which the reference's answer was none.
    unanswered: AtomicU64,
}

struct Evidence {
    objective: Objective,
    /// Labels up to this time prove nothing: an alarm came after them.
    after_us: i64,
    /// The time of the label that was counted last.
    counted_us: i64,
    /// Labels that do not count, and what was otherwise with the last of them.
    others: (u64, String),
}

/// What an objective hears beside labels.
pub(crate) enum Heard {
    /// A prompt that was served, and whether a candidate's answer kept its form.
    Served(String, Option<bool>),
    /// A client's score of an answer, and whether it was the reference's.
    Scored(bool, f64),
}

impl Task {
    /// With no label yet, as the last alarm left it.
    pub(crate) fn new(settings: ObjectiveSettings, last: Option<Alarmed>) -> Self {
        let pinned = settings.router.as_ref().map(|file| file.router.clone());
        let objective = Objective::new(settings.plan.clone(), pinned).watching(settings.watched);
        let objective = if settings.streams_apart { objective.with_streams_apart() } else { objective };
        let (objective, after_us) = match last {
            Some(Alarmed { alarm, after_us }) => (objective.disarmed(alarm), after_us),
            None => (objective, i64::MIN),
        };
        Self {
            measured: Measured::of(&settings),
            settings,
            board: Arc::default(),
            line: Arc::default(),
            standing: Mutex::new(objective.standing()),
            evidence: Mutex::new(Evidence { objective, after_us, counted_us: after_us, others: (0, String::new()) }),
            unseen: Mutex::default(),
            alarmed: Mutex::default(),
            today: Mutex::default(),
            aside: AtomicBool::new(false),
            unanswered: AtomicU64::new(0),
        }
    }

    /// Counts labels that the state holds, oldest first, and posts the policy.
    pub(crate) fn recount(&self, labels: impl Iterator<Item = (i64, Row)>) {
        let mut evidence = lock(&self.evidence);
        labels.for_each(|(at_us, row)| self.count_one(&mut evidence, at_us, &row));
        self.line.start_after(evidence.counted_us);
        self.catch_up(&mut evidence);
    }

    /// Counts the labels whose turn has come. Whoever holds the evidence meanwhile is waited for.
    pub(crate) fn count(&self) {
        let mut evidence = lock(&self.evidence);
        while let Some((at_us, row)) = self.line.next() {
            *lock(&self.standing) = evidence.objective.standing();
            self.count_one(&mut evidence, at_us, &row);
            self.catch_up(&mut evidence);
        }
    }

    fn count_one(&self, evidence: &mut Evidence, at_us: i64, row: &Row) {
        if at_us <= evidence.after_us {
            return;
        }
        if let Some(otherwise) = row.measured.otherwise(&self.measured) {
            evidence.others = (evidence.others.0 + 1, otherwise);
            return;
        }
        evidence.counted_us = at_us;
        self.hearing(evidence, |objective| objective.label(&row.labelled(&self.settings.arms)));
    }

    /// Notes an alarm that this raises, so that it outlives the process.
    fn hearing(&self, evidence: &mut Evidence, hear: impl FnOnce(&mut Objective)) {
        let before = evidence.objective.alarms();
        hear(&mut evidence.objective);
        if let Some(alarm) = evidence.objective.alarm().filter(|_| evidence.objective.alarms() > before) {
            evidence.after_us = evidence.counted_us;
            *lock(&self.alarmed) = Some(Alarmed { alarm, after_us: evidence.after_us });
        }
    }

    /// Watches for drift; while a label is counted it waits, and nobody with it.
    pub(crate) fn hear(&self, heard: Heard) {
        {
            let mut unseen = lock(&self.unseen);
            if unseen.len() < MAX_UNSEEN {
                unseen.push(heard);
            }
        }
        if let Some(mut evidence) = at_once(&self.evidence) {
            self.catch_up(&mut evidence);
        }
    }

    /// Looks at what was served meanwhile, and posts the policy.
    fn catch_up(&self, evidence: &mut Evidence) {
        for heard in std::mem::take(&mut *lock(&self.unseen)) {
            self.hearing(evidence, |objective| match heard {
                Heard::Served(text, valid) => objective.served(&text, valid),
                Heard::Scored(by_reference, score) => objective.scored(by_reference, score),
            });
        }
        self.board.post(evidence.objective.policy());
    }

    /// An alarm that is to be kept.
    pub(crate) fn alarmed(&self) -> Option<Alarmed> {
        *lock(&self.alarmed)
    }

    /// It is kept.
    pub(crate) fn alarm_is_kept(&self, kept: Alarmed) {
        lock(&self.alarmed).take_if(|alarmed| *alarmed == kept);
    }

    /// Where it stands. Waits for no fit.
    pub(crate) fn standing(&self) -> Standing {
        let (now, others) = match at_once(&self.evidence) {
            Some(evidence) => (Some(evidence.objective.standing()), evidence.others.clone()),
            None => (None, (0, String::new())),
        };
        let mut standing = now.unwrap_or_else(|| lock(&self.standing).clone());
        if self.is_aside() {
            "its configuration has changed since the start: the reference answers everything until a restart"
                .clone_into(&mut standing.next_step);
        }
        for more in [self.about_labels(&others), self.about_today()].into_iter().flatten() {
            standing.next_step.push_str("; ");
            standing.next_step.push_str(&more);
        }
        standing
    }

    fn about_labels(&self, (others, otherwise): &(u64, String)) -> Option<String> {
        let others = (*others > 0).then(|| match others {
            1 => format!("1 kept label does not count: it {otherwise}"),
            others => format!("{others} kept labels do not count: the last {otherwise}"),
        });
        let unanswered = self.unanswered.load(Ordering::Relaxed);
        let what = match &self.settings.answer {
            Some(pointer) => format!("has nothing at `{pointer}`"),
            None => "is empty".to_owned(),
        };
        let none = (unanswered > 0).then(|| {
            let requests = if unanswered == 1 { "1 request" } else { &format!("{unanswered} requests") };
            format!("{requests} since the start gave no usable label: the reference's answer {what}")
        });
        match (others, none) {
            (Some(others), Some(none)) => Some(format!("{others}; {none}")),
            (others, none) => others.or(none),
        }
    }

    fn about_today(&self) -> Option<String> {
        let (today, day) = (lock(&self.today), now_us() / DAY_US);
        let most = self.settings.shadow_per_day;
        if today.is_broke(day) {
            return Some("today's money for shadow calls is used up".to_owned());
        }
        today.is_full(day, most).then(|| format!("today's shadow calls are used up (`shadow_per_day = {most}`)"))
    }

    /// Takes it out of use, or into it again.
    pub(crate) fn set_aside(&self, aside: bool) {
        self.aside.store(aside, Ordering::Relaxed);
    }

    pub(crate) fn is_aside(&self) -> bool {
        self.aside.load(Ordering::Relaxed)
    }

    /// A request was put to everybody, and the reference's answer is none.
    pub(crate) fn gave_no_answer(&self) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one more request of the day, if there may be one.
    pub(crate) fn may_ask(&self, day: i64) -> bool {
        lock(&self.today).may_ask(day, self.settings.shadow_per_day)
    }

    /// Counts what the calls of one request took.
    pub(crate) fn spent(&self, day: i64, spent: Spent) {
        lock(&self.today).spent(day, spent);
    }

    /// What a day took so far, with what is booked.
    pub(crate) fn told(&self, day: i64, booked: Usd) -> ShadowDay {
        lock(&self.today).told(day, booked)
    }

    /// A request that was counted has asked nobody. `broke`: the day's money did not cover it.
    pub(crate) fn did_not_ask(&self, day: i64, broke: bool) {
        lock(&self.today).did_not_ask(day, broke);
    }
}

/// What is guarded, unless somebody has it.
fn at_once<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::nobody;

    #[test]
    fn who_looks_while_a_label_is_counted_does_not_wait() {
        let task = Task::new(nobody(), None);
        let fitting = lock(&task.evidence);
        task.hear(Heard::Served("where is my parcel".to_owned(), Some(true)));
        assert_eq!(task.standing().phase, steersman_routing::Phase::Collecting);
        assert_eq!(lock(&task.unseen).len(), 1);
        drop(fitting);
        task.hear(Heard::Served("and my refund".to_owned(), None));
        assert!(lock(&task.unseen).is_empty(), "what waited was looked at");
    }
}
