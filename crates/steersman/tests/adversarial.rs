//! What a hostile client may send: each case gets one clear refusal or a closed connection, never a second request in
//! the shadow of the first, and the next client notices nothing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use support::{House, SECRET, post, post_with, raw};

const ASK: &str = r#"{"model":"small","messages":[{"role":"user","content":"hello"}]}"#;

/// How many answers a connection gave to these bytes, and the status of the first.
fn answers(house: &House, bytes: &[u8]) -> (usize, u16) {
    let answer = raw(house.address, bytes);
    let more = answer.body.matches("HTTP/1.1 ").count();
    (usize::from(answer.status != 0) + more, answer.status)
}

fn assert_unharmed(house: &House) {
    assert_eq!(post(house.address, "/v1/chat/completions", ASK.as_bytes()).status, 200);
}

#[test]
fn a_request_with_two_ideas_of_its_length_is_never_two_requests() {
    let house = House::start("");
    let smuggled = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let cases = [
        format!("{head}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!(
            "{head}transfer-encoding: chunked\r\ncontent-length: {}\r\n\r\n0\r\n\r\n{smuggled}",
            smuggled.len() + 5
        ),
        format!("{head}content-length: 2\r\ncontent-length: 40\r\n\r\n{{}}{smuggled}"),
        format!("{head}content-length: 2, 40\r\n\r\n{{}}{smuggled}"),
        format!("{head}content-length: +2\r\n\r\n{{}}{smuggled}"),
        format!("{head}content-length: 0x2\r\n\r\n{{}}{smuggled}"),
        format!("{head}content-length: -1\r\n\r\n{smuggled}"),
        format!("{head}transfer-encoding: identity, chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{head}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{head}transfer-encoding : chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{head}transfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\n{smuggled}"),
        format!("{head}transfer-encoding: chunked\r\n\r\n-2\r\n{{}}\r\n0\r\n\r\n{smuggled}"),
        format!("{head}transfer-encoding: chunked\r\n\r\n2;\n{{}}\r\n0\r\n\r\n{smuggled}"),
    ];
    for case in &cases {
        let (count, status) = answers(&house, case.as_bytes());
        assert!(count <= 1 && (status == 0 || (400..500).contains(&status)), "{count} answers, {status}: {case}");
    }
    assert_eq!(house.bill().requests, 0, "none of it reached a provider");
    assert_unharmed(&house);
}

#[test]
fn a_header_cannot_be_folded_split_or_hidden() {
    let house = House::start("");
    let cases: [&[u8]; 7] = [
        b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-a: one\r\n two\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-a: one\0two\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx a: one\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n: one\r\n\r\n",
        b"GET  /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /v1/models HTTP/1.9\r\nhost: localhost\r\n\r\n",
        b"GET /v1/mod\x01els HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ];
    for case in cases {
        let (count, status) = answers(&house, case);
        let shown = String::from_utf8_lossy(case);
        assert!(count <= 1 && (status == 0 || (400..500).contains(&status)), "{count} answers, {status}: {shown}");
    }
    assert_unharmed(&house);
}

#[test]
fn a_client_cannot_write_headers_of_the_answer_or_of_the_upstream_call() {
    let house = House::start("");
    let body = r#"{"model":"small\r\nx-injected: 1","messages":[{"role":"user","content":"hi"}]}"#;
    let answer = post(house.address, "/v1/chat/completions", body.as_bytes());
    assert!(answer.status == 404 && answer.header("x-injected").is_none(), "{}", answer.head);
    // The provider takes no key but the gateway's own.
    let house = House::start(&format!("api_key = \"{SECRET}\""));
    let headers = "authorization: Bearer theirs\r\nx-api-key: theirs\r\ncookie: c=1\r\n";
    for path in ["/v1/chat/completions", "/v1/embeddings"] {
        let answer = post_with(house.address, path, headers, ASK.as_bytes());
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
}

#[test]
fn a_path_cannot_leave_the_providers_address() {
    let house = House::start("");
    let paths = [
        "/v1/../admin",
        "/v1/./files",
        "/v1//files",
        "/v1/files/..",
        "/v1/%2e%2e/admin",
        "/v1/files%2f..%2fadmin",
        "/v1/files/%5c..",
        "/v1/files/..%2f",
        "/v1/%252e%252e/x",
        "/v1/files;x=/..",
        "/v1/a\\..\\b",
        "/v1/files/%00",
        "/v1/@evil.example/x",
    ];
    for path in paths {
        let headers = "x-steersman-provider: sim\r\n";
        let answer = post_with(house.address, path, headers, b"{}");
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
    }
    let absolute =
        "GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(raw(house.address, absolute.as_bytes()).status, 404, "no open proxy");
    let connect = "CONNECT 169.254.169.254:80 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert!((400..500).contains(&raw(house.address, connect.as_bytes()).status));
    assert_eq!(house.bill().requests, 0, "none of it reached a provider");
    assert_unharmed(&house);
}

#[test]
fn a_bomb_of_headers_costs_one_refusal() {
    let house = House::start("");
    let many: String = (0..5_000).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(1 << 20));
    let path = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(1 << 20));
    for bytes in [
        format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"),
        format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n{long}\r\n"),
        path,
    ] {
        let (count, status) = answers(&house, bytes.as_bytes());
        assert!(count <= 1 && matches!(status, 0 | 414 | 431), "{count} answers, {status}");
    }
    assert_unharmed(&house);
}

#[test]
fn a_slow_client_is_shown_out_and_holds_up_nobody() {
    let house = House::start_with("", "[server]\nrequest_timeout_ms = 300\n");
    let mut head = TcpStream::connect(house.address).unwrap();
    head.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-slow: ").unwrap();
    let mut body = TcpStream::connect(house.address).unwrap();
    body.write_all(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{",
    )
    .unwrap();
    assert_unharmed(&house);
    for stream in [&mut head, &mut body] {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer).map_err(|error| error.kind());
        assert!(!matches!(end, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "it was not shown out: {end:?}");
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.contains(" 408 "), "{text}");
    }
}

#[test]
fn bytes_that_are_no_text_and_documents_that_never_end_are_refused_where_they_lie() {
    let house = House::start("");
    let mut invalid = ASK.as_bytes().to_vec();
    invalid[10] = 0xff;
    let cases: [(&[u8], &str); 3] = [(&invalid, "UTF-8"), (&b"[".repeat(100_000), "nested"), (b"\xef\xbb\xbf{}", "")];
    for path in ["/v1/chat/completions", "/v1/responses", "/v1/messages"] {
        for (bytes, word) in &cases {
            let answer = post(house.address, path, bytes);
            let shown = String::from_utf8_lossy(bytes).chars().take(40).collect::<String>();
            assert_eq!(answer.status, 400, "{path} {shown}: {}", answer.body);
            assert!(answer.body.contains(word), "{path} {shown}: {}", answer.body);
        }
    }
    // Half a surrogate is a text to the SDKs: it goes on as it came, and is read as U+FFFD.
    let half = br#"{"model":"small","messages":[{"role":"user","content":"\ud800"}]}"#;
    assert_eq!(post(house.address, "/v1/chat/completions", half).status, 200);
    assert_unharmed(&house);
}
