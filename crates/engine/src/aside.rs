//! A question put aside from the path of any client: what another model would have answered to the same request.
//!
//! What never happens here: a retry, a byte for a client, a record. Whoever asks bounds how often.

use std::time::{Duration, Instant};

use steersman_core::{Asked, ChatRequest, UpstreamCall, UpstreamError, Usd};
use steersman_wire::{Answer, DecodeError, EncodeError, ask_likelihood};

use crate::attempt::read_whole;
use crate::catalog::Candidate;

/// What a model answered.
#[derive(Debug, Clone)]
pub struct Aside {
    /// The answer.
    pub answer: Answer,
    /// What it cost; `None` where the price or the usage is unknown.
    pub cost: Option<Usd>,
    /// Time to the whole answer.
    pub took: Duration,
    /// Mean log-probability of its tokens, where the provider tells.
    pub likelihood: Option<f32>,
}

/// Whether a model is asked how likely it finds its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likelihood {
    /// It is, where its dialect has words for that.
    Asked,
    /// It is not.
    Unasked,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AsideError {
    /// The provider's dialect has no words for the request.
    #[error("the provider cannot express the request")]
    Encode(#[from] EncodeError),
    /// No answer came.
    #[error("the provider gave no answer")]
    Upstream(#[from] UpstreamError),
    /// An error came.
    #[error("the provider answered with HTTP {0}")]
    Status(u16),
    /// What came is no answer.
    #[error("the provider's answer cannot be read")]
    Decode(#[from] DecodeError),
}

/// Asks a candidate the same question once, unstreamed.
///
/// # Errors
/// [`AsideError`]; nothing is tried again.
pub async fn ask_aside(
    candidate: &Candidate,
    request: &ChatRequest,
    likelihood: Likelihood,
    limit: Duration,
) -> Result<Aside, AsideError> {
    let started = Instant::now();
    let mut request = request.clone();
    candidate.model.as_str().clone_into(&mut request.model);
    (request.stream, request.include_usage) = (false, false);
    candidate.thought.apply(&mut request);
    let provider = &candidate.provider;
    let body = provider.dialect.encode_request(&request)?.body;
    let asking = (likelihood == Likelihood::Asked).then(|| ask_likelihood(provider.dialect.name(), &body)).flatten();
    let body = asking.unwrap_or(body).into();
    let asked = Asked { dialect: provider.dialect.name(), model: candidate.model.clone() };
    let path = provider.dialect.call_path(candidate.model.as_str(), false);
    let call = UpstreamCall::ask(asked, path, body, false, Vec::new());
    let late = |_| UpstreamError::Timeout { kind: "total", limit };
    let exchange = async {
        let mut answer = provider.upstream.call(call).await?;
        Ok((answer.status, read_whole(&mut answer.body, limit).await?))
    };
    let (status, body) = tokio::time::timeout(limit, exchange).await.map_err(late).and_then(|done| done)?;
    if status >= 400 {
        return Err(AsideError::Status(status));
    }
    let answer = Answer::collect(&provider.dialect.decode_answer(&body)?);
    let served = (!answer.model.is_empty()).then(|| answer.model.as_str().into());
    let cost = answer.usage.and_then(|usage| candidate.cost(served.as_ref(), &usage));
    Ok(Aside { answer, cost, took: started.elapsed(), likelihood: steersman_wire::likelihood(&body) })
}
