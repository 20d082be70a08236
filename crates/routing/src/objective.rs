//! A live objective: labels in, the policy in force out.
//!
//! ```text
//! collecting --enough labels to fit--> shadow --floor proved--> armed --drift--> disarmed --proved again--> armed
//! ```
//!
//! While it is not armed everything goes to the reference. The first labels fit a router; later ones, which it has not
//! seen, feed one e-process a rung. A rung is in force once it and all below it are proved, however often anybody has
//! looked in between (Ville's inequality; fixed-sequence testing as in [`crate::Climb`]).
//!
//! What never happens here: a clock, a call, a label that both fitted a router and proved it.

use std::sync::Arc;

use steersman_lab::stats::Rng;

use crate::climb::{Climb, Hunches};
use crate::drift::{Alarm, Familiar, Watched};
use crate::next_step::NextStep;
use crate::policy::{Labelled, ObjectivePlan, Phase, Policy, Standing};
use crate::proving::Proving;
use crate::router::{FitError, FitPlan, Fitted, Method, Router, read_prompts, usual_cost};
use crate::signals::Signals;
use crate::traffic::{Split, Traffic};

/// Fewer scores of the reference than this are no measure.
const FEWEST_SCORES: u64 = 30;

/// Labels that fit a router. A hundred is the least that a fit takes; a fifth more keeps its folds filled.
const FIT_LABELS: usize = 120;

/// A live objective.
#[derive(Debug)]
pub struct Objective {
    plan: ObjectivePlan,
    /// A router that the operator pinned; it is never refitted.
    pinned: Option<Arc<Router>>,
    rows: Traffic,
    proving: Option<Proving>,
    /// Whether streamed requests get a policy of their own where the first one looks at answers, and that policy's
    /// proof.
    streams_apart: bool,
    of_streams: Option<Proving>,
    phase: Phase,
    alarm: Option<Alarm>,
    /// How many there were.
    alarms: u64,
    unfit: Option<FitError>,
    /// Arms of whose calls no label has told a cost where the router was fitted.
    unpriced: Vec<String>,
    signals: Signals,
    watched: Watched,
    /// Clients' scores of the reference's answers: their sum and number.
    reference_scores: (f64, u64),
    rng: Rng,
}

impl Objective {
    /// An objective without a label. With a pinned router it starts in `shadow`.
    #[must_use]
    pub fn new(plan: ObjectivePlan, pinned: Option<Router>) -> Self {
        let pinned = pinned.map(Arc::new);
        let mut objective = Self {
            plan,
            pinned,
            rows: Traffic::default(),
            proving: None,
            streams_apart: false,
            of_streams: None,
            phase: Phase::Collecting,
            alarm: None,
            alarms: 0,
            unfit: None,
            unpriced: Vec::new(),
            signals: Signals::default(),
            watched: Watched::default(),
            reference_scores: (0.0, 0),
            rng: Rng::seeded(1),
        };
        objective.prove_pinned();
        objective
    }

    fn prove_pinned(&mut self) {
        if let Some(router) = self.pinned.clone() {
            self.prove(Proving::new(router, &Hunches::default(), None, 0, self.plan.floor));
        }
    }

    /// With a policy for streamed requests that looks at the prompt alone, proved apart on the same labels. It is
    /// fitted where the first policy looks at answers; a pinned router has none beside it, and streams go to the
    /// reference then.
    #[must_use]
    pub fn with_streams_apart(self) -> Self {
        Self { streams_apart: true, ..self }
    }

    /// With words that may put the floor out of force.
    #[must_use]
    pub fn watching(self, watched: Watched) -> Self {
        Self { watched, ..self }
    }

    /// As it stands after an alarm: nothing is proved until the labels from here on do.
    #[must_use]
    pub fn disarmed(mut self, alarm: Alarm) -> Self {
        self.disarm(alarm);
        self
    }

    /// What put it out of force; `None` once it is proved again.
    #[must_use]
    pub const fn alarm(&self) -> Option<Alarm> {
        self.alarm
    }

    /// How many alarms were raised so far: the same one may be again.
    #[must_use]
    pub const fn alarms(&self) -> u64 {
        self.alarms
    }

