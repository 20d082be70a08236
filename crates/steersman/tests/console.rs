//! The console over the real binary: what an address shows, what a form does once, and who never got in.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use support::{Answer, House, get, post, post_with, raw};

const CHAT: &str = "/v1/chat/completions";

fn form(house: &House, path: &str, text: &str) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    raw(house.address, head.as_bytes())
}

#[test]
fn who_is_turned_away_has_an_id_and_is_counted_on_the_overview() {
    let house = House::start_with("", "[server]\nmax_body_bytes = 65536\n");
    let ask = r#"{"model":"small","messages":[{"role":"user","content":"hello"}]}"#;
    let marked = post_with(house.address, CHAT, "x-steersman-task: r\u{fc}ck\r\n", ask.as_bytes());
    let large = post(house.address, CHAT, format!("{{\"model\":\"{}\"}}", "x".repeat(70_000)).as_bytes());
    house.make_keys(["app"]);
    let stranger = post(house.address, CHAT, ask.as_bytes());
    for (answer, status) in [(&marked, 400), (&large, 413), (&stranger, 401)] {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.header("x-request-id").unwrap().starts_with("req_"), "{}", answer.head);
    }
    let page = get(house.address, "/console").body;
    for code in ["invalid_request</code> 1", "body_too_large</code> 1", "<code>invalid_api_key</code>"] {
        assert!(page.contains("turned away at the door") && page.contains(code), "{code}: {page}");
    }
    assert!(house.run(&["log", "--json", "-n", "10"]).is_empty(), "none of them left a record");
}

#[test]
fn a_form_that_was_sent_is_not_sent_again_by_loading_its_page_anew() {
    let house = House::start("");
    let made =
        form(&house, "/console/keys", "name=web&team=&models=&requests_per_minute=&tokens_per_minute=&usd_per_day=");
    assert_eq!(made.status, 303, "{}", made.body);
    let once = get(house.address, made.header("location").unwrap());
    assert_eq!(once.header("cache-control"), Some("no-store"));
    assert!(once.body.contains("sk-st-"), "{}", once.body);
    assert!(!get(house.address, made.header("location").unwrap()).body.contains("sk-st-"), "it is shown this once");
    let key = once.body.split("/console/keys/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let rotate = format!("/console/keys/{key}/rotate");
    let asked = get(house.address, &rotate);
    assert!(asked.status == 200 && asked.body.contains("Leave it as it is"), "{}", asked.body);
    let rotated = form(&house, &rotate, "");
    (0..3).for_each(|_| drop(get(house.address, rotated.header("location").unwrap())));
    let audit = get(house.address, "/admin/audit").json()["audit"].clone();
    let what: Vec<_> = audit.as_array().unwrap().iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["rotated", "created"], "{audit}");
    for path in ["/console/cache/purge", "/console/effects/nothing", "/console/structured/canaries", "/console/"] {
        assert_eq!(get(house.address, path).status, 303, "{path}");
    }
    let stale = form(&house, "/console/effects/k?action=deny&hash=h&token=of-another-run", "");
    assert!(stale.status == 403 && stale.body.contains("started anew"), "{}", stale.body);
}

#[test]
fn an_address_that_means_nothing_says_so_on_a_page() {
    let house = House::start("");
    for path in [
        "/console/requests?outcome=perhaps",
        "/console/requests?min_ms=soon",
        "/console/requests?before=yesterday",
        "/console?span=3w",
        "/console/tasks?span=3w",
    ] {
        let answer = get(house.address, path);
        assert!(answer.status == 400 && answer.body.starts_with("<!DOCTYPE html>"), "{path}: {}", answer.body);
        assert!(answer.body.contains("is nothing that"), "{path}: {}", answer.body);
    }
    assert_eq!(get(house.address, "/console/requests?outcome=&min_ms=&before=").status, 200, "as the form sends it");
    let nowhere = get(house.address, "/console/no/such/page");
    assert!(nowhere.status == 404 && nowhere.body.starts_with("<!DOCTYPE html>"), "{}", nowhere.body);
}

#[test]
fn a_long_body_is_a_short_page_and_a_download_of_its_very_bytes() {
    let house = House::start("");
    let words = "word ".repeat(200_000);
    let sent = format!(
        r#"{{"model":"nobody","top_p":0.10,"metadata":{{"n":1.0,"n":1.0}},"messages":[{{"role":"user","content":"{words}"}}]}}"#
    );
    let refused = post(house.address, CHAT, sent.as_bytes());
    assert_eq!(refused.status, 404, "{}", refused.body);
    let row = house.log(1)[0].clone();
    assert_eq!(row["requested_model"], "nobody", "{row}");
    let path = format!("/console/requests/{}", row["id"].as_str().unwrap());
    let page = get(house.address, &path);
    assert!(page.status == 200 && page.body.len() < 400_000, "{} bytes", page.body.len());
    assert!(page.body.contains("&quot;n&quot;: 1.0,\n    &quot;n&quot;: 1.0"), "as it was sent");
    let saved = get(house.address, &format!("{path}/bytes/request"));
    assert!(saved.header("content-disposition").unwrap().starts_with("attachment"), "{}", saved.head);
    assert!(saved.body == sent, "{} bytes", saved.body.len());
    assert_eq!(get(house.address, &format!("{path}/bytes/1-sent")).status, 404);
}
