//! One scale of effort: every word and every cap has a place in every dialect, as itself, as another that is recorded,
//! or not at all.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use serde_json::{Value, json};
use steersman_core::ChatRequest;
use steersman_wire::{Dialect, Effort, dialect, openai_chat};

const WORDS: [&str; 6] = ["none", "minimal", "low", "medium", "high", "xhigh"];

/// A request in a client's words, for this model.
fn asked(client: &str, model: &str, members: &Value) -> ChatRequest {
    let mut body = match client {
        "google.gemini" => json!({ "model": model, "contents": [{ "role": "user", "parts": [{ "text": "x" }] }] }),
        "openai.responses" => json!({ "model": model, "input": "x" }),
        "anthropic.messages" => {
            json!({ "model": model, "max_tokens": 9_000, "messages": [{ "role": "user", "content": "x" }] })
        }
        _ => json!({ "model": model, "messages": [{ "role": "user", "content": "x" }] }),
    };
    for (name, value) in members.as_object().unwrap() {
        body.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    dialect(client).unwrap().decode_request(body.to_string().as_bytes()).unwrap()
}

/// What a dialect writes at a place, and what it says that it changed of the effort.
fn written(request: &ChatRequest, name: &str, at: &str) -> (Value, String) {
    let encoded = dialect(name).unwrap().encode_request(request).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let of_effort = |param: &str| param.starts_with("reasoning_effort") || param.starts_with("max_reasoning");
    let losses = encoded.losses.iter().filter(|loss| of_effort(&loss.param)).map(|loss| loss.what);
    (body.pointer(at).cloned().unwrap_or(Value::Null), losses.collect::<Vec<_>>().join("; "))
}

/// A dialect, a model, a place in its body, the values there for the words from `none` to `xhigh` (`-`: nothing), and
/// which of them were changed (`!`).
const TOLD: [(&str, &str, &str, &str); 15] = [
    ("openai.chat", "qwen3", "/reasoning_effort", "none minimal low medium high xhigh"),
    ("openai.chat", "o3-mini", "/reasoning_effort", "!low !low low medium high !high"),
    ("openai.chat", "gpt-4o-mini", "/reasoning_effort", "- !- !- !- !- !-"),
    ("openai.responses", "gpt-5.1", "/reasoning/effort", "none !none low medium high !high"),
    ("openai.responses", "gpt-5-mini", "/reasoning/effort", "!minimal minimal low medium high !high"),
    ("anthropic.messages", "claude-opus-4-7", "/output_config/effort", "- !low low medium high xhigh"),
    (
        "anthropic.messages",
        "claude-opus-4-7",
        "/thinking/type",
        "disabled !adaptive adaptive adaptive adaptive adaptive",
    ),
    ("anthropic.messages", "claude-sonnet-4-6", "/output_config/effort", "- !low low medium high !high"),
    ("anthropic.messages", "claude-fable-5", "/output_config/effort", "!low !low low medium high xhigh"),
    ("anthropic.messages", "claude-3-5-haiku", "/thinking/type", "- !- !- !- !- !-"),
    ("anthropic.messages", "claude-haiku-4-5", "/thinking/budget_tokens", "- !1024 1024 8192 24576 !24576"),
    ("google.gemini", "gemini-2.5-flash", BUDGET, "0 1024 1024 8192 24576 !24576"),
    ("google.gemini", "gemini-2.5-pro", BUDGET, "!128 1024 1024 8192 24576 !24576"),
    ("google.gemini", "gemini-3-pro", LEVEL, "!low !low low !high high !high"),
    ("google.gemini", "gemini-3-flash", LEVEL, "!minimal minimal low medium high !high"),
];
const BUDGET: &str = "/generationConfig/thinkingConfig/thinkingBudget";
const LEVEL: &str = "/generationConfig/thinkingConfig/thinkingLevel";

#[test]
fn each_model_is_told_every_word_in_its_own_and_what_was_changed_is_said() {
    for (name, model, at, told) in TOLD {
        let found = WORDS.map(|word| {
            let mut request = asked("openai.chat", model, &json!({}));
            Effort::Level(word.into()).apply(&mut request);
            let (value, losses) = written(&request, name, at);
            let value = match value {
                Value::Null => "-".to_owned(),
                Value::String(text) => text,
                other => other.to_string(),
            };
            format!("{}{value}", if losses.is_empty() { "" } else { "!" })
        });
        assert_eq!(found.join(" "), told, "{model} at {at}");
    }
}

#[test]
fn a_cap_of_tokens_is_written_as_itself_or_as_the_nearest_word() {
    let near = |word: &str| format!("a cap of tokens written as `{word}`, the nearest effort");
    let cases = [
        ("openai.chat", "o3-mini", "/reasoning_effort", 2_048, json!("low"), near("low")),
        ("openai.chat", "qwen3", "/reasoning_effort", 4_000, json!("medium"), near("medium")),
        ("openai.responses", "gpt-5.1", "/reasoning/effort", 20_000, json!("high"), near("high")),
        ("openai.responses", "gpt-5.1", "/reasoning/effort", 0, json!("none"), String::new()),
        ("anthropic.messages", "claude-haiku-4-5", "/thinking/budget_tokens", 2_048, json!(2_048), String::new()),
        ("anthropic.messages", "claude-haiku-4-5", "/max_tokens", 2_048, json!(10_240), String::new()),
        (
            "anthropic.messages",
            "claude-haiku-4-5",
            "/thinking/budget_tokens",
            500,
            json!(1_024),
            "raised to 1024 tokens, the least there is".to_owned(),
        ),
        ("anthropic.messages", "claude-sonnet-4-6", "/thinking/budget_tokens", 2_048, json!(2_048), String::new()),
        ("anthropic.messages", "claude-sonnet-5", "/output_config/effort", 2_048, json!("low"), near("low")),
        ("anthropic.messages", "claude-sonnet-5", "/thinking/type", 0, json!("disabled"), String::new()),
        ("google.gemini", "gemini-2.5-flash", BUDGET, 2_048, json!(2_048), String::new()),
        ("google.gemini", "gemini-2.5-flash", BUDGET, 0, json!(0), String::new()),
        (
            "google.gemini",
            "gemini-2.5-flash-lite",
            BUDGET,
            100,
            json!(512),
            "raised to 512 tokens, the least that this model knows".to_owned(),
        ),
        (
            "google.gemini",
            "gemini-2.5-flash",
            BUDGET,
            30_000,
            json!(24_576),
            "lowered to 24576 tokens, the most that this model knows".to_owned(),
        ),
        ("google.gemini", "gemini-3-flash", LEVEL, 2_048, json!("low"), near("low")),
    ];
    for (name, model, at, cap, value, said) in cases {
        let mut request = asked("openai.chat", model, &json!({}));
        assert!(!Effort::Tokens(cap).apply(&mut request), "nobody had asked for anything else");
        assert_eq!(written(&request, name, at), (value, said), "{cap} tokens for {model} at {at}");
    }
}

#[test]
fn what_a_client_of_any_protocol_writes_reaches_every_other() {
    let budget = json!({ "thinking": { "type": "enabled", "budget_tokens": 2_048 } });
    let clients = [
        ("anthropic.messages", budget.clone()),
        ("openai.chat", budget),
        ("openai.chat", json!({ "reasoning": { "max_tokens": 2_048 } })),
        ("openai.chat", json!({ "thinking_budget": 2_048 })),
        ("openai.responses", json!({ "reasoning": { "max_tokens": 2_048 } })),
        ("google.gemini", json!({ "generationConfig": { "thinkingConfig": { "thinkingBudget": 2_048 } } })),
    ];
    let places = [
        ("openai.chat", "o3", "/reasoning_effort", json!("low")),
        ("openai.responses", "o3", "/reasoning/effort", json!("low")),
        ("anthropic.messages", "claude-haiku-4-5", "/thinking/budget_tokens", json!(2_048)),
        ("google.gemini", "gemini-2.5-flash", BUDGET, json!(2_048)),
    ];
    for (client, members) in clients {
        for (name, model, at, value) in &places {
            let request = asked(client, model, &members);
            assert_eq!((request.reasoning_effort.as_deref(), request.max_reasoning_tokens), (None, Some(2_048)));
            if client == *name {
                // Its own dialect gets the client's own words back, once.
                let encoded = dialect(name).unwrap().encode_request(&request).unwrap();
                let body: Value = serde_json::from_slice(&encoded.body).unwrap();
                for (member, said) in members.as_object().unwrap() {
                    assert_eq!(body[member], *said, "{client} to itself: {body}");
                }
                assert!(encoded.losses.is_empty(), "{:?}", encoded.losses);
                continue;
            }
            let (found, said) = written(&request, name, at);
            assert_eq!((&found, said.is_empty()), (value, value.is_u64()), "{client} {members} to {name}: {said}");
        }
    }
    let quiet = asked("anthropic.messages", "x", &json!({ "thinking": { "type": "disabled" } }));
    assert_eq!(quiet.reasoning_effort.as_deref(), Some("none"));
}

#[test]
fn an_effort_of_the_house_stands_in_the_place_of_the_clients_own() {
    let mut request = asked(
        "anthropic.messages",
        "claude-haiku-4-5",
        &json!({ "thinking": { "type": "enabled", "budget_tokens": 8_000 }, "output_config": { "effort": "high" } }),
    );
    assert!(Effort::Level("none".into()).apply(&mut request), "it overrules the client");
    let encoded = dialect("anthropic.messages").unwrap().encode_request(&request).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!((&body["thinking"], body.get("output_config")), (&json!({ "type": "disabled" }), None), "{body}");
    let mut request = asked(
        "google.gemini",
        "gemini-2.5-flash",
        &json!({ "generationConfig": { "thinkingConfig": { "thinkingBudget": -1 } } }),
    );
    assert!(!Effort::Tokens(700).apply(&mut request), "a budget that the model chooses is no wish");
    let found = written(&request, "google.gemini", "/generationConfig/thinkingConfig/thinkingBudget");
    assert_eq!(found, (json!(700), String::new()));
}

#[test]
fn thinking_leaves_room_for_an_answer_and_takes_no_temperature() {
    let ask = |most: u64| {
        let members = json!({ "reasoning_effort": "medium", "max_tokens": most, "temperature": 0.2 });
        let encoded = dialect("anthropic.messages").unwrap();
        let encoded = encoded.encode_request(&asked("openai.chat", "claude-sonnet-4-5", &members)).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let losses: Vec<String> = encoded.losses.iter().map(|loss| loss.param.clone()).collect();
        (body["thinking"].clone(), body["temperature"].clone(), losses)
    };
    let enabled = |budget: u64| json!({ "type": "enabled", "budget_tokens": budget });
    assert_eq!(ask(20_000), (enabled(8_192), Value::Null, vec!["temperature".to_owned()]));
    assert_eq!(
        ask(4_000),
        (enabled(3_000), Value::Null, vec!["max_reasoning_tokens".to_owned(), "temperature".to_owned()])
    );
    assert_eq!(ask(500), (json!({ "type": "disabled" }), json!(0.2), vec!["max_reasoning_tokens".to_owned()]));
}

#[test]
fn a_model_with_a_budget_to_think_is_not_made_to_call() {
    let tool = json!([{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }]);
    let members = |choice: &str| json!({ "reasoning_effort": "high", "tools": tool, "tool_choice": choice });
    let at = |choice: &str| {
        written(&asked("openai.chat", "claude-sonnet-4-5", &members(choice)), "anthropic.messages", "/thinking/type")
    };
    let (kind, loss) = at("required");
    assert!(kind == "disabled" && loss.contains("cannot be made to call"), "{kind} {loss}");
    assert_eq!(at("auto").0, "enabled");
    let much = asked(
        "google.gemini",
        "claude-opus-4-1",
        &json!({ "generationConfig": { "thinkingConfig": { "thinkingBudget": 90_000 } } }),
    );
    assert_eq!(written(&much, "anthropic.messages", "/max_tokens").0, 32_000, "the least output limit of its kind");
}

#[test]
fn a_turn_that_goes_on_without_its_signed_thinking_has_no_budget_and_that_is_said() {
    let turns = |thought: Value, last: Value| {
        let call = json!([{ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } }]);
        let mut said = json!({ "role": "assistant", "content": "", "tool_calls": call });
        said.as_object_mut().unwrap().extend(thought.as_object().unwrap().clone());
        json!({ "max_tokens": 9_000, "reasoning": { "max_tokens": 2_048 },
            "messages": [{ "role": "user", "content": "x" }, said, last] })
    };
    let result = || json!({ "role": "tool", "tool_call_id": "c", "content": "7" });
    let thinking = |model: &str, members: &Value| {
        let encoded = dialect("anthropic.messages").unwrap();
        let encoded = encoded.encode_request(&asked("openai.chat", model, members)).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let said: Vec<_> = encoded.losses.iter().filter(|loss| loss.what.contains("has no signed thinking")).collect();
        let of_thought = ["max_reasoning_tokens", "reasoning_effort"];
        let all = encoded.losses.iter().filter(|loss| of_thought.contains(&loss.param.as_str())).count();
        assert_eq!(all, said.len(), "nothing else is said of a budget that is not written: {:?}", encoded.losses);
        let asked_for = if members.get("reasoning_effort").is_some() { of_thought[1] } else { of_thought[0] };
        assert!(said.iter().all(|loss| loss.param == asked_for), "{said:?}");
        (body["thinking"]["type"].as_str().unwrap().to_owned(), said.len())
    };
    let unsigned = turns(json!({ "reasoning_content": "hm" }), result());
    assert_eq!(thinking("claude-sonnet-4-5", &unsigned), ("disabled".to_owned(), 1));
    assert_eq!(thinking("claude-sonnet-4-6", &unsigned), ("adaptive".to_owned(), 1), "words demand no seal");
    assert_eq!(thinking("claude-sonnet-4-5", &turns(json!({}), result())), ("disabled".to_owned(), 1));
    let mut by_word = turns(json!({}), result());
    by_word.as_object_mut().unwrap().remove("reasoning");
    by_word["reasoning_effort"] = json!("high");
    assert_eq!(thinking("claude-sonnet-4-5", &by_word), ("disabled".to_owned(), 1), "its budget has no room as well");
    let sealed = json!([{ "type": "thinking", "thinking": "hm", "signature": "c2VhbA==" }]);
    let sealed = turns(json!({ "thinking_blocks": sealed }), result());
    assert_eq!(thinking("claude-sonnet-4-5", &sealed), ("enabled".to_owned(), 0));
    let half = json!([{ "type": "thinking", "thinking": "a" },
        { "type": "thinking", "thinking": "b", "signature": "c2VhbA==" }]);
    let half = turns(json!({ "thinking_blocks": half }), result());
    assert_eq!(thinking("claude-sonnet-4-5", &half), ("enabled".to_owned(), 0), "what goes back begins with the seal");
    let new_turn = turns(json!({}), json!({ "role": "user", "content": "and now?" }));
    assert_eq!(thinking("claude-sonnet-4-5", &new_turn), ("enabled".to_owned(), 0), "a new turn begins with thought");
}

