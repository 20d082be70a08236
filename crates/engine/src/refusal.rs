//! Why a request gets an error instead of an answer, on its way to a client.

use steersman_core::Code;
use steersman_wire::{DecodeError, EncodeError, ErrorBody};

use crate::catalog::UnknownModel;
use crate::rejection::Rejection;

/// A refusal or failure as the client will see it: a code of the table, a message, and where it lies.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The row of the code table.
    pub code: &'static Code,
    /// The HTTP status; the code's own unless a provider's status is handed on.
    pub status: u16,
    /// One sentence for a person.
    pub message: String,
    /// The member of the request that is to blame.
    pub param: Option<String>,
    /// How many seconds to wait, where waiting helps.
    pub retry_after_s: Option<u64>,
    /// The provider's own error body in the client's dialect, handed on as it came.
    pub body: Option<bytes::Bytes>,
    /// What was wrong with an answer that was not released.
    pub(crate) rejection: Option<Box<Rejection>>,
}

impl Refusal {
    /// A refusal with a code and a message.
    #[must_use]
    pub fn new(code: &'static Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, status: code.status, message, param: None, retry_after_s: None, body: None, rejection: None }
    }

    /// Names the member of the request that is to blame.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
}

impl Refusal {
    /// The error object's content.
    #[must_use]
    pub fn to_error_body(&self) -> ErrorBody {
        ErrorBody {
            kind: self.code.openai_type.to_owned(),
            message: self.message.clone(),
            param: self.param.clone(),
            code: Some(self.code.name.to_owned()),
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let refusal = Self::new(error.code(), error.to_string());
        match error.param() {
            Some(param) => refusal.param(param),
            None => refusal,
        }
    }
}

impl From<EncodeError> for Refusal {
    fn from(error: EncodeError) -> Self {
        Self::new(Code::UNSUPPORTED, error.to_string()).param(error.param())
    }
}

impl From<UnknownModel> for Refusal {
    fn from(unknown: UnknownModel) -> Self {
        let UnknownModel { asked, nearest } = unknown;
        let close = nearest.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        let advice = if close.is_empty() {
            "`GET /v1/models` lists all; any other model of a provider is `provider/model`".to_owned()
        } else {
            format!("did you mean {close}? `GET /v1/models` lists all")
        };
        Self::new(Code::MODEL_NOT_FOUND, format!("no provider serves the model `{asked}`; {advice}")).param("model")
    }
}
