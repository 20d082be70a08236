//! One call of an operation: the request, the key where the contract wants it, and what an answer proves.
//!
//! What never happens here: an answer that proves nothing is taken for a "no".

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderName, HeaderValue, Request, header};
use http_body_util::Full;
use serde_json::{Map, Value};
use steersman_core::{BoxFuture, Contract, Effect, Idempotency, Secret, UpstreamError};
use steersman_net::{BaseUrl, Client};
use steersman_scope::{Dispatch, Lookup, Tool, ToolFault};

use super::Operation;
use super::parameters::Place;
use crate::lookup;
use crate::schema::Arguments;

/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// How a document's server is reached.
pub(super) struct Reach {
    pub(super) base: BaseUrl,
    pub(super) key: Option<Secret>,
    pub(super) client: Client,
}

/// An operation as a tool.
pub(super) struct HttpTool {
    pub(super) operation: Operation,
    /// The operation that says whether a call of this one acted.
    pub(super) lookup: Option<Operation>,
    pub(super) contract: Contract,
    pub(super) reach: Arc<Reach>,
    pub(super) arguments: Arguments,
}

/// An answer that was read whole.
struct Answer {
    status: u16,
    retry_after: Option<std::time::Duration>,
    text: String,
}

impl HttpTool {
    /// The arguments with the key where the contract wants it: in a parameter, else in the body.
    pub(super) fn with_key(&self, dispatch: &Dispatch) -> Result<Value, ToolFault> {
        let mut arguments = dispatch.arguments.clone();
        if let (Idempotency::Keyed { argument: Some(name), .. }, Some(key)) = (&self.contract.idempotency, dispatch.key)
        {
            let place = match (self.operation.has_parameter(name), arguments.as_object_mut()) {
                (true, place) => place,
                (false, Some(members)) => {
                    members.entry("body").or_insert_with(|| Value::Object(Map::new())).as_object_mut()
                }
                (false, None) => None,
            };
            let nowhere = || ToolFault::Failed(format!("`body` is no object, so it cannot carry `{name}`"));
            place.ok_or_else(nowhere)?.insert(name.clone(), Value::String(key.to_string()));
        }
        Ok(arguments)
    }

    pub(super) fn request(&self, dispatch: &Dispatch) -> Result<Request<Full<Bytes>>, String> {
        let mut request = write(&self.reach, &self.operation, &dispatch.arguments)?;
        if let (Idempotency::Keyed { header: Some(name), .. }, Some(key)) = (&self.contract.idempotency, dispatch.key) {
            let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
            let key = HeaderValue::try_from(key.to_string()).map_err(|error| error.to_string())?;
            request.headers_mut().insert(name, key);
        }
        Ok(request)
    }

    async fn send(&self, dispatch: Dispatch) -> Result<String, ToolFault> {
        let dispatch = Dispatch { arguments: self.with_key(&dispatch)?, ..dispatch };
        self.arguments.check(&dispatch.arguments)?;
        let request = self.request(&dispatch).map_err(ToolFault::Failed)?;
        let Answer { status, retry_after, text } = self.reach.ask(request).await?;
        let reads = self.contract.effect == Effect::Read;
        match status {
            200..=299 => Ok(text),
            429 => Err(ToolFault::Throttled { retry_after }),
            408 | 503 if reads => Err(ToolFault::Throttled { retry_after }),
            // Whoever stands before the server says so too, when the server is slow and acts all the same.
            408 => Err(ToolFault::Lost(format!("HTTP {status}: {text}"))),
            300..=399 if reads => Err(ToolFault::Failed(format!("HTTP {status}: a redirect, which is not followed"))),
            400..=499 => Err(ToolFault::Failed(format!("HTTP {status}: {text}"))),
            _ if reads => Err(ToolFault::NotSent(format!("HTTP {status}"))),
            _ => Err(ToolFault::Lost(format!("HTTP {status}: {text}"))),
        }
    }

