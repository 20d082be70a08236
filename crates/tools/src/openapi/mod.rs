//! The operations of an OpenAPI document as tools: one HTTP request a call.
//!
//! Arguments are the operation's parameters by name, and `body` for a JSON body. References inside the document are
//! followed; none outside of it. A keyed effect carries its key in the header or the argument that its contract names,
//! where the document has that argument.
//!
//! What never happens here: a request to an address that the document and its arguments choose for themselves.

mod call;
mod document;
mod parameters;

use std::sync::{Arc, OnceLock};

use http::Method;
use serde_json::{Map, Value, json};
use steersman_core::{Contract, Idempotency, Secret};
use steersman_net::{BaseUrl, Client};
use steersman_scope::Limiter;

use crate::lock::Lock;
use crate::offer::{Offer, Said, shown_name};
use crate::schema::{Arguments, has_argument};
use call::{HttpTool, Reach};
pub use document::read_document;
use parameters::{Parameter, Place};

const METHODS: &[&str] = &["get", "put", "post", "delete", "patch"];
/// References deeper than this are a circle.
const MAX_DEPTH: usize = 24;

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
    /// The media type of its JSON body, where it takes one.
    body: Option<String>,
    /// Whether its document says what a 404 of it means.
    tells_absence: bool,
    listed: Value,
}

impl Operation {
    fn schema(&self) -> &Value {
        self.listed.get("inputSchema").unwrap_or(&Value::Null)
    }

    /// Whether a parameter has this name.
    fn has_parameter(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter.name == name)
    }
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
    /// Its tools, judged once: neither document nor contracts nor pins change while the process lives.
    offers: OnceLock<Vec<Offer>>,
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
        Ok(Self {
            name: name.to_owned(),
            in_flight,
            prefix: prefix.to_owned(),
            operations,
            reach,
            offers: OnceLock::new(),
        })
    }

    /// What stands before the names of its tools.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Its tools under these contracts and pins.
    pub fn offers(&self, contracts: &[Contract], lock: &Lock, limiter: &Limiter) -> &[Offer] {
        let offer = |operation| self.offer(operation, contracts, lock, limiter);
        self.offers.get_or_init(|| self.operations.iter().filter_map(offer).collect())
    }

    fn offer(&self, operation: &Operation, contracts: &[Contract], lock: &Lock, limiter: &Limiter) -> Option<Offer> {
        let carries = |means: &Idempotency| self.carries(operation, means);
        let said = Said::of(&self.prefix, &operation.listed, contracts, carries)?;
        let lookup = match &said.contract.idempotency {
            Idempotency::Lookup { tool } => self.named(tool).cloned(),
            Idempotency::Keyed { .. } | Idempotency::Opaque => None,
        };
        let tool = HttpTool {
            operation: operation.clone(),
            lookup,
            contract: said.contract.clone(),
            reach: Arc::clone(&self.reach),
            arguments: Arguments::of(operation.schema()),
        };
        Some(said.offer(&self.name, lock, &operation.listed, Arc::new(tool), limiter))
    }

    /// The operation that models see under this name.
    fn named(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| shown_name(&self.prefix, &operation.name) == name)
    }

    /// Whether a request can carry what makes its repetition safe; why not.
    fn carries(&self, operation: &Operation, means: &Idempotency) -> Result<(), String> {
        let nowhere = |name: &str| format!("the document has neither a parameter nor a member of the body `{name}`");
        match means {
            Idempotency::Keyed { argument: Some(name), .. } => {
                let schema = operation.schema();
                let body = schema.pointer("/properties/body").is_some_and(|body| has_argument(body, name));
                if operation.has_parameter(name) || body { Ok(()) } else { Err(nowhere(name)) }
            }
            Idempotency::Lookup { tool } if self.named(tool).is_none() => {
                Err(format!("the document has no operation `{tool}` to look it up with"))
            }
            Idempotency::Keyed { .. } | Idempotency::Lookup { .. } | Idempotency::Opaque => Ok(()),
        }
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
    let mut body_type = None;
    if let Some(body) = operation.get("requestBody") {
        let body = resolve(document, body, &mut Vec::new())?;
        if let Some((kind, schema)) = json_body(&body) {
            body_type = Some(kind.to_owned());
            properties.insert("body".to_owned(), schema);
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
    let tells_absence = operation.pointer("/responses/404").is_some();
    Ok(Operation { name, method, path: path.to_owned(), parameters, body: body_type, tells_absence, listed })
}

/// The JSON form of a body: its media type, as the document writes it, and its schema.
fn json_body(body: &Value) -> Option<(&str, Value)> {
    let forms = body.get("content")?.as_object()?;
    let essence = |kind: &str| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let exact = forms.iter().find(|(kind, _)| essence(kind) == "application/json");
    let (kind, form) = exact.or_else(|| forms.iter().find(|(kind, _)| essence(kind).ends_with("+json")))?;
    Some((kind, form.get("schema").cloned().unwrap_or_else(|| json!({}))))
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
            Value::Object(nullable(resolved.collect::<Result<_, OpenApiError>>()?))
        }
        other => other.clone(),
    })
}

