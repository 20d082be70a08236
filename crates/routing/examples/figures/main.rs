//! Measures what the decision core promises, on recorded traffic: `figures DIR` prints JSON.
//!
//! Each part reads one recording of the folder and is `null` where that is missing. Routers are fitted on `train` rows;
//! bounds see `calib` rows, or the labelled part of a re-split; figures come from rows that neither saw.

mod cascade;
mod drift;
mod guarantee;
mod speed;

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
use steersman_routing::Traffic;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or("usage: figures DIR [SPLITS]")?;
    let splits: usize = arguments.get(1).map_or(Ok(1_000), |text| text.parse())?;
    let load = |name: &str| read(&Path::new(folder).join(format!("{name}.jsonl.gz")));
    let (mmlu, gsm8k) = (load("routellm_mmlu")?, load("routellm_gsm8k")?);
    let (mmlupro, crux) = (load("mmlupro")?, load("gsm8k_cruxeval")?);
    let part = |name: &str, made: Result<Value, Failure>| {
        eprintln!("{name}: done");
        made
    };
    let on = |traffic: &Option<Traffic>, measure: &dyn Fn(&Traffic) -> Result<Value, Failure>| {
        traffic.as_ref().map_or(Ok(Value::Null), measure)
    };
    let shifted = mmlu.as_ref().zip(gsm8k.as_ref());
    let figures = json!({
        "guarantee": part("guarantee", on(&mmlu, &|traffic| guarantee::measure(traffic, splits)))?,
        "same_against_same": part("same against same", on(&gsm8k, &guarantee::same_against_same))?,
        "apgr": part("apgr", on(&mmlu, &cascade::apgr))?,
        "mmlupro": part("mmlupro", on(&mmlupro, &cascade::prompt_only))?,
        "o1_mini": part("o1-mini", on(&crux, &cascade::reasoning))?,
        "drift": part("drift", shifted.map_or(Ok(Value::Null), |(from, to)| drift::measure(from, to)))?,
        "decision": part("decision", on(&mmlu, &speed::measure))?,
    });
    println!("{figures:#}");
    Ok(())
}

fn read(path: &Path) -> Result<Option<Traffic>, Failure> {
    if !path.exists() {
        eprintln!("{} is not there; its figures are left out", path.display());
        return Ok(None);
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path)?).read_to_string(&mut text)?;
    Ok(Some(Traffic::parse(&text)?))
}
