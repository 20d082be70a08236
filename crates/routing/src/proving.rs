//! A fitted router on its way to a proof: one e-process a rung, and once a rung is in force the watches for drift.
//!
//! What never happens here: a label that fitted the router, or a rung that is used before it and all below it are
//! proved.

use std::collections::VecDeque;
use std::sync::Arc;

use steersman_core::Usd;
use steersman_lab::stats::MeanAbove;

use crate::cascade::Recorded;
use crate::climb::{Climb, Hunches};
use crate::drift::{Alarm, DriftWatch, Familiar, Watched};
use crate::features::Features;
use crate::policy::{Labelled, ObjectivePlan, Phase, Policy, Standing};
use crate::router::{Router, read_prompts, records};
use crate::traffic::{Split, Traffic};

/// A deadline is held against the time that this share of an arm's answers were whole in, of so many recent ones.
const PROMISED: f64 = 0.95;
const RECENT: usize = 200;

#[derive(Debug)]
pub(crate) struct Proving {
    pub(crate) router: Arc<Router>,
    version: String,
    fitted_on: usize,
    gamblers: Vec<MeanAbove>,
    quality: Vec<f64>,
    cost: Vec<f64>,
    prices_known: bool,
    rung: usize,
    latency: Vec<VecDeque<f32>>,
    fell_short: [u64; 2],
    /// How prompts looked where the router was fitted; a pinned router's are those that proved it.
    familiar: Option<Familiar>,
    proved_on: Vec<Features>,
    /// Whether the candidates' answers to those kept their form.
    proved_valid: Vec<bool>,
    /// What the judge said of them.
    proved_judged: Vec<f32>,
    watch: Option<DriftWatch>,
}

impl Proving {
    pub(crate) fn new(
        router: Arc<Router>,
        hunches: &Hunches,
        familiar: Option<Familiar>,
        fitted_on: usize,
        floor: f64,
    ) -> Self {
        let written = serde_json::to_vec(&*router).unwrap_or_default();
        let version = blake3::hash(&written).to_hex().chars().take(12).collect();
        let rungs = router.rungs();
        Self {
            version,
            fitted_on,
            gamblers: (1..=rungs).map(|rung| hunches.gambler(rung, -floor)).collect(),
            quality: vec![0.0; rungs + 1],
            cost: vec![0.0; rungs + 1],
            prices_known: true,
            rung: 0,
            latency: vec![VecDeque::new(); router.arms.len()],
            fell_short: [0, 0],
            familiar,
            proved_on: Vec::new(),
            proved_valid: Vec::new(),
            proved_judged: Vec::new(),
            watch: None,
            router,
        }
    }

    /// Whether a rung is in force, and watched for drift.
    pub(crate) fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// The snapshot for the hot path.
    pub(crate) fn policy(&self, phase: Phase) -> Policy {
        Policy {
            phase,
            version: self.version.clone(),
            rung: if phase == Phase::Armed { self.in_force() } else { 0 },
            router: Some(Arc::clone(&self.router)),
            latency_ms: self.latency.iter().map(promised).collect(),
            streams: None,
        }
    }

    /// Looks at a served request; gives an alarm if its kind has changed.
    pub(crate) fn served(
        &mut self,
        text: &str,
        valid: Option<bool>,
        mut uniform: impl FnMut() -> f64,
    ) -> Option<Alarm> {
        let watch = self.watch.as_mut()?;
        let mut prompt = Features::default();
        prompt.read(text);
        let alarm = watch.prompt(&self.router, &prompt, &mut uniform);
        alarm.or_else(|| valid.and_then(|valid| watch.answer(valid, uniform())))
    }

    /// Hears a client's score of a candidate's answer, beside `floor` times what the reference gets.
    pub(crate) fn scored(&mut self, surplus: f64) -> Option<Alarm> {
        self.watch.as_mut()?.score(surplus)
    }

