//! A dialect as a cloud hosts it: the same words in another envelope.
//!
//! A cloud names the model in the path, wants its own version in the body instead of a header, and may frame streams
//! its own way. What is said does not change, so none of these is a dialect of its own.
//!
//! Sources: docs.aws.amazon.com/bedrock, "Anthropic Claude Messages API" and "InvokeModelWithResponseStream";
//! docs.cloud.google.com/vertex-ai, "Use Claude models" (`rawPredict`) and "generateContent"; the members that move are
//! those that Anthropic's own SDKs move.

use serde_json::value::RawValue;

use crate::address::{Address, ByModel, Named};
use crate::anthropic::AnthropicMessages;
use crate::dialect::Dialect;
use crate::eventstream::Message;
use crate::fields::as_text;
use crate::gemini::Gemini;
use crate::json::{JsonError, RawObject};
use crate::openai_chat::OpenAiChat;
use crate::{sse, write};

/// One dialect at one cloud.
#[derive(Debug)]
pub struct Hosted {
    /// What is spoken.
    pub dialect: &'static dyn Dialect,
    /// Where its calls go, below the cloud's base address.
    pub address: Address,
    /// The value of the member `anthropic_version`, which stands in for the header.
    pub version: Option<&'static str>,
    /// Whether the body still says that it wants a stream.
    pub keeps_stream: bool,
    /// Whether the header `anthropic-beta` becomes the member `anthropic_beta`, and streams are framed as
    /// `application/vnd.amazon.eventstream`.
    pub is_aws: bool,
}

/// Claude at Amazon Bedrock.
pub static BEDROCK_ANTHROPIC: Hosted = Hosted {
    dialect: &AnthropicMessages,
    address: Address::ByModel(ByModel { before: "/model/", whole: "/invoke", stream: "/invoke-with-response-stream" }),
    version: Some("bedrock-2023-05-31"),
    keeps_stream: false,
    is_aws: true,
};

/// The OpenAI format at Amazon Bedrock.
pub static BEDROCK_OPENAI: Hosted = Hosted {
    dialect: &OpenAiChat,
    address: Address::Fixed("/openai/v1/chat/completions"),
    version: None,
    keeps_stream: true,
    is_aws: false,
};

/// Claude at Google Vertex AI.
pub static VERTEX_ANTHROPIC: Hosted = Hosted {
    dialect: &AnthropicMessages,
    address: Address::ByModel(ByModel {
        before: "/publishers/anthropic/models/",
        whole: ":rawPredict",
        stream: ":streamRawPredict",
    }),
    version: Some("vertex-2023-10-16"),
    keeps_stream: true,
    is_aws: false,
};

/// Gemini at Google Vertex AI.
pub static VERTEX_GEMINI: Hosted = Hosted {
    dialect: &Gemini,
    address: Address::ByModel(ByModel {
        before: "/publishers/google/models/",
        whole: ":generateContent",
        stream: ":streamGenerateContent?alt=sse",
    }),
    version: None,
    keeps_stream: false,
    is_aws: false,
};

/// The OpenAI format at Google Vertex AI.
pub static VERTEX_OPENAI: Hosted = Hosted {
    dialect: &OpenAiChat,
    address: Address::Fixed("/endpoints/openapi/chat/completions"),
    version: None,
    keeps_stream: true,
    is_aws: false,
};

/// Every dialect at every cloud.
pub static HOSTED: &[&Hosted] =
    &[&BEDROCK_ANTHROPIC, &BEDROCK_OPENAI, &VERTEX_ANTHROPIC, &VERTEX_GEMINI, &VERTEX_OPENAI];

impl Hosted {
    /// The body as the cloud wants it. `betas` is the header of that name, where it becomes a member.
    ///
    /// # Errors
    /// [`JsonError`] for what is no JSON object.
    pub fn body(&self, body: &[u8], betas: Option<&str>) -> Result<Vec<u8>, JsonError> {
        if matches!(self.address, Address::Fixed(_)) {
            return Ok(body.to_vec());
        }
        let object = RawObject::parse(body)?;
        let mut splice = object.splice().remove("model");
        if !self.keeps_stream {
            splice = splice.remove("stream");
        }
        if let Some(version) = self.version.filter(|_| object.get("anthropic_version").is_none()) {
            splice = splice.set("anthropic_version", version);
        }
        if let Some(betas) = betas.filter(|_| self.is_aws && object.get("anthropic_beta").is_none()) {
            let list: Vec<&str> = betas.split(',').map(str::trim).filter(|beta| !beta.is_empty()).collect();
            splice = splice.set("anthropic_beta", &list);
        }
        Ok(splice.finish())
    }

