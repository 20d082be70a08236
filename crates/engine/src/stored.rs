//! Responses that a client may go on from: recalled before the request is read, kept before its end is told.
//!
//! `previous_response_id` becomes the items that it stands for, so that any provider can go on, and guard and record
//! see the whole conversation. Only where every candidate keeps the response itself does the id go on as it came; the
//! guard is shown the items all the same. The last event of a stream, or a whole body, is held until its response is on
//! disk; if that fails, the answer says `store: false`.
//!
//! What never happens here: an answer whose id is told as stored and is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use steersman_core::{BoxFuture, Code, StoredResponse};
use steersman_wire::json::{RawObject, elements};
use steersman_wire::openai_responses;
use steersman_wire::sse::{SseDecoder, write_frame};

use crate::admit::Admit;
use crate::catalog::Catalog;
use crate::guard;
use crate::refusal::Refusal;
use crate::reply::{Inbound, Reply, ReplyBody};

/// The largest frame of a stream that is looked at.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// Why a response could not be kept or recalled.
#[derive(Debug, thiserror::Error)]
#[error("stored responses cannot be reached: {0}")]
pub struct BookError(pub String);

/// Whoever keeps responses, durably.
pub trait ResponseBook: Send + Sync {
    /// Returns once the response is on disk.
    fn keep(&self, kept: StoredResponse) -> BoxFuture<'_, Result<(), BookError>>;

    /// The response with this id; `None` if there is none.
    fn recall<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<StoredResponse>, BookError>>;
}

/// What is needed to keep the answer to one request.
pub(crate) struct Keeping {
    book: Arc<dyn ResponseBook>,
    owner: String,
    created_at_us: i64,
    /// The id of an answer that the gateway wrote; any other is the provider's own.
    own_id: Option<String>,
    input: String,
    /// Items before `input`, without brackets.
    before: String,
    /// What of all these is marked as written by somebody else, as an item of its own; empty: nothing.
    marks: String,
}

/// The type of an item that no provider sees: the texts that the client marked, each with its origin.
const MARKS: &str = "steersman.quoted";

#[derive(Serialize, Deserialize)]
struct Marks {
    r#type: String,
    texts: BTreeMap<String, String>,
}

/// The items of a kept conversation, without brackets, and what of them is marked.
fn unmarked(conversation: &str) -> (String, BTreeMap<String, String>) {
    let mut texts = BTreeMap::new();
    if !conversation.contains(MARKS) {
        return (inner(conversation).to_owned(), texts);
    }
    let array = RawValue::from_string(conversation.to_owned()).unwrap_or_default();
    let mut items = Vec::new();
    for item in elements(&array) {
        match serde_json::from_str::<Marks>(item.get()) {
            Ok(marks) if marks.r#type == MARKS => texts.extend(marks.texts),
            _ => items.push(item.get()),
        }
    }
    (items.join(","), texts)
}

/// Puts what `previous_response_id` stands for in its place. Gives what is needed to keep the answer, if it is to be
/// kept.
pub(crate) async fn recall(
    book: Option<&Arc<dyn ResponseBook>>,
    catalog: &Catalog,
    admit: &Admit,
    inbound: &mut Inbound,
) -> Result<Option<Keeping>, Refusal> {
    let (Some(book), openai_responses::NAME) = (book, inbound.dialect.name()) else { return Ok(None) };
    // Whoever is over a limit costs no look-up.
    let owner = admit.at_the_door(inbound.credential.as_ref())?;
    let Ok(object) = RawObject::parse(&inbound.body) else { return Ok(None) };
    if object.get("background").is_some_and(|background| background.get() == "true") {
        let message = "responses are not made in the background; leave `background` out, and stream what takes long";
        return Err(Refusal::new(Code::INVALID_REQUEST, message).param("background"));
    }
    let (Some(model), Some(input)) = (text(&object, "model"), object.get("input")) else { return Ok(None) };
    let input = as_items(input);
    let mut before = String::new();
    if let Some(id) = text(&object, "previous_response_id") {
        let kept = book.recall(&id).await;
        let kept = kept.map_err(|error| Refusal::new(Code::STATE_UNAVAILABLE, error.to_string()))?;
        match kept {
            // That it is somebody else's is none of this client's business.
            Some(kept) if kept.owner != owner => return Err(unknown(&id)),
            Some(kept) => {
                (before, inbound.marked) = unmarked(&kept.conversation);
                let natively = kept.provider.is_some() && goes_on_natively(catalog, &model, kept.provider.as_deref());
                let whole = join(&before, inner(&input));
                let whole = RawValue::from_string(whole).ok().ok_or_else(|| unknown(&id))?;
                let whole = object.splice().remove("previous_response_id").set_raw("input", whole).finish();
                if natively {
                    inbound.whole = Some(Bytes::from(whole));
                } else {
                    inbound.sent = Some(std::mem::replace(&mut inbound.body, Bytes::from(whole)));
                    inbound.previous_response_id = Some(id);
                }
            }
            // An id that we did not make may be the provider's own; what it stands for is not known here, and so not
            // whose.
            None if owner.is_empty() && goes_on_natively(catalog, &model, None) => return Ok(None),
            None => return Err(unknown(&id)),
        }
    }
    Ok(keeping(book, owner, inbound, input, before))
}

