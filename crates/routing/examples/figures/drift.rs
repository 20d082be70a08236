//! Traffic of one kind, then of another: how soon the alarm comes, how often it is false, and what clients get
//! meanwhile.

use serde_json::{Value, json};
use steersman_lab::stats::{Rng, bootstrap_interval};
use steersman_routing::{
    Alarm, Bound, DriftWatch, Familiar, Features, FitPlan, FloorTest, Hunches, Label, LabelPlan, Prepared, Recorded,
    Traffic, drawn_between, read_prompts, records,
};

use crate::Failure;

const FLOOR: f64 = 0.95;
const REPLAYS: u64 = 200;
const BEFORE: usize = 1_000;
const AFTER: usize = 1_500;
const WINDOW: usize = 500;
const STATIONARY: usize = 20_000;
/// Share of requests that get a shadow call to the reference while armed.
const SHADOW: f64 = 0.05;

pub(crate) fn measure(from: &Traffic, to: &Traffic) -> Result<Value, Failure> {
    let candidate = ["mixtral-8x7b-instruct".to_owned()];
    let prepared = Prepared::new(from, "gpt-4-1106-preview", &candidate, FitPlan::default())?;
    let labels: Vec<Label> = (0..prepared.calib).map(|row| (row, 1.0)).collect();
    let hunches = Hunches::new(&prepared.training, FLOOR);
    let test = FloorTest { alpha: 0.05, bound: Bound::TimeUniform, horizon: None, hunches };
    let rung = prepared.pool.highest_safe(&labels, &LabelPlan::uniform(prepared.pool.rows()), FLOOR, &test);
    let arms: Vec<usize> = prepared.router.arms.iter().filter_map(|name| from.arm(name)).collect();
    let other: Vec<usize> = prepared.router.arms.iter().filter_map(|name| to.arm(name)).collect();
    let stream = Stream {
        rung,
        prepared: &prepared,
        old: seen(&prepared, from, &arms, &from.graded_rows(steersman_routing::Split::Test, &arms)),
        new: seen(&prepared, to, &other, &(0..to.len()).collect::<Vec<_>>()),
        familiar: Familiar::new(&read_prompts(from, &from.graded_rows(steersman_routing::Split::Train, &arms))),
        proved_on: read_prompts(from, &from.graded_rows(steersman_routing::Split::Calib, &arms)),
    };
    let replays: Vec<Replayed> = (0..REPLAYS).map(|seed| stream.replay(seed)).collect();
    let mut delays: Vec<usize> = replays.iter().filter_map(|replay| replay.delay).collect();
    delays.sort_unstable();
    let early = replays.iter().filter(|replay| replay.early).count();
    let windows: Vec<Value> = (0..AFTER / WINDOW).map(|window| window_quality(&replays, window)).collect();
    Ok(json!({
        "from": "routellm_mmlu", "to": "routellm_gsm8k", "floor": FLOOR, "rung": rung, "rungs": prepared.pool.rungs(),
        "replays": REPLAYS, "alarms": delays.len(), "delay_median": delays.get(delays.len() / 2),
        "delay_worst": delays.last(), "alarms_before_the_change": early,
        "false_alarms_in_20k": stream.false_alarms(STATIONARY), "windows_of_500_after": windows,
    }))
}

struct Stream<'a> {
    rung: usize,
    prepared: &'a Prepared,
    old: Vec<(Features, Recorded)>,
    new: Vec<(Features, Recorded)>,
    familiar: Familiar,
    proved_on: Vec<Features>,
}

struct Replayed {
    delay: Option<usize>,
    early: bool,
    /// (quality, reference's quality) of each request after the change.
    after: Vec<(f64, f64)>,
}