    /// What the path of a call to the cloud says, wherever its base address ends; for a provider, as the simulator is
    /// one.
    #[must_use]
    pub fn read(&self, path_and_query: &str) -> Option<Option<Named>> {
        match self.address {
            Address::Fixed(path) => path_and_query.ends_with(path).then_some(None),
            Address::ByModel(form) => {
                let at = path_and_query.find(form.before)?;
                path_and_query.get(at..).and_then(|path| form.read(path)).map(Some)
            }
        }
    }
}

/// A message of Bedrock's stream as a server-sent event of the dialect that it carries; `None` for what carries none.
#[must_use]
pub fn event_of(message: &Message) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let text = |key: &str| {
        let object = RawObject::parse(&message.payload).ok()?;
        object.get(key).and_then(as_text).map(std::borrow::Cow::into_owned)
    };
    if message.header(":message-type") == Some("event") {
        let data = base64_decoded(&text("bytes")?)?;
        let kind = serde_json::from_slice::<&RawValue>(&data).ok().and_then(|raw| {
            let object = RawObject::of(raw).ok()?;
            object.get("type").and_then(as_text).map(std::borrow::Cow::into_owned)
        });
        sse::write_frame(&mut out, kind.as_deref(), &data);
        return Some(out);
    }
    let word = message.header(":exception-type").or_else(|| message.header(":error-code")).unwrap_or("error");
    let said = text("message").or_else(|| message.header(":error-message").map(str::to_owned));
    let mut data = Vec::new();
    write::object(&mut data, |out| {
        out.string("type", "error");
        out.object("error", |out| {
            out.string("type", error_kind(word));
            out.string("message", said.as_deref().unwrap_or(word));
        });
    });
    sse::write_frame(&mut out, Some("error"), &data);
    Some(out)
}

/// The message that carries one server-sent event's data; for a provider, as the simulator is one.
#[must_use]
pub fn message_of(data: &[u8]) -> Message {
    let mut payload = Vec::new();
    write::object(&mut payload, |out| out.string("bytes", &base64_encoded(data)));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![
        header(":event-type", "chunk"),
        header(":content-type", "application/json"),
        header(":message-type", "event"),
    ];
    Message { headers, payload: payload.into() }
}

/// Anthropic's word for an exception of Bedrock.
fn error_kind(exception: &str) -> &'static str {
    match exception {
        "throttlingException" => "rate_limit_error",
        "validationException" => "invalid_request_error",
        "serviceUnavailableException" => "overloaded_error",
        "modelTimeoutException" => "timeout_error",
        _ => "api_error",
    }
}

fn base64_decoded(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

fn base64_encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        br#"{"model":"claude","max_tokens":5,"stream":true,"messages":[{"role":"user","content":"a"}]}"#;

    fn written(hosted: &Hosted, betas: Option<&str>) -> String {
        String::from_utf8(hosted.body(BODY, betas).expect("an object")).expect("text")
    }

    #[test]
    fn each_cloud_gets_the_envelope_that_it_wants() {
        let aws = written(&BEDROCK_ANTHROPIC, Some("a-1, b-2"));
        assert_eq!(
            aws,
            r#"{"max_tokens":5,"messages":[{"role":"user","content":"a"}],"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a-1","b-2"]}"#
        );
        let google = written(&VERTEX_ANTHROPIC, Some("a-1"));
        assert!(google.contains(r#""stream":true"#) && google.contains("vertex-2023-10-16"), "{google}");
        assert!(!google.contains("model") && !google.contains("anthropic_beta"), "{google}");
        assert_eq!(written(&BEDROCK_OPENAI, None).as_bytes(), BODY);
    }

    #[test]
    fn a_path_below_any_base_address_is_read() {
        let path = format!("/v1/projects/p/locations/l{}", VERTEX_ANTHROPIC.address.path("claude@1", true));
        let named = VERTEX_ANTHROPIC.read(&path).expect("its own").expect("a model");
        assert_eq!((named.model.as_str(), named.stream), ("claude@1", true));
        assert_eq!(VERTEX_GEMINI.read(&path), None);
    }

    #[test]
    fn events_and_exceptions_of_the_stream_become_events_of_the_dialect() {
        let event = event_of(&message_of(br#"{"type":"ping"}"#)).expect("an event");
        assert_eq!(String::from_utf8_lossy(&event), "event: ping\ndata: {\"type\":\"ping\"}\n\n");
        let headers = [(":message-type", "exception"), (":exception-type", "throttlingException")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let error = event_of(&Message { headers, payload: r#"{"message":"Too many."}"#.into() }).expect("an event");
        let error = String::from_utf8_lossy(&error).into_owned();
        assert!(error.contains(r#""type":"rate_limit_error","message":"Too many.""#), "{error}");
    }
}