#[test]
fn whatever_stands_beside_an_effort_is_named_where_it_has_no_place() {
    let spelled = [
        json!({ "reasoning": { "effort": "low", "exclude": true } }),
        json!({ "reasoning": { "max_tokens": 2_048, "exclude": true } }),
        json!({ "thinking": { "type": "enabled", "budget_tokens": 2_048, "display": "omitted" } }),
    ];
    for (members, lost) in spelled.iter().zip(["reasoning.exclude", "reasoning.exclude", "thinking.display"]) {
        for (name, model) in [("google.gemini", "gemini-2.5-flash"), ("anthropic.messages", "claude-sonnet-4-5")] {
            let encoded = dialect(name).unwrap().encode_request(&asked("openai.chat", model, members)).unwrap();
            let named: Vec<_> = encoded.losses.iter().map(|loss| loss.param.as_str()).collect();
            assert!(named.contains(&lost), "{name}: {members}: {named:?}");
        }
    }
}

#[test]
fn what_is_no_effort_is_refused() {
    let refused = |name: &str, model: &str, word: &str| {
        let request = asked("openai.chat", model, &json!({ "reasoning_effort": word }));
        dialect(name).unwrap().encode_request(&request).unwrap_err().to_string()
    };
    for (name, model) in
        [("anthropic.messages", "claude"), ("google.gemini", "gemini-2.5-flash"), ("google.gemini", "gemini-3-pro")]
    {
        assert!(refused(name, model, "extreme").contains("reasoning_effort"), "a word that is no effort for {model}");
    }
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }], "reasoning_effort": 7 });
    let refused = openai_chat::OpenAiChat.decode_request(body.to_string().as_bytes()).unwrap_err();
    assert_eq!(refused.to_string(), "`reasoning_effort` must be a string, not a number");
}