    /// Hears a client's score of an answer, in `[0, 1]`, and whether it was the reference's. Where scores are watched,
    /// those of candidates are held against the floor once the reference has some.
    pub fn scored(&mut self, by_reference: bool, score: f64) {
        let (sum, count) = &mut self.reference_scores;
        if by_reference {
            (*sum, *count) = (*sum + score, *count + 1);
        }
        if by_reference || !self.watched.scores || *count < FEWEST_SCORES {
            return;
        }
        let surplus = score - self.plan.floor * (*sum / *count as f64);
        let provings = [&mut self.proving, &mut self.of_streams];
        let alarm = provings.into_iter().flatten().find_map(|proving| proving.scored(surplus));
        if let Some(alarm) = alarm {
            self.disarm(alarm);
        }
    }

    /// Takes in a label. Cost: some 100 microseconds, and a second or less for the one that fits the router.
    pub fn label(&mut self, labelled: &Labelled) {
        let candidates = labelled.arms.iter().filter(|(name, _)| *name != self.plan.reference);
        self.signals.push(&candidates.map(|(_, answered)| *answered).collect::<Vec<_>>());
        if self.proving.is_none() {
            self.rows.push(&labelled.text, "", Split::Train, &labelled.arms);
            self.fit_when_due();
            return;
        }
        let Some(alarm) = self.weigh(labelled) else { return };
        self.disarm(alarm);
    }

    /// Looks at a request that was served, label or not: its prompt, and whether a candidate's answer kept its form.
    pub fn served(&mut self, text: &str, valid: Option<bool>) {
        let rng = &mut self.rng;
        let watched =
            [&mut self.proving, &mut self.of_streams].into_iter().flatten().find(|proving| proving.is_watched());
        if let Some(alarm) = watched.and_then(|proving| proving.served(text, valid, || rng.uniform())) {
            self.disarm(alarm);
        }
    }