    /// Feeds a label to the e-processes; gives an alarm if labels fall short while a rung is in force.
    pub(crate) fn weigh(
        &mut self,
        labelled: &Labelled,
        plan: &ObjectivePlan,
        watched: Watched,
        mut uniform: impl FnMut() -> f64,
    ) -> Option<Alarm> {
        let candidates = labelled.arms.iter().filter(|(name, _)| *name != plan.reference);
        let judged: Vec<f32> = candidates.filter(|_| watched.judge).filter_map(|(_, cell)| cell.judged).collect();
        let record = self.record(labelled)?;
        let climb = Climb::new(&self.router, std::slice::from_ref(&record));
        for (rung, gambler) in (1..).zip(&mut self.gamblers) {
            gambler.push(climb.surplus(rung, 0, plan.floor));
        }
        for (rung, (quality, cost)) in self.quality.iter_mut().zip(&mut self.cost).enumerate() {
            *quality += climb.quality(rung, 0);
            *cost += climb.cost(rung, 0);
        }
        if let Some(watch) = &mut self.watch {
            self.fell_short[1] += 1;
            self.fell_short[0] += u64::from(climb.quality(self.rung, 0) < climb.quality(0, 0));
            let alarm = watch.label(climb.surplus(self.rung, 0, plan.floor));
            // The evidence holds at any time, so that what is proved later is put in force later.
            let heard = judged.iter().find_map(|&verdict| watch.verdict(verdict, uniform()));
            self.rung = self.rung.max(self.proved(plan.confidence));
            return alarm.or(heard);
        }
        let mut prompt = Features::default();
        prompt.read(&labelled.text);
        self.proved_on.push(prompt);
        let candidates = record.seen.iter().rev().skip(1);
        self.proved_valid.extend(candidates.filter_map(|seen| seen.valid));
        self.proved_judged.extend(judged);
        self.rung = self.proved(plan.confidence);
        if self.rung > 0 {
            let familiar = self.familiar.clone().unwrap_or_else(|| Familiar::new(&self.proved_on));
            let watch = DriftWatch::new(&self.router, familiar, &self.proved_on, &self.proved_valid, &mut uniform);
            self.watch = Some(watch.having_heard(&self.proved_judged, uniform));
        }
        None
    }

    /// The rung that requests are served at: the proved one, and the reference where that would cost less.
    fn in_force(&self) -> usize {
        if self.dear().is_some() { 0 } else { self.rung }
    }

    /// What the proved rung costs relative to the reference, where that is no less.
    fn dear(&self) -> Option<f64> {
        share_of_reference(&self.cost, self.rung).filter(|share| self.prices_known && self.rung > 0 && *share >= 1.0)
    }

    /// The thriftiest rung that is proved: it and all below it.
    fn proved(&self, confidence: f64) -> usize {
        let needed = -(1.0 - confidence).ln();
        self.gamblers.iter().take_while(|gambler| gambler.evidence() >= needed).count()
    }

    fn labels(&self) -> u64 {
        self.gamblers.first().map_or(0, MeanAbove::outcomes)
    }

    /// The label as the router's arms saw it; `None` if one of them is not graded.
    fn record(&mut self, labelled: &Labelled) -> Option<Recorded> {
        let mut row = Traffic::default();
        row.push(&labelled.text, "", Split::Calib, &labelled.arms);
        let arms: Vec<usize> = self.router.arms.iter().map(|name| row.arm(name)).collect::<Option<_>>()?;
        if arms.iter().any(|&arm| row.answered(arm, 0).quality.is_none()) {
            return None;
        }
        for (&arm, recent) in arms.iter().zip(&mut self.latency) {
            let answered = row.answered(arm, 0);
            self.prices_known &= answered.cost.is_some();
            recent.extend(answered.latency_ms);
            recent.drain(..recent.len().saturating_sub(RECENT));
        }
        let mut scores = Vec::new();
        read_prompts(&row, &[0]).iter().for_each(|prompt| self.router.score(prompt, &mut scores));
        let unit: Option<Usd> = self.router.reference_cost;
        records(&row, &arms, &[0], vec![scores], unit).pop()
    }

    pub(crate) fn describe(&self, standing: &mut Standing, needed: f64) {
        standing.version.clone_from(&self.version);
        standing.arms.clone_from(&self.router.arms);
        let rung = self.in_force();
        (standing.rung, standing.rungs) = (rung, self.router.rungs());
        standing.fitted_on = self.fitted_on;
        standing.proved_on = self.labels();
        standing.fell_short = self.fell_short;
        standing.relative_quality = share_of_reference(&self.quality, rung);
        standing.relative_cost = share_of_reference(&self.cost, rung).filter(|_| self.prices_known && rung > 0);
        standing.proved_cost = self.dear();
        let next = self.gamblers.get(self.rung).or_else(|| self.gamblers.last());
        let Some(next) = next else {
            standing.labels_to_go = None;
            return;
        };
        standing.evidence = [next.evidence(), needed];
        let pace = next.log_wealth() / next.outcomes().max(1) as f64;
        let left = (needed - next.evidence()).max(0.0);
        standing.labels_to_go = (next.outcomes() >= 20 && pace > 1e-4).then(|| (left / pace).ceil() as u64);
    }
}

fn share_of_reference(sums: &[f64], rung: usize) -> Option<f64> {
    let (at, reference) = (sums.get(rung)?, sums.first()?);
    (*reference > 0.0).then(|| at / reference)
}

/// Within which time an answer is promised. Cost: a sort of a few hundred numbers.
fn promised(recent: &VecDeque<f32>) -> Option<f64> {
    let mut sorted: Vec<f32> = recent.iter().copied().collect();
    sorted.sort_by(f32::total_cmp);
    let place = ((sorted.len() as f64 * PROMISED).ceil() as usize).saturating_sub(1);
    sorted.get(place).map(|&ms| f64::from(ms))
}
