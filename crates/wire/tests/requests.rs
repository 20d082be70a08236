//! Requests: what each dialect makes of the other's, what it refuses, and that nothing is lost on the way back.

use std::fmt::Write as _;

use steersman_core::ChatRequest;
use steersman_wire::{DecodeError, anthropic, dialect, openai_chat};

fn openai(body: &str) -> ChatRequest {
    openai_chat::decode_request(body.as_bytes()).expect("a chat completion request")
}

fn claude(body: &str) -> ChatRequest {
    anthropic::decode_request(body.as_bytes()).expect("a Messages request")
}

/// The request in a dialect, one member a line, with its losses; or why it cannot be written.
fn written(name: &str, request: &ChatRequest) -> String {
    let encoded = match dialect(name).expect("a dialect").encode_request(request) {
        Ok(encoded) => encoded,
        Err(error) => return format!("refused: {error}"),
    };
    let object = steersman_wire::json::RawObject::parse(&encoded.body).expect("what was written is JSON");
    let mut text = String::new();
    for member in object.members() {
        writeln!(text, "{}: {}", member.key, member.value).expect("memory");
    }
    for loss in encoded.losses {
        writeln!(text, "- {}: {}", loss.param, loss.what).expect("memory");
    }
    text
}

const CONVERSATION: &str = r#"{"model":"m","messages":[
    {"role":"developer","content":"Be brief."},
    {"role":"system","content":[{"type":"text","text":"Second."}]},
    {"role":"user","content":[{"type":"text","text":"Look:"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0="}},
        {"type":"image_url","image_url":{"url":"https://example.org/a.png","detail":"low"}}],"name":"ann"},
    {"role":"assistant","content":"Two calls.","tool_calls":[
        {"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"x\": 1.0}"}},
        {"id":"functions.g:0","type":"function","function":{"name":"g","arguments":""}}]},
    {"role":"tool","tool_call_id":"call_1","content":"one"},
    {"role":"tool","tool_call_id":"functions.g:0","content":[{"type":"text","text":"two"}]},
    {"role":"user","content":"Go on."},
    {"role":"user","content":"Please."}],
    "tools":[{"type":"function","function":{"name":"f","description":"F.","parameters":{"type":"object","properties":{"x":{"type":"number"}}},"strict":true}},
        {"type":"function","function":{"name":"g"}}],
    "tool_choice":"required","parallel_tool_calls":false,"max_completion_tokens":256,"temperature":0.5,"top_p":0.9,
    "stop":["END","STOP"],"user":"u-1","stream":true,"stream_options":{"include_usage":true}}"#;

#[test]
fn a_chat_completion_request_in_the_words_of_anthropic() {
    insta::assert_snapshot!(written("anthropic.messages", &openai(CONVERSATION)));
}

#[test]
fn a_chat_completion_request_comes_back_with_all_it_said() {
    insta::assert_snapshot!(written("openai.chat", &openai(CONVERSATION)));
}

