//! A schema as the one tool that a model must call, over a socket: what the provider is sent, and an answer in which
//! the client sees nothing of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod support;

use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use steersman_sim::{Script, Sim};
use support::{Answer, post, post_with, spawn};

/// Providers of three dialects that know no schemas, and one model of each; one broken member in each answer.
struct House {
    gateway: Child,
    address: SocketAddr,
    data: tempfile::TempDir,
    _sim: Sim,
    _runtime: tokio::runtime::Runtime,
}

const MODELS: [&str; 4] = ["chat", "claude-3-5-haiku", "gem", "deepseek-chat"];

impl House {
    fn start(script: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sim = runtime.block_on(Sim::start(Script::from_toml(script).unwrap())).unwrap();
        let data = tempfile::tempdir().unwrap();
        let config = data.path().join("steersman.toml");
        let text = format!(
            "[providers.plain]\nkind = \"openai-compatible\"\nbase_url = \"{0}/v1\"\nmodels = [\"chat\"]\nschemas = \"tool\"\n\
             [providers.anthropic]\nbase_url = \"{0}/v1\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"claude-3-5-haiku\"]\n\
             [providers.gemini]\nbase_url = \"{0}/v1beta\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"gem\"]\nschemas = \"tool\"\n\
             [providers.deepseek]\nbase_url = \"{0}/v1\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"deepseek-chat\", \"deepseek-v4\"]\n\
             [tasks.free]\nmodel = \"claude-3-5-haiku\"\nstructured = \"off\"\n",
            sim.base_url()
        );
        std::fs::write(&config, text).unwrap();
        let (gateway, address) = spawn(&config, data.path());
        Self { gateway, address, data, _sim: sim, _runtime: runtime }
    }

    fn ask(&self, model: &str, more: &Value) -> Answer {
        post(self.address, "/v1/chat/completions", question(model, more).to_string().as_bytes())
    }

    /// What the provider was sent, as it stands on the record.
    fn sent(&self, model: &str) -> Value {
        let answer = self.ask(model, &json!({}));
        let id = answer.header("x-request-id").unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let out = Command::new(env!("CARGO_BIN_EXE_steersman"))
                .args(["explain", id, "--json", "--data"])
                .arg(self.data.path())
                .output()
                .unwrap();
            if out.status.success() {
                let story: Value = serde_json::from_slice(&out.stdout).unwrap();
                let body = story["attempts"][0]["request_body"]["content"].as_str().unwrap();
                return serde_json::from_str(body).unwrap();
            }
            assert!(Instant::now() < deadline, "{}", String::from_utf8_lossy(&out.stderr));
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        drop(self.gateway.kill());
        drop(self.gateway.wait());
    }
}

fn question(model: &str, more: &Value) -> Value {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["category", "tags"],
        "properties": {"category": {"enum": ["bug", "billing"]}, "tags": {"type": "object", "additionalProperties": {"type": "integer"}}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "ticket", "strict": true, "schema": schema}});
    let mut body =
        json!({"model": model, "messages": [{"role": "user", "content": "It crashes."}], "response_format": format});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Text, ends, and whether a tool is heard of, over the chunks of a stream.
fn streamed(body: &str) -> (String, Vec<Value>, bool) {
    let (mut text, mut ends) = (String::new(), Vec::new());
    for data in body.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let Ok(chunk) = serde_json::from_str::<Value>(data) else { continue };
        text.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
        ends.extend(Some(chunk["choices"][0]["finish_reason"].clone()).filter(|end| !end.is_null()));
    }
    (text, ends, body.contains("tool_calls"))
}

#[test]
fn an_answer_by_a_forced_tool_is_content_whole_and_streamed_in_every_dialect() {
    let house = House::start("[default]\nmalformed = \"trailing_comma\"");
    for model in MODELS {
        let whole = house.ask(model, &json!({}));
        assert_eq!((whole.status, whole.header("x-steersman-level")), (200, Some("tool")), "{model}: {}", whole.body);
        let choice = whole.json()["choices"][0].clone();
        assert_eq!((&choice["finish_reason"], choice["message"].get("tool_calls")), (&json!("stop"), None), "{model}");
        let content = choice["message"]["content"].as_str().unwrap();
        let value: Value = serde_json::from_str(content).unwrap();
        assert!(value["category"].is_string() && value["tags"].is_object(), "{model}: {content}");
        assert!(whole.header("x-steersman-repairs").is_some(), "{model}: the comma too many is on the record");

        let stream = house.ask(model, &json!({"stream": true}));
        let seen = streamed(&stream.body);
        assert_eq!(seen, (content.to_owned(), vec![json!("stop")], false), "{model}: {}", stream.body);
    }
}

#[test]
fn the_provider_is_sent_one_tool_that_it_must_call_and_no_form() {
    let house = House::start("");
    let chat = house.sent("chat");
    assert_eq!(
        (&chat["tools"][0]["function"]["name"], chat.get("response_format")),
        (&json!("ticket"), None),
        "{chat}"
    );
    assert_eq!(chat["tool_choice"], json!({"type": "function", "function": {"name": "ticket"}}));
    let claude = house.sent("claude-3-5-haiku");
    assert_eq!((&claude["tools"][0]["name"], &claude["tool_choice"]["type"]), (&json!("ticket"), &json!("tool")));
    assert!(claude.get("output_config").is_none(), "{claude}");
    let gem = house.sent("gem");
    let calling = &gem["toolConfig"]["functionCallingConfig"];
    assert_eq!((&calling["mode"], &calling["allowedFunctionNames"]), (&json!("ANY"), &json!(["ticket"])), "{gem}");
}

#[test]
fn no_tool_is_forced_beside_the_clients_own_nor_on_a_model_that_thinks() {
    let house = House::start(
        r#"[default]
answer = { text = '{"category":"bug","tags":{}}' }"#,
    );
    let level = |answer: Answer| answer.header("x-steersman-level").map(str::to_owned);
    let own = json!({"tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]});
    assert_eq!(level(house.ask("chat", &own)).as_deref(), Some("json_mode"));
    assert_eq!(level(house.ask("deepseek-v4", &json!({}))).as_deref(), Some("json_mode"));
    let quiet = json!({"thinking": {"type": "disabled"}});
    assert_eq!(level(house.ask("deepseek-v4", &quiet)).as_deref(), Some("tool"));
    let hard = json!({"reasoning_effort": "high"});
    assert_eq!(level(house.ask("claude-3-5-haiku", &hard)).as_deref(), Some("prompt"));
}

#[test]
fn the_value_is_shown_while_the_call_grows_and_is_text_also_where_nobody_judges_it() {
    let house = House::start("");
    let body = question("claude-3-5-haiku", &json!({"stream": true})).to_string();
    let shown = post_with(house.address, "/v1/chat/completions", "x-steersman-events: previews\r\n", body.as_bytes());
    assert!(shown.body.contains("\"preview\""), "{}", shown.body);
    let (text, ends, tool) = streamed(&shown.body);
    let free = house.ask("task/free", &json!({"stream": true}));
    assert_eq!(streamed(&free.body), (text.clone(), ends.clone(), tool), "{}", free.body);
    assert!(serde_json::from_str::<Value>(&text).unwrap()["category"].is_string());
    assert_eq!((ends, tool), (vec![json!("stop")], false));
}
