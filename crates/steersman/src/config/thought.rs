//! A model's effort and output limit: one upstream model under two efforts is two models here.

use steersman_core::nearest;
use steersman_engine::Thought;

use super::error::ConfigError;
use super::settings::Reader;

/// Reads them off `[models.NAME]`.
pub(super) fn read(read: &Reader<'_>, model: &str) -> Result<Thought, ConfigError> {
    let at = |key: &'static str| ["models", model, key];
    let effort = read.text(&at("effort")).map(|word| {
        if Thought::EFFORTS.contains(&word.as_str()) {
            return Ok(word.into());
        }
        let close =
            nearest(&word, Thought::EFFORTS.iter().copied()).first().map(|close| format!("did you mean `{close}`? "));
        Err(read.wrong(&at("effort"), &format!("`{word}` is no effort")).hint(format!(
            "{}known: {}",
            close.unwrap_or_default(),
            Thought::EFFORTS.join(", ")
        )))
    });
    let limit = read.document.find(&at("max_output_tokens")).map(|_| read.positive(&at("max_output_tokens")));
    Ok(Thought { effort: effort.transpose()?, max_output_tokens: limit.transpose()? })
}
