//! Effort in Claude's words: a budget of tokens for models up to 4.5, a word beside adaptive thinking since 4.6.
//!
//! Sources: platform.claude.com/docs, "Building with extended thinking" (a budget is at least 1,024 tokens and below
//! `max_tokens`; no temperature beside it), "Adaptive thinking" (4.6 takes both forms, 4.7 and later refuse a budget),
//! "Effort" (`xhigh` since 4.7; `max`).
//!
//! What never happens here: a body that the model is known to refuse for its thinking.

use steersman_core::{ChatRequest, ToolChoice};

use super::encode::unsupported;
use crate::effort;
use crate::error::{EncodeError, Loss};
use crate::write::Object;

/// The least budget that the API takes.
const LEAST: u64 = 1_024;
/// The most output that every model with a budget can produce.
const MOST_OUTPUT: u64 = 32_000;

/// What a model can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Generation {
    /// It does not think.
    Silent,
    /// A budget alone.
    Budgets,
    /// A budget, or a word.
    Both,
    /// A word alone.
    Words,
    /// A word alone, and never nothing.
    Always,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking<'r> {
    /// Nothing was asked, or the client's own words go back.
    Unsaid,
    /// `thinking.type: disabled`.
    Disabled,
    /// `thinking.type: adaptive` with this `output_config.effort`.
    Adaptive(&'r str),
    /// `thinking.type: enabled` with this budget.
    Enabled(u64),
}

impl<'r> Thinking<'r> {
    /// What a request asks for, in the words of its model. `spelled`: the client's own words go back. `unsigned`: it
    /// goes on with a turn that began without signed thinking, where no budget may be written.
    ///
    /// # Errors
    /// [`EncodeError`] for a word that is no effort.
    pub(super) fn of(
        request: &'r ChatRequest,
        spelled: bool,
        unsigned: bool,
        losses: &mut Vec<Loss>,
    ) -> Result<Self, EncodeError> {
        let asked = (request.reasoning_effort.as_deref(), request.max_reasoning_tokens);
        if spelled || asked == (None, None) {
            return Ok(Self::Unsaid);
        }
        if asked.0.is_some_and(|word| !effort::WORDS.contains(&word)) {
            return Err(unsupported("reasoning_effort", "this effort"));
        }
        let generation = Generation::of(&request.model);
        let mut lose = |what| losses.push(Loss { param: "reasoning_effort".to_owned(), what });
        Ok(match (generation, asked) {
            (Generation::Silent, (Some("none"), _)) => Self::Unsaid,
            (Generation::Silent, _) => {
                lose("left out: this model does not think");
                Self::Unsaid
            }
            (Generation::Always, (Some("none"), _)) => {
                lose("`none` written as `low`: its thinking cannot be switched off");
                Self::Adaptive("low")
            }
            (_, (Some("none"), _)) => Self::Disabled,
            (Generation::Budgets, _) | (Generation::Both, (_, Some(_))) if is_forced(request) => {
                lose("left out: a model with a budget to think cannot be made to call a tool");
                Self::Disabled
            }
            (Generation::Budgets, (_, cap)) if unsigned => {
                let param = if cap.is_some() { "max_reasoning_tokens" } else { "reasoning_effort" }.to_owned();
                let what = "left out: the turn that goes on has no signed thinking, which a budget demands";
                losses.push(Loss { param, what });
                Self::Disabled
            }
            (Generation::Both, (_, Some(cap))) if unsigned => {
                let what = "written as an effort: the turn that goes on has no signed thinking, which a budget demands";
                losses.push(Loss { param: "max_reasoning_tokens".to_owned(), what });
                Self::Adaptive(effort::nearest(cap).0)
            }
            (Generation::Budgets | Generation::Both, (_, Some(cap))) => within(cap, request.max_output_tokens, losses),
            (Generation::Budgets, (Some(word), None)) => {
                match word {
                    "minimal" => lose("`minimal` written as 1024 tokens, the least there is"),
                    "xhigh" | "max" => lose("written as the budget of `high`, the most there is"),
                    _ => {}
                }
                within(effort::budget_of(word), request.max_output_tokens, losses)
            }
            (_, (Some(word), _)) => Self::of_word(word, generation, &request.model, losses),
            (_, (None, cap)) => {
                let (word, loss) = effort::nearest(cap.unwrap_or_default());
                losses.push(loss);
                Self::Adaptive(word)
            }
        })
    }

    /// An effort in a word that its model knows.
    fn of_word(word: &'r str, generation: Generation, model: &str, losses: &mut Vec<Loss>) -> Self {
        let (word, what) = match word {
            "minimal" => ("low", "`minimal` written as `low`, the least there is"),
            "xhigh" if generation == Generation::Both && is_four_six(model) => {
                ("high", "`xhigh` written as `high`, the nearest that this model knows")
            }
            _ => return Self::Adaptive(word),
        };
        losses.push(Loss { param: "reasoning_effort".to_owned(), what });
        Self::Adaptive(word)
    }

