//! Two local models under one objective: questions whose domain is known, asked of the larger and, beside it, the
//! smaller.
//!
//! It needs the larger model's weights, which this demo does not fetch: without them the section is left out and says
//! so. `cargo xtask bench cascade` runs it to its end.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::session::{Row, Session};
use crate::{Failure, domains, house};

/// How long the section may take.
const AT_MOST: Duration = Duration::from_secs(45);

pub(super) fn run(session: &Session) -> Result<Vec<Row>, Failure> {
    let Ok(first) = domains::standing(session.address(), "domains") else {
        eprintln!("left out: `steersman models pull {}` fetches the second model", domains::REFERENCE);
        return Ok(Vec::new());
    };
    let (started, mut standing, mut last, mut right, mut asked) = (Instant::now(), first, None, 0, 0);
    for question in &domains::questions(house::root())? {
        let sorted = domains::sort(session.address(), question)?;
        (right, asked) = (right + usize::from(sorted.right), asked + 1);
        standing = domains::standing(session.address(), "domains")?;
        last = Some(sorted);
        let armed = standing.get("phase").and_then(Value::as_str) == Some("armed");
        if armed || started.elapsed() > AT_MOST {
            break;
        }
    }
    let Some(sorted) = last else { return Ok(Vec::new()) };
    let text = |name: &str| standing.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let told = format!("{right} of {asked} right; {}: {}", text("phase"), text("next_step"));
    Ok(vec![session.row("two local models, one floor", told, &sorted.answer)?])
}
