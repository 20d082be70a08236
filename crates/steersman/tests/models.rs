//! The lists of models over the real binary: each API's own form, page by page, and nothing that a key may not ask for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Answer, House, raw};

const GOOGLE: &str = "x-goog-api-client: google-genai-sdk/3.6.1\r\n";
const ANTHROPIC: &str = "anthropic-version: 2023-06-01\r\n";

fn get(house: &House, path: &str, headers: &str) -> Answer {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    raw(house.address, head.as_bytes())
}

fn names(list: &Value, member: &str) -> Vec<String> {
    let Some((_, entries)) = ["data", "models"].iter().find_map(|key| Some((key, list[*key].as_array()?))) else {
        panic!("no list: {list}")
    };
    entries.iter().map(|entry| entry[member].as_str().unwrap().to_owned()).collect()
}

const MORE: &str = "[tasks.triage]\nmodel = \"small\"\n[models.brief]\nprovider = \"sim\"\nupstream = \"small\"\nmax_output_tokens = 300\n";

#[test]
fn each_api_has_the_list_in_its_own_form_whole_and_page_by_page() {
    let house = House::start_with("", MORE);
    let all = ["brief", "large", "native", "opus", "small", "task/triage"];
    assert_eq!(names(&get(&house, "/v1/models", "").json(), "id"), all);
    assert_eq!(names(&get(&house, "/v1/models", ANTHROPIC).json(), "id"), all);
    let of_google: Vec<_> = all.iter().map(|name| format!("models/{name}")).collect();
    for (path, headers) in [("/v1beta/models", ""), ("/v1/models", GOOGLE), ("/v1beta/models?pageSize=50", GOOGLE)] {
        let list = get(&house, path, headers).json();
        assert_eq!((names(&list, "name"), &list["nextPageToken"]), (of_google.clone(), &Value::Null), "{path}");
    }

    let (mut pages, mut path) = (Vec::new(), "/v1beta/models?pageSize=4".to_owned());
    loop {
        let page = get(&house, &path, "").json();
        pages.push(names(&page, "name").len());
        let Some(token) = page["nextPageToken"].as_str() else { break };
        path = format!("/v1beta/models?pageSize=4&pageToken={token}");
    }
    assert_eq!(pages, [4, 2]);
    let page = get(&house, "/v1/models?limit=2&after_id=large", ANTHROPIC).json();
    assert_eq!((names(&page, "id"), &page["has_more"]), (vec!["native".to_owned(), "opus".to_owned()], &true.into()));
    let page = get(&house, "/v1/models?limit=2&before_id=large", ANTHROPIC).json();
    assert_eq!((names(&page, "id"), &page["has_more"]), (vec!["brief".to_owned()], &false.into()));

    let one = get(&house, "/v1beta/models/brief", "").json();
    assert_eq!((&one["name"], &one["outputTokenLimit"]), (&"models/brief".into(), &300.into()), "{one}");
    assert_eq!(one["supportedGenerationMethods"][0], "generateContent");
    assert_eq!(get(&house, "/v1beta/models/task/triage", "").json()["name"], "models/task/triage");
    assert_eq!(get(&house, "/v1beta/models/claude/anything", "").json()["description"], "served by claude");
    let unknown = get(&house, "/v1beta/models/smal", "");
    let error = &unknown.json()["error"];
    assert_eq!((unknown.status, &error["code"], &error["status"]), (404, &404.into(), &"NOT_FOUND".into()), "{error}");
    assert!(error["message"].as_str().unwrap().contains("`small`"), "{error}");
}

#[test]
fn a_key_is_told_only_of_what_it_may_ask_for() {
    let house = House::start_with("", MORE);
    let [all] = house.make_keys(["all"]);
    let some = house.make_key(&["some", "--model", "task/*", "--model", "small"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while get(&house, "/v1/models", &some).status != 200 {
        assert!(Instant::now() < deadline, "the key is not known after a minute");
    }
    assert_eq!(names(&get(&house, "/v1/models", &all).json(), "id").len(), 6);
    for (headers, path, member, before) in
        [("", "/v1/models", "id", ""), (ANTHROPIC, "/v1/models", "id", ""), ("", "/v1beta/models", "name", "models/")]
    {
        let headers = format!("{some}{headers}");
        let told = names(&get(&house, path, &headers).json(), member);
        assert_eq!(told, [format!("{before}small"), format!("{before}task/triage")], "{path}");
        assert_eq!(get(&house, &format!("{path}/task/triage"), &headers).status, 200);
        let refused = get(&house, &format!("{path}/large"), &headers);
        assert!(refused.status == 403 && refused.body.contains("it may use task/*, small"), "{}", refused.body);
    }
}
