//! A model's effort and output limit: one upstream model under two efforts is two models here.

use steersman_core::nearest;
use steersman_engine::{Effort, Thought};

use super::document::Value;
use super::error::ConfigError;
use super::typed::Reader;

/// Reads them off `[models.NAME]`.
pub(super) fn read(read: &Reader<'_>, model: &str) -> Result<Thought, ConfigError> {
    let at = |key: &'static str| ["models", model, key];
    if let Some((Value::Integer(most), _)) = read.document.find(&at("effort")) {
        return Ok(Thought { effort: Some(Effort::Tokens(*most)), max_output_tokens: limit(read, model)? });
    }
    let effort = read.text(&at("effort")).map(|word| {
        if Thought::EFFORTS.contains(&word.as_str()) {
            return Ok(Effort::Level(word.into()));
        }
        let close =
            nearest(&word, Thought::EFFORTS.iter().copied()).first().map(|close| format!("did you mean `{close}`? "));
        Err(read.wrong(&at("effort"), &format!("`{word}` is no effort")).hint(format!(
            "{}known: {}, or a whole number: the most tokens of thought",
            close.unwrap_or_default(),
            Thought::EFFORTS.join(", ")
        )))
    });
    Ok(Thought { effort: effort.transpose()?, max_output_tokens: limit(read, model)? })
}

fn limit(read: &Reader<'_>, model: &str) -> Result<Option<u64>, ConfigError> {
    let at = ["models", model, "max_output_tokens"];
    read.document.find(&at).map(|_| read.positive(&at)).transpose()
}
