//! What a dearer arm (more effort, a larger model) adds on the same requests, group by group, and whether that pays.
//!
//! A recording is one task's traffic, or that of many with their names as groups. Effort is off unless such a report
//! shows that what it adds is worth more than it costs: somebody says what one more right answer is worth, and the
//! interval of the net value over resampled requests must lie above zero. Several groups are several chances to be
//! lucky, so each is tested at its share of the error (Bonferroni).
//!
//! What never happens here: a recommendation from an interval that reaches zero, or from a price that nobody knows.

use serde::{Deserialize, Serialize};
use steersman_lab::stats::{Rng, bootstrap_interval};

use crate::artefact::{Lineage, hash_of};
use crate::traffic::Traffic;

/// What a report says of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Lifting {
    /// What it adds is worth more than it costs.
    Pays,
    /// It adds nothing, or too little for its price.
    DoesNotPay,
    /// It adds quality; nobody has said what that is worth.
    Unpriced,
    /// Neither is shown, and why.
    NotEnoughEvidence {
        /// What is missing.
        why: String,
    },
}

impl Lifting {
    /// What an operator reads.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Pays => "pays: what it adds is worth more than it costs".to_owned(),
            Self::DoesNotPay => "does not pay: keep it off".to_owned(),
            Self::Unpriced => "adds quality; nobody has said what that is worth".to_owned(),
            Self::NotEnoughEvidence { why } => format!("not enough evidence: {why}; keep it off"),
        }
    }
}

/// The lift on one group of requests; the group `all` holds every one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lift {
    /// The group.
    pub group: String,
    /// Requests on which both arms were graded.
    pub requests: usize,
    /// Mean quality of the cheaper and of the dearer arm.
    pub quality: [f64; 2],
    /// How much the dearer one adds.
    pub delta: f64,
    /// Its 95 % interval over resampled requests.
    pub delta_ci: [f64; 2],
    /// Cost of the dearer arm over that of the cheaper one; `None` where a price is unknown.
    pub cost_multiple: Option<f64>,
    /// Its 95 % interval.
    pub cost_multiple_ci: Option<[f64; 2]>,
    /// Mean time likewise.
    pub latency_multiple: Option<f64>,
    /// Dollars for one more right answer; `None` where that is unknown or nothing is added.
    pub usd_per_right_answer: Option<f64>,
    /// What a request gains in dollars, all told: worth x quality added less cost added, with its interval at the
    /// report's level; `None` where a price is unknown or nobody has said what an answer is worth.
    pub net_usd: Option<[f64; 3]>,
    /// What that amounts to.
    pub verdict: Lifting,
}

impl Lift {
    /// Whether the dearer arm may be switched on.
    #[must_use]
    pub fn pays(&self) -> bool {
        self.verdict == Lifting::Pays
    }
}

/// The format that this build writes and reads.
const FORMAT: &str = "steersman.lift.1";

/// A report that is kept: what it says, of which arms, and where it came from, under one hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiftReport {
    /// The format.
    pub format: String,
    /// BLAKE3 in hex of this file with an empty hash.
    pub hash: String,
    /// Where it came from.
    pub lineage: Lineage,
    /// The cheaper arm.
    pub from: String,
    /// The dearer arm.
    pub to: String,
    /// What one more right answer is worth, in dollars.
    pub worth_usd: Option<f64>,
    /// What each group says, `all` first.
    pub groups: Vec<Lift>,
}

/// Why a file is no report.
#[derive(Debug, thiserror::Error)]
pub enum LiftError {
    /// It is not JSON of this shape.
    #[error("the file is no report of `steersman route lift`")]
    Shape(#[from] serde_json::Error),
    /// Another version wrote it.
    #[error("the report has the format `{0}`; this build reads `{FORMAT}`; measure the lift again")]
    Format(String),
    /// Somebody changed it.
    #[error("the report's content has the hash `{content}`, but it says `{said}`; measure the lift again")]
    Changed {
        /// The hash of what is there.
        content: String,
        /// The hash it carries.
        said: String,
    },
}

impl LiftReport {
    /// Puts a report under its hash.
    ///
    /// # Errors
    /// When a figure in it is no number that JSON can say.
    pub fn seal(
        lineage: Lineage,
        [from, to]: [&str; 2],
        worth_usd: Option<f64>,
        groups: Vec<Lift>,
    ) -> Result<Self, LiftError> {
        let (from, to, format, hash) = (from.to_owned(), to.to_owned(), FORMAT.to_owned(), String::new());
        let mut report = Self { format, hash, lineage, from, to, worth_usd, groups };
        report.hash = hash_of(&serde_json::to_string(&report)?, "");
        Ok(report)
    }