    /// Whether the model will think.
    pub(super) const fn is_on(self) -> bool {
        matches!(self, Self::Adaptive(_) | Self::Enabled(_))
    }

    /// The word for `output_config.effort`.
    pub(super) const fn word(self) -> Option<&'r str> {
        match self {
            Self::Adaptive(word) => Some(word),
            _ => None,
        }
    }

    /// `max_tokens` where the client names none: the answer's share beside what may be thought.
    pub(super) fn limit(self, default: u64) -> u64 {
        match self {
            Self::Enabled(budget) => (budget + default).min(MOST_OUTPUT),
            _ => default,
        }
    }

    /// Writes the member `thinking`.
    pub(super) fn write(self, out: &mut Object<'_>) {
        let kind = match self {
            Self::Unsaid => return,
            Self::Disabled => "disabled",
            Self::Adaptive(_) => "adaptive",
            Self::Enabled(_) => "enabled",
        };
        out.object("thinking", |out| {
            out.string("type", kind);
            if let Self::Enabled(budget) = self {
                out.value("budget_tokens", budget);
            }
        });
    }
}

/// A budget that the API takes: at least 1,024 tokens, and with room for an answer below the output limit.
fn within<'r>(budget: u64, limit: Option<u64>, losses: &mut Vec<Loss>) -> Thinking<'r> {
    let mut lose = |what| losses.push(Loss { param: "max_reasoning_tokens".to_owned(), what });
    if limit.is_some_and(|limit| limit <= LEAST) {
        lose("left out: below `max_tokens` there is no room for 1024 tokens of thought, the least there is");
        return Thinking::Disabled;
    }
    if budget < LEAST {
        lose("raised to 1024 tokens, the least there is");
        return Thinking::Enabled(LEAST);
    }
    match limit.filter(|limit| *limit <= budget) {
        Some(limit) => {
            lose("lowered, so that `max_tokens` has room for an answer");
            Thinking::Enabled((limit - limit / 4).clamp(LEAST, limit - 1))
        }
        None if limit.is_none() && budget > MOST_OUTPUT - LEAST => {
            lose("lowered to 30976 tokens, so that the least output limit has room for an answer");
            Thinking::Enabled(MOST_OUTPUT - LEAST)
        }
        None => Thinking::Enabled(budget),
    }
}

/// Whether the client demands a call, which the API refuses beside a budget.
const fn is_forced(request: &ChatRequest) -> bool {
    matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Tool(_)))
}

fn is_four_six(model: &str) -> bool {
    version(model) == Some((4, 6))
}

/// The version in a model's name, before the family or after it: `claude-3-7-sonnet-20250219`,
/// `eu.anthropic.claude-opus-4-6-v1`.
fn version(model: &str) -> Option<(u32, u32)> {
    let name = model.split_once("claude-")?.1;
    let mut numbers = name.split(['-', '.', '@', ':']).map(|token| {
        let short = token.len() <= 2;
        token.parse::<u32>().ok().filter(|_| short)
    });
    let major = numbers.find_map(|number| number)?;
    Some((major, numbers.next().flatten().unwrap_or(0)))
}

impl Generation {
    /// A name without a version is taken for a model of today.
    fn of(model: &str) -> Self {
        if ["claude-mythos", "claude-fable"].iter().any(|family| model.contains(family)) {
            return Self::Always;
        }
        match version(model) {
            None | Some((4, 6)) => Self::Both,
            Some((major, minor)) if (major, minor) < (3, 7) => Self::Silent,
            Some((major, minor)) if (major, minor) < (4, 6) => Self::Budgets,
            Some(_) => Self::Words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_can_be_told_is_read_off_its_name() {
        for (model, generation) in [
            ("claude-3-5-haiku-20241022", Generation::Silent),
            ("claude-3-haiku-20240307", Generation::Silent),
            ("claude-3-7-sonnet-20250219", Generation::Budgets),
            ("anthropic/claude-3.7-sonnet", Generation::Budgets),
            ("claude-opus-4@20250514", Generation::Budgets),
            ("claude-haiku-4-5", Generation::Budgets),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Generation::Budgets),
            ("eu.anthropic.claude-opus-4-6-v1", Generation::Both),
            ("claude-opus-4-7", Generation::Words),
            ("claude-sonnet-5", Generation::Words),
            ("claude-fable-5", Generation::Always),
            ("sim-claude", Generation::Both),
        ] {
            assert_eq!(Generation::of(model), generation, "{model}");
        }
    }
}
