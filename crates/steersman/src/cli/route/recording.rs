//! Reads a recording: JSON lines, plain or compressed with gzip, whatever the file is called.
//!
//! What never happens here: a line that is passed over because it cannot be read.

use std::io::Read;
use std::path::Path;

use steersman_core::nearest;
use steersman_routing::{FitError, ReplayError, Split, Traffic};

use crate::cli::Failure;

/// A recording and a name for it.
pub(super) struct Recording {
    /// The requests.
    pub(super) traffic: Traffic,
    /// BLAKE3 of its text, in hex.
    pub(super) digest: String,
}

/// The first bytes of every gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// A larger recording does not fit into the memory that a command line may take.
const MOST_BYTES: u64 = 4 << 30;

/// Reads a file of recorded traffic.
pub(super) fn read(path: &Path) -> Result<Recording, Failure> {
    let unreadable = |error| Failure::new(format!("the recording `{}` cannot be read: {error}", path.display()));
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let mut text = String::new();
    if bytes.starts_with(&GZIP) {
        let unpacked = flate2::read::MultiGzDecoder::new(bytes.as_slice()).take(MOST_BYTES);
        std::io::BufReader::new(unpacked).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        text = String::from_utf8(bytes).map_err(|error| {
            Failure::new(format!("the recording `{}` is not UTF-8: {error}", path.display()))
                .hint("a recording is JSON lines, plain or compressed with gzip")
        })?;
    }
    let traffic = Traffic::parse(&text).map_err(|error| {
        let failure = Failure::from(error);
        failure.hint(format!(
            "in `{}`; each line is an object with `text`, `split` (train, calib or test) and `arms`; see docs/routing.md",
            path.display()
        ))
    })?;
    Ok(Recording { traffic, digest: blake3::hash(text.as_bytes()).to_hex().to_string() })
}

/// A failed replay in a person's words, with what the recording does hold.
pub(super) fn explain(error: ReplayError, traffic: &Traffic) -> Failure {
    let hint = match &error {
        ReplayError::Fit(FitError::UnknownArm(name)) => {
            let known = || traffic.arm_names.iter().map(String::as_str);
            match nearest(name, known()).first() {
                Some(close) => format!("did you mean `{close}`? the recording has {}", listed(known())),
                None => format!("the recording has {}", listed(known())),
            }
        }
        ReplayError::Fit(FitError::Unpriced(_)) => {
            "record a `cost_usd`, leave these candidates out, or leave out every cost to save calls to the reference"
                .to_owned()
        }
        ReplayError::Fit(FitError::Twice(_)) => "name each arm of `--candidates` once".to_owned(),
        ReplayError::NoLabels => "leave `--labels` out, or say how many may be spent".to_owned(),
        ReplayError::Fit(FitError::TooFewRows { .. }) | ReplayError::TooFewRows { .. } => format!(
            "record more requests; {}. A row counts if every named arm has a `quality`; where lines name no `split` it is drawn",
            counted(traffic)
        ),
        ReplayError::WorthlessReference(..) => {
            "name another `--reference`, or look at how its answers were graded".to_owned()
        }
        ReplayError::NoShare { .. } => "as in `--floor 0.97 --confidence 0.95`".to_owned(),
        ReplayError::Fit(FitError::ReferenceAsCandidate(_)) => {
            "leave it out of `--candidates`; the reference is always the last resort".to_owned()
        }
        _ => "see `steersman route replay --help`".to_owned(),
    };
    Failure::from(error).hint(hint)
}

/// How many requests each split and each arm has.
fn counted(traffic: &Traffic) -> String {
    let of = |split| traffic.splits.iter().filter(|found| **found == split).count();
    let [train, calib, test] = [Split::Train, Split::Calib, Split::Test].map(of);
    let graded =
        traffic.arm_names.iter().zip(&traffic.arms).map(|(name, column)| {
            format!("`{name}` on {}", column.iter().filter(|cell| cell.quality.is_some()).count())
        });
    let graded: Vec<String> = graded.collect();
    format!("there are {train} in train, {calib} in calib and {test} in test, and grades of {}", graded.join(", "))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