    /// Reads a file and checks its hash.
    ///
    /// # Errors
    /// [`LiftError`] for another shape, or content that was changed.
    pub fn read(text: &str) -> Result<Self, LiftError> {
        let report: Self = serde_json::from_str(text)?;
        let content = hash_of(text.trim_end(), &report.hash);
        if content != report.hash {
            return Err(LiftError::Changed { content, said: report.hash });
        }
        if report.format != FORMAT {
            return Err(LiftError::Format(report.format));
        }
        Ok(report)
    }

    /// What it says of a task: of the group with its name; of all requests where it knows no groups, and so is about
    /// one task alone. `None`: it is about other tasks, or has too few requests of this one.
    #[must_use]
    pub fn of(&self, task: &str) -> Option<&Lift> {
        match self.groups.as_slice() {
            [whole] if whole.group == ALL => Some(whole),
            groups => groups.iter().find(|lift| lift.group == task),
        }
    }
}

/// The group of all requests.
const ALL: &str = "all";
const RESAMPLES: usize = 2_000;
/// Nothing with fewer requests is recommended: a percentile interval of so few rows is too narrow.
const FEWEST_TO_DECIDE: usize = 50;
const LEVEL: f64 = 0.05;

/// Compares two arms on the requests that both answered. `worth` is what one more right answer is worth, in dollars.
/// `None` if the recording lacks one of the arms. Cost: some thousand passes over the requests.
#[must_use]
pub fn lift(traffic: &Traffic, [from, to]: [&str; 2], worth: Option<f64>, seed: u64) -> Option<Vec<Lift>> {
    let arms = [traffic.arm(from)?, traffic.arm(to)?];
    let both = |row: &usize| arms.iter().all(|&arm| traffic.answered(arm, *row).quality.is_some());
    let rows: Vec<usize> = (0..traffic.len()).filter(both).collect();
    let of_group = |group: u32| -> Vec<usize> {
        rows.iter().copied().filter(|&row| traffic.groups.get(row) == Some(&group)).collect()
    };
    let named = (0..).zip(&traffic.group_names).map(|(group, name)| (name.clone(), of_group(group)));
    let groups: Vec<(String, Vec<usize>)> = named.filter(|(_, rows)| !rows.is_empty()).collect();
    let decided = groups.iter().filter(|(_, rows)| rows.len() >= FEWEST_TO_DECIDE).count();
    let mut rng = Rng::seeded(seed);
    let mut lifts = vec![Compared::new(traffic, arms, &rows).lift(ALL, worth, LEVEL, &mut rng)];
    // The only group is all requests under another name.
    for (name, rows) in groups.iter().filter(|_| traffic.group_names.len() > 1) {
        let level = LEVEL / decided.max(1) as f64;
        lifts.push(Compared::new(traffic, arms, rows).lift(name, worth, level, &mut rng));
    }
    Some(lifts)
}

/// What two arms did on the same requests.
struct Compared {
    grades: Vec<[f64; 2]>,
    costs: Option<Vec<[f64; 2]>>,
    latency_multiple: Option<f64>,
}

impl Compared {
    fn new(traffic: &Traffic, arms: [usize; 2], rows: &[usize]) -> Self {
        let grade = |row: usize| arms.map(|arm| traffic.answered(arm, row).quality.map_or(0.0, f64::from));
        let both = |of: &dyn Fn(usize) -> Option<f64>| Some([of(arms[0])?, of(arms[1])?]);
        let cost = |row: usize| both(&|arm| traffic.answered(arm, row).cost.map(|usd| usd.as_f64()));
        let time = |row: usize| both(&|arm| traffic.answered(arm, row).latency_ms.map(f64::from));
        let times: Option<Vec<[f64; 2]>> = rows.iter().map(|&row| time(row)).collect();
        Self {
            grades: rows.iter().map(|&row| grade(row)).collect(),
            costs: rows.iter().map(|&row| cost(row)).collect(),
            latency_multiple: times.and_then(|times| multiple(times.iter())),
        }
    }

