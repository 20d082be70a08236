//! Effort in OpenAI's words: each generation of its models knows another part of the scale, and none counts tokens.
//!
//! Source: developers.openai.com, "Reasoning models": `o1` to `o4` know `low` to `high`; `gpt-5` adds `minimal`;
//! `gpt-5.1` has `none` in its place; later ones add `xhigh`. Models of other houses that speak this dialect get what
//! was said.
//!
//! What never happens here: a cap of tokens without a word that stands for it, or a word the model is known to refuse.

use steersman_core::ChatRequest;

use crate::effort;
use crate::error::Loss;
use crate::extra::Extras;

/// The words that a model knows; `None` for one that is not OpenAI's. No words at all: it does not think.
fn known(model: &str) -> Option<&'static [&'static str]> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let of_series = |number: char| name.strip_prefix('o').is_some_and(|rest| rest.starts_with(number));
    if ["gpt-3.5", "gpt-4", "chatgpt-"].iter().any(|family| name.starts_with(family)) {
        return Some(&[]);
    }
    if ['1', '3', '4'].into_iter().any(of_series) {
        return Some(&["low", "medium", "high"]);
    }
    let rest = name.strip_prefix("gpt-5")?;
    let minor = rest.strip_prefix('.').and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
    Some(match minor {
        _ if rest.ends_with("-chat-latest") => &[],
        None if rest.starts_with("-pro") => &["high"],
        None => &["minimal", "low", "medium", "high"],
        Some(1) if rest.contains("codex-max") => &["none", "low", "medium", "high", "xhigh"],
        Some(1) => &["none", "low", "medium", "high"],
        Some(_) => &["none", "low", "medium", "high", "xhigh"],
    })
}

/// The word to write; `None` where nothing was asked, the client's own words go back, or the model does not think.
pub(crate) fn word<'r>(request: &'r ChatRequest, extras: &Extras<'_>, losses: &mut Vec<Loss>) -> Option<&'r str> {
    let asked = effort::word(request, extras, losses)?;
    let Some(known) = known(&request.model) else { return Some(asked) };
    let mut lose = |what| losses.push(Loss { param: "reasoning_effort".to_owned(), what });
    if known.is_empty() {
        if asked != "none" {
            lose("left out: this model does not think");
        }
        return None;
    }
    if known.contains(&asked) || !effort::WORDS.contains(&asked) {
        return Some(asked);
    }
    let place = |word: &str| effort::WORDS.iter().position(|known| *known == word).unwrap_or_default();
    let nearest = known.iter().min_by_key(|word| place(word).abs_diff(place(asked)))?;
    lose(match *nearest {
        "none" => "written as `none`, the nearest that this model knows",
        "minimal" => "written as `minimal`, the nearest that this model knows",
        "low" => "written as `low`, the nearest that this model knows",
        "high" => "written as `high`, the nearest that this model knows",
        _ => "written as `xhigh`, the nearest that this model knows",
    });
    Some(nearest)
}