    /// Asks the other operation. A 404 means that the effect has not happened only where the document says that this
    /// is what it answers; anyone on the way may answer a 404.
    async fn ask_whether(&self, dispatch: Dispatch) -> Result<Lookup, ToolFault> {
        let Some(asked) = &self.lookup else { return Ok(Lookup::Unsupported) };
        let Some(arguments) = lookup::arguments(asked.schema(), &dispatch) else { return Ok(Lookup::Unsupported) };
        let request = write(&self.reach, asked, &arguments).map_err(ToolFault::Failed)?;
        let answer = self.reach.ask(request).await?;
        match answer.status {
            200..=299 if answer.text.trim().is_empty() => Ok(Lookup::Absent),
            // What is no JSON is a page of whoever stands before the server.
            200..=299 => Ok(serde_json::from_str(&answer.text)
                .map_or(Lookup::Unsupported, |value| lookup::found(&value, answer.text))),
            404 if asked.tells_absence => Ok(Lookup::Absent),
            400..=499 => Ok(Lookup::Unsupported),
            status => Err(ToolFault::NotSent(format!("HTTP {status}"))),
        }
    }
}

/// The request of an operation with these arguments.
fn write(reach: &Reach, operation: &Operation, arguments: &Value) -> Result<Request<Full<Bytes>>, String> {
    let (mut path, mut query, mut cookies) = (operation.path.clone(), Vec::new(), Vec::new());
    let mut request = Request::builder().method(operation.method.clone());
    for parameter in &operation.parameters {
        let Some(value) = arguments.get(&parameter.name) else { continue };
        match parameter.place {
            Place::Path => path = path.replace(&format!("{{{}}}", parameter.name), &parameter.simple(value)),
            Place::Query => query.extend(parameter.pairs(value)),
            Place::Cookie => cookies.push(parameter.cookie(value)),
            Place::Header => {
                let name = HeaderName::try_from(&parameter.name).map_err(|error| error.to_string())?;
                if name == header::AUTHORIZATION || name == header::HOST {
                    continue;
                }
                let text = HeaderValue::try_from(parameter.simple(value)).map_err(|error| error.to_string())?;
                request = request.header(name, text);
            }
        }
    }
    if !cookies.is_empty() {
        request = request.header(header::COOKIE, cookies.join("; "));
    }
    if let Some(key) = &reach.key {
        let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose())).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    let body = operation.body.as_deref().and_then(|kind| Some((kind, arguments.get("body")?.to_string())));
    if let Some((kind, _)) = &body {
        request = request.header(header::CONTENT_TYPE, *kind);
    }
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let address = reach.base.join(&format!("{path}{query}")).ok_or("the address is broken")?;
    let body = Full::new(Bytes::from(body.map(|(_, text)| text).unwrap_or_default()));
    request.uri(address).body(body).map_err(|error| error.to_string())
}

impl Reach {
    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Answer, ToolFault> {
        let mut answer = self.client.send(request).await.map_err(|error| fault(&error))?;
        let mut body = BytesMut::new();
        while let Some(piece) = answer.body.next().await {
            body.extend_from_slice(&piece.map_err(|error| fault(&error))?);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(ToolFault::Lost(format!("the answer is larger than {MAX_ANSWER_BYTES} bytes")));
            }
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status: answer.status, retry_after: answer.retry_after, text })
    }
}

fn fault(error: &UpstreamError) -> ToolFault {
    match error {
        UpstreamError::Connect { .. } | UpstreamError::Timeout { kind: "connect", .. } => {
            ToolFault::NotSent(error.to_string())
        }
        _ => ToolFault::Lost(error.to_string()),
    }
}

impl Tool for HttpTool {
    fn contract(&self) -> &Contract {
        &self.contract
    }

    fn call(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<String, ToolFault>> {
        Box::pin(self.send(dispatch))
    }

    fn look_up(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<Lookup, ToolFault>> {
        Box::pin(self.ask_whether(dispatch))
    }
}
