//! The admin surface over the real binary: apart from what clients reach, behind a key of its own, and out of the reach
//! of pages of other sites.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use serde_json::json;
use std::process::Command;
use support::{Answer, House, place, raw};

const ASK: &str = r#"{"model":"small","messages":[{"role":"user","content":"hello"}]}"#;

fn send(at: std::net::SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}");
    raw(at, head.as_bytes())
}

#[test]
fn the_console_has_an_address_and_a_key_of_its_own() {
    let secrets = tempfile::tempdir().unwrap();
    let key = |name: &str, secret: &str| {
        std::fs::write(secrets.path().join(name), secret).unwrap();
        format!("\"file:{}\"", secrets.path().join(name).display())
    };
    let house = House::start_with(
        "",
        &format!(
            "[server]\napi_key = {}\n[admin]\nlisten = \"127.0.0.1:0\"\napi_key = {}\n",
            key("client", "of-clients"),
            key("admin", "of-admins")
        ),
    );
    let (clients, admin) = (house.address, place(&house.ready["console"]));
    assert_ne!(clients, admin);
    let own = |at: std::net::SocketAddr| format!("host: {at}\r\n");
    let bearer = |key: &str| format!("authorization: Bearer {key}\r\n");
    let status = |at, path: &str, key: &str| send(at, "GET", path, &(own(at) + &bearer(key)), "").status;
    assert_eq!((status(clients, "/v1/models", "of-clients"), status(admin, "/v1/models", "of-clients")), (200, 404));
    for path in ["/console", "/admin/keys", "/api/effects", "/"] {
        assert_eq!(status(clients, path, "of-admins"), 404, "{path} is not where clients are");
        assert_eq!(status(admin, path, "of-clients"), 401, "{path} wants its own key");
        assert!(status(admin, path, "of-admins") < 400, "{path}");
    }
    assert_eq!((status(clients, "/readyz", ""), status(admin, "/readyz", "")), (200, 200));
    let asked = send(admin, "GET", "/console", &own(admin), "");
    assert!(asked.status == 401 && asked.header("www-authenticate").unwrap().starts_with("basic"), "{}", asked.head);
    // A browser sends what a person typed: `x:of-admins`.
    let typed = own(admin) + "authorization: Basic eDpvZi1hZG1pbnM=\r\n";
    assert_eq!(send(admin, "GET", "/console", &typed, "").status, 200);
    // The command line takes the admin's key from where the configuration's example has it.
    let approvals = |admins: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steersman"));
        command.args(["approvals", "list", "--url", &format!("http://{admin}")]).env("STEERSMAN_API_KEY", "of-clients");
        command.envs(admins.map(|key| ("STEERSMAN_ADMIN_KEY", key))).output().unwrap().status.success()
    };
    assert!(approvals(Some("of-admins")) && !approvals(None));
}

#[test]
fn a_page_of_another_site_can_neither_rebind_a_name_to_this_machine_nor_send_a_form() {
    let house = House::start_with("", "[server]\nhosts = [\"gateway.example\", \"localhost:3000\"]\n");
    let at = house.address;
    let ask = |headers: &str| send(at, "POST", "/v1/chat/completions", headers, ASK);
    let rebound = ask("host: evil.example\r\n");
    assert_eq!((rebound.status, &rebound.json()["error"]["code"]), (403, &json!("host_not_allowed")));
    assert!(rebound.body.contains("server.hosts"), "says what to do: {}", rebound.body);
    for path in ["/console", "/admin/keys", "/v1/models", "/console/requests"] {
        assert_eq!(send(at, "GET", path, "host: evil.example:4180\r\n", "").status, 403, "{path}");
    }
    let own = format!("host: {at}\r\n");
    let foreign = ask(&(own.clone() + "content-type: text/plain\r\norigin: https://evil.example\r\n"));
    assert_eq!((foreign.status, &foreign.json()["error"]["code"]), (403, &json!("cross_site")));
    let form = "name=x&team=&models=&requests_per_minute=&tokens_per_minute=&usd_per_day=";
    let urlencoded = own.clone() + "content-type: application/x-www-form-urlencoded\r\n";
    for sender in ["sec-fetch-site: cross-site\r\n", "sec-fetch-site: same-site\r\n", "origin: null\r\n"] {
        let refused = send(at, "POST", "/console/keys", &(urlencoded.clone() + sender), form);
        assert!(refused.status == 403 && refused.body.contains("nothing was done"), "{}", refused.body);
    }
    let keys = send(at, "GET", "/admin/keys", &own, "").json();
    assert_eq!((&keys["keys"], house.bill().requests), (&json!([]), 0), "nothing happened");
    for headers in [
        "host: gateway.example\r\n",
        "host: localhost\r\norigin: http://localhost:3000\r\nsec-fetch-site: same-site\r\n",
    ] {
        assert_eq!(ask(headers).status, 200, "{headers}");
    }
    let made = send(at, "POST", "/console/keys", &(urlencoded + "sec-fetch-site: same-origin\r\n"), form);
    let page = send(at, "GET", made.header("location").unwrap(), &own, "").body;
    let secret = page.split("sk-st-").nth(1).unwrap().split('<').next().unwrap();
    // A client with a key is no page that was tricked: any name may lead here, as behind a proxy.
    let proxied = format!("host: api.example\r\nauthorization: Bearer sk-st-{secret}\r\n");
    assert_eq!(ask(&proxied).status, 200);
    assert_eq!(send(at, "GET", "/console", "host: api.example\r\n", "").status, 403, "the console is another matter");
}