fn keeping(
    book: &Arc<dyn ResponseBook>,
    owner: String,
    inbound: &Inbound,
    input: String,
    before: String,
) -> Option<Keeping> {
    let object = RawObject::parse(&inbound.body).ok()?;
    let refused = object.get("store").is_some_and(|store| store.get() == "false");
    // A mark that misses is refused where it is read.
    let texts = guard::quoted(inbound).unwrap_or_default();
    let marks = Marks { r#type: MARKS.to_owned(), texts };
    let marks = if marks.texts.is_empty() { String::new() } else { serde_json::to_string(&marks).unwrap_or_default() };
    (!refused).then(|| Keeping {
        book: Arc::clone(book),
        owner,
        created_at_us: inbound.started_at_us,
        own_id: inbound.answer_options(true).answer_id,
        input,
        before,
        marks,
    })
}

/// Whether each candidate speaks the dialect and, where one is named, is the provider that has the response.
fn goes_on_natively(catalog: &Catalog, model: &str, keeper: Option<&str>) -> bool {
    let Ok(resolved) = catalog.resolve(model) else { return false };
    resolved.candidates.iter().all(|candidate| {
        let provider = &candidate.provider;
        let speaks = provider.dialect_for(&openai_responses::OpenAiResponses).name() == openai_responses::NAME;
        speaks && keeper.is_none_or(|keeper| keeper == provider.name.as_str())
    })
}

fn unknown(id: &str) -> Refusal {
    let shown: String = id.chars().take(80).collect();
    Refusal::new(Code::NOT_FOUND, format!("there is no stored response `{shown}`; send its items in `input` instead"))
        .param("previous_response_id")
}

impl Keeping {
    /// Keeps the answer before its end is told.
    pub(crate) async fn keep(self, reply: Reply) -> Reply {
        if reply.status != 200 {
            return reply;
        }
        let provider = provider_of(&reply);
        let Reply { status, headers, body } = reply;
        let body = match body {
            ReplyBody::Whole(bytes) => ReplyBody::Whole(self.whole(provider.as_deref(), bytes).await),
            ReplyBody::Stream(stream) => ReplyBody::Stream(Box::pin(self.stream(provider, stream))),
            raw @ ReplyBody::Raw(_) => raw,
        };
        Reply { status, headers, body }
    }

    async fn whole(&self, provider: Option<&str>, bytes: Bytes) -> Bytes {
        let Ok(object) = RawObject::parse(&bytes) else { return bytes };
        match self.entry(provider, &object) {
            Some(kept) => match self.book.keep(kept).await {
                Ok(()) => bytes,
                Err(error) => {
                    tracing::error!(%error, "a response was not kept");
                    Bytes::from(object.splice().set("store", &false).finish())
                }
            },
            None => bytes,
        }
    }

    fn entry(&self, provider: Option<&str>, response: &RawObject<'_>) -> Option<StoredResponse> {
        let id = text(response, "id")?;
        let output = response.get("output")?.get();
        let conversation = join(&self.before, inner(&self.input));
        Some(StoredResponse {
            provider: provider.filter(|_| self.own_id.as_deref() != Some(&id)).map(str::to_owned),
            id,
            owner: self.owner.clone(),
            created_at_us: self.created_at_us,
            input: self.input.clone(),
            conversation: join(inner(&join(inner(&conversation), &self.marks)), inner(output)),
            response: response.source().to_owned(),
        })
    }

    fn stream(
        self,
        provider: Option<String>,
        stream: impl Stream<Item = Bytes> + Send,
    ) -> impl Stream<Item = Bytes> + Send {
        let shared = Arc::new((self, provider));
        stream.then(move |bytes| {
            let shared = Arc::clone(&shared);
            async move { shared.0.piece(shared.1.as_deref(), bytes).await }
        })
    }

    /// Looks at pieces that may hold the end: whole frames, as the gate releases them.
    async fn piece(&self, provider: Option<&str>, bytes: Bytes) -> Bytes {
        let ends = [&b"response.completed"[..], b"response.incomplete"];
        if !ends.iter().any(|end| bytes.windows(end.len()).any(|window| window == *end)) {
            return bytes;
        }
        let mut frames = SseDecoder::new(MAX_FRAME_BYTES);
        frames.push(bytes.clone());
        let mut out = BytesMut::with_capacity(bytes.len());
        while let Ok(Some(frame)) = frames.next_frame() {
            match frame.data().map(|data| self.last(provider, data)) {
                None => out.extend_from_slice(frame.raw()),
                Some(work) => match work.await {
                    None => out.extend_from_slice(frame.raw()),
                    Some(changed) => {
                        let event = frame.event().and_then(|name| std::str::from_utf8(name).ok());
                        let mut written = Vec::new();
                        write_frame(&mut written, event, &changed);
                        out.extend_from_slice(&written);
                    }
                },
            }
        }
        out.extend_from_slice(frames.finish().as_ref().map_or(&[][..], |frame| frame.raw()));
        out.freeze()
    }

    /// Keeps the response that ends here, if one does; gives the frame's data anew if that failed.
    async fn last(&self, provider: Option<&str>, data: &[u8]) -> Option<Vec<u8>> {
        let object = RawObject::parse(data).ok()?;
        let kind = text(&object, "type")?;
        if !matches!(kind.as_str(), "response.completed" | "response.incomplete") {
            return None;
        }
        let response = object.get("response")?;
        let kept = self.whole(provider, Bytes::copy_from_slice(response.get().as_bytes())).await;
        if kept == response.get().as_bytes() {
            return None;
        }
        let changed = RawValue::from_string(String::from_utf8(kept.to_vec()).ok()?).ok()?;
        Some(object.splice().set_raw("response", changed).finish())
    }
}

/// The provider that answered; it keeps the response too if the answer bears its own id.
fn provider_of(reply: &Reply) -> Option<String> {
    let model = reply.headers.iter().find(|(name, _)| *name == "x-steersman-model")?;
    model.1.split_once('/').map(|(provider, _)| provider.to_owned())
}

fn text(object: &RawObject<'_>, key: &str) -> Option<String> {
    serde_json::from_str(object.get(key)?.get()).ok()
}

/// An `input` as an array of items: a bare string is a user's message.
fn as_items(input: &RawValue) -> String {
    match serde_json::from_str::<String>(input.get()) {
        Ok(text) => serde_json::json!([{ "type": "message", "role": "user", "content": text }]).to_string(),
        Err(_) => input.get().to_owned(),
    }
}

/// What stands between an array's brackets.
fn inner(array: &str) -> &str {
    let text = array.trim_ascii();
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or_default().trim_ascii()
}

/// An array of the elements of both lists.
fn join(first: &str, second: &str) -> String {
    let comma = if first.is_empty() || second.is_empty() { "" } else { "," };
    format!("[{first}{comma}{second}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_in_what_is_kept_and_in_nothing_that_a_provider_sees() {
        let marks = serde_json::json!({ "type": MARKS, "texts": { "a page": "web" } }).to_string();
        let kept = join(inner(&join(r#"{"role":"user"}"#, &marks)), r#"{"type":"message"}"#);
        let (items, texts) = unmarked(&kept);
        assert_eq!(items, r#"{"role":"user"},{"type":"message"}"#);
        assert_eq!(texts.get("a page").map(String::as_str), Some("web"));
        assert_eq!(unmarked("[1, 2]"), ("1, 2".to_owned(), BTreeMap::new()));
    }
}
