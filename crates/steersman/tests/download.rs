//! Weights from an address, over the real binary: sent on to where they lie, broken off, and gone on with.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

const WEIGHTS: &[u8] = b"GGUF and the rest of it";

/// A hub that sends on to its files and breaks off whatever is asked from its first byte. Gives its address.
fn hub() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let head = head.to_ascii_lowercase();
            let range = head.split_once("range: bytes=").and_then(|(_, rest)| rest.split_once('-')).unwrap().0;
            let from: usize = range.parse().unwrap();
            let (line, body) = if head.starts_with("get /models/") {
                ("302 Found\r\nlocation: /files/tiny.gguf", &b""[..])
            } else if head.starts_with("get /away/") {
                ("302 Found\r\nlocation: http://192.0.2.1/tiny.gguf", &b""[..])
            } else if from == 0 {
                ("200 OK", &WEIGHTS[..9])
            } else {
                ("206 Partial Content", &WEIGHTS[from..])
            };
            let told = if line == "200 OK" { WEIGHTS.len() } else { body.len() };
            let head = format!("HTTP/1.1 {line}\r\ncontent-length: {told}\r\nconnection: close\r\n\r\n");
            stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        }
    });
    address
}

fn pull(data: &tempfile::TempDir, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steersman"));
    command.args(["models", "pull"]).args(words).arg("--data").arg(data.path()).arg("--json");
    command.current_dir(data.path()).env_remove("STEERSMAN_MODELS").output().unwrap()
}

#[test]
fn weights_come_from_where_an_address_leads_and_a_broken_download_goes_on() {
    let (hub, data) = (hub(), tempfile::tempdir().unwrap());
    let url = format!("{hub}/models/tiny.gguf?download=true");
    let broken = pull(&data, &[&url]);
    assert!(!broken.status.success(), "{broken:?}");
    let wrong = pull(&data, &[&url, "--sha256", &"0".repeat(64)]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("the download was deleted"), "{wrong:?}");
    // All of it came, and was something else: it begins anew, breaks off, and goes on.
    assert!(!pull(&data, &[&url]).status.success());
    let whole = pull(&data, &[&url]);
    assert!(whole.status.success(), "{whole:?}");
    let told: serde_json::Value = serde_json::from_slice(&whole.stdout).unwrap();
    assert_eq!((&told["installed"]["name"], &told["installed"]["bytes"]), (&"tiny".into(), &WEIGHTS.len().into()));
    assert_eq!(std::fs::read(told["path"].as_str().unwrap()).unwrap(), WEIGHTS);
}

#[test]
fn plain_http_over_the_open_network_is_refused_also_where_a_redirect_leads_there() {
    let (hub, data) = (hub(), tempfile::tempdir().unwrap());
    for url in ["http://192.0.2.1/tiny.gguf", &format!("{hub}/away/tiny.gguf")] {
        let refused = pull(&data, &[url]);
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && words.contains("plain HTTP"), "{words}");
    }
}
