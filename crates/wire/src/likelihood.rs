//! How likely a model found its own answer: log-probabilities of tokens, where a dialect tells them.
//!
//! OpenAI's chat format tells each token's (`choices[].logprobs.content[].logprob`) if asked with `logprobs: true`;
//! Gemini tells a mean (`candidates[].avgLogprobs`) unasked. No other dialect has words for it.
//!
//! What never happens here: a byte that is changed but for the log-probabilities.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::RawObject;
use crate::openai_chat;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    #[serde(default)]
    candidates: Vec<Candidate>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    avg_logprobs: Option<f32>,
}

#[derive(Deserialize)]
struct Tokens {
    content: Option<Vec<Token>>,
}

#[derive(Deserialize)]
struct Token {
    logprob: f32,
}

/// The mean log-probability of the first choice's tokens in a whole answer; `None` where it is not told.
#[must_use]
pub fn likelihood(body: &[u8]) -> Option<f32> {
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    if let Some(mean) = answer.candidates.first().and_then(|candidate| candidate.avg_logprobs) {
        return mean.is_finite().then_some(mean);
    }
    let told: Tokens = serde_json::from_str(answer.choices.first()?.logprobs?.get()).ok()?;
    let tokens = told.content.filter(|tokens| !tokens.is_empty())?;
    #[allow(clippy::cast_precision_loss, reason = "an answer's tokens are far fewer than 2^24")]
    let mean = tokens.iter().map(|token| token.logprob).sum::<f32>() / tokens.len() as f32;
    mean.is_finite().then_some(mean)
}

/// A request that asks for log-probabilities too. `None` if it does already, or its dialect has no words for that.
#[must_use]
pub fn ask_likelihood(dialect: &str, request: &[u8]) -> Option<Vec<u8>> {
    if dialect != openai_chat::NAME {
        return None;
    }
    let object = RawObject::parse(request).ok()?;
    let asks = object.get("logprobs").is_some_and(|asks| asks.get() == "true");
    (!asks).then(|| object.splice().set("logprobs", &true).finish())
}

/// The answer as it is for a client that asked for none: log-probabilities are `null`. `None` if there are none.
#[must_use]
pub fn without_likelihood(body: &[u8]) -> Option<Vec<u8>> {
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    let (mut out, mut done) = (Vec::with_capacity(body.len()), 0);
    for told in answer.choices.iter().filter_map(|choice| choice.logprobs) {
        let start = (told.get().as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
        out.extend_from_slice(body.get(done..start)?);
        out.extend_from_slice(b"null");
        done = start + told.get().len();
    }
    out.extend_from_slice(body.get(done..)?);
    (done > 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"{"id":"a", "choices": [ {"index":0,"logprobs":{"content":[{"token":"x","logprob":-0.5,"top_logprobs":[]},{"token":"y","logprob":-1.5}]},"message":{"content":"xy"}} ], "more":1}"#;

    #[test]
    fn it_is_the_mean_over_tokens_and_goes_without_touching_the_rest() {
        assert_eq!(likelihood(TOLD.as_bytes()), Some(-1.0));
        let bare = String::from_utf8(without_likelihood(TOLD.as_bytes()).unwrap()).unwrap();
        let left = r#"{"id":"a", "choices": [ {"index":0,"logprobs":null,"message":{"content":"xy"}} ], "more":1}"#;
        assert_eq!(bare, left);
        assert_eq!((likelihood(bare.as_bytes()), without_likelihood(bare.as_bytes())), (None, None));
        assert_eq!(likelihood(br#"{"candidates":[{"avgLogprobs":-0.25}]}"#), Some(-0.25));
    }

    #[test]
    fn only_a_dialect_with_words_for_it_is_asked_and_only_once() {
        let asks = ask_likelihood(openai_chat::NAME, br#"{"model":"m","logprobs":false}"#).unwrap();
        assert_eq!(String::from_utf8(asks.clone()).unwrap(), r#"{"model":"m","logprobs":true}"#);
        assert_eq!(ask_likelihood(openai_chat::NAME, &asks), None);
        assert_eq!(ask_likelihood("anthropic.messages", br#"{"model":"m"}"#), None);
    }
}
