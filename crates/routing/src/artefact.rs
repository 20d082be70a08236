//! A fitted router as a file: what it may decide, what shows that, and where it came from.
//!
//! A router is never changed in place. A new one is a new file with a new hash, and taking it into use is a change of
//! configuration that a person can read and take back.
//!
//! What never happens here: a file whose content is not what its hash says is used.

use serde::{Deserialize, Serialize};

use crate::frontier::Frontier;
use crate::replay::Replay;
use crate::router::Router;

/// The format that this build writes and reads.
const FORMAT: u32 = 1;

/// Where a router came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// What was recorded: a file's name, or a task of a store.
    pub source: String,
    /// BLAKE3 of the recording, in hex.
    pub recording: String,
    /// The hash of the router that this one replaces.
    pub parent: Option<String>,
    /// The version of the program that fitted it.
    pub fitted_by: String,
}

/// A router with its report, its lineage and a hash over all of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RouterFile {
    /// The format's number.
    pub format: u32,
    /// BLAKE3 in hex of this file with an empty hash: the policy version on records.
    pub hash: String,
    /// Where it came from.
    pub lineage: Lineage,
    /// The objective it was fitted for, and what it did on rows that it had not seen.
    pub report: Replay,
    /// Cost against quality of every rung on the test rows.
    pub frontier: Frontier,
    /// Fitted scores and the ladder.
    pub router: Router,
}

/// Why a file is no router.
#[derive(Debug, thiserror::Error)]
pub enum ArtefactError {
    /// It is not JSON of this shape.
    #[error("the file is not a router")]
    Shape(#[from] serde_json::Error),
    /// Another build wrote it.
    #[error("the router has format {found}, and this build reads format {FORMAT}; fit it again")]
    Format {
        /// What it says.
        found: u32,
    },
    /// Somebody changed it.
    #[error("the router's content has the hash `{content}`, but it says `{said}`; fit it again")]
    Changed {
        /// The hash of what is there.
        content: String,
        /// The hash it carries.
        said: String,
    },
}

impl RouterFile {
    /// Puts a fitted router and its report under one hash.
    ///
    /// # Errors
    /// When a figure in it is no number that JSON can say.
    pub fn seal(lineage: Lineage, report: Replay, frontier: Frontier, router: Router) -> Result<Self, ArtefactError> {
        let mut file = Self { format: FORMAT, hash: String::new(), lineage, report, frontier, router };
        file.hash = hash_of(&serde_json::to_string(&file)?, "");
        Ok(file)
    }

    /// Reads a file and checks its hash.
    ///
    /// # Errors
    /// [`ArtefactError`] for another shape or format, or content that was changed.
    pub fn read(text: &str) -> Result<Self, ArtefactError> {
        let file: Self = serde_json::from_str(text)?;
        if file.format != FORMAT {
            return Err(ArtefactError::Format { found: file.format });
        }
        let content = hash_of(text.trim_end(), &file.hash);
        if content != file.hash {
            return Err(ArtefactError::Changed { content, said: file.hash });
        }
        Ok(file)
    }

    /// The file's text.
    ///
    /// # Errors
    /// When a figure in it is no number that JSON can say.
    pub fn write(&self) -> Result<String, ArtefactError> {
        Ok(serde_json::to_string(self)?)
    }
}

/// Over the text and not over what was read: a parser may round the last digit of a float.
pub(crate) fn hash_of(text: &str, said: &str) -> String {
    let bare = text.replacen(&format!("\"hash\":\"{said}\""), "\"hash\":\"\"", 1);
    blake3::hash(bare.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::climb::Bound;
    use crate::replay::{ReplayPlan, replay_fitted};
    use crate::traffic::Traffic;

    #[test]
    fn a_router_reads_back_as_it_was_written_and_a_changed_one_is_refused() {
        let sample = include_str!("../../../testdata/routing/gsm8k_cruxeval.sample.jsonl");
        let plan = ReplayPlan {
            reference: "o1-mini-2024-09-12".to_owned(),
            candidates: vec!["gpt-4o-mini-2024-07-18".to_owned(), "gemini-1.5-flash".to_owned()],
            floor: 0.9,
            confidence: 0.9,
            splits: 0,
            labels: None,
            bound: Bound::FixedSample,
            seed: 1,
        };
        let (report, fitted) = replay_fitted(&Traffic::parse(sample).unwrap(), &plan).unwrap();
        let lineage = Lineage {
            source: "sample".to_owned(),
            recording: "none".to_owned(),
            parent: None,
            fitted_by: "test".to_owned(),
        };
        let frontier = Frontier::new(&fitted.pure, &fitted.test_rows());
        let text = RouterFile::seal(lineage, report, frontier, fitted.router).unwrap().write().unwrap();
        let read = RouterFile::read(&text).unwrap();
        assert_eq!(read.router.rungs(), read.report.rungs);
        let touched = text.replacen("\"rung\":", "\"rung\":1", 1);
        assert!(matches!(RouterFile::read(&touched), Err(ArtefactError::Changed { .. })));
    }
}
