//! `GET /v1/models`, `/v1beta/models`: every model and task that this client may name, in the form of its own API.
//!
//! What never happens here: a name that the client's key may not use is told, in a list or one by one.

use std::sync::Arc;

use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use steersman_engine::{Candidate, Engine, Refusal};
use steersman_wire::Dialect;
use steersman_wire::anthropic::AnthropicMessages;
use steersman_wire::gemini::Gemini;
use steersman_wire::openai_chat::OpenAiChat;

use super::credential::Credential;
use super::{Surface, error, passed};

/// The header that every client of the Anthropic API sends.
const ANTHROPIC_VERSION: &str = "anthropic-version";
/// Headers that clients of Google's API send, one or both.
const GOOGLE_HEADERS: [&str; 2] = ["x-goog-api-client", "x-goog-api-key"];

/// Below the version of each dialect.
pub(super) fn router() -> Router<Arc<Surface>> {
    [OpenAiChat.root(), Gemini.root()].into_iter().fold(Router::new(), |router, root| {
        // Its other methods are those of calls, which stand at the same paths.
        router
            .route(&format!("{root}/models"), get(list).fallback(passed::missed))
            .route(&format!("{root}/models/{{*id}}"), get(retrieve))
    })
}

/// Whose form of the list a client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    OpenAi,
    Anthropic,
    Google,
}

/// One name that may be asked for.
struct Entry {
    name: String,
    owner: String,
    /// The most tokens that an answer may have, where the configuration says so.
    output_limit: Option<u64>,
}

/// Which part of the list is asked for, in the words of all three APIs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Window {
    limit: Option<usize>,
    after_id: Option<String>,
    before_id: Option<String>,
    #[serde(rename = "pageSize")]
    page_size: Option<usize>,
    #[serde(rename = "pageToken")]
    page_token: Option<String>,
}

impl Form {
    /// Told by the path, or by the headers that clients of the other two APIs send.
    fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        if headers.contains_key(ANTHROPIC_VERSION) {
            return Self::Anthropic;
        }
        let is_google = uri.path().starts_with(&format!("{}/", Gemini.root()))
            || GOOGLE_HEADERS.iter().any(|name| headers.contains_key(*name));
        if is_google { Self::Google } else { Self::OpenAi }
    }

    const fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::OpenAi => &OpenAiChat,
            Self::Anthropic => &AnthropicMessages,
            Self::Google => &Gemini,
        }
    }

    /// No provider's dates are known: they are zero.
    fn entry(self, entry: &Entry) -> Value {
        let id = &entry.name;
        match self {
            Self::OpenAi => json!({ "id": id, "object": "model", "created": 0, "owned_by": entry.owner }),
            Self::Anthropic => {
                json!({ "type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z" })
            }
            Self::Google => {
                let mut model = json!({
                    "name": format!("models/{id}"), "displayName": id, "description": format!("served by {}", entry.owner),
                    "supportedGenerationMethods": ["generateContent"],
                });
                if let Some(members) = model.as_object_mut() {
                    members.extend(entry.output_limit.map(|limit| ("outputTokenLimit".to_owned(), json!(limit))));
                }
                model
            }
        }
    }

    /// A part of the list; `more`: the list goes on behind it.
    fn list(self, entries: &[Entry], more: bool) -> Value {
        let data: Vec<_> = entries.iter().map(|entry| self.entry(entry)).collect();
        let (first, last) = (entries.first().map(|entry| &entry.name), entries.last().map(|entry| &entry.name));
        match self {
            Self::OpenAi => json!({ "object": "list", "data": data }),
            Self::Anthropic => json!({ "data": data, "has_more": more, "first_id": first, "last_id": last }),
            Self::Google => match last.filter(|_| more) {
                Some(last) => json!({ "models": data, "nextPageToken": last }),
                None => json!({ "models": data }),
            },
        }
    }
}

impl Window {
    /// The part, and whether the list goes on: all of it where no part is asked for. The place of a name that is gone
    /// is the end of the list.
    fn cut(&self, form: Form, entries: Vec<Entry>) -> (Vec<Entry>, bool) {
        let place = |name: &String| entries.iter().position(|entry| entry.name == *name).unwrap_or(entries.len());
        let (after, before, most) = match form {
            Form::OpenAi => (None, None, None),
            Form::Anthropic => (self.after_id.as_ref(), self.before_id.as_ref(), self.limit),
            Form::Google => (self.page_token.as_ref(), None, self.page_size),
        };
        let most = most.filter(|most| *most > 0).unwrap_or(entries.len());
        let (from, to) = match before.map(place) {
            Some(end) => (end.saturating_sub(most), end),
            None => {
                let from = after.map_or(0, |name| (place(name) + 1).min(entries.len()));
                (from, (from + most).min(entries.len()))
            }
        };
        let more = if before.is_some() { from > 0 } else { to < entries.len() };
        (entries.into_iter().skip(from).take(to - from).collect(), more)
    }
}

async fn list(
    State(surface): State<Arc<Surface>>,
    Query(window): Query<Window>,
    credential: Option<Extension<Credential>>,
    uri: Uri,
    headers: HeaderMap,
) -> Json<Value> {
    let (engine, form) = (surface.engine(), Form::of(&uri, &headers));
    let catalog = engine.catalog();
    let models = catalog.models().map(|(name, candidate)| entry(name.to_owned(), Some(candidate)));
    let tasks = catalog.tasks().map(|task| entry(format!("task/{task}"), None));
    let may_ask = |entry: &Entry| may_ask(&engine, credential.as_ref(), &entry.name).is_ok();
    let entries = models.chain(tasks).filter(may_ask).collect();
    let (entries, more) = window.cut(form, entries);
    Json(form.list(&entries, more))
}

/// One model. Any `provider/model` of a configured provider exists.
async fn retrieve(
    State(surface): State<Arc<Surface>>,
    Path(id): Path<String>,
    credential: Option<Extension<Credential>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let (engine, form) = (surface.engine(), Form::of(&uri, &headers));
    let found =
        may_ask(&engine, credential.as_ref(), &id).and_then(|()| engine.catalog().resolve(&id).map_err(Refusal::from));
    match found {
        Ok(resolved) => {
            let candidate = resolved.candidates.first().filter(|_| resolved.task.is_none());
            Json(form.entry(&entry(id, candidate))).into_response()
        }
        Err(refusal) => error::refuse(form.dialect(), refusal.code, &refusal.message, Some("model")),
    }
}

/// Whether the key that a request came with may ask for this name.
fn may_ask(engine: &Engine, credential: Option<&Extension<Credential>>, name: &str) -> Result<(), Refusal> {
    engine.admit().may_ask(credential.map(|Extension(Credential(hash))| hash), name)
}

/// A model of a candidate, or a task.
fn entry(name: String, candidate: Option<&Candidate>) -> Entry {
    Entry {
        name,
        owner: candidate.map_or("steersman", |candidate| candidate.provider.name.as_str()).to_owned(),
        output_limit: candidate.and_then(|candidate| candidate.thought.max_output_tokens),
    }
}
