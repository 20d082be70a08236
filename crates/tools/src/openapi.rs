//! The operations of an OpenAPI document as tools: one HTTP request a call.
//!
//! Arguments are the operation's parameters by name, and `body` for a JSON body. References inside the document are
//! followed; none outside of it. A keyed effect carries its key in the header that its contract names.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use steersman_core::{BoxFuture, Contract, Effect, Idempotency, Secret, UpstreamError};
use steersman_net::{BaseUrl, Client};
use steersman_scope::{Dispatch, Limiter, Tool, ToolFault};

use crate::lock::Lock;
use crate::offer::{Offer, contract, listing_digest, spec, standing};
use crate::parameters::{Parameter, Place};
use crate::schema::Arguments;

const METHODS: &[&str] = &["get", "put", "post", "delete", "patch"];
/// References deeper than this are a circle.
const MAX_DEPTH: usize = 24;
/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// Why a document gives no tools.
#[derive(Debug, thiserror::Error)]
pub enum OpenApiError {
    /// It is neither JSON nor YAML.
    #[error("it is neither JSON nor YAML: {0}")]
    Unreadable(String),
    /// It has no `paths`.
    #[error("it has no `paths`, so it is no OpenAPI document")]
    NoPaths,
    /// A reference that leads nowhere, or out of the document.
    #[error("the reference `{0}` does not lead to a place in the document")]
    Reference(String),
}

#[derive(Debug, Clone)]
struct Operation {
    name: String,
    method: Method,
    path: String,
    parameters: Vec<Parameter>,
    listed: Value,
}

/// A document, where its server is, and how it is reached.
pub struct OpenApi {
    /// The name of the source.
    pub name: String,
    /// How many calls may be in flight.
    pub in_flight: usize,
    prefix: String,
    operations: Vec<Operation>,
    reach: Arc<Reach>,
}

struct Reach {
    base: BaseUrl,
    key: Option<Secret>,
    client: Client,
}

impl OpenApi {
    /// Reads a document whose operations are served below `base`.
    ///
    /// # Errors
    /// [`OpenApiError`] for a document that cannot be used.
    pub fn read(
        name: &str,
        document: &Value,
        base: BaseUrl,
        key: Option<Secret>,
        prefix: &str,
        in_flight: usize,
        client: Client,
    ) -> Result<Self, OpenApiError> {
        let paths = document.get("paths").and_then(Value::as_object).ok_or(OpenApiError::NoPaths)?;
        let mut operations = Vec::new();
        for (path, item) in paths {
            for method in METHODS {
                if let Some(operation) = item.get(*method) {
                    operations.push(read_operation(document, path, item, method, operation)?);
                }
            }
        }
        let reach = Arc::new(Reach { base, key, client });
        Ok(Self { name: name.to_owned(), in_flight, prefix: prefix.to_owned(), operations, reach })
    }

    pub(crate) fn offers(&self, contracts: &[Contract], lock: &Lock, limiter: &Limiter) -> Vec<Offer> {
        let offer = |operation: &Operation| {
            let name = format!("{}{}", self.prefix, operation.name);
            let (contract, has_contract) = contract(contracts, &name);
            let digest = listing_digest(&operation.listed);
            let schema = operation.listed.get("inputSchema").cloned().unwrap_or_default();
            let tool = HttpTool {
                operation: operation.clone(),
                contract: contract.clone(),
                reach: Arc::clone(&self.reach),
                arguments: Arguments::of(&schema),
            };
            Offer {
                server: self.name.clone(),
                remote: operation.name.clone(),
                spec: spec(&name, operation.listed.get("description").and_then(Value::as_str), &schema),
                standing: standing(lock, &self.name, &operation.name, &digest),
                contract,
                has_contract,
                digest,
                tool: Arc::new(tool),
                limiter: Some(limiter.clone()),
            }
        };
        self.operations.iter().map(offer).collect()
    }
}

