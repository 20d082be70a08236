//! What the protocol needs to know of the loaded model.

/// The model as its file describes it.
#[derive(Debug, Clone, Default)]
pub struct ModelFacts {
    /// The name it is served under.
    pub name: String,
    /// The chat template inside the file (Jinja), if it has one.
    pub chat_template: Option<String>,
    /// The text of the token that begins a prompt.
    pub bos: String,
    /// The text of the token that ends an answer.
    pub eos: String,
    /// The context window it was opened with, in tokens.
    pub context_tokens: u32,
    /// The texts of all control tokens, which no message may contain as such.
    pub control_texts: Vec<String>,
}
