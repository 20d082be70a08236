//! Has the traffic changed since the floor was proved? Watches, each with a stated mean time to a false alarm.
//!
//! | watch | sees | costs |
//! | --- | --- | --- |
//! | input | prompts that look unlike those the router was fitted on | nothing; every request |
//! | validity | answers that break their form more often than before | nothing; every request |
//! | quality | labels that fall short of the floor | a label |
//! | judge | a judge that prefers the reference's answers more often than before | a judged label; where wanted |
//! | scores | clients who score candidates' answers below the floor | nothing; where wanted |
//!
//! An alarm says that the proof no longer covers the traffic, not that quality fell. It disarms: everything goes to the
//! reference until the floor is proved again.
//!
//! A judge's or a client's word proves nothing and arms nothing. Where an operator wants it, it may put a floor out of
//! force.
//!
//! What never happens here: a threshold over a window, or an alarm that switches itself off.

use serde::{Deserialize, Serialize};
use steersman_lab::stats::{ConformalStream, ShiryaevRoberts};

use crate::features::{Features, SHAPES};
use crate::router::Router;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// Prompts look unlike those that the router was fitted on.
    Input,
    /// Answers break their form more often.
    Validity,
    /// Labels fall short of the floor.
    Quality,
    /// The judge prefers the reference's answers more often.
    Judge,
    /// Clients score candidates' answers below the floor.
    Scores,
}

/// Words that may put a floor out of force where an operator wants it. None of them proves anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watched {
    /// The judge's verdicts on labels.
    pub judge: bool,
    /// Clients' scores of the answers that they got.
    pub scores: bool,
}

impl Alarm {
    /// What an operator reads.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Input => "the prompts have changed since the floor was proved",
            Self::Validity => "answers break their form more often than when the floor was proved",
            Self::Quality => "recent labels fall short of the floor",
            Self::Judge => "the judge prefers the reference's answers more often than when the floor was proved",
            Self::Scores => "clients score the candidates' answers below the floor",
        }
    }
}

/// Requests until a false alarm, on average, for the watches that see every request: one in about half a million.
const MEAN_REQUESTS: f64 = 500_000.0;
/// Labels until a false alarm, on average. Labels are scarce, so this is shorter in numbers and as long in time.
const MEAN_LABELS: f64 = 5_000.0;
/// Bets against "the mean surplus is not negative": shares of the largest that cannot go broke.
const BETS: [f64; 4] = [0.05, 0.15, 0.4, 0.8];

/// How prompts looked where the router was fitted: the centre and spread of their shapes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Familiar {
    centre: [f32; SHAPES],
    spread: [f32; SHAPES],
}

impl Familiar {
    /// Measures prompts.
    #[must_use]
    pub fn new(prompts: &[Features]) -> Self {
        let count = prompts.len().max(1) as f32;
        let mut familiar = Self::default();
        for (place, (centre, spread)) in familiar.centre.iter_mut().zip(&mut familiar.spread).enumerate() {
            let values = || prompts.iter().filter_map(|prompt| prompt.shape.get(place));
            *centre = values().sum::<f32>() / count;
            *spread = (values().map(|v| (v - *centre).powi(2)).sum::<f32>() / count).sqrt().max(0.01);
        }
        familiar
    }

    /// Where each measure of a prompt's shape lies, in spreads from its centre, squeezed into `(0, 1)`.
    fn places<'a>(&'a self, prompt: &'a Features) -> impl Iterator<Item = f64> + 'a {
        let apart = prompt.shape.iter().zip(self.centre.iter().zip(&self.spread));
        apart.map(|(value, (centre, spread))| {
            let away = f64::from((value - centre) / spread);
            0.5 + 0.5 * away / (away.abs() + 1.0)
        })
    }
}

/// The watches of an armed objective.
#[derive(Debug, Clone)]
pub struct DriftWatch {
    familiar: Familiar,
    /// One for each measure of a prompt: its shape, and how many of its words are new.
    measures: Vec<ConformalStream>,
    validity: ConformalStream,
    input: ShiryaevRoberts,
    valid: ShiryaevRoberts,
    quality: ShiryaevRoberts,
    verdicts: ConformalStream,
    judge: ShiryaevRoberts,
    scores: ShiryaevRoberts,
}

impl DriftWatch {
    /// A watch that knows how prompts and their validity were while the floor was being proved. `uniform` breaks ties.
    pub fn new(
        router: &Router,
        familiar: Familiar,
        proved_on: &[Features],
        proved_valid: &[bool],
        mut uniform: impl FnMut() -> f64,
    ) -> Self {
        let mut watch = Self {
            familiar,
            measures: vec![ConformalStream::default(); SHAPES + 1],
            validity: ConformalStream::default(),
            input: ShiryaevRoberts::new(SHAPES + 1, MEAN_REQUESTS),
            valid: ShiryaevRoberts::new(ConformalStream::STRATEGIES, MEAN_REQUESTS),
            quality: ShiryaevRoberts::new(BETS.len(), MEAN_LABELS),
            verdicts: ConformalStream::default(),
            judge: ShiryaevRoberts::new(ConformalStream::STRATEGIES, MEAN_LABELS),
            scores: ShiryaevRoberts::new(BETS.len(), MEAN_LABELS),
        };
        for prompt in proved_on {
            watch.bets(router, prompt, &mut uniform).for_each(drop);
        }
        proved_valid.iter().for_each(|valid| {
            watch.validity.push(f64::from(u8::from(!valid)), uniform());
        });
        watch
    }