#[test]
fn an_exposed_console_without_a_key_of_its_own_is_refused_and_an_exposed_api_leaves_it_on_loopback() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steersman.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let out =
            Command::new(env!("CARGO_BIN_EXE_steersman")).args(["check", "--config"]).arg(&file).output().unwrap();
        String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()
    };
    let exposed = "[server]\nlisten = \"0.0.0.0:4180\"\napi_key = \"env:K\"\n";
    assert!(check(exposed).contains("`/admin` listen on 127.0.0.1:4181"), "{}", check(exposed));
    let both = format!("{exposed}[admin]\nlisten = \"0.0.0.0:4180\"\n");
    for text in [both.clone(), format!("{both}api_key = \"env:K\"\n"), "[admin]\nlisten = \"[::]:9000\"\n".to_owned()] {
        assert!(check(&text).contains("without a key of their own"), "{text}: {}", check(&text));
    }
    assert!(check(&format!("{both}api_key = \"env:A\"\n")).contains("same port, with the key from env:A"));
    assert!(check("[server]\nhosts = [\"https://x\"]\n").contains("is no host"));
}

#[test]
fn a_typing_error_makes_no_key_and_a_page_says_what_happened() {
    let house = House::start_with("", "");
    let at = house.address;
    let own = format!("host: {at}\r\n");
    let form = |path: &str, text: &str| {
        let headers = own.clone() + "content-type: application/x-www-form-urlencoded\r\n";
        send(at, "POST", path, &headers, text)
    };
    let json =
        |text: &str| send(at, "POST", "/admin/keys", &(own.clone() + "content-type: application/json\r\n"), text);
    let typed = |usd: &str, count: &str| {
        format!("name=x&team=&models=&requests_per_minute={count}&tokens_per_minute=&usd_per_day={usd}")
    };
    for (usd, count, field) in
        [("5%2C00", "", "usd_per_day"), ("-5", "", "usd_per_day"), ("", "10%2Fmin", "requests_per_minute")]
    {
        let refused = form("/console/keys", &typed(usd, count));
        assert!(refused.status == 400 && refused.body.contains(field), "{}", refused.body);
        assert!(refused.body.contains("href=\"/console/keys\">Back to"), "{}", refused.body);
    }
    for (sent, named) in [(r#"{"name":"x","usd_perday":5}"#, "usd_perday"), ("{\"name\":", "EOF"), ("", "EOF")] {
        let refused = json(sent);
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!("invalid_request")), "{sent}");
        assert!(refused.body.contains(named), "{}", refused.body);
    }
    assert_eq!(send(at, "GET", "/admin/keys", &own, "").json()["keys"], json!([]), "no key was made");
    let gone = form("/console/keys/nobody/revoke", "");
    assert_eq!(gone.status, 404);
    assert!(gone.body.contains("there is no key") && !gone.body.contains("cannot be read"), "{}", gone.body);
    assert_eq!(form("/console/keys", &typed("5", "60")).status, 303);
    let again = form("/console/keys", &typed("5", "60"));
    assert!(again.status == 409 && again.body.contains("good already"), "{}", again.body);
    let ticked = typed("", "").replace("name=x", "name=chat&end_users=on");
    assert_eq!(form("/console/keys", &ticked).status, 303);
    assert_eq!(json(r#"{"name":"bot","end_users":true}"#).status, 200);
    let keys = send(at, "GET", "/admin/keys", &own, "").json()["keys"].clone();
    for key in keys.as_array().unwrap() {
        assert_eq!(key["end_users"], json!(key["name"] != "x"), "{key}");
    }
    let alias = form("/console/structured", "action=forget&model=m&schema=s&pointer=%2Fa&old=b&new=c");
    assert!(alias.status == 404 && !alias.body.contains("cannot be read"), "{} {}", alias.status, alias.body);
}
