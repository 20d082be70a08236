//! Replays an objective over a recording: `replay FILE(.gz) REFERENCE CANDIDATE[,CANDIDATE...] [FLOOR] [CONFIDENCE]`.
//!
//! With no argument it replays the sample that ships with the crate.

use std::io::Read;

use steersman_routing::{Bound, ReplayPlan, Traffic, replay};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |place: usize, default: &str| arguments.get(place).cloned().unwrap_or_else(|| default.to_owned());
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/routing/gsm8k_cruxeval.sample.jsonl");
    let bytes = std::fs::read(argument(0, sample))?;
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text)?;
    } else {
        text = String::from_utf8(bytes)?;
    }
    let plan = ReplayPlan {
        reference: argument(1, "o1-mini-2024-09-12"),
        candidates: argument(2, "gemini-1.5-flash,gpt-4o-mini-2024-07-18").split(',').map(str::to_owned).collect(),
        floor: argument(3, "0.95").parse()?,
        confidence: argument(4, "0.95").parse()?,
        splits: 200,
        labels: None,
        bound: Bound::FixedSample,
        seed: 1,
    };
    let result = replay(&Traffic::parse(&text)?, &plan)?;
    println!("{}", serde_json::to_string_pretty(&result)?);
    Ok(())
}