/// OpenAPI 3.0 says `nullable` beside one `type` where JSON Schema names two.
fn nullable(mut schema: Map<String, Value>) -> Map<String, Value> {
    if schema.get("nullable") == Some(&Value::Bool(true))
        && let Some(Value::String(kind)) = schema.get("type")
    {
        let both = json!([kind, "null"]);
        schema.insert("type".to_owned(), both);
        schema.shift_remove("nullable");
    }
    schema
}

#[cfg(test)]
mod tests {
    use steersman_scope::{Budget, Caps, Child, Dispatch, EffectKey, Limits, Root, RunId, Slot};

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
                lookup: None,
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

    /// Each tool with its contract as far as it can be kept, and the schema that a model sees.
    fn offered(document: &Value, contracts: &[Contract]) -> Vec<Offer> {
        let base = BaseUrl::parse("http://127.0.0.1:9/api").unwrap();
        let client = Client::new(steersman_net::Limits::default());
        let api = OpenApi::read("shop", document, base, None, "", 4, client).unwrap();
        let limits = Limits { in_flight: 1, window: std::time::Duration::from_secs(1), requests: 9, tokens: 9 };
        api.offers(contracts, &Lock::default(), &Limiter::new(limits)).to_vec()
    }

    fn pay(idempotency: Idempotency) -> Contract {
        Contract { idempotency, ..Contract::unknown("pay") }
    }

    fn argument(name: &str) -> Idempotency {
        Idempotency::Keyed { header: None, argument: Some(name.to_owned()) }
    }

    fn payments() -> Value {
        let text = json!({ "type": "string" });
        let body = json!({ "type": "object", "required": ["order", "request_id"],
            "properties": { "order": { "type": "integer" }, "request_id": text,
                "note": { "type": "string", "nullable": true } } });
        let content = json!({ "application/json; charset=utf-8": { "schema": body } });
        json!({ "paths": {
            "/payments": { "post": { "operationId": "pay",
                "parameters": [{ "name": "tag", "in": "query", "schema": text }],
                "requestBody": { "required": true, "content": content } } },
            "/payments/{effect_key}": { "get": { "operationId": "paid", "responses": { "404": {} },
                "parameters": [{ "name": "effect_key", "in": "path", "schema": text }] } } } })
    }

    #[test]
    fn a_key_that_no_request_can_carry_leaves_a_tool_opaque() {
        let check = |means: Idempotency, kept: bool| {
            let offers = offered(&payments(), &[pay(means.clone())]);
            let offer = offers.iter().find(|offer| offer.remote == "pay").unwrap();
            assert_eq!((offer.contract.idempotency == means, offer.unkept.is_none()), (kept, kept), "{means:?}");
            assert_eq!(offer.tool.contract(), &offer.contract);
        };
        check(argument("request_id"), true);
        check(argument("tag"), true);
        check(argument("key"), false);
        check(Idempotency::Keyed { header: Some("Idempotency-Key".to_owned()), argument: None }, true);
        check(Idempotency::Lookup { tool: "paid".to_owned() }, true);
        check(Idempotency::Lookup { tool: "was_paid".to_owned() }, false);
    }

    #[tokio::test]
    async fn a_key_travels_in_the_body_or_parameter_that_the_document_has_and_no_model_sees_it() {
        let listed = |document: &Value, means| {
            let offers = offered(document, &[pay(means)]);
            offers.into_iter().find(|offer| offer.remote == "pay").unwrap().spec.parameters.unwrap().to_string()
        };
        assert!(!listed(&payments(), argument("request_id")).contains("request_id"));
        assert!(!listed(&payments(), argument("tag")).contains("tag"));
        let base = BaseUrl::parse("http://127.0.0.1:9").unwrap();
        let client = Client::new(steersman_net::Limits::default());
        let api = OpenApi::read("shop", &payments(), base, None, "", 4, client).unwrap();
        let key = EffectKey::of(&Slot { run: RunId::from("r"), path: "s".into(), index: 0 }, "pay", "{}");
        let root = Root::new("test", &Budget::new("test", Caps::default()), std::time::Duration::from_secs(1));
        for name in ["request_id", "tag"] {
            let tool = HttpTool {
                operation: api.operations.iter().find(|operation| operation.name == "pay").unwrap().clone(),
                lookup: None,
                contract: pay(argument(name)),
                reach: Arc::clone(&api.reach),
                arguments: Arguments::of(&Value::Null),
            };
            let child = Child::<Value, String>::new("call", move |scope| async move {
                let arguments = json!({ "body": { "order": 1 } });
                tool.with_key(&Dispatch { key: Some(key), arguments, scope }).map_err(|fault| fault.to_string())
            });
            let sent = root.scope("call").run(child).await.unwrap();
            let place = if name == "tag" { "/tag" } else { "/body/request_id" };
            assert_eq!(sent.pointer(place), Some(&json!(key.to_string())), "{sent}");
        }
    }

    #[test]
    fn a_body_with_a_parameter_in_its_media_type_is_json_and_nullable_is_a_type() {
        let api = offered(&payments(), &[]);
        let pay = api.iter().find(|offer| offer.remote == "pay").unwrap();
        let schema: Value = serde_json::from_str(pay.spec.parameters.as_ref().unwrap().get()).unwrap();
        assert_eq!(schema.pointer("/properties/body/properties/note/type"), Some(&json!(["string", "null"])));
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