const MESSAGES: &str = r#"{"model":"claude","max_tokens":1024,
    "system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}},{"type":"text","text":"Second."}],
    "messages":[
    {"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0="}},{"type":"text","text":"Look."}]},
    {"role":"assistant","content":[{"type":"thinking","thinking":"Hm.","signature":"sig=="},{"type":"redacted_thinking","data":"opaque"},
        {"type":"text","text":"Two calls."},{"type":"tool_use","id":"toolu_1","name":"f","input":{"x": 1.0}},{"type":"tool_use","id":"toolu_2","name":"g","input":{}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"one"}],"cache_control":{"type":"ephemeral"}},
        {"type":"tool_result","tool_use_id":"toolu_2","content":"it broke","is_error":true},{"type":"text","text":"Go on."}]},
    {"role":"assistant","content":"Well,"}],
    "tools":[{"name":"f","description":"F.","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],
    "tool_choice":{"type":"any","disable_parallel_tool_use":true},"stop_sequences":["END"],"temperature":1.0,"top_k":40,
    "metadata":{"user_id":"u-1"},"thinking":{"type":"enabled","budget_tokens":2048},"stream":true}"#;

#[test]
fn a_messages_request_in_the_words_of_openai() {
    insta::assert_snapshot!(written("openai.chat", &claude(MESSAGES)));
}

#[test]
fn a_messages_request_comes_back_with_all_it_said() {
    insta::assert_snapshot!(written("anthropic.messages", &claude(MESSAGES)));
}

#[test]
fn tools_that_are_no_functions_keep_their_place_among_the_others() {
    let request = claude(
        r#"{"model":"m","max_tokens":1,"messages":[],"tools":[{"type":"web_search_20250305","name":"web_search"},
        {"name":"f","input_schema":{}},{"type":"bash_20250124","name":"bash"}]}"#,
    );
    insta::assert_snapshot!(written("anthropic.messages", &request), @r#"
    model: "m"
    max_tokens: 1
    messages: []
    tools: [{"type":"web_search_20250305","name":"web_search"},{"name":"f","input_schema":{}},{"type":"bash_20250124","name":"bash"}]
    "#);
    insta::assert_snapshot!(written("openai.chat", &request), @"refused: `tools[0]`: openai.chat cannot express this kind of tool");
}

#[test]
fn schemas_and_effort_have_words_in_both_dialects() {
    let request = openai(
        r#"{"model":"m","messages":[{"role":"user","content":"x"}],"reasoning_effort":"minimal","max_tokens":9,
        "response_format":{"type":"json_schema","json_schema":{"name":"t","schema":{"type":"object"},"strict":true}}}"#,
    );
    insta::assert_snapshot!(written("anthropic.messages", &request), @r#"
    model: "m"
    max_tokens: 9
    messages: [{"role":"user","content":"x"}]
    output_config: {"effort":"low","format":{"type":"json_schema","schema":{"type":"object"}}}
    thinking: {"type":"adaptive"}
    - reasoning_effort: `minimal` written as `low`, the least there is
    "#);
    insta::assert_snapshot!(written("openai.chat", &request), @r#"
    model: "m"
    messages: [{"role":"user","content":"x"}]
    response_format: {"type":"json_schema","json_schema":{"name":"t","schema":{"type":"object"},"strict":true}}
    max_tokens: 9
    reasoning_effort: "minimal"
    "#);
    let request = claude(
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],
        "output_config":{"effort":"high","format":{"type":"json_schema","schema":{"type":"object"}},"task_budget":{"total":5}}}"#,
    );
    insta::assert_snapshot!(written("openai.chat", &request), @"refused: `output_config.task_budget`: openai.chat cannot express this member");
}