    /// Looks at a request's prompt. About 5 microseconds.
    pub fn prompt(&mut self, router: &Router, prompt: &Features, mut uniform: impl FnMut() -> f64) -> Option<Alarm> {
        let e_values: Vec<f64> = self.bets(router, prompt, &mut uniform).collect();
        self.input.push(e_values).then_some(Alarm::Input)
    }

    fn bets<'a>(
        &'a mut self,
        router: &'a Router,
        prompt: &'a Features,
        uniform: &'a mut impl FnMut() -> f64,
    ) -> impl Iterator<Item = f64> + 'a {
        let scores = self.familiar.places(prompt).chain(std::iter::once_with(|| router.unfamiliar(prompt)));
        self.measures.iter_mut().zip(scores).map(|(stream, score)| stream.bet(score, uniform()))
    }

    /// Looks at whether a candidate's answer kept its form.
    pub fn answer(&mut self, valid: bool, uniform: f64) -> Option<Alarm> {
        let e_values = self.validity.push(f64::from(u8::from(!valid)), uniform);
        self.valid.push(e_values).then_some(Alarm::Validity)
    }

    /// The same, which knows what the judge said while the floor was being proved.
    #[must_use]
    pub fn having_heard(mut self, verdicts: &[f32], mut uniform: impl FnMut() -> f64) -> Self {
        verdicts.iter().for_each(|verdict| {
            self.verdicts.push(1.0 - f64::from(*verdict), uniform());
        });
        self
    }

    /// Hears a judge's verdict on a candidate's answer: 1 where it is as good as the reference's, 0 where it is worse.
    pub fn verdict(&mut self, verdict: f32, uniform: f64) -> Option<Alarm> {
        let e_values = self.verdicts.push(1.0 - f64::from(verdict), uniform);
        self.judge.push(e_values).then_some(Alarm::Judge)
    }

    /// Hears a client's score of a candidate's answer: how much it exceeds `floor` times what clients give the
    /// reference, in `[-floor, 1]`. That mean is estimated, so that the time to a false alarm is about right and not
    /// exact.
    pub fn score(&mut self, surplus: f64) -> Option<Alarm> {
        self.scores.push(BETS.map(|bet| 1.0 - bet * surplus)).then_some(Alarm::Scores)
    }

    /// Looks at a label: how much the policy's quality exceeded `floor` times the reference's, in `[-floor, 1]`.
    pub fn label(&mut self, surplus: f64) -> Option<Alarm> {
        self.quality.push(BETS.map(|bet| 1.0 - bet * surplus)).then_some(Alarm::Quality)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::climb::Bound;
    use crate::replay::{ReplayPlan, replay_fitted};
    use crate::traffic::{Split, Traffic};
    use steersman_lab::stats::Rng;

    fn read(text: &str) -> Features {
        let mut features = Features::default();
        features.read(text);
        features
    }

    #[test]
    fn other_prompts_raise_the_alarm_soon_and_the_same_ones_do_not() {
        let traffic = Traffic::parse(include_str!("../../../testdata/routing/routellm_mmlu.sample.jsonl")).unwrap();
        let plan = ReplayPlan {
            reference: "gpt-4-1106-preview".to_owned(),
            candidates: vec!["mixtral-8x7b-instruct".to_owned()],
            floor: 0.9,
            confidence: 0.9,
            splits: 0,
            labels: None,
            bound: Bound::FixedSample,
            seed: 1,
        };
        let (_, fitted) = replay_fitted(&traffic, &plan).unwrap();
        let unseen = traffic.splits.iter().zip(&traffic.texts).filter(|(split, _)| **split != Split::Train);
        let mut prompts: Vec<Features> = unseen.map(|(_, text)| read(text)).collect();
        let mut rng = Rng::seeded(3);
        // The sample stands in the order of its subjects, which is a drift of its own.
        rng.shuffle(&mut prompts);
        let (known, fresh) = prompts.split_at(250);
        let mut watch = DriftWatch::new(&fitted.router, Familiar::new(known), known, &[], || rng.uniform());
        let mut rng = Rng::seeded(4);
        let alarm = fresh.iter().find_map(|p| watch.prompt(&fitted.router, p, || rng.uniform()));
        assert_eq!(alarm, None, "prompts of the same kind");
        let other = Traffic::parse(include_str!("../../../testdata/routing/gsm8k_cruxeval.sample.jsonl")).unwrap();
        let alarm = other
            .texts
            .iter()
            .position(|text| watch.prompt(&fitted.router, &read(text), || rng.uniform()) == Some(Alarm::Input));
        assert!(alarm.is_some_and(|at| at < 100), "{alarm:?}");
    }

    #[test]
    fn labels_below_the_floor_raise_the_alarm() {
        let mut watch = DriftWatch {
            familiar: Familiar::default(),
            measures: Vec::new(),
            validity: ConformalStream::default(),
            input: ShiryaevRoberts::new(1, MEAN_REQUESTS),
            valid: ShiryaevRoberts::new(1, MEAN_REQUESTS),
            quality: ShiryaevRoberts::new(BETS.len(), MEAN_LABELS),
            verdicts: ConformalStream::default(),
            judge: ShiryaevRoberts::new(1, MEAN_LABELS),
            scores: ShiryaevRoberts::new(1, MEAN_LABELS),
        };
        let mut rng = Rng::seeded(9);
        let mut label = |right: f64| if rng.chance(right) { 0.05 } else { -0.95 };
        assert!((0..400).all(|_| watch.label(label(0.97)).is_none()));
        let alarm = (0..400).position(|_| watch.label(label(0.8)) == Some(Alarm::Quality));
        assert!(alarm.is_some_and(|at| at < 150), "{alarm:?}");
    }
}
