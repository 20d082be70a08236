//! Responses that a client may go on from: recalled before the request is read, kept before its end is told.
//!
//! `previous_response_id` becomes the items that it stands for, so that any provider can go on, and guard and record
//! see the whole conversation. Only where every candidate keeps the response itself does the id go on as it came. The
//! last event of a stream, or a whole body, is held until its response is on disk; if that fails, the answer says
//! `store: false`.
//!
//! What never happens here: an answer whose id is told as stored and is not.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use serde_json::value::RawValue;
use steersman_core::{BoxFuture, Code, StoredResponse};
use steersman_wire::json::RawObject;
use steersman_wire::openai_responses;
use steersman_wire::sse::{SseDecoder, write_frame};

use crate::admit::Admit;
use crate::catalog::Catalog;
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
                before.push_str(inner(&kept.conversation));
                let natively = kept.provider.is_some() && goes_on_natively(catalog, &model, kept.provider.as_deref());
                if !natively {
                    let whole = join(&before, inner(&input));
                    let whole = RawValue::from_string(whole).ok().ok_or_else(|| unknown(&id))?;
                    let body = object.splice().remove("previous_response_id").set_raw("input", whole).finish();
                    inbound.body = Bytes::from(body);
                    inbound.previous_response_id = Some(id);
                    return Ok(keeping(book, owner, inbound, input, before));
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
    (!refused).then(|| Keeping {
        book: Arc::clone(book),
        owner,
        created_at_us: inbound.started_at_us,
        own_id: inbound.answer_options(true).answer_id,
        input,
        before,
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
            conversation: join(inner(&conversation), inner(output)),
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
