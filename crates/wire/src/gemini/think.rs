//! Effort: a level for models since Gemini 3, a budget of tokens for those before.
//!
//! Sources: ai.google.dev/gemini-api/docs/openai, the table of `reasoning_effort`; docs/thinking, the ranges of
//! `thinkingBudget` (2.5 Pro cannot be switched off) and the levels that each model of Gemini 3 knows.

use steersman_core::ChatRequest;

use super::NAME;
use crate::effort;
use crate::error::{EncodeError, Loss};
use crate::write::Object;

/// Whether a model is of the third generation or a later one.
pub(super) fn is_since_three(model: &str) -> bool {
    version(model).is_some_and(|(major, _)| major >= 3)
}

fn version(model: &str) -> Option<(u32, u32)> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let mut numbers = name.strip_prefix("gemini-")?.split('-').next()?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

fn is_pro(model: &str) -> bool {
    model.contains("-pro")
}

/// Whether a request asks for anything.
pub(super) const fn asks(request: &ChatRequest) -> bool {
    request.reasoning_effort.is_some() || request.max_reasoning_tokens.is_some()
}

/// Whether what a request asks for has a place. `spelled`: the client's own words go back.
///
/// # Errors
/// [`EncodeError`] for a word that is no effort.
pub(super) fn refuse_what_has_no_words(request: &ChatRequest, spelled: bool) -> Result<(), EncodeError> {
    let unknown = |word: &str| !effort::WORDS.contains(&word);
    match request.reasoning_effort.as_deref().filter(|word| !spelled && unknown(word)) {
        Some(_) => Err(EncodeError::unsupported(NAME, "reasoning_effort", "this effort")),
        None => Ok(()),
    }
}

/// Writes what a request asks for as the members of `thinkingConfig`; `shown`: the client itself says whether thoughts
/// are to be shown.
pub(super) fn write(request: &ChatRequest, shown: bool, losses: &mut Vec<Loss>, out: &mut Object<'_>) {
    let thinks = if is_since_three(&request.model) {
        out.string("thinkingLevel", level(request, losses));
        true
    } else {
        let budget = budget(request, losses);
        out.value("thinkingBudget", budget);
        budget > 0
    };
    if thinks && !shown && request.reasoning_effort.as_deref() != Some("none") {
        out.value("includeThoughts", true);
    }
}

fn level<'r>(request: &'r ChatRequest, losses: &mut Vec<Loss>) -> &'r str {
    let mut near = |cap| {
        let (word, loss) = effort::nearest(cap);
        losses.push(loss);
        word
    };
    let asked = request.reasoning_effort.as_deref();
    let asked = asked.unwrap_or_else(|| near(request.max_reasoning_tokens.unwrap_or_default()));
    let mut lose = |what| losses.push(Loss { param: "reasoning_effort".to_owned(), what });
    match (asked, is_pro(&request.model), version(&request.model)) {
        ("none" | "minimal", true, _) => {
            lose("written as `low`, the least that this model knows");
            "low"
        }
        ("none", false, _) => {
            lose("`none` written as `minimal`, the least there is");
            "minimal"
        }
        ("medium", true, Some((3, 0))) => {
            lose("`medium` written as `high`: this model knows nothing between `low` and `high`");
            "high"
        }
        ("xhigh" | "max", ..) => {
            lose("written as `high`, the most there is");
            "high"
        }
        (asked, ..) => asked,
    }
}

fn budget(request: &ChatRequest, losses: &mut Vec<Loss>) -> u64 {
    let (param, asked) = match (request.max_reasoning_tokens, request.reasoning_effort.as_deref()) {
        (Some(cap), _) => ("max_reasoning_tokens", cap),
        (None, Some(word @ ("xhigh" | "max"))) => {
            let what = "written as `high`, the most there is";
            losses.push(Loss { param: "reasoning_effort".to_owned(), what });
            ("reasoning_effort", effort::budget_of(word))
        }
        (None, word) => ("reasoning_effort", effort::budget_of(word.unwrap_or("none"))),
    };
    let mut lose = |what| losses.push(Loss { param: param.to_owned(), what });
    // Names of no version (`gemini-flash-latest`) are left to the provider.
    let versioned = version(&request.model).is_some();
    let lite = request.model.contains("-lite");
    match asked {
        0..128 if versioned && is_pro(&request.model) => {
            lose("raised to 128 tokens, the least that this model knows");
            128
        }
        1..512 if versioned && lite => {
            lose("raised to 512 tokens, the least that this model knows");
            512
        }
        32_769.. if versioned && is_pro(&request.model) => {
            lose("lowered to 32768 tokens, the most that this model knows");
            32_768
        }
        24_577.. if versioned && !is_pro(&request.model) => {
            lose("lowered to 24576 tokens, the most that this model knows");
            24_576
        }
        asked => asked,
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
