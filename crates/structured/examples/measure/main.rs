//! Measures the reader: what is right, refused and silently wrong, what it costs, and what rivals make of the same
//! sets.
//!
//! `cargo xtask bench structured` runs it. By hand: `measure emit development 1 FOLDER` writes the sets,
//! `measure judge SET.jsonl [ANSWERS.jsonl] [--show N]` judges our own answers or someone else's, `measure limits`,
//! `measure previews FOLDER` and `measure suite FOLDER` do the rest. Figures are JSON on stdout.
#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a generator over its own sound documents"
)]

mod case;
mod clock;
mod drift;
mod emit;
mod judge;
mod limits;
mod mixed;
mod mutate;
mod previews;
mod random;
mod suite;

use std::path::Path;

/// The allocator of the `steersman` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use emit::Half;

const DOCUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/structured/documents.jsonl");
const SOUND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/structured/json_test_suite.jsonl");

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let show = arguments.iter().position(|argument| argument == "--show").map_or(0, |at| {
        let n = arguments.get(at + 1).and_then(|n| n.parse().ok()).unwrap_or(1);
        arguments.truncate(at);
        n
    });
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let figures = match words.as_slice() {
        ["emit", half, seed, folder] => {
            let half = if *half == "final" { Half::Final } else { Half::Development };
            let seed = seed.parse().expect("a seed is a number");
            return emit::emit(Path::new(DOCUMENTS), Path::new(SOUND), half, seed, Path::new(folder));
        }
        ["judge", set] => judge::ours(Path::new(set), show),
        ["judge", set, answers] => judge::theirs(Path::new(set), Path::new(answers), show),
        ["mixed", set, answers] => mixed::theirs(Path::new(set), Path::new(answers)),
        ["mixed", set] => mixed::mixed(Path::new(set), show),
        ["time", set, passes] => judge::time(Path::new(set), passes.parse().expect("passes are a number")),
        ["limits"] => limits::limits(),
        ["batch", file] => return batch(Path::new(file)),
        ["previews", folder] => previews::previews(Path::new(folder)),
        ["suite", folder] => suite::suite(Path::new(folder)),
        _ => panic!(
            "emit HALF SEED FOLDER | judge SET [ANSWERS] [--show N] | mixed SET [ANSWERS] [--show N] | time SET PASSES | batch CASES | limits | previews FOLDER | suite FOLDER"
        ),
    };
    println!("{figures}");
}

/// Answers a file of cases as `steersman structure batch` does.
fn batch(file: &Path) {
    let cases = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    for line in cases.lines() {
        println!("{}", steersman_structured::batch_line(line.as_bytes(), &steersman_structured::Rules::default()));
    }
}
