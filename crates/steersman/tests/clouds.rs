//! Clouds end to end: the real binary, and a simulator that verifies the signature, hands out the tokens and frames its
//! streams as the clouds do.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use serde_json::{Value, json};
use steersman_sim::{Script, Sim};
use support::{Answer, SECRET, post, spawn};

struct Clouds {
    gateway: std::process::Child,
    address: std::net::SocketAddr,
    data: tempfile::TempDir,
    sim: Sim,
    _runtime: tokio::runtime::Runtime,
}

impl Clouds {
    fn start(secret: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let script =
            format!("seed = 7\napi_key = \"{secret}\"\n[default]\nanswer = \"auto\"\nthinking = \"Let me see.\"\n");
        let sim = runtime.block_on(Sim::start(Script::from_toml(&script).unwrap())).unwrap();
        let data = tempfile::tempdir().unwrap();
        let account = data.path().join("account.json");
        let key = include_str!("../../providers/tests/data/test_key.pem");
        let file = json!({
            "type": "service_account", "project_id": "p", "private_key_id": "k1", "private_key": key,
            "client_email": "robot@p.iam.gserviceaccount.com", "token_uri": format!("{}/token", sim.base_url()),
        });
        std::fs::write(&account, file.to_string()).unwrap();
        let id = data.path().join("id");
        std::fs::write(&id, "AKIDEXAMPLE").unwrap();
        let config = data.path().join("steersman.toml");
        let text = format!(
            "[retry]\nattempts = 1\n\
             [providers.aws]\nkind = \"bedrock\"\nbase_url = \"{0}\"\nregion = \"eu-central-1\"\n\
             access_key_id = \"file:{1}\"\nsecret_access_key = \"env:SIM_KEY\"\nmodels = [\"anthropic.claude-sonnet-5:0\"]\n\
             [providers.aws-chat]\nkind = \"bedrock-openai\"\nbase_url = \"{0}\"\nregion = \"eu-central-1\"\n\
             access_key_id = \"file:{1}\"\nsecret_access_key = \"env:SIM_KEY\"\nmodels = [\"openai.gpt-oss\"]\n\
             [providers.google]\nkind = \"vertex\"\nbase_url = \"{0}/v1/projects/p/locations/l\"\n\
             credentials = \"file:{2}\"\nmodels = [\"gemini-3-pro\"]\n\
             [providers.google-claude]\nkind = \"vertex-anthropic\"\nbase_url = \"{0}/v1/projects/p/locations/l\"\n\
             credentials = \"file:{2}\"\nmodels = [\"claude-sonnet-5@20260210\"]\n\
             [providers.gemini]\nbase_url = \"{0}/v1beta\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"gemini-2.5-flash\"]\n",
            sim.base_url(),
            id.display(),
            account.display(),
        );
        std::fs::write(&config, text).unwrap();
        let (gateway, address) = spawn(&config, data.path());
        Self { gateway, address, data, sim, _runtime: runtime }
    }

