//! Recorded traffic: what several arms answered to the same requests, and how good that was.
//!
//! One JSON object a line; columns in memory, so that a replay touches only what it needs. A field that is missing is
//! unknown, which is never the same as zero or false. Money becomes integers here, at the edge.
//!
//! What never happens here: no file is opened. A caller hands in text.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use steersman_core::Usd;

/// Which part of the recording a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Fits predictors.
    Train,
    /// Picks thresholds and bounds.
    #[serde(alias = "calibration", alias = "validation", alias = "valid", alias = "val", alias = "dev")]
    Calib,
    /// Is for reported figures only.
    Test,
}

/// What one arm did with one request.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Answered {
    /// Graded quality in `[0, 1]`.
    pub quality: Option<f32>,
    /// What the call cost.
    pub cost: Option<Usd>,
    /// The short answer, interned: equal numbers are equal answers within one recording.
    pub answer: Option<u32>,
    /// Whether the output satisfied its schema.
    pub valid: Option<bool>,
    /// Time to the whole answer, in milliseconds.
    pub latency_ms: Option<f32>,
    /// Hidden tokens of thought.
    pub reasoning_tokens: Option<u32>,
    /// Mean log-probability of its tokens, where the provider tells.
    pub likelihood: Option<f32>,
    /// Whether a judge finds it as good as the reference's answer: 1, 0, or a half where the order decided.
    pub judged: Option<f32>,
}

/// How a request was served: what an off-policy estimate needs to know of the policy that was in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// The arms that were asked, in order.
    pub asked: Vec<String>,
    /// The arm whose answer the client got.
    pub answered: String,
    /// The chance that the policy took this path, given what the arms answered; in `(0, 1]`.
    pub propensity: f64,
    /// Whether any policy would have gone this way: a hard filter, a pinned conversation, a deadline.
    #[serde(default)]
    pub fixed: bool,
}

/// A recording, column by column. All vectors over requests have the same length.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// What a router may see of each request.
    pub texts: Vec<String>,
    /// Index into `group_names` for each request.
    pub groups: Vec<u32>,
    /// Split of each request.
    pub splits: Vec<Split>,
    /// Names of groups in order of first appearance.
    pub group_names: Vec<String>,
    /// Names of arms in order of first appearance.
    pub arm_names: Vec<String>,
    /// One column for each arm.
    pub arms: Vec<Vec<Answered>>,
    /// How each request was served, where the recording says so.
    pub served: Vec<Option<Served>>,
}

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// A line is not an object of the format.
    #[error("line {line} is not a recorded request: {what}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A figure on this line is not one.
    #[error("line {line}: quality of arm `{arm}` is {quality}, outside 0..1")]
    Quality {
        /// Counted from 1.
        line: usize,
        /// The arm.
        arm: String,
        /// What stood there.
        quality: f64,
    },
    /// A cost on this line is below zero.
    #[error("line {line}: `cost_usd` of arm `{arm}` is {cost}; a call costs nothing or something")]
    Cost {
        /// Counted from 1.
        line: usize,
        /// The arm.
        arm: String,
        /// What stood there.
        cost: f64,
    },
    /// A propensity on this line is no chance.
    #[error("line {line}: `served.propensity` is {propensity}, outside 0..1")]
    Propensity {
        /// Counted from 1.
        line: usize,
        /// What stood there.
        propensity: f64,
    },
    /// No line held a request.
    #[error("the recording is empty")]
    Empty,
}

#[derive(Deserialize)]
struct Line {
    text: String,
    group: Option<serde_json::Value>,
    split: Option<Split>,
    arms: serde_json::Map<String, serde_json::Value>,
    served: Option<Served>,
}

/// A grade as people write it.
#[derive(Deserialize, Clone, Copy)]
#[serde(untagged, expecting = "`quality` is a number from 0 to 1, or true or false")]
enum Grade {
    Number(f64),
    Right(bool),
}

impl Grade {
    fn quality(self) -> f64 {
        match self {
            Self::Number(quality) => quality,
            Self::Right(right) => f64::from(u8::from(right)),
        }
    }
}

#[derive(Deserialize)]
struct Cell {
    quality: Option<Grade>,
    cost_usd: Option<f64>,
    answer: Option<serde_json::Value>,
    valid: Option<bool>,
    latency_ms: Option<f32>,
    reasoning_tokens: Option<f64>,
    likelihood: Option<f32>,
    judged: Option<f32>,
}