    fn lift(&self, group: &str, worth: Option<f64>, level: f64, rng: &mut Rng) -> Lift {
        let count = self.grades.len();
        let quality = [0, 1].map(|arm| mean(self.grades.iter().filter_map(|grades| grades.get(arm).copied())));
        let gains: Vec<f64> = self.grades.iter().map(|[cheap, dear]| dear - cheap).collect();
        let interval = |values: &[f64], confidence: f64, rng: &mut Rng| {
            let drawn = |drawn: &[usize]| mean(drawn.iter().filter_map(|&place| values.get(place).copied()));
            let found = bootstrap_interval(values.len(), RESAMPLES, confidence, rng, drawn);
            [found.low, found.high]
        };
        let (delta, delta_ci) = (mean(gains.iter().copied()), interval(&gains, 1.0 - LEVEL, rng));
        let dearer = self.costs.as_ref().map(|costs| mean(costs.iter().map(|[cheap, dear]| dear - cheap)));
        let cost_multiple = self.costs.as_ref().and_then(|costs| multiple(costs.iter()));
        let cost_multiple_ci = self.costs.as_ref().filter(|_| cost_multiple.is_some()).map(|costs| {
            let drawn =
                |drawn: &[usize]| multiple(drawn.iter().filter_map(|&place| costs.get(place))).unwrap_or(f64::NAN);
            let found = bootstrap_interval(costs.len(), RESAMPLES, 1.0 - LEVEL, rng, drawn);
            [found.low, found.high]
        });
        let net_usd = self.costs.as_ref().zip(worth).map(|(costs, worth)| {
            let net: Vec<f64> =
                gains.iter().zip(costs).map(|(gain, [cheap, dear])| worth * gain - (dear - cheap)).collect();
            let [low, high] = interval(&net, 1.0 - level, rng);
            [mean(net.iter().copied()), low, high]
        });
        // Where the net value is known it decides, else the quality added.
        let gained = if net_usd.is_some() { delta_ci } else { interval(&gains, 1.0 - level, rng) };
        Lift {
            group: group.to_owned(),
            requests: count,
            quality,
            delta,
            delta_ci,
            cost_multiple,
            cost_multiple_ci,
            latency_multiple: self.latency_multiple,
            usd_per_right_answer: dearer.filter(|_| delta > 0.0).map(|dearer| dearer / delta),
            net_usd,
            verdict: verdict(count, gained, net_usd, worth),
        }
    }
}

fn verdict(requests: usize, [low, high]: [f64; 2], net_usd: Option<[f64; 3]>, worth: Option<f64>) -> Lifting {
    let missing = |why: String| Lifting::NotEnoughEvidence { why };
    if requests < FEWEST_TO_DECIDE {
        return missing(format!("{requests} requests; at least {FEWEST_TO_DECIDE} are needed"));
    }
    match (net_usd, worth) {
        (Some([_, low, _]), _) if low > 0.0 => Lifting::Pays,
        (Some([_, _, high]), _) if high <= 0.0 => Lifting::DoesNotPay,
        (Some(_), _) => missing("the net value may be a gain or a loss".to_owned()),
        // Nothing that costs something pays for no quality.
        (None, _) if high <= 0.0 => Lifting::DoesNotPay,
        (None, Some(_)) => missing("a price is unknown".to_owned()),
        (None, None) if low > 0.0 => Lifting::Unpriced,
        (None, None) => missing("the quality added may be none".to_owned()),
    }
}

fn multiple<'a>(pairs: impl Iterator<Item = &'a [f64; 2]>) -> Option<f64> {
    let [cheap, dear] = pairs.fold([0.0, 0.0], |[a, b], [cheap, dear]| [a + cheap, b + dear]);
    (cheap > 0.0).then(|| dear / cheap)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests of these groups: name, how many, the chances that the low and the high effort are right. The high one
    /// costs a cent and takes four times as long.
    fn recording(groups: &[(&str, usize, [f64; 2])], seed: u64) -> Traffic {
        let mut rng = Rng::seeded(seed);
        let mut lines = String::new();
        for (group, count, chances) in groups {
            for _ in 0..*count {
                let [low, high] = chances.map(|chance| u8::from(rng.chance(chance)));
                let arm = |quality: u8, cost: f64, ms: u32| serde_json::json!({ "quality": quality, "cost_usd": cost, "latency_ms": ms });
                let arms = serde_json::json!({ "low": arm(low, 0.001, 500), "high": arm(high, 0.01, 2_000) });
                lines.push_str(&serde_json::json!({ "text": "x", "group": group, "arms": arms }).to_string());
                lines.push('\n');
            }
        }
        Traffic::parse(&lines).unwrap()
    }

    const PAIR: [&str; 2] = ["low", "high"];

    #[test]
    fn effort_is_recommended_where_it_pays_and_not_where_it_adds_nothing_or_too_little() {
        let groups = [("puzzles", 400, [0.5, 0.9]), ("summaries", 400, [0.9, 0.9]), ("rare", 30, [0.1, 0.9])];
        let traffic = recording(&groups, 7);
        let told = |worth: Option<f64>, name: &str| {
            let lifts = lift(&traffic, PAIR, worth, 1).unwrap();
            lifts.into_iter().find(|lift| lift.group == name).unwrap()
        };
        // A right answer more costs about 0.009 / 0.4 dollars on puzzles.
        assert!(told(Some(0.05), "puzzles").pays());
        assert_eq!(told(Some(0.01), "puzzles").verdict, Lifting::DoesNotPay, "a cent is too little for it");
        assert!(matches!(told(Some(0.0225), "puzzles").verdict, Lifting::NotEnoughEvidence { .. }), "near break-even");
        assert_eq!(told(None, "puzzles").verdict, Lifting::Unpriced);
        assert_eq!(told(Some(0.05), "summaries").verdict, Lifting::DoesNotPay);
        let rare = told(Some(0.05), "rare");
        assert!(
            matches!(&rare.verdict, Lifting::NotEnoughEvidence { why } if why.starts_with("30 requests")),
            "{rare:?}"
        );
        let all = told(Some(0.05), "all");
        assert!(all.delta_ci[0] < 0.23 && all.delta_ci[1] > 0.23, "{all:?}");
        assert!((all.cost_multiple.unwrap() - 10.0).abs() < 1e-6 && (all.latency_multiple.unwrap() - 4.0).abs() < 1e-6);
        assert!(all.cost_multiple_ci.is_some_and(|[low, high]| low <= 10.0001 && high >= 9.999), "{all:?}");
        assert_eq!(lift(&traffic, ["low", "none"], None, 1), None);
    }

    #[test]
    fn an_effort_that_adds_nothing_is_recommended_in_hardly_any_recording() {
        // At ten dollars an answer price is no obstacle: whatever pays here does so by luck.
        let groups = [("a", 60, [0.7, 0.7]), ("b", 60, [0.8, 0.8]), ("c", 60, [0.5, 0.5])];
        let lucky = (0..40).filter(|&seed| {
            let lifts = lift(&recording(&groups, seed), PAIR, Some(10.0), seed).unwrap();
            lifts.iter().any(Lift::pays)
        });
        let lucky = lucky.count();
        // `all` errs on this side in one of 40, and the groups together in another one; three standard errors are 4.
        assert!(lucky <= 6, "{lucky} of 40");
    }

    #[test]
    fn a_report_speaks_of_its_task_and_a_changed_one_is_refused() {
        let traffic = recording(&[("puzzles", 200, [0.5, 0.9]), ("summaries", 200, [0.9, 0.9])], 3);
        let lineage = Lineage {
            source: "sample".to_owned(),
            recording: "none".to_owned(),
            parent: None,
            fitted_by: "test".to_owned(),
        };
        let groups = lift(&traffic, PAIR, Some(0.05), 1).unwrap();
        let report = LiftReport::seal(lineage, PAIR, Some(0.05), groups).unwrap();
        let text = serde_json::to_string(&report).unwrap();
        let read = LiftReport::read(&text).unwrap();
        assert!(read.of("puzzles").unwrap().pays() && !read.of("summaries").unwrap().pays());
        assert_eq!(read.of("another"), None, "it is about other tasks");
        let rare = recording(&[("puzzles", 200, [0.5, 0.9]), ("another", 19, [0.9, 0.9])], 3);
        let groups = lift(&rare, PAIR, Some(0.05), 1).unwrap();
        let about = LiftReport { groups, ..report.clone() };
        assert!(!about.of("another").unwrap().pays(), "so few requests say nothing");
        let tiny: Vec<(String, usize, [f64; 2])> = (0..9).map(|n| (format!("t{n}"), 9, [0.1, 0.9])).collect();
        let tiny: Vec<(&str, usize, [f64; 2])> = tiny.iter().map(|(name, n, c)| (name.as_str(), *n, *c)).collect();
        let groups = lift(&recording(&tiny, 3), PAIR, Some(0.05), 1).unwrap();
        let about = LiftReport { groups, ..report.clone() };
        assert!(about.of("all").unwrap().pays() && about.of("t10").is_none() && !about.of("t1").unwrap().pays());
        let alone = lift(&recording(&[("", 200, [0.5, 0.9])], 3), PAIR, Some(0.05), 1).unwrap();
        assert!(LiftReport { groups: alone, ..report }.of("another").unwrap().pays(), "one task's recording");
        let touched = text.replacen("does_not_pay", "pays", 1);
        assert!(matches!(LiftReport::read(&touched), Err(LiftError::Changed { .. })));
    }
}
