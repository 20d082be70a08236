//! Effort: a level for models since Gemini 3, a budget of tokens for those before.
//!
//! Source: ai.google.dev/gemini-api/docs/openai, the table of `reasoning_effort`: minimal and low are 1,024 tokens, medium
//! 8,192, high 24,576; thinking of Gemini 3 cannot be switched off.

use crate::error::Loss;
use crate::write::Object;

/// The budgets of the efforts.
const BUDGETS: &[(&str, u64)] = &[("low", 1_024), ("medium", 8_192), ("high", 24_576)];

/// Whether a model is of the third generation or a later one.
pub(super) fn is_since_three(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let version = name.strip_prefix("gemini-").map(|rest| rest.split(['.', '-']).next().unwrap_or_default());
    version.and_then(|version| version.parse::<u32>().ok()).is_some_and(|version| version >= 3)
}

/// The effort of a budget; `None` for one that the model chooses itself.
pub(super) fn effort_of(budget: i64) -> Option<&'static str> {
    let budget = u64::try_from(budget).ok()?;
    if budget == 0 {
        return Some("none");
    }
    Some(BUDGETS.iter().find(|(_, most)| budget <= *most).map_or("high", |(effort, _)| effort))
}

/// Writes an effort as the members of `thinkingConfig`.
pub(super) fn write(model: &str, effort: &str, losses: &mut Vec<Loss>, out: &mut Object<'_>) {
    let newer = is_since_three(model);
    let mut lose = |what| losses.push(Loss { param: "reasoning_effort".to_owned(), what });
    let effort = match effort {
        "none" if newer => {
            lose("`none` written as `minimal`, the least there is");
            "minimal"
        }
        "xhigh" | "max" => {
            lose("written as `high`, the most there is");
            "high"
        }
        "minimal" if !newer => "low",
        effort => effort,
    };
    match BUDGETS.iter().find(|(name, _)| *name == effort) {
        _ if newer => out.string("thinkingLevel", effort),
        Some((_, budget)) => out.value("thinkingBudget", *budget),
        None => out.value("thinkingBudget", 0),
    }
    if effort != "none" {
        out.value("includeThoughts", true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_told_apart_by_name() {
        for (model, newer) in [
            ("gemini-3-pro-preview", true),
            ("gemini-3.5-flash", true),
            ("google/gemini-10-x", true),
            ("gemini-2.5-flash", false),
            ("gemini-flash-latest", false),
            ("sim-gemini", false),
        ] {
            assert_eq!(is_since_three(model), newer, "{model}");
        }
    }
}
