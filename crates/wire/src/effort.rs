//! The scale of effort: the words of the OpenAI API, or a cap of tokens, and how each stands for the other.
//!
//! A client may write either, in the words of its protocol: `reasoning_effort`, `reasoning.effort`,
//! `reasoning.max_tokens`, `thinking.budget_tokens`, `output_config.effort`, `thinkingLevel`, `thinkingBudget`,
//! `thinking_budget`. All of them are kept as they came beside the canonical form, so that their own dialect gets them
//! back; every other writes what they mean.
//!
//! Budgets of the words: ai.google.dev/gemini-api/docs/openai, the table of `reasoning_effort`.
//!
//! What never happens here: a wish of the client's that is neither written nor named as lost.

use serde_json::value::RawValue;
use steersman_core::ChatRequest;

use crate::error::{DecodeError, Loss};
use crate::extra::{Extra, Extras};
use crate::fields::{Fields, as_text};
use crate::json::RawObject;

/// The tokens that a word stands for.
pub(crate) const BUDGETS: [(&str, u64); 3] = [("low", 1_024), ("medium", 8_192), ("high", 24_576)];

/// Every word of the scale, from the least.
pub(crate) const WORDS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// Where the dialects spell effort, by the names under which it is kept.
const SPELLINGS: [&str; 9] = [
    "reasoning_effort",
    "thinking_budget",
    "thinking",
    "reasoning",
    "/reasoning/effort",
    "/reasoning/max_tokens",
    "/output_config/effort",
    "/generationConfig/thinkingConfig/thinkingLevel",
    "/generationConfig/thinkingConfig/thinkingBudget",
];

/// Whether an entry beside the canonical form says how hard to think, in a way that the canonical form has understood.
pub(crate) fn is_spelling(request: &ChatRequest, name: &str) -> bool {
    let understood = request.reasoning_effort.is_some() || request.max_reasoning_tokens.is_some();
    understood && SPELLINGS.contains(&name)
}

/// Whether the client's own words for it go back as they came.
pub(crate) fn is_spelled(extras: &Extras<'_>) -> bool {
    SPELLINGS.iter().any(|name| extras.get(name).is_some())
}

/// Reads a word of the scale and keeps it under `name`.
pub(crate) fn take_word(
    fields: &mut Fields<'_, '_>,
    key: &str,
    name: &str,
    extra: &mut Extra,
) -> Result<(), DecodeError> {
    if let Some(raw) = fields.take(key) {
        if as_text(raw).is_none() {
            return Err(fields.path.member(key).wrong_type("a string", raw));
        }
        extra.push((name.to_owned(), raw.to_owned()));
    }
    Ok(())
}

/// Learns what a request that was read in one of the dialects says of effort.
pub(crate) fn learn(request: &mut ChatRequest) {
    let (mut word, mut cap) = (None, None);
    for (name, value) in &request.extra {
        let text = || as_text(value).map(|text| text.into_owned());
        let number = || value.get().parse::<u64>().ok();
        let member = |name: &str| RawObject::of(value).ok()?.get(name);
        match name.as_str() {
            "reasoning_effort" | "/reasoning/effort" | "/output_config/effort" => word = word.or_else(text),
            "/generationConfig/thinkingConfig/thinkingLevel" => {
                word = word.or_else(|| Some(text()?.to_ascii_lowercase()));
            }
            "thinking_budget" | "/reasoning/max_tokens" | "/generationConfig/thinkingConfig/thinkingBudget" => {
                cap = cap.or_else(number);
            }
            "reasoning" => {
                word = word.or_else(|| Some(as_text(member("effort")?)?.into_owned()));
                cap = cap.or_else(|| member("max_tokens")?.get().parse().ok());
            }
            "thinking" => match member("type").and_then(as_text).as_deref() {
                Some("disabled") => cap = Some(0),
                Some("enabled") => cap = cap.or_else(|| member("budget_tokens")?.get().parse().ok()),
                _ => {}
            },
            _ => {}
        }
    }
    set(request, word, cap);
}

fn set(request: &mut ChatRequest, word: Option<String>, cap: Option<u64>) {
    (request.reasoning_effort, request.max_reasoning_tokens) = match cap {
        Some(0) => (Some("none".to_owned()), None),
        cap => (word, cap),
    };
}

/// How hard to think.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effort {
    /// A word of the scale.
    Level(std::sync::Arc<str>),
    /// At most this many tokens of thought; none at all for 0.
    Tokens(u64),
}

impl Effort {
    /// Whether it asks for thinking at all.
    #[must_use]
    pub fn thinks(&self) -> bool {
        match self {
            Self::Level(word) => &**word != "none",
            Self::Tokens(most) => *most > 0,
        }
    }

    /// Puts it into a request, in the place of what the client said. Whether the client had said anything else.
    pub fn apply(&self, request: &mut ChatRequest) -> bool {
        let said = (request.reasoning_effort.take(), request.max_reasoning_tokens.take());
        request.extra.retain(|(name, _)| !SPELLINGS.contains(&name.as_str()));
        match self {
            Self::Level(word) => set(request, Some(word.to_string()), None),
            Self::Tokens(most) => set(request, None, Some(*most)),
        }
        let silent = said == (None, None);
        !silent && said != (request.reasoning_effort.clone(), request.max_reasoning_tokens)
    }
}

impl std::fmt::Display for Effort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Level(word) => f.write_str(word),
            Self::Tokens(most) => write!(f, "{most} tokens"),
        }
    }
}

/// The tokens that a word allows; nothing for `none`, and the most for the words above `high`.
pub(crate) fn budget_of(word: &str) -> u64 {
    match word {
        "none" => 0,
        "minimal" => 1_024,
        word => BUDGETS.iter().find(|(known, _)| *known == word).map_or(24_576, |(_, budget)| *budget),
    }
}

/// The word whose budget is nearest to a cap by its ratio, and how a loss says that it stands for one.
pub(crate) fn nearest(cap: u64) -> (&'static str, Loss) {
    // The geometric means of neighbouring budgets.
    let (word, what) = match cap {
        0..2_897 => ("low", "a cap of tokens written as `low`, the nearest effort"),
        2_897..14_189 => ("medium", "a cap of tokens written as `medium`, the nearest effort"),
        _ => ("high", "a cap of tokens written as `high`, the nearest effort"),
    };
    (word, Loss { param: "max_reasoning_tokens".to_owned(), what })
}

/// The word that a dialect without caps writes; `None` where nothing was asked, or the client's own words go back.
pub(crate) fn word<'r>(request: &'r ChatRequest, extras: &Extras<'_>, losses: &mut Vec<Loss>) -> Option<&'r str> {
    if is_spelled(extras) {
        return None;
    }
    let near = |cap| {
        let (word, loss) = nearest(cap);
        losses.push(loss);
        word
    };
    request.reasoning_effort.as_deref().or_else(|| request.max_reasoning_tokens.map(near))
}

/// What of a spelling has no place in another dialect although its effort has.
pub(crate) fn remainder(name: &str, value: &RawValue) -> Vec<String> {
    let understood: &[&str] = match name {
        "thinking" => &["type", "budget_tokens"],
        "reasoning" => &["effort", "max_tokens"],
        _ => return Vec::new(),
    };
    let Ok(object) = RawObject::of(value) else { return Vec::new() };
    let members = object.members().iter().map(|member| &*member.key);
    members.filter(|member| !understood.contains(member)).map(|member| format!("{name}.{member}")).collect()
}
