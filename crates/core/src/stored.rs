//! A response that its client may ask for again by its id, or go on from: what the engine keeps and the store holds.

/// One response, and what it takes to go on from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// Its id.
    pub id: String,
    /// The virtual key whose it is; empty for whoever needs none. Nobody else may see it or go on from it.
    pub owner: String,
    /// The provider that keeps it too and can go on from its id; `None` where only the gateway does.
    pub provider: Option<String>,
    /// When it was made, in microseconds since the Unix epoch.
    pub created_at_us: i64,
    /// The items of its own request: a JSON array.
    pub input: String,
    /// All items up to and including its output: a JSON array.
    pub conversation: String,
    /// The response object, as its client saw it.
    pub response: String,
}