    fn chat(&self, model: &str, more: &Value) -> Answer {
        let mut body = json!({ "model": model, "messages": [{ "role": "user", "content": "hello" }] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        post(self.address, "/v1/chat/completions", body.to_string().as_bytes())
    }
}

impl Drop for Clouds {
    fn drop(&mut self) {
        drop(self.gateway.kill());
        drop(self.gateway.wait());
    }
}

const MODELS: &[&str] =
    &["anthropic.claude-sonnet-5:0", "openai.gpt-oss", "gemini-3-pro", "claude-sonnet-5@20260210", "gemini-2.5-flash"];

#[test]
fn every_cloud_answers_an_openai_client_whole_and_streamed_the_same() {
    let clouds = Clouds::start(SECRET);
    for model in MODELS {
        let whole = clouds.chat(model, &json!({}));
        assert_eq!(whole.status, 200, "{model}: {}", whole.body);
        let message = whole.json()["choices"][0]["message"].clone();
        assert!(!message["content"].as_str().unwrap().is_empty(), "{model}: {message}");
        let streamed = clouds.chat(model, &json!({ "stream": true }));
        assert!(streamed.body.ends_with("data: [DONE]\n\n"), "{model}: {}", streamed.body);
        let chunks = streamed.body.split("\n\n").filter_map(|frame| frame.strip_prefix("data: {"));
        let deltas = chunks.map(|json| serde_json::from_str::<Value>(&format!("{{{json}")).unwrap());
        let text: String =
            deltas.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect();
        assert_eq!(text, message["content"].as_str().unwrap(), "{model}");
    }
    let bill = clouds.sim.bill();
    for model in MODELS {
        assert_eq!(bill.models[*model].requests, 2, "{model} was named to the provider as it is");
    }
}

#[test]
fn an_anthropic_client_stays_in_its_dialect_at_both_clouds() {
    let clouds = Clouds::start(SECRET);
    for model in ["anthropic.claude-sonnet-5:0", "claude-sonnet-5@20260210"] {
        let body = json!({ "model": model, "max_tokens": 100, "messages": [{ "role": "user", "content": "hello" }] });
        let whole = post(clouds.address, "/v1/messages", body.to_string().as_bytes());
        assert_eq!(whole.status, 200, "{model}: {}", whole.body);
        assert_eq!(whole.json()["content"][0]["type"], "thinking", "{model}: {}", whole.body);
        let mut body = body;
        body["stream"] = json!(true);
        let streamed = post(clouds.address, "/v1/messages", body.to_string().as_bytes());
        let frames =
            ["event: message_start\n", "event: content_block_delta\n", "signature_delta", "event: message_stop\n"];
        assert!(frames.iter().all(|frame| streamed.body.contains(frame)), "{model}: {}", streamed.body);
    }
}

#[test]
fn a_gemini_client_reaches_every_dialect_by_the_model_in_its_path() {
    let clouds = Clouds::start(SECRET);
    for model in MODELS {
        let body = json!({
            "contents": [{ "role": "user", "parts": [{ "text": "hello" }] }],
            "tools": [{ "functionDeclarations": [
                { "name": "look", "parametersJsonSchema": { "type": "object", "properties": { "at": { "type": "string" } }, "required": ["at"] } },
            ] }],
        });
        let path = |verb: &str| format!("/v1beta/models/{model}:{verb}");
        let whole = post(clouds.address, &path("generateContent"), body.to_string().as_bytes());
        assert_eq!(whole.status, 200, "{model}: {}", whole.body);
        let parts = whole.json()["candidates"][0]["content"]["parts"].as_array().unwrap().clone();
        let call = parts.iter().find(|part| part.get("functionCall").is_some());
        let call = call.unwrap_or_else(|| panic!("{model}: {parts:?}"));
        assert!(call["functionCall"]["args"]["at"].is_string(), "{model}: {call}");
        let streamed = post(clouds.address, &path("streamGenerateContent?alt=sse"), body.to_string().as_bytes());
        assert!(streamed.body.contains("functionCall") && streamed.body.contains("finishReason"), "{}", streamed.body);
    }
    let missing = post(clouds.address, "/v1beta/models/nobodys-model:countTokens", b"{}");
    assert_eq!((missing.status, &missing.json()["error"]["status"]), (404, &json!("NOT_FOUND")), "{}", missing.body);
}

#[test]
fn a_signature_with_another_secret_is_refused_and_no_secret_is_written_anywhere() {
    let clouds = Clouds::start("another-secret-than-ours");
    for model in MODELS.iter().filter(|model| **model != "gemini-3-pro" && !model.contains('@')) {
        let refused = clouds.chat(model, &json!({}));
        assert_eq!((refused.status, refused.header("x-steersman-code")), (502, Some("upstream_auth")), "{model}");
    }
    // The token server of the simulator hands its own key out, so that the other two pass.
    assert_eq!(clouds.chat("gemini-3-pro", &json!({})).status, 200);
    let token = b"another-secret-than-ours";
    for entry in std::fs::read_dir(clouds.data.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let leaks =
                [SECRET.as_bytes(), token].iter().any(|secret| bytes.windows(secret.len()).any(|at| at == *secret));
            assert!(!leaks, "{} holds a secret", path.display());
        }
    }
}

#[test]
fn what_clouds_charge_is_known_by_the_ids_that_they_use() {
    let clouds = Clouds::start(SECRET);
    for (model, input, output) in [
        ("aws/eu.anthropic.claude-sonnet-4-5-20250929-v1:0", 3.3, 16.5),
        ("aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0", 3.0, 15.0),
        ("google-claude/claude-haiku-4-5@20251001", 1.1, 5.5),
        ("google/gemini-2.5-pro", 1.25, 10.0),
        ("gemini-2.5-flash", 0.3, 2.5),
    ] {
        let answer = clouds.chat(model, &json!({}));
        let usage = answer.json()["usage"].clone();
        let tokens = |name: &str| usage[name].as_f64().unwrap();
        let due = (tokens("prompt_tokens") * input + tokens("completion_tokens") * output) / 1e6;
        let cost: f64 = answer.header("x-steersman-cost-usd").unwrap().parse().unwrap();
        assert!((cost - due).abs() < 1e-9, "{model}: {cost}, not {due}: {}", answer.body);
    }
    let unknown = clouds.chat("aws/anthropic.claude-3-5-sonnet-20241022-v2:0", &json!({}));
    assert_eq!((unknown.status, unknown.header("x-steersman-cost-usd")), (200, None));
}