/// Wraps members into a minimal request and writes it in Anthropic's words.
fn in_anthropic(members: &str) -> String {
    written("anthropic.messages", &openai(&format!(r#"{{"model":"m","max_tokens":1,{members}}}"#)))
}

#[test]
fn what_anthropic_cannot_express_is_refused_by_name() {
    let user = r#""messages":[{"role":"user","content":"x"}]"#;
    insta::assert_snapshot!(in_anthropic(&format!(r#"{user},"n":2"#)), @"refused: `n`: anthropic.messages cannot express several answers to one request");
    insta::assert_snapshot!(in_anthropic(&format!(r#"{user},"response_format":{{"type":"json_object"}}"#)), @"refused: `response_format`: anthropic.messages cannot express a JSON answer without a schema");
    insta::assert_snapshot!(in_anthropic(&format!(r#"{user},"logprobs":true"#)), @"refused: `logprobs`: anthropic.messages cannot express this member");
    insta::assert_snapshot!(in_anthropic(&format!(r#"{user},"logit_bias":{{"5":1}}"#)), @"refused: `logit_bias`: anthropic.messages cannot express this member");
    insta::assert_snapshot!(in_anthropic(&format!(r#"{user},"brand_new":1"#)), @"refused: `brand_new`: anthropic.messages cannot express this member");
    insta::assert_snapshot!(in_anthropic(r#""messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"","format":"wav"}}]}]"#), @"refused: `messages[0].parts[0]`: anthropic.messages cannot express a part that another dialect wrote");
    insta::assert_snapshot!(in_anthropic(r#""messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":"}}]}]"#), @"refused: `messages[0].parts[0].arguments`: anthropic.messages cannot express arguments that are no JSON object");
}

#[test]
fn what_anthropic_leaves_out_or_changes_is_told() {
    insta::assert_snapshot!(in_anthropic(r#""messages":[{"role":"user","content":"x"},{"role":"system","content":"late"},
        {"role":"assistant","content":"y","refusal":"no","reasoning_content":"hm"}],
        "temperature":1.7,"seed":7,"store":true,"logprobs":false,"presence_penalty":0.5,"metadata":{"task":"t"}"#), @r#"
    model: "m"
    max_tokens: 1
    system: "late"
    messages: [{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"text","text":"y"},{"type":"text","text":"no"}]}]
    temperature: 1.0
    - store: left out: the dialect has no such member
    - logprobs: left out: the dialect has no such member
    - presence_penalty: left out: the dialect has no such member
    - metadata: left out: the dialect has no such member
    - messages[1]: moved to the front: the dialect has one place for system text
    - messages[2].parts[0]: left out: thinking without a signature cannot go back
    - messages[2].parts[2]: written as text: the dialect has no refusals in a request
    - temperature: lowered to 1, the most there is
    - seed: left out: the dialect has no seed
    "#);
}

#[test]
fn what_openai_cannot_express_is_refused_by_name() {
    let of = |content: &str| {
        let body = format!(r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":[{content}]}}]}}"#);
        written("openai.chat", &claude(&body))
    };
    insta::assert_snapshot!(of(r#"{"type":"document","source":{"type":"text","data":"x"}}"#), @"refused: `messages[0].parts[0]`: openai.chat cannot express a part that another dialect wrote");
    insta::assert_snapshot!(of(r#"{"type":"tool_result","tool_use_id":"a","content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}"#), @"refused: `messages[0].parts[0]`: openai.chat cannot express a tool result that is not text");
}

#[test]
fn signed_thinking_goes_through_an_openai_client_and_back() {
    let answer = br#"{"id":"m","type":"message","role":"assistant","model":"claude","content":[{"type":"thinking","thinking":"Hm.","signature":"sig=="},
        {"type":"redacted_thinking","data":"opaque"},{"type":"tool_use","id":"toolu_1","name":"f","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}"#;
    let events = anthropic::decode_answer(answer).expect("an answer");
    let encoded = openai_chat::encode_answer(&steersman_wire::Answer::collect(&events), &Default::default());
    let answer = steersman_wire::json::RawObject::parse(&encoded.body).expect("JSON");
    let choice = steersman_wire::json::elements(answer.get("choices").expect("there")).next().expect("one");
    let message = steersman_wire::json::RawObject::of(choice).expect("an object").get("message").expect("there");
    let request = format!(
        r#"{{"model":"claude","max_tokens":5,"messages":[{{"role":"user","content":"x"}},{message},{{"role":"tool","tool_call_id":"toolu_1","content":"ok"}}]}}"#
    );
    insta::assert_snapshot!(written("anthropic.messages", &openai(&request)), @r#"
    model: "claude"
    max_tokens: 5
    messages: [{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":"Hm.","signature":"sig=="},{"type":"redacted_thinking","data":"opaque"},{"type":"tool_use","id":"toolu_1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"ok"}]}]
    "#);
}

fn refusal(name: &str, body: &str) -> String {
    let error: DecodeError =
        dialect(name).expect("a dialect").decode_request(body.as_bytes()).expect_err("not a request");
    format!("{} {:?}: {error}", error.code(), error.param())
}

#[test]
fn a_bad_request_is_refused_with_the_member_at_fault() {
    let chat = |body| refusal("openai.chat", body);
    insta::assert_snapshot!(chat("{"), @"invalid_json None: not valid JSON: EOF while parsing an object at byte 1");
    insta::assert_snapshot!(chat(r#"{"messages":[]}"#), @r#"invalid_request Some("model"): `model` is required"#);
    insta::assert_snapshot!(chat(r#"{"model":1}"#), @r#"invalid_request Some("model"): `model` must be a string, not a number"#);
    insta::assert_snapshot!(chat(r#"{"model":"m"}"#), @r#"invalid_request Some("messages"): `messages` is required"#);
    insta::assert_snapshot!(chat(r#"{"model":"m","messages":"hi"}"#), @r#"invalid_request Some("messages"): `messages` must be an array, not a string"#);
    insta::assert_snapshot!(chat(r#"{"model":"m","messages":[{"role":"bot"}]}"#), @r#"invalid_request Some("messages[0].role"): `messages[0].role` must be one of `system`, `developer`, `user`, `assistant`, `tool`, not `bot`"#);
    insta::assert_snapshot!(chat(r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}"#), @r#"invalid_request Some("messages[0].content[0].text"): `messages[0].content[0].text` is required"#);
    insta::assert_snapshot!(chat(r#"{"model":"m","messages":[{"role":"user","content":5}]}"#), @r#"invalid_request Some("messages[0].content"): `messages[0].content` must be a string or an array of parts, not a number"#);
    insta::assert_snapshot!(chat(r#"{"model":"m","messages":[],"temperature":3}"#), @r#"invalid_request Some("temperature"): `temperature` must be a number between 0 and 2, not `3`"#);
    insta::assert_snapshot!(chat(r#"{"model":"m","messages":[],"max_tokens":-1}"#), @r#"invalid_request Some("max_tokens"): `max_tokens` must be a non-negative integer, not a number"#);
    insta::assert_snapshot!(chat(r#"{"model":"m","messages":[],"tools":[{"type":"function","function":{}}]}"#), @r#"invalid_request Some("tools[0].function.name"): `tools[0].function.name` is required"#);
    let messages = |body| refusal("anthropic.messages", body);
    insta::assert_snapshot!(messages(r#"{"model":"m","messages":[]}"#), @r#"invalid_request Some("max_tokens"): `max_tokens` is required"#);
    insta::assert_snapshot!(messages(r#"{"model":"m","max_tokens":1,"messages":[],"temperature":1.5}"#), @r#"invalid_request Some("temperature"): `temperature` must be a number between 0 and 1, not `1.5`"#);
    insta::assert_snapshot!(messages(r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}"#), @r#"invalid_request Some("messages[0].content[0].tool_use_id"): `messages[0].content[0].tool_use_id` is required"#);
}

#[test]
fn the_head_reads_what_the_gateway_acts_on() {
    let head = openai_chat::request_head(CONVERSATION.as_bytes()).expect("a request");
    assert_eq!((head.model.as_ref(), head.stream, head.include_usage), ("m", true, true));
    assert_eq!(head.max_output_tokens, Some(256));
    assert_eq!(
        head.system.iter().map(|raw| raw.get()).collect::<Vec<_>>(),
        ["\"Be brief.\"", r#"[{"type":"text","text":"Second."}]"#]
    );
    assert!(head.tools.is_some() && head.response_format.is_none() && head.task.is_none());
    let head = anthropic::request_head(MESSAGES.as_bytes()).expect("a request");
    assert_eq!((head.model.as_ref(), head.max_output_tokens, head.system.len()), ("claude", Some(1024), 1));
    let body = br#"{"model":"task\/triage","messages":[],"metadata":{"task":"triage"},"max_tokens":3,"stream":null}"#;
    let head = openai_chat::request_head(body).expect("a request");
    assert_eq!(
        (head.model.as_ref(), head.task.as_deref(), head.max_output_tokens),
        ("task/triage", Some("triage"), Some(3))
    );
    let error = openai_chat::request_head(br#"{"model":"m","messages":[],"stream":"yes"}"#).expect_err("a wrong type");
    assert_eq!(error.param(), Some("stream"));
}

#[test]
fn error_bodies_are_read_in_every_shape_that_vendors_use() {
    let read = |body: &str| {
        let error = openai_chat::decode_error(body.as_bytes()).map(|e| (e.kind, e.message, e.param, e.code));
        format!("{error:?}")
    };
    insta::assert_snapshot!(read(r#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#), @r#"Some(("t", "m", Some("p"), Some("c")))"#);
    insta::assert_snapshot!(read(r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#), @r#"Some(("overloaded_error", "m", None, None))"#);
    insta::assert_snapshot!(read(r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#), @r#"Some(("RESOURCE_EXHAUSTED", "m", None, Some("429")))"#);
    insta::assert_snapshot!(read(r#"{"error":"model not loaded"}"#), @r#"Some(("error", "model not loaded", None, None))"#);
    insta::assert_snapshot!(read(r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#), @r#"Some(("error", "[{\"loc\":[\"body\"],\"msg\":\"field required\"}]", None, None))"#);
    insta::assert_snapshot!(read("<html>Bad gateway</html>"), @"None");
    let error =
        steersman_wire::ErrorBody { kind: "t".into(), message: "m".into(), param: Some("p".into()), code: None };
    insta::assert_snapshot!(String::from_utf8_lossy(&openai_chat::encode_error(&error)), @r#"{"error":{"message":"m","type":"t","param":"p","code":null}}"#);
    insta::assert_snapshot!(String::from_utf8_lossy(&anthropic::encode_error(&error)), @r#"{"type":"error","error":{"type":"t","message":"m"}}"#);
    let ours = steersman_wire::ErrorBody { code: Some("model_not_found".to_owned()), ..error };
    insta::assert_snapshot!(String::from_utf8_lossy(&anthropic::encode_error(&ours)), @r#"{"type":"error","error":{"type":"not_found_error","message":"m"}}"#);
}

const GEMINI: &str = include_str!("../../../fuzz/seeds/requests/gemini_full.json");

fn gemini(body: &str) -> ChatRequest {
    steersman_wire::gemini::decode_request(body.as_bytes()).expect("a Gemini request")
}

#[test]
fn a_gemini_request_comes_back_with_all_it_said() {
    insta::assert_snapshot!(written("google.gemini", &gemini(GEMINI)));
}

#[test]
fn a_chat_completion_request_in_the_words_of_gemini() {
    insta::assert_snapshot!(written("google.gemini", &openai(CONVERSATION)));
}

#[test]
fn what_gemini_alone_can_ask_for_is_refused_by_name_elsewhere() {
    let refused = written("openai.chat", &gemini(GEMINI));
    assert!(refused.starts_with("refused: `tools[2]`: openai.chat cannot express this kind of tool"), "{refused}");
    let without = GEMINI.replace(r#",{"googleSearch":{}}"#, "");
    let refused = written("anthropic.messages", &gemini(&without));
    assert!(refused.contains("`cachedContent`: anthropic.messages cannot express this member"), "{refused}");
}

#[test]
fn what_a_function_of_gemini_gives_back_is_left_out_elsewhere_and_named() {
    let declaration = r#"{"name":"f","parameters":{"type":"OBJECT"},"response":{"type":"STRING"}}"#;
    let body = format!(r#"{{"model":"m","contents":[],"tools":[{{"function_declarations":[{declaration}]}}]}}"#);
    for name in ["openai.chat", "openai.responses", "anthropic.messages"] {
        let text = written(name, &gemini(&body));
        assert!(text.contains("tools[0].response: left out"), "{name}: {text}");
    }
    assert!(written("google.gemini", &gemini(&body)).contains(r#""response":{"type":"STRING"}"#));
}

#[test]
fn a_signature_of_gemini_finds_its_way_back_through_every_other_dialect() {
    let answer = include_bytes!("golden/gemini_thinking_tools.sse");
    let frames: Vec<&[u8]> = answer.split(|b| *b == b'\n').filter_map(|line| line.strip_prefix(b"data: ")).collect();
    let mut decoder = dialect("google.gemini").expect("a dialect").answer_decoder();
    let events: Vec<_> = frames.iter().flat_map(|data| decoder.frame(None, data).expect("a chunk")).collect();
    let answer = steersman_wire::Answer::collect(&events);
    for name in ["openai.chat", "openai.responses", "anthropic.messages"] {
        let client = dialect(name).expect("a dialect");
        // The client sends back what it was told, in its own dialect.
        let told = client.encode_answer(&answer, &steersman_wire::AnswerOptions::default()).body;
        let told: serde_json::Value = serde_json::from_slice(&told).expect("JSON");
        let history = match name {
            "openai.chat" => serde_json::json!({ "messages": [told["choices"][0]["message"]] }),
            "openai.responses" => serde_json::json!({ "input": told["output"] }),
            _ => serde_json::json!({ "messages": [{ "role": "assistant", "content": told["content"] }] }),
        };
        let mut sent = serde_json::json!({ "model": "gemini-3-flash", "max_tokens": 100 });
        sent.as_object_mut().expect("an object").extend(history.as_object().expect("an object").clone());
        let received = client.decode_request(sent.to_string().as_bytes()).expect("a request");
        let text = written("google.gemini", &received);
        assert!(text.contains(r#"}},"thoughtSignature":"EjQKMgEMAb=="},{"functionCall""#), "{name}: {text}");
        assert_eq!(text.matches("thoughtSignature").count(), 1, "{name}: {text}");
    }
}

#[test]
fn a_call_that_lost_its_signature_says_so_to_models_that_demand_one() {
    let newer = written("google.gemini", &openai(&CONVERSATION.replace(r#""model":"m""#, r#""model":"gemini-3-pro""#)));
    assert_eq!(newer.matches("skip_thought_signature_validator").count(), 1, "{newer}");
    assert!(newer.contains("sent unsigned: the signature did not come back with the call"), "{newer}");
    assert!(!written("google.gemini", &openai(CONVERSATION)).contains("skip_thought"));
}

#[test]
fn both_spellings_of_gemini_names_say_the_same() {
    let snake = r#"{"model":"m","system_instruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"inline_data":{"mime_type":"image/png","data":"iVBORw0="}}]}],
        "tools":[{"function_declarations":[{"name":"f","parameters_json_schema":{"type":"object","properties":{"a_b":{"type":"string"}}}}]}],
        "generation_config":{"max_output_tokens":5,"thinking_config":{"thinking_budget":100,"include_thoughts":true}}}"#;
    insta::assert_snapshot!(written("google.gemini", &gemini(snake)));
    let head = steersman_wire::gemini::request_head(snake.as_bytes()).expect("a head");
    assert_eq!((head.max_output_tokens, head.system.len()), (Some(5), 1));
}

#[test]
fn a_member_that_stands_twice_is_refused_in_every_dialect_since_readers_disagree_on_it() {
    let conversation = "\"messages\":[],\"input\":[],\"contents\":[],\"max_tokens\":1";
    for dialect in steersman_wire::DIALECTS {
        let refused = |members: &str| match dialect.request_head(format!("{{{members},{conversation}}}").as_bytes()) {
            Ok(_) => "fine".to_owned(),
            Err(error) => format!("{}: {error}", error.code().name),
        };
        assert_eq!(refused("\"model\":\"a\""), "fine", "{}", dialect.name());
        for twice in ["\"model\":\"a\",\"model\":\"b\"", "\"model\":\"a\",\"mod\\u0065l\":\"b\""] {
            let said = refused(twice);
            assert!(said.starts_with("invalid_request: `model` stands more than once"), "{}: {said}", dialect.name());
        }
    }
    let both = r#"{"model":"m","contents":[],"generationConfig":{},"generation_config":{"maxOutputTokens":9}}"#;
    let gemini = dialect(steersman_wire::gemini::NAME).expect("a dialect");
    let error = gemini.request_head(both.as_bytes()).expect_err("two spellings of one key");
    assert_eq!(error.param(), Some("generationConfig"));
    let inside = r#"{"model":"m","contents":[],"generationConfig":{"max_output_tokens":1,"maxOutputTokens":9}}"#;
    assert_eq!(gemini.request_head(inside.as_bytes()).expect_err("the same inside").param(), Some("maxOutputTokens"));
}
