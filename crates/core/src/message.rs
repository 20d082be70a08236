//! The canonical conversation: one form that each dialect translates to and from.
//!
//! It is used where a request changes dialect, where the guard reads a transcript and where a person reads a record.
//! A request that stays in its dialect never passes through it: its bytes leave as they came.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The operator: system and developer messages.
    System,
    /// The end user.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// One message of a conversation.
#[derive(Debug, Clone)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// One part of a message.
#[derive(Debug, Clone)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// An image, inline or by address.
    Image(Image),
    /// A tool call that the model proposes.
    ToolCall(ToolCall),
    /// What a tool call gave.
    ToolResult(ToolResult),
    /// A trace of thought, with the provider's signature or opaque data that must travel back unchanged.
    Reasoning(Reasoning),
    /// The model declined, in its own words.
    Refusal(String),
    /// A part that this house does not model (audio, files, documents), as the dialect named here wrote it. Encoding
    /// it in another dialect is an error, never a silent loss.
    Foreign {
        /// The dialect that wrote it.
        dialect: &'static str,
        /// The part as it came.
        json: Box<RawValue>,
    },
}

/// An image part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// Where to fetch it.
    Url(String),
    /// The bytes in base64, with their media type (`image/png`).
    Base64 {
        /// The media type.
        media_type: String,
        /// The data, in base64 as it came.
        data: String,
    },
}

/// A tool call that a model proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The id that pairs it with its result; the model's word, unique within one answer at best.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as the model wrote them: JSON text, possibly broken.
    pub arguments: String,
}

/// What a tool call gave, for the model to read.
#[derive(Debug, Clone)]
pub struct ToolResult {
    /// The id of the call.
    pub call_id: String,
    /// What came back, as parts (text and images).
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// A trace of thought. Opaque to this house: carried, metered, never shown without policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasoning {
    /// The visible text, possibly a summary, possibly empty.
    pub text: String,
    /// The provider's signature over it.
    pub signature: Option<String>,
    /// Redacted thinking, in the provider's encoding.
    pub redacted: Option<String>,
}

/// A tool as it is offered to a model.
#[derive(Debug, Clone)]
pub struct ToolSpec {
    /// The tool's name.
    pub name: String,
    /// What it does, for the model.
    pub description: Option<String>,
    /// The JSON Schema of its arguments, as it came.
    pub parameters: Option<Box<RawValue>>,
    /// Whether arguments must follow the schema exactly.
    pub strict: Option<bool>,
}

/// Which tool a model may or must call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No tool.
    None,
    /// At least one tool.
    Required,
    /// This tool.
    Tool(String),
}

/// The form that an answer must have.
#[derive(Debug, Clone)]
pub enum ResponseFormat {
    /// Free text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// A value of this JSON Schema.
    JsonSchema {
        /// The schema's name.
        name: String,
        /// The schema, as it came.
        schema: Box<RawValue>,
        /// Whether the provider is asked to enforce it.
        strict: Option<bool>,
    },
}

/// A whole request in canonical form.
#[derive(Debug, Clone, Default)]
pub struct ChatRequest {
    /// The model asked for.
    pub model: String,
    /// The conversation, system messages included, in order.
    pub messages: Vec<Message>,
    /// The tools offered, in the order given (prompt caches depend on it).
    pub tools: Vec<ToolSpec>,
    /// Which tool may or must be called.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several calls may come in one answer.
    pub parallel_tool_calls: Option<bool>,
    /// The form of the answer.
    pub response_format: Option<ResponseFormat>,
    /// The most tokens to produce, reasoning included.
    pub max_output_tokens: Option<u64>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Nucleus sampling mass.
    pub top_p: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// The sampling seed.
    pub seed: Option<i64>,
    /// How many answers.
    pub n: Option<u32>,
    /// Reasoning effort in the words of the OpenAI API (`none`, `low`, ...), if asked for.
    pub reasoning_effort: Option<String>,
    /// The most tokens to think, where the client counts them rather than naming an effort.
    pub max_reasoning_tokens: Option<u64>,
    /// An opaque id of the end user.
    pub user: Option<String>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether a stream ends with a usage report.
    pub include_usage: bool,
    /// The dialect that `extra` was read from; `None` for a request that was made here.
    pub dialect: Option<&'static str>,
    /// What the canonical form does not model, as it came: members of the request by name, members deeper down by their
    /// RFC 6901 pointer into the canonical form (`/messages/0/parts/1/cache_control`), or whole tools (`/tools/2`).
    pub extra: Vec<(String, Box<RawValue>)>,
}