    /// The snapshot for the hot path.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let Some(proving) = &self.proving else {
            return Policy { phase: self.phase, ..Policy::reference_only() };
        };
        let apart = self.streams_apart && proving.router.method == Method::Cascade;
        let of_streams = || match &self.of_streams {
            Some(of_streams) => of_streams.policy(self.phase_of(of_streams)),
            None => Policy { phase: self.phase, ..Policy::reference_only() },
        };
        Policy { streams: apart.then(|| Arc::new(of_streams())), ..proving.policy(self.phase) }
    }

    /// The phase of a policy for streams, which is proved on its own.
    fn phase_of(&self, of_streams: &Proving) -> Phase {
        match (of_streams.is_watched(), self.phase) {
            (true, _) => Phase::Armed,
            (false, Phase::Armed) => Phase::Shadow,
            (false, phase) => phase,
        }
    }

    fn fit_when_due(&mut self) {
        if self.rows.len() < FIT_LABELS || !(self.rows.len() - FIT_LABELS).is_multiple_of(FIT_LABELS / 4) {
            return;
        }
        let named: Vec<usize> = self.plan.candidates.iter().filter_map(|name| self.rows.arm(name)).collect();
        let Some(reference) = self.rows.arm(&self.plan.reference) else { return };
        let rows: Vec<usize> = (0..self.rows.len()).collect();
        let unpriced = named.iter().chain([&reference]).filter(|&&arm| usual_cost(&self.rows, arm, &rows).is_none());
        self.unpriced = unpriced.filter_map(|&arm| self.rows.arm_names.get(arm)).cloned().collect();
        let fit = FitPlan { floor: Some(self.plan.floor), ..FitPlan::default() };
        let fitted = |fit| {
            let Fitted { router, training } = Router::fit(&self.rows, &named, reference, &rows, fit)?;
            let hunches = Hunches::new(&Climb::new(&router, &training), self.plan.floor);
            let familiar = Some(Familiar::new(&read_prompts(&self.rows, &rows)));
            Ok(Proving::new(Arc::new(router), &hunches, familiar, rows.len(), self.plan.floor))
        };
        match fitted(fit) {
            Ok(proving) => {
                if self.streams_apart && proving.router.method == Method::Cascade {
                    self.of_streams = fitted(FitPlan { method: Some(Method::PromptOnly), ..fit }).ok();
                }
                self.unfit = None;
                self.prove(proving);
            }
            Err(error) => self.unfit = Some(error),
        }
    }

    fn prove(&mut self, proving: Proving) {
        if self.phase == Phase::Collecting {
            self.phase = Phase::Shadow;
        }
        self.proving = Some(proving);
    }

    /// Feeds a label to the e-processes; gives an alarm if labels fall short while armed.
    fn weigh(&mut self, labelled: &Labelled) -> Option<Alarm> {
        let (plan, watched, rng) = (&self.plan, self.watched, &mut self.rng);
        let of_streams =
            self.of_streams.as_mut().and_then(|proving| proving.weigh(labelled, plan, watched, || rng.uniform()));
        let proving = self.proving.as_mut()?;
        let alarm = proving.weigh(labelled, plan, watched, || rng.uniform());
        if proving.is_watched() && self.phase != Phase::Armed {
            self.phase = Phase::Armed;
            self.alarm = None;
        }
        alarm.or(of_streams)
    }

    /// Everything to the reference until the floor is proved again, on labels from here on.
    fn disarm(&mut self, alarm: Alarm) {
        self.phase = Phase::Disarmed;
        self.alarm = Some(alarm);
        self.alarms += 1;
        self.rows = Traffic::default();
        (self.proving, self.of_streams) = (None, None);
        self.prove_pinned();
    }

    /// What an operator sees.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let mut standing = self.standing_of(self.proving.as_ref(), self.phase);
        standing.alarm = self.alarm;
        standing.signals = self.signals.report();
        if self.proving.is_none() {
            standing.labels_to_go = Some(FIT_LABELS.saturating_sub(self.rows.len()) as u64).filter(|&left| left > 0);
            standing.fitted_on = self.rows.len();
        }
        standing.next_step = self.next_step().told(&standing);
        standing.streams = self.of_streams.as_ref().map(|of_streams| {
            let mut own = self.standing_of(Some(of_streams), self.phase_of(of_streams));
            own.next_step = self.next_step().told(&own);
            Box::new(own)
        });
        standing
    }

    fn next_step(&self) -> NextStep<'_> {
        let (fitted, unfit, unpriced) = (self.proving.is_some(), self.unfit.as_ref(), &*self.unpriced);
        NextStep { plan: &self.plan, alarm: self.alarm, fitted, unfit, unpriced }
    }

    fn standing_of(&self, proving: Option<&Proving>, phase: Phase) -> Standing {
        let needed = -(1.0 - self.plan.confidence).ln();
        let mut standing = Standing {
            phase,
            plan: self.plan.clone(),
            version: "none".to_owned(),
            arms: Vec::new(),
            rung: 0,
            rungs: 0,
            fitted_on: 0,
            proved_on: 0,
            relative_quality: None,
            relative_cost: None,
            proved_cost: None,
            fell_short: [0, 0],
            evidence: [0.0, needed],
            labels_to_go: None,
            alarm: None,
            signals: Vec::new(),
            streams: None,
            next_step: String::new(),
        };
        if let Some(proving) = proving {
            proving.describe(&mut standing, needed);
        }
        standing
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::Usd;

    use super::*;
    use crate::traffic::Answered;

    fn plan(floor: f64) -> ObjectivePlan {
        ObjectivePlan { reference: "big".to_owned(), candidates: vec!["small".to_owned()], floor, confidence: 0.95 }
    }

    /// A request on which the small model is right with this chance; the big one always is.
    fn labelled(rng: &mut Rng, right: f64, words: &[&str]) -> Labelled {
        let text: Vec<&str> = (0..8).map(|_| words[rng.below(words.len())]).collect();
        let arm = |right: bool, nanos| Answered {
            quality: Some(f32::from(u8::from(right))),
            cost: Some(Usd::from_nanos(nanos)),
            answer: Some(u32::from(right)),
            valid: Some(true),
            latency_ms: Some(10.0),
            reasoning_tokens: None,
            likelihood: None,
            judged: None,
        };
        let arms = vec![("small".to_owned(), arm(rng.chance(right), 100)), ("big".to_owned(), arm(true, 1_000))];
        Labelled { text: text.join(" "), arms }
    }

    const WORDS: [&str; 10] = ["where", "is", "my", "parcel", "refund", "late", "order", "please", "today", "address"];

    #[test]
    fn a_good_small_model_is_armed_and_saves_and_the_way_there_is_told() {
        let (mut objective, mut rng) = (Objective::new(plan(0.9), None), Rng::seeded(3));
        assert_eq!(objective.standing().next_step, "120 more labels until a router is fitted");
        for _ in 0..120 {
            objective.label(&labelled(&mut rng, 0.99, &WORDS));
        }
        assert_eq!((objective.policy().phase, objective.policy().rung), (Phase::Shadow, 0));
        for _ in 0..40 {
            objective.label(&labelled(&mut rng, 0.99, &WORDS));
        }
        let told = objective.standing();
        assert!(told.labels_to_go.is_some_and(|left| left < 200), "{told:?}");
        (0..300).for_each(|_| objective.label(&labelled(&mut rng, 0.99, &WORDS)));
        let standing = objective.standing();
        assert_eq!(standing.phase, Phase::Armed, "{standing:?}");
        assert!(standing.relative_cost.is_some_and(|cost| cost < 0.6), "{standing:?}");
        let armed_at = standing.rung;
        (0..600).for_each(|_| objective.label(&labelled(&mut rng, 0.99, &WORDS)));
        let later = objective.standing();
        assert_eq!(later.phase, Phase::Armed, "{later:?}");
        assert!(
            later.rung > armed_at || later.rung == later.rungs,
            "what is proved later is in force later: {later:?}"
        );
        assert!(objective.policy().rung > 0);
    }

    #[test]
    fn a_bad_small_model_is_never_armed_and_the_reason_is_told() {
        let armed = (0..20).filter(|&seed| {
            let (mut objective, mut rng) = (Objective::new(plan(0.97), None), Rng::seeded(seed));
            (0..500).for_each(|_| objective.label(&labelled(&mut rng, 0.6, &WORDS)));
            let standing = objective.standing();
            // A rung at the foot that hardly ever asks the small model may be proved; what is in force keeps the floor.
            assert!(standing.relative_quality.is_none_or(|quality| quality > 0.93), "{standing:?}");
            standing.phase == Phase::Armed
        });
        assert!(armed.count() < 20);
    }

    #[test]
    fn where_nothing_can_be_saved_nothing_is_armed_and_that_is_told() {
        let (mut objective, mut rng) = (Objective::new(plan(0.9), None), Rng::seeded(3));
        for _ in 0..300 {
            let mut label = labelled(&mut rng, 0.99, &WORDS);
            label.arms.iter_mut().for_each(|(_, answered)| answered.cost = Some(Usd::ZERO));
            objective.label(&label);
        }
        let standing = objective.standing();
        assert_eq!((standing.phase, standing.rungs), (Phase::Shadow, 0));
        assert!(standing.next_step.contains("no policy is cheaper"), "{}", standing.next_step);
    }

    #[test]
    fn where_the_proved_policy_costs_no_less_the_reference_answers_and_that_is_told() {
        let (mut objective, mut rng) = (Objective::new(plan(0.9), None), Rng::seeded(3));
        (0..400).for_each(|_| objective.label(&labelled(&mut rng, 0.99, &WORDS)));
        assert!(objective.policy().rung > 0);
        let dearer = |mut label: Labelled| {
            label.arms.iter_mut().take(1).for_each(|(_, cell)| cell.cost = Some(Usd::from_nanos(9_000)));
            label
        };
        (0..60).for_each(|_| objective.label(&dearer(labelled(&mut rng, 0.99, &WORDS))));
        let standing = objective.standing();
        assert_eq!((objective.policy().rung, standing.rung), (0, 0), "{standing:?}");
        assert!(standing.proved_cost.is_some_and(|cost| cost > 1.0), "{standing:?}");
        assert!(standing.next_step.contains("the proved policy costs "), "{}", standing.next_step);
        (0..500).for_each(|_| objective.label(&labelled(&mut rng, 0.99, &WORDS)));
        assert!(objective.policy().rung > 0, "it is in force again once it is cheaper");
    }

    #[test]
    fn a_candidate_whose_cost_nobody_knows_takes_no_part_and_its_price_is_asked_for() {
        let unpriced = |with: Option<Usd>| {
            let plan = ObjectivePlan { candidates: vec!["small".to_owned(), "middle".to_owned()], ..plan(0.9) };
            let (mut objective, mut rng) = (Objective::new(plan, None), Rng::seeded(3));
            for _ in 0..400 {
                let mut label = labelled(&mut rng, 0.99, &WORDS);
                let right = label.arms[1].1;
                label.arms[0].1.cost = None;
                // What a call to the reference costs scatters: one of unknown cost would seem to save on dear ones.
                label.arms[1].1.cost = Some(Usd::from_nanos(500 + rng.below(1_000) as i64));
                label.arms.insert(1, ("middle".to_owned(), Answered { cost: with, ..right }));
                objective.label(&label);
            }
            objective
        };
        let alone = unpriced(None);
        assert_eq!((alone.policy().rung, alone.standing().phase), (0, Phase::Collecting));
        assert!(alone.standing().next_step.contains("no cost is known of any call of `small`, `middle`"));
        let beside = unpriced(Some(Usd::from_nanos(100)));
        assert_eq!(beside.standing().arms, ["middle", "big"]);
        let told = beside.standing().next_step;
        assert!(told.ends_with("no cost of `small` is known: a price is missing, so it takes no part"), "{told}");
    }

    #[test]
    fn what_was_disarmed_stays_so_until_labels_from_then_on_prove_the_floor() {
        let (objective, mut rng) = (Objective::new(plan(0.9), None), Rng::seeded(3));
        let mut objective = objective.disarmed(Alarm::Scores);
        assert_eq!((objective.policy().phase, objective.alarm()), (Phase::Disarmed, Some(Alarm::Scores)));
        (0..150).for_each(|_| objective.label(&labelled(&mut rng, 0.99, &WORDS)));
        assert_eq!((objective.policy().rung, objective.policy().phase), (0, Phase::Disarmed));
        (0..300).for_each(|_| objective.label(&labelled(&mut rng, 0.99, &WORDS)));
        assert_eq!((objective.policy().phase, objective.alarm()), (Phase::Armed, None));
    }

    #[test]
    fn answers_that_begin_to_break_their_form_disarm_within_a_few_requests() {
        let (mut objective, mut rng) = (Objective::new(plan(0.9), None), Rng::seeded(5));
        (0..500).for_each(|_| objective.label(&labelled(&mut rng, 0.99, &WORDS)));
        assert_eq!(objective.policy().phase, Phase::Armed);
        let mut serve = |valid: bool| {
            let text = labelled(&mut rng, 0.99, &WORDS).text;
            objective.served(&text, Some(valid));
            objective.policy().phase
        };
        let until = (0..40).position(|_| serve(false) == Phase::Disarmed);
        // The labels that proved the floor are the measure of what is usual: no warm-up after arming.
        assert!(until.is_some_and(|at| at < 20), "{until:?}");
        assert!(objective.standing().next_step.contains("break their form"), "{:?}", objective.standing().next_step);
    }

    #[test]
    fn other_prompts_disarm_and_everything_goes_up() {
        let (mut objective, mut rng) = (Objective::new(plan(0.9), None), Rng::seeded(5));
        (0..500).for_each(|_| objective.label(&labelled(&mut rng, 0.99, &WORDS)));
        assert_eq!(objective.policy().phase, Phase::Armed);
        let other = ["#include", "<vector>", "{{", "}};", "0x7f", "std::move", "template", "int", "1,2,3", "=="];
        let until = (0..200).position(|_| {
            let text = labelled(&mut rng, 0.99, &other).text;
            objective.served(&text, Some(true));
            objective.policy().phase == Phase::Disarmed
        });
        assert!(until.is_some_and(|at| at < 100), "{until:?}");
        assert_eq!(objective.policy().rung, 0);
        assert!(objective.standing().next_step.contains("prompts have changed"));
    }

    /// A request that a small model gets right half the time; only its answer shows when.
    fn guessed(rng: &mut Rng, easy: bool) -> Labelled {
        let words = if easy { ["hello", "thanks", "bye", "yes"] } else { ["prove", "lemma", "bound", "norm"] };
        let text: Vec<&str> = (0..6).map(|_| words[rng.below(4)]).collect();
        let right = easy && rng.chance(0.99) || rng.chance(0.5);
        let arm = |right: bool, nanos, likelihood| Answered {
            quality: Some(f32::from(u8::from(right))),
            cost: Some(Usd::from_nanos(nanos)),
            answer: Some(u32::from(right)),
            valid: Some(true),
            likelihood,
            ..Answered::default()
        };
        let small = arm(right, 20, Some(if right { -0.05 } else { -4.0 }));
        Labelled {
            text: text.join(" "),
            arms: vec![("small".to_owned(), small), ("big".to_owned(), arm(true, 1_000, None))],
        }
    }

    #[test]
    fn a_judge_and_clients_disarm_where_they_are_listened_to_and_never_arm() {
        let listening = Watched { judge: true, scores: true };
        let served = |watched: Watched, good: bool| {
            let (mut objective, mut rng) = (Objective::new(plan(0.9), None).watching(watched), Rng::seeded(5));
            // Praise without labels proves nothing.
            (0..500).for_each(|number| objective.scored(number % 2 == 0, 1.0));
            assert_eq!(objective.policy().phase, Phase::Collecting);
            let mut label = |objective: &mut Objective, as_good: f64| {
                let mut label = labelled(&mut rng, 0.99, &WORDS);
                let judged = f32::from(u8::from(rng.chance(as_good)));
                label.arms.iter_mut().take(1).for_each(|(_, cell)| cell.judged = Some(judged));
                objective.label(&label);
            };
            (0..400).for_each(|_| label(&mut objective, 0.95));
            assert_eq!(objective.policy().phase, Phase::Armed);
            let by_judge = (0..200).position(|_| {
                label(&mut objective, if good { 0.95 } else { 0.4 });
                objective.policy().phase == Phase::Disarmed
            });
            let judge = objective.standing().alarm;
            (0..600).for_each(|_| label(&mut objective, if good { 0.95 } else { 0.4 }));
            assert_eq!(objective.policy().phase, Phase::Armed, "proved again, whatever the judge says");
            let mut rng = Rng::seeded(9);
            let by_clients = (0..200).position(|_| {
                objective.scored(false, f64::from(u8::from(rng.chance(if good { 0.95 } else { 0.6 }))));
                objective.policy().phase == Phase::Disarmed
            });
            (by_judge, judge, by_clients, objective.standing().alarm)
        };
        let (by_judge, judge, by_clients, scores) = served(listening, false);
        assert!(
            by_judge.is_some_and(|at| at < 60) && by_clients.is_some_and(|at| at < 100),
            "{by_judge:?} {by_clients:?}"
        );
        assert_eq!((judge, scores), (Some(Alarm::Judge), Some(Alarm::Scores)));
        assert_eq!(served(Watched::default(), false), (None, None, None, None), "nobody asked to listen");
        assert_eq!(served(listening, true), (None, None, None, None), "words as before are no alarm");
    }

    #[test]
    fn streams_get_a_policy_that_looks_at_the_prompt_alone_and_is_proved_apart() {
        let (mut objective, mut rng) = (Objective::new(plan(0.9), None).with_streams_apart(), Rng::seeded(7));
        assert!(objective.policy().streams.is_none(), "nothing is fitted yet, and everything goes up anyhow");
        for number in 0..900 {
            objective.label(&guessed(&mut rng, number % 2 == 0));
        }
        let policy = objective.policy();
        let streams = policy.streams.clone().unwrap();
        let method = |policy: &Policy| policy.router.as_ref().unwrap().method;
        assert_eq!((method(&policy), method(&streams)), (Method::Cascade, Method::PromptOnly));
        assert_eq!((policy.phase, streams.phase), (Phase::Armed, Phase::Armed));
        assert_ne!(policy.version, streams.version);
        let standing = objective.standing();
        let own = standing.streams.unwrap();
        // An answer that can be looked at is worth more than a prompt alone: hard ones are half right.
        assert!(own.relative_quality.unwrap() > 0.87 && own.relative_cost > standing.relative_cost, "{own:?}");
        // What disarms one disarms both.
        let other = ["#include", "<vector>", "{{", "}};", "0x7f", "std::move", "template", "int"];
        (0..200).for_each(|_| objective.served(&labelled(&mut rng, 0.99, &other).text, Some(true)));
        assert_eq!(objective.policy().phase, Phase::Disarmed);
        assert!(objective.policy().streams.is_none());
    }

    #[test]
    fn where_streams_need_no_policy_of_their_own_they_have_none() {
        let (mut objective, mut rng) = (Objective::new(plan(0.9), None), Rng::seeded(7));
        (0..300).for_each(|number| objective.label(&guessed(&mut rng, number % 2 == 0)));
        assert!(objective.policy().router.is_some() && objective.policy().streams.is_none());
        assert_eq!(objective.standing().streams, None);
    }
}