impl Traffic {
    /// Reads a recording, one JSON object a line; blank lines are skipped.
    ///
    /// # Errors
    /// [`TrafficError`] with the number of the first line that is none, or `Empty`.
    pub fn parse(text: &str) -> Result<Self, TrafficError> {
        let mut reader = Reader::default();
        // Some editors begin a file with a mark of its byte order.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            reader.line(index + 1, line)?;
        }
        if reader.traffic.is_empty() { Err(TrafficError::Empty) } else { Ok(reader.traffic) }
    }

    /// Adds a request that was put together by a program. Answers must have been keyed by [`answer_key`].
    pub fn push(&mut self, text: &str, group: &str, split: Split, arms: &[(String, Answered)]) {
        let row = self.len();
        let group = self.group_names.iter().position(|known| known == group).unwrap_or_else(|| {
            self.group_names.push(group.to_owned());
            self.group_names.len() - 1
        });
        self.texts.push(text.to_owned());
        self.groups.push(u32::try_from(group).unwrap_or(u32::MAX));
        self.splits.push(split);
        self.served.push(None);
        for (name, answered) in arms {
            let arm = self.arm(name).unwrap_or_else(|| {
                self.arm_names.push(name.clone());
                self.arms.push(Vec::new());
                self.arms.len() - 1
            });
            if let Some(column) = self.arms.get_mut(arm) {
                column.resize(row, Answered::default());
                column.push(*answered);
            }
        }
        self.arms.iter_mut().for_each(|column| column.resize(row + 1, Answered::default()));
    }

    /// How many requests it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The column of an arm by its name.
    #[must_use]
    pub fn arm(&self, name: &str) -> Option<usize> {
        self.arm_names.iter().position(|known| known == name)
    }

    /// What `arm` did with request `row`; all unknown if there is no such cell.
    #[must_use]
    pub fn answered(&self, arm: usize, row: usize) -> Answered {
        self.arms.get(arm).and_then(|column| column.get(row)).copied().unwrap_or_default()
    }

    /// The same recording with nominal prices, one for a call to `reference` and none for the others, if it has no
    /// price of any of `arms`: calls to the reference can be saved where dollars cannot be counted.
    #[must_use]
    pub(crate) fn with_nominal_prices(&self, arms: &[usize], reference: usize) -> Option<Self> {
        let priced =
            |arm: &usize| self.arms.get(*arm).is_some_and(|column| column.iter().any(|cell| cell.cost.is_some()));
        if arms.iter().any(priced) {
            return None;
        }
        let mut nominal = self.clone();
        for &arm in arms {
            let price = if arm == reference { NOMINAL } else { Usd::ZERO };
            nominal.arms.get_mut(arm)?.iter_mut().for_each(|cell| cell.cost = Some(price));
        }
        Some(nominal)
    }

    /// The requests of a split on which all of `arms` were graded.
    #[must_use]
    pub fn graded_rows(&self, split: Split, arms: &[usize]) -> Vec<usize> {
        let graded = |row: &usize| arms.iter().all(|&arm| self.answered(arm, *row).quality.is_some());
        let of_split = self.splits.iter().enumerate().filter(|(_, found)| **found == split);
        of_split.map(|(row, _)| row).filter(graded).collect()
    }
}

/// Any price will do: only ratios are looked at.
const NOMINAL: Usd = Usd::from_nanos(1_000_000);

#[derive(Default)]
struct Reader {
    traffic: Traffic,
    groups: HashMap<String, u32>,
    answers: HashMap<String, u32>,
}