impl Stream<'_> {
    fn watch(&self, rng: &mut Rng) -> DriftWatch {
        DriftWatch::new(&self.prepared.router, self.familiar.clone(), &self.proved_on, &[], || rng.uniform())
    }

    fn replay(&self, seed: u64) -> Replayed {
        let mut rng = Rng::seeded(seed ^ 0xd41f);
        let mut watch = self.watch(&mut rng);
        let (mut alarmed, mut early, mut delay) = (false, false, None);
        let mut after = Vec::with_capacity(AFTER);
        for step in 0..BEFORE + AFTER {
            let kind = if step < BEFORE { &self.old } else { &self.new };
            let Some((prompt, record)) = kind.get(rng.below(kind.len())) else { continue };
            let alarm = self.look(&mut watch, prompt, record, &mut rng);
            match step.checked_sub(BEFORE) {
                Some(since) if alarm.is_some() && !alarmed => (alarmed, delay) = (true, Some(since)),
                // Counted, then armed again, so that the change is still measured.
                None if alarm.is_some() => (early, watch) = (true, self.watch(&mut rng)),
                _ => {}
            }
            if step >= BEFORE {
                let rung = if alarmed { 0 } else { self.drawn(&mut rng) };
                after.push((self.quality(rung, record), self.quality(0, record)));
            }
        }
        Replayed { delay, early, after }
    }

    fn look(&self, watch: &mut DriftWatch, prompt: &Features, record: &Recorded, rng: &mut Rng) -> Option<Alarm> {
        let mut alarm = watch.prompt(&self.prepared.router, prompt, || rng.uniform());
        if rng.chance(SHADOW) {
            let surplus = self.quality(self.drawn(rng), record) - FLOOR * self.quality(0, record);
            alarm = alarm.or(watch.label(surplus));
        }
        alarm
    }

    fn drawn(&self, rng: &mut Rng) -> usize {
        let (low, high) = drawn_between(self.rung, self.prepared.pool.rungs());
        low + rng.below(high - low + 1)
    }

    fn quality(&self, rung: usize, record: &Recorded) -> f64 {
        self.prepared.router.follow(rung, record, &mut Vec::new()).quality
    }

    fn false_alarms(&self, requests: usize) -> usize {
        let mut rng = Rng::seeded(77);
        let mut watch = self.watch(&mut rng);
        let mut alarms = 0;
        for _ in 0..requests {
            let Some((prompt, record)) = self.old.get(rng.below(self.old.len())) else { continue };
            if self.look(&mut watch, prompt, record, &mut rng).is_some() {
                alarms += 1;
                watch = self.watch(&mut rng);
            }
        }
        alarms
    }
}

fn seen(prepared: &Prepared, traffic: &Traffic, arms: &[usize], rows: &[usize]) -> Vec<(Features, Recorded)> {
    let prompts = read_prompts(traffic, rows);
    let score = |prompt: &Features| {
        let mut scores = Vec::new();
        prepared.router.score(prompt, &mut scores);
        scores
    };
    let scores = prompts.iter().map(score).collect();
    let records = records(traffic, arms, rows, scores, prepared.router.reference_cost);
    prompts.into_iter().zip(records).collect()
}

/// Mean relative quality of one window over all replays, with the interval of that mean.
fn window_quality(replays: &[Replayed], window: usize) -> Value {
    let sums: Vec<(f64, f64)> = replays
        .iter()
        .map(|replay| {
            let part = replay.after.iter().skip(window * WINDOW).take(WINDOW);
            part.fold((0.0, 0.0), |sum, (quality, reference)| (sum.0 + quality, sum.1 + reference))
        })
        .collect();
    let ratio = |rows: &[usize]| {
        let total = rows.iter().filter_map(|&row| sums.get(row)).fold((0.0, 0.0), |t, s| (t.0 + s.0, t.1 + s.1));
        total.0 / total.1
    };
    let all: Vec<usize> = (0..sums.len()).collect();
    let interval = bootstrap_interval(sums.len(), 1_000, 0.95, &mut Rng::seeded(5), ratio);
    json!({ "relative_quality": ratio(&all), "ci": [interval.low, interval.high], "held": interval.low >= FLOOR - 0.01 })
}