fn read_operation(
    document: &Value,
    path: &str,
    item: &Value,
    method: &str,
    operation: &Value,
) -> Result<Operation, OpenApiError> {
    let (mut properties, mut required, mut parameters) = (Map::new(), Vec::new(), Vec::new());
    let lists = [item.get("parameters"), operation.get("parameters")];
    for parameter in lists.into_iter().flatten().filter_map(Value::as_array).flatten() {
        let parameter = resolve(document, parameter, &mut Vec::new())?;
        let Some(read) = Parameter::read(&parameter) else { continue };
        let mut schema = parameter.get("schema").cloned().unwrap_or_else(|| json!({}));
        if let (Some(text), Some(schema)) = (parameter.get("description"), schema.as_object_mut()) {
            schema.entry("description").or_insert_with(|| text.clone());
        }
        properties.insert(read.name.clone(), schema);
        if read.place == Place::Path || parameter.get("required").and_then(Value::as_bool) == Some(true) {
            required.push(json!(read.name));
        }
        // An operation's own parameter takes the place of its path's.
        parameters.retain(|known: &Parameter| (&known.name, known.place) != (&read.name, read.place));
        parameters.push(read);
    }
    if let Some(body) = operation.get("requestBody") {
        let body = resolve(document, body, &mut Vec::new())?;
        if let Some(schema) = body.pointer("/content/application~1json/schema") {
            properties.insert("body".to_owned(), schema.clone());
            if body.get("required").and_then(Value::as_bool) == Some(true) {
                required.push(json!("body"));
            }
        }
    }
    let fallback = || format!("{method}_{path}").replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let name = operation.get("operationId").and_then(Value::as_str).map_or_else(fallback, str::to_owned);
    let words = ["summary", "description"].map(|key| operation.get(key).and_then(Value::as_str).unwrap_or_default());
    let description = words.iter().filter(|text| !text.is_empty()).copied().collect::<Vec<_>>().join(". ");
    let listed = json!({
        "name": name, "description": description,
        "inputSchema": { "type": "object", "properties": properties, "required": required, "additionalProperties": false },
    });
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap_or(Method::GET);
    Ok(Operation { name, method, path: path.to_owned(), parameters, listed })
}

/// The value with every reference in it replaced by what it leads to. `inside` holds the references that are being
/// followed: where one comes back to itself (a tree's node holds nodes), anything goes; the server checks it.
fn resolve(document: &Value, value: &Value, inside: &mut Vec<String>) -> Result<Value, OpenApiError> {
    if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
        let nowhere = || OpenApiError::Reference(reference.to_owned());
        let pointer = reference.strip_prefix('#').ok_or_else(nowhere)?;
        if inside.iter().any(|known| known == reference) {
            return Ok(json!({}));
        }
        let target = document.pointer(pointer).filter(|_| inside.len() < MAX_DEPTH).ok_or_else(nowhere)?;
        inside.push(reference.to_owned());
        let resolved = resolve(document, target, inside);
        inside.pop();
        return resolved;
    }
    Ok(match value {
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| resolve(document, item, inside)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let resolved = members.iter().map(|(key, member)| Ok((key.clone(), resolve(document, member, inside)?)));
            Value::Object(resolved.collect::<Result<_, OpenApiError>>()?)
        }
        other => other.clone(),
    })
}

struct HttpTool {
    operation: Operation,
    contract: Contract,
    reach: Arc<Reach>,
    arguments: Arguments,
}