impl Reader {
    #[allow(clippy::cast_possible_truncation)]
    fn line(&mut self, number: usize, line: &str) -> Result<(), TrafficError> {
        let at = |error: serde_json::Error| TrafficError::Line { line: number, what: described(&error, line) };
        // An array would be read as an object whose members stand in order.
        if line.trim_start().starts_with('[') {
            let what = "it is an array; write one object a line (`jq -c '.[]'` does that)".to_owned();
            return Err(TrafficError::Line { line: number, what });
        }
        let parsed: Line = serde_json::from_str(line).map_err(at)?;
        let row = self.traffic.len();
        let next = self.groups.len() as u32;
        let split = parsed.split.unwrap_or_else(|| drawn_split(&parsed.text));
        let group = *self.groups.entry(name_of_group(parsed.group)).or_insert_with_key(|name| {
            self.traffic.group_names.push(name.clone());
            next
        });
        self.traffic.texts.push(parsed.text);
        self.traffic.groups.push(group);
        self.traffic.splits.push(split);
        if let Some(served) = parsed.served.as_ref().filter(|served| !(0.0..=1.0).contains(&served.propensity)) {
            return Err(TrafficError::Propensity { line: number, propensity: served.propensity });
        }
        self.traffic.served.push(parsed.served);
        for (name, value) in parsed.arms {
            let Some(cell) = serde_json::from_value::<Option<Cell>>(value).map_err(at)? else { continue };
            let quality = cell.quality.map(Grade::quality);
            if let Some(quality) = quality.filter(|q| !(0.0..=1.0).contains(q)) {
                return Err(TrafficError::Quality { line: number, arm: name, quality });
            }
            if let Some(cost) = cell.cost_usd.filter(|cost| *cost < 0.0) {
                return Err(TrafficError::Cost { line: number, arm: name, cost });
            }
            let arm = self.traffic.arm(&name).unwrap_or_else(|| {
                self.traffic.arm_names.push(name);
                self.traffic.arms.push(Vec::new());
                self.traffic.arms.len() - 1
            });
            let answered = self.answered(cell);
            if let Some(column) = self.traffic.arms.get_mut(arm) {
                column.resize(row, Answered::default());
                column.push(answered);
            }
        }
        for column in &mut self.traffic.arms {
            column.resize(row + 1, Answered::default());
        }
        Ok(())
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn answered(&mut self, cell: Cell) -> Answered {
        let text = cell.answer.and_then(|answer| match answer {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(normalised(&text)),
            other => Some(normalised(&other.to_string())),
        });
        let next = self.answers.len() as u32;
        Answered {
            quality: cell.quality.map(|grade| grade.quality() as f32),
            cost: cell.cost_usd.and_then(Usd::from_decimal),
            answer: text.filter(|text| !text.is_empty()).map(|text| *self.answers.entry(text).or_insert(next)),
            valid: cell.valid,
            latency_ms: cell.latency_ms,
            reasoning_tokens: cell.reasoning_tokens.map(|n| n as u32),
            likelihood: cell.likelihood,
            judged: cell.judged,
        }
    }
}

/// What the parser says of a line, with the column alone, and with the commonest reason where a program wrote it.
fn described(error: &serde_json::Error, line: &str) -> String {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default().replace("f64", "a number").replace("f32", "a number");
    let rest = line.get(error.column().saturating_sub(1)..).unwrap_or_default();
    // The parser stops at a word's first letter or at the one after it.
    let begins = |word: &str| word.get(1..).is_some_and(|more| rest.starts_with(word) || rest.starts_with(more));
    let written = ["NaN", "Infinity"].into_iter().find(|word| begins(word));
    match written {
        Some(word) => format!("JSON has no `{word}`; leave a figure out that is unknown, or write `null`"),
        None if error.column() > 0 => format!("{said} (column {})", error.column()),
        None => said,
    }
}

/// A group may be a number as well.
fn name_of_group(group: Option<serde_json::Value>) -> String {
    match group {
        None | Some(serde_json::Value::Null) => String::new(),
        Some(serde_json::Value::String(name)) => name,
        Some(other) => other.to_string(),
    }
}

/// The split of a request whose recording names none, by a hash of its text: three fifths train, one fifth each calib
/// and test, and a question that is recorded twice lies on one side.
fn drawn_split(text: &str) -> Split {
    let [first, ..] = *blake3::hash(text.as_bytes()).as_bytes();
    match first {
        0..=153 => Split::Train,
        154..=204 => Split::Calib,
        _ => Split::Test,
    }
}

/// A key for a short answer: equal keys are equal answers, but for one pair in four thousand million. `None` if it is
/// empty.
#[must_use]
pub fn answer_key(answer: &str) -> Option<u32> {
    let text = normalised(answer);
    let [a, b, c, d, ..] = *blake3::hash(text.as_bytes()).as_bytes();
    (!text.is_empty()).then(|| u32::from_le_bytes([a, b, c, d]))
}

/// Short answers are compared without case, spaces and a final full stop: `[(4, 1)]` is `[(4,1)]`.
fn normalised(answer: &str) -> String {
    let folded = answer.trim().trim_end_matches('.').to_lowercase();
    folded.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"
{"id":"a","text":"1+1","group":"sums","split":"train","arms":{"small":{"quality":1,"cost_usd":2.5e-7,"answer":" 2. "},"big":{"quality":1,"answer":2}}}
{"id":"b","text":"2+2","split":"test","arms":{"big":{"quality":0.5,"latency_ms":120,"extra":[1]}}}"#;

    #[test]
    fn a_missing_field_is_unknown_and_not_zero() {
        let traffic = Traffic::parse(TWO).unwrap();
        let (small, big) = (traffic.arm("small").unwrap(), traffic.arm("big").unwrap());
        assert_eq!(traffic.answered(small, 0).cost, Some(Usd::from_nanos(250)));
        assert_eq!(traffic.answered(big, 0).cost, None);
        assert_eq!(traffic.answered(small, 1), Answered::default());
        assert_eq!(traffic.answered(big, 1).latency_ms, Some(120.0));
        assert_eq!(traffic.graded_rows(Split::Test, &[small, big]), Vec::<usize>::new());
    }

    #[test]
    fn answers_that_differ_in_spaces_and_case_only_are_equal() {
        let traffic = Traffic::parse(TWO).unwrap();
        assert_eq!(traffic.answered(0, 0).answer, traffic.answered(1, 0).answer);
    }

    #[test]
    fn what_is_left_out_or_null_or_written_another_way_is_read() {
        let lines: String = (0..400)
            .map(|n| {
                format!("{{\"text\":\"q{n}\",\"group\":null,\"arms\":{{\"a\":{{\"quality\":true}},\"b\":null}}}}\n")
            })
            .collect();
        let traffic = Traffic::parse(&lines).unwrap();
        let of = |split| traffic.graded_rows(split, &[0]).len();
        assert!(of(Split::Train) > 200 && of(Split::Calib) > 50 && of(Split::Test) > 50, "split by the text's hash");
        assert_eq!((traffic.arm("b"), traffic.answered(0, 0).quality), (None, Some(1.0)));
        let named = r#"{"text":"x","split":"validation","arms":{"a":{"quality":0}}}"#;
        assert_eq!(Traffic::parse(named).unwrap().splits, [Split::Calib]);
        let wrong = Traffic::parse(r#"{"text":"x","split":"test","arms":{"a":{"quality":"good"}}}"#).unwrap_err();
        assert!(wrong.to_string().contains("a number from 0 to 1"), "{wrong}");
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let error = Traffic::parse("{\"text\":1}").unwrap_err();
        assert!(matches!(error, TrafficError::Line { line: 1, .. }));
        let graded = r#"{"text":"x","split":"test","arms":{"a":{"quality":7}}}"#;
        assert_eq!(Traffic::parse(graded).unwrap_err().to_string(), "line 1: quality of arm `a` is 7, outside 0..1");
        let refunded = "{\"text\":\"x\",\"arms\":{\"a\":{\"quality\":1,\"cost_usd\":-0.5}}}";
        assert!(Traffic::parse(refunded).unwrap_err().to_string().starts_with("line 1: `cost_usd` of arm `a` is -0.5"));
        assert!(matches!(Traffic::parse("\n").unwrap_err(), TrafficError::Empty));
        for (line, said) in [
            ("{\"text\":\"x\",\"arms\":{\"a\":{\"quality\":NaN}}}", "JSON has no `NaN`"),
            ("{\"text\":\"x\",\"arms\":{\"a\":{\"cost_usd\":-Infinity}}}", "JSON has no `Infinity`"),
            ("[{\"text\":\"x\",\"arms\":{}}]", "it is an array; write one object a line"),
            ("{\"text\":\"x\",\"arms\":{\"a\":{\"cost_usd\":\"1\"}}}", "string \"1\", expected a number"),
            ("id,text\n", "expected value (column 1)"),
        ] {
            let error = Traffic::parse(line).unwrap_err().to_string();
            assert!(error.starts_with("line 1 is not a recorded request: ") && error.contains(said), "{error}");
        }
    }
}
