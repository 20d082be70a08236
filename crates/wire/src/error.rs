//! What can go wrong between bytes and the canonical form, named by the member that it happened at.
//!
//! `param` is written as the OpenAI API writes it: `messages[0].content[1].image_url`.

use steersman_core::Code;

use crate::json::JsonError;

/// Why bytes could not be read as a request or an answer of a dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are no JSON object.
    #[error("not valid JSON: {0}")]
    Json(#[from] JsonError),
    /// A member of the request stands in it more than once.
    #[error("`{param}` stands more than once, and readers disagree on which one counts")]
    Repeated {
        /// The member.
        param: String,
    },
    /// A member is missing.
    #[error("`{param}` is required")]
    Missing {
        /// The member.
        param: String,
    },
    /// A member has the wrong JSON type.
    #[error("`{param}` must be {expected}, not {found}")]
    Type {
        /// The member.
        param: String,
        /// What it must be, with its article.
        expected: &'static str,
        /// What it is, with its article.
        found: &'static str,
    },
    /// A member has a value that the dialect does not know.
    #[error("`{param}` must be {expected}, not `{found}`")]
    Value {
        /// The member.
        param: String,
        /// The allowed values.
        expected: &'static str,
        /// The value, cut to a readable length.
        found: String,
    },
}

impl DecodeError {
    /// A member stands more than once.
    #[must_use]
    pub fn repeated(key: &str) -> Self {
        Self::Repeated { param: key.chars().take(80).collect() }
    }

    /// The member that is at fault, if one is.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Json(_) => None,
            Self::Repeated { param }
            | Self::Missing { param }
            | Self::Type { param, .. }
            | Self::Value { param, .. } => Some(param),
        }
    }

    /// The outward code when it is a client's request that could not be read.
    #[must_use]
    pub const fn code(&self) -> &'static Code {
        match self {
            Self::Json(_) => Code::INVALID_JSON,
            _ => Code::INVALID_REQUEST,
        }
    }
}

/// Why a request cannot be written in a dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The dialect has no words for a part, and leaving it out would change what is asked.
    #[error("`{param}`: {dialect} cannot express {what}")]
    Unsupported {
        /// The part, as the canonical form counts messages and parts.
        param: String,
        /// The dialect.
        dialect: &'static str,
        /// What it cannot express.
        what: &'static str,
    },
}

impl EncodeError {
    /// That `dialect` cannot say `what`.
    pub(crate) fn unsupported(dialect: &'static str, param: impl Into<String>, what: &'static str) -> Self {
        Self::Unsupported { param: param.into(), dialect, what }
    }

    /// The part that is at fault.
    #[must_use]
    pub fn param(&self) -> &str {
        match self {
            Self::Unsupported { param, .. } => param,
        }
    }
}

/// Something that was left out or changed because the dialect has no words for it, and that is told instead of hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The part.
    pub param: String,
    /// What became of it.
    pub what: &'static str,
}

impl Loss {
    /// Adds a loss to a list unless it is there: a stream that loses the same thing in each chunk says so once.
    pub(crate) fn record(losses: &mut Vec<Self>, param: impl Into<String>, what: &'static str) {
        let loss = Self { param: param.into(), what };
        if !losses.contains(&loss) {
            losses.push(loss);
        }
    }
}

/// Bytes in a dialect, with everything that they do not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoded {
    /// The body.
    pub body: Vec<u8>,
    /// What was left out or changed.
    pub losses: Vec<Loss>,
}

impl ErrorBody {
    /// The error that an event tells. One of our own codes is written with its type, as in a body that is an error.
    pub(crate) fn told(kind: &str, message: &str) -> Self {
        let code = Code::named(kind);
        Self {
            kind: code.map_or(kind, |code| code.openai_type).to_owned(),
            message: message.to_owned(),
            param: None,
            code: code.map(|code| code.name.to_owned()),
        }
    }

    /// Whether it says that a prompt is longer than its model's context: most providers have no code for that.
    #[must_use]
    pub fn is_of_length(&self) -> bool {
        const WORDS: [&str; 5] = [
            "prompt is too long",
            "input length and `max_tokens` exceed",
            "maximum context length",
            "exceeds the maximum number of tokens",
            "exceeds the context window",
        ];
        let message = self.message.to_ascii_lowercase();
        self.code.as_deref() == Some(Code::CONTEXT_LENGTH_EXCEEDED.name)
            || WORDS.iter().any(|words| message.contains(words))
    }

    /// The HTTP status that its code or its kind stands for; `None` for words that none is known for.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let words = [self.code.as_deref(), Some(self.kind.as_str())];
        words.into_iter().flatten().find_map(|word| match word {
            "invalid_request_error" | "invalid_prompt" | "INVALID_ARGUMENT" | "FAILED_PRECONDITION" => Some(400),
            "authentication_error" | "UNAUTHENTICATED" => Some(401),
            "permission_error" | "PERMISSION_DENIED" => Some(403),
            "not_found_error" | "NOT_FOUND" => Some(404),
            "request_too_large" => Some(413),
            "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" => Some(429),
            "server_error" | "api_error" | "INTERNAL" => Some(500),
            "overloaded_error" | "UNAVAILABLE" => Some(503),
            "timeout_error" | "DEADLINE_EXCEEDED" => Some(504),
            word => {
                let number = word.parse().ok().filter(|status| (400..600).contains(status));
                number.or_else(|| Code::named(word).map(|code| code.status))
            }
        })
    }
}

/// A provider's error, in the terms all dialects share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorBody {
    /// The dialect's error type (`invalid_request_error`).
    pub kind: String,
    /// What happened, for a person.
    pub message: String,
    /// The member of the request at fault.
    pub param: Option<String>,
    /// The stable code, where the dialect has one.
    pub code: Option<String>,
}