impl HttpTool {
    fn request(&self, dispatch: &Dispatch) -> Result<Request<Full<Bytes>>, String> {
        let (mut path, mut query, mut cookies) = (self.operation.path.clone(), Vec::new(), Vec::new());
        let mut request = Request::builder().method(self.operation.method.clone());
        for parameter in &self.operation.parameters {
            let Some(value) = dispatch.arguments.get(&parameter.name) else { continue };
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
        if let (Idempotency::Keyed { header: Some(name), .. }, Some(key)) = (&self.contract.idempotency, dispatch.key) {
            request = request.header(name.as_str(), key.to_string());
        }
        if let Some(key) = &self.reach.key {
            let mut value =
                HeaderValue::try_from(format!("Bearer {}", key.expose())).map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let body = dispatch.arguments.get("body").map(Value::to_string);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let address = self.reach.base.join(&format!("{path}{query}")).ok_or("the address is broken")?;
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        request.uri(address).body(body).map_err(|error| error.to_string())
    }

    async fn send(&self, dispatch: Dispatch) -> Result<String, ToolFault> {
        self.arguments.check(&dispatch.arguments)?;
        let request = self.request(&dispatch).map_err(ToolFault::Failed)?;
        let mut answer = self.reach.client.send(request).await.map_err(|error| fault(&error))?;
        let mut body = BytesMut::new();
        while let Some(piece) = answer.body.next().await {
            body.extend_from_slice(&piece.map_err(|error| fault(&error))?);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(ToolFault::Lost(format!("the answer is larger than {MAX_ANSWER_BYTES} bytes")));
            }
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        match answer.status {
            200..=299 => Ok(text),
            429 | 503 => Err(ToolFault::Throttled { retry_after: answer.retry_after }),
            status @ 300..=399 if self.contract.effect == Effect::Read => {
                Err(ToolFault::Failed(format!("HTTP {status}: a redirect, which is not followed")))
            }
            status @ 400..=499 => Err(ToolFault::Failed(format!("HTTP {status}: {text}"))),
            status if self.contract.effect == Effect::Read => Err(ToolFault::NotSent(format!("HTTP {status}"))),
            status => Err(ToolFault::Lost(format!("HTTP {status}: {text}"))),
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_a_tool_whose_arguments_cannot_leave_their_place() {
        let document = json!({ "paths": { "/orders/{id}": {
            "parameters": [{ "$ref": "#/components/parameters/Id" }],
            "get": { "operationId": "get_order", "summary": "One order",
                "parameters": [{ "name": "fields", "in": "query", "schema": { "type": "string" } }] } } },
            "components": { "parameters": { "Id": { "name": "id", "in": "path", "schema": { "type": "string" } } } } });
        let base = BaseUrl::parse("http://127.0.0.1:9/api").unwrap();
        let client = Client::new(steersman_net::Limits::default());
        let api = OpenApi::read("shop", &document, base, None, "", 4, client).unwrap();
        let [operation] = api.operations.as_slice() else { panic!("one operation") };
        assert_eq!(operation.listed.pointer("/inputSchema/required"), Some(&json!(["id"])));
        let scope_free = |arguments: Value| {
            let tool = HttpTool {
                operation: operation.clone(),
                contract: Contract::unknown("get_order"),
                reach: Arc::clone(&api.reach),
                arguments: Arguments::of(&Value::Null),
            };
            let root = steersman_scope::Root::unlimited("test");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let child = steersman_scope::Child::<String, String>::new("call", move |scope| async move {
                let dispatch = Dispatch { key: None, arguments, scope };
                tool.request(&dispatch).map(|request| request.uri().to_string())
            });
            runtime.block_on(root.scope("call").run(child)).unwrap()
        };
        let uri = scope_free(json!({ "id": "../admin?x=1", "fields": "a&b" }));
        assert_eq!(uri, "http://127.0.0.1:9/api/orders/..%2Fadmin%3Fx%3D1?fields=a%26b");
        assert!(scope_free(json!({ "id": ".." })).ends_with("/orders/%2E%2E"));
    }

    #[test]
    fn a_reference_out_of_the_document_is_refused_and_one_to_itself_is_open() {
        let node = json!({ "type": "object", "properties": { "next": { "$ref": "#/node" } } });
        let document = json!({ "paths": {}, "node": node, "out": { "$ref": "http://elsewhere/x" } });
        let read = |target: &str| resolve(&document, &json!({ "$ref": target }), &mut Vec::new());
        assert!(read("#/out").is_err() && read("#/nowhere").is_err());
        assert_eq!(read("#/node").unwrap(), json!({ "type": "object", "properties": { "next": {} } }));
    }
}
